"""The criteria about a value: `loss > 0.5`, `rss_mb > 1.2 * median(good)`. Pure.

criterion: value sign bound
value:     NAME | "growth" "(" NAME ")"
sign:      ">" | ">=" | "<" | "<="
bound:     NUMBER | [NUMBER "*"] "median" "(" "good" ")" | "median" "(" "good" ")" "*" NUMBER
"""

from __future__ import annotations

import math
import re
from itertools import combinations
from statistics import median
from typing import NoReturn, Optional

from attrs import frozen

from runner.cells.flakiness.evidence import MOST_RUNS, Question
from runner.errors import UsageError
from runner.model import Json, Result, Verdict

HINT = (
    "expected NAME > NUMBER or NAME > NUMBER * median(good), such as 'loss > 0.5' or "
    "'rss_mb > 1.2 * median(good)'"
)
BUILT_IN = ("rss_mb", "seconds")
"""Measured of each cell: the peak memory in MiB, and the time."""
LONGEST = 500
"""The most steps of a series whose growth is computed; of longer ones, evenly spread steps."""

_TOKEN = re.compile(r"\s*(>=|<=|==|!=|[<>()*]|[^\s<>=!()*]+)")
_COMPARED = re.compile(r"\s*[^\s<>=!~,][^<>=!]*[<>]")


@frozen(kw_only=True)
class Value:
    """A value of each run, and the question about it."""

    name: str
    growth: bool
    """Whether it is the growth per step of a list of numbers."""
    question: Question
    words: str

    @property
    def label(self) -> str:
        """`rss_mb`, `growth(loss)`."""
        return f"growth({self.name})" if self.growth else self.name

    def why_missing(self, result: Result) -> str:
        """Why a run has no value; "" if its outcome says so."""
        if not result.outcome.verdict.judged:
            return ""
        if self.name in BUILT_IN:
            return f"{self.name} counts only for a pass"
        kind = "list of numbers" if self.growth else "number"
        return f"it observed no {kind} {self.name}"

    def read(self, result: Result) -> Optional[float]:
        """The value of a run; None if it has none.

        Memory and time count only for a pass: a script that ends early needs less of both.
        """
        if not result.outcome.verdict.judged:
            return None
        if self.name in BUILT_IN and self.name not in result.observations:
            if result.outcome.verdict is not Verdict.PASS:
                return None
            return result.max_rss_mb if self.name == "rss_mb" else result.seconds
        seen = result.observations.get(self.name)
        return growth(seen) if self.growth else _number(seen)


def _number(value: Json) -> Optional[float]:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return None


def growth(series: Json) -> Optional[float]:
    """The median slope per step of all pairs of a list (the Theil–Sen estimator).

    None if it is not a list of at least two numbers. Single steps that jump hardly change it.
    """
    listed = series if isinstance(series, list) else []
    points = [(at, each) for at, one in enumerate(listed) if (each := _number(one)) is not None]
    if len(points) < 2 or len(points) < len(listed):
        return None
    points = points[:: math.ceil(len(points) / LONGEST)]
    return median((b - a) / (later - at) for (at, a), (later, b) in combinations(points, 2))


def is_comparison(text: str) -> bool:
    """Whether `text` compares a value, and is no version or specifier such as `>=2.9`."""
    return _COMPARED.match(text) is not None


def parse_value(text: str) -> Value:
    """The value and its question. Raises `UsageError`, in one line."""
    tokens = _Tokens(text)
    name, is_growth = tokens.word("the name of a value"), False
    if name == "growth" and tokens.take("("):
        name, is_growth = tokens.word("the name of an observed list"), True
        tokens.need(")")
    sign = tokens.next
    if sign not in (">", ">=", "<", "<="):
        tokens.refuse("> or <" + (", or observation:EXPR for ==" if sign in ("==", "!=") else ""))
    tokens.need(sign)
    limit, relative = _bound(tokens)
    if is_growth and name in BUILT_IN:
        raise UsageError(f"'{text}': {name} is one number of each run; growth(NAME) needs a list")
    question = Question(limit=limit, relative=relative, below=sign[0] == "<")
    return Value(name=name, growth=is_growth, question=question, words=" ".join(text.split()))


def parse_bound(text: str) -> int:
    """The value of `--repeat` where a noisy value decides: the most runs of a release.

    Raises `UsageError`.
    """
    if not re.fullmatch(r"\d{1,4}", text.strip()) or not 1 <= int(text) <= MOST_RUNS:
        raise UsageError(
            f"--repeat {text}: where a noisy value decides, expected the most runs of a release, "
            f"1 to {MOST_RUNS}"
        )
    return int(text)


def _bound(tokens: _Tokens) -> tuple[float, bool]:
    """(the bound or the factor, whether it is a factor)."""
    if tokens.next == "median":
        _good_median(tokens)
        factor = tokens.number() if tokens.take("*") else 1.0
        relative = True
    else:
        factor = tokens.number()
        relative = tokens.take("*")
        if relative:
            _good_median(tokens)
    if tokens.next:
        tokens.refuse("the end")
    if relative and factor <= 0:
        raise UsageError(f"'{tokens.text}': the factor of median(good) must be more than 0")
    return factor, relative


def _good_median(tokens: _Tokens) -> None:
    for each in ("median", "(", "good", ")"):
        if not tokens.take(each):
            tokens.refuse("median(good)")


class _Tokens:
    """The tokens of a criterion, from the left."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._left = _TOKEN.findall(text)

    @property
    def next(self) -> str:
        """The next token; "" at the end."""
        return self._left[0] if self._left else ""

    def take(self, token: str) -> bool:
        """Whether the next token is `token`; it is then used."""
        if self.next != token:
            return False
        self._left.pop(0)
        return True

    def need(self, token: str) -> None:
        if not self.take(token):
            self.refuse(f"'{token}'")

    def word(self, meaning: str) -> str:
        signs = ("(", ")", "*", ">", "<", ">=", "<=", "==", "!=")
        if not self.next or self.next in signs or re.fullmatch(r"[\d.]+", self.next):
            self.refuse(meaning)
        return str(self._left.pop(0))

    def number(self) -> float:
        """A finite number."""
        try:
            number = float(self.next.replace("_", "x"))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.refuse("a number or median(good)")
        self._left.pop(0)
        return number

    def refuse(self, wanted: str) -> NoReturn:
        """Raises `UsageError`."""
        found = f"'{self.next}'" if self.next else "the end"
        raise UsageError(f"'{self.text}': expected {wanted}, not {found}; {HINT}")
