"""Checks the axes of a repro and its rules: each must exist, and no two may set the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from runner.matrix.problems import KeyPath, one_of, quoted
from runner.model import package_name

_Found = Iterator[tuple[KeyPath, str]]

MOST_VARIANTS = 1000
"""The most variants of one case; each is a row of the matrix."""


def matrix_problems(axes: Any) -> _Found:
    """Problems of the matrix: a repro without cases, or with two cases of one name."""
    for name, values in axes.items() if isinstance(axes, dict) else ():
        if not isinstance(values, dict):
            continue
        if not values:
            yield ("axes", name), "has no values; give at least one, or leave it out"
        usual = [each for each, value in values.items() if _is_usual(value)]
        for each in usual[1:]:
            yield ("axes", name, each), f"changes nothing, and neither does {quoted(usual[0])}"


def _is_usual(value: Any) -> bool:
    return isinstance(value, dict) and not any(
        value.get(key) for key in ("python", "env", "requirements")
    )


def check_axes(entry: Mapping[str, Any], path: KeyPath, axes: Any) -> _Found:
    """Problems of one repro as written in the file. The schema reports wrong types."""
    if not isinstance(axes, dict):
        return
    given = entry.get("axes")
    names = given if isinstance(given, list) else []
    chosen: list[str] = []
    for index, name in enumerate(names):
        if not isinstance(name, str):
            continue
        if name not in axes:
            yield (*path, "axes", index), f"{quoted(name)} is not an axis; {one_of(name, axes)}"
        elif name in chosen:
            yield (*path, "axes", index), f"{quoted(name)} is there twice"
        else:
            chosen.append(name)
    own = {name: axes[name] for name in chosen if isinstance(axes[name], dict)}
    yield from _too_many(own, path)
    yield from _quarrels(own, path)
    if len(own) < len(names):
        return  # a misspelled axis is reported once, not for each rule that names it
    for key in ("exclude", "expect"):
        rules = entry.get(key)
        for index, rule in enumerate(rules if isinstance(rules, list) else []):
            if isinstance(rule, dict) and isinstance(rule.get("axes"), dict):
                yield from _rule(rule["axes"], (*path, key, index, "axes"), own)


def _too_many(axes: Mapping[str, Mapping[str, Any]], path: KeyPath) -> _Found:
    count = 1
    for values in axes.values():
        count *= max(1, len(values))
    if count > MOST_VARIANTS:
        yield (*path, "axes"), f"{count:,} variants of each case; at most {MOST_VARIANTS:,}"


def _quarrels(axes: Mapping[str, Mapping[str, Any]], path: KeyPath) -> _Found:
    """Problems of axes that set the same thing, because only the last one would count."""
    setters: dict[str, str] = {}
    for name, values in axes.items():
        for what in sorted(set(_all_set(values))):
            first = setters.setdefault(what, name)
            if first != name:
                yield (*path, "axes"), f"{quoted(first)} and {quoted(name)} both set {what}"


def _all_set(values: Mapping[str, Any]) -> Iterator[str]:
    for value in values.values():
        if not isinstance(value, dict):
            continue
        if "python" in value:
            yield "the Python"
        env, requirements = value.get("env"), value.get("requirements")
        yield from (f"{each}" for each in (env if isinstance(env, dict) else ()))
        for each in requirements if isinstance(requirements, list) else ():
            if isinstance(each, str) and re.match(r"\w", each):
                yield f"the version of {package_name(each)}"


def _rule(given: Mapping[str, Any], path: KeyPath, axes: Mapping[str, Mapping[str, Any]]) -> _Found:
    for name, value in given.items():
        if name not in axes:
            there = one_of(name, axes) if axes else "it has none"
            yield (*path, name), f"{quoted(name)} is not an axis of this repro; {there}"
        elif isinstance(value, str) and value not in axes[name]:
            yield (
                (*path, name),
                f"{quoted(value)} is not one of its values; {one_of(value, axes[name])}",
            )
