"""Finds what a script asks Keras to download: data sets, weights and files by address. Pure.

Only constants in the text are understood. For an address that the script computes, the line number
is returned.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Optional
from urllib.parse import urlsplit

from attrs import frozen

from runner.machine.derived_cache import cached_yaml
from runner.scripts.places import place_in_notebook

_TABLE = Path(__file__).parent / "keras.yaml"
_ARCHIVE = "_archive"
"""Keras 3 adds this to the name of an archive without an extension."""


@frozen(kw_only=True)
class DataFile:
    """One file to download."""

    url: str
    places: tuple[str, ...]
    """Its paths below `~/.keras`; releases use different names."""
    digest: str = ""
    """MD5 or SHA-256, distinguished by length; "" if none is known."""


@frozen(kw_only=True)
class Wanted:
    files: tuple[DataFile, ...] = ()
    untold: tuple[int, ...] = ()
    """The lines with a call of `get_file` whose address or folder is unknown."""
    unread: str = ""
    """Why this Python cannot parse the text: `line 3: invalid syntax`; "" if it can."""


def wanted_by(text: str) -> Wanted:
    """What the text asks for; if this Python cannot parse the text, why not."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        where = f"{place(text, error.lineno)}: " if error.lineno else ""
        return Wanted(unread=f"{where}{error.msg}")
    except (ValueError, RecursionError, MemoryError) as error:
        return Wanted(unread=str(error) or "it is too complex")
    if "keras" not in text:
        return Wanted()
    files, untold = _files_by_address(tree, _constants(tree))
    named = [*_data_sets(tree), *_weights(tree)]
    return Wanted(files=tuple(dict.fromkeys((*named, *files))), untold=tuple(untold))


def place(text: str, line: int) -> str:
    """`line 7`; in a script from a notebook `cell 2, line 3`."""
    return place_in_notebook(text, line) or f"line {line}"


# Data sets and weights that Keras knows -------------------------------------------------------


def _data_sets(tree: ast.Module) -> Iterator[DataFile]:
    table = _table()
    for name in dict.fromkeys(_after(tree, "datasets")):
        for base, file, places, digest in table["datasets"].get(name, ()):
            yield DataFile(url=table["tables"][base] + file, places=tuple(places), digest=digest)


def _weights(tree: ast.Module) -> Iterator[DataFile]:
    applications, named = _table()["applications"], set(_after(tree, "applications"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = _last(node.func)
        if name in applications and named and _has_weights(node):
            yield _weights_of(applications[name], node)
        elif name == "decode_predictions":
            yield DataFile(
                url=_table()["tables"]["class_index"] + "imagenet_class_index.json",
                places=("models/imagenet_class_index.json",),
                digest="c2c37ea517e94d9795004a39431a14cb",
            )


def _has_weights(call: ast.Call) -> bool:
    """Whether a model gets ImageNet's weights: it does unless the call says otherwise."""
    given = [word.value for word in call.keywords if word.arg == "weights"] or call.args[1:2]
    return not given or (isinstance(given[0], ast.Constant) and given[0].value == "imagenet")


def _weights_of(entry: list[str], call: ast.Call) -> DataFile:
    base, folder, stem, whole, headless = entry
    given = [word.value for word in call.keywords if word.arg == "include_top"] or call.args[:1]
    top = not (given and isinstance(given[0], ast.Constant) and given[0].value is False)
    file = f"{stem}.h5" if top else f"{stem}_notop.h5"
    return DataFile(
        url=_table()["tables"][base] + folder + file,
        places=(f"models/{file}",),
        digest=whole if top else headless,
    )


def _after(tree: ast.Module, word: str) -> Iterator[str]:
    """The names that follow `word` in dotted names and imports that contain `keras`."""
    for node in ast.walk(tree):
        chains: list[list[str]] = []
        if isinstance(node, ast.Attribute):
            chains = [_chain(node)]
        elif isinstance(node, ast.Import):
            chains = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            chains = [[*node.module.split("."), alias.name] for alias in node.names]
        for chain in chains:
            if word in chain[:-1] and "keras" in chain[: chain.index(word)]:
                yield chain[chain.index(word) + 1]


# Files by their address -----------------------------------------------------------------------


def _files_by_address(
    tree: ast.Module, names: Mapping[str, str]
) -> tuple[list[DataFile], list[int]]:
    files: list[DataFile] = []
    untold: list[int] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _last(node.func) == "get_file":
            url = _argument(node, "origin", 1, names)
            name = _argument(node, "fname", 0, names)
            file = _file(node, url, name or "", names) if url and _is_plain(url) else None
            if file is None or not file.places or _is_placed_elsewhere(node):
                untold.append(node.lineno)
            else:
                files.append(file)
    return files, untold


_LONGEST = 255
"""Bytes of a file's name."""


def _is_plain(text: str) -> bool:
    """Whether this is one printable line: it is a stranger's, and will be shown."""
    return text.isprintable() and len(text) <= 8 * _LONGEST


def _is_inside(place: str) -> bool:
    """Whether this can be a file's name below `~/.keras`."""
    parts = place.split("/")
    return _is_plain(place) and all(
        part not in ("", ".", "..") and len(part.encode()) <= _LONGEST for part in parts
    )


def _is_placed_elsewhere(call: ast.Call) -> bool:
    return any(
        word.arg == "cache_dir"
        and not (isinstance(word.value, ast.Constant) and not word.value.value)
        for word in call.keywords
    )


def _file(call: ast.Call, url: str, name: str, names: Mapping[str, str]) -> DataFile:
    folder = _argument(call, "cache_subdir", 5, names) or "datasets"
    name = name or posixpath.basename(urlsplit(url).path) or "file"
    places = [name]
    if _is_true(call, "untar"):
        places = [f"{name}.tar.gz", name if "." in name else f"{name}{_ARCHIVE}"]
    elif _is_true(call, "extract") and "." not in name:
        places = [name, f"{name}{_ARCHIVE}"]
    digest = _argument(call, "file_hash", 4, names) or _argument(call, "md5_hash", 3, names)
    inside = (posixpath.normpath(posixpath.join(folder, each)) for each in places)
    safe = tuple(filter(_is_inside, inside))
    return DataFile(url=url, places=safe, digest=digest or "")


def _is_true(call: ast.Call, name: str) -> bool:
    return any(
        word.arg == name and isinstance(word.value, ast.Constant) and word.value.value is True
        for word in call.keywords
    )


# Texts in the text -----------------------------------------------------------------------------


def _constants(tree: ast.Module) -> dict[str, str]:
    """The names that the module's top level assigns a text to."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, text = node.targets[0], _text(node.value, found)
            if isinstance(target, ast.Name) and text is not None:
                found[target.id] = text
    return found


def _argument(call: ast.Call, name: str, position: int, names: Mapping[str, str]) -> Optional[str]:
    for word in call.keywords:
        if word.arg == name:
            return _text(word.value, names)
    return _text(call.args[position], names) if len(call.args) > position else None


def _text(node: ast.AST, names: Mapping[str, str]) -> Optional[str]:
    """The text that an expression of constants evaluates to; None for another expression."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, names)
    parts: list[ast.AST] = []
    if isinstance(node, ast.JoinedStr):
        parts = list(node.values)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [node.left, node.right]
    texts = [_text(part, names) for part in parts]
    told = [text for text in texts if text is not None]
    return "".join(told) if parts and len(told) == len(texts) else None


def _chain(node: ast.AST) -> list[str]:
    """The parts of a dotted name: `tf.keras.datasets` → `["tf", "keras", "datasets"]`."""
    if isinstance(node, ast.Attribute):
        return [*_chain(node.value), node.attr]
    return [node.id] if isinstance(node, ast.Name) else []


def _last(node: ast.AST) -> str:
    return next(iter(_chain(node)[-1:]), "")


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    found: dict[str, Any] = cached_yaml(_TABLE)
    return found
