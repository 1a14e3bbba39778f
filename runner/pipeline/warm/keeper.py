"""The process that keeps warm agents: `python -m runner.pipeline.warm.keeper FACTS`.

`tfmatrix warm` starts it, and it ends with its last agent. Each command that speaks to it has a
connection and a thread here. Questions: `list`, `keep` (start one more), `lend`, `stop`.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn, Optional

from runner.cells.session import PROTOCOL
from runner.engines.base import ChannelClosed
from runner.engines.local import lent
from runner.errors import TfmatrixError
from runner.machine import file_lock, temporary
from runner.pipeline.warm import address
from runner.pipeline.warm.address import Connection
from runner.pipeline.warm.agents import WarmAgent, WarmAgents, import_in
from runner.pipeline.warm.imports import Import

LOOK = 5.0
"""Seconds between two looks for agents that were idle for too long."""
FIRST = 60.0
"""Seconds within which the command that started this process must ask for an agent."""
_PROMPT = 0.05
"""Seconds until a lent agent's command is noticed to have ended in the middle of a cell."""
READY = b"ready\n"


class Keeper:
    """Answers commands until no agent is left."""

    def __init__(self, agents: WarmAgents, server: socket.socket, facts: dict[str, Any]) -> None:
        """`facts` describe this process: agents of another one may not be used instead."""
        self._agents = agents
        self._server = server
        self._facts = facts
        self._scripts = temporary.process_folder() / "imports"
        self._scripts.mkdir()
        self._until = time.monotonic() + FIRST
        self._stopped = threading.Event()
        self._imports = threading.Semaphore(os.cpu_count() or 2)

    def serve(self) -> None:
        self._server.settimeout(min(LOOK, self._agents.idle))
        while not self._stopped.is_set() and not self._has_nothing_to_do:
            with contextlib.suppress(OSError):  # a time-out, or the end of the socket
                end, _ = self._server.accept()
                if address.is_same_user(end):
                    end.settimeout(None)
                    connection = Connection(end)
                    threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
                else:
                    end.close()
            self._agents.end_idle()
        while not self._agents.none_left:  # a running command uses one
            time.sleep(_PROMPT)

    def close(self) -> None:
        self._server.close()
        self._agents.end_all(lent=True)

    @property
    def _has_nothing_to_do(self) -> bool:
        return self._agents.none_left and time.monotonic() > self._until

    def _answer(self, connection: Connection) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            question = connection.receive()
            if question["ask"] == "lend":
                self._lend(connection, question)
            elif question["ask"] == "keep":
                connection.send(**self._keep(connection, question))
            elif question["ask"] == "stop":
                ended = self._agents.end_all()
                waits = not self._agents.none_left
                connection.send(ended=ended, lent=self._agents.lent, waits=waits)
                self._stop()
            else:
                connection.send(**self._list())
        connection.close()

    def _list(self) -> dict[str, Any]:
        limits = {"memory_mb": self._agents.memory_mb, "idle": self._agents.idle}
        return {**self._facts, **limits, "agents": self._agents.facts()}

    def _stop(self) -> None:
        self._stopped.set()
        self._server.shutdown(socket.SHUT_RDWR)

    def _keep(self, connection: Connection, question: dict[str, Any]) -> dict[str, Any]:
        key, name, folder = question["key"], question["name"], Path(question["folder"])
        how = Import(**question["how"])
        scripts = self._scripts / secrets.token_hex(8)
        scripts.mkdir()
        with self._imports:
            if self._agents.has(key) or _has_gone(connection.socket):
                return {"kept": True, "new": False}
            try:
                agent = self._agents.add(lambda: import_in(folder, name, key, how, scripts))
            except (TfmatrixError, OSError) as error:
                return {"kept": False, "why": str(error)}
        return {"kept": True, "new": True, "memory_mb": round(agent.memory_mb)}

    # -- a lent agent ---------------------------------------------------------------------------

    def _lend(self, connection: Connection, question: dict[str, Any]) -> None:
        same = question["facts"] == self._facts
        agent = self._agents.lend(question["key"], question["beside"]) if same else None
        if agent is None:
            connection.send(lent=False)
            return
        alive = False
        try:
            connection.send(lent=True, scratch=str(agent.channel.scratch))
            connection.send(event="hello", protocol=PROTOCOL, python=agent.python)
            alive = self._pass_on(connection.socket, agent)
        finally:
            self._agents.take_back(agent, alive=alive)

    def _pass_on(self, command: socket.socket, agent: WarmAgent) -> bool:
        """Passes on each request and its answers; returns whether the agent can serve another
        command."""
        rest = b""
        while data := _received(command):
            *requests, rest = (rest + data).split(b"\n")
            for request in requests:
                try:
                    agent.channel.send(request)
                    if not self._answered(command, agent):
                        return False
                except ChannelClosed as closed:
                    command.sendall(lent.last_line(str(closed)) + b"\n")
                    return False
        return not rest

    def _answered(self, command: socket.socket, agent: WarmAgent) -> bool:
        """Passes on the answers to one request; returns whether the agent goes on after them."""
        while True:
            line = agent.channel.receive(_PROMPT)
            if line is not None:
                command.sendall(line + b"\n")
                answer = json.loads(line)
                if answer.get("event") == "ended":
                    return not answer.get("last") and answer.get("trouble") is None
            elif _has_gone(command):
                return False
            else:
                agent.channel.set_going()


def _received(command: socket.socket) -> bytes:
    try:
        return command.recv(1 << 16)
    except OSError:
        return b""


def _has_gone(command: socket.socket) -> bool:
    """Whether the command has closed its end. It sends nothing before it has an answer."""
    try:
        return not command.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def main(words: list[str]) -> int:
    """Run until no agent is left. Writes `ready`, or why it cannot run, to standard output."""
    facts = json.loads(words[0])
    memory_mb, idle = facts.pop("memory_mb"), facts.pop("idle")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _end)
    keeper: Optional[Keeper] = None
    address.file().parent.mkdir(parents=True, exist_ok=True)
    with address.file().open("a+", encoding="utf-8") as place:
        if not file_lock.try_lock(place):
            print("another process does it for this cache; if it is ending, try again", flush=True)
            return 1
        try:
            server = _listening(place)
            keeper = Keeper(WarmAgents(memory_mb=memory_mb, idle=idle), server, facts)
            os.write(1, READY)
            _leave_output()
            keeper.serve()
        except KeyboardInterrupt:
            pass
        finally:
            if keeper is not None:
                keeper.close()
    return 0


def _listening(place: Any) -> socket.socket:
    path = temporary.process_folder() / "warm"  # only this user can enter that folder
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(64)
    place.seek(0)
    place.truncate()
    place.write(str(path))
    place.flush()
    return server


def _leave_output() -> None:
    """The command that started this process must not wait for it."""
    null = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(null, number)
    os.close(null)


def _end(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
