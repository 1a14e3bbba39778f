"""Tells on which releases a variant exists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from runner.model import Release, Variant
from runner.releases import catalogue, specifier


def exists(variant: Variant, version: str, releases: Sequence[Release]) -> bool:
    """Whether the variant is meant for TensorFlow `version`, and a wheel exists for its Python.

    `releases` say which Pythons have wheels; a release that is not in `releases` has all of them.
    """
    known = catalogue.find_release(releases, version)
    if variant.python and known and variant.python not in known.pythons:
        return False
    release = known or Release(
        version=version, released=date.min, pythons=(), cpu_requirement=""
    )  # the rules read only the version
    return all(specifier.matches(spec, release) for spec in variant.tf)
