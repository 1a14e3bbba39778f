"""The tool, killed at random moments of a real run and started again, until it was killed often
enough: `python -m tests.torture.machines.killing FOLDER ENGINE KILLS SEED` prints a `Toll`.

Runs in a PID namespace of its own, where "every process" can be meant.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
from attrs import asdict, field, mutable

from runner.machine import process_id
from runner.model import Run
from runner.runs import journal
from tests.torture.machines.world import CASES, VERSIONS, World, nonces, verdicts, world


@mutable(kw_only=True)
class Toll:
    """What the kills did. All but the first four must be empty."""

    kills: int = 0
    finished: int = 0
    """Runs that were let to their end, each with all cells."""
    recorded: int = 0
    """Cells that killed runs had in their journals: each must be in the next run's unchanged."""
    orphans: int = 0
    """Processes, containers and folders that killed runs left, before the next start."""
    unreadable: list[str] = field(factory=list)
    torn: list[str] = field(factory=list)
    """Lines that reading a journal left out; a kill may tear the last one."""
    lost: list[str] = field(factory=list)
    doubled: list[str] = field(factory=list)
    wrong: list[str] = field(factory=list)
    left: list[str] = field(factory=list)
    """Processes, folders and half-made environments that a finished run has not removed."""


class Killer:
    def __init__(self, place: World, seed: int) -> None:
        self.world, self.random, self.toll = place, random.Random(seed), Toll()
        self.seconds = 0.0
        self.known: dict[str, object] = {}
        self.earlier: set[Path] = set()
        """Runs of other scripts: what they measured is no answer."""

    def rampage(self, kills: int) -> None:
        self.seconds = self._calm_run()
        while self.toll.kills < kills:
            self._campaign(kills)

    def _campaign(self, kills: int) -> None:
        """New measurements to make, in new environments half of the time; killed until done."""
        self.world.edit(str(self.random.random()))
        self.known, self.earlier = {}, set(self.world.runs())
        if self.random.random() < 0.5:
            self._forget_environments()
        while self.toll.kills < kills and self._killed():
            self._look(finished=False)
        self._calm_run()

    def _killed(self) -> bool:
        """Whether the run was still going on at the moment drawn."""
        process = self.world.start(*self.world.command())
        try:
            process.communicate(timeout=self.random.uniform(0.0, self.seconds))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            self.toll.kills += 1
            return True
        return False

    def _calm_run(self) -> float:
        started = time.monotonic()
        said = self.world.run()
        seconds = time.monotonic() - started
        self.toll.finished += 1
        if said.code != 0:
            self.toll.wrong.append(f"exit code {said.code}: {said.out[-300:]} {said.err[-600:]}")
        self._look(finished=True)
        return seconds

    # -- looking at what is left ----------------------------------------------------------------

    def _look(self, *, finished: bool) -> None:
        for folder in self.world.runs()[-1:]:
            if folder in self.earlier:
                continue
            self._look_at_journal(folder, finished=finished)
        left = [*processes(), *leftovers(self.world)]
        if self.world.engine == "docker" and not (finished and self._all_known()):
            left += containers()  # a run that starts no container does not look for any
        if finished:
            self.toll.left += left
        else:
            self.toll.orphans += len(left)

    def _all_known(self) -> bool:
        return all(result.cached for result in self.world.latest().results)

    def _look_at_journal(self, folder: Path, *, finished: bool) -> None:
        warnings: list[str] = []
        try:
            run = journal.read_run(folder, warn=warnings.append)
        except Exception as error:
            self.toll.unreadable.append(f"{folder.name}: {error!r}")
            return
        lines = (folder / journal.CELLS).read_bytes().count(b"\n")
        self.toll.torn += warnings
        self.toll.doubled += [folder.name] if lines != len(run.results) + len(warnings) else []
        self._compare(run, finished=finished)

    def _compare(self, run: Run, *, finished: bool) -> None:
        now = nonces(run)
        for cell in self.known.keys() & now.keys():
            if self.known[cell] != now[cell]:
                self.toll.doubled.append(f"{cell}: measured again in {run.info.id}")
        if finished:
            self.toll.lost += sorted(self.known.keys() - now.keys())
            self.toll.lost += sorted(every_cell() - now.keys())
        else:
            self.toll.recorded += len(now.keys() - self.known.keys())
        self.toll.wrong += [f"{c}: {v}" for c, v in verdicts(run).items() if v != "pass"]
        self.known.update(now)

    def _forget_environments(self) -> None:
        if self.world.engine == "docker":
            remove_images(self.world)
        for folder in (self.world.folder / "cache/environments").glob("*-cpu-*"):
            if folder.is_dir():
                subprocess.run(["rm", "-rf", str(folder)], check=True)


def every_cell() -> set[str]:
    return {f"{version} {case}" for version in VERSIONS for case in CASES}


def processes() -> list[str]:
    """What runs in this namespace besides this process and its parents."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        if int(path.name) in (1, os.getpid(), os.getppid()):
            continue
        with suppress(OSError):
            command = (
                (path / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            )
            if command:  # a zombie has none
                found.append(f"process {path.name}: {command[:200]}")
    return found


def leftovers(place: World) -> list[str]:
    """Temporary folders, and environments that are not whole."""
    found = [f"temporary: {path}" for path in (place.folder / "tmp").iterdir()]
    for folder in (place.folder / "cache/environments").glob("*-cpu-*"):
        if folder.is_dir() and not (folder / "tfmatrix.json").exists():
            found.append(f"half-made: {folder.name}")
    return found


def containers() -> list[str]:
    """Those that a process of this namespace made."""
    where = process_id.process_label().split(" ", 2)[2]
    api = docker.from_env().api
    found = api.containers(all=True, filters={"label": "tfmatrix.owner"})
    return [
        f"container {each['Id'][:12]}"
        for each in found
        if each["Labels"]["tfmatrix.owner"].endswith(f" {where}")
    ]


def remove_images(place: World) -> None:
    """Those of the made-up releases; BuildKit makes them again in a moment."""
    for image in {
        str(each.image) for run in place.runs() for each in journal.read_run(run).environments
    }:
        with suppress(docker.errors.ImageNotFound):
            docker.from_env().images.remove(image)


def main(folder: str, engine: str, kills: str, seed: str) -> Mapping[str, Any]:
    python = "3.10" if engine == "docker" else None
    with world(Path(folder), engine=engine, python=python) as place:
        killer = Killer(place, int(seed))
        try:
            killer.rampage(int(kills))
        finally:
            if engine == "docker":
                remove_images(place)
        return asdict(killer.toll)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
