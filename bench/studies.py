"""What is measured: the same work, given to several contestants in interleaved rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp

from attrs import evolve, frozen

from bench import floor, loops, ours, rounds
from bench.records import Comparison, Growth, Point, Sample, Series, Work

SHELL, DOCKER_RUN, TOX = "shell loop", "docker run", "tox"
LOCAL, DOCKER, FLOOR = "tfmatrix, local", "tfmatrix, docker", "floor"

Contestant = Callable[[Work, Path], Sample]
Say = Callable[[str], None]


@frozen(kw_only=True)
class Arena:
    """Who takes part on this machine, and on what terms."""

    jobs: int
    docker: bool
    """Whether a daemon answers."""
    docker_run: bool
    """Whether there is a `docker` command besides."""
    label: str
    """On every container that the benchmark starts itself, so that none is left."""
    folder: Path
    """Temporary; readable by containers."""
    say: Say

    def contestants(self) -> dict[str, Contestant]:
        jobs, label = self.jobs, self.label
        everyone: dict[str, Contestant] = {
            SHELL: lambda work, folder: loops.shell(work, folder, jobs),
            DOCKER_RUN: lambda work, folder: loops.docker(work, folder, jobs, label),
            TOX: lambda work, folder: loops.tox(work, folder, jobs),
            **self.of_ours(),
        }
        return everyone if self.docker_run else _without(everyone, DOCKER_RUN)

    def of_ours(self) -> dict[str, Contestant]:
        """tfmatrix in its engines, and the floor below them."""
        jobs = self.jobs
        own: dict[str, Contestant] = {
            LOCAL: lambda work, folder: ours.run(work, folder, jobs, "local"),
            DOCKER: lambda work, folder: ours.run(work, folder, jobs, "docker"),
            FLOOR: lambda work, folder: floor.measure(work, folder, jobs),
        }
        return own if self.docker else _without(own, DOCKER)

    def once(self, name: str, contestant: Contestant, work: Work) -> Sample:
        folder = Path(mkdtemp(dir=self.folder))
        folder.chmod(0o755)
        sample = contestant(work, folder)
        self.say(f"  {name}: {sample.seconds:.2f} s")
        return sample


def compare(
    arena: Arena, title: str, work: Work, contestants: Mapping[str, Contestant], times: int
) -> Comparison:
    """`contestants` on `work`, `times` rounds of everyone once, after one round that warms up."""
    arena.say(f"{title}: warming up")
    _warm(arena, work)
    taken: dict[str, list[Sample]] = {name: [] for name in contestants}
    for number in range(times):
        arena.say(f"{title}: round {number + 1} of {times}")
        for name in rounds.order(list(contestants), number):
            taken[name].append(arena.once(name, contestants[name], work))
    return _comparison(title, work, taken)


def cached(arena: Arena, title: str, work: Work, times: int) -> Comparison:
    """`tfmatrix run` where nothing has changed since the last one."""
    engines = {LOCAL: "local", DOCKER: "docker"} if arena.docker else {LOCAL: "local"}
    again: dict[str, Contestant] = {
        name: _again(arena.jobs, engine) for name, engine in engines.items()
    }
    arena.say(f"{title}: measuring what is not known yet")
    for name, contestant in again.items():
        arena.once(name, contestant, work)
    taken: dict[str, list[Sample]] = {name: [] for name in again}
    for number in range(times):
        for name in rounds.order(list(again), number):
            taken[name].append(arena.once(name, again[name], work))
    return _comparison(title, work, taken)


def grow(arena: Arena, title: str, along: str, works: Mapping[int, Work]) -> Growth:
    """Ours and the floor at each size."""
    points = []
    contestants = arena.of_ours()
    for number, (size, work) in enumerate(sorted(works.items())):
        arena.say(f"{title}: {size} {along}")
        for name in rounds.order(list(contestants), number):
            sample = arena.once(name, contestants[name], work)
            points.append(Point(contestant=name, size=size, sample=sample))
    return Growth(title=title, along=along, points=tuple(points))


def _again(jobs: int, engine: str) -> Contestant:
    return lambda work, folder: ours.run(work, folder, jobs, engine, fresh=False)


def _warm(arena: Arena, work: Work) -> None:
    """Everything once by each of ours. What must be read from the disk is read here, of both kinds
    of environments (the loops share theirs); what these have shown now is believed at once."""
    one = evolve(work, cases=work.cases[:1])
    for name, contestant in arena.of_ours().items():
        if name == FLOOR:
            arena.once(f"{name}, one case each", contestant, one)
        else:
            arena.once(f"{name}, everything once", contestant, work)


def _comparison(title: str, work: Work, taken: Mapping[str, Sequence[Sample]]) -> Comparison:
    return Comparison(
        work=work.name,
        title=title,
        releases=tuple(place.version for place in work.places),
        cases=len(work.cases),
        series=tuple(
            Series(contestant=name, samples=tuple(samples)) for name, samples in taken.items()
        ),
    )


def _without(contestants: Mapping[str, Contestant], name: str) -> dict[str, Contestant]:
    return {each: contestants[each] for each in contestants if each != name}
