"""Measures a cell in a running agent, and again if one execution is not enough to trust."""

from __future__ import annotations

import posixpath
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Optional

from attrs import evolve, frozen

from runner.cells import printed
from runner.cells.agent_messages import Request
from runner.cells.classify import classify
from runner.cells.flakiness.confirmations import Confirmations, InMemory
from runner.cells.flakiness.majority import majority
from runner.cells.flakiness.second_looks import needed_look
from runner.cells.flakiness.trusted import Trusted
from runner.cells.session import Session
from runner.cells.snapshot.record import Snapshot
from runner.cells.suites import looks, rounds
from runner.cells.suites.rows import judge_rows
from runner.engines.base import Channel
from runner.machine import processes
from runner.model import Cell, Execution

Open = Callable[[], Channel]


@frozen(kw_only=True)
class _Wish:
    cell: Cell
    snapshot: Snapshot
    prologue: str
    trusted: Trusted
    """What fresh processes showed of the script itself, or of the whole file of a suite."""

    @property
    def trusted_tests(self) -> Trusted:
        return evolve(self.trusted, suite=f":{self.cell.case.base_name}")


class Measurer:
    """Measures cells of one environment, one after the other, in one agent.

    The agent is started when it is first needed, and again after it ended. Not for several threads,
    except `stop`, which another thread may call to end everything at once.
    """

    def __init__(
        self,
        open_channel: Open,
        mode: str,
        *,
        environment: str = "",
        confirmations: Optional[Confirmations] = None,
    ) -> None:
        """`environment` is the key of the environment in `confirmations`."""
        self._open = open_channel
        self._mode = mode
        self._session: Optional[Session] = None
        self._stopped = threading.Event()
        self._environment = environment
        self._confirmations: Confirmations = confirmations or InMemory()

    def measure(
        self,
        cell: Cell,
        snapshot: Snapshot,
        repeat: int = 1,
        prologue: str = "",
        *,
        alone: bool = False,
        path: str = "",
    ) -> Execution:
        """Runs `cell`; runs it twice if the first result needs a second look. A process that
        imports TensorFlow for it runs the script's `prologue`. The agent sees the folder of
        `snapshot`.

        With `repeat`, runs it that many times and lets the majority decide. These runs are fresh
        processes, because children of one process share causes of flakiness such as the hash seed.
        `alone`: no other cell shares the import. A fork then saves nothing, and a failure of it
        would need a fresh process as well; so only an agent that has imported TensorFlow forks.
        `path`: which script this is, whatever its text; "" if earlier edits of it are not known.
        Raises `PrepareError` if no agent can be started, and `Stopped`.
        """
        # What another cell saved counts no more than arguments do.
        digest = snapshot.own_digest or snapshot.digest
        trusted = Trusted(
            store=self._confirmations,
            environment=self._environment,
            files=f"{digest}:{snapshot.workspace.script}",
            script=path,
        )
        wish = _Wish(cell=cell, snapshot=snapshot, prologue=prologue, trusted=trusted)
        run = partial(self._suite if cell.repro.suite else self._once, wish)
        if repeat > 1:
            votes = [_measured(run) for _ in range(repeat)]
            return judge_rows(majority, votes) if cell.repro.suite else majority(votes)
        mode = "fresh" if alone and not self._opened().channel.warm else self._mode
        if cell.repro.suite:
            return looks.run_with_second_look(run, mode, wish.trusted_tests.signatures)
        first = run(mode)
        look = needed_look(first, trusted.signatures())
        return first if look is None else looks.seen_again(first, run("fresh"), look)

    def _suite(self, wish: _Wish, mode: str) -> Execution:
        """Runs one file of a suite. Findings of fresh processes confirm those of later forks."""
        found = rounds.run_file(lambda more: self._once(wish, mode, more), wish.cell.case.base_name)
        if found.trouble is not None:  # a damaged environment, for example
            return found
        for name, row in found.rows.items():
            said = classify(row).signature if row.mode == "fresh" else None
            if said:
                wish.trusted_tests.confirm(said, name)
        return found

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def stop(self) -> None:
        """Ends the running cell and refuses others: `measure` then raises `Stopped`."""
        self._stopped.set()
        self.close()

    def _opened(self) -> Session:
        """The session with a running agent. Raises `PrepareError` and `Stopped`."""
        if self._stopped.is_set():
            raise processes.Stopped
        session = self._session
        if session is not None and session.alive:
            return session
        self.close()
        self._session = session = Session(self._open())
        if self._stopped.is_set():  # while the agent was starting
            self.close()
            raise processes.Stopped
        return session

    def _once(self, wish: _Wish, mode: str, more: tuple[str, ...] = ()) -> Execution:
        session = self._opened()
        channel, cell, workspace = session.channel, wish.cell, wish.snapshot.workspace
        execution = session.run(
            Request(
                script=posixpath.join(channel.root, workspace.place, workspace.script),
                args=(*cell.case.args, *more),
                env=cell.variables,
                limits=cell.repro.limits,
                mode=mode,
                prologue=wish.prologue,
                keep="" if cell.repro.suite else cell.repro.keep,
                ends_well=self._confirmations.ends_well(self._environment),
            )
        )
        execution = _without_paths(execution, channel.shown)
        execution = printed.with_match(execution, cell.repro.fail_on)
        return self._learnt(wish, execution, channel)

    def _learnt(self, wish: _Wish, execution: Execution, channel: Channel) -> Execution:
        """Remembers the execution's signature. A new failure does not
        count if the environment changed."""
        if execution.mode == "fork":
            if execution.exit_code is not None:
                self._confirmations.add_ends_well(self._environment)
            return execution
        said = classify(execution).signature
        if said and said not in wish.trusted.shown():
            damage = channel.damage()
            if damage is not None:
                self.close()
                return evolve(execution, trouble=damage)
            wish.trusted.confirm(said)
        return execution


def _measured(run: Callable[[str], Execution]) -> Execution:
    """One vote. An execution that could not be measured is not a vote, and runs once more."""
    first = run("fresh")
    return first if first.trouble is None else run("fresh")


def _without_paths(execution: Execution, shown: Mapping[str, str]) -> Execution:
    """The execution without this machine's paths: people publish logs and observed values, and
    engines must give the same result."""
    return evolve(
        execution,
        output=_replaced(execution.output, shown),
        errors=_replaced(execution.errors, shown),
        observations=_replaced(execution.observations, shown),
        notes=tuple(_replaced(note, shown) for note in execution.notes),
        tests=tuple(_replaced(line, shown) for line in execution.tests),
    )


def _replaced(value: Any, shown: Mapping[str, str]) -> Any:
    """`value`, text or JSON, with the keys of `shown` replaced by their values."""
    if isinstance(value, str):
        for path, instead in shown.items():
            value = value.replace(path, instead)
    elif isinstance(value, Mapping):
        return {_replaced(key, shown): _replaced(one, shown) for key, one in value.items()}
    elif isinstance(value, list):
        return [_replaced(one, shown) for one in value]
    return value
