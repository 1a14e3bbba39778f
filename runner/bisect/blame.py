"""Finds whether TensorFlow caused a change, or a package that changed with it.

It tries the first release that behaves differently with the older release's packages: first all,
then halves, until the fewest packages are found that restore the older behaviour. Packages that the
newer release cannot have in the older version stay suspects and are named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Optional

from attrs import evolve, frozen

from runner.bisect.answer import Neighbour, differing_packages, quoted_result
from runner.environments import locks
from runner.errors import LockError
from runner.matrix import variants
from runner.model import Cell, Result, Target, Variant, package_name
from runner.report.text import listed

MOST_NAMED = 6
MOST_RUNS = 24
"""The search stops after this many trials and reports what it has."""
MOST_REASON = 200
_SPELLED_OUT = 3
"""A variant of more packages is named by their number."""

Pins = tuple[str, ...]
"""`name==version`, sorted."""
Try = Callable[[Pins], Optional[Result]]
"""Runs the newer release with these packages; None if they cannot be installed together."""


@frozen(kw_only=True)
class Blame:
    """The result of the search."""

    packages: Pins
    """The fewest packages that make the newer release behave as the older one; empty if none do."""
    tried: Pins
    """All packages that the newer release can have in the older release's version."""
    result: Optional[Result]
    """The newer release's result with `packages`, or with all `tried` if `packages` is empty."""
    refused: Mapping[str, str]
    """Package → why the newer release cannot have the older version."""


def find_blame(
    before: Neighbour,
    after: Neighbour,
    target: Target,
    as_before: Callable[[Result], bool],
    attempt: Try,
) -> Blame:
    """`target` is the newer release; `as_before` whether a result equals the older release's."""
    wanted = [pin for pin in _older(before, after) if package_name(pin) not in _own(target)]
    refused = {pin: why for pin in wanted if (why := _refusal(with_pins(target, (pin,))))}
    tried = tuple(pin for pin in wanted if pin not in refused)
    known: dict[Pins, Optional[Result]] = {}

    def enough(pins: Pins) -> bool:
        if pins not in known:
            known[pins] = attempt(pins) if len(known) < MOST_RUNS else None
        result = known[pins]
        return result is not None and result.outcome.verdict.judged and as_before(result)

    found = fewest_needed(tried, enough)
    return Blame(packages=found, tried=tried, result=known.get(found or tried), refused=refused)


def fewest_needed(items: Pins, enough: Callable[[Pins], bool]) -> Pins:
    """A subset of `items` that is enough, but no longer is if any one item is removed.

    Empty if even all items together are not enough. This is delta debugging (Zeller and
    Hildebrandt, "Simplifying and isolating failure-inducing input", 2002): about 2 log2 n calls of
    `enough` if one item suffices.
    """
    if not items or not enough(items):
        return ()
    parts = 2
    while len(items) > 1:
        chunks = _chunks(items, parts)
        part = next(filter(enough, chunks), None)
        rest = next(filter(enough, _others(items, chunks)), None) if part is None else None
        if part is not None:
            items, parts = part, 2
        elif rest is not None:
            items, parts = rest, max(parts - 1, 2)
        elif parts >= len(items):
            break
        else:
            parts = min(2 * parts, len(items))
    return items


def _chunks(items: Pins, parts: int) -> list[Pins]:
    size = -(-len(items) // parts)
    return [items[at : at + size] for at in range(0, len(items), size)]


def _others(items: Pins, chunks: Sequence[Pins]) -> Iterator[Pins]:
    """All items except one chunk; nothing for two chunks, which are the rest of each other."""
    for chunk in chunks if len(chunks) > 2 else ():
        yield tuple(item for item in items if item not in chunk)


def with_older_packages(cell: Cell, pins: Pins, number: int) -> Cell:
    """`cell` with these packages, as a variant of its case with its own row in the report."""
    name = ",".join(pin.replace("==", "=") for pin in pins)
    if len(pins) > _SPELLED_OUT:
        name = f"swap-{number}={len(pins)}-packages"
    values = dict(pin.split("==", 1) for pin in pins)
    variant = variants.combine(
        (cell.case.variant, Variant(name=name, values=values, requirements=pins))
    )
    case = variants.in_variant(cell.case, variant)
    return evolve(cell, case=case, target=with_pins(cell.target, pins))


def with_pins(target: Target, pins: Pins) -> Target:
    return evolve(target, requirements=tuple(sorted({*target.requirements, *pins})))


def _older(before: Neighbour, after: Neighbour) -> list[str]:
    """The packages that both environments have, in the older version, without TensorFlow itself."""
    changes = differing_packages(before, after)
    return [
        f"{name}=={old}"
        for name, old, new in changes
        if old and new and not name.startswith(("tensorflow", "tf-nightly"))
    ]


def _own(target: Target) -> set[str]:
    """The packages that the user asked for; they are never swapped."""
    return {package_name(each) for each in target.requirements}


def _refusal(target: Target) -> str:
    """The reason why `target` cannot be resolved; "" if it can."""
    try:
        locks.environment(target)
    except LockError as error:
        return " ".join(error.message.split())
    return ""


def blame_sentences(blame: Blame, before: str, after: str) -> Iterator[str]:
    """Sentences. `before` and `after` are the names of the releases."""
    if blame.packages:
        which = listed([pin.replace("==", " ") for pin in blame.packages], MOST_NAMED)
        yield f"The packages make the difference: with {which}, {after} behaves as {before}." + (
            " It takes all of them." if len(blame.packages) > 1 else ""
        )
    elif blame.result is not None and blame.result.outcome.verdict.judged:
        many = listed([pin.replace("==", " ") for pin in blame.tried], MOST_NAMED, "more packages")
        yield (
            f"The change is TensorFlow's own, or that of a package that could not be swapped: with "
            f"{many} as on {before}, {after} still ends with {quoted_result(blame.result)}."
        )
    elif blame.tried:
        yield f"{after} could not be tried with the packages of {before}: no answer."
    else:
        yield f"No package could be swapped, so only TensorFlow itself was tried on {after}."
    for pin, why in list(blame.refused.items())[:MOST_NAMED]:
        yield f"Not ruled out: {pin.replace('==', ' ')}, which {after} cannot have: {_short(why)}"


def _short(why: str) -> str:
    """The resolver's reason, without its preamble."""
    said = why.rpartition("cause: ")[2]
    return said if len(said) <= MOST_REASON else said[:MOST_REASON] + "…"
