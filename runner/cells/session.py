"""The conversation with one agent: a request in, an `Execution` out.

The agent runs beside untrusted scripts, so its answers are checked field by field, and every wait
has a limit. Wrong or missing answers raise no error here: they become an execution with `trouble`;
the session is then over, and the caller opens another.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Optional

from attrs import evolve, field, frozen

from runner.engines.base import Channel, ChannelClosed
from runner.model import Execution, Json, Limits, Reads
from runner.serial import plain

PROTOCOL = 1
HELLO = 120.0
"""Seconds within which the agent must say hello."""
START = 240.0
"""Seconds until a cell must have started: in mode `fork`, TensorFlow may be imported first."""
GRACE = 30.0
"""Seconds after a cell's time limit within which the agent must have ended and cleaned up."""
LONGEST_GIT_VERSION = 100
"""In characters; a usual one is `v2.9.2-107-ga5ed5f39b67`."""
KILLED_FOR = ("timeout", "memory", "processes", "disk")


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
    ends_well: bool = False
    """Whether forked children in this environment are known to end without a crash."""


class Session:
    """Runs cells one after another in one agent. Not thread-safe."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._count = 0
        self._under_way = False
        self.alive = True
        self.python: Optional[str] = None
        """The agent's Python, known after its hello."""

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the agent and everything that it started. Safe to
        call twice, and from another thread."""
        self.alive = False
        self._channel.close()

    def run(self, request: Request) -> Execution:
        """Runs one cell and waits for its end. Never raises for what the agent does."""
        if not self.alive:
            return Execution(trouble="the session with the environment is closed")
        execution = self._facts(request)
        return evolve(execution, limit=_limit(execution.killed_for, request.limits))

    def _facts(self, request: Request) -> Execution:
        try:
            return self._run(request)
        except ChannelClosed as closed:
            self.alive = False
            if closed.oom and self._under_way:  # The script also ended the agent.
                return Execution(killed_for="memory", signal=9, notes=(_clean(str(closed), 2000),))
            return Execution(trouble=f"the environment ended: {_clean(str(closed), 2000)}")
        except _Broken as broken:
            self.alive = False
            return Execution(trouble=str(broken))

    def _run(self, request: Request) -> Execution:
        if self.python is None:
            hello = self._expect(("hello",), None, HELLO)
            if hello.get("protocol") != PROTOCOL:
                raise _Broken(f"the agent speaks protocol {hello.get('protocol')!r:.40}")
            self.python = _text(hello, "python", 40)
        self._count += 1
        name = str(self._count)
        self._under_way = False
        self._channel.send(encode(request, name))
        event = self._expect(("started", "ended"), name, START)
        for last in (False, True):  # twice if a fork failed and a fresh process replaces it
            if event["event"] == "started":
                self._under_way = True
                wanted = ("ended",) if last else ("started", "ended")
                event = self._expect(wanted, name, request.limits.timeout + GRACE)
        if event.get("last") is True or event.get("trouble") is not None:
            # The agent ends after this answer or may be unable to give another: a script may have
            # used up what it needs, such as open files.
            self.alive = False
        return decode(event)

    def _expect(self, wanted: tuple[str, ...], name: Optional[str], within: float) -> _Fields:
        """The next of these events for the request `name`. Unknown events are skipped."""
        end = time.monotonic() + within
        while True:
            left = end - time.monotonic()
            line = self._channel.receive(left) if left > 0 else None
            if line is None:
                raise _Broken(f"the agent did not answer within {within:.0f} s ({wanted[-1]})")
            fields = _parse(line)
            if fields.get("event") in wanted and (name is None or fields.get("id") == name):
                return fields
            if fields.get("event") in ("hello", "started", "ended"):
                raise _Broken(f"the agent said {fields['event']!r} out of turn")


def _limit(killed_for: Optional[str], limits: Limits) -> Optional[float]:
    allowed = {
        "timeout": limits.timeout,
        "memory": limits.memory,
        "processes": limits.processes,
        "disk": limits.scratch,
    }
    return allowed.get(killed_for or "")


_Fields = dict[str, Any]


class _Broken(Exception):
    """The agent has broken the protocol."""


def encode(request: Request, name: str) -> bytes:
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
        "ends_well": request.ends_well,
    }
    return json.dumps(fields).encode("ascii")


def _parse(line: bytes) -> _Fields:
    try:
        fields = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or not isinstance(fields.get("event"), str):
        raise _Broken(f"the agent said something that is not an answer: {line[:80]!r}")
    return fields


def decode(ended: Mapping[str, Any]) -> Execution:
    """The facts of an `ended` event. Raises `_Broken` if a field is missing or has a wrong type."""
    trouble = ended.get("trouble")
    if trouble is not None:
        return Execution(trouble=_clean(_text(ended, "trouble", 2000), 2000))
    facts = Execution(
        exit_code=_number(ended, "exit_code", 0, 255, optional=True),
        signal=_number(ended, "signal", 1, 128, optional=True),
        killed_for=_one_of(ended, "killed_for", (None, *KILLED_FOR)),
        seconds=_real(ended, "seconds"),
        max_rss_mb=_real(ended, "max_rss_mb"),
        output=_text(ended, "output"),
        errors=_text(ended, "errors"),
        output_bytes=_number(ended, "output_bytes", 0, 1 << 62) or 0,
        observations=_observations(ended),
        tests=_names(ended, "tests", 1 << 16) or (),
        mode=_one_of(ended, "mode", ("fresh", "fork")) or "fresh",
        notes=_notes(ended),
        imported=_yes_no_or_unknown(ended, "imported"),
        reads=_reads(ended.get("reads")),
        git_version=_git_version(ended),
    )
    if (facts.exit_code is None) == (facts.signal is None):
        raise _Broken("the agent's answer must hold either an exit code or a signal")
    return facts


def _number(
    ended: Mapping[str, Any], name: str, least: int, most: int, optional: bool = False
) -> Optional[int]:
    value = ended.get(name)
    if value is None and optional:
        return None
    if type(value) is not int or not least <= value <= most:
        raise _Broken(f"the agent's {name} is {value!r:.40}")
    return value


def _real(ended: Mapping[str, Any], name: str) -> float:
    value = ended.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        raise _Broken(f"the agent's {name} is {value!r:.40}")
    return float(value)


def _one_of(ended: Mapping[str, Any], name: str, known: tuple[Any, ...]) -> Any:
    value = ended.get(name)
    if not isinstance(value, (str, type(None))) or value not in known:
        raise _Broken(f"the agent's {name} is {value!r:.40}")
    return value


def _yes_no_or_unknown(ended: Mapping[str, Any], name: str) -> Optional[bool]:
    value = ended.get(name)
    if value is not None and not isinstance(value, bool):
        raise _Broken(f"the agent's {name} is {value!r:.40}")
    return value


def _text(ended: Mapping[str, Any], name: str, most: int = 1 << 24) -> str:
    value = ended.get(name)
    if not isinstance(value, str):
        raise _Broken(f"the agent's {name} is {value!r:.40}")
    return _clean(value, most)


def _git_version(ended: Mapping[str, Any]) -> str:
    """The version if it is one plain word, else "". The script's
    process wrote it, so it may be any text."""
    text = _text(ended, "git_version", LONGEST_GIT_VERSION + 1)
    plain_word = text.isascii() and text.isprintable() and len(text) <= LONGEST_GIT_VERSION
    return text if plain_word and " " not in text else ""


def _clean(text: str, most: int) -> str:
    """The text without lone surrogates, so that it can be written to a file."""
    return str(plain(text[:most]))


def _notes(ended: Mapping[str, Any]) -> tuple[str, ...]:
    notes = ended.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise _Broken(f"the agent's notes are {notes!r:.40}")
    return tuple(_clean(note, 1000) for note in notes[:20])


def _reads(value: Any) -> Optional[Reads]:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _Broken(f"the agent's reads are {value!r:.40}")
    return Reads(
        opened=_names(value, "opened"),
        listed=_names(value, "listed"),
        missing=_names(value, "missing") or (),
        outside=_names(value, "outside") or (),
    )


def _names(fields: Mapping[str, Any], name: str, most: int = 4096) -> Optional[tuple[str, ...]]:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _Broken(f"the agent's {name} are {value!r:.40}")
    return tuple(_clean(one, most) for one in value)


def _observations(ended: Mapping[str, Any]) -> dict[str, Json]:
    value = ended.get("observations")
    if not isinstance(value, dict):
        raise _Broken(f"the agent's observations are {value!r:.40}")
    found = plain(value)
    assert isinstance(found, dict)
    return found
