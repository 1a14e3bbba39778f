"""Lists what was done to the packages: which pins were set aside, which versions were taken."""

from __future__ import annotations

from runner.model import Run
from runner.report.text import listed, tensorflow_words

_MOST = 8
"""At most this many releases are named."""


def preparation_lines(run: Run) -> list[str]:
    """One line for each note; notes that apply to all releases come first."""
    said = dict.fromkeys(note for repro in run.repros for note in repro.notes)
    where: dict[str, dict[str, None]] = {}
    for environment in run.environments:
        for note in environment.notes:
            where.setdefault(note, {})[environment.tensorflow] = None
    everywhere = {environment.tensorflow for environment in run.environments}
    return [*said, *(_placed(note, list(on), everywhere) for note, on in where.items())]


def _placed(note: str, releases: list[str], everywhere: set[str]) -> str:
    if len(releases) > 1 and set(releases) == everywhere:
        return note
    return f"{tensorflow_words(listed(releases, _MOST))}: {note}"
