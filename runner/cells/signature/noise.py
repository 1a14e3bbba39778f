"""Removes everything from standard error that is not the failure: colours, log lines, warnings."""

from __future__ import annotations

import re

from attrs import frozen

MOST = 256 * 1024
"""At most this many characters of the end are read, because the failure stands at the end."""


@frozen
class Noise:
    """A kind of line that does not explain why the program ended."""

    name: str
    line: re.Pattern[str]
    example: str


CPU_FEATURES = re.compile(r"To enable (?:them|the following instructions).* rebuild TensorFlow")
"""The second line of what TensorFlow says about the processor."""
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
        CPU_FEATURES,
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
_TWO_LINES = (
    # /usr/lib/python3/x.py:526: FutureWarning: … and its source, indented.
    (re.compile(r"[^\s:]+:\d+: \w*Warning: "), re.compile(r"  ")),
    # TensorFlow's deprecations.
    (re.compile(r"Instructions for updating:\s*$"), re.compile(r"\S")),
)
"""Warnings of two lines: the pattern of the first line, and of the second."""
_TOLD = re.compile("|".join(f"(?:{p.pattern})" for p in (_ANY_NOISE, *(p for p, _ in _TWO_LINES))))
"""The start of every removed line, except the second of two. It has no indent."""
_WHERE = re.compile(r"\s+\[\[(?:\{\{|[A-Za-z_])")
"""`\t [[{{node GatherV2}}]]`: where a logged status came from."""
_NEVER = re.compile(r"(?!)")
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Also line separators, direction marks and lone surrogates: nothing may break or reverse a line.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_BLANK = re.compile(r"\n{3,}")


def clean(stderr: str) -> str:
    """The end of a text. Its control characters are `\\n`, at most two in turn, and `\\t`."""
    text = stderr[-MOST:].replace("\r\n", "\n").replace("\r", "\n")
    if not text.replace("\n", "").replace("\t", "").isprintable():  # true for most texts, and fast
        text = _CONTROL.sub("", _COLOUR.sub("", text))
    return _BLANK.sub("\n\n", text) if "\n\n\n" in text else text


def without_noise(text: str) -> list[str]:
    """The lines of a clean text that are not log lines or warnings."""
    kept: list[str] = []
    second = _NEVER
    for line in text.split("\n"):
        if second is _NEVER and (line[:1].isspace() or not _TOLD.match(line)):
            kept.append(line)
            continue
        following = next((below for first, below in _TWO_LINES if first.match(line)), _NEVER)
        if following is _NEVER and not second.match(line) and not _ANY_NOISE.match(line):
            kept.append(line)
        second = following
    return kept


def last_meaningful_line(text: str) -> str:
    """The last line of a clean text that states what happened; "" if there is none."""
    lines = [line for line in without_noise(text) if line.strip()]
    telling = [line for line in lines if not _WHERE.match(line)]
    return (telling or lines or [""])[-1].strip()


_OBSERVED = "::observe "
_FAILED_CHECK = re.compile(
    r"(?i:\b(?:fail(?:s|ed|ure)?|mismatch|wrong)\b)|\b(?:ERROR|BUG|NOT OK)\b|[✗✘❌]"
)
_NO_FAILURE = re.compile(
    r"(?i)\b(?:0|no|without|zero) (?:fail|error|mismatch)\w*|\bfail(?:ed|ures)?\W+0\b"
)
_MOST_CHECKS = 20
_MOST_LINES = 200
"""At most this many lines at the end of an output are read."""


def failed_checks(output: str) -> str:
    """The lines of a clean output that report a failure; if there are none, its last line."""
    end = "\n".join(output.rsplit("\n", _MOST_LINES)[-_MOST_LINES:])
    lines = [line.strip() for line in without_noise(end)]
    said = [line for line in lines if line and not line.startswith(_OBSERVED)]
    failed = [line for line in said if _FAILED_CHECK.search(line) and not _NO_FAILURE.search(line)]
    return "; ".join(dict.fromkeys(failed[-_MOST_CHECKS:])) or (said or [""])[-1]
