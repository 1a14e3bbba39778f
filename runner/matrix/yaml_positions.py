"""YAML text → plain data with the position of every key and value; YAML's traps are refused.

Only what matrix.yaml needs is accepted: texts, decimal numbers, lists and mappings. What YAML 1.1
quietly turns into something else (`no`, `010`, `1:30`) is refused with the way to write it; a plain
`2.10` becomes a number, with its source text kept so that a message can say what was lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, Union

from attrs import define, field
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from runner.matrix.problems import KeyPath, Position, Problem, quoted
from runner.matrix.yaml_text import DEEPEST, MOST_VALUES, compose, position_of

LONGEST_TEXT = 20_000

_TAG = "tag:yaml.org,2002:"
_TEXTS = ("str", "timestamp", "value")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]{1,4})?")
_UNSAYABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@define
class Document:
    """The data of a file; `keys` and `values` hold the positions."""

    data: Any = None
    keys: dict[KeyPath, Position] = field(factory=dict)
    values: dict[KeyPath, Position] = field(factory=dict)
    sources: dict[KeyPath, str] = field(factory=dict)
    """The spelling of each scalar in the file."""
    problems: list[Problem] = field(factory=list)

    def value_at(self, path: KeyPath) -> Position:
        """The position of the value at `path`, else of the nearest value around it."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Position())

    def key_at(self, path: KeyPath) -> Position:
        """The position of the key for `path`; in a list, the position of the value."""
        return self.keys.get(path) or self.value_at(path)


def parse(content: bytes) -> Document:
    """The document. Never raises: `problems` has the mistakes, and `data` is then partial."""
    node = compose(content)
    if isinstance(node, Problem):
        return Document(problems=[node])
    builder = _Builder()
    if node is not None:
        builder.document.data = builder.build(node, ())
    return builder.document


class _Pair(NamedTuple):
    key: str
    mark: Position
    value: Node


class _TooMuchError(Exception):
    """The expanded document is too large or too deep."""

    def __init__(self, node: Node, message: str) -> None:
        super().__init__(message)
        self.mark = position_of(node.start_mark)


@define
class _Builder:
    """Nodes → data. It reports one problem per position, because the first causes the others."""

    document: Document = field(factory=Document)
    count: int = 0

    def refuse(self, mark: Position, path: KeyPath, message: str) -> None:
        problem = Problem(mark, path, message)
        if problem not in self.document.problems:
            self.document.problems.append(problem)

    def build(self, node: Node, path: KeyPath) -> Any:
        try:
            return self._value(node, path)
        except _TooMuchError as error:
            self.refuse(error.mark, (), str(error))
            return None

    def _bounded(self, node: Node, depth: int) -> None:
        self.count += 1
        if self.count > MOST_VALUES:
            # Ten lines of aliases can expand to billions of values.
            message = f"more than {MOST_VALUES:,} values, counting what aliases (*name) stand for"
            raise _TooMuchError(node, message)
        if depth > DEEPEST:
            message = f"nested deeper than {DEEPEST} levels through aliases (*name)"
            raise _TooMuchError(node, message)

    def _value(self, node: Node, path: KeyPath) -> Any:
        self._bounded(node, len(path))
        mark = self.document.values[path] = position_of(node.start_mark)
        kind = _kind(node)
        if isinstance(node, ScalarNode):
            self.document.sources[path] = node.value
            return self._scalar(node.value, kind, mark, path)
        if isinstance(node, SequenceNode) and kind == "seq":
            return [self._value(item, (*path, i)) for i, item in enumerate(node.value)]
        if isinstance(node, MappingNode) and kind == "map":
            return self._mapping(node, path)
        return self._foreign(kind, mark, path)

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        result = {}
        for pair in self._pairs(node, path, len(path)):
            inner = (*path, pair.key)
            self.document.keys[inner] = pair.mark
            result[pair.key] = self._value(pair.value, inner)
        return result

    def _pairs(self, node: MappingNode, path: KeyPath, depth: int) -> list[_Pair]:
        """The pairs, including those that `<<` merges in; a mapping's own keys win."""
        self._bounded(node, depth)
        own: dict[str, _Pair] = {}
        merged: dict[str, _Pair] = {}
        for key_node, value in node.value:
            if _kind(key_node) == "merge":
                merged.update(self._merged(value, path, depth + 1))
                continue
            mark = position_of(key_node.start_mark)
            key = self._key(key_node, mark, path)
            if key in own:
                first = own[key].mark.line
                message = f"this key is there twice, first on line {first}; keep one"
                self.refuse(mark, (*path, key), message)
            elif key is not None:
                own[key] = _Pair(key, mark, value)
        return list({**merged, **own}.values())

    def _merged(self, node: Node, path: KeyPath, depth: int) -> Iterator[tuple[str, _Pair]]:
        """The merged pairs. In `<<: [*one, *two]` the earlier mapping wins."""
        for each in reversed(node.value) if isinstance(node, SequenceNode) else [node]:
            if isinstance(each, MappingNode):
                yield from ((pair.key, pair) for pair in self._pairs(each, path, depth))
            else:
                mark = position_of(node.start_mark)
                self.refuse(mark, path, "`<<` takes a mapping, as in `<<: *name`")

    def _key(self, node: Node, mark: Position, path: KeyPath) -> Union[str, None]:
        if not isinstance(node, ScalarNode):
            self.refuse(mark, path, "a key must be a plain word, not a list or mapping")
            return None
        self._bounded(node, 0)
        if _kind(node) not in _TEXTS:
            message = f"a key must be a text; quote it: {quoted(node.value)}"
            self.refuse(mark, (*path, node.value), message)
            return str(node.value)
        return self._text(node.value, mark, (*path, node.value))

    def _scalar(self, text: str, kind: str, mark: Position, path: KeyPath) -> Any:
        if kind in _TEXTS:
            return self._text(text, mark, path)
        if kind == "null":
            if path:
                self.refuse(mark, path, "has no value; give one, or leave it out")
            return None
        if kind == "int" and _INT.fullmatch(text):
            return int(text)
        if kind == "float" and _FLOAT.fullmatch(text):
            return float(text)
        if kind in ("int", "float", "bool"):
            self.refuse(mark, path, _trap(text, kind))
            return text
        return self._foreign(kind, mark, path)

    def _text(self, text: str, mark: Position, path: KeyPath) -> str:
        if len(text) > LONGEST_TEXT:
            self.refuse(mark, path, f"a text of more than {LONGEST_TEXT:,} characters")
            return text[:LONGEST_TEXT]
        found = _UNSAYABLE.search(text)
        if not found:
            return text
        self.refuse(mark, path, f"control character U+{ord(found.group()):04X} in a text")
        return _UNSAYABLE.sub("", text)

    def _foreign(self, kind: str, mark: Position, path: KeyPath) -> str:
        tag = kind if kind.startswith("!") else f"!!{kind}"
        self.refuse(
            mark, path, f"{quoted(tag)} is a tag to YAML, and none is accepted; quote a text"
        )
        return ""


def _kind(node: Node) -> str:
    return node.tag[len(_TAG) :] if node.tag.startswith(_TAG) else node.tag


def _trap(text: str, kind: str) -> str:
    if kind == "bool":
        return f"YAML reads {quoted(text)} as true or false; quote it"
    if ":" in text:
        return f"YAML reads {quoted(text)} as a number in base 60; quote it, or write it in seconds"
    if kind == "int" and re.fullmatch(r"[-+]?0[0-7_]+", text):
        return f"YAML reads {quoted(text)} as an octal number; quote it, or drop the leading zero"
    return f"expected a plain decimal number, not {quoted(text)}; quote it if it is a text"
