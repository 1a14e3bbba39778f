"""The meaning of "bad": a result → bad, good, or cannot be judged. Pure."""

from __future__ import annotations

import ast
import json
import operator
import re
from collections.abc import Callable
from typing import Any, Optional

from attrs import frozen

from runner.bisect import values
from runner.errors import UsageError, meant
from runner.matrix import patterns
from runner.model import Json, Result, Verdict

VERDICTS = (Verdict.FAIL, Verdict.CRASH, Verdict.TIMEOUT, Verdict.OOM)
HINT = (
    "expected fail, crash, timeout, oom, signature:TEXT, output:TEXT, output:/REGEX/, "
    "observation:EXPR such as 'loss>0.5', or a noisy value such as "
    "'rss_mb > 1.2 * median(good)'"
)
OUTPUT = "output:"
_KINDS = (OUTPUT, "signature:", "observation:")

_HOW = "a script observes NAME with a line ::observe NAME=1.5"
_SHOWN = 6

_COMPARISON = re.compile(r"\s*(?P<name>.+?)\s*(?P<sign><=|>=|==|!=|<|>)\s*(?P<value>.+?)\s*")
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@frozen(kw_only=True)
class Criterion:
    """`says` gets only judged results. It returns True for bad, None if it cannot judge.

    A single run cannot judge a noisy `value`.
    """

    words: str
    says: Callable[[Result], Optional[bool]]
    observation: str = ""
    """The observation that decides, if the criterion uses one."""
    precise: bool = True
    """Whether it means one symptom rather than any failure."""
    value: Optional[values.Value] = None
    """The noisy value that decides. Then several runs are judged together."""

    @property
    def observed(self) -> str:
        """The observation that a script must print for the criterion; "" if none."""
        if self.value is not None:
            return "" if self.value.name in values.BUILT_IN else self.value.name
        return self.observation

    def why_never_observed(self, result: Result, has_word: Callable[[str], bool]) -> str:
        """Why the observation's name must be misspelled; "" if a script may print it.

        `has_word`: whether the script's code has this word.
        """
        name, seen = self.observed, result.observations
        printed = seen or result.outcome.verdict is Verdict.PASS
        if not name or name in seen or not printed or has_word(name):
            return ""
        instead = f", only {', '.join(list(seen)[:_SHOWN])}" if seen else f": {_HOW}"
        return (
            f"'{self.words}': {result.tensorflow} observed no {name}{meant(name, seen) or instead}"
        )

    def judge(self, result: Result) -> Optional[bool]:
        """Whether a result is bad; None for a skip or an error, which are no evidence."""
        return self.says(result) if result.outcome.verdict.judged else None


def is_criterion(text: str) -> bool:
    """Whether the text of `--bad` says what is bad, and does not name a version."""
    return text in VERDICTS or text.startswith(_KINDS) or values.is_comparison(text)


def parse_criterion(text: Optional[str]) -> Criterion:
    """The criterion for the value of `--on`; None means any failure. Raises `UsageError`.

    A result that is not bad in this sense is good, even if it fails for another reason: the answer
    shows both sides.
    """
    if text is None:
        return Criterion(
            words="any failure",
            says=lambda r: r.outcome.verdict is not Verdict.PASS,
            precise=False,
        )
    kind, colon, rest = text.partition(":")
    if not colon and kind in VERDICTS:
        return Criterion(words=f"the outcome {kind}", says=lambda r: r.outcome.verdict == kind)
    if kind == "signature" and rest.strip():
        return Criterion(
            words=f"a signature with {rest!r}", says=lambda r: rest in (r.outcome.signature or "")
        )
    if colon and kind == "output":
        return Criterion(
            words=f"an output with {patterns.checked_pattern(rest, '--on output')!r}",
            says=lambda r: r.matched is not None,
        )
    if kind == "observation" and rest.strip():
        return _observation(rest)
    if values.is_comparison(text):
        value = values.parse_value(text)
        return Criterion(words=value.words, says=lambda _: None, value=value)
    raise UsageError(f"--on {text}: {HINT}")


def _observation(text: str) -> Criterion:
    found = _COMPARISON.fullmatch(text)
    if not found:
        raise UsageError(f"--on observation:{text}: expected NAME, a comparison and a value")
    name, sign, value = found["name"], found["sign"], _value(found["value"])
    if sign in _ORDER and not _is_number(value):
        raise UsageError(f"--on observation:{text}: {sign} compares numbers, not {found['value']}")
    return Criterion(
        words=f"{name} {sign} {found['value']}",
        says=lambda r: (
            _compare(r.observations[name], sign, value) if name in r.observations else None
        ),
        observation=name,
    )


def _value(text: str) -> Json:
    """The value from JSON, or from a Python literal; any other word is a string."""
    for read in (json.loads, ast.literal_eval):
        try:
            value: Json = json.loads(json.dumps(read(text)))
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        return value
    return text


def _compare(observed: Json, sign: str, value: Json) -> Optional[bool]:
    if sign in _ORDER:
        return _ORDER[sign](observed, value) if _is_number(observed) else None
    return _equal(observed, value) is (sign == "==")


def _equal(one: Json, other: Json) -> bool:
    """Equality as in JSON: 1 equals 1.0, and true is not 1."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
