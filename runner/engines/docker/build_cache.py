"""What BuildKit keeps of our builds. Its records have no labels: ours are known by their commands.

A record of an image's layer (`from local`) has no command. It keeps that layer on the disk when the
image has gone, and the daemon lists it with 0 bytes.
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
)
_LAYER = "from local"


def records() -> list[Record]:
    return list(daemon.connect().api.df().get("BuildCache") or ())


def ours() -> list[Record]:
    """The records of our commands that no image shares: the others free nothing before it goes."""
    return [record for record in records() if _is_ours(record) and not record["Shared"]]


def layers_of_images() -> frozenset[str]:
    """The ids of the records of layers that images have."""
    return frozenset(r["ID"] for r in records() if r["Shared"] and _is_layer(r))


def prune_ids(ids: Collection[str]) -> None:
    """Prune the records with these ids, and those built on them."""
    prune(lambda record: record["ID"] in ids)


def prune(is_going: Callable[[Record], bool], layers: Collection[str] = ()) -> None:
    """Prune these records and those built on them, unless an image needs them; then those of
    `layers`, and of layers that we have built on, that no image has any more."""
    everything = records()
    api = daemon.connect().api
    for one in pruned(list(filter(is_going, everything)), everything, layers):
        api.prune_builds(filters=cast(Any, {"id": [one]}))  # the type stubs lack this filter


def pruned(
    going: Sequence[Record], everything: Sequence[Record], layers: Collection[str] = ()
) -> list[str]:
    """The ids to prune, each after those that are built on it. Pure."""
    built_on = _built_on(everything)
    found: dict[str, None] = {}
    for record in going:
        *others, _ = _tree([record], built_on)
        found.update(dict.fromkeys(one["ID"] for one in others if not one["Shared"]))
        found[record["ID"]] = None
    every_layer = [record for record in everything if _is_layer(record)]
    idle = {*layers, *_below_ours(every_layer, built_on)}
    for record in _tree(every_layer, built_on):
        needed = any(other["ID"] not in found for other in built_on.get(record["ID"], ()))
        if record["ID"] in idle and not (needed or record["Shared"]):
            found[record["ID"]] = None
    return list(found)


def _below_ours(every_layer: Sequence[Record], built_on: _BuiltOn) -> Iterator[str]:
    """The layers in stacks of layers that our commands have built on."""
    upper = {each["ID"] for layer in every_layer for each in built_on.get(layer["ID"], ())}
    for layer in every_layer:
        if layer["ID"] not in upper:
            stack = _tree([layer], built_on)
            if any(map(_is_ours, stack)):
                yield from (each["ID"] for each in stack if _is_layer(each))


def _is_ours(record: Record) -> bool:
    return _OUR_COMMANDS.search(record["Description"]) is not None


def _is_layer(record: Record) -> bool:
    return str(record["Description"]).startswith(_LAYER)


def _built_on(everything: Sequence[Record]) -> _BuiltOn:
    found: dict[str, list[Record]] = {}
    for record in everything:
        # Docker before 23 names one parent at most.
        for parent in record.get("Parents") or [record.get("Parent") or ""]:
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
