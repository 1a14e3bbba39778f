"""The Pythons of this machine, for tests of what each of them does."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest


def interpreter(version: str) -> str:
    """The path of that Python on this machine, or the test is skipped."""
    if version == ".".join(map(str, sys.version_info[:2])):
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    path = str(found[-1]) if found else shutil.which(f"python{version}")
    if path is None:
        pytest.skip(f"no Python {version} on this machine")
    return path
