"""A `Matrix` for scripts named on the command line, without a matrix.yaml or beside one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import attrs

from runner.errors import UsageError
from runner.matrix import variants, words
from runner.matrix.defaults import DEFAULT_CASE, defaults
from runner.matrix.files import script_problem
from runner.model import Case, Matrix, Repro
from runner.releases.specifier import EVERY_RELEASE
from runner.scripts import pytest_words
from runner.scripts.named import Named


def adhoc(
    named: Sequence[Named], args: Sequence[str] = (), matrix: Optional[Matrix] = None
) -> Matrix:
    """The matrix for `tfmatrix run my.py --arg a`.

    A script that is one of `matrix`'s repros keeps its entry: cases, limits, files, rules. Other
    settings come from `matrix` too, else from the defaults. With `args`, each script has one case
    with these arguments; expectations are then left out, because they refer to the declared cases.
    Raises `UsageError` for a script that cannot be run.
    """
    repros: list[Repro] = []
    for one in named:
        wrong = script_problem(one.script, str(one.script))
        if wrong:
            raise UsageError(wrong)
        if _those_of(one, repros):
            continue
        repros += _those_of(one, matrix.repros if matrix else ()) or [_new(one, repros)]
    if args:
        repros = [
            _with_options(repro, args) if repro.suite else _with_args(repro, args)
            for repro in repros
        ]
    if matrix:
        return attrs.evolve(matrix, repros=tuple(repros))
    standard = defaults()
    return Matrix(
        source=Path("matrix.yaml"),
        tf=standard.tf,
        patches=standard.patches,
        devices=standard.devices,
        repros=tuple(repros),
    )


def _those_of(named: Named, repros: Sequence[Repro]) -> list[Repro]:
    """The repros of one script; it may have several, with other packages or variables."""
    return [
        each
        for each in repros
        if each.script.exists()
        and named.script.samefile(each.script)
        and named.folder == each.folder
        and named.suite == each.suite
    ]


def _new(named: Named, others: Sequence[Repro]) -> Repro:
    """A repro named after the file, in allowed letters, with a number if the name is taken."""
    taken = {repro.name for repro in others}
    stem = words.name_like(named.name)
    names = (stem if n == 1 else f"{stem}-{n}" for n in range(1, len(taken) + 2))
    return Repro(
        name=next(each for each in names if each not in taken),
        script=named.script,
        folder=named.folder,
        suite=named.suite,
        limits=defaults().limits,
        requirements={EVERY_RELEASE: named.packages} if named.packages else {},
    )


def _with_options(repro: Repro, options: Sequence[str]) -> Repro:
    """The suite with more arguments for pytest: `tfmatrix run test_my.py -- -k layers`."""
    assert repro.suite is not None
    pytest_words.divide(options, repro.suite.folder)
    suite = attrs.evolve(repro.suite, options=(*repro.suite.options, *options))
    return attrs.evolve(repro, suite=suite)


def _with_args(repro: Repro, args: Sequence[str]) -> Repro:
    case = Case(name=DEFAULT_CASE, args=tuple(args))
    everywhere = tuple(each for each in repro.exclusions if not each.rule.cases)
    return attrs.evolve(
        repro,
        cases=tuple(
            variants.in_variant(case, variant) for variant in variants.variants_of(repro.cases)
        ),
        exclusions=everywhere,
        expectations=(),
    )
