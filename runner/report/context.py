"""The data that a report is made from."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from attrs import field, frozen

from runner.grid import Grid, Row
from runner.model import Case, EnvironmentInfo, Release, Repro, Result, Run


@frozen(kw_only=True)
class Extras:
    """Data that is not in a run's records. Any part may be missing."""

    scripts: Mapping[str, str] = field(factory=dict)
    """Repro → the text of its script."""
    dockerfiles: Mapping[str, str] = field(factory=dict)
    """Environment → its Dockerfile."""
    archive: str = ""
    """The run's file that holds further logs (`runner.runs.logs`); empty if there is none."""
    releases: Sequence[Release] = ()
    """All known releases."""
    page: str = ""
    """The published address of index.html, for links to it (`links.is_page`); empty if there is
    none. Only the caller may set it, never the run's records: a stranger may have written those."""
    html: Callable[[], str] = str
    """Makes one more section for index.html. It returns HTML in which every text is escaped."""


@frozen(kw_only=True, slots=False)
class Context:
    """All data for a report. A report depends on nothing else."""

    run: Run
    grid: Grid
    logs: Callable[[str], str]
    """Reads a log by its path in the run's folder; returns "" if there is none."""
    extras: Extras = Extras()

    @cached_property
    def repros(self) -> dict[str, Repro]:
        return {repro.name: repro for repro in self.run.repros}

    @cached_property
    def cases(self) -> dict[tuple[str, str], Case]:
        """The cases by repro and name."""
        return {(r.name, case.name): case for r in self.run.repros for case in r.cases}

    def case(self, row: Row) -> Case:
        """The planned case of a row; if it was not planned, a case with only the name."""
        return self.cases.get((row.repro, row.case), Case(name=row.case))

    @cached_property
    def environments(self) -> dict[str, EnvironmentInfo]:
        return {environment.id: environment for environment in self.run.environments}

    @cached_property
    def git_versions(self) -> dict[str, str]:
        """Environment → its `tf.version.GIT_VERSION`, if a cell reported it."""
        return {r.environment: r.git_version for r in self.run.results if r.git_version}

    def log(self, result: Result) -> str:
        return self.logs(result.log) if result.log else ""


NARROWED = ("--tf", "--case", "--device", "--output", "--patches", "--explore", "--jobs")
"""Options that a command for one cell of the run sets itself or does not need."""


def command_base(run: Run) -> str:
    """The run's command up to `--`, without the options that select cells, for a shell."""
    words, _ = _words(run)
    kept = [
        word
        for word, before in zip(words, ["", *words])
        if before not in NARROWED and word.split("=")[0] not in NARROWED
    ]
    return shlex.join(kept or ["tfmatrix", "run"])


def command_end(run: Run) -> str:
    """The part of the run's command from `--` on, for a shell."""
    return shlex.join(_words(run)[1])


def _words(run: Run) -> tuple[list[str], list[str]]:
    try:
        words = shlex.split(run.info.command)
    except ValueError:
        return [], []
    end = words.index("--") if "--" in words else len(words)
    return words[:end], words[end:]


def plain_command(context: Context, row: Row) -> str:
    """The command that runs a case without tfmatrix; empty if it is not known."""
    repro = context.repros.get(row.repro)
    if repro is None:
        return ""
    case = context.case(row)
    variables = {**repro.env, **case.variant.env}
    given = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    if repro.suite is not None:
        return " ".join([*given, shlex.join(["pytest", *repro.suite.options, row.base])])
    command = " ".join([*given, shlex.join(["python", str(repro.script), *case.args])])
    if row.saver:
        saver = context.repros.get(repro.saved_by)
        before = shlex.join(["python", str(saver.script)]) if saver else repro.saved_by
        return f"{command}  # where `{before}` ran with tensorflow=={row.saver}"
    return command
