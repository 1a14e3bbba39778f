"""What matrix.md says of observed values: where they change though the outcome does not."""

from __future__ import annotations

from collections.abc import Iterator

from runner.grid import Grid
from runner.report import gfm, text
from runner.report.values import (
    RestlessValue,
    ValueChange,
    first_difference,
    restless_values,
    value_changes,
)

MOST_UNFOLDED = 5


def render(grid: Grid, most: int) -> Iterator[str]:
    """The changes that touch most cases; then all of them, folded away."""
    found, noise = (value_changes(grid), restless_values(grid)) if most else ((), ())
    if not found and not noise:
        return
    largest = sorted(found, key=lambda step: -len(step.shifts))[:MOST_UNFOLDED]
    yield "### Same outcome, other values"
    yield "\n".join(f"- {_step(step)}" for step in found if any(step is each for each in largest))
    lines = [_step(step) for step in found] if len(found) > MOST_UNFOLDED else []
    lines += [_restless(each) for each in noise]
    if lines:
        more = [f"and {len(lines) - most} more"] if len(lines) > most else []
        body = "\n".join(f"- {line}" for line in [*lines[:most], *more])
        yield gfm.details(f"All that was observed to change: {len(found) + len(noise)}", body)


def _step(step: ValueChange) -> str:
    first = step.shifts[0]
    where = f"**{gfm.plain_or_code(step.before.label)} → {gfm.plain_or_code(step.after.label)}**"
    name, *values = first_difference(first)
    old, new = (gfm.code_span(text.value(value), 60) for value in values)
    what = f"from {old} to {new} in {gfm.code_span(first.row.case, 60)}"
    if name != step.name or len(step.shifts) == 1:
        what = f"{gfm.code_span(name, 60)} {what}"
    if len(step.shifts) > 1:
        what = f"{gfm.code_span(step.name, 60)} in {len(step.shifts)} cases, such as {what}"
    return f"{where}: {what}"


def _restless(value: RestlessValue) -> str:
    name, case = gfm.code_span(value.name, 60), gfm.code_span(value.row.case, 60)
    return f"{name} in {case} changes from release to release, {value.times} times"
