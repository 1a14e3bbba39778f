"""The command `/tfmatrix [bisect] [--tf SPEC] …`, which a member writes under an issue. Pure.

This module defines the grammar: a first line of words, and a list of options with the pattern of
each value. Nothing else in a comment is read, and nothing reaches a shell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

from attrs import frozen

from runner.errors import UsageError
from runner.report.text import shortened

PREFIX = "/tfmatrix"
LONGEST = 300
QUOTES = "`'\""
_VERSION = r"[0-9]+(\.[0-9]+){1,2}([a-z]{1,4}[0-9]{1,8})?|nightly"
_SPECIFIER = r"(==|>=|<=|!=|~=|<|>)?([0-9]+(\.[0-9]+){0,2}(\.\*)?|nightly|latest)"
_SPECIFIERS = rf"{_SPECIFIER}(,{_SPECIFIER}){{0,29}}"
OPTIONS: Mapping[str, Mapping[str, str]] = {
    "run": {"--tf": _SPECIFIERS, "--block": r"[1-9][0-9]?(,[1-9][0-9]?){0,9}"},
    "bisect": {
        "--good": _VERSION,
        "--bad": _VERSION,
        "--block": r"[1-9][0-9]?(,[1-9][0-9]?){0,9}",
    },
}
"""Verb → option → the pattern that its value must match."""


@frozen(kw_only=True)
class Command:
    verb: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def arguments(self) -> list[str]:
        """The arguments for `tfmatrix`, without the source of the script."""
        return [self.verb, *(word for pair in self.options for word in pair)]


def is_command(comment: str) -> bool:
    """Whether a comment has a command for tfmatrix."""
    return comment.split(maxsplit=1)[:1] == [PREFIX]


def parse_command(comment: str) -> Command:
    """The command in the first line of `comment`. Raises `UsageError`, in one line."""
    line = comment.strip().split("\n", 1)[0].strip()
    if len(line) > LONGEST:
        raise UsageError(f"{PREFIX}: the line has more than {LONGEST} characters")
    words = [word.strip(QUOTES) for word in line.split()]
    if words[:1] != [PREFIX]:
        raise UsageError(f"the comment does not begin with {PREFIX}")
    verb = words[1] if words[1:2] and words[1] in OPTIONS else "run"
    rest = words[2:] if words[1:2] == [verb] else words[1:]
    return Command(verb=verb, options=tuple(_options(verb, rest)))


def _options(verb: str, words: list[str]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    while words:
        name, equals, value = words.pop(0).partition("=")
        pattern = OPTIONS[verb].get(name)
        if pattern is None:
            raise _wrong(f"{_shown(name)} is not an option", verb)
        if name in found:
            raise _wrong(f"{name} is there twice", verb)
        given: Optional[str] = value if equals else words.pop(0) if words else None
        given = given and given.strip(QUOTES)
        if given is None or not re.fullmatch(pattern, given):
            raise _wrong(f"{name} {_shown(given or 'without a value')} is not understood", verb)
        found[name] = given
    return list(found.items())


def _wrong(what: str, verb: str) -> UsageError:
    known = " ".join(f"[{name} …]" for name in OPTIONS[verb])
    return UsageError(f"{what}; {PREFIX} {verb} takes {known}")


def _shown(word: str) -> str:
    return shortened(word, 40)
