"""The test suite's own promises: unmarked tests stay inside, and none is left out in silence."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import conftest

SUITE = """
import pytest

@pytest.mark.docker
def test_in_docker():
    raise AssertionError("was run")

def test_pure():
    pass
"""


@pytest.mark.parametrize(
    "reach",
    [
        lambda: subprocess.run(["docker", "ps"], check=False),
        lambda: subprocess.run(["/opt/bin/uv", "pip", "list"], check=False),
        lambda: subprocess.run([sys.executable, "-m", "uv"], check=False),
        lambda: subprocess.run("dockerd --help", shell=True, check=False),
        lambda: os.system("docker ps"),
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=0.01),
        lambda: socket.getaddrinfo("example.org", 80),
        lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock"),
    ],
)
def test_reaching_outside_fails_the_test(reach: Callable[[], Any]) -> None:
    with pytest.raises(pytest.fail.Exception, match="mark this test"):
        reach()
    conftest.Fence.crossed.clear()


def test_staying_inside_is_allowed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "s"))
    assert subprocess.run(["echo", "docker"], check=True, capture_output=True).stdout


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, ["1 TESTS: NO DOCKER DAEMON ANSWERS", "test_suite.py::test_in_docker", "1 skipped"]),
        ({"CI": "true"}, ["no Docker daemon answers", "must be there", "1 error"]),
    ],
)
def test_without_a_daemon_marked_tests_are_listed_or_fail(
    environment: dict[str, str], said: list[str], tmp_path: Path
) -> None:
    shutil.copy(conftest.__file__, tmp_path / "conftest.py")
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  docker\n  tensorflow\n")
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME")}
    nowhere = {
        "DOCKER_HOST": f"unix://{tmp_path}/none.sock",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # half the time is plugins' import
    }
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_suite.py"],
        cwd=tmp_path,
        env={**kept, **nowhere, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    for part in (*said, "1 passed"):
        assert part in run.stdout


def test_tests_of_one_daemon_never_run_beside_each_other() -> None:
    files = (
        path for path in (conftest.ROOT / "tests").rglob("test_*.py") if "unit" not in path.parts
    )
    of_docker = {
        str(path.relative_to(conftest.ROOT))
        for path in files
        if "mark.docker" in path.read_text("utf-8")
    }
    together = {file for file, scope in conftest.ONE_AFTER_THE_OTHER.items() if scope == "daemon"}
    assert of_docker == together
