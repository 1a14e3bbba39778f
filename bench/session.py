"""One call of the benchmark: its studies, one after the other, and the pages made of them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

import attrs
import click
from attrs import evolve

from bench import aims, ours, places, plot, rounds, studies, table, works
from bench.records import Aim, Bench, Comparison, Figures, Growth, Place, Work
from bench.sizes import Sizes
from bench.timing import BenchError
from runner import __version__
from runner.machine import host
from runner.runs import journal

USUAL = ("shipped", "light", "whole", "cached", "growth", "simulated")
STUDIES = (*USUAL, "coverage")


class Session:
    """One call of the benchmark. What was found is written after each study."""

    def __init__(self, sizes: Sizes, jobs: int, folder: Path, output: Path) -> None:
        self.sizes, self.output = sizes, output
        self.bench = Bench(
            command=shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
            started=journal.timestamp(),
            finished="",
            version=__version__,
            host=host.describe_machine(),
        )
        local, why_not = places.engine("local")
        if local is None:
            raise BenchError(f"everything is compared in virtual environments: {why_not}")
        self.local = local
        self.docker, why_not = places.engine("docker")
        self.arena = studies.Arena(
            jobs=jobs,
            docker=self.docker is not None,
            docker_run=self.docker is not None and shutil.which("docker") is not None,
            label=f"tfmatrix.bench={os.getpid()}",
            folder=folder,
            say=lambda line: click.echo(line, err=True),
        )
        if self.docker is None:
            self.leave_out(f"docker run, and tfmatrix in Docker: {why_not}")
        elif not self.arena.docker_run:
            self.leave_out("docker run: there is a daemon, but no docker command")

    def run(self, wanted: Sequence[str], cold: Optional[str], stages: Optional[str]) -> None:
        steps: dict[str, Callable[[], None]] = {name: getattr(self, name) for name in wanted}
        if cold:
            steps["cold"] = lambda: self.cold(cold)
        if stages:
            steps["stages"] = lambda: self.stages(stages)
        for name, step in steps.items():
            with self.containers_removed():
                try:
                    step()
                except BenchError as error:
                    self.leave_out(" ".join(f"{name}: {error}".split()))
            self.write()

    # -- studies --------------------------------------------------------------------------------

    def shipped(self) -> None:
        cases = rounds.spread(works.shipped_cases(), self.sizes.shipped)
        work = works.shipped(self.places(self.sizes.sides), cases, self.arena.folder)
        self.side_by_side("The shipped reproduction", work)

    def light(self) -> None:
        cases = works.light_cases(self.sizes.light)
        work = works.light(self.places(self.sizes.sides), cases, self.arena.folder)
        self.side_by_side("A light script", work)

    def side_by_side(self, title: str, work: Work) -> None:
        everyone = self.arena.contestants()
        found = studies.compare(self.arena, title, work, everyone, self.sizes.rounds)
        self.found(comparisons=[found], aims=aims.of_sides(found))

    def whole(self) -> None:
        cases = rounds.spread(works.shipped_cases(), self.sizes.whole)
        found = studies.compare(
            self.arena,
            "The whole matrix",
            works.shipped(self.places(self.sizes.all), cases, self.arena.folder),
            self.arena.of_ours(),
            self.sizes.whole_rounds,
        )
        self.found(comparisons=[found], aims=aims.of_whole(found))

    def cached(self) -> None:
        """With as many cells as the whole matrix; what they were does not matter any more."""
        cases = works.light_cases(self.sizes.cached_cases)
        work = works.light(self.places(self.sizes.all), cases, self.arena.folder)
        found = studies.cached(self.arena, "Nothing changed", work, self.sizes.cached)
        self.found(comparisons=[found], aims=aims.of_cached(found))

    def growth(self) -> None:
        sizes, folder = self.sizes, self.arena.folder
        every = self.places(sizes.all)
        two = rounds.spread(self.places(sizes.sides), 2)
        ten = works.light_cases(10)
        by_release = {
            count: works.light(rounds.spread(every, count), ten, folder)
            for count in rounds.sizes(len(every), sizes.releases)
        }
        by_case = {
            count: works.light(two, works.light_cases(count), folder) for count in sizes.cases
        }
        title = f"More cases, {len(two)} releases"
        growths = [
            studies.grow(self.arena, "More releases, 10 light cases", "releases", by_release),
            studies.grow(self.arena, title, "cases", by_case),
        ]
        self.found(growths=growths)

    def simulated(self) -> None:
        cells = self.sizes.simulated
        self.arena.say(f"{cells:,} simulated cells")
        command = [sys.executable, "-m", "bench.simulate", str(cells)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=works.ROOT)
        if done.returncode:
            raise BenchError(done.stderr[-2000:])
        said: dict[str, float] = json.loads(done.stdout)
        peak, flushed = said.pop("peak_mb"), said.pop("flushed")
        rows = [(name, f"{seconds:.2f} s") for name, seconds in said.items()]
        rows.append(("memory, at most", f"{peak:.0f} MiB"))
        rows.append(("a measured cell, flushed to disk", f"{1000 * flushed:.2f} ms"))
        figures = Figures(title=f"{cells:,} simulated cells", rows=tuple(rows))
        promised = aims.of_simulated(cells, {**said, "peak_mb": peak})
        self.found(figures=[figures], aims=promised)

    def coverage(self) -> None:
        from bench import coverage

        chosen, arena = places.releases(self.sizes.all), self.arena
        found = coverage.measure(chosen, arena.jobs, arena.folder, arena.say)
        self.bench = evolve(self.bench, coverages=(*self.bench.coverages, found))

    def cold(self, spec: str) -> None:
        from bench import cold  # a web server, which nothing else here needs

        found = cold.measure(places.releases(spec), self.arena.folder, self.arena.say)
        promised = aims.of_cold(found.pip.seconds, found.ours.seconds, found.ours.most_fetched)
        self.found(figures=[found.figures()], aims=promised)

    def stages(self, spec: str) -> None:
        from bench import cold

        found = cold.measure_stages(places.releases(spec), self.arena.folder, self.arena.say)
        self.found(figures=[found])

    # -- what they need and leave ---------------------------------------------------------------

    def places(self, spec: str) -> tuple[Place, ...]:
        """The environments of `spec`, made where they are not there yet; that is not timed."""
        chosen = places.releases(spec)
        versions = [release.version for release in chosen]
        self.arena.say(f"preparing {', '.join(versions)}")
        for engine in ("local", *(["docker"] if self.docker else [])):
            ours.build(versions, engine)
        return places.find(chosen, self.local, self.docker, self.arena.folder)

    def found(
        self,
        comparisons: Iterable[Comparison] = (),
        growths: Iterable[Growth] = (),
        figures: Iterable[Figures] = (),
        aims: Iterable[Aim] = (),
    ) -> None:
        self.bench = evolve(
            self.bench,
            comparisons=(*self.bench.comparisons, *comparisons),
            growths=(*self.bench.growths, *growths),
            figures=(*self.bench.figures, *figures),
            aims=(*self.bench.aims, *(aims if self.sizes.promised else ())),
        )

    def leave_out(self, what: str) -> None:
        self.arena.say(f"LEFT OUT: {what}")
        self.bench = evolve(self.bench, left_out=(*self.bench.left_out, what))

    def write(self) -> None:
        bench = self.bench = evolve(self.bench, finished=journal.timestamp())
        texts = {
            "bench.json": json.dumps(attrs.asdict(bench), indent=1, ensure_ascii=False) + "\n",
            "bench.md": table.render(bench),
            **({"bars.svg": plot.bars(bench)} if bench.comparisons else {}),
            **({"growth.svg": plot.growth(bench)} if bench.growths else {}),
        }
        for name, text in texts.items():
            journal.write_file(self.output / name, text)
        self.arena.say(f"written: {self.output / 'bench.md'}")

    @contextmanager
    def containers_removed(self) -> Iterator[None]:
        """Containers of a `docker run` that was interrupted outlive it."""
        try:
            yield
        finally:
            if self.arena.docker_run:
                remove_containers(self.arena.label)


def remove_containers(label: str) -> None:
    listed = ["docker", "ps", "--all", "--quiet", "--filter", f"label={label}"]
    left = subprocess.run(listed, capture_output=True, text=True).stdout.split()
    if left:
        subprocess.run(["docker", "rm", "--force", *left], capture_output=True)
