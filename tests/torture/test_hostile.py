"""Scripts that do harm, really run: see harms.py for which, and what is promised of each.

`make torture` runs all. Those marked `quick` there run with the other tests too.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.model import Environment
from tests.torture import bench
from tests.torture.bench import Evidence, Site
from tests.torture.checks import SECRET, check
from tests.torture.contained import WatchedEngine
from tests.torture.harms import HARMS, Harm

ROOT = Path(__file__).parents[2]


def harms(engine: str) -> list[Any]:
    """Those that the engine promises something about; most only with `-m torture`."""
    return [
        pytest.param(harm, id=harm.name, marks=() if harm.quick else (pytest.mark.torture,))
        for harm in HARMS
        if getattr(harm, engine) is not None
    ]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv(bench.SECRET, SECRET)
    made = Site(folder=tmp_path)
    made.furnish()
    return made


@pytest.mark.docker
@pytest.mark.timeout(180)
@pytest.mark.parametrize("harm", harms("docker"))
def test_docker(harm: Harm, site: Site, images: dict[str, Environment]) -> None:
    assert harm.docker is not None
    engine = WatchedEngine()
    found = bench.carry_out(engine, images, site, bench.repro(site, harm.args))
    assert engine.containers
    found.left.extend(engine.left())
    check(harm.docker, found, site)


NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


@functools.lru_cache(maxsize=1)
def namespace() -> list[str]:
    """The command that gives a PID namespace; the test is skipped where none is to be had."""
    for command in (NAMESPACE, [*NAMESPACE, "--user", "--map-root-user"]):
        if (
            shutil.which("unshare")
            and subprocess.run([*command, "true"], check=False).returncode == 0
        ):
            return command
    pytest.skip("no PID namespace can be made here")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("harm", harms("local"))
def test_local(harm: Harm, site: Site) -> None:
    assert harm.local is not None
    command = [
        *namespace(),
        sys.executable,
        "-m",
        "tests.torture.local",
        str(site.folder),
        str(harm),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = Evidence.loads(done.stdout.splitlines()[-1])
    try:
        check(harm.local, found, site)
    finally:
        for path in found.left:
            if path.startswith(("/tmp/torture-", "/dev/shm/torture-")):
                Path(path).unlink()
