"""Reads a report's hidden block from a pasted comment, and trusts nothing in it.

`read_block` checks its form. `scripts_shown` checks that the comment shows the reported scripts.
`matrix_text` makes the matrix.yaml that runs them again. `compared` compares the two results. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Union

from attrs import field, frozen
from packaging.version import InvalidVersion, Version

from runner import serial
from runner.errors import UsageError
from runner.github.issue_scripts import hidden_comments, script_blocks
from runner.machine.units import count
from runner.model import Whole
from runner.report.block import CLOSE, OPEN, SCHEMA, Block, Finding, script_digest
from runner.report.text import listed, shortened

MOST_SECONDS, MOST_MEMORY = 3600.0, 65_536
"""The highest limits that a comment may set for a cell, in seconds and MiB; the user may set
more."""
MOST_NAMED = 3

Place = tuple[str, str, str, str]
"""A cell: repro, case, device, release."""


@frozen(kw_only=True)
class _Case:
    name: str
    args: tuple[str, ...] = ()


@frozen(kw_only=True)
class _Limits:
    timeout: Union[float, Whole]
    memory: Whole


@frozen(kw_only=True)
class _Repro:
    name: str
    script: str
    cases: tuple[_Case, ...]
    limits: _Limits
    env: Mapping[str, str] = field(factory=dict)
    requirements: Mapping[str, tuple[str, ...]] = field(factory=dict)


@frozen(kw_only=True)
class _Matrix:
    """The part of a matrix.yaml that a comment may have; it cannot name base images or files."""

    tf: tuple[str, ...]
    devices: tuple[str, ...]
    repros: tuple[_Repro, ...]


def read_block(markdown: str, source: str) -> Block:
    """The last report block in the comment; a log can only quote earlier ones.

    Raises `UsageError`, in one line, if there is no block, or if it is damaged, newer, or too old
    to state what was run.
    """
    where = shortened(source, 200)
    found = [text for text in hidden_comments(markdown) if text.startswith(OPEN)]
    if not found:
        raise UsageError(
            f"{where} has no report of tfmatrix with its hidden block",
            remedy="paste the whole Markdown of the comment, as GitHub's Edit shows it",
        )
    try:
        data = serial.parse(found[-1].strip().removeprefix(OPEN).removesuffix(CLOSE))
        schema = data.get("schema") if isinstance(data, dict) else None
        if isinstance(schema, int) and schema > SCHEMA:
            raise UsageError(f"{where}: its block has schema {schema}; this tfmatrix reads 1")
        block = serial.from_json(Block, data)
        _check(block)
    except (ValueError, RecursionError) as error:
        said = shortened(str(error), 200)
        raise UsageError(f"{where}: its hidden block is damaged: {said}") from None
    if block.matrix is None or not block.releases:
        raise UsageError(
            f"{where}: its hidden block does not say what was run: its tfmatrix is older, or it "
            "has too many cases",
            remedy="tfmatrix run --from-issue runs its script",
        )
    return block


def _check(block: Block) -> None:
    """Raises ValueError if the parts of the block contradict each other."""
    if block.schema != SCHEMA:
        raise ValueError(f"schema: expected {SCHEMA}")
    for number, finding in enumerate(block.findings):
        along = block.releases.get(finding.device, ())
        if block.releases and sum(many for many, _ in finding.outcomes) != len(along):
            raise ValueError(f"findings[{number}].outcomes: not one for each release")
        for _, outcome in finding.outcomes:
            if isinstance(outcome, int) and not 0 <= outcome < len(finding.signatures):
                raise ValueError(f"findings[{number}].outcomes: no signature {outcome}")
    for version in (version for along in block.releases.values() for version in along):
        try:
            Version(version)
        except InvalidVersion:
            raise ValueError(f"releases: no version: {version!r:.40}") from None


def scripts_shown(markdown: str, block: Block) -> dict[str, str]:
    """Repro → the script that the comment shows. Raises `UsageError` if a script is missing or
    does not have the digest in the block."""
    shown = {script_digest(found.source): found.source for found in script_blocks(markdown)}
    missing = [r.name for r in _matrix(block).repros if block.scripts.get(r.name) not in shown]
    if missing:
        raise UsageError(
            f"the comment does not show the script of {listed([*map(_named, missing)])} as it ran: "
            "it was left out or changed",
            remedy="tfmatrix run --from-issue runs what it shows",
        )
    return {repro.name: shown[block.scripts[repro.name]] for repro in _matrix(block).repros}


def matrix_text(block: Block, files: Mapping[str, str]) -> str:
    """The text of a matrix.yaml, as JSON, which YAML can read. `files` has each repro's script."""
    matrix = _matrix(block)
    data = {
        "schema": 1,
        "tf": list(matrix.tf),
        "patches": "latest",
        "devices": list(matrix.devices),
        "repros": [{**_plain(repro), "script": files[repro.name]} for repro in matrix.repros],
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _plain(repro: _Repro) -> dict[str, Any]:
    """Raises `UsageError` if the block asks for more than a stranger may use."""
    if repro.limits.timeout > MOST_SECONDS or repro.limits.memory > MOST_MEMORY:
        raise UsageError(
            f"{_named(repro.name)} asks for {repro.limits.timeout:g} s and "
            f"{repro.limits.memory} MiB a cell; a comment may ask for {MOST_SECONDS:g} s and "
            f"{MOST_MEMORY} MiB",
            remedy="tfmatrix run --from-issue runs its script within limits of your own",
        )
    data = serial.plain(repro)
    assert isinstance(data, dict)
    return data


def _matrix(block: Block) -> _Matrix:
    try:
        return serial.from_json(_Matrix, block.matrix)
    except ValueError as error:
        said = shortened(str(error), 200)
        raise UsageError(f"the comment's hidden block is damaged: matrix.{said}") from None


def compare_blocks(then: Block, now: Block) -> tuple[bool, str]:
    """Whether the cells of the new run have the same results, and a sentence about it.

    A cell that was not judged in the report is ignored. A cell that cannot be judged now counts as
    different.
    """
    before, after = dict(_cells(then)), dict(_cells(now))
    told = {at: what for at, what in before.items() if what not in UNJUDGED and at in after}
    differ = [place for place, what in told.items() if after[place] != what]
    if not told:
        return (
            False,
            "The report in the comment judged none of these cells, so nothing is compared.",
        )
    said = f"{len(told) - len(differ)} of {count(len(told), 'cell')} ended as in the comment"
    names = [_difference(place, told[place], after[place]) for place in differ]
    rest = f": {'; '.join(names[:MOST_NAMED])}" if names else ""
    more = f"; and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    verdict = "The results differ" if differ else "The results are the same"
    return not differ, f"{verdict}. {said}{rest}{more}. {_environments(then, now)}"


UNJUDGED = ("skip", "error", "none")


def _cells(block: Block) -> Iterator[tuple[Place, str]]:
    for finding in block.findings:
        for version, what in zip(block.releases.get(finding.device, ()), _spread(finding)):
            for case in finding.cases:
                yield (finding.repro, case, finding.device, version), what


def _spread(finding: Finding) -> Iterator[str]:
    for many, outcome in finding.outcomes:
        what = outcome if isinstance(outcome, str) else finding.signatures[outcome]
        yield from [what] * many


def _difference(place: Place, before: str, after: str) -> str:
    repro, case, device, version = map(_named, place)
    return f"{repro}/{case} on {version} {device} was {_named(before)}, is {_named(after)}"


def _named(text: str) -> str:
    return shortened(text, 80)


def _environments(then: Block, now: Block) -> str:
    same = sum(then.environments.get(name) == key for name, key in now.environments.items())
    return f"{same} of {count(len(now.environments), 'environment')} are the same."
