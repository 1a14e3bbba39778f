"""Bytes → YAML nodes with positions, or the one problem that makes the file unreadable."""

from __future__ import annotations

import re
from typing import Any, NoReturn, Optional, Union

import yaml
from yaml.composer import ComposerError
from yaml.nodes import Node

from runner.matrix.defaults import MOST_BYTES
from runner.matrix.problems import Position, Problem, quoted

DEEPEST = 20
"""matrix.yaml itself needs six levels."""
MOST_VALUES = 50_000
"""The most values; keys count too. It takes a second of parsing: some ten thousand cases."""


def compose(content: bytes) -> Union[Node, Problem, None]:
    """The document's root node; None if the file has no value. Never raises."""
    text = _decoded(content)
    if isinstance(text, Problem):
        return text
    # Any, because PyYAML's stubs for 3.9 and for later Pythons type different things.
    loader: Any = _Loader(text)
    try:
        root: Optional[Node] = loader.get_single_node()
        return root
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return Problem(position_of(mark) if mark else Position(), (), _syntax_message(error))
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        # PyYAML does not catch all errors, such as chr()'s for "\UFFFFFFFF" and int()'s for %YAML
        # 1.9…9.
        mark = loader.get_mark()
        return Problem(position_of(mark), (), "not YAML: an escape or number that is out of range")
    finally:
        loader.dispose()


def position_of(mark: Any) -> Position:
    """The position in an editor, which counts from 1; PyYAML counts from 0."""
    return Position(mark.line + 1, mark.column + 1)


class _Loader(yaml.SafeLoader):
    """Stops at a depth that no matrix.yaml needs, before Python's stack overflows."""

    depth = 0
    count = 0

    def compose_node(self, parent: Optional[Node], index: Any) -> Optional[Node]:
        self.count += 1
        if self.depth > DEEPEST:
            self._stop(f"nested deeper than {DEEPEST} levels")
        if self.count > MOST_VALUES:
            self._stop(f"more than {MOST_VALUES:,} keys and values")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _stop(self, why: str) -> NoReturn:
        parser: Any = self
        mark = parser.peek_event().start_mark
        raise ComposerError(None, None, why, mark)


def _decoded(content: bytes) -> Union[str, Problem]:
    if len(content) > MOST_BYTES:
        size = f"{len(content) / MOST_BYTES:.1f} MiB"
        return Problem(Position(), (), f"the file has {size}; 1 MiB is the most that is read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        message = f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        return Problem(_mark_after(before), (), message)
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if found:
        message = f"control character U+{ord(found.group()):04X}; remove it"
        return Problem(_mark_after(text[: found.start()]), (), message)
    return text


def _mark_after(text: str) -> Position:
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    return Position(len(lines), len(lines[-1]) + 1)


_FRIENDLIER = (
    ("'\\t'", "a tab where YAML wants spaces; replace it"),
    (
        "chomping or indentation indicators",
        'a plain `>` or `|` begins a text of several lines; quote a specifier: ">=2.4"',
    ),
    ("character '>'", 'a plain text cannot begin with `>`; quote it: ">=2.4"'),
    ("character '%'", "a plain text cannot begin with `%`; quote it"),
    ("character '@'", "a plain text cannot begin with `@`; quote it"),
    ("character '`'", "a plain text cannot begin with a backtick; quote it"),
    ("undefined alias", 'a plain `*name` repeats an `&name`, and there is none; quote a "*"'),
    ("another document", "a second document begins here; matrix.yaml is one document"),
    (
        "mapping values are not allowed",
        "a colon is not allowed here; quote a text that has one, or correct the indentation",
    ),
    ("could not find expected ':'", "expected `key: value`; a colon is missing before this"),
)


def _syntax_message(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or error.context or "unreadable"
    for part, message in _FRIENDLIER:
        if part in problem:
            return message
    if error.context == "while scanning an alias":
        return 'a plain `*` repeats an `&name`; quote it where any text is meant: "*"'
    context = f" ({error.context})" if error.context and error.problem else ""
    return f"not YAML: {quoted(problem + context, 120)[1:-1]}"
