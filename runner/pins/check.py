"""Whether a requirement admits nothing but what qualifies."""

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
    """Whether a specifier admits nothing but what qualifies."""

    admitted: tuple[Standing, ...]
    unmeasured: tuple[Version, ...]
    """Known releases that it admits and that the run did not measure."""
    unvouched: tuple[Version, ...] = ()
    """Those of them for which no newer patch of their series speaks: nobody knows of them."""

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        return tuple(obstacle for standing in self.admitted for obstacle in standing.obstacles)

    @property
    def holds(self) -> bool:
        return bool(self.admitted) and not self.obstacles and not self.unvouched


def check_requirement(pin: Pin, specifier: SpecifierSet, known: Iterable[str]) -> RequirementCheck:
    """Whether `specifier` holds; with `pin.strict` no newer patch vouches for an older one."""
    there = {standing.version for standing in pin.standings if standing.obstacles}
    there |= pin.measured.keys()
    unmeasured = [v for v in map(Version, known) if v not in there and admits(specifier, v)]
    return RequirementCheck(
        admitted=tuple(s for s in pin.standings if admits(specifier, s.version)),
        unmeasured=tuple(unmeasured),
        unvouched=tuple(
            v for v in unmeasured if pin.strict or not requirement.vouched(v, pin.measured)
        ),
    )
