"""Reports an unexpected error: one line for the user, and the traceback in a file."""

from __future__ import annotations

import os
import shlex
import sys
import time
import traceback

from runner import __version__, paths
from runner.cli import log
from runner.errors import TfmatrixError
from runner.machine import secret_text


def report(error: Exception) -> str:
    """Write the traceback to a file; return the line to print, which names the file."""
    said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    text = f"tfmatrix {__version__}\n{shlex.join(sys.argv)}\n{trace}"
    hide = secret_text.secret_remover(os.environ)
    try:
        file = paths.bugs() / time.strftime("%Y%m%d-%H%M%S.txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(hide(text), "utf-8")
    except (OSError, TfmatrixError):
        return f"this is a bug of tfmatrix: {hide(said)}"
    files = [str(each) for each in (file, log.log_file()) if each is not None]
    return f"this is a bug of tfmatrix: {hide(said)}; please report it with {' and '.join(files)}"
