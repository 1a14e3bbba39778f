"""Wheels, downloaded once and kept for both engines: a folder of files, as the index names them.

Installers are told to look there (`--find-links`) and check each file's hash against the lock, as
they do with what comes from the index. Whatever is missing here, for whatever reason, they fetch
themselves: this saves downloads, and decides nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from runner import paths
from runner.releases.upstream import settings

if TYPE_CHECKING:
    from runner.environments.wheels.wheel_cache import Wheelhouse


def here() -> Optional[Wheelhouse]:
    """This machine's, or None where uv is set up in a way that only uv understands."""
    return _wheelhouse(paths.wheels()) if understood(os.environ, _uv_files(os.environ)) else None


def understood(environ: Mapping[str, str], files: tuple[Path, ...] = ()) -> bool:
    """Whether uv would ask the index that the variables and pip's files name, over HTTP."""
    if environ.get("UV_OFFLINE") or not settings.address(environ).startswith(("https:", "http:")):
        return False
    return not any(map(_names_an_index, files))


@lru_cache(maxsize=4)
def _wheelhouse(folder: Path) -> Wheelhouse:
    """One for all of a process: what the index says is asked once."""
    from runner.environments.wheels.wheel_cache import (
        Wheelhouse,  # not before something is to be made
    )

    return Wheelhouse(folder)


def _uv_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """uv's own configuration, the machine's and the user's."""
    home = Path(environ.get("HOME", "~")).expanduser()
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return Path("/etc/uv/uv.toml"), config / "uv" / "uv.toml"


def _names_an_index(file: Path) -> bool:
    try:
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        return False
    return (
        re.search(
            r"(?m)^\s*(\[\[?)?(index|default-index|extra-index|find-links|no-index|offline)", text
        )
        is not None
    )
