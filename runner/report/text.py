"""Makes text from outside (names, messages, logs) safe to show: one line, printable, bounded."""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Optional

from runner.model import NO_TENSORFLOW, Json, Result

ELLIPSIS = "…"
TAB = 4
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# Categories that are not text: controls, directions, lone surrogates, unassigned characters.
INVISIBLE = ("Cc", "Cf", "Cs", "Cn", "Co")
_ACTIVE = re.compile(
    r"[\x80-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""What a terminal may obey or not show, besides what JSON must escape."""


def clean(text: str) -> str:
    """The text as one line that a terminal, XML or a browser cannot read as anything but text."""
    if text.isprintable() and "  " not in text:
        return without_commands(text.strip())
    return without_commands(" ".join(ANSI.sub("", text).translate(_VISIBLE).split()))


def without_commands(line: str) -> str:
    """The line, with a space added in text that the log of a GitHub workflow would run as a
    command.

    GitHub's runner reads `::NAME …::` at the start of a line as a command, and `##[NAME]` anywhere.
    `::observe NAME=JSON` stays as it is: the runner does not know that name.
    """
    if "##[" in line:
        line = line.replace("##[", "# #[")
    start = len(line) - len(line.lstrip())
    if line.startswith("::", start) and not line.startswith("::observe ", start):
        return f"{line[:start]}: :{line[start + 2 :]}"
    return line


def safe_message(text: str) -> str:
    """Lines for a terminal or a workflow's log. They may contain names from outside."""
    return "\n".join(map(without_commands, visible(text).split("\n")))


def json_document(document: object, indent: Optional[int] = 2) -> str:
    """The document as JSON that does nothing where it is printed."""
    return inert_json(json.dumps(document, indent=indent, ensure_ascii=False))


def inert_json(document: str) -> str:
    """JSON that means the same, with escapes for what a terminal or GitHub's runner obeys."""
    if not document.isascii():
        document = _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", document)
    return document.replace("##[", "#\\u0023[").replace("\x7f", "\\u007f")


def visible(text: str) -> str:
    """The text without terminal codes and without characters that change its direction."""
    if text.isprintable():
        return text
    return "\n".join(line.translate(_VISIBLE) for line in ANSI.sub("", text).split("\n"))


class _Visible(dict[int, str]):
    """A cache: code point → the text to show for it."""

    def __missing__(self, point: int) -> str:
        character = chr(point)
        hidden = not character.isspace() and unicodedata.category(character) in INVISIBLE
        self[point] = shown = "" if hidden else " " if character.isspace() else character
        return shown


_VISIBLE = _Visible()


def shortened(text: str, most: int) -> str:
    """The cleaned text in at most `most` characters."""
    whole = clean(text[: most * 8])
    return whole if len(whole) <= most else whole[: most - 1].rstrip() + ELLIPSIS


def log_lines(log: str, most: int = 0, width: int = 400) -> list[str]:
    """The last `most` lines (0: all) of a log as a terminal would show them, each bounded."""
    kept = log.rstrip().rsplit("\n", most or -1)[-most:]
    whole = "".join(kept)
    if not whole.replace("\t", "").isprintable():
        shown = [_line(line)[:width] for line in kept]
    else:  # Nearly every log goes here.
        if "\t" in whole:
            kept = [line.expandtabs(TAB) for line in kept]
        shown = [without_commands(line.rstrip())[:width] for line in kept]
    while shown and not shown[0]:
        shown.pop(0)
    return shown


def _line(line: str) -> str:
    """A line as a terminal shows it: a progress bar overwrites itself, so the last version counts.
    Tabs become spaces."""
    if line.isprintable():
        return without_commands(line.rstrip())
    written = [part for part in line.split("\r") if part]
    plain = ANSI.sub("", written[-1] if written else "").expandtabs(TAB)
    return without_commands(plain.translate(_VISIBLE).rstrip())


def value_text(observed: Json, most: int = 60) -> str:
    """An observation on one line. Floats have six digits."""
    try:
        return shortened(json.dumps(_rounded(observed), ensure_ascii=False), most)
    except (RecursionError, ValueError):
        return "(cannot be shown)"


def _rounded(observed: Json) -> Json:
    if isinstance(observed, float):
        return float(f"{observed:.6g}")
    if isinstance(observed, list):
        return [_rounded(item) for item in observed]
    if isinstance(observed, dict):
        return {key: _rounded(item) for key, item in observed.items()}
    return observed


def finding_lines(finding: str) -> list[str]:
    """The lines of `bisect`'s finding: sentences wrapped, the table unchanged."""
    said, _, table = finding.partition("\n\n")
    wrapped = textwrap.wrap(clean(said), 100)
    return [*wrapped, "", *log_lines(table)] if table else wrapped


def listed(items: Sequence[str], most: int = 3, noun: str = "more") -> str:
    """`a`, `a and b`, `a, b and c`, `a, b, c and 5 more`."""
    shown = list(items[:most])
    if len(items) > most:
        shown.append(f"{len(items) - most} {noun}")
    if len(shown) < 2:
        return "".join(shown)
    return ", ".join(shown[:-1]) + f" and {shown[-1]}"


def tensorflow_words(version: str) -> str:
    """`TensorFlow 2.9.3`, or `no TensorFlow`."""
    return "no TensorFlow" if version == NO_TENSORFLOW else f"TensorFlow {version}"


def inferred_text(result: Result) -> str:
    """`inferred from 2.4.4-py3.8-cpu and 2.9.3-py3.8-cpu`; `inferred` if that is not known."""
    sources = result.inferred if isinstance(result.inferred, tuple) else ()
    return (
        f"inferred from {listed([clean(source) for source in sources])}" if sources else "inferred"
    )
