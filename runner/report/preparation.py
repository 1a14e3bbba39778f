"""Lists what was done to the packages: which pins were set aside, which versions were taken."""

from __future__ import annotations

from runner.model import Run
from runner.report.text import listed

_MOST = 8
"""At most this many releases are named."""


def preparation_lines(run: Run) -> list[str]:
    """One line for each note; notes that apply to all releases come first."""
    said = dict.fromkeys(note for repro in run.repros for note in repro.notes)
    names = _columns(run)
    where: dict[str, dict[str, None]] = {}
    for environment in run.environments:
        for note in environment.notes:
            where.setdefault(note, {})[names[environment.id]] = None
    what = "" if run.info.along else "TensorFlow "
    everywhere = set(names.values())
    return [*said, *(_placed(note, list(on), everywhere, what) for note, on in where.items())]


def _columns(run: Run) -> dict[str, str]:
    """Environment → its column: the release, or `keras 3.9.2` if a package's releases are the
    columns."""
    along = run.info.along
    if not along:
        return {each.id: each.tensorflow for each in run.environments}
    names = {each.id: each.id for each in run.environments}
    for result in run.results:
        for part in result.variant.split(","):
            name, _, value = part.partition("=")
            if name == along:
                names[result.environment] = f"{along} {value}"
    return names


def _placed(note: str, columns: list[str], everywhere: set[str], what: str) -> str:
    if len(columns) > 1 and set(columns) == everywhere:
        return note
    return f"{what}{listed(columns, _MOST)}: {note}"
