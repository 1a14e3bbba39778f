"""Inline metadata of a script (PEP 723): the packages and the Python that it says it needs."""

from __future__ import annotations

import re
from pathlib import Path

from runner.errors import UsageError
from runner.requirements import toml
from runner.requirements.asked import NOTHING, Asked, python_bound, sorted_out, texts

_SIGN = b"# /// script"
_BLOCK = re.compile(
    r"^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$", re.MULTILINE
)
"""As the specification has it."""


def read_script(script: Path) -> Asked:
    """What the script's own metadata asks for; nothing where it has none, or cannot be read.

    Raises `UsageError` where the metadata is wrong.
    """
    try:
        content = script.read_bytes()
    except OSError:
        return NOTHING
    if _SIGN not in content:
        return NOTHING
    return of_text(content.decode("utf-8-sig", "replace"), script.name)


def of_text(text: str, source: str) -> Asked:
    """As `read`, of a script's text. Raises `UsageError`."""
    lines = text.replace("\r\n", "\n") + "\n"
    blocks = [m["content"] for m in _BLOCK.finditer(lines) if m["type"] == "script"]
    if len(blocks) > 1:
        raise UsageError(f"{source} has {len(blocks)} blocks `# /// script`; one says all it needs")
    if not blocks:
        return NOTHING
    bare = "".join(
        line[2:] if line.startswith("# ") else line[1:] for line in blocks[0].splitlines(True)
    )
    data = toml.parsed(bare, f"{source}, block `# /// script`")
    asked = sorted_out(texts(data.get("dependencies", []), "dependencies", source), source)
    if "requires-python" in data:
        asked += python_bound(data["requires-python"], source)
    return asked
