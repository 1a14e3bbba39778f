"""Plans the disk space for a run's environments, and keeps a run within a limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional

from attrs import evolve, frozen

from runner import paths
from runner.engines.base import Engine
from runner.environments import sizes
from runner.environments.room import DiskPlan, DiskRoom, DiskSize, plan_disk
from runner.errors import TfmatrixError
from runner.machine import host
from runner.machine.units import count, size_text
from runner.model import Environment
from runner.report.text import listed

USABLE = 0.95
"""Environments may be planned to fill this share of the free space, because sizes are estimates."""
_NAMED = 5
"""At most this many left-out environments are named here; the cells name them all."""


@frozen(kw_only=True)
class Forecast:
    """A run's environments and the disk, before the run starts."""

    engine: str
    environments: Mapping[str, Environment]
    """By key; the plan's names are keys."""
    plan: DiskPlan
    sizes: Mapping[str, DiskSize]
    present: frozenset[str]
    folder: Optional[Path]
    """The folder for the environments; None if it is not on this machine."""
    free: Optional[int]
    limit: Optional[int]
    asked: bool = True
    """Whether the user set the limit; else the free space is the limit."""

    @property
    def fits(self) -> bool:
        return self.free is None or self.plan.need <= self.free

    def renewed(self, engine: Engine) -> Forecast:
        """The same environments and limit, after some of them were made and others removed."""
        environments = tuple(self.environments.values())
        return evolve(_forecast(engine, environments, self.limit), asked=self.asked)


class DiskLimit:
    """Keeps the environments of a running run within a limit on the disk; None means no limit.

    Call `make_room` before an environment is prepared, `record_size` after, `release` when its
    cells are done, and `forget` when it could not be made or is removed for another reason. Not
    thread-safe.
    """

    def __init__(self, forecast: Optional[Forecast], drop: Callable[[Environment], None]) -> None:
        self._forecast = forecast
        self._environments = dict(forecast.environments) if forecast else {}
        self._drop = drop
        nothing = DiskRoom(plan_disk((), {}), {})
        self._room = (
            DiskRoom(forecast.plan, forecast.sizes, forecast.present) if forecast else nothing
        )

    def why_not(self, environment: Environment) -> Optional[str]:
        """Why it can never fit; None if it can."""
        return self._forecast.plan.left_out.get(environment.key) if self._forecast else None

    def make_room(self, environment: Environment) -> bool:
        """Whether it can be made now; if so, others have been removed to make room for it."""
        self._environments[environment.key] = environment
        going = self._room.admit(environment.key)
        if self._forecast is not None:
            for key in going or ():
                self._drop(self._environments[key])
        return going is not None

    def record_size(self, environment: Environment) -> None:
        if self._forecast is not None:
            own = sizes.recorded_size(self._forecast.engine, environment)
            if own is not None:
                self._room.set_size(environment.key, own)

    def release(self, environment: Environment) -> None:
        self._room.release(environment.key)

    def forget(self, environment: Environment) -> None:
        self._room.forget(environment.key)


def forecast(
    engine: Engine, environments: Sequence[Environment], max_disk: Optional[int] = None
) -> Forecast:
    """The forecast. `max_disk`: bytes that the run's environments may take together at any time.

    Without it, the free space is the limit if they do not all fit. Raises `TfmatrixError` if an
    environment does not even fit alone.
    """
    found = _forecast(engine, environments, max_disk)
    if max_disk is None and not found.fits:
        return _within_free(engine, environments, found)
    return found


def _within_free(
    engine: Engine, environments: Sequence[Environment], unbounded: Forecast
) -> Forecast:
    """A forecast within the free space and the space of existing environments."""
    there = [e for e in environments if e.key in unbounded.present]
    limit = int(USABLE * (unbounded.free or 0)) + sum(_present(engine, e).own for e in there)
    bounded = evolve(forecast(engine, environments, limit), asked=False)
    if bounded.plan.left_out:
        names = [bounded.environments[key].id for key in bounded.plan.left_out]
        raise TfmatrixError(
            f"{size_text(unbounded.free or 0)} are free in {unbounded.folder}, and "
            f"{listed(names)} cannot be made in that, even when all others are dropped",
            remedy=f"make room: tfmatrix clean; or leave out what does not fit: "
            f"--max-disk {size_text(limit).replace(' ', '')}",
        )
    return bounded


def _forecast(
    engine: Engine, environments: Sequence[Environment], limit: Optional[int]
) -> Forecast:
    present = frozenset(e.key for e in environments if engine.prepared(e))
    known = {
        e.key: _present(engine, e)
        if e.key in present and limit is not None
        else sizes.size_of(engine.name, e)
        for e in environments
    }
    # Existing environments come first, as in the pipeline.
    order = sorted((e.key for e in environments), key=lambda key: key not in present)
    return Forecast(
        engine=engine.name,
        environments={e.key: e for e in environments},
        plan=plan_disk(order, known, present, limit),
        sizes=known,
        present=present,
        folder=environments_folder(engine.name),
        free=free_bytes(engine.name),
        limit=limit,
    )


def _present(engine: Engine, environment: Environment) -> DiskSize:
    """The size of an existing environment; measured once, because it takes a second."""
    own = sizes.recorded_size(engine.name, environment)
    if own is None:
        own = engine.disk_size(environment)
        sizes.record_size(engine.name, environment, own)
    return DiskSize(own=own)


def forecast_lines(forecast: Forecast) -> Iterator[str]:
    """The lines to print before the run starts; none if no environment is to be made."""
    plan = forecast.plan
    missing = len(forecast.environments) - len(forecast.present)
    if missing:
        are = "is" if len(forecast.environments) == 1 else "are"
        line = f"{missing} of {count(len(forecast.environments), 'environment')} {are} to be made: "
        line += f"about {size_text(plan.need)} on disk"
        if forecast.free is not None:
            line += f"; {size_text(forecast.free)} are free in {forecast.folder}"
        yield line
        if not forecast.asked:
            yield (
                "that will not fit, so environments whose cells are done are dropped when others"
                " need their room; `tfmatrix clean` makes room, --max-disk SIZE sets another limit"
            )
    if forecast.limit is not None:
        yield from _kept_to(forecast, forecast.limit)


def _kept_to(forecast: Forecast, limit: int) -> Iterator[str]:
    plan = forecast.plan
    free = forecast.free
    if forecast.asked and free is not None and min(limit, plan.need) > free + _there(forecast):
        yield f"--max-disk {size_text(limit)} is more than there is: {size_text(free)} are free"
    if len(plan.waves) > 1:
        most = max(map(len, plan.waves))
        yield (
            f"{f'under --max-disk {size_text(limit)}, ' if forecast.asked else ''}up to {most} of "
            f"{len(plan.admitted)} are there at a time: the least recently used are dropped when"
            " others need their room"
        )
    for key, reason in list(plan.left_out.items())[:_NAMED]:
        yield f"{forecast.environments[key].id} is left out: {reason}"
    if len(plan.left_out) > _NAMED:
        yield f"and {len(plan.left_out) - _NAMED} more are left out"


def _there(forecast: Forecast) -> int:
    return sum(forecast.sizes[key].own for key in forecast.present)


def free_bytes(engine: str) -> Optional[int]:
    """Free bytes on the disk of the engine's environments; None if that is another machine's."""
    folder = environments_folder(engine)
    return None if folder is None else host.free_bytes(folder)


def environments_folder(engine: str) -> Optional[Path]:
    """The folder of the environments; None if it is on another machine."""
    if engine != "docker":
        return paths.environments()
    from runner.engines.docker import daemon  # imported only if needed: the SDK takes a while

    if not daemon.is_local():
        return None
    root = Path(str(daemon.daemon_info().get("DockerRootDir") or "/nonexistent"))
    return root if root.exists() else None
