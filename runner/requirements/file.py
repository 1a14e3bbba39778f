"""Reads requirements.txt as pip does: comments, continued lines, markers, `-r` and `-c`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import evolve

from runner.errors import UsageError
from runner.machine.files import open_regular
from runner.requirements.asked import NOTHING, Asked, read_requirements

MOST_BYTES = 1 << 20
DEEPEST = 8
"""How deep files may include each other."""
_COMMENT = re.compile(r"(^|\s+)#.*$")
_HASH = re.compile(r"\s+--hash[= ]\S+")
_NESTED = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s+|=|(?<=-[rc]))(\S.*)")
_FOLDER = re.compile(r"(-e|--editable)\b|file:|[./~]")
_URL = re.compile(r"[a-z+]+://")


def read_file(file: Path) -> Asked:
    """What the file and its included files ask for. Raises `UsageError`."""
    return _read(file, constraining=False, above=())


def _read(file: Path, *, constraining: bool, above: tuple[Path, ...]) -> Asked:
    if file.resolve() in above or len(above) >= DEEPEST:
        raise UsageError(f"{above[-1].name} includes {file.name}, which includes it in turn")
    asked, found = NOTHING, _Found()
    for number, line in _lines(_text(file)):
        where = f"{file.name}:{number}"
        nested = _NESTED.fullmatch(line)
        if nested:
            asked += _read(
                _beside(file, nested[2], where),
                constraining=constraining or nested[1] in ("-c", "--constraint"),
                above=(*above, file.resolve()),
            )
        elif line.startswith("-") and not _FOLDER.match(line):
            found.options.append(line.split()[0].partition("=")[0])
        else:
            asked += _one(line, where, found, constraining)
    return evolve(asked, notes=(*asked.notes, *found.notes(file.name)))


class _Found:
    """What is left out of a file, for one note of each kind."""

    def __init__(self) -> None:
        self.hashes = 0
        self.options: list[str] = []

    def notes(self, name: str) -> Iterator[str]:
        if self.hashes:
            yield (
                f"{name}: the hashes of {self.hashes} requirements are not used; every package is"
                " checked against the hash that the index has"
            )
        if self.options:
            options = ", ".join(dict.fromkeys(self.options))
            yield f"{name}: {options} is not used; packages come from this machine's usual index"


def _one(line: str, where: str, found: _Found, constraining: bool) -> Asked:
    if _URL.match(line):
        raise UsageError(f'{where}: "{line[:80]}" is a URL; name a package and its version')
    if _FOLDER.match(line):
        raise UsageError(
            f'{where}: "{line[:80]}" is a folder or a file; to add a package from this machine, use'
            " --with ./FOLDER"
        )
    bare = _HASH.sub("", line)
    found.hashes += bare != line
    return read_requirements([bare.split(" --", 1)[0].strip()], where, constraining=constraining)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(number of the first line, requirement or option without its comment)."""
    begun, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            begun += line[:-1] + " "
            continue
        whole = _COMMENT.sub("", begun + line).strip()
        if whole:
            yield start, whole
        begun, start = "", 0
    if begun.strip():
        yield start, _COMMENT.sub("", begun).strip()


def _text(file: Path) -> str:
    try:
        with open_regular(file, follow_links=True) as opened:
            content = opened.read(MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text") from None
    if len(content) > MOST_BYTES or "\0" in text:
        raise UsageError(f"{file} is not a requirements file: it holds zeros, or over 1 MiB")
    return text


def _beside(file: Path, name: str, where: str) -> Path:
    if _URL.match(name):
        raise UsageError(f'{where}: "{name[:80]}" is a URL; download it, and name the file')
    return file.parent / name.strip("\"'")
