"""The records: releases, environments, cases, cells, executions, outcomes, results and runs.

Release → Target → Cell (planned) → Environment (locked) → Execution (facts) → Outcome (judgement)
→ Result (both, of one cell). All frozen: each step takes one record and returns the next.
Nothing here reads, writes or imports anything of the project. Nearly every module speaks of several
records, so all of them are imported from here.
"""

from __future__ import annotations

from runner.model.cases import (
    USUAL,
    Axis,
    Case,
    Variant,
    file_of_test,
    full_name,
    planned_name,
    release_that_saved,
    saved_by,
)
from runner.model.cells import Cell
from runner.model.environments import USUAL_RESOLUTION, Environment, Resolution, Target
from runner.model.executions import UNPREPARED, Execution, Reads
from runner.model.matrix import Matrix
from runner.model.outcomes import Outcome, Verdict
from runner.model.packages import (
    package_name,
    parsed_version,
    pinned_packages,
    pinned_version,
    release_series,
)
from runner.model.releases import NO_TENSORFLOW, Cuda, Device, Quirk, Release
from runner.model.repros import OUT, Bound, Limits, Repro, Suite
from runner.model.results import KeptFile, Result
from runner.model.rules import Exclusion, Expectation, Rule, is_named
from runner.model.runs import EnvironmentInfo, Run, RunInfo
from runner.model.values import Json, Whole

__all__ = [
    "NO_TENSORFLOW",
    "OUT",
    "UNPREPARED",
    "USUAL",
    "USUAL_RESOLUTION",
    "Axis",
    "Bound",
    "Case",
    "Cell",
    "Cuda",
    "Device",
    "Environment",
    "EnvironmentInfo",
    "Exclusion",
    "Execution",
    "Expectation",
    "Json",
    "KeptFile",
    "Limits",
    "Matrix",
    "Outcome",
    "Quirk",
    "Reads",
    "Release",
    "Repro",
    "Resolution",
    "Result",
    "Rule",
    "Run",
    "RunInfo",
    "Suite",
    "Target",
    "Variant",
    "Verdict",
    "Whole",
    "file_of_test",
    "full_name",
    "is_named",
    "package_name",
    "parsed_version",
    "pinned_packages",
    "pinned_version",
    "planned_name",
    "release_series",
    "release_that_saved",
    "saved_by",
]
