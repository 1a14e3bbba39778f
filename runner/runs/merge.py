"""Merges several runs into one, for a matrix whose shards ran on several machines.

`merge_runs` is pure. If two shards have the same cell, a measurement wins over a skip, an error or
an inference; otherwise the run that finished later wins. If measurements contradict each other, the
winner records how many of all measurements agree with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple, TypeVar

from attrs import evolve, field, frozen

from runner.cells import left_files
from runner.model import EnvironmentInfo, Repro, Result, Run, RunInfo, full_name
from runner.runs import journal, kept_files
from runner.runs.logs import RunFiles

T = TypeVar("T")


class _Place(NamedTuple):
    repro: str
    case: str
    tensorflow: str
    device: str
    python: str

    def __str__(self) -> str:
        return (
            f"{full_name(self.repro, self.case)} on {self.tensorflow} {self.device} py{self.python}"
        )


@frozen(kw_only=True)
class Merged:
    run: Run
    origins: Mapping[tuple[str, str, str], int]
    """`Result.id` → index of the run that the result is from."""
    environments: Mapping[str, int]
    """Environment → index of the run that described it."""
    notes: tuple[str, ...] = field(factory=tuple)
    """Where the runs contradict each other, a sentence each."""


def merge_runs(shards: Sequence[Run], run_id: str) -> Merged:
    """One run with everything that `shards` measured."""
    oldest_first = sorted(range(len(shards)), key=lambda n: _ended(shards[n].info))
    held = _cells(shards, oldest_first)
    environments = _environments(shards, oldest_first)
    run = Run(
        info=_info([shard.info for shard in shards], run_id),
        environments=tuple(info for _, info in environments.values()),
        results=tuple(result for _, result in held.values()),
        repros=_repros(shards),
    )
    return Merged(
        run=run,
        origins={result.id: origin for origin, result in held.values()},
        environments={name: origin for name, (origin, _) in environments.items()},
        notes=tuple(_notes(shards, held)),
    )


def write_merged(merged: Merged, folders: Sequence[Path], output: Path) -> None:
    """Write the merged run to the folder `output`: journal, logs, what cells left,
    environments and scripts."""
    unfinished = evolve(merged.run, info=evolve(merged.run.info, finished=None))
    log = journal.Journal(output, unfinished)
    shards = [RunFiles(folder) for folder in folders]
    try:
        log.append_known(
            _copied(log, result, shards[merged.origins[result.id]]) for result in merged.run.results
        )
        for name, origin in merged.environments.items():
            for file in ("Dockerfile", "requirements.txt"):
                _copy(shards[origin], output, f"environments/{name}/{file}")
        for repro in merged.run.repros:
            for shard in shards:
                if _copy(shard, output, journal.script_name(repro.name)):
                    break
        if merged.run.info.finished:
            log.finish(merged.run.info.finished)
    finally:
        log.close()


def script_notes(repros: Iterable[Repro], folders: Sequence[Path]) -> Iterator[str]:
    """A note for each repro whose script differs between shards: its cells cannot be compared."""
    shards = [RunFiles(folder) for folder in folders]
    for repro in repros:
        texts = {shard.text(journal.script_name(repro.name)) for shard in shards} - {None}
        if len(texts) > 1:
            yield f"the shards ran different scripts under the name {repro.name}"


def _cells(shards: Sequence[Run], oldest_first: Iterable[int]) -> dict[_Place, tuple[int, Result]]:
    every: dict[_Place, list[tuple[int, Result]]] = {}
    for origin in oldest_first:
        for result in shards[origin].results:
            every.setdefault(_place(result), []).append((origin, result))
    return {place: _held(several) for place, several in every.items()}


def _held(several: Sequence[tuple[int, Result]]) -> tuple[int, Result]:
    """The result that wins among the shards: the strongest evidence, then the latest."""
    origin, holds = max(reversed(several), key=lambda one: _weight(one[1]))
    measured = _measurements(result for _, result in several)
    findings = {one.outcome.finding for one in measured}
    if len(findings) < 2 and not any(one.votes for one in measured):
        return origin, holds
    # A run that did not count its attempts as votes believed one of them: it has one vote.
    attempts = sum(one.attempts if one.agreed else 1 for one in measured)
    agreeing = [one for one in measured if one.outcome.finding == holds.outcome.finding]
    agreed = sum(one.agreed or 1 for one in agreeing)
    return origin, evolve(holds, attempts=attempts, agreed=agreed)


def _measurements(results: Iterable[Result]) -> list[Result]:
    """The measured results. If a later run took a result from the store, it counts once."""
    measured = [result for result in results if _weight(result) == _MEASURED]
    known = {
        (one.key or number, one.outcome.finding, one.seconds): one
        for number, one in enumerate(measured)
    }
    return list(known.values())


_MEASURED = 2


def _weight(result: Result) -> int:
    """The strength of a result as evidence: not judged, inferred, measured."""
    return 0 if not result.outcome.verdict.judged else 1 if result.inferred else _MEASURED


def _environments(
    shards: Sequence[Run], oldest_first: Iterable[int]
) -> dict[str, tuple[int, EnvironmentInfo]]:
    """The environments by name: a locked one wins over a planned one, else the later run's wins."""
    known: dict[str, tuple[int, EnvironmentInfo]] = {}
    for origin in oldest_first:
        for info in shards[origin].environments:
            if info.id not in known or info.key or not known[info.id][1].key:
                known[info.id] = (origin, info)
    return known


def _info(infos: Sequence[RunInfo], run_id: str) -> RunInfo:
    """The facts of the merged run: the first run's command, and the host facts that all share."""
    finished = [info.finished for info in infos]
    return evolve(
        infos[0],
        id=run_id,
        started=min(info.started for info in infos),
        finished=None if None in finished else max(each or "" for each in finished),
        engine=", ".join(dict.fromkeys(info.engine for info in infos)),
        host={k: v for k, v in infos[0].host.items() if all(i.host.get(k) == v for i in infos)},
    )


def _repros(shards: Sequence[Run]) -> tuple[Repro, ...]:
    """The repros by name, each with the cases of all shards."""
    repros: dict[str, Repro] = {}
    for repro in (repro for shard in shards for repro in shard.repros):
        before = repros.get(repro.name, repro)
        cases = {case.name: case for case in [*repro.cases, *before.cases]}
        order = dict.fromkeys(case.name for case in [*before.cases, *repro.cases])
        repros[repro.name] = evolve(before, cases=tuple(cases[name] for name in order))
    return tuple(repros.values())


def _notes(shards: Sequence[Run], held: Mapping[_Place, tuple[int, Result]]) -> Iterator[str]:
    yield from _head_notes(shards)
    for shard in shards:
        for result in shard.results:
            origin, holds = held[_place(result)]
            if _contradict(result, holds):
                yield (
                    f"{_place(result)}: {_said(result)} in {shard.info.id}, "
                    f"{_said(holds)} in {shards[origin].info.id}, which holds"
                )


def _head_notes(shards: Sequence[Run]) -> Iterator[str]:
    for shard in shards:
        if shard.info.finished is None:
            yield f"{shard.info.id} was interrupted: some of its planned cells may be missing"
    if len({shard.info.tool_version for shard in shards}) > 1:
        yield "the shards are of different versions of tfmatrix"
    for name in _disagreeing(shards, lambda run: {e.id: e.key for e in run.environments if e.key}):
        yield f"the shards made environment {name} of different packages"
    for name in _disagreeing(shards, lambda run: {r.name: evolve(r, cases=()) for r in run.repros}):
        yield f"the shards describe the repro {name} differently"
    for name in _disagreeing(shards, _cases):
        yield f"the shards give case {name} different arguments"


def _cases(run: Run) -> dict[str, Any]:
    return {f"{r.name}/{case.name}": case.args for r in run.repros for case in r.cases}


def _disagreeing(shards: Iterable[Run], facts: Callable[[Run], Mapping[str, T]]) -> Iterator[str]:
    """The names for which two shards have different facts."""
    known: dict[str, T] = {}
    told: dict[str, None] = {}
    for shard in shards:
        for name, fact in facts(shard).items():
            if known.setdefault(name, fact) != fact:
                told[name] = None
    return iter(told)


def _contradict(one: Result, other: Result) -> bool:
    same = one.outcome.finding == other.outcome.finding
    return not same and min(_weight(one), _weight(other)) == _MEASURED


def _said(result: Result) -> str:
    signature = result.outcome.signature
    return f"{result.outcome.verdict}" + (f" ({signature})" if signature else "")


def _place(result: Result) -> _Place:
    return _Place(result.repro, result.case, result.tensorflow, result.device, result.python)


def _ended(info: RunInfo) -> str:
    return info.finished or info.started


def _copy(shard: RunFiles, output: Path, name: str) -> bool:
    text = shard.text(name)
    if text is None or output.resolve() not in (output / name).resolve().parents:
        return False
    journal.write_file(output / name, text)
    return True


def _copied(log: journal.Journal, result: Result, shard: RunFiles) -> tuple[Result, str]:
    """The result with copies of what its cell left, and its log."""
    text = shard.text(result.log) or ""
    result = evolve(result, log=None)
    if not result.files:
        return result, text
    found = kept_files.contents(shard, result)
    gone = [file.name for file in result.files if file.name not in found]
    lost = f"{left_files.NOT_KEPT}{', '.join(gone)}, missing in the merged run"
    notes = [lost] if gone else []
    return log.keep_files(evolve(result, notes=(*result.notes, *notes)), found), text
