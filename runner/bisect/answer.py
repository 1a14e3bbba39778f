"""Describes the result of a bisection: one sentence, and the evidence on both sides. Pure."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import zip_longest
from typing import Optional

from attrs import frozen

from runner.bisect.sampler import Evidence, shown_number
from runner.model import EnvironmentInfo, Json, Result, Verdict, parsed_version, pinned_version
from runner.report.style import outcome_verb
from runner.report.text import listed
from runner.runs.kept import KeptVerdict

MOST_NAMED = 6
"""A sentence names at most this many releases."""
WIDTH = 44
"""The width of each side of the evidence, in characters."""
UNJUDGED = "could not be judged"


@frozen(kw_only=True)
class Neighbour:
    """One of two neighbouring releases, with its result."""

    result: Result
    environment: Optional[EnvironmentInfo]
    votes: str = ""
    label: str = ""
    """The name if it is not a release of TensorFlow: `numpy 1.23.5`."""
    evidence: Optional[Evidence] = None
    """The values of all runs, if a noisy value decides."""
    value: str = ""
    """The name of this value."""
    kept: Optional[KeptVerdict] = None
    """The verdict of an earlier run that stands in, because the release can no longer be run."""

    @property
    def ambiguous(self) -> bool:
        return self.evidence is not None and self.evidence.ambiguous

    @property
    def name(self) -> str:
        return self.label or self.result.tensorflow

    @property
    def packages(self) -> dict[str, str]:
        pinned = self.environment.packages if self.environment else ()
        return dict(map(pinned_version, pinned))


def result_clause(side: Neighbour, observation: str = "") -> str:
    """`2.9.3 fails with "ValueError: …"`, and the deciding observation if there is one."""
    result, outcome = side.result, side.result.outcome
    words = f"{side.name} {outcome_verb(outcome.verdict)}"
    if outcome.verdict.judged and outcome.signature and outcome.verdict is not Verdict.TIMEOUT:
        words += f" with {quoted_result(result)}"
    elif not outcome.verdict.judged and outcome.reason:
        words += f" ({_plain(outcome.reason)})"
    if side.evidence is not None and side.evidence.values:
        words += f" with {side.value} = {shown_number(side.evidence.median)}"
    elif observation in result.observations:
        words += f" with {observation} = {_text(result.observations[observation])}"
    return f"{words} ({kept_words(side.kept)})" if side.kept else words


def kept_words(verdict: KeptVerdict) -> str:
    """`kept from 2026-11-01, not measured now`."""
    return f"kept from {_plain(verdict.day)}, not measured now"


def quoted_result(result: Result) -> str:
    """The signature in quotation marks, or the outcome if there is no signature."""
    outcome = result.outcome
    return f'"{_plain(outcome.signature)}"' if outcome.signature else outcome.verdict.value


def release_sentence(
    kind: str,
    before: Neighbour,
    after: Neighbour,
    unknown: Sequence[str],
    observation: str = "",
    *,
    why: str = UNJUDGED,
) -> str:
    """The answer. `kind` describes the newer side: `bad`, or `good` if the search was for a fix.

    `why` says why those `unknown` are neither.
    """
    evidence = f"{result_clause(before, observation)}, {result_clause(after, observation)}"
    first = f"{after.name}{_or_before(unknown, 'releases', why)}"
    return f"The first {kind} release is {first}: {evidence}."


def series_sentence(
    kind: str,
    before: Neighbour,
    after: Neighbour,
    series: tuple[str, str],
    unknown: Sequence[str] = (),
    observation: str = "",
    *,
    why: str = UNJUDGED,
) -> str:
    """The answer if only the newest patch of each series was compared.

    `series` are the series of both sides; `unknown` are those between them that could not be
    judged.
    """
    evidence = f"{result_clause(before, observation)}, {result_clause(after, observation)}"
    if series[0] == series[1]:
        where = f"The first {kind} release is one of series {series[1]}, after {before.name}"
    else:
        where = f"The first {kind} series is {series[1]}{_or_before(unknown, 'series', why)}"
    return f"{where}: {evidence}. The patches of {series[1]} were not compared; --patches all does."


def _or_before(unknown: Sequence[str], what: str, why: str) -> str:
    """Other releases that may be the first: ` or one before it that could not be judged, 2.5.0`."""
    if not unknown:
        return ""
    between = unknown[0] if len(unknown) == 1 else f"{unknown[0]} … {unknown[-1]}"
    which = "" if len(unknown) == 1 else f" ({len(unknown)} {what})"
    return f" or one before it that {why}, {between}{which}"


def contradiction(kind: str, first: str, older: Sequence[str], newer: Sequence[str]) -> str:
    """The releases that contradict a single change at `first`."""
    other = "good" if kind == "bad" else "bad"
    said = []
    if newer:
        said.append(f"{listed(newer, MOST_NAMED)} {_is(newer)} {other} although newer than {first}")
    if older:
        said.append(f"{listed(older, MOST_NAMED)} {_is(older)} {kind} although older than {first}")
    return f"The results do not fit a single change: {'; '.join(said)}."


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def dates_disagree(before: Neighbour, after: Neighbour) -> str:
    """A note if the older version was released later than the newer one; else ""."""
    dates = [side.environment.released if side.environment else "" for side in (before, after)]
    if not all(dates) or dates[0] <= dates[1]:
        return ""
    return (
        f"{before.name} came out later than {after.name} ({dates[0]}, {dates[1]}): they are of "
        "parallel branches, and were compared by version, not by date."
    )


def gap_between(before: Neighbour, after: Neighbour) -> str:
    """A note if nightlies between the two may be lost, since one of them is; else ""."""
    days = [_nightly(side) for side in (before, after)]
    if not (before.kept or after.kept) or days[1] is None:
        return ""
    if days[0] is not None and (days[1] - days[0]).days <= 1:
        return ""
    return (
        f"Nightlies between {before.name} and {after.name} can be measured no more, and no verdict "
        "of them was kept: the change may have come with one of them."
    )


def _nightly(side: Neighbour) -> Optional[date]:
    """The day in the version of a nightly; None for another release."""
    try:
        return datetime.strptime(f"{parsed_version(side.result.tensorflow).dev}", "%Y%m%d").date()
    except ValueError:
        return None


def evidence(before: Neighbour, after: Neighbour) -> str:
    """Both sides in two columns: outcome, signature, observations, and packages that differ."""
    rows = [
        ([name], _wrapped(left), _wrapped(right))
        for name, left, right in [("", before.name, after.name), *_rows(before, after)]
    ]
    widths = [max(len(line) for row in rows for line in row[at]) for at in (0, 1)]
    return "\n".join(line for row in rows for line in _lines(row, widths))


def _rows(before: Neighbour, after: Neighbour) -> Iterator[tuple[str, str, str]]:
    one, other = before.result, after.result
    yield "outcome", one.outcome.verdict.value, other.outcome.verdict.value
    if one.outcome.signature or other.outcome.signature:
        yield "signature", one.outcome.signature or "-", other.outcome.signature or "-"
    if before.votes or after.votes:
        yield "runs", before.votes or "-", after.votes or "-"
    if before.evidence or after.evidence:
        yield before.value, _median(before), _median(after)
    if before.kept or after.kept:
        yield "measured", _measured(before), _measured(after)
    yield "Python", one.python, other.python
    if one.git_version or other.git_version:
        yield "GIT_VERSION", one.git_version or "-", other.git_version or "-"
    names = sorted({**one.observations, **other.observations})
    yield from _section(
        "observed",
        [(n, _observed(one.observations, n), _observed(other.observations, n)) for n in names],
    )
    differing = differing_packages(before, after)
    yield from _section("packages", [(n, old or "-", new or "-") for n, old, new in differing])


def _measured(side: Neighbour) -> str:
    return kept_words(side.kept) if side.kept else "by this search"


def _median(side: Neighbour) -> str:
    values = side.evidence.values if side.evidence else ()
    return f"{shown_number(side.evidence.median)} (median)" if side.evidence and values else "-"


def _section(title: str, rows: Sequence[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    if rows:
        yield title, "", ""
    for name, *pair in rows:
        yield f"  {name}", pair[0], pair[1]


_COMMIT = re.compile(r"-g([0-9a-f]{7,40})$")
_CANDIDATE = re.compile(r"(\d)rc(\d)")


def compare_link(before: Neighbour, after: Neighbour) -> str:
    """The page of TensorFlow's repository that compares the two; "" if it is not known."""
    ends = [_commit(side.result) for side in (before, after)]
    if not all(ends) or ends[0] == ends[1]:
        return ""
    return f"https://github.com/tensorflow/tensorflow/compare/{ends[0]}...{ends[1]}"


def _commit(result: Result) -> str:
    """The tag of a release, or the commit in a nightly's GIT_VERSION."""
    if "dev" not in result.tensorflow:
        return "v" + _CANDIDATE.sub(r"\1-rc\2", result.tensorflow)
    found = _COMMIT.search(result.git_version)
    return found[1] if found else ""


def differing_packages(
    before: Neighbour, after: Neighbour
) -> Iterator[tuple[str, Optional[str], Optional[str]]]:
    """The packages that differ: name, version before, version after."""
    for name in sorted({**before.packages, **after.packages}):
        old, new = before.packages.get(name), after.packages.get(name)
        if old != new:
            yield name, old, new


def _observed(observations: Mapping[str, Json], name: str) -> str:
    return _text(observations[name]) if name in observations else "-"


def _text(value: Json) -> str:
    text = _plain(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= 3 * WIDTH else text[: 3 * WIDTH] + "…"


def _plain(text: str) -> str:
    """The text without characters that move the cursor or change the direction of text."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(_plain(text), WIDTH) or [""]


def _lines(cells: tuple[list[str], list[str], list[str]], widths: Sequence[int]) -> Iterator[str]:
    """The lines of one row of the table. A text that is too wide continues on the next line."""
    for name, left, right in zip_longest(*cells, fillvalue=""):
        yield f"  {name:{widths[0]}}  {left:{widths[1]}}  {right}".rstrip()
