"""What a matrix says of some cells: that they are excluded, or what is expected of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from attrs import field, frozen

from runner.model.outcomes import Verdict
from runner.model.releases import Device


@frozen(kw_only=True)
class Rule:
    """Which cells an exclusion or expectation speaks of. Empty or None means all."""

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
    """What says so: a link, or a line of an article."""
    signature: Optional[str] = None
    """A part of the signature that must be found in it."""
