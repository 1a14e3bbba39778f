"""What was worked out once from files that seldom change: the checked matrix.yaml, the catalogue,
a rendered Dockerfile. Kept in the tool's cache under a digest of everything the answer depends on,
the code that works it out among it, so that an entry can be missing or old but never wrong.

An entry holds JSON and is read only where nobody but this user could have written it. Whatever is
the matter with one, the answer is worked out again: nothing here raises for what the disk does.
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
"""What reading an entry raises that holds something else than was written."""


def remembered(
    slot: str,
    inputs: Iterable[Union[str, bytes]],
    make: Callable[[], T],
    *,
    write: Callable[[T], Any],
    read: Callable[[Any], T],
) -> T:
    """`make()`, or what it returned the last time that everything was the same.

    `slot` names the question; each has one entry, the newest, so that the cache does not grow with
    every edit. `inputs` are the contents that the answer depends on; this package's own code counts
    as one of them. `write` makes JSON of an answer, and `read` undoes it. What `make` raises is
    raised, and not kept.
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
        if read(json.loads(text)["answer"]) == made:  # what JSON cannot hold is worked out again
            files.write_atomic(path, text, mode=0o600)
    return made


def remembered_yaml(path: Path) -> Any:
    """The mapping in a data file of the tool's own, which is read without looking for mistakes."""
    text = path.read_text("utf-8")

    def parsed() -> Any:
        import yaml  # takes longer to import than all its work here

        return yaml.safe_load(text)

    name = path.name.partition(".")[0]
    return remembered(name, (text,), parsed, write=lambda it: it, read=lambda it: it)


def cache_slot(kind: str, name: str) -> str:
    """A slot for each `name`, whatever characters it has."""
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
    """Digest of all code and data below `package`; None where they are not there as files.

    All of it, since nobody can say which module an answer does not depend on: a few milliseconds.
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
    """The content of an entry that this user alone could have written. Raises `OSError`."""
    with files.open_regular(path) as file:
        facts = os.fstat(file.fileno())
        if facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
            raise PermissionError(f"{path} could be somebody else's")
        return file.read(LARGEST)
