"""matrix.md: the answer, the grid, the changes and the evidence, ready for a GitHub issue.

The text always fits GitHub's limit. If it is too long, it is shortened in the order of
`SHORTENINGS`: logs first, then other folded parts, then rows and columns of the table; never the
answer. The report states what it left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from runner.report import block, gfm, style
from runner.report.answer import sentences
from runner.report.context import Context
from runner.report.markdown import details, grid, values
from runner.report.text import finding_lines, shortened


@frozen(kw_only=True)
class Detail:
    """How much of each part is shown."""

    log_lines: int = 40
    packages: bool = True
    observations: int = 60
    scripts: bool = True
    notes: int = 40
    """The lines in each list: transitions, contradicted expectations, reasons."""
    legend: int = 80
    links: bool = True
    """Whether each cell of the folded table links to its evidence."""
    whole: bool = True
    """Whether a table of every cell follows the folded one."""
    block: bool = True
    """Whether the report ends with the hidden block for programs."""
    rows: int = 2_000
    columns: int = 200
    environments: int = 200
    sentences: int = 20


@frozen
class Shortening:
    """One way to shorten the report, and its name in the report's note on what is left out."""

    name: str
    cut: dict[str, Any]


SHORTENINGS = (
    Shortening("all but 15 lines of each log", {"log_lines": 15}),
    Shortening("all but 5 lines of each log", {"log_lines": 5}),
    Shortening("lists of packages", {"packages": False}),
    Shortening("the whole grid", {"whole": False}),
    Shortening("logs", {"log_lines": 0}),
    Shortening("links to each cell", {"links": False}),
    Shortening("all but 10 observations that change", {"observations": 10}),
    Shortening("scripts", {"scripts": False}),
    Shortening("the hidden block for programs", {"block": False}),
    Shortening("observations that change", {"observations": 0}),
    Shortening("environments", {"environments": 0}),
    Shortening("all but 10 lines of each list", {"notes": 10, "legend": 26}),
    Shortening("all but 300 cases", {"rows": 300}),
    Shortening("all but 100 cases", {"rows": 100}),
    Shortening("all but the newest 30 columns", {"columns": 30}),
    Shortening("all but 40 cases", {"rows": 40}),
    Shortening("all but the newest 10 columns", {"columns": 10, "legend": 10}),
    Shortening("the table", {"rows": 0, "columns": 0, "legend": 0, "notes": 3}),
    Shortening("all but the answer", {"notes": 0, "sentences": 3}),
    Shortening("all but one answer", {"sentences": 1}),
)


def render(context: Context, limit: int = gfm.LIMIT) -> str:
    """The report in at most `limit` characters."""
    return fitted(Writer(context, sections=SECTIONS), limit)


def fitted(writer: Writer, limit: int = gfm.LIMIT) -> str:
    """The most detailed text whose `gfm.counted_length` is at most `limit`.

    What was cut before a larger part had to go is put back if it fits then.
    """

    def fits(steps: Sequence[Shortening]) -> bool:
        return gfm.counted_length(_shortened(writer, steps)) <= limit

    steps: list[Shortening] = []
    for step in SHORTENINGS:
        if fits(steps):
            break
        steps.append(step)
    for step in reversed(steps[:-1]):
        fewer = [each for each in steps if each is not step]
        steps = fewer if fits(fewer) else steps
    return _shortened(writer, steps)


def _shortened(writer: Writer, steps: Sequence[Shortening]) -> str:
    """The text, shortened so; it says what it leaves out."""
    detail, left_out = Detail(), dict[str, str]()
    before = writer.parts(detail)
    for step in steps:
        detail = evolve(detail, **step.cut)
        parts = writer.parts(detail)
        if parts != before:
            left_out[next(iter(step.cut))] = step.name
        before = parts
    return writer.write(detail, _left_out(left_out))


@frozen
class Section:
    """A part of the report, and the fields of `Detail` that it depends on."""

    blocks: Callable[[Context, Detail], Iterable[str]]
    fields: tuple[str, ...] = ()


@frozen
class Writer:
    """Writes the sections. It writes a section again only if its detail changed."""

    context: Context
    sections: Sequence[Section]
    _written: dict[tuple[Any, ...], str] = field(factory=dict, init=False)

    def write(self, detail: Detail, left_out: str) -> str:
        *parts, hidden = self.parts(detail)
        whole = [*parts, left_out, _reproduce(self.context), hidden]
        return "\n\n".join(part for part in whole if part) + "\n"

    def parts(self, detail: Detail) -> list[str]:
        """The sections, then the hidden block."""
        parts = [self._part(number, part, detail) for number, part in enumerate(self.sections)]
        return [*parts, self._block() if detail.block else ""]

    def _block(self) -> str:
        if ("block",) not in self._written:
            self._written[("block",)] = block.hidden_block(self.context)
        return self._written[("block",)]

    def _part(self, number: int, part: Section, detail: Detail) -> str:
        key = (number, *(getattr(detail, name) for name in part.fields))
        if key not in self._written:
            blocks = part.blocks(self.context, detail)
            self._written[key] = "\n\n".join(block for block in blocks if block)
        return self._written[key]


def _finding(context: Context, _: Detail) -> Iterator[str]:
    """The finding of `bisect`, if this run belongs to one."""
    lines = finding_lines(context.run.info.finding)
    if lines:
        yield gfm.fence(lines)


def _answer(context: Context, detail: Detail) -> Iterator[str]:
    said = sentences(context.grid, gfm.code_span, detail.sentences)
    yield "\n".join(f"- {sentence}" for sentence in said) if len(said) > 1 else said[0]
    if context.extras.page:
        yield f"[Every cell with its log, packages and command]({context.extras.page})"


def _changes(context: Context, detail: Detail) -> Iterator[str]:
    if detail.notes:
        yield from grid.transitions(context.grid, detail.notes)


def _reasons(context: Context, detail: Detail) -> Iterator[str]:
    if detail.notes:
        yield from details.preparation(context, detail.notes)
        yield from grid.contradictions(context, detail.notes)
        yield from grid.unmeasured(context.grid, detail.notes)
        yield from grid.notes(context.grid, detail.notes)
        yield from details.skips(context.grid, detail.notes)
        yield from details.cases(context, detail.notes)


GRID = (
    Section(
        lambda context, detail: grid.tables(
            context.grid,
            detail.rows,
            detail.columns,
            page=context.extras.page if detail.links else "",
        ),
        ("rows", "columns", "links"),
    ),
    Section(
        lambda context, detail: [grid.legend(context.grid, detail.legend)],
        ("legend",),
    ),
    Section(lambda context, _: [grid.counts(context.grid)]),
    Section(lambda context, _: grid.left_files(context.grid, context.extras.page)),
    Section(
        lambda context, detail: grid.whole(context.grid) if detail.whole else [],
        ("whole",),
    ),
    Section(_changes, ("notes",)),
    Section(
        lambda context, detail: values.table(context.grid, detail.observations),
        ("observations",),
    ),
    Section(
        lambda context, detail: values.render(context.grid, detail.observations),
        ("observations",),
    ),
    Section(
        lambda context, detail: values.outputs(context, detail.observations),
        ("observations",),
    ),
    Section(_reasons, ("notes",)),
)
"""The parts that show the grid and what a reader must know about it."""

ENVIRONMENTS = Section(
    lambda context, detail: details.environments(
        context, detail.environments, packages=detail.packages
    ),
    ("environments", "packages"),
)

SECTIONS = (
    Section(_finding),
    Section(_answer, ("sentences",)),
    *GRID,
    ENVIRONMENTS,
    Section(
        lambda context, detail: details.log_ends(context, detail.log_lines),
        ("log_lines",),
    ),
    Section(
        lambda context, detail: details.scripts(context) if detail.scripts else [],
        ("scripts",),
    ),
)


def _left_out(names: Mapping[str, str]) -> str:
    """The note on what is left out. Each part is named once, or only that the answer is left."""
    if not names:
        return ""
    said = names["sentences"] if "sentences" in names else "; ".join(names.values())
    return (
        f"Left out to fit GitHub's limit of {gfm.LIMIT:,} characters: {said}. "
        "All of it is in the run's folder, in `index.html` and `matrix.json`."
    )


def _reproduce(context: Context) -> str:
    info = context.run.info
    ended = "" if info.finished else ", not finished"
    facts = [style.made_by(info), f"{info.engine} engine", f"{info.started}{ended}"]
    facts += [str(info.host[key]) for key in ("system", "processor") if info.host.get(key)]
    return "\n\n".join(
        [
            "To see it again:",
            gfm.fence([shortened(info.command, 1_000)], "sh"),
            f"Measured by {gfm.code_span(', '.join(facts), 300)}.",
        ]
    )
