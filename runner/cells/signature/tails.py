"""Removes the end of a message that only states the place or the inputs of a failure."""

from __future__ import annotations

import re

from attrs import frozen


@frozen
class TailStart:
    """A line that starts such an end."""

    name: str
    line: re.Pattern[str]


def without_tail(message: str) -> str:
    """The first paragraph without a tail; with the next paragraph if the first announces it."""
    kept: list[str] = []
    over = False
    for line in message.split("\n"):
        if any(tail.line.match(line) for tail in TAILS):
            break
        if not line.strip():
            over = bool(kept) and not kept[-1].rstrip().endswith(":")
        elif not over or _DETAIL.match(line):
            kept.append(line)
            over = over or _DETAIL.match(line) is not None
        else:
            break
    return "\n".join(kept)


_DETAIL = re.compile(r"(?:x and y )?[+-]?\w+ location mismatch:$|\(shapes .* mismatch\)$")
"""The second paragraph of numpy.testing's messages states the difference; arrays follow."""

TAILS = (
    TailStart("node", re.compile(r"\s*\[\[(?!True|False|nan|inf)(?:\{\{|[A-Za-z_])")),
    TailStart("where it was defined, 1.x", re.compile(r"Caused by op ")),
    TailStart("where it was defined", re.compile(r"Original stack trace for ")),
    TailStart("inputs", re.compile(r"Errors may have originated from an input operation")),
    TailStart("inputs, from 2.5", re.compile(r"Input Source operations connected to node")),
    TailStart("tf.function", re.compile(r"Function call stack:")),
    TailStart("Keras", re.compile(r"\s*(?:Call a|A)rguments received by ")),
    TailStart("root errors", re.compile(r"\d+ (?:successful operations|derived errors ignored)")),
    TailStart("memory", re.compile(r"Hint: If you want to see a list of allocated tensors")),
    TailStart(
        "kernels", re.compile(r"\s*(?:Registered (?:devices|kernels)|Colocation Debug Info)")
    ),
    TailStart("import", re.compile(r"Failed to load the native TensorFlow runtime")),
    TailStart(
        "numpy's differences",
        re.compile(r"Mismatch(?:ed elements)?: |\(mismatch \d|Max absolute diff"),
    ),
    TailStart("numpy's arrays", re.compile(r" (?:x|y|ACTUAL|DESIRED): ")),
    TailStart("remote", re.compile(r"Additional GRPC error information")),
)
