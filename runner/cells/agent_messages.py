"""The messages to and from an agent: a request as a line, an answer as an `Execution`.

The agent runs beside untrusted scripts, so every field of an answer is checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Optional

from attrs import field, frozen

from runner.cells import left_files
from runner.model import Execution, Json, Limits, Reads
from runner.serial import plain

LONGEST_GIT_VERSION = 100
"""In characters; a usual one is `v2.9.2-107-ga5ed5f39b67`."""
KILLED_FOR = ("timeout", "memory", "processes", "disk")
Fields = dict[str, Any]


class ProtocolError(Exception):
    """The agent has broken the protocol."""


@frozen(kw_only=True)
class Request:
    """One cell to run."""

    script: str
    """The script's path in the environment."""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(factory=dict)
    limits: Limits = field(factory=Limits)
    mode: str = "fresh"
    """`fresh`, or `fork` if it may run as a child of a process
    that has already imported TensorFlow."""
    prologue: str = ""
    """The beginning of the script that the importing process runs before it forks (mode `fork`)."""
    keep: str = ""
    """The folder of the working directory whose new files are kept; "" for none."""
    ends_well: bool = False
    """Whether forked children in this environment are known to end without a crash."""


def encode_request(request: Request, name: str) -> bytes:
    limits = request.limits
    fields = {
        "op": "run",
        "id": name,
        "script": request.script,
        "args": list(request.args),
        "env": dict(request.env),
        "timeout": limits.timeout,
        "memory_mb": limits.memory,
        "processes": limits.processes,
        "output_kb": limits.output,
        "scratch_mb": limits.scratch,
        "mode": request.mode,
        "prologue": request.prologue,
        "keep": request.keep,
        "ends_well": request.ends_well,
    }
    return json.dumps(fields).encode("ascii")


def parse_answer(line: bytes) -> Fields:
    try:
        fields = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or not isinstance(fields.get("event"), str):
        raise ProtocolError(f"the agent said something that is not an answer: {line[:80]!r}")
    return fields


def decode_execution(ended: Mapping[str, Any]) -> Execution:
    """The facts of an `ended` event. Raises `ProtocolError` for a missing or wrong field."""
    trouble = ended.get("trouble")
    if trouble is not None:
        return Execution(trouble=clean_text(checked_text(ended, "trouble", 2000), 2000))
    facts = Execution(
        exit_code=_number(ended, "exit_code", 0, 255, optional=True),
        signal=_number(ended, "signal", 1, 128, optional=True),
        killed_for=_one_of(ended, "killed_for", (None, *KILLED_FOR)),
        seconds=_real(ended, "seconds"),
        max_rss_mb=_real(ended, "max_rss_mb"),
        output=checked_text(ended, "output"),
        errors=checked_text(ended, "errors"),
        output_bytes=_number(ended, "output_bytes", 0, 1 << 62) or 0,
        observations=_observations(ended),
        tests=_names(ended, "tests", 1 << 16) or (),
        mode=_one_of(ended, "mode", ("fresh", "fork")) or "fresh",
        notes=_notes(ended),
        imported=_yes_no_or_unknown(ended, "imported"),
        reads=_reads(ended.get("reads")),
        git_version=_git_version(ended),
        files=_files(ended),
        left_out=_names(ended, "left_out", 1000) or (),
    )
    if (facts.exit_code is None) == (facts.signal is None):
        raise ProtocolError("the agent's answer must hold either an exit code or a signal")
    return facts


def _number(
    ended: Mapping[str, Any], name: str, least: int, most: int, optional: bool = False
) -> Optional[int]:
    value = ended.get(name)
    if value is None and optional:
        return None
    if type(value) is not int or not least <= value <= most:
        raise ProtocolError(f"the agent's {name} is {value!r:.40}")
    return value


def _real(ended: Mapping[str, Any], name: str) -> float:
    value = ended.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        raise ProtocolError(f"the agent's {name} is {value!r:.40}")
    return float(value)


def _one_of(ended: Mapping[str, Any], name: str, known: tuple[Any, ...]) -> Any:
    value = ended.get(name)
    if not isinstance(value, (str, type(None))) or value not in known:
        raise ProtocolError(f"the agent's {name} is {value!r:.40}")
    return value


def _yes_no_or_unknown(ended: Mapping[str, Any], name: str) -> Optional[bool]:
    value = ended.get(name)
    if value is not None and not isinstance(value, bool):
        raise ProtocolError(f"the agent's {name} is {value!r:.40}")
    return value


def checked_text(ended: Mapping[str, Any], name: str, most: int = 1 << 24) -> str:
    value = ended.get(name)
    if not isinstance(value, str):
        raise ProtocolError(f"the agent's {name} is {value!r:.40}")
    return clean_text(value, most)


def _git_version(ended: Mapping[str, Any]) -> str:
    """The version if it is one plain word, else "". The script's
    process wrote it, so it may be any text."""
    text = checked_text(ended, "git_version", LONGEST_GIT_VERSION + 1)
    plain_word = text.isascii() and text.isprintable() and len(text) <= LONGEST_GIT_VERSION
    return text if plain_word and " " not in text else ""


def clean_text(text: str, most: int) -> str:
    """The text without lone surrogates, so that it can be written to a file."""
    return str(plain(text[:most]))


def _notes(ended: Mapping[str, Any]) -> tuple[str, ...]:
    notes = ended.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise ProtocolError(f"the agent's notes are {notes!r:.40}")
    return tuple(clean_text(note, 1000) for note in notes[:20])


def _reads(value: Any) -> Optional[Reads]:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ProtocolError(f"the agent's reads are {value!r:.40}")
    return Reads(
        opened=_names(value, "opened"),
        listed=_names(value, "listed"),
        missing=_names(value, "missing") or (),
        outside=_names(value, "outside") or (),
    )


def _files(ended: Mapping[str, Any]) -> dict[str, str]:
    try:
        return left_files.checked_files(ended.get("files", {}))
    except ValueError as error:
        raise ProtocolError(f"the agent's files: {error}") from None


def _names(fields: Mapping[str, Any], name: str, most: int = 4096) -> Optional[tuple[str, ...]]:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ProtocolError(f"the agent's {name} are {value!r:.40}")
    return tuple(clean_text(one, most) for one in value)


def _observations(ended: Mapping[str, Any]) -> dict[str, Json]:
    value = ended.get("observations")
    if not isinstance(value, dict):
        raise ProtocolError(f"the agent's observations are {value!r:.40}")
    found = plain(value)
    assert isinstance(found, dict)
    return found
