"""The tests of suites as rows: a plan has their files alone, and which tests there are may depend
on the release.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from runner.grid.layout import Key, Layout
from runner.grid.records import Column, Row
from runner.model import USUAL, Case, Result, Run


def in_order(
    run: Run, layout: Layout, keys: Sequence[Key], cases: Mapping[Key, Case]
) -> tuple[list[Key], dict[Key, Case]]:
    """`keys` with the tests where their file was planned, and the tests as cases besides."""
    suites = {repro.name for repro in run.repros if repro.suite}
    variants = {case.variant.name: case.variant for case in cases.values()}
    tests = {
        layout.place(one)[0]: Case(name=one.case, variant=variants.get(one.variant, USUAL))
        for one in run.results
        if one.repro in suites
    }
    places = {key: at for at, key in enumerate(cases)}
    kept = [key for key in keys if key[0] not in suites or key in tests]
    last = len(places)
    kept.sort(key=lambda key: places.get(_planned(key, tests.get(key)), last))
    return kept, {**tests, **cases}


def never_there(
    run: Run,
    rows: Sequence[Row],
    columns: Sequence[Column],
    found: Mapping[tuple[Key, int], Result],
) -> set[tuple[int, int]]:
    """Row and column of the tests that a release does not have, where the others of their file
    were measured: how a test is parametrised may depend on TensorFlow.

    Where something is to be said of the file itself, its tests are missing for that reason.
    """
    suites = {repro.name for repro in run.repros if repro.suite}
    tests = [row for row in rows if row.repro in suites]
    there = {
        row.index: {one.index for one in columns if ((row.repro, row.case), one.index) in found}
        for row in tests
    }
    measured: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for row in sorted(tests, key=lambda row: "::" not in row.base):  # files after their tests
        if "::" in row.base:
            measured[_file(row)] |= there[row.index]
        else:
            measured[_file(row)] -= there[row.index]
    return {(row.index, at) for row in tests for at in measured[_file(row)] - there[row.index]}


def _file(row: Row) -> tuple[str, ...]:
    """Of a test, the file that it is in, as run in one variant."""
    return row.repro, row.base.partition("::")[0], row.variant


def _planned(key: Key, test: Case | None) -> Key:
    """The case as planned: of a test, its file."""
    if test is None:
        return key
    file = test.base_name.partition("::")[0]
    return key[0], f"{file}@{test.variant.name}" if test.variant.name else file
