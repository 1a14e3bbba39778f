"""Verdicts on pre-releases that earlier runs kept. A verdict outlives the wheel it was measured on.

The package index has a nightly for some months only. Of the runs in a folder, this reads what was
measured on pre-releases, and finds the verdict of the same script with the same settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Optional

from attrs import evolve, frozen

from runner.matrix import plan
from runner.model import (
    Case,
    Cell,
    Device,
    EnvironmentInfo,
    Release,
    Repro,
    Result,
    Run,
    RunInfo,
    parsed_version,
)
from runner.runs import archive

_SETTINGS = {
    "env": "its variables",
    "requirements": "its packages",
    "resolution": "how its packages are resolved",
    "limits": "its limits",
    "fail_on": "what its output must not hold (--fail-on)",
    "needs_tensorflow": "whether it may leave TensorFlow out",
    "suite": "the options of its suite",
    "data": "its data",
    "network": "whether it may use the network",
}
"""What must be the same for a verdict to count again, besides the script, and its words."""


@frozen(kw_only=True)
class KeptVerdict:
    """A measured result with its circumstances."""

    run: RunInfo
    repro: Repro
    case: Case
    result: Result
    environment: EnvironmentInfo

    @property
    def day(self) -> str:
        """The day of the run that measured it, ISO 8601."""
        return self.run.started[:10]

    def difference(self, cell: Cell, planned: Repro) -> str:
        """What differs from `cell`, whose repro a run records as `planned`; "" if nothing does."""
        if not planned.script_digest or self.repro.script_digest != planned.script_digest:
            return "the script or a file that it uses"
        if (self.case.args, self.case.variant) != (cell.case.args, cell.case.variant):
            return "its arguments or its variant"
        if self.result.device != cell.target.device.value:
            return "the device"
        changed = (n for n in _SETTINGS if getattr(self.repro, n) != getattr(planned, n))
        return next((_SETTINGS[name] for name in changed), "")


def load_verdicts(results: Path, warn: Callable[[str], None]) -> list[KeptVerdict]:
    """The verdicts on pre-releases in a folder of runs, those of the newest run first.

    `warn` gets a line for each folder or line of a journal that cannot be read.
    """
    pasts = archive.load_runs(results, warn, only=_has_prereleases)
    found = [each for past in pasts for each in _verdicts_of(past.run)]
    return sorted(found, key=lambda each: (each.run.started, each.run.id), reverse=True)


def releases_of(
    verdicts: Iterable[KeptVerdict], catalogue: Sequence[Release]
) -> tuple[Release, ...]:
    """The releases of these verdicts, oldest first. Nothing can be installed of them."""
    seen: dict[str, list[KeptVerdict]] = {}
    for each in verdicts:
        seen.setdefault(each.result.tensorflow, []).append(each)
    made = (_release(version, several, catalogue) for version, several in seen.items())
    return tuple(sorted(filter(None, made), key=lambda release: release.parsed))


def of_cell(cell: Cell, verdicts: Iterable[KeptVerdict]) -> Iterator[KeptVerdict]:
    """The verdicts on the release of `cell`; for a suite's file, on the selected tests in it."""
    for each in verdicts:
        if each.result.tensorflow != cell.target.release.version:
            continue
        row = each.result.case.removesuffix(f"@{each.result.variant}")
        if cell.repro.suite is None or plan.selects_test(cell, row):
            yield each


def _has_prereleases(head: Run) -> bool:
    return any(parsed_version(each.tensorflow).is_prerelease for each in head.environments)


def _verdicts_of(run: Run) -> Iterator[KeptVerdict]:
    """What the run itself measured on pre-releases: an answer from the store is an older run's."""
    environments = {each.id: each for each in run.environments}
    cases = {(repro.name, case.name): (repro, case) for repro in run.repros for case in repro.cases}
    for result in run.results:
        measured = result.outcome.verdict.judged and not (result.inferred or result.cached)
        planned = cases.get(result.planned_id[:2])
        environment = environments.get(result.environment)
        if not (measured and planned and environment):
            continue
        if parsed_version(result.tensorflow).is_prerelease:
            repro, case = planned
            yield KeptVerdict(
                run=run.info, repro=repro, case=case, result=result, environment=environment
            )


def _release(
    version: str, verdicts: Sequence[KeptVerdict], catalogue: Sequence[Release]
) -> Optional[Release]:
    """The release as far as its verdicts tell; None if its day is not known."""
    older = [each for each in catalogue if each.parsed < parsed_version(version)]
    days = (_day(each.environment.released, "%Y-%m-%d") for each in verdicts)
    day = next(filter(None, days), None) or _day(f"{parsed_version(version).dev}", "%Y%m%d")
    if not older or day is None:
        return None
    template = max(older, key=lambda release: release.parsed)
    on_cuda = any(each.result.device == Device.CUDA.value for each in verdicts)
    return evolve(
        template,
        version=version,
        released=day,
        pythons=tuple(dict.fromkeys(each.result.python for each in verdicts)),
        cpu_requirement=f"tensorflow=={version}",
        extras=(),
        newer=(),
        cutoff_days=0,
        image=None,
        wheel_mb=None,
        cuda=template.cuda if on_cuda else None,
        quirks=(),
        yanked=None,
    )


def _day(text: str, form: str) -> Optional[date]:
    try:
        return datetime.strptime(text, form).date()
    except ValueError:
        return None
