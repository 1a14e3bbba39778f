"""The local engine's part, in a PID namespace of its own: there "every process" can be meant.

    unshare --pid --fork --kill-child --mount-proc python -m tests.torture.local FOLDER HARM

prints an `Evidence`. Nothing but this process may be left in the namespace.
"""

from __future__ import annotations

import os
import sys
import venv
from pathlib import Path

from runner.engines.base import Progress
from runner.engines.local import engine
from runner.engines.local import venv as local_venv
from runner.engines.local.engine import LocalEngine
from runner.model import Environment
from tests.engines import plain
from tests.torture import bench
from tests.torture.harms import HARMS

WATCHED = ("/tmp", "/dev/shm", "/var/tmp")


class BareEngine(LocalEngine):
    """The local engine, with environments whose TensorFlow is one line."""

    def _make(self, environment: Environment, folder: Path, progress: Progress) -> None:
        venv.create(folder, symlinks=True)
        packages = local_venv.packages(folder)
        (packages / "tensorflow").mkdir()
        (packages / "tensorflow" / "__init__.py").write_text("WORD = 'whole'\n", "utf-8")
        engine._mark(folder, {})


def processes() -> list[str]:
    """What runs in this namespace besides this process."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        if int(path.name) != os.getpid():
            command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            if command or "Z" not in (path / "stat").read_text().rsplit(")", 1)[1][:3]:
                found.append(f"process {path.name}: {command}")
    return found


def files() -> set[str]:
    """What is there of the scripts'; the tool's own temporary folder goes when it ends."""
    return {str(path) for folder in WATCHED for path in Path(folder).glob("torture-*")}


def main(folder: Path, name: str) -> None:
    (harm,) = (harm for harm in HARMS if harm.name == name)
    site = bench.Site(folder=folder)
    environments = {
        version: plain.environment(version) for version in (bench.HOME, bench.NEIGHBOUR)
    }
    before = files()
    hostile = bench.repro(site, harm.args)
    found = bench.carry_out(BareEngine(folder / "environments"), environments, site, hostile)
    found.left.extend(processes())
    found.left.extend(sorted(files() - before))
    print(found.dumps())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
