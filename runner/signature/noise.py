"""What a program's standard error holds beside what happened: colours, log lines, warnings."""

from __future__ import annotations

import re

from attrs import frozen

MOST = 256 * 1024
"""Characters of the tail that are looked at: what happened stands at the end."""


@frozen
class Noise:
    """A kind of line that says nothing about why the program ended."""

    name: str
    line: re.Pattern[str]
    example: str


NOISE = (
    Noise(
        "glog, to 2.20",
        re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] \S+:\d+\]"),
        "2024-01-01 10:00:00.123456: I tensorflow/core/util/port.cc:153] oneDNN …",
    ),
    Noise(
        "absl's log",
        re.compile(r"[IWE]\d{4} \d\d:\d\d:\d+\.\d+\s+\d+ \S+:\d+\]"),
        "I0000 00:00:1795363207.665472   16474 port.cc:153] oneDNN …",
    ),
    Noise(
        "second line of the CPU's features",
        re.compile(r"To enable (?:them|the following instructions).* rebuild TensorFlow"),
        "To enable them in other operations, rebuild TensorFlow with the appropriate …",
    ),
    Noise(
        "Python's logging",
        re.compile(r"(?:DEBUG|INFO|WARNING):\S*:"),
        "WARNING:tensorflow:From x.py:3: The name tf.Session is deprecated.",
    ),
    Noise(
        "absl before its start",
        re.compile(r"WARNING: All log messages before absl::InitializeLog"),
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    ),
)

_ANY_NOISE = re.compile("|".join(f"(?:{noise.line.pattern})" for noise in NOISE))
_WARNING = re.compile(r"[^\s:]+:\d+: \w*Warning: ")
"""`/usr/lib/python3/x.py:526: FutureWarning: …`; the line below it, indented, is its source."""
_WHERE = re.compile(r"\s+\[\[(?:\{\{|[A-Za-z_])")
"""`\t [[{{node GatherV2}}]]`: where a logged status came from."""
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Line separators, marks of direction and lone surrogates too: nothing may break or turn a line.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_BLANK = re.compile(r"\n{3,}")


def clean(stderr: str) -> str:
    """The tail of a text; its only control characters are `\\n`, at most two in turn, and `\\t`."""
    text = stderr[-MOST:].replace("\r\n", "\n").replace("\r", "\n")
    return _BLANK.sub("\n\n", _CONTROL.sub("", _COLOUR.sub("", text)))


def without_noise(text: str) -> list[str]:
    """The lines of a clean text that no log wrote."""
    kept: list[str] = []
    below_warning = False
    for line in text.split("\n"):
        warning = bool(_WARNING.match(line))
        source = below_warning and line.startswith("  ")
        if not (warning or source or _ANY_NOISE.match(line)):
            kept.append(line)
        below_warning = warning
    return kept


def last_meaningful_line(text: str) -> str:
    """The last line of a clean text that says what happened; empty where there is none."""
    lines = [line for line in without_noise(text) if line.strip()]
    telling = [line for line in lines if not _WHERE.match(line)]
    return (telling or lines or [""])[-1].strip()
