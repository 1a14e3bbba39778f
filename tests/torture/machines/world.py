"""A made-up world to fail in: a catalogue of tiny releases, an index that has them, a machine's
folders, and the real command line on top."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

import yaml
from attrs import field, frozen, mutable

from runner.environments import locks
from runner.matrix import plan
from runner.model import Device, Run
from runner.releases import catalogue
from runner.runs import journal
from tests.torture.machines.index import Index, digest, installed_uv, serving, tensorflow

ROOT = Path(__file__).parents[3]
VERSIONS = ("2.1.0", "2.2.0", "2.3.0", "2.4.0")
CASES = ("quick", "slow", "leaves")
SCRIPT = """
import json, os, subprocess, sys, time, uuid
import tensorflow as tf
print("::observe nonce=" + json.dumps(uuid.uuid4().hex))
print("::observe version=" + json.dumps(tf.__version__))
if sys.argv[1] == "slow":
    time.sleep(0.4)
if sys.argv[1] == "leaves":
    subprocess.Popen(["sleep", "500"], start_new_session=True)
    time.sleep(0.1)
"""
MATRIX = """repros:
  - name: r
    script: script.py
    cases:
      - {name: quick, args: [quick]}
      - {name: slow, args: [slow]}
      - {name: leaves, args: [leaves]}
    limits: {timeout: 20, memory: 512}
"""


@frozen(kw_only=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str


@mutable(kw_only=True)
class World:
    folder: Path
    index: Index
    python: str
    engine: str = "local"
    more: dict[str, str] = field(factory=dict)
    """Environment variables besides."""
    prefix: tuple[str, ...] = ()
    """What the command line is started through: a namespace, a limit."""

    def __attrs_post_init__(self) -> None:
        for name in ("home", "cache", "tmp", "uv", "data/locks"):
            (self.folder / name).mkdir(parents=True)
        for path in (ROOT / "docker").glob("*.*"):
            shutil.copy(path, self.folder / "data")
        (self.folder / "data/releases.yaml").write_text(_releases(self.python), "utf-8")
        for release in catalogue.parse(_releases(self.python)):
            target = plan.target(release, Device.CPU)
            (self.folder / "data/locks" / f"{release.version}-py{self.python}-cpu.txt").write_text(
                locks.lock_header(target) + self._line(release.version), "utf-8"
            )
        self.edit("first")
        (self.home / "matrix.yaml").write_text(MATRIX, "utf-8")

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def results(self) -> Path:
        return self.home / "results"

    def edit(self, comment: str) -> None:
        """Change the script, so that nothing measured is an answer any more."""
        (self.home / "script.py").write_text(f"{SCRIPT}# {comment}\n", "utf-8")

    def environment(self) -> dict[str, str]:
        base = Path(sys.base_prefix) / "bin"
        return {
            "PATH": f"{base}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TFMATRIX_CACHE": str(self.folder / "cache"),
            "TFMATRIX_WORLD": str(self.folder / "data"),
            "TMPDIR": str(self.folder / "tmp"),
            "UV_CACHE_DIR": str(self.folder / "uv"),
            "UV_DEFAULT_INDEX": self.index.url,
            "UV_HTTP_TIMEOUT": "3",
            "UV_HTTP_RETRIES": "1",
            **({"DOCKER_HOST": os.environ["DOCKER_HOST"]} if "DOCKER_HOST" in os.environ else {}),
            **self.more,
        }

    def start(self, *args: str, cwd: Optional[Path] = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.prefix, *_tool(), *args],
            cwd=cwd or self.home,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def command(self, *args: str) -> tuple[str, ...]:
        own = ("--engine", self.engine, "--jobs", "2", "--allow-no-tensorflow")
        return ("run", *own, *args)

    def run(self, *args: str, cwd: Optional[Path] = None, patience: float = 120) -> Said:
        """`tfmatrix run` to its end."""
        return self.tool(*self.command(*args), cwd=cwd, patience=patience)

    def tool(self, *args: str, cwd: Optional[Path] = None, patience: float = 120) -> Said:
        process = self.start(*args, cwd=cwd)
        try:
            out, err = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"not done in {patience:.0f} s: {out}\n{err}") from None
        return Said(code=process.returncode, out=out, err=err)

    def runs(self) -> list[Path]:
        """The folders of all runs, finished or not, in the order in which they began."""
        heads = (path for path in self.results.glob(f"*/{journal.CELLS}"))
        folders = [head.parent for head in heads if not head.parent.is_symlink()]
        return sorted(folders, key=lambda folder: (folder / journal.HEAD).stat().st_mtime_ns)

    def latest(self) -> Run:
        return journal.read_run(self.results / "latest")

    def serve_uv(self) -> None:
        """The index has uv too: images can be made where nothing is left of earlier ones."""
        name, content = installed_uv()
        self.index.wheels[name] = content
        path = self.folder / "data" / "images.yaml"
        known = yaml.safe_load(path.read_text("utf-8"))
        known["uv"].update(version=name.split("-")[1], hashes=[f"sha256:{digest(content)}"])
        path.write_text(yaml.safe_dump(known), "utf-8")

    def reseal(self, version: str) -> None:
        """Write the lock again, for what the index now has."""
        path = self.folder / "data/locks" / f"{version}-py{self.python}-cpu.txt"
        head = [line for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
        path.write_text("\n".join(head) + "\n" + self._line(version), "utf-8")

    def _line(self, version: str) -> str:
        name, _ = tensorflow(version)
        sha = digest(self.index.wheels[name])
        return f"tensorflow-cpu=={version} \\\n    --hash=sha256:{sha}\n"


NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Processes and mounts of its own: what is started there cannot outlive it, nor reach others."""


def mounted(command: str, *args: object) -> tuple[str, ...]:
    """A namespace in which `command`, a line of shell with its arguments, was run first."""
    words = [str(arg) for arg in args]
    shell = f'set -e\n{command}\nset +e\nshift {len(words)}\nexec "$@"'
    return (*NAMESPACE, "sh", "-c", shell, "sh", *words)


@contextmanager
def world(folder: Path, *, engine: str = "local", python: Optional[str] = None) -> Iterator[World]:
    with serving(dict(tensorflow(version) for version in VERSIONS)) as index:
        chosen = python or "{}.{}".format(*sys.version_info)
        yield World(folder=folder, index=index, engine=engine, python=chosen)


def verdicts(run: Run) -> dict[str, str]:
    """`2.1.0 quick` → the verdict."""
    return {f"{r.tensorflow} {r.case}": r.outcome.verdict.value for r in run.results}


def nonces(run: Run) -> dict[str, object]:
    """Each cell's own random number: two measurements of a cell have different ones."""
    return {f"{r.tensorflow} {r.case}": r.observations.get("nonce") for r in run.results}


def _tool() -> Sequence[str]:
    return [sys.executable, "-m", "tests.torture.machines.tool"]


def _releases(python: str) -> str:
    return json.dumps(
        {
            version.rpartition(".")[0]: {
                "pythons": python,
                "cpu": "tensorflow-cpu",
                "keras": "inside",
                "cpu_mb": 1,
                "releases": {version: {"released": "2020-01-01"}},
            }
            for version in VERSIONS
        }
    ).replace('"2020-01-01"', "2020-01-01")
