"""Tells on which releases a variant exists."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date

from runner.model import Release, Variant
from runner.releases import catalogue, specifier


def exists_on(
    variant: Variant, versions: Iterable[str], releases: Sequence[Release]
) -> tuple[Collection[str], Collection[str]]:
    """Those `versions` of TensorFlow that the variant is meant for, and of these those that have
    its Python.

    `releases` say which Pythons have wheels; a release that is not in `releases` has all of them.
    """
    meant, with_python = set(), set()
    for version in versions:
        release = catalogue.find_release(releases, version)
        if _is_meant_for(variant, release or _unknown(version)):
            meant.add(version)
            if not variant.python or release is None or variant.python in release.pythons:
                with_python.add(version)
    return meant, with_python


def _is_meant_for(variant: Variant, release: Release) -> bool:
    return all(specifier.matches(spec, release) for spec in variant.tf)


def _unknown(version: str) -> Release:
    """A release of which only the version is known: the rules read no more."""
    return Release(version=version, released=date.min, pythons=(), cpu_requirement="")
