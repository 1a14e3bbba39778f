"""One cell measured: sent to a running agent, looked at again where one look is not enough."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Optional

from attrs import evolve, frozen

from runner import processes
from runner.classify import classify
from runner.engines.base import Channel
from runner.model import Cell, Execution, Verdict
from runner.session import Request, Session

Open = Callable[[], Channel]


@frozen(kw_only=True)
class SecondLook:
    """When one execution is not believed at once, and how the next is made."""

    why: str
    when: Callable[[Execution, frozenset[str]], bool]


SECOND_LOOKS: tuple[SecondLook, ...] = (
    SecondLook(
        why="the cell could not be measured",
        when=lambda e, _: e.trouble is not None,
    ),
    # TensorFlow 1.15 hangs now and then in Session.run while the machine is busy: 5 of 193 runs.
    SecondLook(
        why="a time-out may be the machine's",
        when=lambda e, _: classify(e).verdict is Verdict.TIMEOUT,
    ),
    SecondLook(
        why="a forked child may crash where a fresh process does not",
        when=lambda e, _: e.mode == "fork" and classify(e).verdict in (Verdict.CRASH, Verdict.OOM),
    ),
    SecondLook(
        why="no fresh process of this environment has said this yet",
        when=lambda e, seen: e.mode == "fork" and (classify(e).signature or "") not in {"", *seen},
    ),
)


class Measurer:
    """Measures the cells of one repro in one environment, one after the other, in one agent.

    The agent is opened when first needed and again after it died. Not safe for threads, except
    `stop`, which another thread may call to end everything at once.
    """

    def __init__(self, open_channel: Open, script: str, mode: str) -> None:
        self._open = open_channel
        self._script = script
        self._mode = mode
        self._session: Optional[Session] = None
        self._channel: Optional[Channel] = None
        self._stopped = threading.Event()
        self._seen_fresh: frozenset[str] = frozenset()

    def measure(self, cell: Cell) -> Execution:
        """Run `cell`, twice where the first run is not enough to be believed.

        Raises `PrepareError` where no agent can be started, and `Stopped`.
        """
        first = self._once(cell, self._mode)
        self._remember(first)
        if not any(look.when(first, self._seen_fresh) for look in SECOND_LOOKS):
            return first
        second = self._once(cell, "fresh")
        self._remember(second)
        return evolve(second, attempts=2, note=_difference(first, second))

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def stop(self) -> None:
        """End the cell that runs, and refuse any other: `measure` then raises `Stopped`."""
        self._stopped.set()
        self.close()

    def _once(self, cell: Cell, mode: str) -> Execution:
        if self._stopped.is_set():
            raise processes.Stopped
        if self._session is not None and not self._session.alive:
            self.close()
        if self._session is None:
            self._channel = self._open()
            self._session = Session(self._channel)
            if self._stopped.is_set():  # while the agent was being started
                self.close()
                raise processes.Stopped
        assert self._channel is not None
        execution = self._session.run(
            Request(
                script=f"{self._channel.root}/{self._script}",
                args=cell.case.args,
                env=dict(cell.repro.env),
                limits=cell.repro.limits,
                mode=mode,
            )
        )
        return _without_paths(execution, self._channel.shown)

    def _remember(self, execution: Execution) -> None:
        said = classify(execution).signature
        if execution.mode == "fresh" and said is not None:
            self._seen_fresh |= {said}


def _without_paths(execution: Execution, shown: Mapping[str, str]) -> Execution:
    """The same with this machine's paths replaced: people paste logs, and engines must agree."""
    output, errors = execution.output, execution.errors
    for path, instead in shown.items():
        output, errors = output.replace(path, instead), errors.replace(path, instead)
    return evolve(execution, output=output, errors=errors)


def _difference(first: Execution, second: Execution) -> str:
    before, after = classify(first), classify(second)
    if (before.verdict, before.signature) == (after.verdict, after.signature):
        return ""
    said = before.signature or before.reason
    return f"1 of 2 attempts: {before.verdict}" + (f" ({said})" if said else "")
