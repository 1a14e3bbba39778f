"""`tfmatrix bisect`: the release where a script went bad (or good again), in the fewest runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click
from rich.console import Console

from runner import paths
from runner.bisect import axis as along
from runner.bisect import criteria, votes
from runner.bisect.bisect import Boundary
from runner.bisect.prefetch import Ahead
from runner.bisect.probe import Looks
from runner.bisect.report import Told, tell, tell_json
from runner.bisect.search import Hunt, Question, Watch
from runner.cli import backend as backends
from runner.cli import completion, running
from runner.errors import UsageError
from runner.model import Release
from runner.pipeline import Options, Workload
from runner.releases import specifier
from runner.releases.upstream import known
from runner.runs import journal

HELP = """\
Find the first bad release of SCRIPT, in the fewest runs.

Looks at both ends first, then at the newest patch of each series between them, then at the patches
between the two that are left. Where --bad is older than --good, finds the first good release.

With --axis it looks at other things than releases of TensorFlow: `--axis numpy` at those of numpy.
"""


@click.command("bisect", help=HELP)
@click.argument("script", type=click.Path(path_type=Path), shell_complete=completion.scripts)
@click.option(
    "--good",
    metavar="VERSION",
    required=True,
    help="A release that is not affected.",
    shell_complete=completion.versions,
)
@click.option(
    "--bad",
    metavar="VERSION",
    required=True,
    help="A release that is.",
    shell_complete=completion.versions,
)
@click.option(
    "--axis",
    metavar="NAME",
    help="Walk along a package's releases (numpy), `python`, or an axis of matrix.yaml, with the "
    "release of --tf; --good and --bad are then of this.",
)
@click.option(
    "--tf",
    metavar="VERSION",
    help="With --axis: which release.",
    shell_complete=completion.versions,
)
@click.option(
    "--on",
    metavar="WHAT",
    help="What bad is: fail, crash, timeout, oom, signature:TEXT, observation:EXPR "
    "(such as 'observation:loss>0.5'). Default: any failure.",
)
@click.option(
    "--find",
    type=click.Choice(["regression", "fix"]),
    help="Where it broke, or where it was mended. Default: what the order of the versions says.",
)
@click.option(
    "--repeat",
    default="1",
    metavar="[K/]N",
    help="For flaky scripts: up to N runs of a release; bad where K of them are (default: most).",
)
@click.option(
    "--patches",
    type=click.Choice(["latest", "all"]),
    default="all",
    show_default=True,
    help="all: name the patch release; latest: its series will do.",
)
@click.option(
    "--case",
    metavar="NAME",
    help="Which case, where SCRIPT has several.",
    shell_complete=completion.cases,
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where SCRIPT runs.",
)
@click.option("--arg", "args", multiple=True, metavar="ARG", help="An argument for SCRIPT.")
@click.option("--timeout", type=click.FloatRange(min=0.1), help="Seconds a run.")
@click.option("--memory", type=click.IntRange(min=64), help="MiB a run.")
@click.option("--matrix", "matrix_file", type=click.Path(path_type=Path), help="Another file.")
@backends.options
@click.option(
    "--remeasure", "--fresh", "remeasure", is_flag=True, help="Measure again what is known already."
)
@click.option("--output", type=click.Path(path_type=Path), help="The run's folder.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    help="json: for other programs.",
)
def command(
    script: Path,
    good: str,
    bad: str,
    axis: Optional[str],
    tf: Optional[str],
    on: Optional[str],
    find: Optional[str],
    repeat: str,
    patches: str,
    engine: str,
    cluster: Optional[str],
    remeasure: bool,
    output: Optional[Path],
    format_: str,
    **selection: Any,
) -> int:
    criterion, ballots = criteria.parse(on), votes.parse(repeat)
    console = Console(stderr=True)
    way = chosen_way(script, good, bad, axis, tf, console, selection)
    check(find, way.regression)
    chosen = way.chosen
    question = Question(
        cells=chosen.cells,
        coarse=way.coarse,
        seeks_bad=way.regression,
        criterion=criterion,
        votes=ballots,
        axis=way.axis,
    )
    question = question.only_coarse() if patches == "latest" else question
    with backends.choose(console, engine=engine, cluster=cluster, jobs=1) as backend:
        run = running.head(chosen, Workload(works=(), known=()), backend.engine)
        taken = running.snapshots(chosen.matrix.repros)
        folder = running.own_folder(output or paths.results() / run.info.id)
        with Ahead(backend.engine, running.locker(chosen)) as ahead:
            watch = Watch(console, ahead)
            looks = Looks(
                run=run,
                folder=folder,
                backend=backend,
                lock=running.locker(chosen),
                store=running.stored(),
                emit=watch,
                snapshots=taken,
            )
            nothing = Workload(works=(), known=())
            looks.with_journal(lambda log: running.keep_inputs(log, nothing, taken))
            repeated = ballots.runs > 1
            # Repeated runs are fresh processes: forked ones share what a script may be flaky by.
            options = Options(remeasure=remeasure or repeated, mode="fresh" if repeated else "auto")
            hunt = Hunt(question=question, looks=looks, watch=watch, options=options)
            found = follow(hunt)
    told = Told(hunt=hunt, found=found, again=reproduce(script, engine, selection), own=way.own)
    tell_json(told) if format_ == "json" else tell(told)
    return told.code


def follow(hunt: Hunt) -> Optional[Boundary]:
    """Search to the end; what was measured is in the reports, however this ends."""
    try:
        found = hunt.follow()
        hunt.looks.with_journal(lambda log: log.finish(journal.timestamp()))
        return found
    finally:
        running.conclude(hunt.looks.folder)


def chosen_way(
    script: Path,
    good: str,
    bad: str,
    axis: Optional[str],
    tf: Optional[str],
    console: Console,
    selection: dict[str, Any],
) -> along.Way:
    """What to walk along, from one end to the other. Raises `UsageError`."""
    if (axis is None) is not (tf is None):
        raise UsageError("--axis NAME goes with --tf VERSION: the release that it is tried with")
    rest = {name: selection[name] for name in ("args", "timeout", "memory", "matrix_file")}
    rest.update(scripts=(script,), devices=(selection["device"],))
    case = (selection["case"],) if selection["case"] else ()
    if axis is None or tf is None:
        ends = release(good, "--good"), release(bad, "--bad")
        return along.releases(*ends, case=case, **rest)
    return along.axis(
        axis,
        release(tf, "--tf"),
        good,
        bad,
        case=case,
        say=lambda line: console.print(line, highlight=False),
        **rest,
    )


def check(find: Optional[str], regression: bool) -> None:
    """Raises `UsageError` where the ends are not in the order that --find asks for."""
    if find not in (None, "regression" if regression else "fix"):
        older = "the bad" if find == "fix" else "the good"
        raise UsageError(f"--find {find} needs {older} release to be the older one")


def release(version: str, option: str) -> Release:
    """The one release that `version` names; a series is its newest patch."""
    named = specifier.select(known.releases(version), version)
    if len(named) != 1:
        raise UsageError(f"{option} {version} names {len(named)} releases: give one version")
    return named[0]


def reproduce(script: Path, engine: str, selection: dict[str, Any]) -> list[str]:
    """The words of the command that shows it again, but for the releases."""
    words = ["tfmatrix", "run", str(script)]
    words += ["--engine", engine] if engine != "auto" else []
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
