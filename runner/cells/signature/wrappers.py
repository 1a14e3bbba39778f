"""Removes the text that TensorFlow, Keras and AutoGraph wrap around a cause.

One release shows a cause without wrappers, the next one with three. So all wrappers are removed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Callable, Optional

from attrs import evolve, frozen

from runner.cells.signature.raised import Raised, headline
from runner.cells.signature.tails import without_tail
from runner.cells.signature.tracebacks import last_raised

_DEEPEST = 20
"""At most this many wrappers are removed; no real message has more."""

Unwrap = Callable[[Raised, "re.Match[str]"], Optional[Raised]]


@frozen
class Wrapper:
    """The text at the start of a message that wraps its cause."""

    name: str
    start: re.Pattern[str]
    example: str
    unwrap: Unwrap = lambda raised, match: evolve(raised, message=raised.message[match.end() :])


@lru_cache(maxsize=32)
def unwrapped(raised: Raised) -> Raised:
    """The cause: the exception without its wrappers and without a tail."""
    for _ in range(_DEEPEST):
        inner = _without_one(raised)
        if inner is None:
            break
        raised = inner
    return evolve(raised, message=without_tail(raised.message))


def _without_one(raised: Raised) -> Optional[Raised]:
    raised = evolve(raised, message=raised.message.lstrip())
    for wrapper in WRAPPERS:
        match = wrapper.start.match(raised.message)
        inner = wrapper.unwrap(raised, match) if match else None
        if inner is not None:
            return inner
    return None


def _embedded(raised: Raised, _match: re.Match[str]) -> Optional[Raised]:
    return last_raised(raised.message)


_FRAME = re.compile(
    r'    (?:relative to .*:$|File "[^"]*", line \d+, in '
    r"|(?:(?!: ).){1,1000}:\d+ [\w<>.]+ *\**$)"
)
"""Up to 2.5 the path has no quotes and may contain spaces, or `<__array_function__ internals>`."""


def _shown_as_text(raised: Raised, match: re.Match[str]) -> Optional[Raised]:
    """The message that KeyError shows as a Python literal, with escaped line breaks and quotes."""
    text = raised.message[match.end() :].replace("\\n", "\n").replace("\\'", "'")
    return evolve(raised, message=match["opening"] + text.rstrip().rstrip("'\"").rstrip())


def _in_user_code(raised: Raised, match: re.Match[str]) -> Optional[Raised]:
    """The cause below AutoGraph's frames, which are indented by four, their source by eight."""
    lines = raised.message[match.end() :].split("\n")
    for number, line in enumerate(lines):
        if line.startswith("    ") and line[4:5].strip() and not _FRAME.match(line):
            inner = headline(line[4:])
            if inner is None:
                return None
            below = [text[4:] if text.startswith("    ") else text for text in lines[number + 1 :]]
            return evolve(inner, message="\n".join([inner.message, *below]), aside=raised.aside)
    return None


_ROOT = re.compile(r"\s*\((\d+)\) (?P<message>.*)$")
_DERIVED = re.compile(r"(?:CANCELLED|Cancelled|ABORTED|Aborted)\b")


def _root_error(raised: Raised, match: re.Match[str]) -> Optional[Raised]:
    """The first of the numbered errors that does not only refer to the others."""
    lines = raised.message[match.end() :].split("\n")
    roots = [(n, found) for n, line in enumerate(lines) if (found := _ROOT.match(line))]
    if not roots:
        return None
    number, root = next((r for r in roots if not _DERIVED.match(r[1]["message"])), roots[0])
    return evolve(raised, message="\n".join([root["message"], *lines[number + 1 :]]))


def _after_frames(raised: Raised, match: re.Match[str]) -> Optional[Raised]:
    """The text after the indented frames."""
    lines = raised.message[match.end() :].split("\n")
    for number, line in enumerate(lines):
        if line.strip() and not line[0].isspace() and line != "<stack traces unavailable>":
            return evolve(raised, message="\n".join(lines[number:]))
    return None


def _after_node(raised: Raised, match: re.Match[str]) -> Optional[Raised]:
    """The text after the paragraph about the node; it is printed as Python prints an exception."""
    _, _, rest = raised.message[match.end() :].partition("\nError detected in node ")
    first, _, below = rest.partition("\n\n")[2].lstrip().partition("\n")
    inner = headline(first)
    return inner and evolve(inner, message=f"{inner.message}\n{below}", aside=raised.aside)


def _after_config(raised: Raised, match: re.Match[str]) -> Optional[Raised]:
    """The text after the config from which an object should have been made."""
    _, found, below = raised.message[match.end() :].partition("Exception encountered: ")
    return evolve(raised, message=below) if found else None


def _status(raised: Raised, match: re.Match[str]) -> Optional[Raised]:
    """The message without its status, if the status equals the exception's kind."""
    kind = match["status"].replace("_", " ").title().replace(" ", "") + "Error"
    return evolve(raised, message=raised.message[match.end() :]) if kind == raised.kind else None


_STATUS = (
    "Aborted|Already exists|Cancelled|Data loss|Deadline exceeded|Failed precondition|Internal"
    "|Invalid argument|Not found|Out of range|Permission denied|Resource exhausted"
    "|Unauthenticated|Unavailable|Unimplemented|Unknown"
)

WRAPPERS = (
    Wrapper(
        "a traceback in the message",
        re.compile(r"Traceback \(most recent call last\):[ \t]*\n"),
        "Traceback (most recent call last):\\n  File …\\nImportError: libcublas.so.9.0: …",
        _embedded,
    ),
    Wrapper(
        "AutoGraph, in a KeyError",
        re.compile(r"[\"'](?P<opening>in (?:user|converted|transformed) code:)(?=\\n|\n)"),
        "'in converted code:\\n\\n    x.py:5 f  *\\n        g(x)\\n\\n    KeyError: …",
        _shown_as_text,
    ),
    Wrapper(
        "AutoGraph",
        re.compile(r"in (?:user|converted|transformed) code:[ \t]*\n"),
        'in user code:\\n\\n    File "x.py", line 5, in f  *\\n        g(x)\\n\\n    ValueError: x',
        _in_user_code,
    ),
    Wrapper(
        "graph execution, from 2.8",
        re.compile(r"Graph execution error:[ \t]*\n"),
        "Graph execution error:\\n\\nDetected at node …",
    ),
    Wrapper(
        "stack of the node, from 2.8",
        re.compile(r"Detected at node [^\n]* \(most recent call last\):[ \t]*\n"),
        "Detected at node 'x' defined at (most recent call last):\\n    File …\\nNode: 'x'\\n…",
        _after_frames,
    ),
    Wrapper(
        "name of the node, from 2.8",
        re.compile(r"Node: '[^'\n]*'[ \t]*\n"),
        "Node: 'model/dense/MatMul'\\n…",
    ),
    Wrapper(
        "tensor out of scope, 2.7",
        re.compile(r"Originated from a graph execution error\."),
        "Originated from a graph execution error. … Error detected in node …\\n\\nTypeError: …",
        _after_node,
    ),
    Wrapper(
        "root errors, from 1.14",
        re.compile(r"\d+ root error\(s\) found\.[ \t]*\n"),
        "2 root error(s) found.\\n  (0) Invalid argument: …\\n  (1) …",
        _root_error,
    ),
    Wrapper(
        "status, in a root error",
        re.compile(rf"(?P<status>{_STATUS}|{_STATUS.upper().replace(' ', '_')}): +"),
        "INVALID_ARGUMENT: …",
        _status,
    ),
    Wrapper(
        "name of the function, from 1.15",
        re.compile(r"\{\{function_node [^}\n]*\}\}\s*"),
        "{{function_node __wrapped__MatMul_device_/job:localhost/…}} …",
    ),
    Wrapper(
        "tf.data, after 2.16",
        re.compile(
            r"Error in user-defined function passed to \S+ transformation with iterator: \S+: "
        ),
        "Error in user-defined function passed to MapDataset:1 transformation with iterator: "
        "Iterator::Root::Map: …",
    ),
    Wrapper(
        "Keras 3's objects from their configs",
        re.compile(
            r"Error when deserializing class |[^\n]{1,300}? could not be deserialized properly\."
        ),
        "Error when deserializing class 'Dense' using config={…}.\\n\\nException encountered: …",
        _after_config,
    ),
    Wrapper(
        "Keras 3's weights",
        re.compile(
            r"A total of \d+ objects could not be loaded\. Example error message for [^\n]*:\n"
        ),
        "A total of 2 objects could not be loaded. Example error message for object <Dense …>:\\n…",
    ),
    Wrapper(
        "Keras, from 2.7",
        re.compile(r"Exception encountered when calling [^\n]*\n"),
        'Exception encountered when calling layer "x" (type Y).\\n\\n…',
    ),
    Wrapper(
        "Keras 3's guess at a shape",
        re.compile(r"Could not automatically infer the output shape[^\n]* Error encountered:\s*\n"),
        "Could not automatically infer the output shape / dtype of 'x' … Error encountered:\\n\\n…",
    ),
)
