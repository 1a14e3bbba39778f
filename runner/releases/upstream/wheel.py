"""Reads a wheel's facts without downloading its 600 MB.

Its metadata come from the index (PEP 658) or from the wheel by HTTP range requests, as does the
record of its build.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import PurePosixPath
from typing import Any, Optional
from zipfile import BadZipFile

import requests
from attrs import frozen
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from remotezip import RemoteZip, RemoteZipError  # type: ignore[import-untyped]

from runner.errors import TfmatrixError
from runner.model import release_series
from runner.releases.upstream.index import Index, Wheel

_TIMEOUT = (10.0, 60.0)
_BUILD_INFO = "/python/platform/build_info.py"
_EXTRA = "and-cuda"
_LARGEST = 8 << 20
"""The largest text in a wheel, in bytes; TensorFlow's have 20 kB."""


class WheelUnreadableError(TfmatrixError):
    """The index does not allow reading a part of a wheel."""


@frozen(kw_only=True)
class Build:
    """What a wheel needs and supports."""

    requires: tuple[str, ...]
    """Its requirements without extras, sorted."""
    cuda: Optional[str] = None
    """`12.5.1`, or `12.5` if only the required libraries show it."""
    cudnn: Optional[str] = None
    capabilities: tuple[str, ...] = ()
    """Compute capabilities; () if the wheel does not state them."""
    and_cuda: bool = False
    """Whether an extra brings its own CUDA libraries."""
    keras: Optional[str] = None
    """`3`, or `2.15`; None if Keras is inside TensorFlow."""


def read_wheel(wheel: Wheel, index: Index) -> Build:
    """The facts of a wheel. Raises `WheelUnreadableError`."""

    def look_inside() -> Build:
        with RemoteZip(wheel.url, session=index.session, timeout=_TIMEOUT) as archive:
            metadata = _metadata(wheel, index.session, archive)
            return build(metadata, _build_info(archive))

    try:
        return index.bounds.within_the_deadline(look_inside)
    except (requests.RequestException, RemoteZipError, BadZipFile, OSError, ValueError) as error:
        raise WheelUnreadableError(
            f"the wheel of {wheel.package} {wheel.version} for Python {wheel.python} cannot be"
            f" looked into: {type(error).__name__}"
        ) from None


def build(metadata: str, build_info: str) -> Build:
    """The facts from the texts of METADATA and of build_info.py."""
    plain, extra = _requirements(metadata)
    info = _told(build_info)
    libraries = {canonicalize_name(each.name): each for each in extra}
    return Build(
        requires=tuple(sorted(f"{each}" for each in plain)),
        cuda=info.get("cuda_version") or _bound(libraries, "nvidia-cuda-runtime", 2),
        cudnn=_bound(libraries, "nvidia-cudnn", 2) or info.get("cudnn_version"),
        capabilities=tuple(_capability(each) for each in info.get("cuda_compute_capabilities", ())),
        and_cuda=bool(extra),
        keras=_keras(plain),
    )


def _metadata(wheel: Wheel, session: requests.Session, archive: Any) -> str:
    if wheel.metadata_url:
        answer = session.get(wheel.metadata_url, timeout=_TIMEOUT)
        if answer.ok:
            return answer.content.decode("utf-8", "replace")
    for name in archive.namelist():
        path = PurePosixPath(name)
        if path.name == "METADATA" and path.parent.suffix == ".dist-info":
            return _text(archive, name)
    raise ValueError("no METADATA")


def _text(archive: Any, name: str) -> str:
    """The text of a file in the wheel. Raises ValueError if it is too large when unpacked."""
    with archive.open(name) as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"{name} has more than {_LARGEST >> 20} MiB")
    return str(content.decode("utf-8", "replace"))


def _build_info(archive: Any) -> str:
    found = [name for name in archive.namelist() if name.endswith(_BUILD_INFO)]
    return _text(archive, found[0]) if found else ""


def _requirements(metadata: str) -> tuple[list[Requirement], list[Requirement]]:
    """(requirements that apply here, those of the extra that brings CUDA)."""
    plain, extra = [], []
    here = {"platform_system": "Linux", "sys_platform": "linux", "platform_machine": "x86_64"}
    for text in HeaderParser().parsestr(metadata).get_all("Requires-Dist", []):
        try:
            requirement = Requirement(text)
        except (InvalidRequirement, RecursionError):  # a form that was once accepted
            continue
        marker = requirement.marker
        if marker is None or marker.evaluate({**here, "extra": ""}):
            plain.append(requirement)
        elif marker.evaluate({**here, "extra": _EXTRA}):
            extra.append(requirement)
    return plain, extra


def _told(build_info: str) -> dict[str, Any]:
    """The values in the module `build_info`. It is never run, because it came from the network."""
    found = re.search(r"build_info\s*=\s*collections\.OrderedDict\((.*)\)", build_info, re.DOTALL)
    try:
        return dict(ast.literal_eval(found[1])) if found else {}
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return {}


def _bound(libraries: dict[Any, Requirement], prefix: str, parts: int) -> Optional[str]:
    """`9.3` for `nvidia-cudnn-cu12<10.0,>=9.3.0.75`: the version of
    the build, or the lowest allowed one."""
    for name, requirement in libraries.items():
        if name.startswith(prefix):
            for each in requirement.specifier:
                if each.operator in (">=", "==", "~="):
                    return ".".join(each.version.split(".")[:parts])
    return None


def _capability(architecture: str) -> str:
    """`8.9` for `sm_89`."""
    digits = architecture.rpartition("_")[2].rstrip("af")
    return f"{digits[:-1]}.{digits[-1:]}"


def _keras(requirements: list[Requirement]) -> Optional[str]:
    for requirement in requirements:
        name = canonicalize_name(requirement.name)
        for version in _lower(requirement):
            if name in ("keras", "keras-nightly") and version.major >= 3:
                return f"{version.major}"
            if name == "keras":
                return release_series(version)
    return None


def _lower(requirement: Requirement) -> Iterator[Version]:
    for each in requirement.specifier:
        if each.operator in (">=", "==", "~="):
            yield Version(each.version.removesuffix(".*"))
