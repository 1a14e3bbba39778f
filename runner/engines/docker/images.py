"""The sizes of images, and their removal together with what BuildKit keeps of their builds.

Removing an image frees nothing while BuildKit keeps its layers, so these are pruned too: only the
records of our own Dockerfiles, recognised by their commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Optional

from docker.errors import APIError
from docker.models.images import Image

from runner import paths
from runner.engines.docker import build_cache, daemon, names
from runner.errors import TfmatrixError
from runner.machine.items import Removable

_PYTHON = re.compile(
    r"ln -sf python([\d.]+) /usr/local/bin/python3"
    r"|/usr/local/lib/python([\d.]+) .*echo 'tfmatrix:x:65532",
    re.DOTALL,
)
_ENVIRONMENT = re.compile(r"tfmatrix:(.+?-py[\d.]+-[a-z]+)-")


def own_size(image: Image) -> int:
    """Bytes of the layers above what all images of a Python share."""
    total = 0
    for layer in image.history():
        total += int(layer["Size"])
        if _alone_in(layer["CreatedBy"]):
            return total
    return int(image.attrs["Size"])


def remove(tag: str, image: Image) -> None:
    """Remove an image of ours and BuildKit's records of it. Raises `TfmatrixError` if it is in
    use."""
    if names.OURS not in daemon.labels(image):
        raise TfmatrixError(f"{tag} was not made by tfmatrix: it stays")
    find = _alone_in if names.KEY in daemon.labels(image) else _python_in
    marks = {mark for layer in image.history() if (mark := find(layer["CreatedBy"]))}
    held = build_cache.of_images()
    try:
        daemon.connect().api.remove_image(tag)
    except APIError as error:
        raise TfmatrixError(f"{tag} stays: {daemon.explain(error)}") from error
    build_cache.prune(lambda record: find(record["Description"]) in marks, held)


def inventory() -> Iterator[Removable]:
    """Our images, with those that others are built on last, and BuildKit's records of our
    builds."""
    images = daemon.connect().images.list(filters={"label": names.OURS})
    # An image without a layer of its own is still younger than its base.
    for image in sorted(
        images, key=lambda one: (len(_layers(one)), _seconds(one.attrs["Created"])), reverse=True
    ):
        name = image.tags[0] if image.tags else str(image.id)
        environment = _ENVIRONMENT.match(name)
        yield Removable(
            kind="image",
            name=name,
            size=_size_above(image, images),
            last_used=max(_last_used(other) for other in images if _is_below(image, other)),
            remove=partial(remove, name, image),
            of=environment[1] if environment else "",
        )
    ours = build_cache.ours()
    for what, mount in (
        ("layers of image builds", False),
        ("wheels and bytecode for image builds", True),
    ):
        records = [r for r in ours if (r["Type"] == "exec.cachemount") is mount]
        if records:
            yield Removable(
                kind="cache",
                name=what,
                size=sum(int(record["Size"]) for record in records),
                last_used=max(_seconds(r.get("LastUsedAt") or r["CreatedAt"]) for r in records),
                remove=partial(build_cache.prune_ids, {record["ID"] for record in records}),
            )


def mark_used(key: str) -> None:
    """Note that the image of this key is used now: the daemon keeps no such date."""
    with suppress(OSError):
        stamp(key).parent.mkdir(parents=True, exist_ok=True)
        stamp(key).touch()


def stamp(key: str) -> Any:
    return paths.images() / key


def _last_used(image: Image) -> float:
    created = _seconds(image.attrs["Created"])
    key = daemon.labels(image).get(names.KEY)
    try:
        return max(created, float(stamp(key).stat().st_mtime)) if key else created
    except OSError:
        return created


def _layers(image: Image) -> list[str]:
    return list(image.attrs["RootFS"].get("Layers") or ())


def _is_below(image: Image, other: Image) -> bool:
    """Whether `other` is `image` or built on it; using `other` then uses `image`."""
    layers = _layers(image)
    return _layers(other)[: len(layers)] == layers


def _size_above(image: Image, images: Sequence[Image]) -> int:
    """Bytes that its removal frees once those built on it are gone. Each layer counts in one
    image."""
    if names.KEY in daemon.labels(image):
        return own_size(image)
    size = int(image.attrs["Size"])
    below = [int(i.attrs["Size"]) for i in images if i.id != image.id and _is_below(i, image)]
    return size - max(below, default=0)


def _alone_in(command: str) -> Optional[str]:
    """`2.9.3.txt` for a command that installs only TensorFlow 2.9.3."""
    match = re.search(r"--requirement /mnt/tensorflow-(\S+)", command)
    return match[1] if match else None


def _python_in(command: str) -> Optional[str]:
    """`3.10` for a command that makes what all images of a Python share."""
    match = _PYTHON.search(command)
    return match and next(filter(None, match.groups()))


def _seconds(stamp: str) -> float:
    """The daemon's dates have nanoseconds, which Python does not read."""
    plain = re.sub(r"(\.\d{6})\d*", r"\1", stamp).replace("Z", "+00:00")
    plain = re.sub(r"\.(\d{1,5})(?=[+-])", lambda m: "." + m[1].ljust(6, "0"), plain)
    return datetime.fromisoformat(plain).timestamp()
