"""Makes the catalogue entry of a missing release. Pure.

Facts come from the wheels. Other facts come from the newest older release, with a note for the
reviewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Optional

from attrs import frozen
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from runner.errors import TfmatrixError
from runner.model import release_series
from runner.releases.upstream import entry
from runner.releases.upstream.offers import Offer, preferred_pythons
from runner.releases.upstream.wheel import Build

Shared = Mapping[str, Any]
"""The catalogue's fields of a series."""
_CUTOFF_DAYS = 30


class UndatedError(TfmatrixError):
    """The index does not state the release date, so nothing can be resolved as of it."""


@frozen(kw_only=True)
class UpstreamFacts:
    """The facts about a release in the index and the wheels."""

    full: Offer
    """`tensorflow`, which has the CUDA build."""
    cpu: Offer
    build: Build
    before: Optional[Build]
    """The build of the newest older release, to find what changed."""
    tf_keras: bool
    """Whether the tf_keras of its series exists yet."""


@frozen(kw_only=True)
class Proposal:
    version: str
    series: str
    entry: str
    """The line under `releases:`, indented."""
    head: str
    """The series around the entry, if the catalogue does not have it; else ""."""
    notes: tuple[str, ...]
    """What a reviewer should know, one sentence each."""


def propose(seen: UpstreamFacts, template: Shared, *, new_series: bool, today: date) -> Proposal:
    """The entry of one release. `template` is its series or, if that is new, the series before it.

    Raises `UndatedError`.
    """
    version, series = seen.full.version, release_series(seen.full.parsed)
    fields = _fields(seen, template)
    shared = _series(fields, seen, template) if new_series else template
    return Proposal(
        version=version,
        series=series,
        entry=entry.release_line(version, _differing(fields, shared)),
        head=entry.series_head(series, shared) if new_series else "",
        notes=tuple(_notes(seen, template, new_series, today)),
    )


def _series(fields: Mapping[str, Any], seen: UpstreamFacts, template: Shared) -> dict[str, Any]:
    """The fields of a new series: those of the series before, replaced by facts from the wheels."""
    own = {name: fields[name] for name in ("pythons", "keras", "cuda") if name in fields}
    shared = {**template, **own, "extras": _extras(seen, template)}
    return {name: value for name, value in shared.items() if value not in ([], {}, None)}


def _fields(seen: UpstreamFacts, template: Shared) -> dict[str, Any]:
    """The facts from the wheels, by the catalogue's names."""
    if seen.full.uploaded is None:
        raise UndatedError(f"the package index does not tell when {seen.full.version} came out")
    build = seen.build
    fields: dict[str, Any] = {
        "released": seen.full.uploaded,
        "cpu_mb": seen.cpu.megabytes or 0,
        "cuda_mb": seen.full.megabytes,
        "pythons": " ".join(preferred_pythons(seen.cpu.pythons, str(template["pythons"]).split())),
        "keras": build.keras or template["keras"],
        "cuda": _cuda(build),
        "yanked": seen.full.yanked,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _cuda(build: Build) -> Optional[dict[str, str]]:
    """The CUDA facts; None if the wheel brings no CUDA, because a person must then find an
    image."""
    if not build.and_cuda or build.cuda is None or build.cudnn is None:
        return None
    fields = {"cuda": build.cuda, "cudnn": build.cudnn, "package": "tensorflow[and-cuda]"}
    if build.capabilities:
        fields["capabilities"] = " ".join(build.capabilities)
    return fields


def _extras(seen: UpstreamFacts, template: Shared) -> list[str]:
    """The extra packages of `template`, without a tf_keras that does not exist yet."""
    extras = list(template.get("extras", []))
    return extras if seen.tf_keras else [each for each in extras if "tf_keras" not in each]


def _differing(fields: Mapping[str, Any], series: Shared) -> dict[str, Any]:
    """The fields in which the release differs from its series."""
    kept = {}
    for name, value in fields.items():
        if name == "pythons" and set(value.split()) == set(str(series["pythons"]).split()):
            continue
        if name == "cuda":
            value = {k: v for k, v in value.items() if (series.get("cuda") or {}).get(k) != v}
        if value != series.get(name) and value != {}:
            kept[name] = value
    return kept


def _notes(seen: UpstreamFacts, template: Shared, new_series: bool, today: date) -> Iterator[str]:
    assert seen.full.uploaded is not None
    as_of = seen.full.uploaded + timedelta(days=int(template.get("cutoff_days", _CUTOFF_DAYS)))
    if as_of > today:
        yield f"its packages are those of {as_of}, which is to come: lock it again after that day"
    if seen.before is not None:
        yield from _changes(seen.before.requires, seen.build.requires)
    if new_series:
        for cap in template.get("constraints", ()):
            yield f"{cap} is taken over from the series before, and perhaps outlived"
        if template.get("extras") and not seen.tf_keras:
            yield "no tf_keras of its series is on the index yet: it belongs under extras"
    if _cuda(seen.build) is None:
        yield "its wheel brings no CUDA libraries: look whether what cuda says holds for it"
    elif not seen.build.capabilities:
        yield "its wheel does not tell the compute capabilities that it was compiled for"
    if template.get("image"):
        yield "whether there is an official image of it was not looked up (image: null if not)"


def _changes(before: Iterable[str], now: Iterable[str]) -> Iterator[str]:
    """The requirements that differ from the release before, since they often cause trouble."""
    older, newer = _by_name(before), _by_name(now)
    for name in sorted({*older, *newer}):
        if older.get(name) != newer.get(name):
            yield f"{name}: {older.get(name, 'not needed before')} → {newer.get(name, 'dropped')}"


def _by_name(requirements: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for requirement in map(Requirement, requirements):
        said = f"{requirement.specifier or 'any'}"
        said += f" where {requirement.marker}" if requirement.marker else ""
        name = canonicalize_name(requirement.name)
        found[name] = f"{found[name]} or {said}" if name in found else said
    return found
