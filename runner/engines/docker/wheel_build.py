"""A folder with a Python project → its wheel, built in an image that is thrown away.

Building runs the project's own code. It runs in a stage without a network, a secret or a cache. The
tools that it names in `build-system.requires` are installed before, from wheels alone.
"""

from __future__ import annotations

import io
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from attrs import frozen
from docker.errors import DockerException

from runner.engines.base import Phase
from runner.engines.docker import bases, builder, daemon, names, outlook
from runner.engines.docker.engine import DockerEngine
from runner.environments import render
from runner.errors import PrepareError
from runner.machine import temporary

_LARGEST = 65 << 20
"""Bytes of the archive that the daemon sends; it holds one wheel."""


@frozen(kw_only=True)
class BuiltWheel:
    """What a build made."""

    file_name: str
    content: bytes


def build_wheel(
    project: Mapping[str, Path], tools: Sequence[str], digest: str, say: Callable[[str], None]
) -> BuiltWheel:
    """Build the wheel of these files, by name below the project's folder. Raises `PrepareError`.

    `tools` are the requirements of the build; `digest` names the files, for the image's tag.
    """
    why_not = DockerEngine().unavailable()
    if why_not is not None:
        raise PrepareError(why_not)
    try:
        _make_base(say)
        return _built(project, tools, f"tfmatrix-wheel:{digest[:12]}")
    except DockerException as error:
        raise PrepareError(daemon.explain(error)) from error


def _make_base(say: Callable[[str], None]) -> None:
    """Make the base image, if that is what is missing. Raises `PrepareError`."""
    obstacle = outlook.obstacle_of_images([render.wheel_base()])
    if obstacle is None:
        return
    if not obstacle.bases:
        raise PrepareError(obstacle.reason)
    for python in obstacle.bases:
        bases.make_base(python, render.default_base(python), say)


def _built(project: Mapping[str, Path], tools: Sequence[str], tag: str) -> BuiltWheel:
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=temporary.process_folder()) as folder:
        context = Path(folder)
        (context / "Dockerfile").write_text(render.wheel_dockerfile(), "utf-8")
        (context / "requirements.txt").write_text("".join(f"{each}\n" for each in tools), "utf-8")
        for name, file in project.items():
            (context / "project" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, context / "project" / name)
        labels = {names.OURS: "1"}
        try:
            builder.build(context, tag=tag, labels=labels, progress=_silent, what="the wheel")
            return _wheel_in(tag)
        except PrepareError as error:
            said = _of_backend(error.log)
            raise PrepareError(said or error.message, remedy=error.remedy, log=error.log) from error
        finally:
            _remove_image(tag)


def _silent(_: Phase) -> None: ...


def _of_backend(log: str) -> str:
    """The last line of what the build's own code printed, which pip shows in a frame; or ""."""
    shown = re.sub(r"(?m)^#\d+ [\d.]+ ?", "", log)
    framed = re.findall(r"lines? of output\](.*?)\[end of output\]", shown, re.DOTALL)
    lines = [line.strip() for line in framed[0].splitlines()] if framed else []
    return next((line[:400] for line in reversed(lines) if line), "")


def _wheel_in(image: str) -> BuiltWheel:
    """The wheel that a build left in `image`; the image has nothing else, and is not run."""
    api = daemon.connect().api
    container = str(api.create_container(image, command=["none"], labels={names.OURS: "1"})["Id"])
    try:
        parts, _ = api.get_archive(container, "/built")
        archive = _joined(parts)
    finally:
        api.remove_container(container)
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for member in opened:
            file = opened.extractfile(member) if member.name.endswith(".whl") else None
            if file is not None:
                return BuiltWheel(file_name=Path(member.name).name, content=file.read())
    raise PrepareError("the build left no wheel")


def _joined(parts: Iterable[bytes]) -> bytes:
    held = bytearray()
    for part in parts:
        held += part
        if len(held) > _LARGEST:
            raise PrepareError(f"the wheel is larger than {_LARGEST >> 20} MiB")
    return bytes(held)


def _remove_image(tag: str) -> None:
    if daemon.find_image(tag) is not None:
        daemon.connect().api.remove_image(tag)
