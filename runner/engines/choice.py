"""Chooses the engine: the one asked for, or one that can do the work. This comes before all
else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Optional, Protocol

from runner.engines.base import Candidate
from runner.errors import EngineUnavailableError, TfmatrixError
from runner.machine.units import count
from runner.model import Environment

Say = Callable[[str], None]


class Wanted(Protocol):
    """What a command needs; this depends on the engine."""

    cells: int
    """The number of cells; 0 if no answers are looked for."""

    def answered(self, engine: Candidate) -> int:
        """How many of the cells `engine` has measured already."""
        ...

    def environments(self, engine: Candidate) -> Sequence[Environment]:
        """The environments that the other cells need."""
        ...

    def why_no_room(self, engine: Candidate) -> Optional[str]:
        """Why the disk of `engine` cannot hold them, not even one after the other."""
        ...


class Anything:
    """No needs: any engine that is available will do."""

    cells = 0

    def answered(self, engine: Candidate) -> int:
        return 0

    def environments(self, engine: Candidate) -> Sequence[Environment]:
        return ()

    def why_no_room(self, engine: Candidate) -> Optional[str]:
        return None


def by_name(engine: Candidate, wanted: Wanted, say: Say) -> Candidate:
    """`engine`, if it can be used. Raises `EngineUnavailableError`, before anything is made."""
    why_not = engine.unavailable()
    if why_not is not None:
        raise EngineUnavailableError(f"the engine {engine.name} cannot be used: {why_not}")
    why_not = engine.why_not_made(wanted.environments(engine))
    if why_not is not None:
        raise EngineUnavailableError(
            f"the engine {engine.name} cannot make these environments: {why_not}",
            remedy="`sudo tfmatrix bases` makes base images without a registry, where that is"
            " possible; or use another engine (--engine)",
        )
    say(f"engine: {engine.name}")
    return engine


def automatic(candidates: Sequence[Candidate], wanted: Wanted, say: Say) -> Candidate:
    """The engine with most of the answers, else the first that can make the environments.

    Raises `EngineUnavailableError`, which names what is missing.
    """
    reasons: list[str] = []
    usable = []
    for engine in candidates:
        why_not = engine.unavailable()
        if why_not is None:
            usable.append(engine)
        else:
            reasons.append(f"not {engine.name}: {why_not}")
    knowing = _knows_most(usable, wanted)
    if knowing is not None:
        cells = count(wanted.cells, "cell")
        were = "was" if wanted.cells == 1 else "were"
        known = f"{wanted.answered(knowing)} of {cells} {were} measured with it"
        return _chosen(knowing, [known], say)
    full = _without_room(usable, wanted)
    for engine in usable:
        why_not = full.get(engine.name) or _obstacle(engine, wanted, say)
        if why_not is None:
            return _chosen(engine, reasons, say)
        reasons.append(f"not {engine.name}: {why_not}")
    raise EngineUnavailableError("no engine can be used: " + "; ".join(reasons))


def _chosen(engine: Candidate, reasons: Sequence[str], say: Say) -> Candidate:
    say(f"engine: {engine.name}" + "".join(f"\n  ({reason})" for reason in reasons))
    return engine


def _knows_most(usable: Sequence[Candidate], wanted: Wanted) -> Optional[Candidate]:
    """An engine other than the first that has most answers, and more than half of all."""
    if len(usable) < 2 or not wanted.cells:
        return None
    best = usable[0]
    most = wanted.answered(best)
    for engine in usable[1:] if most < wanted.cells else ():
        known = wanted.answered(engine)
        if known > max(most, wanted.cells // 2):
            best, most = engine, known
    return None if best is usable[0] else best


def _without_room(usable: Sequence[Candidate], wanted: Wanted) -> dict[str, str]:
    """The engines before the first that has room on its disk → why they have none. Nothing if none
    has room: the run then says what to do about it."""
    found: dict[str, str] = {}
    for engine in usable if len(usable) > 1 else ():
        why_not = wanted.why_no_room(engine)
        if why_not is None:
            return found
        found[engine.name] = why_not
    return {}


def _obstacle(engine: Candidate, wanted: Wanted, say: Say) -> Optional[str]:
    """Why `engine` cannot make the environments, after an attempt to repair the cause."""
    environments = wanted.environments(engine)
    why_not = engine.why_not_made(environments)
    if why_not is None:
        return None
    try:
        return None if engine.repair(environments, say) else why_not
    except TfmatrixError as error:
        return f"{why_not}; {error.one_line}"
