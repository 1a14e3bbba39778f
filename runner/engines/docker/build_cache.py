"""What BuildKit keeps of our builds. Its records have no labels: ours are known by their commands.

A record of an image's layer (`from local`) has no command. It keeps that layer on the disk when the
image has gone, and the daemon lists it with 0 bytes.

A build `FROM` an image that was built here makes such records of layers that records of commands
have already. A daemon that was started since counts both as one use of the layer: pruning the
record of the layer then takes the layer from under the command's record, and every later build with
that one fails (moby, `snapshot/leasemanager.go`, Docker 20.10 to 28). So a record of a layer goes
only after the records of commands that may have made this layer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from runner.engines.docker import daemon

Record = dict[str, Any]
"""A record as the daemon's disk usage has it."""
_BuiltOn = Mapping[str, Sequence[Record]]
"""A record's id → the records built on it."""

_OUR_COMMANDS = re.compile(
    r"/opt/uv/bin/uv pip install|> /tensorflow-|--target /uv|tfmatrix:x:65532|--wheel-dir /built"
    r"|--requirement /mnt/requirements.txt|COPY /built /built|cp -a /mnt/python/\. /usr/local/"
    r"|/uv/bytecode\.py|cp -a /mnt/usr/local/cuda-"
)
_LAYER = "from local"


def is_our_command(text: str) -> bool:
    """Whether the text is, or has in it, a command of our Dockerfiles."""
    return _OUR_COMMANDS.search(text) is not None


def records() -> list[Record]:
    return list(daemon.connect().api.df().get("BuildCache") or ())


def ours() -> list[Record]:
    """The records of our commands that no image shares: the others free nothing before it goes."""
    return [record for record in records() if _is_ours(record) and not record["Shared"]]


def of_images() -> frozenset[str]:
    """The ids of the records that images share."""
    return frozenset(record["ID"] for record in records() if record["Shared"])


def prune_ids(ids: Collection[str]) -> None:
    """Prune the records with these ids, and those built on them."""
    prune(lambda record: record["ID"] in ids)


def prune_unshared() -> None:
    """Prune all of our builds that no image shares, but the cache of wheels: what names a lost
    layer is among it."""
    prune_ids({record["ID"] for record in ours() if _is_command(record)})


def prune(is_going: Callable[[Record], bool], held: Collection[str] = ()) -> None:
    """Prune these records and those built on them, unless an image needs them; then those of layers
    that we have built on, or that are `held`, and that nothing needs any more.

    `held`: the ids of the records that images shared before one of these was removed.
    """
    before = records()
    idle = {*held, *_below_ours(before)}
    _prune(commands(list(filter(is_going, before)), before, held))
    _prune(layers(idle, records(), held))  # what a build uses at this moment is still there


def _prune(ids: Sequence[str]) -> None:
    api = daemon.connect().api
    for one in ids:
        api.prune_builds(filters=cast(Any, {"id": [one]}))  # the type stubs lack this filter


def commands(
    going: Sequence[Record], everything: Sequence[Record], held: Collection[str] = ()
) -> list[str]:
    """The ids of the commands' records to prune, each after those that are built on it. What is
    built on the layer that a record of `held` has made counts as built on that record. Pure."""
    ids = {record["ID"] for record in going}
    makers = _makers(everything, held)
    made = [one for one in everything if one["ID"] in held and ids & makers.get(one["ID"], set())]
    tree = _tree([*going, *made], _built_on(everything))
    return [record["ID"] for record in tree if not (record["Shared"] or _is_layer(record))]


def layers(
    idle: Collection[str], everything: Sequence[Record], held: Collection[str] = ()
) -> list[str]:
    """The ids of the layers' records to prune, among `idle`, each after those on it. Pure."""
    built_on, makers = _built_on(everything), _makers(everything, held)
    found: dict[str, None] = {}
    for record in _tree(list(filter(_is_layer, everything)), built_on):
        name = record["ID"]
        needed = any(other["ID"] not in found for other in built_on.get(name, ()))
        if name in idle and not (needed or record["Shared"] or makers.get(name)):
            found[name] = None
    return list(found)


def _makers(everything: Sequence[Record], held: Collection[str]) -> dict[str, set[str]]:
    """A layer's record → the commands' records that may have made this layer: they stand on the
    same, and the same images share them."""
    built_on = _built_on(everything)
    found: dict[str, set[str]] = {}

    def images(record: Record) -> tuple[bool, bool]:
        return record["Shared"], record["ID"] in held

    for layer in reversed(_tree(list(filter(_is_layer, everything)), built_on)):
        if _is_layer(layer):
            below = set(_parents(layer)).union(*(found.get(p, ()) for p in _parents(layer)))
            beside = [each for name in below for each in built_on.get(name, ())]
            found[layer["ID"]] = {
                each["ID"] for each in beside if _is_command(each) and images(each) == images(layer)
            }
    return found


def _below_ours(everything: Sequence[Record]) -> Iterator[str]:
    """The ids of the layers' records in stacks of layers that our commands have built on."""
    built_on = _built_on(everything)
    every_layer = list(filter(_is_layer, everything))
    upper = {each["ID"] for layer in every_layer for each in built_on.get(layer["ID"], ())}
    for layer in every_layer:
        if layer["ID"] not in upper:
            stack = _tree([layer], built_on)
            if any(map(_is_ours, stack)):
                yield from (each["ID"] for each in stack if _is_layer(each))


def _is_ours(record: Record) -> bool:
    return is_our_command(record["Description"])


def _is_layer(record: Record) -> bool:
    return str(record["Description"]).startswith(_LAYER)


def _is_command(record: Record) -> bool:
    return record["Type"] == "regular" and not _is_layer(record)


def _parents(record: Record) -> Sequence[str]:
    """Docker before 23 names one parent at most."""
    return record.get("Parents") or [record.get("Parent") or ""]


def _built_on(everything: Sequence[Record]) -> _BuiltOn:
    found: dict[str, list[Record]] = {}
    for record in everything:
        for parent in _parents(record):
            found.setdefault(parent, []).append(record)
    return found


def _tree(roots: Sequence[Record], built_on: _BuiltOn) -> list[Record]:
    """These records and all that are built on them, each after those that are built on it."""
    found: list[Record] = []
    seen = set()

    def visit(one: Record) -> None:
        if one["ID"] not in seen:
            seen.add(one["ID"])
            for other in built_on.get(one["ID"], ()):
                visit(other)
            found.append(one)

    for root in roots:
        visit(root)
    return found
