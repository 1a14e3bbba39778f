"""What the saver told of the files that its script left → these files, checked. Pure.

The lines come from beside code that nobody vouches for: a name that leads out of a folder, more
than the bounds, or a part that is missing, and nothing of it is used.
"""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import zlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from attrs import field, frozen

from runner.cells.classify import classify
from runner.cells.exchange import tfmatrix_saver as saver
from runner.model import Execution, Verdict

_LONGEST_PART = 255  # bytes
_PROGRAMS = (".py", ".pyc", ".pyd", ".so")
"""Endings of what could stand in for an installed module where it is loaded."""


@frozen(kw_only=True)
class Saved:
    """The files that a cell saved, or why there are none."""

    files: Mapping[str, bytes] = field(factory=dict, repr=False)
    """By their names below the working folder."""
    why_not: str = ""
    measured: bool = True
    """Whether that there are none says something about the release."""


def read_saved(execution: Execution, loader: str) -> Saved:
    """`loader` is the name of the script beside which the files are to lie."""
    outcome = classify(execution)
    if outcome.verdict is not Verdict.PASS:
        why = outcome.signature or outcome.reason or outcome.verdict.value
        return Saved(why_not=why, measured=outcome.verdict is not Verdict.ERROR)
    try:
        files = _checked([*_objects(execution)])
        if any(name.split("/")[0] == loader for name in files):
            raise ValueError(f"it left {loader}, which is the name of the script that loads")
    except ValueError as error:
        return Saved(why_not=str(error))
    return Saved(files=files, why_not="" if files else "it left no file")


def _objects(execution: Execution) -> Iterator[dict[str, Any]]:
    for line in execution.tests:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _checked(told: list[dict[str, Any]]) -> dict[str, bytes]:
    """Raises ValueError with what is wrong."""
    if told and isinstance(told[-1].get("refused"), str):
        raise ValueError(told[-1]["refused"])
    if not told or "sha256" not in told[-1]:
        raise ValueError("it ended before its files could be taken")
    packed: dict[str, str] = {}
    for part in told[:-1]:
        name, data = part.get("file"), part.get("data")
        if not isinstance(name, str) or not isinstance(data, str) or not _is_inside(name):
            raise ValueError(f"it left a file with a name that leads elsewhere: {name!r:.80}")
        packed[name] = packed.get(name, "") + data
    if any(str(parent) in packed for name in packed for parent in PurePosixPath(name).parents):
        raise ValueError("it left a file that lies in another file")
    files = _unpacked(packed)
    if len(files) > saver.MOST_FILES or told[-1]["sha256"] != digest(files):
        raise ValueError("its files arrived damaged")
    return files


def _unpacked(packed: Mapping[str, str]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    room = saver.MOST_BYTES
    for name, text in sorted(packed.items()):
        if name.endswith(_PROGRAMS):
            raise ValueError(f"it left {name}, which is a program: only data is handed on")
        try:
            stream = zlib.decompressobj()
            files[name] = stream.decompress(base64.b85decode(text), room + 1)
        except zlib.error as error:
            raise ValueError(f"{name} arrived damaged: {error}") from None
        room -= len(files[name])
        if room < 0:
            raise ValueError(f"it left more than {saver.MOST_BYTES >> 20} MiB")
    return files


def digest(files: Mapping[str, bytes]) -> str:
    """Hex digest over names and contents, as the saver makes it."""
    whole = hashlib.sha256()
    for name, content in sorted(files.items()):
        whole.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(content).digest())
    return whole.hexdigest()


def _is_inside(name: str) -> bool:
    """Whether a file of that name lies below any folder that it is put into."""
    return (
        0 < len(name) <= saver.LONGEST_NAME
        and name.isprintable()
        and all(len(part.encode()) <= _LONGEST_PART for part in name.split("/"))
        and name == posixpath.normpath(name)
        and name.split("/")[0] not in ("", ".", "..")
    )
