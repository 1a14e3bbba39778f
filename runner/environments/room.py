"""Plans which environments fit on a disk, and keeps a run within that limit. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Optional

from attrs import field, frozen

from runner.machine.units import size_text


@frozen(kw_only=True)
class DiskSize:
    own: int
    """Bytes that removing the environment frees."""
    stays: Mapping[str, int] = field(factory=dict)
    """Name → bytes that stay after its removal. What several environments share counts once."""


@frozen(kw_only=True)
class DiskPlan:
    """Which environments fit under a limit, and how."""

    admitted: tuple[str, ...]
    left_out: Mapping[str, str]
    """Environments that do not fit even alone → the reason."""
    need: int
    """Bytes needed to make all missing environments, if none is removed."""
    budget: Optional[int] = None
    """Bytes that removable parts may take at the same time; None if there is no limit."""
    waves: tuple[tuple[str, ...], ...] = ()
    """The admitted environments, in groups that fit together. At worst, one
    group is removed before the next one is made."""


def plan_disk(
    order: Sequence[str],
    sizes: Mapping[str, DiskSize],
    present: Collection[str] = (),
    limit: Optional[int] = None,
) -> DiskPlan:
    """Which environments of `order` fit into `limit` bytes; those in `present` exist already.

    The limit holds for all these environments together, and for what this run leaves behind. An
    environment is admitted if it fits after all others are removed, so one that waits for room gets
    it in the end. Existing environments are always admitted.
    """
    missing = [name for name in order if name not in present]
    need = sum(sizes[name].own for name in missing) + _staying(sizes[name] for name in missing)
    if limit is None:
        whole = (tuple(order),) if order else ()
        return DiskPlan(admitted=tuple(order), left_out={}, need=need, waves=whole)
    admitted: list[str] = []
    left_out: dict[str, str] = {}
    for name in order:
        tried = [sizes[each] for each in (*admitted, name) if each not in present]
        if name in present or _staying(tried) + max(size.own for size in tried) <= limit:
            admitted.append(name)
        else:
            left_out[name] = _reason(sizes[name], limit)
    budget = limit - _staying(sizes[name] for name in admitted if name not in present)
    waves = tuple(_waves(admitted, sizes, budget))
    return DiskPlan(
        admitted=tuple(admitted), left_out=left_out, need=need, budget=budget, waves=waves
    )


def _staying(sizes: Iterable[DiskSize]) -> int:
    stays: dict[str, int] = {}
    for size in sizes:
        for name, more in size.stays.items():
            stays[name] = max(more, stays.get(name, 0))
    return sum(stays.values())


def _reason(size: DiskSize, limit: int) -> str:
    alone = size.own + _staying([size])
    if alone > limit:
        return f"it takes about {size_text(alone)} on disk, and the limit is {size_text(limit)}"
    return (
        f"it takes about {size_text(size.own)} on disk and leaves {size_text(alone - size.own)}"
        f" behind, and with what the others leave that is over the limit of {size_text(limit)}"
    )


def _waves(
    admitted: Sequence[str], sizes: Mapping[str, DiskSize], budget: int
) -> Iterator[tuple[str, ...]]:
    wave: list[str] = []
    used = 0
    for name in admitted:
        if wave and used + sizes[name].own > budget:
            yield tuple(wave)
            wave, used = [], 0
        wave.append(name)
        used += sizes[name].own
    if wave:
        yield tuple(wave)


class DiskRoom:
    """Keeps a run's environments within a plan's budget. Not thread-safe.

    Call `admit` before an environment is prepared, `release` when its cells are done, and `forget`
    when it no longer exists. Remove what `admit` returns before anything else is made.
    """

    def __init__(
        self,
        plan: DiskPlan,
        sizes: Mapping[str, DiskSize],
        present: Collection[str] = (),
    ) -> None:
        self._budget = plan.budget
        self._sizes = {name: size.own for name, size in sizes.items()}
        self._active: set[str] = set()
        # Least recently used first: what the run needs last is removed first.
        wanted = [name for name in plan.admitted if name in present]
        self._idle: dict[str, None] = dict.fromkeys(reversed(wanted))

    @property
    def used_bytes(self) -> int:
        """The known bytes in use now."""
        return sum(self._own(name) for name in (*self._active, *self._idle))

    def admit(self, name: str) -> Optional[list[str]]:
        """The environments to remove before `name` is made; None if it must wait for others.

        If no other environment is in use, it may always be tried, because sizes are estimates.
        """
        if name in self._idle:
            del self._idle[name]
            going: Optional[list[str]] = []
        else:
            going = self._making_room(self._own(name))
        if going is not None:
            self._active.add(name)
        return going

    def set_size(self, name: str, own: int) -> None:
        """Records the measured size of `name`."""
        self._sizes[name] = own

    def release(self, name: str) -> None:
        """Marks it as idle: its cells are done, and it stays until others need its space."""
        self._active.discard(name)
        self._idle[name] = None

    def forget(self, name: str) -> None:
        """Stops counting an environment that could not be made or was removed."""
        self._active.discard(name)
        self._idle.pop(name, None)

    def _own(self, name: str) -> int:
        return self._sizes.get(name, 0)

    def _making_room(self, own: int) -> Optional[list[str]]:
        if self._budget is None:
            return []
        going: list[str] = []
        used = self.used_bytes
        for name in self._idle:
            if used + own <= self._budget:
                break
            going.append(name)
            used -= self._own(name)
        if used + own > self._budget and self._active:
            return None
        for name in going:
            del self._idle[name]
        return going
