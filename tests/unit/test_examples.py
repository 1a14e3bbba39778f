"""The guides show a command for each file in docs/examples."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_SHOWN = re.compile(r"^\$ tfmatrix (run .+)$", re.MULTILINE)


def test_every_example_is_shown() -> None:
    guides = [guide.read_text("utf-8") for guide in DOCS.glob("*.md")]
    named = {w for text in guides for shown in _SHOWN.findall(text) for w in shlex.split(shown)}
    scripts = {file.name for file in (DOCS / "examples").iterdir() if file.suffix != ".svg"}
    assert scripts
    assert scripts <= named
