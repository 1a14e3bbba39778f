"""Sizes and ages in the form in which people write and read them."""

from __future__ import annotations

import re
from datetime import timedelta

from runner.errors import UsageError

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse_age(text: str) -> timedelta:
    """`12h`, `30d`, `8w`. Raises `UsageError`."""
    match = re.fullmatch(r"(\d{1,6})([hdw])", text)
    if match is None:
        raise UsageError(f"{text!r} is not an age; write 12h, 30d or 8w")
    return int(match[1]) * _UNITS[match[2]]


def time_ago(seconds: float) -> str:
    """The time since then, in a readable unit: `5 min`, `7 h`, `12 d`."""
    minutes = max(seconds, 0) / 60
    if minutes < 60:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} d"


_SIZES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def parse_size(text: str) -> int:
    """`500MB`, `20GB`, `20g` → bytes. Raises `UsageError`."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s?([KMGT]?)B?", text.upper())
    if match is None:
        raise UsageError(f"{text!r} is not a size; write 500MB or 20GB")
    return int(float(match[1]) * _SIZES[match[2]])


_SECONDS = {"": 1.0, "S": 1.0, "M": 60.0, "H": 3600.0}


def parse_seconds(text: str) -> float:
    """`90`, `90s`, `5m`, `1.5h` → seconds. Raises `UsageError`."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s?([SMH]?)", text.upper())
    if match is None:
        raise UsageError(f"{text!r} is not a time; write 90, 90s or 5m")
    return float(match[1]) * _SECONDS[match[2]]


def parse_mebibytes(text: str) -> int:
    """`4096`, `500MB`, `4GB` → MiB. A number without a unit is MiB. Raises `UsageError`."""
    return int(text) if re.fullmatch(r"\d{1,9}", text) else parse_size(text) >> 20


def size_text(size: float) -> str:
    """Bytes in a readable unit: `1.4 GB`."""
    for unit in ("B", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def count(number: int, noun: str, several: str = "") -> str:
    """`1 case`, `2 cases`; `several` if the plural is not formed with an s: `5 series`."""
    return f"{number} {noun if number == 1 else several or noun + 's'}"
