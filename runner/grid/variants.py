"""Tells on which releases a variant exists."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date

from attrs import frozen

from runner.model import Release, Variant
from runner.releases import catalogue, specifier


@frozen
class Existence:
    """The TensorFlow versions that a variant is meant for, and those of them with its Python."""

    meant_for: Collection[str]
    with_python: Collection[str]


def existence(variant: Variant, versions: Iterable[str], releases: Sequence[Release]) -> Existence:
    """On which of these `versions` the variant exists.

    `releases` say which Pythons have wheels; a release that is not in `releases` has all of them.
    """
    meant_for, with_python = set(), set()
    for version in versions:
        release = catalogue.find_release(releases, version)
        if _is_meant_for(variant, release or _unknown(version)):
            meant_for.add(version)
            if not variant.python or release is None or variant.python in release.pythons:
                with_python.add(version)
    return Existence(meant_for, with_python)


def _is_meant_for(variant: Variant, release: Release) -> bool:
    return all(specifier.matches(spec, release) for spec in variant.tf)


def _unknown(version: str) -> Release:
    """A release of which only the version is known: the rules read no more."""
    return Release(version=version, released=date.min, pythons=(), cpu_requirement="")
