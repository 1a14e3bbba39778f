"""A program that the script started and that lacked the network, or is not there itself."""

from __future__ import annotations

import re
from typing import Optional

from runner.cells.lacks import data, files, network
from runner.cells.signature import Raised
from runner.scripts.commands import SAID_BY

_ENDED = re.compile(
    r"Command (?P<words>.+) returned non-zero exit status (?P<code>\d+)\.?$", re.DOTALL
)
_WORD = re.compile(r"[\w./:@~+-]+")
_NO_PROGRAM = re.compile(
    r"^(?:/bin/)?(?:ba|da)?sh: (?:line )?\d*:? ?([\w./+-]+): (?:command )?not found$"
)
_LAUNCHER = re.compile(rf"^{SAID_BY}(needs the program .+)$")
"""What the script that becomes a command says if it cannot (`runner.scripts.commands`)."""
_NO_SCRIPT = re.compile(r"^\S*python[\d.]*: can't open file '(.+)': \[Errno 2\]")
_NOT_FOUND = 127
_MOST_LINES = 400
"""Of the end of what was written to standard error that are looked at."""


def find_need(raised: Raised, stderr: str) -> Optional[str]:
    """What the program lacked that ended the script, or whose failure the script's own code met."""
    ended = _ENDED.match(raised.message) if raised.kind == "CalledProcessError" else None
    if ended:
        return _of_command(ended["words"], int(ended["code"])) or find_need_in(stderr, ended=True)
    return find_need_in(stderr) if data.is_own(raised.files) else None


def find_need_in(stderr: str, ended: bool = False) -> Optional[str]:
    """What a program said that it lacks; with `ended`, in any words, as they are all its own."""
    for line in stderr.replace("\r", "\n").split("\n")[-_MOST_LINES:]:
        if any(pattern.search(line) for pattern in data.patterns("programs", "network")):
            return network.describe_need(line)
        told, missing = _LAUNCHER.match(line), _NO_PROGRAM.match(line)
        if told:
            return told[1][:300]
        no_script = _NO_SCRIPT.match(line)
        if no_script:
            return files.describe_missing(no_script[1].rpartition("/")[2])
        reason = (missing and _no_program(missing[1])) or (ended and network.find_need_in(line))
        if reason:
            return reason
    return None


def _of_command(words: str, code: int) -> Optional[str]:
    """Some programs say nothing if they are to be quiet, but end with a code for this."""
    found: list[str] = _WORD.findall(words)
    name = found[0].rsplit("/", 1)[-1] if found else ""
    if code in data.table("programs")["codes"].get(name, ()):
        return network.describe_need(next((word for word in found if ":" in word), name))
    return _no_program(name) if code == _NOT_FOUND and name not in ("sh", "bash") else None


def _no_program(name: str) -> str:
    return f"needs the program {name[:100]}, which is not in the environments"
