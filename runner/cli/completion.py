"""Completions for a shell. They only read text, because a key press must not wait for imports."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from click.shell_completion import CompletionItem

from runner import paths

_RELEASE = re.compile(r"^    (\d+\.\d+\.\S+): \{", re.MULTILINE)
_WORDS = ("latest", "nightly")


def complete_specs(_context: Any, _parameter: Any, incomplete: str) -> list[CompletionItem]:
    """Completes the last item of a SPEC: `2.9.3,2.1` to `2.9.3,2.10`, `>=2.1` to `>=2.10`.

    Offers series; after the dot of a series (`2.10.`), its patch releases.
    """
    item = re.split(r"[,=<>~!]", incomplete)[-1]
    before = incomplete[: len(incomplete) - len(item)]
    releases = _releases()
    offered = releases if item.count(".") == 2 else _series(releases)
    words = [] if before.endswith(tuple("=<>~!")) else list(_WORDS)
    return _starting(incomplete, [before + each for each in [*words, *offered]])


def complete_versions(_context: Any, _parameter: Any, incomplete: str) -> list[CompletionItem]:
    """Completes one release: an end of a bisection."""
    releases = _releases()
    offered = releases if incomplete.count(".") == 2 else _series(releases)
    return _starting(incomplete, [*offered, "nightly"])


def complete_cases(_context: Any, _parameter: Any, incomplete: str) -> list[CompletionItem]:
    """Completes the names of cases in matrix.yaml."""
    found = (case for repro in _repros(_context) for case in _list(repro.get("cases")))
    names = (case.get("name") if isinstance(case, dict) else case for case in found)
    return _starting(incomplete, dict.fromkeys(str(name) for name in names))


def complete_scripts(_context: Any, _parameter: Any, incomplete: str) -> list[CompletionItem]:
    """Completes the scripts of matrix.yaml and files."""
    known = (str(repro["script"]) for repro in _repros(_context) if repro.get("script"))
    return [*_starting(incomplete, dict.fromkeys(known)), CompletionItem(incomplete, type="file")]


def complete_runs(_context: Any, _parameter: Any, incomplete: str) -> list[CompletionItem]:
    """Completes the runs in results/, newest first, and folders."""
    folders = (path.parent.name for path in paths.results().glob("*/cells.jsonl"))
    known = sorted(folders, reverse=True)
    return [*_starting(incomplete, known), CompletionItem(incomplete, type="dir")]


def _starting(incomplete: str, words: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def _releases() -> list[str]:
    """The versions in the catalogue's text, newest first; none if it cannot be read."""
    try:
        return _RELEASE.findall(paths.releases().read_text("utf-8"))[::-1]
    except (OSError, UnicodeDecodeError):
        return []


def _series(releases: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(".".join(release.split(".")[:2]) for release in releases))


def _repros(context: Any) -> list[dict[str, Any]]:
    """The repros in matrix.yaml, valid or not; none if there is no such file."""
    import yaml

    file = context.params.get("matrix_file") or "matrix.yaml"
    try:
        loaded = yaml.safe_load(Path(file).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return []
    repros = _list(loaded.get("repros")) if isinstance(loaded, dict) else []
    return [each for each in repros if isinstance(each, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
