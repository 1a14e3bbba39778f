"""matrix.json: the whole run, for other programs."""

from __future__ import annotations

from runner import serial
from runner.report.context import Context


def render(context: Context) -> str:
    return serial.run_text(context.run)
