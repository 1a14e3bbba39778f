"""What a bisection found, in words: one sentence, and the evidence of both sides. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Optional

from attrs import frozen

from runner.model import EnvironmentInfo, Json, Result, Verdict

_SHOWS = {
    Verdict.PASS: "passes",
    Verdict.FAIL: "fails",
    Verdict.CRASH: "crashes",
    Verdict.TIMEOUT: "runs into the time limit",
    Verdict.OOM: "runs out of memory",
    Verdict.SKIP: "could not be judged",
    Verdict.ERROR: "could not be measured",
}
WIDTH = 44
"""Characters of one side of the evidence."""


@frozen(kw_only=True)
class Side:
    """One of two neighbouring releases, and what is known of it."""

    result: Result
    environment: Optional[EnvironmentInfo]
    votes: str = ""
    place: str = ""
    """What it is called where it is no release of TensorFlow: `numpy 1.23.5`."""

    @property
    def name(self) -> str:
        return self.place or self.result.tensorflow

    @property
    def packages(self) -> dict[str, str]:
        pinned = self.environment.packages if self.environment else ()
        return dict(package.split("==", 1) for package in pinned)


def shows(side: Side, observation: str = "") -> str:
    """`2.9.3 fails with "ValueError: …"`; with the observation that decides, where one does."""
    result, outcome = side.result, side.result.outcome
    words = f"{side.name} {_SHOWS[outcome.verdict]}"
    if outcome.verdict.judged and outcome.signature and outcome.verdict is not Verdict.TIMEOUT:
        words += f" with {quoted(result)}"
    elif not outcome.verdict.judged and outcome.reason:
        words += f" ({_plain(outcome.reason)})"
    if observation in result.observations:
        words += f" with {observation} = {_text(result.observations[observation])}"
    return words


def quoted(result: Result) -> str:
    """Its signature in quotation marks, or its outcome where it has none."""
    outcome = result.outcome
    return f'"{_plain(outcome.signature)}"' if outcome.signature else outcome.verdict.value


def sentence(
    kind: str, before: Side, after: Side, unknown: Sequence[str], observation: str = ""
) -> str:
    """The answer. `kind` is what the newer side is: `bad`, or `good` where a fix was looked for."""
    evidence = f"{shows(before, observation)}, {shows(after, observation)}"
    newest = after.name
    if not unknown:
        return f"The first {kind} release is {newest}: {evidence}."
    between = unknown[0] if len(unknown) == 1 else f"{unknown[0]} … {unknown[-1]}"
    which = "" if len(unknown) == 1 else f" ({len(unknown)} releases)"
    return (
        f"The first {kind} release is {newest} or one before it that could not be judged, "
        f"{between}{which}: {evidence}."
    )


def evidence(before: Side, after: Side) -> str:
    """Both sides in two columns: outcome, signature, what was observed, packages that differ."""
    rows = [("", before.name, after.name), *_rows(before, after)]
    name = max(len(row[0]) for row in rows)
    return "\n".join(line for row in rows for line in _lines(row, name))


def _rows(before: Side, after: Side) -> Iterator[tuple[str, str, str]]:
    one, other = before.result, after.result
    yield "outcome", one.outcome.verdict.value, other.outcome.verdict.value
    if one.outcome.signature or other.outcome.signature:
        yield "signature", one.outcome.signature or "-", other.outcome.signature or "-"
    if before.votes or after.votes:
        yield "runs", before.votes or "-", after.votes or "-"
    yield "Python", one.python, other.python
    names = sorted({**one.observations, **other.observations})
    yield from _section(
        "observed",
        [(n, _observed(one.observations, n), _observed(other.observations, n)) for n in names],
    )
    differing = packages(before, after)
    yield from _section("packages", [(n, old or "-", new or "-") for n, old, new in differing])


def _section(title: str, rows: Sequence[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    if rows:
        yield title, "", ""
    for name, *pair in rows:
        yield f"  {name}", pair[0], pair[1]


def packages(before: Side, after: Side) -> Iterator[tuple[str, Optional[str], Optional[str]]]:
    """What differs between the two environments: package, version here and there."""
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
    """Without what could move the cursor or turn the writing round."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _lines(row: tuple[str, str, str], name: int) -> Iterator[str]:
    """One row of the table; what is too wide for its column goes on below."""
    left, right = (textwrap.wrap(_plain(text), WIDTH) or [""] for text in row[1:])
    for number in range(max(len(left), len(right))):
        cells = [row[0] if number == 0 else ""]
        cells += [side[number] if number < len(side) else "" for side in (left, right)]
        yield f"  {cells[0]:{name}}  {cells[1]:{WIDTH}}  {cells[2]}".rstrip()
