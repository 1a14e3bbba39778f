"""Checks whether a requirement admits only releases that qualify."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from runner.pins import requirement
from runner.pins.obstacles import Obstacle
from runner.pins.pin import Pin
from runner.pins.requirement import admits
from runner.pins.standings import Standing


@frozen(kw_only=True)
class RequirementCheck:
    """The result for one specifier."""

    admitted: tuple[Standing, ...]
    unmeasured: tuple[Version, ...]
    """Known releases that the specifier admits but the run did not measure."""
    unvouched: tuple[Version, ...] = ()
    """Those of `unmeasured` that no newer patch of their series vouches for."""

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        return tuple(obstacle for standing in self.admitted for obstacle in standing.obstacles)

    @property
    def holds(self) -> bool:
        return bool(self.admitted) and not self.obstacles and not self.unvouched


def check_requirement(pin: Pin, specifier: SpecifierSet, known: Iterable[str]) -> RequirementCheck:
    """Checks `specifier`. With `pin.strict`, a newer patch does not vouch for an older one."""
    there = {standing.version for standing in pin.standings if standing.obstacles}
    there |= pin.measured.keys()
    unmeasured = [v for v in map(Version, known) if v not in there and admits(specifier, v)]
    return RequirementCheck(
        admitted=tuple(s for s in pin.standings if admits(specifier, s.version)),
        unmeasured=tuple(unmeasured),
        unvouched=tuple(
            v for v in unmeasured if pin.strict or not requirement.is_vouched_for(v, pin.measured)
        ),
    )
