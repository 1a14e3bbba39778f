"""releases.yaml → releases, with every field checked. Slow to import (pydantic and YAML)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from datetime import date
from typing import Any, Optional

import yaml
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runner.model import Cuda, Quirk, Release
from runner.releases.catalogue import CatalogueError

_PYTHONS = r"^3\.\d+( 3\.\d+)*$"


def releases(text: str, source: str) -> tuple[Release, ...]:
    """All releases that `text` describes, oldest first. Raises `CatalogueError`."""
    try:
        tree = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise CatalogueError(f"{where}: {error.problem or error.context}") from None
    found = [_release(source, *entry) for entry in _entries(source, tree)]
    return tuple(sorted(found, key=lambda release: release.parsed))


# What the file may say -------------------------------------------------------------------


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Quirk(_Strict):
    what: str
    remedy: str


class _Cuda(_Strict):
    cuda: str
    cudnn: str
    package: str
    base: Optional[str] = None
    python: Optional[str] = Field(default=None, pattern=r"^3\.\d+$")
    capabilities: str = ""
    unavailable: Optional[str] = None


class _Entry(_Strict):
    """One release, completed with the fields of its series."""

    released: date
    pythons: str = Field(pattern=_PYTHONS)
    cpu: str
    keras: str
    cpu_mb: int
    cuda_mb: Optional[int] = None
    image: Optional[str] = None
    extras: list[str] = []
    constraints: list[str] = []
    newer: dict[str, date] = {}
    cutoff_days: int = Field(default=30, ge=0)
    cuda: Optional[_Cuda] = None
    quirks: list[_Quirk] = []
    yanked: Optional[str] = None


class _Loader(yaml.SafeLoader):
    """A SafeLoader that refuses duplicate keys, which YAML accepts silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key} is given twice", node.value[position][0].start_mark
                )
        return super().construct_mapping(node, deep)


# From the file to records ----------------------------------------------------------------


def _entries(source: str, tree: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(series, version, fields) of each release; its own fields come before those of its series."""
    for series, shared in _mapping(source, tree).items():
        where = f"{source}: {series}"
        if not isinstance(series, str):
            raise CatalogueError(f'{where}: put the series in quotes, so that it stays "{series}"')
        shared = dict(_mapping(where, shared))
        for version, own in _mapping(where, shared.pop("releases", None)).items():
            yield series, str(version), _over(shared, _mapping(f"{where}: {version}", own))


def _over(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` merged over `shared`: `cuda` field by field, and quirks added to those of the
    series."""
    merged = {**shared, **own}
    if shared.get("cuda") and own.get("cuda"):
        merged["cuda"] = {**shared["cuda"], **own["cuda"]}
    if shared.get("quirks") and own.get("quirks"):
        merged["quirks"] = [*shared["quirks"], *own["quirks"]]
    return merged


def _release(source: str, series: str, version: str, fields: dict[str, Any]) -> Release:
    where = f"{source}: {version}"
    if not version.startswith(series + ".") or not _is_final(version):
        raise CatalogueError(f"{where}: not a final release of the series {series}")
    try:
        entry = _Entry.model_validate(_filled(fields, version, series))
    except ValidationError as error:
        raise CatalogueError(f"{where}: {_explain(error)}") from None
    return Release(
        version=version,
        released=entry.released,
        pythons=tuple(entry.pythons.split()),
        cpu_requirement=f"{entry.cpu}=={version}",
        extras=tuple(entry.extras),
        constraints=tuple(entry.constraints),
        cutoff_days=entry.cutoff_days,
        newer=tuple(sorted(entry.newer.items())),
        keras=entry.keras,
        image=entry.image,
        wheel_mb=entry.cpu_mb,
        cuda=_cuda(version, entry),
        quirks=tuple(Quirk(what=quirk.what, remedy=quirk.remedy) for quirk in entry.quirks),
        yanked=entry.yanked,
    )


def _cuda(version: str, entry: _Entry) -> Optional[Cuda]:
    if entry.cuda is None:
        return None
    return Cuda(
        cuda=entry.cuda.cuda,
        cudnn=entry.cuda.cudnn,
        requirement=f"{entry.cuda.package}=={version}",
        base=entry.cuda.base,
        python=entry.cuda.python,
        unavailable=entry.cuda.unavailable,
        capabilities=tuple(entry.cuda.capabilities.split()),
        wheel_mb=entry.cuda_mb,
    )


def _filled(value: Any, version: str, series: str) -> Any:
    """`value` with `{version}` and `{series}` replaced, at any depth."""
    if isinstance(value, str):
        return value.replace("{version}", version).replace("{series}", series)
    if isinstance(value, list):
        return [_filled(item, version, series) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, version, series) for key, item in value.items()}
    return value


def _is_final(version: str) -> bool:
    try:
        return not Version(version).is_prerelease
    except InvalidVersion:
        return False


def _mapping(where: str, value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, dict):
        raise CatalogueError(f"{where}: expected a mapping, found {value!r}")
    return value


def _explain(error: ValidationError) -> str:
    """The mistakes in one line: `pythons: Input should be a valid string (found 3.1); …`."""
    return "; ".join(
        f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
        + ("" if each["type"] in ("missing", "extra_forbidden") else f" (found {each['input']!r})")
        for each in error.errors()
    )
