"""Finds in `pip install …` the packages that a script needs besides TensorFlow. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Optional

from attrs import frozen
from packaging.requirements import InvalidRequirement, Requirement

from runner.model import package_name

TENSORFLOW = frozenset(
    {
        *("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-intel", "tensorflow-macos"),
        *("tensorflow-metal", "tf-nightly", "tf-nightly-cpu", "tf-nightly-gpu", "tensorflow-rocm"),
    }
)
"""The matrix chooses the version of these packages, so a script's own pins are set aside."""

_COMMAND = re.compile(r"(?:\S*python[\d.]*\s+-m\s+)?pip[\d.]*\s+install\b(.*)", re.DOTALL)
_WITH_VALUE = frozenset(
    [
        *("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "-t", "--target"),
        *("-c", "--constraint", "-r", "--requirement", "-e", "--editable", "--prefix", "--root"),
        *("--timeout", "--retries", "--proxy", "--cache-dir", "--progress-bar", "--python"),
        *("--platform", "--only-binary", "--no-binary", "--trusted-host", "--upgrade-strategy"),
    ]
)
"""The options of pip that take the next word as their value."""
_NO_PACKAGES = frozenset(["-r", "--requirement", "-e", "--editable"])
"""The options of pip that install something other than a package of the index."""


@frozen
class Installed:
    """What commands install with pip."""

    packages: tuple[str, ...] = ()
    """Requirements for packages of the index."""
    tensorflow: tuple[str, ...] = ()
    """Requirements for TensorFlow itself."""
    others: tuple[str, ...] = ()
    """Files, folders and addresses."""

    def __add__(self, other: Installed) -> Installed:
        return Installed(
            tuple(dict.fromkeys(self.packages + other.packages)),
            tuple(dict.fromkeys(self.tensorflow + other.tensorflow)),
            tuple(dict.fromkeys(self.others + other.others)),
        )


def find_installed(command: str) -> Optional[Installed]:
    """What a shell command installs with pip; None if it does not use pip."""
    found = Installed()
    any_pip = False
    for part in re.split(r"&&|\|\||;(?![^'\"]*['\"]\s)|\s[|]\s|\s[12&]?>+", command):
        one = _COMMAND.match(part.strip())
        if one:
            any_pip = True
            found += _named(_words(one[1]))
    return found if any_pip else None


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # a missing closing quote
        return text.split()


def _named(words: Sequence[str]) -> Installed:
    packages: list[str] = []
    tensorflow: list[str] = []
    others: list[str] = []
    before = ""
    for word in words:
        if before in _WITH_VALUE:
            others += [word] if before in _NO_PACKAGES else []
        elif not word.startswith("-"):
            name = package_name(word)
            requirement = _requirement(word)
            if requirement is None:
                others.append(word)
            else:
                (tensorflow if name in TENSORFLOW else packages).append(requirement)
        before = word
    return Installed(tuple(packages), tuple(tensorflow), tuple(others))


def _requirement(word: str) -> Optional[str]:
    """The requirement for a package of the index; None for a file, an address or another word."""
    try:
        parsed = Requirement(word)
    except (InvalidRequirement, RecursionError):
        return None
    return None if parsed.url else str(parsed)
