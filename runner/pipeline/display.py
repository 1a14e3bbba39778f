"""The progress that a person sees during a run: a live table in a terminal, else plain lines."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from typing_extensions import assert_never

from runner.machine.units import count
from runner.model import Result, Verdict, full_name
from runner.pipeline import events
from runner.report import style
from runner.report.text import clean, inferred_text, safe_message

LOG = logging.getLogger(__name__)


class Display(Protocol):
    """Takes events; used as a context manager around the run."""

    def __enter__(self) -> Display: ...
    def __exit__(self, *_: object) -> None: ...
    def __call__(self, event: events.Event) -> None: ...


def make_display(console: Console, cells: int) -> Display:
    """A live display where `console` can move its cursor, else plain lines."""
    return LiveDisplay(console, cells) if console.is_interactive else PlainDisplay(console, cells)


class PlainDisplay:
    """One line for each environment and each notable cell, for logs and pipes."""

    def __init__(self, console: Console, cells: int) -> None:
        self._console = console
        self._state = State(cells)

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, event: events.Event) -> None:
        with self._state.lock:
            for line in self._state.lines_after(event):
                if not self._console.quiet:
                    self._console.file.write(f"{line}\n")


class LiveDisplay:
    """Shows what is being prepared, what runs, the results, and the time left."""

    def __init__(self, console: Console, cells: int) -> None:
        self._state = State(cells)
        self._bar = Progress(
            TextColumn("[bold]cells"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            expand=True,
        )
        self._task = self._bar.add_task("cells", total=cells, left="")
        self._live = Live(
            console=console, get_renderable=self._render, refresh_per_second=6, transient=True
        )

    def __enter__(self) -> LiveDisplay:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def __call__(self, event: events.Event) -> None:
        with self._state.lock:
            lines = self._state.lines_after(event)
            if isinstance(event, events.Unprepared):
                for line in lines:
                    self._live.console.print(Text(line, "red"))

    def _render(self) -> Group:
        with self._state.lock:
            self._bar.update(self._task, completed=self._state.done, left=self._state.time_left())
            return Group(self._bar, self._tally(), self._table())

    def _tally(self) -> Text:
        text = Text("      ")
        for verdict in Verdict:
            if self._state.tally[verdict]:
                text.append(f"{self._state.tally[verdict]} {verdict}  ", style.TERMINAL[verdict])
        if self._state.inferred:
            text.append(f"{self._state.inferred} inferred  ", "dim")
        return text

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, (what, since) in list(self._state.preparing.items()):
            table.add_row("  ", Text(name), Text(what, "cyan"), f"{time.monotonic() - since:.0f} s")
        for (environment, case), (worker, since) in list(self._state.running.items()):
            seconds = f"{time.monotonic() - since:.0f} s"
            what = f"{case} on {worker}" if worker else case
            table.add_row("  ", Text(environment), Text(clean(what)), seconds)
        return table


class State:
    """The state of both displays."""

    def __init__(self, cells: int) -> None:
        self.cells = cells
        self.done = 0
        self.cached = 0
        self.tally: Counter[Verdict] = Counter()
        self.inferred = 0
        self.preparing: dict[str, tuple[str, float]] = {}
        self.running: dict[tuple[str, str], tuple[str, float]] = {}
        self.lock = threading.Lock()
        self._phases: dict[str, str] = {}
        """The last phase of each environment for which there was a line."""
        self._unprepared: dict[str, str] = {}
        """The reason for each environment that could not be made, without the environment's
        name."""
        self._first: float = time.monotonic()

    def lines_after(self, event: events.Event) -> list[str]:
        """Counts an event. Returns the lines to print for it, and logs them too."""
        self._count(event)
        lines = list(self._lines(event))
        for line in lines:
            LOG.debug("%s", line)
        return lines

    def _count(self, event: events.Event) -> None:
        if isinstance(event, events.Preparing):
            since = self.preparing.get(event.environment.id, ("", time.monotonic()))[1]
            self.preparing[event.environment.id] = (phase_text(event), since)
        elif isinstance(event, (events.Prepared, events.Unprepared)):
            self.preparing.pop(event.environment.id, None)
            self._phases.pop(event.environment.id, None)
        elif isinstance(event, events.Started):
            now = time.monotonic()
            self.running[(event.environment, event.case)] = (event.worker, now)
        elif isinstance(event, events.Empty):
            self._end(event.cell)
        elif isinstance(event, events.Ended):
            if event.result.inferred:
                self.inferred += 1
            else:
                self.tally[event.result.outcome.verdict] += 1
            if event.last:
                self._end(event.cell)
                self.cached += event.result.cached

    def _end(self, cell: tuple[str, str, str]) -> None:
        self.running.pop((cell[2], cell[1]), None)
        self.done += 1

    def _lines(self, event: events.Event) -> Iterator[str]:
        if isinstance(event, events.Preparing):
            name, phase = event.environment.id, event.phase
            is_new = self._phases.get(name) != phase.what
            if phase.detail == "" and phase.bytes_done is None and is_new:
                self._phases[name] = phase.what
                yield f"{name}: {phase.what}"
        elif isinstance(event, events.Prepared):
            if event.seconds >= 0.5:
                yield f"{event.environment.id}: ready after {event.seconds:.1f} s"
        elif isinstance(event, events.Unprepared):
            yield self._unprepared_line(event)
        elif isinstance(event, events.Ended):
            if not self._was_told(event.result):
                yield f"[{self.done}/{self.cells}] {result_line(event.result)}"
        elif isinstance(event, events.Dropped):
            yield f"{event.environment.id}: dropped"
        elif isinstance(event, (events.Started, events.Empty)):
            pass
        else:
            assert_never(event)

    def _unprepared_line(self, event: events.Unprepared) -> str:
        """The line with the reason, or with the environment that first had the same reason."""
        name = event.environment.id
        reason = event.reason.replace(name, "")
        first = next((other for other, its in self._unprepared.items() if its == reason), None)
        self._unprepared[name] = reason
        why = f"for the same reason as {first}" if first else safe_message(event.reason)
        errors = f"{count(event.cells, 'cell')} cannot be measured"
        return f"{name}: could not be prepared, so {errors}: {why}"

    def _was_told(self, result: Result) -> bool:
        """Whether the line of its environment says why it is an error."""
        return result.environment in self._unprepared and result.outcome.verdict is Verdict.ERROR

    def time_left(self) -> str:
        """An estimate from the pace of the measured cells so far."""
        measured = self.done - self.cached - self.inferred
        if measured < 3:
            return ""
        pace = (time.monotonic() - self._first) / measured
        minutes, seconds = divmod(round(pace * (self.cells - self.done)), 60)
        return f"about {minutes}:{seconds:02d} left"


def phase_text(event: events.Preparing) -> str:
    """A phase with its bytes: `installing 214 of 640 MB  h5py`."""
    phase = event.phase
    amount = ""
    if phase.bytes_done is not None:
        amount = f"{phase.bytes_done / 1e6:.0f} MB"
        if phase.bytes_total:
            amount = f"{phase.bytes_done / 1e6:.0f} of {phase.bytes_total / 1e6:.0f} MB"
    return "  ".join(filter(None, (phase.what, amount, phase.detail[:60])))


def result_line(result: Result) -> str:
    """A cell on one line: its place, its outcome, and the reason."""
    where = f"{result.environment} {full_name(result.repro, result.case)}"
    why = result.outcome.signature or ("" if result.inferred else result.outcome.reason)
    marks = " (cached)" if result.cached else ""
    marks += f" ({inferred_text(result)})" if result.inferred else ""
    marks += " ({} of {} attempts)".format(*result.votes.split("/")) if result.votes else ""
    marks += "  ← not as expected" if result.unexpected else ""
    return clean(f"{where}: {result.outcome.verdict}{marks}" + (f": {why}" if why else ""))
