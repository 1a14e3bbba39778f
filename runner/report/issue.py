"""Fills in the fields of TensorFlow's and Keras's issue forms from a run; adds the folded grid.

The headings and their order are those of `.github/ISSUE_TEMPLATE/tensorflow_issue_template.yaml` in
TensorFlow's repository. Keras's repository has no form now; its last one also asked for the Keras
version and the exact command. The fields describe one cell: a failure on the newest release that
has one. A fact that the run does not know is shown as not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from attrs import frozen
from packaging.version import Version

from runner.grid import PASS, Column, Grid, Row
from runner.model import NO_TENSORFLOW, EnvironmentInfo, Result
from runner.report import block, gfm, text
from runner.report.answer import sentences
from runner.report.context import Context, plain_command
from runner.report.markdown import ENVIRONMENTS, GRID, Detail, Section, Writer, fitted

NOT_KNOWN = "not known"
LOG_LINES = 60


def render(context: Context) -> str:
    """The text of the issue, within GitHub's limit."""
    return fitted(Writer(context, sections=SECTIONS))


@frozen(kw_only=True)
class Subject:
    """The cell that the fields describe."""

    row: Row
    column: Column
    result: Result


def subject_of(grid: Grid) -> Optional[Subject]:
    """The cell to describe: a failure on the newest release that has one.

    Cases that passed on an older release come first, then the most frequent failure; variants come
    last. Without a failure: a measured cell of the newest release. None if nothing was measured.
    """
    places = [(row, column) for column in reversed(grid.columns) for row in grid.rows]
    measured = [place for place in places if grid.mark(*place).measured]
    failing = [place for place in measured if grid.mark(*place).letter]
    newest = [place for place in failing if place[1] is failing[0][1]]

    def importance(place: tuple[Row, Column]) -> tuple[bool, bool, int]:
        commonness = grid.entries[grid.mark(*place).letter].count
        return not place[0].variant, bool(_passed_before(grid, *place)), commonness

    for row, column in [max(newest, key=importance)] if newest else measured[:1]:
        result = grid.cell(row, column)
        assert result is not None
        return Subject(row=row, column=column, result=result)
    return None


def _passed_before(grid: Grid, row: Row, column: Column) -> list[Column]:
    """The older releases on which this case passes."""
    lane = grid.lanes[column.device]
    return [c for c in lane[: lane.index(column)] if grid.mark(row, c).finding == PASS]


def _form(context: Context, _: Detail) -> Iterator[str]:
    """The fields before the behaviour, in the order of the form."""
    about = subject_of(context.grid)
    environment = context.environments.get(about.result.environment) if about else None
    yield _field("Issue type", _issue_type(context.grid, about))
    yield _field("Have you reproduced the bug with TensorFlow Nightly?", _nightly(context, about))
    yield _field("Source", "binary")
    yield _field("TensorFlow version", _version(about))
    yield _field("Keras version", _packages(environment))
    yield _field("Custom code", "Yes")
    yield _field("OS platform and distribution", _system(context, environment))
    yield _field("Mobile device", "none")
    yield _field("Python version", gfm.plain_or_code(about.result.python) if about else NOT_KNOWN)
    yield _field("Bazel version", "none: not built from source")
    yield _field("GCC/compiler version", "none: not built from source")
    yield _field("CUDA/cuDNN version", _cuda(context, about))
    yield _field("GPU model and memory", _graphics(about))


def _behaviour(context: Context, detail: Detail) -> Iterator[str]:
    about = subject_of(context.grid)
    said = sentences(context.grid, gfm.code_span, detail.sentences)
    yield _field("Current behavior?", "\n".join([*said, "", _expected(context, about)]))


def _code(context: Context, detail: Detail) -> Iterator[str]:
    about = subject_of(context.grid)
    script = context.extras.scripts.get(about.row.repro, "") if about else ""
    lines = text.log_lines(script, 0, block.WIDEST_LINE)
    shown = gfm.fence(lines, "python") if lines else NOT_KNOWN
    shown = shown if detail.scripts else "too long for GitHub: attach it as a file"
    yield _field("Standalone code to reproduce the issue", shown)
    command = plain_command(context, about.row) if about else ""
    yield _field(
        "Exact command to reproduce", gfm.code_span(command, 1_000) if command else NOT_KNOWN
    )


def _log(context: Context, _: Detail) -> Iterator[str]:
    about = subject_of(context.grid)
    lines = text.log_lines(context.log(about.result), LOG_LINES, width=200) if about else []
    shown = gfm.fence(lines, "shell") if lines else NOT_KNOWN
    yield _field("Relevant log output", shown)


SECTIONS = (
    Section(_form),
    Section(_behaviour, ("sentences",)),
    Section(_code, ("scripts",)),
    Section(_log),
    Section(lambda _, __: ["### In which releases"]),
    *GRID,
    ENVIRONMENTS,
)


def _field(name: str, value: str) -> str:
    return f"### {name}\n\n{value}"


def _issue_type(grid: Grid, about: Optional[Subject]) -> str:
    if about is None:
        return f"{NOT_KNOWN}: nothing could be measured"
    failing = grid.mark(about.row, about.column).letter
    return "Bug" if failing else f"{NOT_KNOWN}: no case fails"


def _nightly(context: Context, about: Optional[Subject]) -> str:
    """The result on the newest nightly of the run; the form allows Yes and No."""
    columns = [c for c in context.grid.columns if Version(c.tensorflow).is_devrelease]
    if not columns or about is None:
        return "No: no nightly was run"
    mark, version = (
        context.grid.mark(about.row, columns[-1]),
        gfm.plain_or_code(columns[-1].tensorflow),
    )
    if mark.finding is None:
        return f"No: it could not be judged on {version}"
    return f"No: it passes on {version}" if mark.finding == PASS else f"Yes, on {version}"


def _version(about: Optional[Subject]) -> str:
    if about is None:
        return NOT_KNOWN
    if about.result.tensorflow == NO_TENSORFLOW:
        return "none: TensorFlow was left out"
    built = about.result.git_version
    told = gfm.code_span(built) if built else NOT_KNOWN
    return f"{gfm.plain_or_code(about.result.tensorflow)} (`tf.version.GIT_VERSION`: {told})"


def _packages(environment: Optional[EnvironmentInfo]) -> str:
    """The Keras packages of the environment, besides the Keras inside TensorFlow."""
    if environment is None:
        return NOT_KNOWN
    pins = [pin.partition("==") for pin in environment.packages]
    found = [f"{name} {gfm.plain_or_code(version)}" for name, _, version in pins if name in _KERAS]
    return ", ".join(found) or "the one inside TensorFlow"


_KERAS = ("keras", "keras-nightly", "tf-keras", "tf-keras-nightly")


def _system(context: Context, environment: Optional[EnvironmentInfo]) -> str:
    system = str(context.run.info.host.get("system", ""))
    where = gfm.code_span(system) if system else NOT_KNOWN
    image = environment.image if environment else None
    return f"{where}, in a container of the image {gfm.code_span(image)}" if image else where


def _cuda(context: Context, about: Optional[Subject]) -> str:
    if about is None or about.column.device == "cpu":
        return _graphics(about)
    releases = (r for r in context.extras.releases if r.version == about.result.tensorflow)
    facts = next((release.cuda for release in releases), None)
    return (
        f"CUDA {gfm.plain_or_code(facts.cuda)}, cuDNN {gfm.plain_or_code(facts.cudnn)}"
        if facts
        else NOT_KNOWN
    )


def _graphics(about: Optional[Subject]) -> str:
    on_cpu = about is not None and about.column.device == "cpu"
    return "none: it ran on the CPU" if on_cpu else NOT_KNOWN


def _expected(context: Context, about: Optional[Subject]) -> str:
    """The expectation of matrix.yaml, or the last release on which the case passes."""
    if about is None:
        return f"Expected: {NOT_KNOWN}."
    if about.result.expected:
        return f"Expected: {gfm.code_span(about.result.expected)}."
    passing = _passed_before(context.grid, about.row, about.column)
    if not passing:
        return f"Expected: {NOT_KNOWN}."
    last = passing[-1]
    name = f"{context.run.info.along} {last.value}" if last.value else last.tensorflow
    return f"Expected: as on {gfm.plain_or_code(name)}, where it passes."
