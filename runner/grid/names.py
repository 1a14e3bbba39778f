"""Short names for groups of cases: globs that match all of a group and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

BREAK = re.compile(r"[-_./:@\[= ]+")
"""Where a name may be cut: `layers-` of `layers-both`."""
SHORT = 5
"""A group of fewer names and globs than this needs no shorter ones."""


def globs(group: Sequence[str], every: Collection[str]) -> tuple[str, ...]:
    """`layers-*` for `layers-both` and `layers-positives`; a name that shares no beginning stays.

    `every` are all names that there are: no glob matches one outside of `group`. The longest shared
    beginnings say most; where these are many, the shortest are taken.
    """
    outside = set(every) - set(group)
    beginnings = Counter(stem for name in group for stem in _beginnings(name))
    foreign = {stem for name in outside for stem in _beginnings(name)}
    shared = {stem for stem, often in beginnings.items() if often > 1 and stem not in foreign}
    longest = _covered(group, shared, longest=True)
    return longest if len(longest) <= SHORT else _covered(group, shared, longest=False)


def _covered(group: Sequence[str], shared: Collection[str], *, longest: bool) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in group:
        stems = [stem for stem in _beginnings(name) if stem in shared]
        found[f"{stems[-1 if longest else 0]}*" if stems else name] = None
    return tuple(found)


def _beginnings(name: str) -> Iterator[str]:
    """`keras-`, `keras-shape-` of `keras-shape-both`; the shortest first."""
    return (
        name[: at.end()] for at in BREAK.finditer(name) if at.start() > 0 and at.end() < len(name)
    )
