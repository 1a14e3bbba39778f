"""Reads the lines of a BuildKit build: its progress, why it failed, the remedy. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Optional

from runner.engines import remedies
from runner.engines.base import Phase


class Reader:
    """Turns the lines of a build into phases; counts the bytes that uv says it downloads."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._done = 0

    def read(self, line: str) -> Optional[Phase]:
        """The progress that this line tells, if any."""
        step = re.match(r"#\d+ \[[^\]]*\] (.*)", line) or _OF_PODMAN.match(line)
        if step is not None:
            return Phase(what="building", detail=_STEPS.sub("", step[1]).strip()[:60])
        text = re.sub(r"^#\d+ [\d.]+ +", "", line.rstrip())
        started = re.match(r"Downloading (\S+) \(([\d.]+)([KMG]?)i?B\)", text)
        if started is not None:
            self._sizes[started[1]] = int(float(started[2]) * _UNITS[started[3]])
            return self._downloading(started[1])
        ended = re.match(r"Downloaded (\S+)", text)
        if ended is not None:
            self._done += self._sizes.get(ended[1], 0)
            return self._downloading(ended[1])
        return next((Phase(what=w) for start, w in _PHASES.items() if text.startswith(start)), None)

    def _downloading(self, name: str) -> Phase:
        total = sum(self._sizes.values())
        return Phase(what="downloading", detail=name, bytes_done=self._done, bytes_total=total)


_OF_PODMAN = re.compile(r"(?:\[[\d/]+\] )?STEP [\d/]+: (.*)")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_PHASES = {"Resolved ": "downloading", "Prepared ": "installing", "Installed ": "compiling"}
_STEPS = re.compile(r"--mount=\S+ *|if \[ -s /run/secrets/settings \].*? fi && *")


def cause(log: Sequence[str]) -> str:
    """Why a build failed, in the words of the step that did, on one line."""
    errors = [match for line in log if (match := re.match(r"#(\d+) ERROR:? (.*)", line))]
    if not errors:
        said = [line.strip() for line in log if line.strip(" -")]
        if said and said[-1].startswith("Error: building at STEP"):
            return _cause_of_podman(said)
        return re.sub(r"^ERROR: ", "", said[-1])[:400] if said else "docker build said nothing"
    number, error = errors[-1].groups()
    printed = [m[1] for line in log if (m := re.match(rf"#{number} [\d.]+ +(.*\S)", line))]
    if not printed:
        return _COMMAND.sub("", str(error))[:400]
    return _from_the_first_error(printed)


def _cause_of_podman(said: Sequence[str]) -> str:
    """The last line repeats the whole command before the cause."""
    steps = [number for number, line in enumerate(said) if _OF_PODMAN.match(line)]
    printed = said[steps[-1] + 1 : -1] if steps else ()
    return _from_the_first_error(printed) if printed else said[-1].rpartition('": ')[2][:400]


def _from_the_first_error(printed: Sequence[str]) -> str:
    first = next((at for at, line in enumerate(printed) if _ERROR.search(line)), len(printed) - 1)
    return " ".join(printed[first : first + 5])[:400]


_COMMAND = re.compile(r"executor failed running \[.*\]: |process \".*\" did not complete[^:]*: ")
"""What BuildKit writes before the cause: the whole command, which can be longer than a message."""
_ERROR = re.compile(r"\berror\b|cannot|failed|no space", re.IGNORECASE)


def has_lost_layers(log: Sequence[str]) -> bool:
    """Whether the builder itself has failed, because its cache names layers that are gone."""
    told = (line for line in log if not re.match(r"#\d+ [\d.]+ ", line))
    return any(re.search(remedies.LOST_LAYER, line) for line in told)


def remedy(log: Sequence[str]) -> Optional[str]:
    """The remedy, if the failure is a usual one."""
    return remedies.remedy("\n".join(log))
