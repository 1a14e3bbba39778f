"""The record of a snapshot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from attrs import field, frozen

from runner.engines.base import Workspace
from runner.model import Cell


@frozen(kw_only=True, slots=False)
class Snapshot:
    workspace: Workspace
    digest: str
    """The hex digest of names, contents and executable bits; times do not matter."""
    own_digest: str = ""
    """The same without files that another cell saved; "" if there are none of them."""
    files: tuple[str, ...] = ()
    """The copied files, as names below the script's folder."""
    parts: Mapping[str, str] = field(factory=dict, repr=False)
    """For each file, a hex digest of its content and executable bit."""
    needed: frozenset[str] = frozenset()
    """The files that the script's text names or that are declared: itself, modules, literals."""
    text_digest: str = ""
    """Like `digest`, but only of the files in `needed`."""
    lists: bool = False
    """Whether the script's text may list folders."""
    looks: bool = False
    """Whether the script's text asks if a file is there whose name it makes while it runs."""
    outside: tuple[str, ...] = ()
    """Files outside the script's folder that its text names."""
    source: Path = Path()
    """The script's folder, from which this was copied."""
    taken: float = field(default=math.inf, eq=False)
    """When the folder was read, in seconds of the system's clock."""
    ours: tuple[Path, ...] = ()
    """This tool's folders, which are never copied: its runs and its cache."""
    data_digest: str = ""
    """The digest of further data that its cells may read; "" if there is none."""
    partial: str = ""
    """Why the folder was not copied whole; "" if it was."""

    @property
    def script_digest(self) -> str:
        """`text_digest`, or `digest` if the text may look for other files than it names."""
        return self.digest if self.lists or self.looks else self.text_digest

    @cached_property
    def modules(self) -> frozenset[str]:
        """The top-level names that can be imported from the script's folder."""
        return modules_in(self.files)


def modules_in(files: Iterable[str]) -> frozenset[str]:
    """The top-level names that can be imported from a folder with these files."""
    return frozenset(name.split("/")[0].split(".")[0] for name in files)


def snapshot_of(cell: Cell, snapshots: Mapping[str, Snapshot]) -> Snapshot:
    """Returns the files of a cell: its case's own, under `repro/case`, else its repro's."""
    own = snapshots.get(f"{cell.repro.name}/{cell.case.base_name}")
    return own or snapshots[cell.repro.name]
