"""What differed between two measurements of a cell, as far as runs record it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Optional

from attrs import field, frozen

from runner.model import Case, EnvironmentInfo, Repro, Result, Run, pinned_version

_TENSORFLOW = ("tensorflow", "tensorflow-cpu", "tensorflow-gpu")
_MEMORY = 0.05
"""A smaller difference in memory is ignored: kernels reserve different amounts on one machine."""


@frozen(kw_only=True)
class Cause:
    """One recorded difference; `before` or `after` is None if that measurement lacks the thing."""

    kind: str
    """`tensorflow`, `package`, `python`, `script`, `files`, `settings`, `environment`, `engine`,
    `machine` or `tool`, the most likely cause first. `files` are those beside an equal script."""
    what: str
    """The name of the package, of the setting, of the fact about the machine …"""
    before: Optional[str]
    after: Optional[str]


@frozen(kw_only=True, slots=False)
class RecordedRun:
    """A run in results/ and the digests of its scripts."""

    run: Run
    texts: Mapping[str, str] = field(factory=dict)
    """Repro → digest of the script's text."""

    @cached_property
    def repros(self) -> dict[str, Repro]:
        return {repro.name: repro for repro in self.run.repros}

    @cached_property
    def cases(self) -> dict[tuple[str, str], Case]:
        """The cases by repro and name."""
        return {(repro.name, case.name): case for repro in self.run.repros for case in repro.cases}

    @cached_property
    def environments(self) -> dict[str, EnvironmentInfo]:
        return {environment.id: environment for environment in self.run.environments}


@frozen(kw_only=True)
class RecordedCell:
    """A result and the circumstances of its measurement."""

    past: RecordedRun
    result: Result

    @property
    def repro(self) -> Optional[Repro]:
        return self.past.repros.get(self.result.repro)

    @property
    def case(self) -> Optional[Case]:
        return self.past.cases.get((self.result.repro, self.result.case))

    @property
    def environment(self) -> Optional[EnvironmentInfo]:
        return self.past.environments.get(self.result.environment)


def differences_between(before: RecordedCell, after: RecordedCell) -> tuple[Cause, ...]:
    """All recorded differences, the most likely cause first; empty if there are none."""
    return (
        *_if_different(
            "tensorflow", "TensorFlow", before.result.tensorflow, after.result.tensorflow
        ),
        *_packages(before.environment, after.environment),
        *_if_different("python", "Python", before.result.python, after.result.python),
        *_script(before, after),
        *_settings(before, after),
        *_environment(before.environment, after.environment),
        *_if_different("engine", "engine", _engine(before), _engine(after)),
        *_machine(before.past.run.info.host, after.past.run.info.host),
        *_if_different("tool", "tfmatrix", _tool(before), _tool(after)),
    )


def _if_different(kind: str, what: str, before: object, after: object) -> Iterator[Cause]:
    if before != after:
        yield Cause(kind=kind, what=what, before=_text(before), after=_text(after))


def _text(value: object) -> Optional[str]:
    return None if value is None else str(value)


def _packages(
    before: Optional[EnvironmentInfo], after: Optional[EnvironmentInfo]
) -> Iterator[Cause]:
    if before and after and before.packages == after.packages:
        return  # the usual case: a quick answer
    old, new = _versions(before), _versions(after)
    if not old or not new:
        return  # one environment was never locked
    for name in sorted({*old, *new}):
        if not (name in _TENSORFLOW and name in old and name in new):
            yield from _if_different("package", name, old.get(name), new.get(name))


def _versions(environment: Optional[EnvironmentInfo]) -> dict[str, str]:
    packages = environment.packages if environment else ()
    return dict(map(pinned_version, packages))


def _script(before: RecordedCell, after: RecordedCell) -> Iterator[Cause]:
    """Compares the digests of all the script's files if both runs have them, else of its text."""
    name = after.result.repro
    texts = [one.past.texts.get(name, "") for one in (before, after)]
    old, new = (one.repro.digest if one.repro else "" for one in (before, after))
    kind = "files" if all(texts) and texts[0] == texts[1] else "script"
    if not old or not new:
        old, new = texts
    if old and new:
        yield from _if_different(kind, name, old[:12], new[:12])


def _settings(before: RecordedCell, after: RecordedCell) -> Iterator[Cause]:
    if before.case and after.case:
        old, new = (" ".join(one.args) for one in (before.case, after.case))
        yield from _if_different("settings", "arguments", old, new)
    if before.repro and after.repro:
        yield from _facts("settings", dict(before.repro.env), dict(after.repro.env))
        limits = [
            {f"{name} limit": getattr(one.limits, name) for name in ("timeout", "memory")}
            for one in (before.repro, after.repro)
        ]
        yield from _facts("settings", *limits)
    yield from _if_different("settings", "mode", before.result.mode, after.result.mode)


def _environment(
    before: Optional[EnvironmentInfo], after: Optional[EnvironmentInfo]
) -> Iterator[Cause]:
    """Compares what else is in the key: the Dockerfile, which names the base image."""
    if before and after and before.key and after.key and before.engine == after.engine == "docker":
        same = (before.packages, before.python) == (after.packages, after.python)
        if same and before.tensorflow == after.tensorflow:
            yield from _if_different("environment", "Dockerfile", before.key[:12], after.key[:12])


def _machine(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Cause]:
    old, new = dict(before), dict(after)
    memory = old.get("memory_mb"), new.get("memory_mb")
    if all(isinstance(each, (int, float)) for each in memory):
        least, most = sorted(float(each or 0) for each in memory)
        if most - least <= _MEMORY * most:
            new["memory_mb"] = old["memory_mb"]
    yield from _facts("machine", old, new)


def _facts(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Cause]:
    for name in {**before, **after}:
        yield from _if_different(kind, name, before.get(name), after.get(name))


def _engine(measured: RecordedCell) -> str:
    return measured.past.run.info.engine


def _tool(measured: RecordedCell) -> str:
    return measured.past.run.info.tool_version
