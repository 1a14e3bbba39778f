"""Turns a Jupyter notebook into one script: its code cells, in order. Pure.

This module reads the JSON itself, within limits. The library nbformat would bring a JSON Schema
library, traitlets and jupyter-core, though a script needs only three fields. Formats 3 and 4, which
all notebooks since 2013 have, are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from attrs import evolve

from runner.errors import UsageError
from runner.scripts import interactive, ipython
from runner.scripts.ipython import Plain
from runner.scripts.pip_install import Installed
from runner.scripts.places import CELL

MOST_BYTES = 64 << 20
"""The largest notebook. Its outputs may contain pictures; they are not read."""
MOST_SCRIPT = 1 << 20
"""The longest code of a notebook, in characters."""
_MAY_RAISE = """\
try:
    exec(compile({!r}, "a cell that may raise", "exec"))
except Exception:
    __import__("traceback").print_exc()"""
"""A cell with the tag `raises-exception`: the next cells run whatever it does."""
_PYTHON = ("python", "python2", "python3", "ipython", "")


def notebook_script(content: bytes, shown: str) -> Plain:
    """The code of a notebook as a script; messages name the notebook by `shown`.

    Raises `UsageError`.
    """
    cells = [_plain_cell(cell, shown) for cell in _cells(_parsed(content, shown), shown)]
    if not any(cell.text.strip() for cell in cells):
        raise UsageError(f"{shown} has no code cell")
    body = (f"{CELL.format(number)}\n{cell.text}" for number, cell in enumerate(cells, 1))
    text = "\n\n".join(part.rstrip() for part in body) + "\n"
    if len(text) > MOST_SCRIPT:
        raise UsageError(f"{shown} holds more than {MOST_SCRIPT >> 20} MiB of code")
    return Plain(
        interactive.as_plain_script(text),
        tuple(line for cell in cells for line in cell.aside),
        sum((cell.installed for cell in cells), Installed()),
    )


def _parsed(content: bytes, shown: str) -> dict[str, Any]:
    if len(content) > MOST_BYTES:
        raise UsageError(f"{shown} is larger than {MOST_BYTES >> 20} MiB: clear its outputs")
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise UsageError(f"{shown} is not a notebook: it is not JSON") from None
    if not isinstance(notebook, dict) or "nbformat" not in notebook:
        raise UsageError(f"{shown} is not a notebook: it has no `nbformat`")
    if notebook["nbformat"] not in (3, 4):
        raise UsageError(
            f"{shown} is a notebook of format {notebook['nbformat']!r:.20}; expected 3 or 4",
            remedy=f"jupyter nbconvert --to notebook {shown}",
        )
    return notebook


def _plain_cell(cell: dict[str, Any], shown: str) -> Plain:
    """The code of a cell; its tags count as they do when Jupyter runs a whole notebook."""
    tags = _tags(cell.get("metadata"))
    if "skip-execution" in tags:
        return Plain("")
    found = ipython.plain_cell(_text(cell.get("source", cell.get("input", "")), shown))
    if "raises-exception" not in tags or not found.text.strip():
        return found
    return evolve(found, text=_MAY_RAISE.format(found.text))


def _tags(metadata: object) -> list[object]:
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return tags if isinstance(tags, list) else []


def _cells(notebook: dict[str, Any], shown: str) -> Iterator[dict[str, Any]]:
    """The code cells."""
    language = _language(notebook.get("metadata"))
    if language not in _PYTHON:
        raise UsageError(f"{shown} is a notebook in {language:.40}, not in Python")
    sheets = notebook.get("worksheets")
    found = notebook.get("cells") if sheets is None else _of_sheets(sheets)
    if not isinstance(found, list) or not all(isinstance(cell, dict) for cell in found):
        raise UsageError(f"{shown} is not a notebook: its `cells` are not a list of cells")
    for cell in found:
        if cell.get("cell_type") == "code":
            yield cell


def _language(metadata: object) -> str:
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    about = metadata.get("language_info") if isinstance(metadata, dict) else None
    names = (
        kernel.get("language") if isinstance(kernel, dict) else None,
        about.get("name") if isinstance(about, dict) else None,
    )
    return next((name.lower() for name in names if isinstance(name, str)), "")


def _of_sheets(sheets: object) -> object:
    if not isinstance(sheets, list) or not all(isinstance(sheet, dict) for sheet in sheets):
        return None
    cells = [sheet.get("cells") for sheet in sheets]
    if not all(isinstance(each, list) for each in cells):
        return None
    return [cell for each in cells if isinstance(each, list) for cell in each]


def _text(source: object, shown: str) -> str:
    lines = source if isinstance(source, list) else [source]
    if not all(isinstance(line, str) for line in lines):
        raise UsageError(f"{shown} is not a notebook: the source of a cell is not text")
    return "".join(lines).replace("\r\n", "\n").replace("\r", "\n")
