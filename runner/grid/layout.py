"""The layout of a grid: the row and the column of each result.

Usually the columns are TensorFlow's releases, and each variant of a case has a row. In a run along
an axis (`run --along keras`) the columns are the values of the axis in the planned order, and a row
is a case without that axis.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from packaging.version import Version

from runner.grid.columns import columns_of
from runner.grid.records import Column
from runner.model import USUAL, Case, Release, Result, Run

Key = tuple[str, str]
"""A row: its repro and its case."""
_Place = tuple[str, str, str]
"""A column: TensorFlow's version, the device, the value of the axis."""


class Layout(Protocol):
    @property
    def columns(self) -> tuple[Column, ...]: ...

    def row_case(self, case: Case) -> Case:
        """The case by which the row of a planned case is named."""

    def columns_of(self, case: Case) -> Sequence[Column]:
        """The columns in which a planned case has cells."""

    def place(self, result: Result) -> tuple[Key, int]:
        """The row of a result and the index of its column."""


def layout_of(run: Run, releases: Sequence[Release] = ()) -> Layout:
    """The layout of a run. `releases` are all known releases: see `columns_of`."""
    return AlongAxis(run) if run.info.along else ByRelease(run, releases)


class ByRelease:
    """Has a column for each release on each device, and a row for each variant of a case."""

    def __init__(self, run: Run, releases: Sequence[Release]) -> None:
        self.columns = columns_of(run, releases)
        self._places = {
            (column.tensorflow, column.device, python): column.index
            for column in self.columns
            for python in column.pythons
        }

    def row_case(self, case: Case) -> Case:
        return case

    def columns_of(self, case: Case) -> Sequence[Column]:
        return self.columns

    def place(self, result: Result) -> tuple[Key, int]:
        where = (result.tensorflow, result.device, result.python)
        return (result.repro, result.case), self._places[where]


class AlongAxis:
    """Has a column for each value of the run's axis on each release and device."""

    def __init__(self, run: Run) -> None:
        self._axis = run.info.along
        self._cases = {
            (repro.name, case.name): case for repro in run.repros for case in repro.cases
        }
        self._variants = {case.variant.name: case.variant for case in self._cases.values()}
        self._known: dict[tuple[str, str, str], tuple[str, str]] = {}
        """A result's repro, case and variant → the name of its row, its value of the axis."""
        values = dict.fromkeys(self._value(case) for case in self._cases.values())
        order = {value: at for at, value in enumerate(values)}
        found: dict[_Place, list[Result]] = defaultdict(list)
        for result in run.results:
            found[self._place(result)].append(result)
        places = sorted(found, key=lambda p: (Version(p[0]), p[1], order.get(p[2], len(order))))
        several = len({place[0] for place in places}) > 1
        self._index = {place: index for index, place in enumerate(places)}
        self.columns = tuple(
            self._column(index, place, found[place], several)
            for place, index in self._index.items()
        )

    def _column(
        self, index: int, place: _Place, results: Sequence[Result], several: bool
    ) -> Column:
        """`several` says whether the run has more than one release of TensorFlow."""
        tensorflow, device, value = place
        pythons = tuple(dict.fromkeys(result.python for result in results))
        return Column(
            index=index,
            tensorflow=tensorflow,
            device=device,
            python=pythons[0],
            label=f"{tensorflow if several else ''} {self._axis} {value}".strip(),
            environments=tuple(dict.fromkeys(result.environment for result in results)),
            pythons=pythons,
            newest=False,
            value=value,
        )

    def row_case(self, case: Case) -> Case:
        return case.without(self._axis)

    def columns_of(self, case: Case) -> Sequence[Column]:
        value = self._value(case)
        return [column for column in self.columns if column.value == value]

    def place(self, result: Result) -> tuple[Key, int]:
        row, _ = self._row_and_value(result)
        return (result.repro, row), self._index[self._place(result)]

    def _place(self, result: Result) -> _Place:
        _, value = self._row_and_value(result)
        return result.tensorflow, result.device, value

    def _row_and_value(self, result: Result) -> tuple[str, str]:
        key = (result.repro, result.case, result.variant)
        if key not in self._known:
            case = self._case(result)
            self._known[key] = self.row_case(case).name, self._value(case)
        return self._known[key]

    def _value(self, case: Case) -> str:
        return case.variant.values.get(self._axis, "")

    def _case(self, result: Result) -> Case:
        """The planned case of a result. A test of a suite has none: only its variant is planned."""
        planned = self._cases.get((result.repro, result.case))
        variant = self._variants.get(result.variant, USUAL)
        return planned or Case(name=result.case, variant=variant)
