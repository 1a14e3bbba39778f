"""Axes → cases: each case of a repro, in each combination of the axes' values. Pure.

Each variant of a case is a row of the matrix with its own name. A value that changes nothing adds
nothing to the name, so that existing rows keep their names when a matrix gets an axis.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Optional

from attrs import evolve

from runner.model import USUAL, Axis, Case, Variant

SEPARATOR = "@"
"""Stands between the names of a case and its variant; no other name may contain it."""


def axis_value(
    axis: str,
    name: str,
    *,
    tf: str = "",
    python: Optional[str] = None,
    env: Iterable[tuple[str, str]] = (),
    requirements: Sequence[str] = (),
) -> Variant:
    """One value of an axis. If it changes nothing, only rules use its name."""
    changes = bool(python or env or requirements)
    return Variant(
        name=f"{axis}={name}" if changes else "",
        values={axis: name},
        tf=(tf,) if tf else (),
        python=python,
        env=dict(env),
        requirements=tuple(requirements),
    )


def combine(variants: Iterable[Variant]) -> Variant:
    """All variants combined; if two set the same, the last counts."""
    whole = USUAL
    for each in variants:
        whole = Variant(
            name=",".join(filter(None, (whole.name, each.name))),
            values={**whole.values, **each.values},
            tf=(*whole.tf, *each.tf),
            python=each.python or whole.python,
            env={**whole.env, **each.env},
            requirements=(*whole.requirements, *each.requirements),
            later=max(whole.later, each.later),
        )
    return whole


def all_combinations(cases: Sequence[Case], axes: Sequence[Axis]) -> tuple[Case, ...]:
    """Every case in every combination: all cases of the first combination, then of the next.

    Cases that already vary on an axis are not combined with it again.
    """
    there = {name for case in cases for name in case.variant.values}
    combinations = itertools.product(*(axis.values for axis in axes if axis.name not in there))
    return tuple(
        in_variant(case, combine((case.variant, *values)))
        for values in combinations
        for case in cases
    )


def in_variant(case: Case, variant: Variant) -> Case:
    """`case` in `variant` instead of its current variant."""
    name = SEPARATOR.join(filter(None, (case.base_name, variant.name)))
    return evolve(case, name=name, variant=variant)


def variants_of(cases: Iterable[Case]) -> list[Variant]:
    """The variants of the cases, each once."""
    found: list[Variant] = []
    for case in cases:
        if case.variant not in found:
            found.append(case.variant)
    return found
