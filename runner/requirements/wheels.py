"""A wheel of this machine as a requirement: `mine @ file:mine-0.1-py3-none-any.whl#sha256=…`.

The wheel itself lies in the cache, in a folder named by its digest. So the requirement names no
folder of this machine, and always means the same file.
"""

from __future__ import annotations

import email
import hashlib
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from attrs import frozen
from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from runner import paths
from runner.errors import PrepareError, UsageError
from runner.machine.files import open_regular, read_at_most, write_atomic
from runner.requirements.asked import NOTHING, Asked, python_bound, read_requirements

LARGEST = 64 << 20
"""Bytes of a wheel."""
_LARGEST_METADATA = 1 << 20
_PATH = re.compile(r"[.~/]|[^\[\]@]*/|[^\[\]@=]*\.(whl|tar\.gz)(\[[^\[\]]*\])?$")
_WORD = re.compile(r"(?P<path>.+?)(?:\[(?P<extras>[^\[\]]*)\])?")
_REQUIREMENT = re.compile(
    r"(?P<name>[a-z0-9-]+) @ file:(?P<file>[A-Za-z0-9_.+-]+\.whl)#sha256=(?P<sha256>[0-9a-f]{64})"
)
_PLATFORM = re.compile(r"any|(many|)linux\w*_x86_64")
_CPYTHON = re.compile(r"cp(\d)(\d+)")
_EXTRA = re.compile(
    r'(?:(?P<before>.+) and )?extra == "(?P<extra>[^"]+)"(?: and (?P<after>.+))?', re.DOTALL
)


@frozen(kw_only=True)
class LocalWheel:
    """A wheel in the cache."""

    name: str
    """As PEP 503 compares names."""
    version: str
    file_name: str
    sha256: str

    @property
    def requirement(self) -> str:
        return f"{self.name} @ file:{self.file_name}#sha256={self.sha256}"

    @property
    def path(self) -> Path:
        return paths.wheels() / self.sha256 / self.file_name

    @property
    def pin(self) -> str:
        """Its line in a lock."""
        return f"{self.name}=={self.version} \\\n    --hash=sha256:{self.sha256}\n"

    def content(self) -> bytes:
        """Raises `PrepareError` if the cache no longer has it."""
        try:
            content = self.path.read_bytes()
        except OSError:
            content = b""
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise PrepareError(
                f"{self.file_name} is no longer in {paths.wheels()}",
                remedy="run the command with its --with again",
            )
        return content


def is_path(word: str) -> bool:
    """Whether `--with WORD` names a folder or a file of this machine."""
    return _PATH.match(word) is not None


def path_and_extras(word: str) -> tuple[Path, tuple[str, ...]]:
    """`./mine[test,docs]` → the path and the extras. Raises `UsageError` if nothing is there."""
    parts = _WORD.fullmatch(word)
    assert parts is not None  # it matches any text
    path = paths.expanded(parts["path"])
    if not path.exists():
        raise UsageError(f"--with {word}: there is no such folder or file")
    return path, tuple(filter(None, re.split(r"[\s,]+", parts["extras"] or "")))


def keep(file: Path) -> LocalWheel:
    """Copy a wheel into the cache. Raises `UsageError` if it is not one, or not for Linux."""
    try:
        with open_regular(file, follow_links=True) as opened:
            content = read_at_most(opened, LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise UsageError(f"{file} is larger than {LARGEST >> 20} MiB")
    return keep_content(file.name, content)


def keep_content(file_name: str, content: bytes) -> LocalWheel:
    """Keep a wheel of this name in the cache. Raises `UsageError`, as `keep` does."""
    name, version, tags = _parsed_name(file_name)
    if not any(_PLATFORM.fullmatch(tag.platform) for tag in tags):
        raise UsageError(f"{file_name} is not for Linux on x86-64, as TensorFlow's wheels are")
    sha256 = hashlib.sha256(content).hexdigest()
    wheel = LocalWheel(name=name, version=version, file_name=file_name, sha256=sha256)
    if not wheel.path.is_file():
        paths.mark_cache()
        write_atomic(wheel.path, content, mode=0o644)
    return wheel


def asked_by(wheel: LocalWheel, extras: Sequence[str] = ()) -> Asked:
    """The wheel, and what it and these extras require. Raises `UsageError`."""
    metadata = email.message_from_bytes(_metadata(wheel))
    known = {canonicalize_name(each) for each in metadata.get_all("Provides-Extra", [])}
    wanted = {canonicalize_name(each) for each in extras}
    if not wanted <= known:
        (unknown, *_) = sorted(wanted - known)
        there = ", ".join(sorted(known)) or "none"
        raise UsageError(f"{wheel.name} has no extra {unknown!r}; there are: {there}")
    required = [str(each) for each in metadata.get_all("Requires-Dist", [])]
    asked = Asked(packages=(wheel.requirement,))
    asked += read_requirements(_of_extras(required, wanted, wheel.file_name), wheel.name)
    if metadata["Requires-Python"]:
        asked += python_bound(str(metadata["Requires-Python"]), wheel.name)
    return asked + _python_of_tags(wheel)


def among(requirements: Iterable[str]) -> tuple[LocalWheel, ...]:
    """The local wheels among these requirements."""
    return tuple(
        LocalWheel(
            name=found["name"],
            version=_parsed_name(found["file"])[1],
            file_name=found["file"],
            sha256=found["sha256"],
        )
        for found in map(_REQUIREMENT.fullmatch, requirements)
        if found
    )


def write_all(requirements: Iterable[str], folder: Path) -> None:
    """Write the local wheels among these requirements into `folder`. Raises `PrepareError`."""
    for wheel in among(requirements):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / wheel.file_name).write_bytes(wheel.content())


def _parsed_name(file_name: str) -> tuple[str, str, frozenset[Tag]]:
    """Raises `UsageError`."""
    try:
        if not re.fullmatch(r"[A-Za-z0-9_.+-]+", file_name):
            raise InvalidWheelFilename
        name, version, _, tags = parse_wheel_filename(file_name)
    except ValueError:  # InvalidWheelFilename and InvalidVersion are
        raise UsageError(
            f"{file_name[:200]} is not the name of a wheel, such as mine-0.1-py3-none-any.whl"
        ) from None
    return name, str(version), tags


def _metadata(wheel: LocalWheel) -> bytes:
    """Raises `UsageError`."""
    try:
        with zipfile.ZipFile(wheel.path) as archive:
            (name,) = (
                each
                for each in archive.namelist()
                if re.fullmatch(r"[^/]+\.dist-info/METADATA", each)
            )
            with archive.open(name) as file:
                return file.read(_LARGEST_METADATA)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        raise UsageError(f"{wheel.file_name} is not a wheel: it has no metadata") from None


def _of_extras(required: Iterable[str], wanted: Collection[str], source: str) -> Iterator[str]:
    """The requirements without those of extras that nobody wants."""
    for text in required:
        try:
            parsed = Requirement(text)
        except (InvalidRequirement, RecursionError):
            raise UsageError(f'{source}: "{text[:80]}" is not a requirement (PEP 508)') from None
        found = _EXTRA.fullmatch(str(parsed.marker)) if parsed.marker else None
        if found is None:
            yield text
        elif canonicalize_name(found["extra"]) in wanted:
            rest = " and ".join(filter(None, (found["before"], found["after"])))
            parsed.marker = None
            yield f"{parsed} ; {rest}" if rest else str(parsed)


def _python_of_tags(wheel: LocalWheel) -> Asked:
    """The Pythons that a wheel with compiled parts is for."""
    specifiers = {_specifier(tag) for tag in _parsed_name(wheel.file_name)[2]}
    if "" in specifiers:
        return NOTHING
    if len(specifiers) > 1:
        raise UsageError(f"{wheel.file_name} is for several Pythons: name a wheel for one")
    return python_bound(specifiers.pop(), wheel.name)


def _specifier(tag: Tag) -> str:
    found = _CPYTHON.fullmatch(tag.interpreter)
    if found is None:
        return ""
    version = f"{found[1]}.{found[2]}"
    return f">={version}" if tag.abi in ("abi3", "none") else f"=={version}.*"
