"""The rules of a matrix for cells: exclusions and expectations."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from functools import lru_cache
from typing import Optional

from attrs import field, frozen

from runner.model.outcomes import Verdict
from runner.model.releases import Device


@lru_cache(maxsize=65536)
def is_named(name: str, globs: tuple[str, ...]) -> bool:
    """Whether a glob or the exact name matches; names of parametrised tests contain `[`."""
    return not globs or any(name == glob or fnmatch.fnmatchcase(name, glob) for glob in globs)


@frozen(kw_only=True)
class Rule:
    """Selects the cells to which an exclusion or expectation applies. Empty or None means all."""

    tf: str = ""
    """A PEP 440 specifier set."""
    cases: tuple[str, ...] = ()
    """Globs on case names."""
    device: Optional[Device] = None
    axes: Mapping[str, str] = field(factory=dict)
    """Axis → value."""


@frozen(kw_only=True)
class Exclusion:
    rule: Rule
    reason: str


@frozen(kw_only=True)
class Expectation:
    rule: Rule
    verdict: Verdict
    source: str
    """The source of the expectation: a link, or a line of an article."""
    signature: Optional[str] = None
    """A text that the signature must contain."""
