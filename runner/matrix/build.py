"""The checked sections of matrix.yaml → the records of `runner.model`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import attrs

from runner import paths
from runner.matrix import variants
from runner.matrix.defaults import DEFAULT_CASE, defaults
from runner.matrix.schema import (
    CaseSection,
    LimitsSection,
    MatrixSection,
    ReproSection,
    RuleSection,
    ValueSection,
)
from runner.model import (
    Axis,
    Case,
    Exclusion,
    Expectation,
    Limits,
    Matrix,
    Repro,
    Rule,
    package_name,
)
from runner.releases.specifier import EVERY_RELEASE
from runner.scripts import suites


def build_matrix(section: MatrixSection, source: Path) -> Matrix:
    standard = defaults()
    limits = _limits(section.limits, standard.limits)
    axes = {name: _axis(name, values) for name, values in section.axes.items()}
    return Matrix(
        source=source,
        tf=",".join(section.tf) if section.tf else standard.tf,
        patches=section.patches or standard.patches,
        devices=tuple(section.devices) if section.devices else standard.devices,
        repros=tuple(
            _repro(each, source.parent, limits, [axes[name] for name in each.axes])
            for each in section.repros
        ),
        images=dict(section.images),
        axes=tuple(axes.values()),
    )


def _limits(section: LimitsSection, over: Limits) -> Limits:
    given = {key: value for key, value in section.model_dump().items() if value is not None}
    return attrs.evolve(over, **given)


def _axis(name: str, values: dict[str, ValueSection]) -> Axis:
    return Axis(
        name=name,
        values=tuple(
            variants.axis_value(
                name,
                value,
                tf=section.tf or "",
                python=section.python,
                env=section.env.items(),
                requirements=section.requirements,
            )
            for value, section in values.items()
        ),
    )


def _repro(section: ReproSection, folder: Path, limits: Limits, axes: Sequence[Axis]) -> Repro:
    cases = tuple(_case(case) for case in section.cases or []) or (Case(name=DEFAULT_CASE),)
    suite = suites.suite_of_text(section.tests, folder) if section.tests else None
    script = paths.suite_driver() if suite else folder / (section.script or "")
    return Repro(
        name=section.name,
        script=Path(os.path.normpath(script)),
        folder=suite.folder if suite else None,
        suite=suite,
        about=_one_line(section.about),
        cases=variants.all_combinations(cases, axes),
        limits=_limits(section.limits, limits),
        files=tuple(Path(file) for file in section.files),
        env=dict(section.env),
        requirements=_requirements(section),
        fail_on=section.fail_on,
        exclusions=tuple(
            Exclusion(rule=_rule(each), reason=_one_line(each.reason)) for each in section.exclude
        ),
        expectations=tuple(
            Expectation(
                rule=_rule(each),
                verdict=each.outcome,
                source=_one_line(each.source),
                signature=each.signature,
            )
            for each in section.expect
        ),
    )


def _requirements(section: ReproSection) -> dict[str, tuple[str, ...]]:
    """The packages; tests get pytest unless another version is requested."""
    asked = {tf: tuple(packages) for tf, packages in section.requirements.items()}
    named = {package_name(each) for packages in asked.values() for each in packages}
    if section.tests and "pytest" not in named:
        asked[EVERY_RELEASE] = (*asked.get(EVERY_RELEASE, ()), "pytest")
    return asked


def _case(section: CaseSection) -> Case:
    return Case(name=section.name, args=tuple(section.args), about=_one_line(section.about))


def _rule(section: RuleSection) -> Rule:
    return Rule(
        tf=section.tf or "",
        cases=tuple(section.cases or ()),
        device=section.device,
        axes=dict(section.axes),
    )


def _one_line(text: str) -> str:
    """Folded YAML texts end in a newline; tables want one line."""
    return " ".join(text.split())
