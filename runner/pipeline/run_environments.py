"""The environments of a run: which exist already, and which are removed after use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Optional

from runner.errors import TfmatrixError
from runner.machine import claims
from runner.model import Environment
from runner.pipeline import events
from runner.pipeline.disk import DiskLimit, Forecast
from runner.pipeline.options import Options
from runner.pipeline.site import Site


class RunEnvironments:
    """Keeps to the limits on the disk: the forecast's, and `Options.keep` for new environments."""

    def __init__(
        self, site: Site, options: Options, forecast: Optional[Forecast], emit: events.Emit
    ) -> None:
        self._site = site
        self._options = options
        self._emit = emit
        self._kept = 0
        """The bytes of environments that were made and are kept."""
        self._made: set[str] = set()
        """The environments that this run made. Others are never removed."""
        self._disk = DiskLimit(forecast, self._drop)
        self._readiness: dict[str, int] = {}
        """Readiness of the needed environments, until they are removed."""
        self._claim: Optional[claims.Claim] = None

    @property
    def keepable(self) -> Optional[int]:
        """The bytes of new environments that may still be kept; None if there is no limit."""
        return None if self._options.keep is None else self._options.keep - self._kept

    @contextmanager
    def claimed(self, environments: Sequence[Environment], folders: list[Path]) -> Iterator[None]:
        """Keeps other programs from removing the environments and folders during the block."""
        with claims.claim(environments, folders) as self._claim:
            yield

    def expect(self, environments: Sequence[Environment]) -> None:
        """Announces the needed environments, in their order."""
        self._site.expect(environments)
        self._readiness = {one.key: self._site.readiness(one) for one in environments}

    def readiness(self, environment: Environment) -> int:
        """The site's readiness at the start of the run; 0 if the environment was removed since."""
        return self._readiness.get(environment.key, 0)

    def why_not(self, environment: Environment) -> Optional[str]:
        """Why the disk can never have room for it; None if it can."""
        return self._disk.why_not(environment)

    def make_room(self, environment: Environment) -> bool:
        """Whether it can be made now; if so, others have been removed to make room for it."""
        return self._disk.make_room(environment)

    def record_prepared(self, environment: Environment) -> None:
        self._disk.record_size(environment)
        if not self.readiness(environment):
            self._made.add(environment.key)

    def record_unprepared(self, environment: Environment) -> None:
        self._disk.forget(environment)

    def finish(self, environment: Environment) -> None:
        """Keeps or removes an environment after all its cells were measured."""
        if not self._options.keep_agents:
            self._site.release(environment)
        self._disk.release(environment)
        if self._options.keep is None or environment.key not in self._made:
            return
        try:
            size = self._site.disk_size(environment)
        except OSError:  # the daemon has gone: nothing can be removed now
            return
        if self._kept + size <= self._options.keep:
            self._kept += size
            return
        self._disk.forget(environment)
        self._drop(environment)

    def _drop(self, environment: Environment) -> None:
        self._readiness.pop(environment.key, None)
        if self._claim is None or self._claim.alone(environment):
            with suppress(TfmatrixError, OSError):  # another program uses it
                self._site.remove(environment)
                self._emit(events.Dropped(environment=environment))
