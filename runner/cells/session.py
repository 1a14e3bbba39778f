"""The conversation with one agent: a request in, an `Execution` out.

The agent runs beside untrusted scripts, so `agent_messages` checks each answer, and every wait
has a limit. Wrong or missing answers raise no error here: they become an execution with `trouble`;
the session is then over, and the caller opens another.
"""

from __future__ import annotations

import time
from typing import Optional

from attrs import evolve

from runner.cells.agent_messages import (
    Fields,
    ProtocolError,
    Request,
    checked_text,
    clean_text,
    decode_execution,
    encode_request,
    parse_answer,
)
from runner.engines.base import Channel, ChannelClosed
from runner.model import Execution, Limits

PROTOCOL = 1
HELLO = 120.0
"""Seconds within which the agent must say hello."""
START = 240.0
"""Seconds until a cell must have started: in mode `fork`, TensorFlow may be imported first."""
GRACE = 30.0
"""Seconds after a cell's time limit within which the agent must have ended and cleaned up."""


class Session:
    """Runs cells one after another in one agent. Not thread-safe."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
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
        self.channel.close()

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
                return Execution(
                    killed_for="memory", signal=9, notes=(clean_text(str(closed), 2000),)
                )
            return Execution(trouble=f"the environment ended: {clean_text(str(closed), 2000)}")
        except ProtocolError as broken:
            self.alive = False
            return Execution(trouble=str(broken))

    def _run(self, request: Request) -> Execution:
        if self.python is None:
            hello = self._expect(("hello",), None, HELLO)
            if hello.get("protocol") != PROTOCOL:
                raise ProtocolError(f"the agent speaks protocol {hello.get('protocol')!r:.40}")
            self.python = checked_text(hello, "python", 40)
        self._count += 1
        name = str(self._count)
        self._under_way = False
        self.channel.send(encode_request(request, name))
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
        return decode_execution(event)

    def _expect(self, wanted: tuple[str, ...], name: Optional[str], within: float) -> Fields:
        """The next of these events for the request `name`. Unknown events are skipped."""
        end = time.monotonic() + within
        while True:
            left = end - time.monotonic()
            line = self.channel.receive(left) if left > 0 else None
            if line is None:
                raise ProtocolError(
                    f"the agent did not answer within {within:.0f} s ({wanted[-1]})"
                )
            fields = parse_answer(line)
            if fields.get("event") in wanted and (name is None or fields.get("id") == name):
                return fields
            if fields.get("event") in ("hello", "started", "ended"):
                raise ProtocolError(f"the agent said {fields['event']!r} out of turn")


def _limit(killed_for: Optional[str], limits: Limits) -> Optional[float]:
    allowed = {
        "timeout": limits.timeout,
        "memory": limits.memory,
        "processes": limits.processes,
        "disk": limits.scratch,
    }
    return allowed.get(killed_for or "")
