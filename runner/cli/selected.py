"""Selects cells for a command; refuses the name of a test that no suite has, before all else."""

from __future__ import annotations

from typing import Any

from runner import paths
from runner.errors import UsageError
from runner.matrix import selection
from runner.matrix.selection import Selection


def select(**options: Any) -> Selection:
    """`selection.select`, with the names of tests checked. Raises `UsageError`."""
    chosen = selection.select(**options)
    check_tests(chosen)
    return chosen


def check_tests(chosen: Selection) -> None:
    """Raises `UsageError` if --case names a test that no suite can have."""
    suites = [cell for cell in chosen.cells if cell.repro.suite]
    wanted = dict.fromkeys(name for cell in suites for name in cell.wanted)
    if not wanted:
        return
    from runner.cells import snapshot  # slow to import and rarely used
    from runner.cells.snapshot import texts

    used = {cell.repro.name: cell.repro for cell in suites}.values()
    files = [snapshot.files_of(repro, paths.snapshots()) for repro in used]
    whole = "\n".join(texts.text_of_modules(each) for each in files)
    why_not = texts.why_no_test(whole, (name for name in wanted if "::" in name))
    if why_not:
        raise UsageError(f"--case: {why_not}")
    plain = [name for name in wanted if "::" not in name and name.isidentifier()]
    if plain and len(suites) == len(chosen.cells):
        first = suites[0].case.base_name
        raise UsageError(f"--case {plain[0]}: give the test's file too: {first}::{plain[0]}")
