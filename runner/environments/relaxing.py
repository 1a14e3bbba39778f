"""`--relax`: replaces exact versions that cannot be installed by the nearest ones.

The nearest version is the newest older one, else the oldest newer one. Versions that can be
installed stay as the user asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Optional

from attrs import evolve
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from runner.environments.resolve import LockRequest
from runner.errors import LockError
from runner.model import package_name, pinned_packages

Resolve = Callable[[LockRequest], str]


def exact_version(requirement: str) -> Optional[str]:
    """The only version that a requirement allows; None if it allows several."""
    specifiers = list(Requirement(requirement).specifier)
    if len(specifiers) != 1 or specifiers[0].operator not in ("==", "==="):
        return None
    return None if specifiers[0].version.endswith(".*") else specifiers[0].version


def nearest_lock(request: LockRequest, own: Collection[str], resolve: Resolve) -> Optional[str]:
    """The lock with the pins in `own` relaxed; None if that cannot be resolved either."""
    exact = [each for each in own if exact_version(each)]
    with suppress(LockError):
        return resolve(_with(request, exact, older=exact))
    newer = [each for each in exact if not _has_older(request, own, each, resolve)]
    older = [each for each in exact if each not in newer]
    try:
        highest = resolve(_with(request, exact, older=older))
    except LockError:
        return None
    with suppress(LockError):
        return resolve(_lowest(request, exact, older, newer, highest))
    return highest


def _has_older(request: LockRequest, own: Collection[str], pin: str, resolve: Resolve) -> bool:
    """Whether TensorFlow alone works with some version up to this one."""
    others = [each for each in own if each != pin]
    alone = evolve(
        request, requirements=tuple(each for each in request.requirements if each not in others)
    )
    try:
        resolve(_with(alone, [pin], older=[pin]))
    except LockError:
        return False
    return True


def _with(request: LockRequest, wanted: Collection[str], older: Collection[str]) -> LockRequest:
    """`request` with a bound instead of each pin in `wanted`: an upper bound for pins in
    `older`."""
    return evolve(
        request,
        requirements=tuple(
            _bounded(each, "<=" if each in older else ">=") if each in wanted else each
            for each in request.requirements
        ),
    )


def _lowest(
    request: LockRequest,
    wanted: Collection[str],
    older: Collection[str],
    newer: Collection[str],
    lock: str,
) -> LockRequest:
    """`request` with the versions of `lock`, except for `newer`
    pins, whose lowest versions it takes."""
    bounded = _with(request, wanted, older)
    loose = {package_name(each) for each in newer}
    fixed = tuple(pin for pin in pinned_packages(lock) if package_name(pin) not in loose)
    return evolve(bounded, constraints=(*request.constraints, *fixed), held="", lowest=True)


def _bounded(requirement: str, operator: str) -> str:
    parsed = Requirement(requirement)
    parsed.specifier = SpecifierSet(f"{operator}{exact_version(requirement)}")
    return str(parsed)
