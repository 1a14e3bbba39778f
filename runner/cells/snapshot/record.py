"""The record of a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from runner.engines.base import Workspace


@frozen(kw_only=True)
class Snapshot:
    workspace: Workspace
    digest: str
    """Hex digest over names, contents and executable bits; times play no part."""
    files: tuple[str, ...] = ()
    """The copied files, as names below the script's folder."""
    parts: Mapping[str, str] = field(factory=dict, repr=False)
    """Of each file, a hex digest over its content and executable bit."""
    needed: frozenset[str] = frozenset()
    """Which of them the script's text names, and what is declared: itself, modules, literals."""
    text_digest: str = ""
    """Like `digest`, over these files only."""
    lists: bool = False
    """Whether the script's text may list folders."""
    outside: tuple[str, ...] = ()
    """Files outside of the script's folder that its text names."""
    source: Path = Path()
    """The script's folder, of which this is a copy."""
    ours: tuple[Path, ...] = ()
    """Folders of this tool that are never copied: its runs and its cache."""
    data_digest: str = ""
    """Of the data that its cells may read besides; empty where there is none."""
    partial: str = ""
    """Why the folder was not copied whole; empty if it was."""
