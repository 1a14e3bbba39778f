"""On which releases a variant exists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from runner.model import Release, Variant
from runner.releases import catalogue, specifier


def exists(variant: Variant, version: str, releases: Sequence[Release]) -> bool:
    """Whether the variant is meant for TensorFlow `version`, and its Python has a wheel of it.

    Which Pythons there are is asked of `releases`; a release that is not among them has any.
    """
    known = catalogue.find_release(releases, version)
    if variant.python and known and variant.python not in known.pythons:
        return False
    release = known or Release(
        version=version, released=date.min, pythons=(), cpu_requirement=""
    )  # rules look at the version alone
    return all(specifier.matches(spec, release) for spec in variant.tf)
