"""Reads the dependencies of a project from pyproject.toml, with the selected extras and groups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from runner.errors import UsageError
from runner.machine.files import regular_text
from runner.requirements import file, toml
from runner.requirements.asked import NOTHING, Asked, list_of_texts, python_bound, read_requirements

_WORD = re.compile(r"(?P<folder>[^\[\]]+)(?:\[(?P<names>[^\[\]]*)\])?")


def read_project(word: str) -> Asked:
    """What `--project WORD` asks for; WORD is such as `.` or `../mine[test,docs]`.

    Raises `UsageError`.
    """
    parts = _WORD.fullmatch(word)
    if parts is None:
        raise UsageError(f"--project {word}: expected a folder, or one with extras: '.[test]'")
    place = Path(parts["folder"])
    path = place if place.name == "pyproject.toml" else place / "pyproject.toml"
    data = toml.parse_toml(_text(path), str(path))
    names = [each.strip() for each in (parts["names"] or "").split(",") if each.strip()]
    return _Project(path, data).asked(names)


class _Project:
    def __init__(self, path: Path, data: Mapping[str, Any]) -> None:
        self._path = path
        self._source = str(path)
        self._project = _table(data, "project", self._source)
        self._groups = _normal(_table(data, "dependency-groups", self._source))
        self._tool = _table(data, "tool", self._source)
        if not self._project and not self._groups:
            raise UsageError(
                f"{path} has neither [project] nor [dependency-groups]",
                remedy="name its packages in a file: -r requirements.txt",
            )
        extras = _table(self._project, "optional-dependencies", self._source)
        self._extras = _normal(extras)

    def asked(self, names: list[str]) -> Asked:
        found = self._of_list(self._project.get("dependencies", []), "dependencies")
        found += self._dynamic("dependencies", "dependencies")
        for name in names:
            found += self._named(name)
        if "requires-python" in self._project:
            found += python_bound(self._project["requires-python"], self._source)
        return found

    def _named(self, name: str) -> Asked:
        """What an extra asks for, or the group of that name."""
        key = canonicalize_name(name)
        if key in self._extras:
            return self._of_list(self._extras[key], name)
        if key in self._groups:
            return read_requirements(self._of_group(key, ()), self._source)
        if "optional-dependencies" in self._project.get("dynamic", []):
            return self._dynamic("optional-dependencies", name)
        known = ", ".join(sorted({*self._extras, *self._groups})) or "none"
        raise UsageError(f"{self._path} has no extra or group {name!r}; there are: {known}")

    def _of_list(self, value: object, what: str) -> Asked:
        """What a list asks for. A requirement on the project itself stands for its extras."""
        own: list[str] = []
        others: list[str] = []
        for text in list_of_texts(value, what, self._source):
            (own if _name(text) == self._name else others).append(text)
        found = read_requirements(others, self._source)
        for text in own:
            for extra in sorted(Requirement(text).extras):
                found += self._named(extra)
        return found

    @property
    def _name(self) -> str:
        return canonicalize_name(str(self._project.get("name", "")))

    def _of_group(self, key: str, above: tuple[str, ...]) -> Iterator[str]:
        """The requirements of a group and of the groups that it includes (PEP 735)."""
        if key in above or key not in self._groups:
            raise UsageError(f"{self._path}: the group {above[-1]} cannot include {key}")
        members = self._groups[key]
        for each in members if isinstance(members, list) else [None]:
            if isinstance(each, str):
                yield each
            elif isinstance(each, dict) and isinstance(each.get("include-group"), str):
                yield from self._of_group(canonicalize_name(each["include-group"]), (*above, key))
            else:
                raise UsageError(f"{self._path}: the group {key} is not a list of requirements")

    def _dynamic(self, field: str, name: str) -> Asked:
        """What a dynamic field asks for, if setuptools reads it from requirements files."""
        if field not in self._project.get("dynamic", []):
            return NOTHING
        told: Any = self._tool
        for key in ("setuptools", "dynamic", field, *([name] if name != field else []), "file"):
            told = told.get(key) if isinstance(told, dict) else None
        files = [told] if isinstance(told, str) else told
        if not isinstance(files, list) or not all(isinstance(each, str) for each in files):
            raise UsageError(
                f"{self._path}: {field} is dynamic: only a build of the project can tell the value",
                remedy="name its packages in a file: -r requirements.txt",
            )
        found = NOTHING
        for each in files:
            found += file.read_file(self._path.parent / each)
        return found


def _name(text: str) -> str:
    try:
        return canonicalize_name(Requirement(text).name)
    except (InvalidRequirement, RecursionError):
        return ""  # `sorted_out` says what is wrong with it


def _table(data: Mapping[str, Any], name: str, source: str) -> dict[str, Any]:
    found = data.get(name, {})
    if not isinstance(found, dict):
        raise UsageError(f"{source}: {name} is not a table")
    return found


def _normal(table: Mapping[str, Any]) -> dict[str, Any]:
    return {canonicalize_name(name): value for name, value in table.items()}


def _text(path: Path) -> str:
    try:
        return regular_text(path)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}",
            remedy="--project takes the folder of a pyproject.toml",
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None
