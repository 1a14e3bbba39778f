"""Release candidates and nightlies → releases; they are not in the catalogue. Pure.

Packages are resolved as of the day of the nightly or candidate. So only TensorFlow and Keras'
nightly change between two nightlies, and a candidate's lock does not depend on when it is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Optional

from attrs import frozen
from packaging.version import Version

from runner.model import Cuda, Release
from runner.releases.upstream.offers import Offer, preferred_pythons

Offers = Mapping[Version, Offer]


@frozen(kw_only=True)
class Packages:
    """The packages that contain a kind of pre-release."""

    cpu: str
    full: str
    """The package with the CUDA build. It also serves the CPU if the smaller package is missing."""


CANDIDATES = Packages(cpu="tensorflow-cpu", full="tensorflow")
NIGHTLIES = Packages(cpu="tf-nightly-cpu", full="tf-nightly")


def candidates(catalogue: Sequence[Release], cpu: Offers, full: Offers) -> Iterator[Release]:
    """Every alpha, beta and release candidate, oldest first."""
    for version in sorted({*cpu, *full}):
        if version.is_prerelease and not version.is_devrelease:
            yield from _releases(catalogue, version, CANDIDATES, cpu, full)


def nightlies(catalogue: Sequence[Release], cpu: Offers, full: Offers) -> Iterator[Release]:
    """Nightlies after the newest release, oldest first."""
    newest = max(release.parsed for release in catalogue)
    for version in sorted({*cpu, *full}):
        if version.is_devrelease and version > newest:
            yield from _releases(catalogue, version, NIGHTLIES, cpu, full)


def _releases(
    catalogue: Sequence[Release], version: Version, packages: Packages, cpu: Offers, full: Offers
) -> Iterator[Release]:
    """The release; nothing if the index does not state its day, because nothing could be
    resolved."""
    older = [release for release in catalogue if release.parsed < version]
    here, whole = cpu.get(version), full.get(version)
    offer = here or whole
    day = _day(version, whole, here)
    if not older or offer is None or day is None:
        return
    template = max(older, key=lambda release: release.parsed)
    yield Release(
        version=f"{version}",
        released=day,
        pythons=preferred_pythons(offer.pythons, template.pythons),
        cpu_requirement=f"{packages.cpu if here else packages.full}=={version}",
        extras=_extras(version, template),
        constraints=template.constraints,
        cutoff_days=0,
        keras=template.keras,
        wheel_mb=offer.megabytes,
        cuda=_cuda(whole, template, packages),
        yanked=offer.yanked,
    )


def _day(version: Version, *offered: Optional[Offer]) -> Optional[date]:
    """The day of its upload, or the day in a nightly's name (dev20261026)."""
    days = [offer.uploaded for offer in offered if offer is not None]
    told = next((day for day in days if day is not None), None)
    if told is None and version.dev is not None:
        try:
            return datetime.strptime(f"{version.dev}", "%Y%m%d").date()
        except ValueError:
            return None
    return told


def _extras(version: Version, template: Release) -> tuple[str, ...]:
    """The extra packages. tf_keras follows its TensorFlow: a nightly
    has its own, a candidate has none yet."""
    if version.is_devrelease and any(extra.startswith("tf_keras") for extra in template.extras):
        return ("tf-keras-nightly",)
    return ()


def _cuda(whole: Optional[Offer], template: Release, packages: Packages) -> Optional[Cuda]:
    """The CUDA facts, if TensorFlow brings its own CUDA; no image is known for other
    pre-releases."""
    if whole is None or template.cuda is None or template.cuda.base is not None:
        return None
    return Cuda(
        cuda="as its extra and-cuda asks for",
        cudnn="likewise",
        requirement=f"{packages.full}[and-cuda]=={whole.version}",
        python=preferred_pythons(whole.pythons, template.pythons)[0],
        wheel_mb=whole.megabytes,
    )
