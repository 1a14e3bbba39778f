"""Finds a script that loads a name which the saving script did not use."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Optional

from attrs import evolve

from runner.cells import signature
from runner.cells.classify import SKIP_CODE
from runner.cells.snapshot.record import Snapshot
from runner.cells.snapshot.texts import python_text
from runner.model import Execution

_SHOWN = 3
_MISSING = re.compile(
    r"No such file or directory: '(?P<python>[^'\n]+)'"
    r"|unable to open file: name = '(?P<h5py>[^'\n]+)',[^\n]{0,40} error message = 'No such file"
    r"|SavedModel file does not exist at: (?P<model>[^\n{]+?)/?\{"
    r"|No (?:file or directory found at|such file or directory:) (?P<keras>[^\s']+)"
    r"|File not found: filepath=(?P<keras_3>\S+?)\. "
)
"""What Python, h5py, TensorFlow, Keras 2 and Keras 3 say of a missing file."""


def with_unsaved(execution: Execution, snapshot: Snapshot) -> Execution:
    """`execution`, unmeasured if it failed for a file whose name no saved file has.

    Only if the script's text has this name: what TensorFlow makes of a name is evidence. Nothing
    changes for scripts without files of another cell.
    """
    if not snapshot.own_digest or execution.trouble is not None:
        return execution
    if execution.exit_code in (None, 0, SKIP_CODE):
        return execution
    causes = signature.causes(execution.exit_code or 0, execution.errors, execution.output)
    said = "\n".join(cause.message for cause in causes)
    name = _missing(said, python_text(snapshot), snapshot.files)
    if name is None:
        return execution
    there = sorted(snapshot.needed.intersection(snapshot.files) - {snapshot.workspace.script})
    shown = ", ".join(there[:_SHOWN]) + (" …" if len(there) > _SHOWN else "")
    return evolve(execution, trouble=f"needs {name}, which was not saved: there is {shown}")


def _missing(said: str, text: str, files: Collection[str]) -> Optional[str]:
    """The last file that was missed, if its name is a word of the script."""
    found = [match[match.lastgroup or 0] for match in _MISSING.finditer(said)]
    name = found[-1].removeprefix("./") if found else ""
    quoted = re.search(rf"['\"](?:\./)?{re.escape(name)}/?['\"]", text)
    saved = any(file == name or file.startswith((f"{name}/", f"{name}.")) for file in files)
    return name if name and quoted and not saved else None
