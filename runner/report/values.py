"""Finds observed values that change although the outcome does not, and describes them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence

from attrs import frozen

from runner.grid import Column, Grid, Row, Shift
from runner.grid.tolerance import differs
from runner.machine.units import count
from runner.model import Json
from runner.report.text import listed, shortened

RESTLESS = 4
"""A value that changes more often than this says little about one release."""
MOST_NAME = 40
DEEPEST = 4
MOST_KINDS = 2


@frozen(kw_only=True)
class ValueChange:
    """One observed name that changes between two releases in some cases."""

    name: str
    before: Column
    after: Column
    shifts: tuple[Shift, ...]


@frozen(kw_only=True)
class RestlessValue:
    """One observed name that changes more than `RESTLESS` times in one case."""

    name: str
    row: Row
    first: Shift
    times: int


def value_changes(grid: Grid) -> tuple[ValueChange, ...]:
    """The changes by release, then by name, without restless values."""
    times = _times(grid.shifts)
    groups: dict[tuple[int, int, str], list[Shift]] = defaultdict(list)
    for shift in grid.shifts:
        if times[_key(shift)] <= RESTLESS:
            groups[(shift.before.index, shift.after.index, shift.name)].append(shift)
    return tuple(
        ValueChange(name=name, before=found[0].before, after=found[0].after, shifts=tuple(found))
        for (_, _, name), found in groups.items()
    )


def restless_values(grid: Grid) -> tuple[RestlessValue, ...]:
    times = _times(grid.shifts)
    firsts = {_key(shift): shift for shift in reversed(grid.shifts)}
    return tuple(
        RestlessValue(name=shift.name, row=shift.row, first=shift, times=times[key])
        for key, shift in sorted(firsts.items(), key=lambda item: item[0])
        if times[key] > RESTLESS
    )


def _key(shift: Shift) -> tuple[str, int, str]:
    return (shift.name, shift.row.index, shift.after.device)


def _times(shifts: Sequence[Shift]) -> Counter[tuple[str, int, str]]:
    return Counter(map(_key, shifts))


def first_difference(shift: Shift) -> tuple[str, Json, Json]:
    """The first difference inside a value: `losses[0]`, 0.6932, 0.6931, not two long lists."""
    name, old, new = shift.name, shift.old, shift.new
    for _ in range(DEEPEST):
        if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            at = next(n for n, pair in enumerate(zip(old, new)) if differs(*pair))
            name, old, new = f"{name}[{at}]", old[at], new[at]
        elif isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
            key = next(key for key in old if differs(old[key], new[key]))
            name, old, new = f"{name}.{key}", old[key], new[key]
        else:
            break
    return name, old, new


def shift_clause(
    grid: Grid, rows: Sequence[Row], lane: Sequence[Column], quote: Callable[[str], str]
) -> str:
    """`, but loss differs from 2.9 on`, `, but loss changes between 2.6 and 2.10`: for cases whose
    outcome is the same on the whole lane."""
    within = {row.index for row in rows}
    places: dict[str, dict[tuple[int, int], None]] = defaultdict(dict)
    changed: dict[str, set[int]] = defaultdict(set)
    for step in value_changes(grid) if lane else ():
        here = {s.row.index for s in step.shifts} & within
        if here and step.after.device == lane[0].device:
            places[step.name][step.before.index, step.after.index] = None
            changed[step.name] |= here
    kinds: dict[tuple[str, frozenset[int]], list[str]] = defaultdict(list)
    for name, steps in places.items():
        kind = _when(list(steps), grid, lane), frozenset(changed[name])
        kinds[kind].append(quote(shortened(name, MOST_NAME)))
    if len(kinds) > MOST_KINDS:
        return f", but {count(len(places), 'observed value')} change"
    said = [
        _where(cases, len(rows)) + f"{listed(names)} {_verb(when, len(names) == 1)} {when}"
        for (when, cases), names in kinds.items()
    ]
    if len({cases for _, cases in kinds}) == len(rows) == 2:
        said[1] = said[1].replace("in 1 of them", "in the other", 1)
    return f", but {' and '.join(said)}" if said else ""


def _where(cases: Collection[int], of: int) -> str:
    return f"in {len(cases)} of them " if len(cases) < of else ""


def _when(steps: Sequence[tuple[int, int]], grid: Grid, lane: Sequence[Column]) -> str:
    """`from 2.9 on`, `at 2.7 and 2.9`, `between 2.6 and 2.10`: claims no release that was left out.

    `steps` are the columns before and after each change.
    """
    next_to: list[tuple[Column, Column]] = []
    apart: list[tuple[Column, Column]] = []
    for first, last in steps:
        before, after = grid.columns[first], grid.columns[last]
        seen = lane.index(after) - lane.index(before) == 1 and not after.gap
        (next_to if seen else apart).append((before, after))
    if len(steps) == 1 and next_to:
        later = lane[lane.index(next_to[0][1]) + 1 :]
        if lane[-1].newest and not any(column.gap for column in later):
            return f"from {next_to[0][1].label} on"
    said = [f"at {listed([after.label for _, after in next_to])}"] if next_to else []
    said += [f"between {before.label} and {after.label}" for before, after in apart]
    return " and ".join(said)


def _verb(when: str, one: bool) -> str:
    verb = "differ" if when.startswith("from ") else "change"
    return f"{verb}s" if one else verb
