"""Short names for groups of cases: globs that match all of a group and nothing else."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

BREAK = re.compile(r"[-_./:@\[= ]+")
"""Where a name may be cut: `layers-both` after `layers-`."""
SHORT = 5
"""Up to this many globs per group, longer and more exact globs are used."""


def globs(group: Sequence[str], every: Collection[str]) -> tuple[str, ...]:
    """`layers-*` for `layers-both` and `layers-positives`; a name that shares no beginning stays.

    No glob matches a name of `every` that is outside of `group`. The longest shared beginnings are
    used because they say most; if these are too many, the shortest are used.
    """
    if len(group) == 1:  # the rows of a whole grid, by the hundred
        return tuple(group)
    outside = sorted(set(every) - set(group))
    beginnings = Counter(stem for name in group for stem in _beginnings(name))
    shared = {
        stem for stem, often in beginnings.items() if often > 1 and not _begins_any(stem, outside)
    }
    longest = _covered(group, shared, longest=True)
    return longest if len(longest) <= SHORT else _covered(group, shared, longest=False)


def _begins_any(stem: str, names: Sequence[str]) -> bool:
    """Whether one of these sorted names begins with `stem`, at a break or not."""
    first = bisect_left(names, stem)
    return first < len(names) and names[first].startswith(stem)


def _covered(group: Sequence[str], shared: Collection[str], *, longest: bool) -> tuple[str, ...]:
    found: dict[str, bool] = {}
    for name in group:
        stems = [stem for stem in _beginnings(name) if stem in shared]
        found[stems[-1 if longest else 0] if stems else name] = bool(stems)
    cut = [stem for stem, is_stem in found.items() if is_stem]
    covered = {one for one in cut for other in cut if one != other and one.startswith(other)}
    return tuple(f"{n}*" if is_stem else n for n, is_stem in found.items() if n not in covered)


def _beginnings(name: str) -> Iterator[str]:
    """The beginnings of a name, the shortest first: `keras-`, `keras-shape-`."""
    return (
        name[: at.end()] for at in BREAK.finditer(name) if at.start() > 0 and at.end() < len(name)
    )
