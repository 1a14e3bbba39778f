"""Reads the inline metadata of a script (PEP 723): the packages and the Python that it needs."""

from __future__ import annotations

import re
from pathlib import Path

from runner.errors import UsageError
from runner.machine.files import regular_text
from runner.requirements import toml
from runner.requirements.asked import NOTHING, Asked, list_of_texts, python_bound, read_requirements

_SIGN = "# /// script"
_BLOCK = re.compile(
    r"^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$", re.MULTILINE
)
"""The pattern of the specification."""


def read_script(script: Path) -> Asked:
    """What the script's metadata asks for; nothing if it has none or cannot be read.

    Raises `UsageError` if the metadata is wrong.
    """
    try:
        text = regular_text(script, errors="replace")
    except OSError:
        return NOTHING
    if _SIGN not in text:
        return NOTHING
    return read_script_text(text.removeprefix("\ufeff"), script.name)


def read_script_text(text: str, source: str) -> Asked:
    """What the metadata in a script's text asks for. Raises `UsageError`."""
    lines = text.replace("\r\n", "\n") + "\n"
    blocks = [m["content"] for m in _BLOCK.finditer(lines) if m["type"] == "script"]
    if len(blocks) > 1:
        raise UsageError(f"{source} has {len(blocks)} blocks `# /// script`; expected at most one")
    if not blocks:
        return NOTHING
    bare = "".join(
        line[2:] if line.startswith("# ") else line[1:] for line in blocks[0].splitlines(True)
    )
    data = toml.parse_toml(bare, f"{source}, block `# /// script`")
    asked = read_requirements(
        list_of_texts(data.get("dependencies", []), "dependencies", source), source
    )
    if "requires-python" in data:
        asked += python_bound(data["requires-python"], source)
    return asked
