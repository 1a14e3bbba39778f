"""An exception as Python prints it: one line with its kind, then a message of many lines."""

from __future__ import annotations

import re
from typing import Optional

from attrs import frozen


@frozen
class Raised:
    """An exception as Python printed it."""

    kind: str
    """The class's name, without its module."""
    message: str
    """As printed; it may have several lines."""
    source: str = ""
    """The source line of the innermost frame, if Python showed one."""
    files: tuple[str, ...] = ()
    """The file of each frame as Python printed it; the innermost is last."""
    sources: tuple[str, ...] = ()
    """The source line of each frame; "" if Python showed none."""
    line: str = ""
    """The number of the line in the innermost frame's file."""
    survived: bool = False
    """Whether the program continued: the exception was logged, or
    its traceback starts in a function."""
    aside: bool = False
    """Whether it was raised where it does not end the program: in
    a thread, a child process, at exit."""
    contexts: tuple[Raised, ...] = ()
    """The exceptions that were being handled when it was raised; the latest is first."""


HEADLINE = re.compile(
    r"(?P<module>(?:\w+\.|<locals>\.)*)(?P<kind>[^\W\d]\w*)"
    r"(?: \(see above for traceback\))?(?:: ?(?P<message>.*))?$"
)
"""`package.module.Kind: message`. TensorFlow 1 puts a remark between."""


def headline(line: str) -> Optional[Raised]:
    """The exception in a line `Kind: message`; None for any other line."""
    match = HEADLINE.match(line)
    return Raised(match["kind"], match["message"] or "") if match else None
