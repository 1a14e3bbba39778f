"""Which engine does the work: the one asked for, or one that can; settled before all else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Optional, Protocol

from runner.engines.base import Candidate
from runner.errors import EngineUnavailableError, TfmatrixError
from runner.machine.units import count
from runner.model import Environment

Say = Callable[[str], None]


class Wanted(Protocol):
    """What a command wants to know, which depends on the engine that it gets."""

    cells: int
    """How many cells, 0 where no answers are wanted."""

    def answered(self, engine: Candidate) -> int:
        """How many of the cells that engine has measured already."""
        ...

    def environments(self, engine: Candidate) -> Sequence[Environment]:
        """Those that are needed for what is not answered."""
        ...


class Anything:
    """Nothing in particular: any engine that answers will do."""

    cells = 0

    def answered(self, engine: Candidate) -> int:
        return 0

    def environments(self, engine: Candidate) -> Sequence[Environment]:
        return ()


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
    """The engine that has most of the answers, else the first that can make what is wanted.

    Raises `EngineUnavailableError` with what is missing.
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
    for engine in usable:
        why_not = _obstacle(engine, wanted, say)
        if why_not is None:
            return _chosen(engine, reasons, say)
        reasons.append(f"not {engine.name}: {why_not}")
    raise EngineUnavailableError("no engine can be used: " + "; ".join(reasons))


def _chosen(engine: Candidate, reasons: Sequence[str], say: Say) -> Candidate:
    say(f"engine: {engine.name}" + "".join(f"\n  ({reason})" for reason in reasons))
    return engine


def _knows_most(usable: Sequence[Candidate], wanted: Wanted) -> Optional[Candidate]:
    """An engine that is not the first, and has more than half of the answers and the most."""
    if len(usable) < 2 or not wanted.cells:
        return None
    best = usable[0]
    most = wanted.answered(best)
    for engine in usable[1:] if most < wanted.cells else ():
        known = wanted.answered(engine)
        if known > max(most, wanted.cells // 2):
            best, most = engine, known
    return None if best is usable[0] else best


def _obstacle(engine: Candidate, wanted: Wanted, say: Say) -> Optional[str]:
    """Why `engine` cannot make what is wanted, after trying to remove what stands in the way."""
    environments = wanted.environments(engine)
    why_not = engine.why_not_made(environments)
    if why_not is None:
        return None
    try:
        return None if engine.repair(environments, say) else why_not
    except TfmatrixError as error:
        return f"{why_not}; {error.one_line}"
