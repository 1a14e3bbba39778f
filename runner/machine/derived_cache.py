"""Stores results derived from files that rarely change: the checked matrix.yaml, the catalogue, a
rendered Dockerfile.

Each result is stored under a digest of everything that it depends on, including our code. So an
entry can be missing or old, but never wrong. An entry holds JSON, and is read only if no other user
could have written it. If anything is wrong with an entry, the result is derived again: disk errors
are never raised.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Optional, TypeVar, Union

from runner import __version__, paths
from runner.machine import files

T = TypeVar("T")

LARGEST = 16 * 1024 * 1024
_UNUSABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""Errors of reading an entry with unexpected content."""


def cached_result(
    slot: str,
    inputs: Iterable[Union[str, bytes]],
    make: Callable[[], T],
    *,
    write: Callable[[T], Any],
    read: Callable[[Any], T],
) -> T:
    """The result of `make()`, or the stored result if nothing has changed since.

    `slot` names the entry. Each slot has only its newest entry, so that the cache does not grow
    with every edit. `inputs` are the contents on which the result depends, besides this package's
    code. `write` turns a result into JSON, and `read` reverses it. Errors of `make` are raised and
    not stored.
    """
    digest = _digest(inputs)
    path = None if digest is None else paths.remembered() / f"{slot}.json"
    if path is None or digest is None:
        return make()
    with contextlib.suppress(*_UNUSABLE):
        entry = json.loads(_own(path))
        if isinstance(entry, dict) and entry.get("digest") == digest:
            return read(entry.get("answer"))
    made = make()
    with contextlib.suppress(OSError, ValueError):
        text = json.dumps({"digest": digest, "answer": write(made)}, allow_nan=False)
        # A result that JSON cannot represent is not stored.
        if read(json.loads(text)["answer"]) == made:
            files.write_atomic(path, text, mode=0o600)
    return made


def cached_yaml(path: Path) -> Any:
    """The mapping in one of the tool's own data files, which need no check."""
    text = path.read_text("utf-8")

    def parsed() -> Any:
        import yaml  # its import takes longer than its work here

        return yaml.safe_load(text)

    name = path.name.partition(".")[0]
    return cached_result(name, (text,), parsed, write=lambda it: it, read=lambda it: it)


def cache_slot(kind: str, name: str) -> str:
    """A slot for each `name`, whatever characters it contains."""
    return f"{kind}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"


def _digest(inputs: Iterable[Union[str, bytes]]) -> Optional[str]:
    source = package_digest(paths.package())
    if source is None:
        return None
    whole = hashlib.sha256(source)
    for each in inputs:
        part = each.encode("utf-8", "surrogatepass") if isinstance(each, str) else each
        whole.update(b"%d:" % len(part))
        whole.update(part)
    return whole.hexdigest()


@functools.cache
def package_digest(package: Path) -> Optional[bytes]:
    """The digest of all code and data below `package`; None if they are not files.

    It covers all code, because a result may depend on any module. It takes a few milliseconds.
    """
    whole = hashlib.sha256(__version__.encode("utf-8"))
    try:
        for folder, folders, files in os.walk(package, onerror=_raise):
            folders[:] = sorted(set(folders) - {"__pycache__"})
            for name in sorted(files):
                content = Path(folder, name).read_bytes()
                whole.update(b"%s:%d:" % (os.fsencode(name), len(content)))
                whole.update(content)
    except OSError:
        return None
    return whole.digest()


def _raise(error: OSError) -> None:
    raise error


def _own(path: Path) -> bytes:
    """The content of an entry that only this user could have written. Raises `OSError`."""
    with files.open_regular(path) as file:
        facts = os.fstat(file.fileno())
        if facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
            raise PermissionError(f"{path} could be somebody else's")
        return file.read(LARGEST)
