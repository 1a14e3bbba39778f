"""Checks that pydantic cannot do on one value: unique names, matching globs, existing files."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runner.errors import UsageError, nearest
from runner.matrix import axes_checks
from runner.matrix.defaults import DEFAULT_CASE
from runner.matrix.files import exists, is_outside, script_problem
from runner.matrix.problems import KeyPath, Problem, quoted
from runner.matrix.schema import ReproSection
from runner.matrix.yaml_positions import Document
from runner.model import is_named
from runner.scripts import suites

_Found = Iterator[tuple[KeyPath, str]]


MOST_FOUND = 200


def problems_of(document: Document, folder: Path) -> list[Problem]:
    """The problems. Each repro is checked alone, so that one mistake does not hide others.

    `folder`: scripts are relative to it.
    """
    named = {problem.path for problem in document.problems}
    found = itertools.islice(_all(document.data, folder), MOST_FOUND)
    return [
        Problem(document.value_at(path), path, message)
        for path, message in found
        if path not in named
    ]


def _all(data: Any, folder: Path) -> _Found:
    if not isinstance(data, dict):
        return
    repros = data.get("repros")
    entries = repros if isinstance(repros, list) else []
    yield from _same_devices(data)
    yield from _twice(entries, ("repros",), "name")
    axes = data.get("axes", {})
    yield from axes_checks.matrix_problems(axes)
    for index, entry in enumerate(entries):
        if isinstance(entry, dict):
            yield from _repro(entry, ("repros", index), folder)
            yield from axes_checks.check_axes(entry, ("repros", index), axes)


def _repro(entry: dict[str, Any], path: KeyPath, folder: Path) -> _Found:
    cases = entry.get("cases")
    yield from _twice(cases if isinstance(cases, list) else [], (*path, "cases"), "name")
    yield from _source(entry, path)
    yield from _tests(entry, path, folder)
    script = entry.get("script")
    if isinstance(script, str) and script.strip():
        place = folder / script.strip()
        wrong = script_problem(place, quoted(script))
        if not wrong and is_outside(place, folder):
            wrong = (
                f"{quoted(script)} lies outside the folder of this file; copy it into that, or "
                "name it on the command line"
            )
        if wrong:
            yield (*path, "script"), wrong
    try:
        section = ReproSection.model_validate(entry)
    except ValidationError:
        return
    if section.tests is None:
        yield from _globs(section, path)
    yield from _files(section, path, (folder / (section.script or "_")).parent)


def _source(entry: dict[str, Any], path: KeyPath) -> _Found:
    """A repro has a script or tests."""
    if "tests" in entry:
        for key in ("script", "cases"):
            if key in entry:
                yield (*path, key), "goes with no `tests`: each of these is a case"
    elif "script" not in entry and nearest("script", list(entry)) is None:
        description = ReproSection.model_fields["script"].description
        yield (*path, "script"), f"is missing ({description})"


def _tests(entry: dict[str, Any], path: KeyPath, folder: Path) -> _Found:
    tests = entry.get("tests")
    if isinstance(tests, str) and tests.strip():
        try:
            suites.suite_of_text(tests, folder)
        except UsageError as error:
            said = str(error).partition("\n")[0]
            yield (*path, "tests"), said.replace(str(folder.absolute()), "the folder of this file")


def _twice(entries: Sequence[Any], path: KeyPath, key: str) -> _Found:
    first: dict[str, int] = {}
    for index, entry in enumerate(entries):
        name = entry.get(key) if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue
        folded = name.casefold()  # names become names of files
        if folded in first:
            yield (
                (*path, index, key),
                f"{quoted(name)} is taken by {path[-1]}[{first[folded]}]; names must differ",
            )
        first.setdefault(folded, index)


def _same_devices(data: dict[str, Any]) -> _Found:
    given = data.get("devices")
    devices = given if isinstance(given, list) else []
    for index, device in enumerate(devices):
        if isinstance(device, str) and device in devices[:index]:
            yield ("devices", index), f"{quoted(device)} is there twice"


def _globs(section: ReproSection, path: KeyPath) -> _Found:
    names = [case.name for case in section.cases or []] or [DEFAULT_CASE]
    for key in ("exclude", "expect"):
        for i, rule in enumerate(getattr(section, key)):
            for j, glob in enumerate(rule.cases or []):
                if not any(is_named(name, (glob,)) for name in names):
                    found = nearest(glob, names)
                    hint = f"; did you mean {quoted(found)}?" if found else f": {_few(names)}"
                    yield (
                        (*path, key, i, "cases", j),
                        f"{quoted(glob)} matches none of the cases{hint}",
                    )


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (" …" if len(names) > 8 else "")


def _files(section: ReproSection, path: KeyPath, folder: Path) -> _Found:
    for index, file in enumerate(section.files):
        if not exists(folder, file):
            yield (*path, "files", index), f"there is no {quoted(file)} in the script's folder"
