"""What a bisection found, told: in words, or as JSON for other programs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any, Optional

import click
from attrs import frozen

from runner import serial
from runner.bisect import answer, axis
from runner.bisect.answer import Side
from runner.bisect.bisect import Boundary
from runner.bisect.search import Hunt
from runner.model import Axis, Result, Verdict


@frozen(kw_only=True)
class Told:
    """A search that is over. `found` is None where an end is not what it was said to be."""

    hunt: Hunt
    found: Optional[Boundary]
    again: Sequence[str]
    """The command that shows a release again, but for the releases."""
    own: Sequence[Axis] = ()
    """The axes of matrix.yaml."""

    @property
    def code(self) -> int:
        """The exit code: 1 nothing to find, 3 something that could not be measured is in doubt."""
        if self.found is None:
            return 3 if self.wrong_end[1] is None else 1
        errors = [one for one in self.unknown if one.outcome.verdict is Verdict.ERROR]
        return 3 if errors else 0

    @property
    def sides(self) -> tuple[Side, Side]:
        """The release before, and the first of which it is certain."""
        assert self.found is not None
        return self.hunt.sides[self.found.last_no], self.hunt.sides[self.found.first_yes]

    @property
    def unknown(self) -> list[Result]:
        """What lies between the two."""
        places = self.found.unknown if self.found else ()
        return [self.hunt.sides[at].result for at in places]

    @property
    def wrong_end(self) -> tuple[int, Optional[bool]]:
        """Where the search ended for want of a claimed end, and what was found there."""
        at = list(self.hunt.known)[-1]
        return at, self.hunt.known[at]

    @property
    def kind(self) -> str:
        return "bad" if self.hunt.question.seeks_bad else "good"

    @property
    def sentence(self) -> str:
        seen = self.hunt.question.criterion.observation
        if self.found is not None:
            names = [self.hunt.question.name(at) for at in self.found.unknown]
            return answer.sentence(self.kind, *self.sides, names, seen)
        at, judged = self.wrong_end
        side = self.hunt.sides[at]
        claimed = "bad" if (at != 0) is self.hunt.question.seeks_bad else "good"
        said = answer.shows(side, seen) + (f" ({side.votes})" if side.votes else "")
        if judged is None:
            return f"{said}, so there is no answer: give another release as --{claimed}"
        return f"{said}, so it is not {claimed}: no release to find"

    @property
    def command(self) -> str:
        assert self.found is not None
        question = self.hunt.question
        places = (self.found.last_no, *self.found.unknown, self.found.first_yes)
        cells = [question.cells[at] for at in places]
        return shlex.join([*self.again, *axis.words(cells, question.axis, self.own)])


def tell(told: Told) -> None:
    """Print it for people."""
    click.echo(told.sentence)
    if told.found is None:
        return
    question = told.hunt.question
    click.echo(f"\n{answer.evidence(*told.sides)}\n")
    other = _other_reason(told)
    if other is not None:
        click.echo(
            f"{other.name} fails for another reason, {answer.quoted(other.result)}: "
            "--on signature:TEXT finds where that one began"
        )
    click.echo(
        f"bad is: {question.criterion.words}{question.votes.rule}; {len(told.hunt.sides)} of "
        f"{len(question.cells)} releases looked at, in {told.hunt.looks.count} runs"
    )
    click.echo(f"see both again: {told.command}")


def tell_json(told: Told) -> None:
    """Print it for programs."""
    question = told.hunt.question
    facts: dict[str, Any] = {
        "found": None if told.found is None else _found(told),
        "sentence": told.sentence,
        "bad_is": question.criterion.words,
        "repeat": {"need": question.votes.need, "runs": question.votes.runs},
        "releases": len(question.cells),
        "runs": told.hunt.looks.count,
        "looked_at": [_looked(told.hunt, at) for at in sorted(told.hunt.sides)],
        "folder": str(told.hunt.looks.folder),
    }
    click.echo(json.dumps(facts, indent=2, ensure_ascii=False))


def _found(told: Told) -> dict[str, Any]:
    assert told.found is not None
    before, after = told.sides
    question = told.hunt.question
    return {
        "kind": told.kind,
        "axis": question.axis or "tensorflow",
        "before": question.place(told.found.last_no),
        "first": question.place(told.found.first_yes),
        "unknown": [question.place(at) for at in told.found.unknown],
        "packages": {name: list(pair) for name, *pair in answer.packages(before, after)},
        "again": told.command,
    }


def _looked(hunt: Hunt, at: int) -> dict[str, Any]:
    side, answer_ = hunt.sides[at], hunt.known[at]
    bad = None if answer_ is None else answer_ is hunt.question.seeks_bad
    return {"bad": bad, "votes": side.votes or None, **serial.result_to_json(side.result)}


def _other_reason(told: Told) -> Optional[Side]:
    """The bad end, where it fails otherwise than what was found: two bugs may be in the row."""
    hunt = told.hunt
    if hunt.question.criterion.precise:
        return None
    before, after = told.sides
    near = after if hunt.question.seeks_bad else before
    end = hunt.sides[hunt.question.count - 1 if hunt.question.seeks_bad else 0]
    return end if end.result.outcome.signature != near.result.outcome.signature else None
