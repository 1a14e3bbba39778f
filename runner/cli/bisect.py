"""`tfmatrix bisect`: finds the release on which a script became bad (or good again)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import click
from attrs import evolve
from rich.console import Console

from runner import grid, paths
from runner.bisect import criteria, values
from runner.bisect.blame import Blame, find_blame, with_older_packages
from runner.bisect.gone import with_kept_verdicts
from runner.bisect.prefetch import Prefetch
from runner.bisect.probe import Probe
from runner.bisect.problem import Problem
from runner.bisect.report import Conclusion, print_conclusion, print_json
from runner.bisect.search import PrefetchingDisplay, Search
from runner.cells.flakiness import votes
from runner.cells.snapshot.record import Snapshot
from runner.cli import backend as backends
from runner.cli import bisect_ends, completion, from_issue, log, running, terminal
from runner.cli.formats import formats
from runner.cli.grammar import ScriptCommand
from runner.cli.options import measuring_by, needing, needing_words
from runner.cli.selected import check_tests
from runner.errors import EngineLostError, UsageError
from runner.machine.units import count
from runner.model import Result
from runner.pipeline import Backend, ControlPlan, Demand, Options, Workload
from runner.releases import catalogue
from runner.releases.upstream import known
from runner.report import controls
from runner.runs import journal

HELP = """\
Find the first bad release of SCRIPT, with the fewest runs.

First runs both ends, then the newest patch of the series between them, then the patches between
the last two. If --bad is older than --good, finds the first good release. Without an end, starts at
the newest release and goes back, in growing steps, to a release that behaves differently. Earlier
measurements are used again.

With --axis, searches something else than releases of TensorFlow: `--axis numpy` searches the
releases of numpy.
"""


class BisectCommand(ScriptCommand):
    """A command for one script. Further words are mostly releases, which options name."""

    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            raise click.UsageError(
                f"{ctx.command_path} takes one script: for what is {' '.join(rest)}? "
                "Name the releases with --good VERSION --bad VERSION",
                ctx,
            )
        return rest


@click.command("bisect", cls=BisectCommand, help=HELP)
@click.argument(
    "script",
    required=False,
    type=click.Path(path_type=Path),
    shell_complete=completion.complete_scripts,
)
@from_issue.options
@click.option(
    "--good",
    metavar="VERSION",
    help="A release that is not affected. Default: search for one.",
    shell_complete=completion.complete_versions,
)
@click.option(
    "--bad",
    metavar="VERSION",
    help="An affected release; or what counts as bad, such as crash, output:TEXT or 'loss > 0.5' "
    "(see --on). Default: search for one.",
    shell_complete=completion.complete_versions,
)
@click.option(
    "--axis",
    metavar="NAME",
    help="Search the releases of a package (numpy), `python`, or an axis of matrix.yaml, on the "
    "release of --tf; --good and --bad then name its values.",
)
@click.option(
    "--tf",
    metavar="VERSION",
    help="With --axis: the release of TensorFlow.",
    shell_complete=completion.complete_versions,
)
@click.option(
    "--on",
    metavar="WHAT",
    help="What counts as bad: fail, crash, timeout, oom, signature:TEXT, output:TEXT, "
    "output:/REGEX/, observation:EXPR (such as 'observation:loss>0.5'), or a noisy value, which "
    "several runs decide: 'NAME > NUMBER' or 'NAME > NUMBER * median(good)'. NAME is rss_mb, "
    "seconds, an observed number, or growth(NAME) of an observed list. Default: any failure.",
)
@click.option(
    "--find",
    type=click.Choice(["regression", "fix"]),
    help="Search for the release that broke it, or that fixed it. Default: follows from the order "
    "of --good and --bad.",
)
@click.option(
    "--repeat",
    metavar="[K/]N",
    help="For flaky scripts: run each release up to N times; it is bad if K runs are bad "
    "(default: most). For a noisy value: run it at most N times.",
)
@click.option(
    "--patches",
    type=click.Choice(["latest", "all"]),
    default="all",
    show_default=True,
    help="all: find the patch release. latest: find only the series.",
)
@click.option(
    "--blame",
    is_flag=True,
    help="Then run the first different release with the packages of the release before it: did "
    "TensorFlow change, or Keras, numpy …?",
)
@click.option(
    "--kept",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Earlier runs, whose verdicts stand in for nightlies that the package index no longer "
    "has. Default: results/.",
)
@click.option(
    "--case",
    metavar="NAME",
    help="The case to run, if SCRIPT has several.",
    shell_complete=completion.complete_cases,
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="The device for SCRIPT.",
)
@click.option("--arg", "args", multiple=True, metavar="ARG", help="An argument for SCRIPT.")
@needing
@click.option("--timeout", type=click.FloatRange(min=0.1), help="Limit of a run, in seconds.")
@click.option("--memory", type=click.IntRange(min=64), help="Limit of a run, in MiB.")
@click.option(
    "--matrix",
    "matrix_file",
    type=click.Path(path_type=Path),
    help="Use this file instead of ./matrix.yaml.",
)
@backends.options
@measuring_by("remeasure")
@click.option(
    "--controls/--no-controls",
    "controlled",
    default=True,
    help="If the two releases found have different Pythons, also run one of them on the other's "
    "Python. Default: yes.",
)
@measuring_by("output")
@formats("text", "json", default="text", help="json: for other programs.")
def command(
    script: Optional[Path],
    good: Optional[str],
    bad: Optional[str],
    axis: Optional[str],
    tf: Optional[str],
    on: Optional[str],
    find: Optional[str],
    repeat: Optional[str],
    patches: str,
    blame: bool,
    kept: Optional[Path],
    engine: str,
    cluster: Optional[str],
    remeasure: bool,
    controlled: bool,
    output: Optional[Path],
    format_: str,
    **selection: Any,
) -> int:
    on, bad = _criterion(on, bad)
    if on is not None and on.startswith(criteria.OUTPUT):
        if selection["fail_on"] is not None:
            raise UsageError("--fail-on and --on output:… both say what counts as bad: give one")
        selection["fail_on"] = on.removeprefix(criteria.OUTPUT)
    criterion = criteria.parse_criterion(on)
    noisy = criterion.value is not None
    ballots = votes.parse_votes("1" if noisy or repeat is None else repeat)
    console = terminal.stderr()
    selection.update(scripts=(script,) if script else (), reported="")
    engine = from_issue.choose(engine, selection)
    script = next(iter(selection["scripts"]), None)
    if script is None and not selection.get("command"):
        raise click.UsageError("Missing argument 'SCRIPT': a script, or a command after --")
    if blame and axis is not None:
        raise UsageError("--blame compares releases of TensorFlow: leave out --axis")
    if noisy and (blame or cluster):
        raise UsageError(
            "--blame judges single runs: leave it out where a noisy value decides"
            if blame
            else "--cluster measures on many machines, and values are compared on one: leave it out"
        )
    repeated = noisy or ballots.runs > 1
    named = [end for end in (good, bad) if end and axis is None]
    there = known.releases(",".join(named))
    gone = bisect_ends.find_gone(kept, named, there, repeated=repeated)
    found = bisect_ends.find_candidates(
        script, good, bad, axis, tf, console, selection, there, gone.releases
    )
    bisect_ends.check_order(find, found.row)
    check_tests(found.chosen)
    taken = running.snapshots(found.chosen, running.line_printer(console))
    if gone.releases:
        repros = running.recorded_repros(found.chosen, taken)
        found = with_kept_verdicts(found, gone, repros, running.line_printer(console))
    problem = Problem(
        candidates=found.whole_series() if patches == "latest" else found,
        criterion=criterion,
        votes=ballots,
        most_runs=values.parse_bound(repeat) if noisy and repeat is not None else None,
    )
    problem.check()
    # Repeated runs use fresh processes, because forked ones share causes of flakiness.
    options = Options(remeasure=remeasure or repeated, mode="fresh" if repeated else "auto")
    again = reproduce(script, engine, selection)
    cells = [cell for at, cell in enumerate(problem.cells) if at not in problem.kept]
    ends = Demand.of_environments((*cells[:1], *cells[-1:]), running.locker(found.chosen))
    with backends.choose(console, engine=engine, cluster=cluster, jobs=1, wanted=ends) as backend:
        conclusion = search(
            console,
            backend,
            problem,
            options,
            again,
            output,
            taken,
            blame=blame,
            controlled=controlled,
        )
    terminal.point_to(conclusion.search.probe.folder)
    print_json(conclusion) if format_ == "json" else print_conclusion(conclusion)
    return conclusion.exit_code


def search(
    console: Console,
    backend: Backend,
    problem: Problem,
    options: Options,
    again: Sequence[str],
    output: Optional[Path],
    taken: Mapping[str, Snapshot],
    *,
    blame: bool = False,
    controlled: bool = True,
) -> Conclusion:
    """Search to the end. The reports have all measurements, even after an interruption.

    `taken`: the copies of the repros that will run.
    """
    chosen = problem.candidates.chosen
    nothing, lock = Workload(batches=(), known=()), running.locker(chosen)
    run = running.planned_run(chosen, nothing, backend.engine, taken)
    run = evolve(run, info=evolve(run.info, id=f"bisect-{run.info.id}"))
    folder = running.own_folder(output or paths.results() / run.info.id)
    with Prefetch(backend.engine, lock) as prefetch:
        display = PrefetchingDisplay(console, prefetch)
        probe = Probe(
            run=run,
            folder=folder,
            backend=backend,
            lock=lock,
            store=running.open_store(),
            snapshots=taken,
            emit=display,
        )
        probe.with_journal(lambda journal: running.keep_inputs(journal, nothing, taken))
        log.write_to(folder)
        found = Search(problem=problem, probe=probe, display=display, options=options)
        try:
            found.run()
            conclusion = Conclusion(search=found, again=again)
            if controlled and conclusion.change is not None:
                conclusion = _controlled(
                    conclusion, running.control_plan(chosen, display.print_line)
                )
            if blame and conclusion.change is not None and conclusion.sides[1].kept:
                conclusion = evolve(conclusion, unblamed=True)
            elif blame and conclusion.change is not None:
                conclusion = evolve(conclusion, blame=put_blame(found, conclusion))
            probe.conclude(conclusion.finding)
        except (KeyboardInterrupt, EngineLostError):
            _report_interrupted(found, folder, options)
            raise
        finally:
            running.conclude(folder, latest=False)
    return conclusion


def _report_interrupted(found: Search, folder: Path, options: Options) -> None:
    """Say what is kept, and how to continue from there. Repeated runs are never stored."""
    line = f"measured and kept in {folder}: {count(len(found.sides), 'release')}"
    if options.mode == "fresh":
        log.print_warning(f"{line}; the same command begins anew, as it compares repeated runs")
    else:
        log.print_warning(f"{line}; {running.how_to_continue(remeasure=options.remeasure)}")


def put_blame(found: Search, conclusion: Conclusion) -> Blame:
    """Find which package, or TensorFlow itself, caused the change that was found."""
    change = conclusion.change
    assert change is not None
    cell, judge = found.problem.cells[change.after], found.problem.criterion.judge
    number = itertools.count(1)

    def attempt(pins: Sequence[str]) -> Result:
        return found.try_variant(with_older_packages(cell, tuple(pins), next(number)))

    like = found.answers[change.before]
    return find_blame(*conclusion.sides, cell.target, lambda r: judge(r) == like, attempt)


def _controlled(conclusion: Conclusion, wanted: ControlPlan) -> Conclusion:
    """The conclusion with the results of controls; along an axis there are none."""
    search, change = conclusion.search, conclusion.change
    if change is None or search.problem.candidates.axis or any(s.kept for s in conclusion.sides):
        return conclusion
    search.run_controls(wanted, *sorted((change.before, change.after)))
    run = journal.read_run(search.probe.folder)
    table = grid.build_grid(run, catalogue.load_releases())
    return evolve(conclusion, controls=tuple(controls.remarks(table, table.rows)))


def _criterion(on: Optional[str], bad: Optional[str]) -> tuple[Optional[str], Optional[str]]:
    """(--on, --bad), where `--bad output:TEXT` becomes `--on output:TEXT`, and so on."""
    if bad is None or not criteria.is_criterion(bad):
        return on, bad
    if on is not None:
        kind, colon, _ = bad.partition(":")
        shown = f"{kind}:…" if colon else f"'{bad}'"
        raise UsageError(f"--bad {shown} and --on both say what counts as bad: give one")
    return bad, None


def reproduce(script: Optional[Path], engine: str, selection: dict[str, Any]) -> list[str]:
    """The words of the command that shows the result again, without the releases."""
    words = ["tfmatrix", "run", *([str(script)] if script else [])]
    words += ["--engine", engine] if engine != "auto" else []
    for name, option in (
        ("case", "--case"),
        ("timeout", "--timeout"),
        ("memory", "--memory"),
        ("matrix_file", "--matrix"),
    ):
        if selection[name] is not None:
            words += [option, f"{selection[name]}"]
    words += needing_words(selection)
    words += ["--device", "cuda"] if selection["device"] == "cuda" else []
    words += [f"--arg={arg}" for arg in selection["args"]]
    return [*words, *(("--", *selection["command"]) if selection.get("command") else ())]
