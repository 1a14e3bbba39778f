"""The Docker engine against a daemon without root: one of the test's own, where it is installed.

Without cgroup v2 such a daemon cannot limit memory and processes: the agent's own limits are then
the only ones, and `tfmatrix doctor` says so.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import psutil
import pytest

from runner.engines.docker import bases, daemon
from runner.engines.docker.engine import DockerEngine
from runner.upkeep import doctor
from tests.engines import test_podman
from tests.engines.test_podman import IMAGE
from tests.torture.machines.world import mounted

pytestmark = [pytest.mark.docker, pytest.mark.torture, pytest.mark.timeout(600)]

START = Path("/usr/share/docker.io/contrib/dockerd-rootless.sh")


def somebody() -> Optional[pwd.struct_passwd]:
    """A user who may have many users in a namespace."""
    names = [line.partition(":")[0] for line in Path("/etc/subuid").read_text("utf-8").split()]
    return next((user for user in pwd.getpwall() if user.pw_name in names and user.pw_uid), None)


@pytest.fixture(scope="module")
def socket() -> Iterator[str]:
    """A daemon that has the base image."""
    tools = ("rootlesskit", "slirp4netns", "newuidmap", "dockerd", "unshare", "setpriv")
    if not all(map(shutil.which, tools)) or not START.exists() or os.geteuid() != 0:
        pytest.skip("dockerd-rootless.sh or what it needs is not installed, or this is not root")
    user = somebody()
    if user is None:
        pytest.skip("no user here has a range in /etc/subuid")
    bases.make_base("3.10", IMAGE, print)
    folder = Path(tempfile.mkdtemp(prefix="rootless-", dir="/tmp"))  # a socket's path is short
    for name in ("", "run", "data"):
        (folder / name).mkdir(exist_ok=True)
        os.chown(folder / name, user.pw_uid, user.pw_gid)
    (folder / "run").chmod(0o700)
    os.mknod(folder / "tun", 0o20666, os.makedev(10, 200))
    (folder / "tun").chmod(0o666)
    # Most machines let everybody use /dev/net/tun; this namespace does.
    command = [*mounted("mount --bind $1/tun /dev/net/tun", folder), "setpriv"]
    command += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "env", "-i"]
    command += [f"XDG_RUNTIME_DIR={folder}/run", f"HOME={folder}", f"PATH={os.environ['PATH']}"]
    command += ["sh", str(START), f"--data-root={folder}/data", "--bridge=none"]
    command += ["--iptables=false", "--ip6tables=false"]
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        while not (folder / "run" / "docker.sock").exists():
            assert service.poll() is None, (folder / "log").read_text("utf-8", "replace")
            time.sleep(0.1)
        address = f"unix://{folder}/run/docker.sock"
        with subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE) as save:
            load = ["docker", "--host", address, "load", "--quiet"]
            subprocess.run(load, stdin=save.stdout, check=True)
        yield address
    finally:
        # A process that changes its user is not ended with its parent.
        for child in psutil.Process(service.pid).children():
            child.kill()
        service.wait()
        subprocess.run(["rm", "-rf", str(folder)], check=False)


@pytest.fixture
def engine(socket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerEngine]:
    yield from test_podman.engine_at(socket, monkeypatch)


def test_a_cell_is_confined_as_with_root(engine: DockerEngine, tmp_path: Path) -> None:
    assert "name=rootless" in daemon.daemon_info()["SecurityOptions"]
    test_podman.confined(engine, tmp_path)


def test_doctor_says_what_it_cannot_limit(engine: DockerEngine) -> None:
    sandbox = doctor.check_sandbox(daemon.daemon_info())
    if daemon.daemon_info()["CgroupVersion"] == "1":
        assert "limit memory" in sandbox.finding
    else:
        assert "filter system calls" not in sandbox.finding


def test_every_subject_ends_as_with_root(engine: DockerEngine, tmp_path: Path) -> None:
    test_podman.every_subject(engine, tmp_path)
