"""The checked sections of matrix.yaml → the records of `runner.model`."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import attrs
import yaml
from attrs import frozen

from runner.config.checks import DEFAULT_CASE
from runner.config.schema import (
    CaseSection,
    LimitsSection,
    MatrixSection,
    ReproSection,
    RuleSection,
)
from runner.model import Case, Device, Exclusion, Expectation, Limits, Matrix, Repro, Rule


@frozen(kw_only=True)
class Defaults:
    """defaults.yaml."""

    tf: str
    patches: str
    devices: tuple[Device, ...]
    limits: Limits


@functools.lru_cache(maxsize=1)
def defaults() -> Defaults:
    text = (Path(__file__).parent / "defaults.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = yaml.safe_load(text)
    return Defaults(
        tf=data["tf"],
        patches=data["patches"],
        devices=tuple(Device(device) for device in data["devices"]),
        limits=Limits(**data["limits"]),
    )


def matrix(section: MatrixSection, source: Path) -> Matrix:
    standard = defaults()
    limits = _limits(section.limits, standard.limits)
    return Matrix(
        source=source,
        tf=",".join(section.tf) if section.tf else standard.tf,
        patches=section.patches or standard.patches,
        devices=tuple(section.devices) if section.devices else standard.devices,
        repros=tuple(_repro(each, source.parent, limits) for each in section.repros),
        images=dict(section.images),
    )


def _limits(section: LimitsSection, over: Limits) -> Limits:
    given = {key: value for key, value in section.model_dump().items() if value is not None}
    return attrs.evolve(over, **given)


def _repro(section: ReproSection, folder: Path, limits: Limits) -> Repro:
    return Repro(
        name=section.name,
        script=Path(os.path.normpath(folder / section.script)),
        about=_one_line(section.about),
        cases=tuple(_case(case) for case in section.cases or []) or (Case(name=DEFAULT_CASE),),
        limits=_limits(section.limits, limits),
        files=tuple(Path(file) for file in section.files),
        env=dict(section.env),
        requirements={tf: tuple(packages) for tf, packages in section.requirements.items()},
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


def _case(section: CaseSection) -> Case:
    return Case(name=section.name, args=tuple(section.args), about=_one_line(section.about))


def _rule(section: RuleSection) -> Rule:
    return Rule(tf=section.tf or "", cases=tuple(section.cases or ()), device=section.device)


def _one_line(text: str) -> str:
    """Folded YAML texts end in a newline; tables want one line."""
    return " ".join(text.split())
