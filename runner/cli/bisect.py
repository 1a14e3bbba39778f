"""`tfmatrix bisect`: the release where a script went bad (or good again), in the fewest runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import click
from attrs import frozen
from rich.console import Console

from runner import catalogue, engines, journal, modes, paths, specifier, store, workload
from runner.cli import run as running
from runner.cli.ahead import Ahead
from runner.cli.hunt import Hunt, Question, Watch
from runner.cli.looks import Looks
from runner.cli.options import Selection, select
from runner.errors import UsageError
from runner.model import Cell, Release, Verdict
from runner.pipeline import Options
from runner.search import answer, criteria, votes
from runner.search.bisect import Boundary

HELP = """\
Find the first bad release of SCRIPT, in the fewest runs.

Looks at both ends first, then at the newest patch of each series between them, then at the patches
between the two that are left. Where --bad is older than --good, finds the first good release.
"""


@click.command("bisect", help=HELP)
@click.argument("script", type=click.Path(path_type=Path))
@click.option("--good", metavar="VERSION", required=True, help="A release that is not affected.")
@click.option("--bad", metavar="VERSION", required=True, help="A release that is.")
@click.option(
    "--on",
    metavar="WHAT",
    help="What bad is: fail, crash, timeout, oom, signature:TEXT, observation:EXPR "
    "(such as 'observation:loss>0.5'). Default: any failure.",
)
@click.option(
    "--find",
    type=click.Choice(["regression", "fix"]),
    help="Default: what the order of the two versions says.",
)
@click.option("--repeat", default="1", metavar="[K/]N", help="Run N times; bad where K are (most).")
@click.option("--patches", type=click.Choice(["latest", "all"]), default="all", show_default=True)
@click.option("--case", metavar="NAME", help="Which case, where SCRIPT has several.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--arg", "args", multiple=True, metavar="ARG", help="An argument for SCRIPT.")
@click.option("--timeout", type=click.FloatRange(min=0.1), help="Seconds a run.")
@click.option("--memory", type=click.IntRange(min=64), help="MiB a run.")
@click.option("--matrix", "matrix_file", type=click.Path(path_type=Path), help="Another file.")
@click.option("--engine", type=click.Choice(["auto", *engines.ENGINES]), default="auto")
@click.option("--fresh", is_flag=True, help="Measure again what is known already.")
@click.option("--output", type=click.Path(path_type=Path), help="The run's folder.")
def command(
    script: Path,
    good: str,
    bad: str,
    on: Optional[str],
    find: Optional[str],
    repeat: str,
    patches: str,
    engine: str,
    fresh: bool,
    output: Optional[Path],
    **selection: Any,
) -> int:
    ends = Ends(good=release(good, "--good"), bad=release(bad, "--bad"))
    ends.check(find)
    criterion, ballots = criteria.parse(on), votes.parse(repeat)
    chosen = chosen_cells(script, ends, selection)
    question = Question(
        cells=chosen.cells,
        coarse=coarse(chosen.cells),
        seeks_bad=ends.regression,
        criterion=criterion,
        votes=ballots,
    )
    question = question.only_coarse() if patches == "latest" else question
    console = Console(stderr=True)
    the_engine = engines.choose(engine, lambda line: console.print(line, highlight=False))
    run = running.head(chosen, workload.Workload(works=(), known=()), the_engine)
    folder = running.own_folder(output or paths.results() / run.info.id)
    with Ahead(the_engine, running.locker(chosen)) as ahead:
        watch = Watch(console, ahead)
        looks = Looks(
            run=run,
            folder=folder,
            engine=the_engine,
            lock=running.locker(chosen),
            store=store.Store(paths.store()),
            emit=watch,
        )
        options = _options(chosen, looks, fresh=fresh or ballots.runs > 1)
        hunt = Hunt(question=question, looks=looks, watch=watch, options=options)
        found = follow(hunt)
    return tell(hunt, found, ends, reproduce(script, selection))


def follow(hunt: Hunt) -> Optional[Boundary]:
    """Search to the end; what was measured is in the reports, however this ends."""
    try:
        found = hunt.follow()
        hunt.looks.with_journal(lambda log: log.finish(journal.timestamp()))
        return found
    finally:
        running.conclude(hunt.looks.folder)


@frozen(kw_only=True)
class Ends:
    """The two releases that the user named."""

    good: Release
    bad: Release

    @property
    def regression(self) -> bool:
        return self.good.parsed < self.bad.parsed

    @property
    def spec(self) -> str:
        older, newer = sorted((self.good, self.bad), key=lambda release: release.parsed)
        return f">={older.version},<={newer.version}"

    def check(self, find: Optional[str]) -> None:
        """Raises `UsageError` where the two cannot be what was asked for."""
        if self.good == self.bad:
            raise UsageError(f"{self.good.version} cannot be both --good and --bad")
        if find not in (None, "regression" if self.regression else "fix"):
            older = "the bad" if find == "fix" else "the good"
            raise UsageError(f"--find {find} needs {older} release to be the older one")


def release(version: str, option: str) -> Release:
    """The one release that `version` names; a series is its newest patch."""
    named = specifier.select(catalogue.load(), version)
    if len(named) != 1:
        raise UsageError(f"{option} {version} names {len(named)} releases: give one version")
    return named[0]


def chosen_cells(script: Path, ends: Ends, selection: dict[str, Any]) -> Selection:
    """One cell for every release from end to end, oldest first."""
    case, device = selection["case"], selection["device"]
    rest = {name: selection[name] for name in ("args", "timeout", "memory", "matrix_file")}
    chosen = select(
        scripts=(script,),
        tf=ends.spec,
        patches="all",
        devices=(device,),
        cases=(case,) if case else (),
        **rest,
    )
    rows = dict.fromkeys((cell.repro.name, cell.case.name) for cell in chosen.cells)
    if len(rows) > 1:
        names = ", ".join(case for _, case in rows)
        raise UsageError(f"{script} has {len(rows)} cases; choose one with --case: {names}")
    return chosen


def coarse(cells: Sequence[Cell]) -> tuple[int, ...]:
    """Where the newest patch of each series is."""
    newest = {cell.target.release.series: at for at, cell in enumerate(cells)}
    return tuple(newest.values())


def _options(chosen: Selection, looks: Looks, *, fresh: bool) -> Options:
    taken: dict[str, Any] = {}
    looks.with_journal(lambda log: taken.update(running.snapshots(chosen, log)))
    return Options(
        jobs=1,
        preparers=1,
        fresh=fresh,
        modes={repro.name: modes.of(repro, "auto") for repro in chosen.matrix.repros},
        snapshots=taken,
        agent_digest=paths.agent_digest(),
    )


def reproduce(script: Path, selection: dict[str, Any]) -> list[str]:
    """The words of the command that shows it again, but for the releases."""
    words = ["tfmatrix", "run", str(script)]
    for name, option in (
        ("case", "--case"),
        ("timeout", "--timeout"),
        ("memory", "--memory"),
        ("matrix_file", "--matrix"),
    ):
        if selection[name] is not None:
            words += [option, f"{selection[name]}"]
    words += ["--device", "cuda"] if selection["device"] == "cuda" else []
    return words + [f"--arg={arg}" for arg in selection["args"]]


def tell(hunt: Hunt, found: Optional[Boundary], ends: Ends, again: list[str]) -> int:
    """Print the answer; the exit code."""
    if found is None:
        return _tell_wrong_end(hunt, ends)
    before, after = hunt.sides[found.last_no], hunt.sides[found.first_yes]
    unknown = [hunt.sides[at].result for at in found.unknown]
    kind = "bad" if ends.regression else "good"
    versions = [result.tensorflow for result in (before.result, *unknown, after.result)]
    seen = hunt.question.criterion.observation
    click.echo(answer.sentence(kind, before, after, versions[1:-1], seen))
    click.echo(f"\n{answer.evidence(before, after)}\n")
    click.echo(
        f"bad is: {hunt.question.criterion.words}{hunt.question.votes.rule}; {len(hunt.sides)} of "
        f"{len(hunt.question.cells)} releases looked at, in {hunt.looks.count} runs"
    )
    click.echo(f"see both again: {shlex.join([*again, '--tf', ','.join(versions)])}")
    return 3 if any(result.outcome.verdict is Verdict.ERROR for result in unknown) else 0


def _tell_wrong_end(hunt: Hunt, ends: Ends) -> int:
    """The end that was looked at last is not what it was said to be."""
    at, side = list(hunt.sides.items())[-1]
    option = "--bad" if (at != 0) is ends.regression else "--good"
    said = answer.shows(side.result, hunt.question.criterion.observation)
    votes_said = f" ({side.votes})" if side.votes else ""
    if hunt.known[at] is None:
        click.echo(f"{said}{votes_said}, so there is no answer: give another release as {option}")
        return 3
    click.echo(f"{said}{votes_said}, so it is not {option[2:]}: no release to find")
    return 1
