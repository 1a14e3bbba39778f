"""`Target` → `Environment`: its locked packages, found or resolved, and its key.

A lock comes from the committed locks (docker/locks/), then from the user's cache; else uv resolves
it as of the release's date. An installed copy has no repository: there `renew` writes to the user's
cache, which is then read first. A lock's header states the request. If the catalogue now requests
something else, a committed lock is refused and a cached one is made again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

from attrs import evolve

from runner import paths
from runner.environments import demands, notes, relaxing, render, resolve, sources
from runner.environments.resolve import LockRequest
from runner.errors import LockError
from runner.machine.derived_cache import cache_slot, cached_result
from runner.machine.files import write_atomic
from runner.model import (
    USUAL_RESOLUTION,
    Device,
    Environment,
    Target,
    package_name,
    pinned_packages,
    pinned_version,
)
from runner.requirements import wheels

_REQUIREMENT = re.compile(
    r"[A-Za-z0-9][\w.-]*(\[[\w,-]+\])?==\S+( ; .*?)?(?P<hashes>( --hash=sha256:[0-9a-f]{64})*)"
)


_BRINGS_TENSORFLOW = re.compile(r"(tensorflow(-cpu|-gpu|-intel)?|tf-nightly(-cpu)?)==")
_EXACT = re.compile(r"\s*[A-Za-z0-9][\w.-]*(\[[^]]*\])?\s*===?\s*[\w.!+]+\s*")


def environment(target: Target, images: Mapping[str, str] = {}) -> Environment:
    """`target` with its lock, Dockerfile and key. Raises `LockError` if it cannot be locked.

    The Dockerfile and the key of a verified lock are cached.
    """
    text = _text(target)
    if text is None:
        return _environment(target, requirements(target), images)
    try:
        return cached_result(
            cache_slot("environment", f"{paths.locks()} {_name(target)} {_particulars(target)}"),
            (text, repr(target), repr(sorted(images.items())), *render.inputs()),
            lambda: _environment(target, _verified(text, target), images),
            write=lambda made: [made.key, made.dockerfile],
            read=lambda entry: _restored(target, text, entry),
        )
    except LockError:
        return _environment(target, requirements(target), images)


def _particulars(target: Target) -> str:
    """The part of a slot's name after the release."""
    resolution = "" if target.resolution == USUAL_RESOLUTION else f" {target.resolution}"
    return f"{target.requirements}{resolution}"


def _environment(target: Target, text: str, images: Mapping[str, str]) -> Environment:
    dockerfile = render.dockerfile(
        target, images, sources=sources.distributions_in_lock(lock_lines(text))
    )
    return Environment(
        target=target, requirements=text, key=_key(target, text, dockerfile), dockerfile=dockerfile
    )


def _text(target: Target) -> Optional[str]:
    """The lock that `requirements` reads first, not verified; None if there is none."""
    for path in _places(target):
        with suppress(OSError, UnicodeDecodeError):
            return path.read_text(encoding="utf-8")
    return None


def _places(target: Target) -> list[Path]:
    """The paths where a lock of `target` may lie; the first that exists counts."""
    places = [path for path in (committed_path(target), _cached_path(target)) if path is not None]
    return places if paths.is_checkout() else places[::-1]


def _verified(text: str, target: Target) -> str:
    verify(text, target, Path(_name(target)))
    return text


def _restored(target: Target, text: str, entry: Any) -> Environment:
    key, dockerfile = entry
    return Environment(target=target, requirements=text, key=key, dockerfile=dockerfile)


def is_known(target: Target) -> bool:
    """Whether `target` has a lock already."""
    return _text(target) is not None


def requirements(target: Target) -> str:
    """The lock of `target`: committed, cached or resolved now (and then cached)."""
    committed, cached = committed_path(target), _cached_path(target)
    for path in _places(target):
        if not path.is_file():
            continue
        if path == committed:
            return read_lock(path, target)
        with suppress(LockError):  # a damaged lock in the cache is replaced
            return read_lock(path, target)
    text = resolve_lock(target)
    with suppress(OSError):  # the cache is full or read-only; the lock is valid without it
        write_atomic(cached, text, mode=0o644)
    return text


def read_lock(path: Path, target: Target) -> str:
    """The lock of `target` that lies at `path`. Raises `LockError` where it is no lock."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"{path} cannot be read: {error}", remedy=_command(target)) from None
    verify(text, target, path)
    return text


def renew(target: Target) -> Path:
    """Resolves `target` again, and writes the lock to docker/locks/.

    It writes to the user's cache if a user's packages are added, and in an installed copy.
    """
    committed = committed_path(target)
    path = committed if committed and paths.is_checkout() else _cached_path(target)
    write_atomic(path, resolve_lock(target), mode=0o644)
    return path


def resolve_lock(target: Target) -> str:
    """The text of the lock of `target`, resolved now. Raises `LockError`."""
    own = "".join(wheel.pin for wheel in wheels.among(target.requirements))
    text = lock_header(target) + _resolved(target) + own
    verify(text, target, Path("the lock just resolved"))
    return text


def _resolved(target: Target) -> str:
    """The lock, with the release's usual versions unless something demands others."""
    request = evolve(lock_request(target), held=_usual_lock(target) or "")
    try:
        return resolve.resolve_lock(request)
    except LockError:
        if not target.resolution.relax:
            raise
        found = relaxing.nearest_lock(request, target.requirements, resolve.resolve_lock)
        if found is None:
            raise
        return found


def _usual_lock(target: Target) -> Optional[str]:
    """The lock of the release alone; None if it is the same, does not matter, or does not exist."""
    if target.usual or target.release.absent:
        return None
    if target.resolution.as_of or target.resolution.later:
        return None
    with suppress(LockError):
        return requirements(evolve(target, requirements=(), resolution=USUAL_RESOLUTION))
    return None


def environment_notes(made: Environment) -> tuple[str, ...]:
    """The unusual facts about the packages, one line each."""
    if made.target.usual:
        return ()
    usual = evolve(made.target, requirements=(), resolution=USUAL_RESOLUTION)
    text = _text(usual) if is_known(usual) else None
    return notes.notes_on(made, notes.pinned_versions(pinned_packages(text)) if text else None)


def lock_request(target: Target) -> LockRequest:
    """The request to uv. A CUDA build is `tensorflow` itself, so only CPU locks leave `tensorflow`
    out.

    A version that the user names is taken, whatever its date and the catalogue's constraints: the
    user asks how it works with TensorFlow. A user's own wheel replaces all versions on the index.
    """
    release, resolution = target.release, target.resolution
    wanted = _tensorflow(target)
    forced = tuple(package_name(each) for each in resolution.forced)
    local = tuple(wheel.name for wheel in wheels.among(target.requirements))
    own = (*_but((*forced, *local), target.requirements), *resolution.forced)
    exact = tuple(package_name(each) for each in own if _EXACT.fullmatch(each))
    newer = () if resolution.as_of else release.newer
    known = () if resolution.as_of else (*release.constraints, *_checks(target))
    left_out = (*_left_out(*map(render.package, wanted)), *local)
    return LockRequest(
        python=target.python,
        requirements=(*wanted, *_but((*exact, *local), release.extras), *own),
        as_of=target.as_of,
        newer=tuple((name, day) for name, day in newer if package_name(name) not in exact),
        undated=exact,
        constraints=(*_but(exact, known), *_but(forced, resolution.constraints)),
        left_out=left_out,
        stand_in=release.version if own and "tensorflow" in left_out else "",
        forced=resolution.forced,
        tensorflow=_release_words(target),
    )


def _checks(target: Target) -> tuple[str, ...]:
    if not target.requirements or target.release.absent:
        return ()
    return demands.import_checks(target.release)


def _but(names: Collection[str], requirements: Sequence[str]) -> tuple[str, ...]:
    return tuple(each for each in requirements if package_name(each) not in names)


def _left_out(tensorflow: str = "") -> tuple[str, ...]:
    """Packages to leave out, because they contain the same files as `tensorflow`."""
    if tensorflow.startswith("tf-nightly"):
        return ("tensorflow",) if tensorflow == "tf-nightly" else ("tensorflow", "tf-nightly")
    return ("tensorflow",) if tensorflow.startswith("tensorflow-") else ()


def lock_header(target: Target) -> str:
    """The comment at the top of the lock: the request, and the command that repeats it."""
    asked = lock_request(target)
    name = f"{_release_words(target)} on {target.device}"
    said = [
        f"{name}: Python {target.python}, Linux x86-64, packages as of {asked.as_of}",
        *(f"asked for: {requirement}" for requirement in asked.requirements),
        *(f"capped: {constraint}" for constraint in asked.constraints),
        *(f"as of {day}: {package}" for package, day in asked.newer),
        *(f"of any day: {package}" for package in asked.undated),
        *(f"left out: {package}" for package in asked.left_out),
        *(f"stands in for tensorflow: {version}" for version in [asked.stand_in] if version),
        *(f"by force: {requirement}" for requirement in asked.forced),
        *(f"from here: {wheel.requirement}" for wheel in wheels.among(target.requirements)),
        *("the nearest version of what cannot be had" for _ in range(target.resolution.relax)),
        f"made by: {_command(target)}",
    ]
    return "".join(f"# {line}\n" for line in said)


def verify(text: str, target: Target, path: Path) -> None:
    """Raises `LockError` unless `text` is a lock for `target` and each of its lines has a hash."""
    if not text.startswith(lock_header(target)):
        raise LockError(
            f"{path} was not made for {_release_words(target)} on {target.device} as"
            " docker/releases.yaml has it now",
            remedy=_command(target),
        )
    for line in lock_lines(text):
        match = _REQUIREMENT.fullmatch(line)
        if match is None:
            raise LockError(f"{path}: {line[:80]!r} is not a locked requirement")
        if not match["hashes"]:
            raise LockError(f"{path}: {line[:80]!r} has no hash")
        if target.release.absent and _BRINGS_TENSORFLOW.match(line):
            raise LockError(
                f"{', '.join(target.requirements)}: one of these needs TensorFlow, which --tf none"
                " leaves out"
            )


def lock_lines(text: str) -> Iterator[str]:
    """The requirements of a lock without comments, one line each."""
    for line in text.replace("\\\n", "").splitlines():
        if line.strip() and not line.startswith("#"):
            yield re.sub(r"\s+", " ", line.strip())


def without_wheels(environment: Environment) -> str:
    """The environment's lock for uv and pip, without the user's own wheels."""
    local = wheels.among(environment.target.requirements)
    lock = environment.requirements
    for wheel in local:
        lock = lock.replace(f"\n{wheel.pin}", "\n")
    return for_installers(lock)


def with_wheels(environment: Environment) -> str:
    """The environment's lock for uv and pip, with the user's own wheels from this machine.

    Raises `PrepareError` if a wheel no longer exists.
    """
    lock = without_wheels(environment)
    for wheel in wheels.among(environment.target.requirements):
        wheel.content()
        lock += f"{wheel.name} @ {wheel.path.as_uri()} --hash=sha256:{wheel.sha256}\n"
    return lock


def for_installers(lock: str) -> str:
    """`lock` for uv and pip, with lines that forbid building packages,
    except the known source distributions."""
    known = {each.name for each in sources.distributions_in_lock(lock_lines(lock))}
    names = [pinned_version(line)[0] for line in lock_lines(lock)]
    from_wheels = [name for name in names if name not in known] if known else [":all:"]
    return "".join(f"--only-binary {name}\n" for name in from_wheels) + lock


def committed_path(target: Target) -> Path | None:
    """The path of the lock of `target` if it is committed.

    None if the user adds packages, and for pre-releases, which are not in the catalogue.
    """
    if not target.usual or target.release.parsed.is_prerelease:
        return None
    return paths.locks() / f"{_name(target)}.txt"


def _cached_path(target: Target) -> Path:
    """The path in the cache. Its name depends on the request, so a
    changed catalogue finds no old lock."""
    return paths.cached_locks() / f"{_name(target)}-{_digest(lock_header(target))[:12]}.txt"


def _name(target: Target) -> str:
    return f"{target.release.version}-py{target.python}-{target.device}"


def _command(target: Target) -> str:
    return f"tfmatrix lock --tf {target.release.spec} --device {target.device}"


def _release_words(target: Target) -> str:
    return "no TensorFlow" if target.release.absent else f"TensorFlow {target.release.version}"


def _tensorflow(target: Target) -> tuple[str, ...]:
    """The requirement on TensorFlow; () if it is left out."""
    release = target.release
    if release.absent:
        return ()
    if target.device is Device.CPU:
        return (release.cpu_requirement,)
    if release.cuda is None:
        raise LockError(f"no CUDA build of TensorFlow {release.version} is known")
    return (release.cuda.requirement,)


def _key(target: Target, text: str, dockerfile: str) -> str:
    said = [*lock_lines(text), _instructions(dockerfile), target.device.value, target.python]
    return _digest(json.dumps(said))


def _instructions(dockerfile: str) -> str:
    """The lines that affect the image: without comments, and without the stage that only brings
    uv."""
    kept = [line for line in dockerfile.splitlines() if line and not line.startswith("#")]
    return re.sub(r"(?m)^FROM \S+ AS uv$", "FROM scratch AS uv", "\n".join(kept))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
