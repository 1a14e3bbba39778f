"""`tfmatrix bisect`: finds the release on which a script became bad (or good again)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import click
from attrs import evolve
from rich.console import Console

from runner import grid, paths
from runner.bisect import candidates, criteria, values
from runner.bisect.blame import Blame, find_blame, with_older_packages
from runner.bisect.candidates import Candidates
from runner.bisect.gone import Gone, gone_among, with_kept_verdicts
from runner.bisect.prefetch import Prefetch
from runner.bisect.probe import Probe
from runner.bisect.problem import Problem
from runner.bisect.report import Conclusion, print_conclusion, print_json
from runner.bisect.search import PrefetchingDisplay, Search
from runner.bisect.search_range import SearchRange
from runner.cells.flakiness import votes
from runner.cells.snapshot.record import Snapshot
from runner.cli import backend as backends
from runner.cli import completion, from_issue, log, running, terminal
from runner.cli.formats import formats
from runner.cli.grammar import ScriptCommand
from runner.cli.options import NEEDING, measuring_by, needing, needing_words
from runner.cli.selected import check_tests
from runner.errors import EngineLostError, UsageError
from runner.machine.units import count
from runner.matrix.selection import WITHOUT
from runner.model import Release, Result
from runner.pipeline import Backend, ControlPlan, Demand, Options, Workload
from runner.releases import catalogue, specifier
from runner.releases.upstream import known
from runner.report import controls
from runner.runs import journal
from runner.runs.kept import load_verdicts

HELP = """\
Find the first bad release of SCRIPT, with the fewest runs.

First runs both ends, then the newest patch of the series between them, then the patches between
the last two. If --bad is older than --good, finds the first good release. Without an end, starts at
the newest release and goes back, in growing steps, to a release that behaves differently. Earlier
measurements are used again.

With --axis, searches something else than releases of TensorFlow: `--axis numpy` searches the
releases of numpy.
"""


_KEPT = ("args", "timeout", "memory", "matrix_file", "reported", *NEEDING)
"""The options that choose cells, as in `run`."""
_MAY_BE_RELEASES = re.compile(r"\s*([\d<>=!~]|latest\b|(tf[-_.])?nightly\b)", re.IGNORECASE)


@click.command("bisect", cls=ScriptCommand, help=HELP)
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
    gone = find_gone(kept, named, there, repeated=repeated)
    found = find_candidates(script, good, bad, axis, tf, console, selection, there, gone.releases)
    check_order(find, found.row)
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


def find_candidates(
    script: Optional[Path],
    good: Optional[str],
    bad: Optional[str],
    axis: Optional[str],
    tf: Optional[str],
    console: Console,
    selection: dict[str, Any],
    there: Sequence[Release],
    gone: Sequence[Release],
) -> Candidates:
    """What to search, with the ends that the user named. Raises `UsageError`.

    Releases are those `there`, and those that are `gone` from the index.
    """
    if axis is None and tf is not None:
        raise UsageError(
            f"--tf {tf}: --good and --bad name the ends of the search, not --tf,"
            " which is only for --axis"
        )
    if axis is not None and tf is None:
        raise UsageError("--axis NAME needs --tf VERSION, the release of TensorFlow to use")
    rest = {name: selection[name] for name in _KEPT}
    rest.update(scripts=(script,) if script else (), command=selection.get("command", ()))
    rest.update(devices=(selection["device"],))
    case = (selection["case"],) if selection["case"] else ()
    if axis is None or tf is None:
        known_ones = (*there, *gone)
        ends = [
            None if end is None else release(end, name, known_ones)
            for end, name in ((good, "--good"), (bad, "--bad"))
        ]
        rest["gone"] = gone
        return candidates.release_candidates(*ends, case=case, **rest)
    if good is None or bad is None:
        raise UsageError("--axis needs both ends: --good VALUE --bad VALUE")
    return candidates.axis_candidates(
        axis,
        release(tf, "--tf", known.releases(tf)),
        good,
        bad,
        case=case,
        say=running.line_printer(console),
        **rest,
    )


def _criterion(on: Optional[str], bad: Optional[str]) -> tuple[Optional[str], Optional[str]]:
    """(--on, --bad), where `--bad output:TEXT` becomes `--on output:TEXT`, and so on."""
    if bad is None or not criteria.is_criterion(bad):
        return on, bad
    if on is not None:
        kind, colon, _ = bad.partition(":")
        shown = f"{kind}:…" if colon else f"'{bad}'"
        raise UsageError(f"--bad {shown} and --on both say what counts as bad: give one")
    return bad, None


def check_order(find: Optional[str], row: SearchRange) -> None:
    """Raises `UsageError` if the ends are not in the order that --find needs."""
    if find is None:
        return
    if row.good is None or row.bad is None:
        raise UsageError("--find needs both ends: --good VERSION --bad VERSION")
    if find != ("regression" if row.good < row.bad else "fix"):
        older = "the bad" if find == "fix" else "the good"
        raise UsageError(f"--find {find} needs {older} release to be the older one")


def release(version: str, option: str, among: Sequence[Release]) -> Release:
    """The one release that `version` names; a series stands for its newest patch."""
    if version == WITHOUT:
        raise UsageError(f"{option} none is for `tfmatrix run --along PACKAGE`: name a release")
    if not _MAY_BE_RELEASES.match(version):
        hint = criteria.HINT.replace("expected", "or what counts as bad:", 1)
        what = f", {hint}" if option == "--bad" else ""
        raise UsageError(f"{option} {version}: expected one release, such as 2.9.3{what}")
    try:
        named = specifier.select(sorted(among, key=lambda each: each.parsed), version)
    except UsageError as error:
        if not _asks_for_prereleases(version) or error.remedy:
            raise
        raise UsageError(
            error.message, remedy="--kept FOLDER, if an earlier run measured it (docs/history.md)"
        ) from None
    if len(named) != 1:
        raise UsageError(f"{option} {version} names {len(named)} releases: give one version")
    return named[0]


def find_gone(
    folder: Optional[Path], named: Sequence[str], there: Sequence[Release], *, repeated: bool
) -> Gone:
    """What runs in a folder kept of releases that are not `there`, if an end may be one of them.

    A kept verdict is that of one run, so it decides nothing if several runs do. Raises
    `UsageError`.
    """
    asked = any(map(_asks_for_prereleases, named))
    if folder is not None:
        if not asked:
            raise UsageError("--kept is for nightlies: neither --good nor --bad names one")
        if repeated:
            raise UsageError(
                "--kept has one run of a release, and here several decide: leave it out"
            )
        if not folder.is_dir():
            raise UsageError(f"--kept {folder}: there is no such folder")
    if repeated or not asked:
        return Gone()
    verdicts = load_verdicts(folder or paths.results(), log.print_warning)
    if folder is not None and not verdicts:
        raise UsageError(f"--kept {folder}: no run in it has a verdict on a nightly or candidate")
    return gone_among(verdicts, there)


def _asks_for_prereleases(version: str) -> bool:
    asked = specifier.prereleases_asked(version)
    return asked.candidates or asked.nightlies


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
