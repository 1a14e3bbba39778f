"""docker/releases.yaml → releases, oldest first. The top of the file explains its fields."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import date
from typing import Any, Optional

from attrs import evolve
from packaging.version import InvalidVersion, Version

from runner import paths, serial
from runner.errors import TfmatrixError
from runner.machine.derived_cache import cached_result
from runner.model import NO_TENSORFLOW, Release


class CatalogueError(TfmatrixError):
    """docker/releases.yaml is wrong; the message names the file, the release and the field."""


@functools.cache
def load_releases() -> tuple[Release, ...]:
    """All releases of tfmatrix's own catalogue."""
    path = paths.releases()
    text = path.read_text(encoding="utf-8")
    return cached_result(
        "catalogue",
        (text,),
        lambda: parse(text, source=path.name),
        write=serial.plain,
        read=_releases,
    )


def parse(text: str, *, source: str = "releases.yaml") -> tuple[Release, ...]:
    """All releases that `text` describes, oldest first. Raises `CatalogueError`."""
    from runner.releases import reading

    return reading.releases(text, source)


def find_release(releases: Sequence[Release], version: str) -> Optional[Release]:
    """The release of exactly this version, in any spelling (`2.15.0-1` is 2.15.0.post1)."""
    try:
        wanted = Version(version)
    except InvalidVersion:
        return None
    return next((release for release in releases if release.parsed == wanted), None)


def without_tensorflow() -> Release:
    """What stands in the place of a release where TensorFlow is left out: `--tf none`.

    It has the Pythons of the newest release, and a day before all packages'.
    """
    return Release(
        version=NO_TENSORFLOW,
        released=date(2015, 1, 1),
        pythons=load_releases()[-1].pythons,
        cpu_requirement="",
        cutoff_days=0,
    )


def _releases(data: Any) -> tuple[Release, ...]:
    # Created again, because a release caches its hash, which reading does not set up.
    return tuple(evolve(each) for each in serial.from_json(tuple[Release, ...], data))
