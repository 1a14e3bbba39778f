"""Finds which cells changed between runs of one matrix, and what else differed. Pure.

A cell is compared with its last measurement. That may be several runs ago: a run of one release
does not measure the others. An `error` is not a change. An inferred cell is neither counted nor
compared. If each run has one release of a series, the series is compared: 2.9.3 follows 2.9.2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Optional

from attrs import field, frozen
from packaging.version import InvalidVersion, Version

from runner.model import Outcome, Result, Run, Verdict, parsed_version, release_series
from runner.runs import causes
from runner.runs.causes import Cause, RecordedCell, RecordedRun

__all__ = [
    "CellName",
    "Circumstance",
    "History",
    "OutcomeChange",
    "RecordedRun",
    "ReproHistory",
    "RunSummary",
    "build_history",
    "oldest_first",
    "only_repro",
]


class CellName(NamedTuple):
    """The name of a cell within a repro.

    `variant` is empty if the release was run in one environment. Otherwise it distinguishes the
    environments: the Python, or the environment's name.
    """

    case: str
    tensorflow: str
    device: str
    variant: str = ""


@frozen(kw_only=True)
class OutcomeChange:
    """A cell whose verdict or signature differs from its last measurement."""

    where: CellName
    before: Outcome
    after: Outcome
    since: str
    """The id of the run with the last measurement."""
    causes: tuple[Cause, ...] = ()
    """What else differed; () if no recorded fact did."""


@frozen(kw_only=True)
class Circumstance:
    """A difference and the number of cells that have it, changed or not."""

    cause: Cause
    cells: int


@frozen(kw_only=True)
class RunSummary:
    """What one run measured of a repro."""

    run: str
    started: str
    engine: str
    finished: bool
    cells: int
    """How many were measured or skipped; `inferred` counts the others."""
    inferred: int = 0
    counts: Mapping[Verdict, int] = field(factory=dict)
    changes: tuple[OutcomeChange, ...] = ()
    shifts: tuple[Circumstance, ...] = ()
    new: int = 0
    """How many cells no earlier run measured."""


@frozen(kw_only=True)
class ReproHistory:
    """A repro and its runs, the oldest first."""

    repro: str
    script: str
    steps: tuple[RunSummary, ...]


@frozen(kw_only=True)
class History:
    lines: tuple[ReproHistory, ...]


def build_history(pasts: Iterable[RecordedRun]) -> History:
    """The history of every repro in these runs, which may come in any order."""
    in_order = oldest_first(pasts)
    lines = dict.fromkeys(each for past in in_order for each in _repros(past.run))
    return History(
        lines=tuple(
            ReproHistory(repro=repro, script=script, steps=tuple(_steps(in_order, repro, script)))
            for repro, script in lines
        )
    )


def oldest_first(pasts: Iterable[RecordedRun]) -> list[RecordedRun]:
    return sorted(pasts, key=lambda past: (past.run.info.started, past.run.info.id))


def only_repro(history: History, repro: str) -> History:
    """The lines of one repro."""
    return History(lines=tuple(line for line in history.lines if line.repro == repro))


def _repros(run: Run) -> Iterator[tuple[str, str]]:
    """The (name, script) of each repro: two scripts of one name in two folders are two repros."""
    scripts = {repro.name: str(repro.script) for repro in run.repros}
    for name in dict.fromkeys(result.repro for result in run.results):
        yield name, scripts.get(name, "")


def _steps(pasts: Iterable[RecordedRun], repro: str, script: str) -> Iterator[RunSummary]:
    memory = _Memory()
    for past in pasts:
        if (repro, script) in _repros(past.run):
            yield _step(past, _in_order(past.run, repro), memory)


def _in_order(run: Run, repro: str) -> list[Result]:
    """The results of a repro by planned case and release; a journal has them by time."""
    cases = [case.name for each in run.repros if each.name == repro for case in each.cases]
    planned = {name: number for number, name in enumerate(cases)}
    return sorted(
        (result for result in run.results if result.repro == repro),
        key=lambda r: (planned.get(r.case, len(planned)), r.device, _version(r.tensorflow)),
    )


def _step(past: RecordedRun, results: list[Result], memory: _Memory) -> RunSummary:
    changes, shifts, new = [], Counter[Cause](), 0
    measured = [result for result in results if not result.inferred]
    places = _places(measured)
    lone = _lone(places)
    for where, result in places.items():
        after = RecordedCell(past=past, result=result)
        before = memory.recall(where, lone=where in lone)
        memory.remember(where, after, lone=where in lone)
        if result.outcome.verdict is Verdict.ERROR:
            continue
        if before is None:
            new += 1
            continue
        different = causes.differences_between(before, after)
        shifts.update(different)
        if before.result.outcome.finding != result.outcome.finding:
            changes.append(_change(where, before, after, different))
    info = past.run.info
    return RunSummary(
        run=info.id,
        started=info.started,
        engine=info.engine,
        finished=info.finished is not None,
        cells=len(measured),
        inferred=len(results) - len(measured),
        counts=Counter(result.outcome.verdict for result in measured),
        changes=tuple(changes),
        shifts=tuple(Circumstance(cause=cause, cells=cells) for cause, cells in shifts.items()),
        new=new,
    )


def _change(
    where: CellName, before: RecordedCell, after: RecordedCell, different: tuple[Cause, ...]
) -> OutcomeChange:
    return OutcomeChange(
        where=where,
        before=before.result.outcome,
        after=after.result.outcome,
        since=before.past.run.info.id,
        causes=different,
    )


# --- Which cell is which -----------------------------------------------------------------------


class _Memory:
    """The last measurement of each cell, and of each series that had one release in a run."""

    def __init__(self) -> None:
        self._cells: dict[CellName, RecordedCell] = {}
        self._series: dict[CellName, RecordedCell] = {}

    def recall(self, where: CellName, *, lone: bool) -> Optional[RecordedCell]:
        """The last measurement of the cell, perhaps on another release of its series."""
        known = self._cells.get(where)
        return self._series.get(_in_series(where)) if known is None and lone else known

    def remember(self, where: CellName, measured: RecordedCell, *, lone: bool) -> None:
        """Ignores errors: the last measurement before an error still holds."""
        if measured.result.outcome.verdict is Verdict.ERROR:
            return
        self._cells[where] = measured
        if lone:
            self._series[_in_series(where)] = measured
        else:
            self._series.pop(_in_series(where), None)


def _places(results: Iterable[Result]) -> dict[CellName, Result]:
    """Each result under the shortest name that distinguishes its cell from the others."""
    every = list(results)
    names = [_names(result) for result in every]
    times = Counter(name for several in names for name in several)
    return {
        next((name for name in several if times[name] == 1), several[-1]): result
        for result, several in zip(every, names)
    }


def _names(result: Result) -> list[CellName]:
    where = CellName(result.case, result.tensorflow, result.device)
    return [where, *(where._replace(variant=v) for v in (result.python, result.environment))]


def _lone(places: Iterable[CellName]) -> frozenset[CellName]:
    """The cells whose series had one release in the run."""
    every = list(places)
    times = Counter(_in_series(where) for where in every)
    return frozenset(where for where in every if times[_in_series(where)] == 1)


def _in_series(where: CellName) -> CellName:
    version = _version(where.tensorflow)
    if version == _UNKNOWN:
        return where
    return where._replace(tensorflow=release_series(version))


_UNKNOWN = Version("0")


def _version(tensorflow: str) -> Version:
    """The version to sort by; a text that is not a version, from a stranger's file, sorts first."""
    try:
        return parsed_version(tensorflow)
    except InvalidVersion:
        return _UNKNOWN
