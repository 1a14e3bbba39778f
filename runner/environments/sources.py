"""The source distributions that some releases need, because their packages have no wheels.

Building a source distribution runs its code. So only these are built, and only with the known
hashes. Their requirements are recorded in docker/sources.yaml, so that resolving builds none.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

from attrs import frozen

from runner import paths
from runner.machine.derived_cache import cached_yaml

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@frozen(kw_only=True)
class SourceDistribution:
    """One source distribution."""

    name: str
    version: str
    uploaded: date
    requires: tuple[str, ...]
    sha256: str
    python: str = ""
    """A specifier of the Pythons for which it is used; "" means any."""

    @property
    def file_name(self) -> str:
        """The name of its file beside a Dockerfile."""
        return f"{self.name}-{self.version}.tar.gz"


@lru_cache(maxsize=1)
def known_distributions() -> tuple[SourceDistribution, ...]:
    """All source distributions that may be built."""
    found = cached_yaml(data_file())
    return tuple(
        SourceDistribution(
            name=name,
            version=version,
            uploaded=date.fromisoformat(facts["uploaded"]),
            requires=tuple(facts["requires"]),
            sha256=facts["sha256"],
            python=facts.get("python", ""),
        )
        for name, versions in found.items()
        for version, facts in versions.items()
    )


def data_file() -> Path:
    return paths.data_folder() / "sources.yaml"


def distributions_in_lock(lines: Iterable[str]) -> tuple[SourceDistribution, ...]:
    """The distributions that a lock names. `lines` are its requirements with hashes, one per
    line."""
    pinned = {line.split(" ", 1)[0]: frozenset(_HASH.findall(line)) for line in lines}
    return tuple(
        each
        for each in known_distributions()
        if each.sha256 in pinned.get(f"{each.name}=={each.version}", ())
    )


def write_metadata(folder: Path, before: date, undated: Sequence[str] = ()) -> Mapping[str, str]:
    """Writes a wheel with metadata and no code to `folder` for each distribution that existed on
    `before`.

    `undated`: packages that count regardless of their date. Returns the SHA-256 of each wheel →
    that of its source distribution.
    """
    counted = [
        each for each in known_distributions() if each.uploaded <= before or each.name in undated
    ]
    return {_write_wheel(folder, each): each.sha256 for each in counted}


def with_real_hashes(lock: str, hashes: Mapping[str, str]) -> str:
    """`lock` with the hashes of the source distributions instead of those of their wheels."""
    return "".join(_with_real_hashes(entry, hashes) for entry in re.split(r"(?m)^(?=\S)", lock))


def _with_real_hashes(entry: str, hashes: Mapping[str, str]) -> str:
    found = _HASH.findall(entry)
    if not hashes.keys() & set(found):
        return entry
    head = entry.partition(" \\\n")[0]
    real = sorted({hashes.get(each, each) for each in found})
    return " \\\n".join([head, *(f"    --hash=sha256:{each}" for each in real)]) + "\n"


def _write_wheel(folder: Path, source: SourceDistribution) -> str:
    return write_wheel(folder, source.name, source.version, source.requires, source.python)


def write_wheel(
    folder: Path, package: str, version: str, requires: Iterable[str] = (), python: str = ""
) -> str:
    """Writes a wheel with metadata and no code. Returns its SHA-256. `python`: a specifier, or
    ""."""
    stem = f"{package.replace('-', '_')}-{version}"
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in (
            ("METADATA", "\n".join((*_metadata(package, version, requires, python), ""))),
            ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", ""),
        ):
            archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/{name}"), text)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def _metadata(package: str, version: str, requires: Iterable[str], python: str) -> Iterator[str]:
    yield "Metadata-Version: 2.1"
    yield f"Name: {package}"
    yield f"Version: {version}"
    if python:
        yield f"Requires-Python: {python}"
    for requirement in requires:
        yield f"Requires-Dist: {requirement}"
