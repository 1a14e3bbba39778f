"""`Target` → the text of its Dockerfile. Pure, given the templates and defaults in docker/."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import paths
from runner.environments import sources as source_distributions
from runner.environments.sources import SourceDistribution
from runner.errors import UsageError
from runner.machine.derived_cache import cached_yaml
from runner.model import Device, Target
from runner.requirements import wheels

if TYPE_CHECKING:  # its import is the slowest here and rarely needed
    import jinja2

_WIDTH = 98


def dockerfile(
    target: Target,
    images: Mapping[str, str] = {},
    requirements: str = "requirements.txt",
    sources: Sequence[SourceDistribution] = (),
) -> str:
    """The Dockerfile of `target`.

    It expects these beside it: its lock as `requirements`, the source distributions that the lock
    names (`sources`) in a folder `sources`, and the user's own wheels in a folder `local`. `images`
    replaces default base images, by Python version. Equal arguments give equal bytes. Raises
    `UsageError` if no image can be made, so call `unavailable` first.
    """
    reason = unavailable(target)
    if reason is not None:
        raise UsageError(f"no {target.device} image of {target.release.version}: {reason}")
    uv = _defaults()["uv"]
    return (
        _templates()
        .get_template(f"{target.device}.j2")
        .render(
            release=target.release,
            device=str(target.device),
            python=target.python,
            package=package(_requirement(target)) if _requirement(target) else "",
            cuda=target.release.cuda,
            image=base_image(target.python, images),
            uv={**uv, "image": base_image(uv["python"], images)},
            requirements=requirements,
            sources=sources,
            named=not target.usual,
            local=wheels.among(target.requirements),
            tag=f"tensorflow:{target.release.spec}-{target.device}",
            facts=list(_facts(target)),
            comment=_comment,
            bytecode=bytecode_program(),
        )
    )


def wheel_dockerfile() -> str:
    """The Dockerfile of an image that contains only a project's wheel.

    It expects the project beside it in a folder `project`, and the requirements of its build.
    """
    return _templates().get_template("wheel.Dockerfile.j2").render(image=wheel_base())


def wheel_base() -> str:
    """The image in which wheels are built."""
    return base_image(_defaults()["uv"]["python"])


@lru_cache(maxsize=1)
def inputs() -> tuple[str, ...]:
    """The texts of the files from which Dockerfiles are made, besides the arguments."""
    templates = sorted(paths.data_folder().glob("*.j2"))
    data = (paths.data_folder() / "images.yaml", source_distributions.data_file())
    files = (*templates, _bytecode_file(), *data)
    return tuple(file.read_text("utf-8") for file in files)


@lru_cache(maxsize=1)
def bytecode_program() -> tuple[str, ...]:
    """The program that compiles modules, each line as a word for the shell. It stands in each
    Dockerfile, which so needs no file of ours beside it."""
    return tuple(map(shlex.quote, _bytecode_file().read_text("utf-8").splitlines()))


def package(requirement: str) -> str:
    """`tensorflow-cpu` for `tensorflow-cpu==2.9.3`."""
    from packaging.requirements import Requirement

    return Requirement(requirement).name


def unavailable(target: Target) -> str | None:
    """Why no working image of `target` can be rendered; None if one can."""
    if target.device is not Device.CUDA:
        return None
    cuda = target.release.cuda
    return "no CUDA build is known of it" if cuda is None else cuda.unavailable


def base_image(python: str, images: Mapping[str, str] = {}) -> str:
    """The base image for environments with Python `python`."""
    chosen = {**_defaults()["pythons"], **images}
    if python not in chosen:
        known = ", ".join(chosen)
        raise UsageError(
            f"no base image is known for Python {python} (only for {known})",
            remedy=f'name one in matrix.yaml: images: {{"{python}": "python:{python}-slim"}}',
        )
    return str(chosen[python])


def pythons() -> tuple[str, ...]:
    """The Pythons with a known base image."""
    return tuple(_defaults()["pythons"])


def default_base(python: str) -> str:
    """The default base image for Python `python`."""
    return base_image(python)


def _facts(target: Target) -> Iterator[tuple[str, str]]:
    """The facts at the top of the Dockerfile: (name, sentence)."""
    release, cuda = target.release, target.release.cuda
    if not release.absent:
        yield "released", f"{release.released}"
    if target.device is Device.CUDA and cuda is not None:
        yield (
            "CUDA",
            f"{cuda.cuda} with cuDNN {cuda.cudnn}"
            + (f", from {cuda.base}" if cuda.base else ", from packages of the index"),
        )
    asked = (_requirement(target), *release.extras, *target.requirements)
    wanted = ", ".join(filter(None, asked))
    yield "packages", f"{wanted}, and what they need, as of {target.as_of}"
    for quirk in release.quirks:
        yield "quirk", f"{quirk.what}: {quirk.remedy}"
    if release.yanked:
        yield "yanked", release.yanked


def _requirement(target: Target) -> str:
    cuda = target.release.cuda
    if target.device is Device.CUDA and cuda is not None:
        return cuda.requirement
    return target.release.cpu_requirement


def _bytecode_file() -> Path:
    return paths.data_folder() / "bytecode.py"


def _comment(name: str, text: str) -> str:
    """A fact as a comment, wrapped under its name."""
    head = f"# {name:<10}"
    lines = textwrap.wrap(
        " ".join(text.split()), _WIDTH, initial_indent=head, subsequent_indent="#" + " " * 11
    )
    return "\n".join(lines)


@lru_cache(maxsize=1)
def _defaults() -> dict[str, Any]:
    defaults: dict[str, Any] = cached_yaml(paths.data_folder() / "images.yaml")
    return defaults


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(paths.data_folder()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
