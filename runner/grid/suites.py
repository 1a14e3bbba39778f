"""The tests of suites as rows. A plan has only their files: the tests may differ by release."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from runner.grid.layout import Key, Layout
from runner.grid.records import Column, Row
from runner.model import USUAL, Case, Result, Run, file_of_test, planned_name


def with_tests_in_order(
    run: Run, layout: Layout, keys: Sequence[Key], cases: Mapping[Key, Case]
) -> tuple[list[Key], dict[Key, Case]]:
    """`keys` with each test at the place of its planned file, and `cases` with the tests added."""
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


def missing_tests(
    run: Run,
    rows: Sequence[Row],
    columns: Sequence[Column],
    found: Mapping[tuple[Key, int], Result],
) -> set[tuple[int, int]]:
    """The row and column of each test that a release does not have.

    A test is absent if other tests of its file were measured: its parameters may depend on
    TensorFlow. If the file itself has a result, such as an error, the tests are missing for that
    reason instead.
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
    """The file of a test, in one variant."""
    return row.repro, file_of_test(row.base), row.variant


def _planned(key: Key, test: Case | None) -> Key:
    """The planned case of a row: for a test, its file."""
    if test is None:
        return key
    return key[0], planned_name(test.name, test.variant.name)
