"""matrix.json: the whole run, for other programs."""

from __future__ import annotations

from collections.abc import Iterator

from runner import serial
from runner.report.context import Context
from runner.report.text import inert_json


def render(context: Context) -> Iterator[str]:
    return map(inert_json, serial.run_text(context.run))
