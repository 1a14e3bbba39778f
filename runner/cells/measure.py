"""One cell measured: sent to a running agent, looked at again where one look is not enough."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Optional

from attrs import evolve

from runner.cells.classify import classify
from runner.cells.flakiness.confirmations import Confirmations, InMemory
from runner.cells.flakiness.majority import majority, others
from runner.cells.flakiness.second_looks import SecondLook, needed
from runner.cells.session import Request, Session
from runner.engines.base import Channel
from runner.machine import processes
from runner.model import Cell, Execution

Open = Callable[[], Channel]


class Measurer:
    """Measures the cells of one repro in one environment, one after the other, in one agent.

    The agent is opened when first needed and again after it died. Not safe for threads, except
    `stop`, which another thread may call to end everything at once.
    """

    def __init__(
        self,
        open_channel: Open,
        script: str,
        mode: str,
        *,
        environment: str = "",
        content: str = "",
        confirmations: Optional[Confirmations] = None,
    ) -> None:
        """`confirmations` knows the environment by the key `environment`, and what the script says
        in it by `content` too, the digest of the script and its files."""
        self._open = open_channel
        self._script = script
        self._mode = mode
        self._session: Optional[Session] = None
        self._channel: Optional[Channel] = None
        self._stopped = threading.Event()
        self._environment = environment
        self._said_by = f"{environment}:{content}:{script}"
        self._confirmations: Confirmations = confirmations or InMemory()

    def measure(self, cell: Cell, repeat: int = 1) -> Execution:
        """Run `cell`, twice where the first run is not enough to be believed.

        With `repeat`, run it so many times and let the majority decide. Those are fresh processes:
        children of one process share what a script may be flaky by, its hash seed for one.
        Raises `PrepareError` where no agent can be started, and `Stopped`.
        """
        if repeat > 1:
            return majority([self._fresh(cell) for _ in range(repeat)])
        first = self._once(cell, self._mode)
        look = needed(first, self._confirmations.signatures(self._said_by))
        return first if look is None else self._again(cell, first, look)

    def _again(self, cell: Cell, first: Execution, look: SecondLook) -> Execution:
        second = self._once(cell, "fresh")
        one, other = classify(first), classify(second)
        agreed = 1 + (one.finding == other.finding) if look.votes else 0
        return evolve(second, attempts=2, agreed=agreed, note=others([one, other], other))

    def _fresh(self, cell: Cell) -> Execution:
        """One vote; what could not be measured is none, and is tried once more."""
        first = self._once(cell, "fresh")
        return first if first.trouble is None else self._once(cell, "fresh")

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
                env=cell.variables,
                limits=cell.repro.limits,
                mode=mode,
                ends_well=self._confirmations.ends_well(self._environment),
            )
        )
        execution = _without_paths(execution, self._channel.shown)
        return self._learnt(execution, self._channel)

    def _learnt(self, execution: Execution, channel: Channel) -> Execution:
        """Remember what it shows; a failure that no fresh process of the script has said before is
        none where the environment is not as it was made."""
        if execution.mode == "fork":
            if execution.exit_code is not None:
                self._confirmations.add_ends_well(self._environment)
            return execution
        said = classify(execution).signature
        if said and said not in self._confirmations.signatures(self._said_by):
            damage = channel.damage()
            if damage is not None:
                self.close()
                return evolve(execution, trouble=damage)
            self._confirmations.confirm(self._said_by, said)
        return execution


def _without_paths(execution: Execution, shown: Mapping[str, str]) -> Execution:
    """The same with this machine's paths replaced: people paste logs and observed values, and
    engines must agree."""
    return evolve(
        execution,
        output=_replaced(execution.output, shown),
        errors=_replaced(execution.errors, shown),
        observations=_replaced(execution.observations, shown),
        notes=tuple(_replaced(note, shown) for note in execution.notes),
    )


def _replaced(value: Any, shown: Mapping[str, str]) -> Any:
    """`value`, text or JSON, with these texts in the place of those."""
    if isinstance(value, str):
        for path, instead in shown.items():
            value = value.replace(path, instead)
    elif isinstance(value, Mapping):
        return {_replaced(key, shown): _replaced(one, shown) for key, one in value.items()}
    elif isinstance(value, list):
        return [_replaced(one, shown) for one in value]
    return value
