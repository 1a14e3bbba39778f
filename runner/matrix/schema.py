"""The schema of matrix.yaml: its keys, their values, and what they are for.

The descriptions are shown by editors through `json_schema`. Defaults are in defaults.yaml.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Optional

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from runner.matrix import words
from runner.model import Device, Verdict

_Text = Annotated[str, AfterValidator(words.some_text)]
_Name = Annotated[str, AfterValidator(words.checked_name)]
_ReproName = Annotated[str, AfterValidator(words.repro_name)]
_Specifier = Annotated[str, AfterValidator(words.specifier)]
_Device = Annotated[Device, Field(strict=False)]
_Outcome = Annotated[
    Verdict,
    Field(strict=False),
    AfterValidator(words.verdict),
    WithJsonSchema({"enum": [each.value for each in Verdict if each is not Verdict.ERROR]}),
]
_TEXT_OR_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_Spec = Annotated[
    list[str],
    BeforeValidator(lambda value: value if isinstance(value, list) else [value]),
    AfterValidator(words.checked_spec),
    WithJsonSchema(_TEXT_OR_TEXTS),
]


class Section(BaseModel):
    """Strict: a number is not accepted as a text, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_A_WEEK = 7 * 24 * 3600
_MOST = 2**24


class LimitsSection(Section):
    """Bounds on one cell; what is left out keeps its default."""

    timeout: Optional[float] = Field(
        None, gt=0, le=_A_WEEK, allow_inf_nan=False, description="Seconds of wall clock."
    )
    memory: Optional[int] = Field(
        None, gt=0, le=_MOST, description="MiB resident, all processes of the cell together."
    )
    processes: Optional[int] = Field(
        None, gt=0, le=_MOST, description="Processes and threads of the cell."
    )
    output: Optional[int] = Field(
        None, gt=0, le=_MOST, description="KiB of output kept: half from the head, half the tail."
    )
    scratch: Optional[int] = Field(None, gt=0, le=_MOST, description="MiB that the cell may write.")


class CaseSection(Section):
    """One list of arguments for the script."""

    name: _Name = Field(description="Unique within its repro; letters, digits, `.`, `_`, `-`.")
    args: list[str] = Field([], description="Arguments that the script gets.")
    about: str = Field("", description="What this case tries, in a sentence.")


class ValueSection(Section):
    """One value of an axis; one that says nothing is the usual way, and adds no name to cases."""

    tf: Optional[_Specifier] = Field(
        None, description="Releases that it is tried with, as a PEP 440 specifier set."
    )
    python: Optional[Annotated[str, AfterValidator(words.python_version)]] = Field(
        None, description='Python version, in the place of the preferred one: "3.9".'
    )
    env: dict[Annotated[str, AfterValidator(words.variable)], str] = Field(
        {}, description="Environment variables that its cells get."
    )
    requirements: list[Annotated[str, AfterValidator(words.requirement)]] = Field(
        [],
        description="Packages added to its environments, or in the place of the usual version: "
        '"numpy==1.23.5".',
    )


class RuleSection(Section):
    """Which cells are meant; what is left out means all."""

    tf: Optional[_Specifier] = Field(
        None, description='TensorFlow releases, as a PEP 440 specifier set: "==1.12.*".'
    )
    cases: Optional[list[_Text]] = Field(
        None,
        min_length=1,
        max_length=20,
        description="Names of cases; `*`, `?` and `[…]` stand for others.",
    )
    device: Optional[_Device] = Field(None, description="cpu or cuda; both where left out.")
    axes: dict[_Text, _Text] = Field(
        {}, description="Axis → its value; all variants where left out."
    )


class ExcludeSection(RuleSection):
    """Cells that are not run, and why."""

    reason: _Text = Field(description="Why; shown in the matrix.")


class ExpectSection(RuleSection):
    """What is said of cells. A cell that contradicts it is shown, and the exit code is 1."""

    outcome: _Outcome = Field(
        description="The outcome expected: not `error`, which is no evidence."
    )
    signature: Optional[_Text] = Field(
        None, description="A part of the signature that must be found in it."
    )
    source: _Text = Field(description="Where it is said: a link, a line of an article.")


class ReproSection(Section):
    """A Python script, unmodified, or tests, and how they are run."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["script"]}, {"required": ["tests"]}]}
    )

    name: _ReproName = Field(description="Unique; small letters, digits, `.`, `_`, `-`.")
    script: Optional[_Text] = Field(None, description="The Python script, relative to matrix.yaml.")
    tests: Optional[_Text] = Field(
        None,
        description="In the place of a script: arguments of pytest, as typed in the folder of "
        "matrix.yaml: `tests/ -k layers`. Each test is a case.",
    )
    about: str = Field("", description="What it reproduces, in a sentence.")
    cases: Optional[list[CaseSection]] = Field(
        None,
        min_length=1,
        max_length=5000,
        description="Lists of arguments; one case without any if left out.",
    )
    limits: LimitsSection = Field(
        LimitsSection(), description="Bounds on its cells, over the ones at the top."
    )
    files: list[Annotated[str, AfterValidator(words.relative_file)]] = Field(
        [],
        description="Files and folders it needs, relative to the script's folder, "
        "beyond the local modules that it imports.",
    )
    env: dict[Annotated[str, AfterValidator(words.variable)], str] = Field(
        {}, description="Environment variables that its cells get."
    )
    fail_on: Annotated[str, AfterValidator(words.output_pattern)] = Field(
        "", description="A text or /regex/ of the output: a pass that prints it is a fail."
    )
    requirements: dict[_Specifier, list[Annotated[str, AfterValidator(words.requirement)]]] = Field(
        {}, description="Releases (a PEP 440 specifier set) → packages added to their environments."
    )
    axes: list[_Text] = Field(
        [],
        max_length=8,
        description="Names of axes: every case is tried with each of their values.",
    )
    exclude: list[ExcludeSection] = Field(
        [], max_length=200, description="Cells that are not run, and why."
    )
    expect: list[ExpectSection] = Field(
        [], max_length=200, description="What is said of its cells, and where."
    )


class MatrixSection(Section):
    """What `tfmatrix run` runs: releases, devices, repros, limits, exclusions, expectations."""

    schema_: Literal[1] = Field(1, alias="schema", description="Version of this format.")
    tf: Optional[_Spec] = Field(
        None, description='Releases: a PEP 440 specifier set (">=2.4,<2.8") or versions.'
    )
    patches: Optional[Literal["latest", "all"]] = Field(
        None, description="Whether a series stands for its newest patch release, or for all."
    )
    devices: Optional[list[_Device]] = Field(
        None, min_length=1, description="What TensorFlow computes on: cpu, cuda."
    )
    images: dict[
        Annotated[str, AfterValidator(words.python_version)],
        Annotated[str, AfterValidator(words.image)],
    ] = Field({}, description="Python version → base image, best with its digest (@sha256:…).")
    limits: LimitsSection = Field(LimitsSection(), description="Bounds on each cell of all repros.")
    axes: dict[_Name, dict[_Name, ValueSection]] = Field(
        {},
        description="What repros may vary besides releases and devices: name → value → Python, "
        "environment variables, packages.",
    )
    repros: list[ReproSection] = Field(
        min_length=1, max_length=1000, description="The scripts to run."
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of matrix.yaml, for editors."""
    schema = MatrixSection.model_json_schema(by_alias=True)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tfmatrix: matrix.yaml",
    }
    return {**head, **{key: value for key, value in schema.items() if key not in head}}
