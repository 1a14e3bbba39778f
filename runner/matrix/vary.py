"""`--vary NAME=VALUE,VALUE`: defines an axis on the command line.

`python` varies Python, `backend` the backend of Keras 3, a name in capitals a variable, any other
name a package. An empty value is the usual way: the variable is unset, or the package is as the
release requires it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Optional

from attrs import evolve

from runner.errors import UsageError, meant
from runner.matrix import variants, words
from runner.model import Axis, Variant

PYTHON = "python"
BACKEND = "backend"
_BACKENDS: Mapping[str, tuple[str, ...]] = {"tensorflow": (), "jax": ("jax[cpu]",)}
"""Backend → the packages that it needs besides those of the release."""
_TORCH = "torch"
_CPU_BUILD = re.compile(r"torch==[0-9][0-9a-z.]*\+cpu")
"""Only an exact version: indexes of CPU builds do not say when a build came out."""
_KERAS_3 = ">=2.16.0"
"""The releases whose `keras` is Keras 3, which has backends."""
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_COMPARED = tuple("<>=!~")


def parse_axis(text: str, known: Sequence[Axis] = ()) -> Axis:
    """The axis that `--vary text` defines; a name alone is one of `known`. Raises `UsageError`."""
    name, given, values = text.partition("=")
    if not given:
        return _known(name, known)
    names = [each.strip() for each in values.split(",")]
    if len(set(names)) < len(names):
        raise UsageError(f"--vary {text}: a value is there twice")
    close = difflib.get_close_matches(name.lower(), [PYTHON], cutoff=0.8)
    if name != PYTHON and close and name[:2].lower() == PYTHON[:2]:  # cython and ipython exist
        raise UsageError(f"--vary {text}: did you mean --vary {PYTHON}={values}?")
    return Axis(name=name, values=tuple(_value(name, each, text) for each in names))


def package(name: str, versions: Sequence[str], days: Mapping[str, date] = {}) -> Axis:
    """The axis of these releases of a package.

    If one of `days` is later than the release's date, the packages are resolved as of that day.
    """
    values = (_package(name, version) for version in versions)
    return Axis(
        name=name,
        values=tuple(
            evolve(value, later=days[version].isoformat() if version in days else "")
            for value, version in zip(values, versions)
        ),
    )


def is_variable(name: str) -> bool:
    """Whether an axis of this name varies an environment variable."""
    return _VARIABLE.fullmatch(name) is not None


def variable(text: str) -> tuple[str, str]:
    """The name and the value of `--env NAME=VALUE`. Raises `UsageError`."""
    name, given, value = text.partition("=")
    if not given:
        raise UsageError(f"--env {text}: expected NAME=VALUE, such as TF_ENABLE_ONEDNN_OPTS=0")
    try:
        return words.variable(name), value
    except ValueError as error:
        raise UsageError(f'--env: "{name}" {error}') from None


def _known(name: str, known: Sequence[Axis]) -> Axis:
    for each in known:
        if each.name == name:
            return each
    hint = meant(name, [each.name for each in known])
    raise UsageError(
        f"--vary {name}: matrix.yaml has no axis of that name{hint}",
        remedy=f"or give its values: --vary {name}=VALUE,VALUE",
    )


def _value(axis: str, value: str, text: str) -> Variant:
    try:
        if axis == PYTHON:
            return _python(value)
        if axis == BACKEND:
            return _backend(value)
        if is_variable(axis):
            return variants.axis_value(axis, value, env=((axis, value),) if value else ())
        return _package(axis, value)
    except ValueError as error:
        raise UsageError(f'--vary {text}: "{value}" {error}') from None


def _python(value: str) -> Variant:
    python: Optional[str] = words.python_version(value) if value else None
    return variants.axis_value(PYTHON, value, python=python)


def _backend(value: str) -> Variant:
    if not value:
        return variants.axis_value(BACKEND, value)
    name = value.partition("=")[0]
    if name == _TORCH and not _CPU_BUILD.fullmatch(value):
        raise ValueError(
            "is torch with CUDA, several gigabytes: PyPI has no other for Linux; name a CPU build"
            " (backend=torch==2.5.1+cpu), and in UV_INDEX an index that has it (docs/variants.md)"
        )
    if name != _TORCH and value not in _BACKENDS:
        raise ValueError(
            "is not a backend that can be added; expected tensorflow, jax or torch==VERSION+cpu"
        )
    return variants.axis_value(
        BACKEND,
        value,
        tf=_KERAS_3,
        env=(("KERAS_BACKEND", name),),
        requirements=(value,) if name == _TORCH else _BACKENDS[value],
    )


def _package(name: str, value: str) -> Variant:
    if not value:
        return variants.axis_value(name, value)
    requirement = f"{name}{value}" if value.startswith(_COMPARED) else f"{name}=={value}"
    return variants.axis_value(name, value, requirements=(words.requirement(requirement),))
