"""Whether a CUDA image has what TensorFlow loads on a machine with a GPU; no GPU is needed."""

from __future__ import annotations

import json
from typing import Any

from attrs import frozen

from runner import paths
from runner.engines.base import Progress
from runner.engines.docker import containers
from runner.engines.docker.engine import DockerEngine
from runner.environments import locks, render
from runner.errors import TfmatrixError, UsageError
from runner.matrix import plan
from runner.model import Device, Limits
from runner.releases import catalogue, specifier

_LIMITS = Limits(timeout=300.0, memory=8192)


@frozen(kw_only=True)
class Library:
    """One file that TensorFlow asks for."""

    name: str
    file: str
    """Where it was found; "" if it was not."""
    problem: str
    """Why it could not be loaded; "" if it could."""
    purpose: str
    """What it is for, if TensorFlow can compute without it; else ""."""

    @property
    def missing(self) -> bool:
        """Whether TensorFlow cannot use a GPU because this file is missing."""
        return bool(self.problem) and not self.purpose


@frozen(kw_only=True)
class Report:
    image: str
    tensorflow: str
    cuda: str
    cudnn: str
    libraries: tuple[Library, ...]

    @property
    def sound(self) -> bool:
        return not any(library.missing for library in self.libraries)

    @property
    def lines(self) -> tuple[str, ...]:
        """The report for people, a library a line."""
        return tuple(_line(library) for library in self.libraries)


def prove_release(version: str, progress: Progress) -> Report:
    """Build the CUDA image of a release, some 5 GB, and check it. Raises `TfmatrixError`."""
    releases = specifier.select(catalogue.load_releases(), version, "all")
    if len(releases) != 1:
        raise UsageError(f"{version} does not name one release")
    target = plan.target(releases[0], Device.CUDA)
    reason = render.unavailable(target)
    if reason is not None:
        raise UsageError(f"{version} has no CUDA image: {reason}")
    engine = DockerEngine()
    environment = locks.environment(target)
    engine.prepare(environment, progress)
    return check_image(str(engine.image(environment)))


def check_image(image: str) -> Report:
    """Have TensorFlow in `image` load its libraries. Raises `TfmatrixError` where it cannot run."""
    source = (paths.data_folder() / "probe_cuda.py").read_text("utf-8")
    # The linker writes the libraries that it is asked for into this file.
    tell = {"LD_DEBUG": "libs", "LD_DEBUG_OUTPUT": "/tmp/linker"}
    said, errors, code = containers.run_alone(image, ["python3", "-c", source], tell, _LIMITS)
    try:
        facts = json.loads(said.splitlines()[-1])
    except (IndexError, ValueError):
        last = (errors.strip().splitlines() or ["it said nothing"])[-1]
        raise TfmatrixError(
            f"TensorFlow in {image} could not be asked (exit {code}): {last}"
        ) from None
    if not facts["is_cuda_build"]:
        raise UsageError(f"TensorFlow in {image} is not built for CUDA")
    return Report(
        image=image,
        tensorflow=facts["tensorflow"],
        cuda=facts["cuda"],
        cudnn=facts["cudnn"],
        libraries=tuple(_library(one) for one in facts["libraries"]),
    )


def _library(fields: dict[str, Any]) -> Library:
    return Library(
        name=fields["name"],
        file=fields["file"],
        problem=fields["problem"],
        purpose=fields["for"],
    )


def _line(library: Library) -> str:
    if not library.problem:
        return f"found    {library.name}: {library.file}"
    if library.missing:
        return f"MISSING  {library.name}: {library.problem}"
    return f"without  {library.name}: {library.problem} ({library.purpose})"
