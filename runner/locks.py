"""`Target` → `Environment`: its locked packages, found or resolved, and its key.

Looked for in this order: the committed locks (docker/locks/), the user's cache, and uv, which
resolves as of the release's date. A lock's head says what was asked; a lock with another head than
the catalogue now asks for is refused (committed) or made anew (cached).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

from runner import paths, render, resolve
from runner.errors import LockError
from runner.model import Device, Environment, Target
from runner.resolve import Question

_REQUIREMENT = re.compile(
    r"[A-Za-z0-9][\w.-]*(\[[\w,-]+\])?==\S+( ; .*?)?(?P<hashes>( --hash=sha256:[0-9a-f]{64})*)"
)


def environment(target: Target, images: Mapping[str, str] = {}) -> Environment:
    """`target` with its lock, Dockerfile and key. Raises `LockError` where it cannot be locked."""
    text = requirements(target)
    dockerfile = render.dockerfile(target, images)
    return Environment(
        target=target, requirements=text, key=_key(target, text, dockerfile), dockerfile=dockerfile
    )


def requirements(target: Target) -> str:
    """The lock of `target`: committed, cached or resolved now (and then cached)."""
    for path in (committed_path(target), _cached_path(target)):
        if path is not None and path.is_file():
            text = path.read_text(encoding="utf-8")
            verify(text, target, path)
            return text
    text = resolve_lock(target)
    _write(_cached_path(target), text)
    return text


def renew(target: Target) -> Path:
    """Resolve `target` anew, into docker/locks/ (with packages of the user's: into the cache)."""
    path = committed_path(target) or _cached_path(target)
    _write(path, resolve_lock(target))
    return path


def resolve_lock(target: Target) -> str:
    """The text of the lock of `target`, resolved now. Raises `LockError`."""
    text = head(target) + resolve.answer(question(target))
    verify(text, target, Path("the lock just resolved"))
    return text


def question(target: Target) -> Question:
    """What uv is asked. A CUDA build is `tensorflow` itself, so only CPU locks leave that out."""
    release = target.release
    tensorflow = _tensorflow(target)
    return Question(
        python=target.python,
        requirements=(tensorflow, *release.extras, *target.requirements),
        as_of=as_of(target),
        newer=release.newer,
        constraints=release.constraints,
        left_out=("tensorflow",) if tensorflow.startswith("tensorflow-") else (),
    )


def as_of(target: Target) -> date:
    """The day as of which packages are resolved."""
    return target.release.released + timedelta(days=target.release.cutoff_days)


def head(target: Target) -> str:
    """The comment that opens the lock: all that was asked, and the command that asks again."""
    asked = question(target)
    name = f"TensorFlow {target.release.version} on {target.device}"
    said = [
        f"{name}: Python {target.python}, Linux x86-64, packages as of {asked.as_of}",
        *(f"asked for: {requirement}" for requirement in asked.requirements),
        *(f"capped: {constraint}" for constraint in asked.constraints),
        *(f"as of {day}: {package}" for package, day in asked.newer),
        *(f"left out: {package}" for package in asked.left_out),
        f"made by: {_command(target)}",
    ]
    return "".join(f"# {line}\n" for line in said)


def verify(text: str, target: Target, path: Path) -> None:
    """Raises `LockError` unless `text` is a lock for `target` and each of its lines has a hash."""
    if not text.startswith(head(target)):
        raise LockError(
            f"{path} was not made for TensorFlow {target.release.version} on {target.device} as"
            " docker/releases.yaml has it now",
            remedy=_command(target),
        )
    for line in lines(text):
        match = _REQUIREMENT.fullmatch(line)
        if match is None:
            raise LockError(f"{path}: {line[:80]!r} is no locked requirement")
        if not match["hashes"]:
            raise LockError(f"{path}: {line[:80]!r} has no hash")


def lines(text: str) -> Iterator[str]:
    """The requirements of a lock, one a line, without comments."""
    for line in text.replace("\\\n", "").splitlines():
        if line.strip() and not line.startswith("#"):
            yield re.sub(r"\s+", " ", line.strip())


def committed_path(target: Target) -> Path | None:
    """Where the lock of `target` lies if it is committed; with a user's packages none is."""
    return None if target.requirements else paths.locks() / f"{_name(target)}.txt"


def _cached_path(target: Target) -> Path:
    """Named by what was asked, so that a change of the catalogue never meets an old answer."""
    return paths.cached_locks() / f"{_name(target)}-{_digest(head(target))[:12]}.txt"


def _name(target: Target) -> str:
    return f"{target.release.version}-py{target.python}-{target.device}"


def _command(target: Target) -> str:
    return f"tfmatrix lock --tf {target.release.version} --device {target.device}"


def _tensorflow(target: Target) -> str:
    release = target.release
    if target.device is Device.CPU:
        return release.cpu_requirement
    if release.cuda is None:
        raise LockError(f"no CUDA build of TensorFlow {release.version} is known")
    return release.cuda.requirement


def _key(target: Target, text: str, dockerfile: str) -> str:
    return _digest(json.dumps([*lines(text), dockerfile, target.device.value, target.python]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    """All at once, so that whoever reads meanwhile sees the old lock or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".lock-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        os.fchmod(file.fileno(), 0o644)
    Path(temporary).replace(path)
