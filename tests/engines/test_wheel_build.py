"""A user's project becomes a wheel in Docker: its code finds nothing there, and leaves nothing."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from runner.cli import local_packages
from runner.engines.docker import daemon
from runner.errors import UsageError
from runner.requirements import wheels

pytestmark = pytest.mark.docker

PROJECT = """\
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"
[project]
name = "mine"
version = "0.3"
requires-python = ">=3.6"
dependencies = ["einops"]
"""
SETUP = """\
import json, os, pathlib, socket
from setuptools import setup

def reached(address):
    try:
        socket.create_connection(address, timeout=5).close()
        return True
    except OSError:
        return False

found = {
    "networks": sorted(os.listdir("/sys/class/net")),
    "reached": reached(("pypi.org", 443)),
    "secrets": [p.read_text() for p in pathlib.Path("/run/secrets").rglob("*") if p.is_file()],
    "cache": os.path.exists("/root/.cache/uv"),
    "token": os.environ.get("MY_TOKEN", ""),
    "hidden": os.path.exists(".env"),
}
pathlib.Path(HARM).write_text("harm")
pathlib.Path("mine/found.json").write_text(json.dumps(found))
setup(packages=["mine"], package_data={"mine": ["found.json"]})
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MY_TOKEN", "secret")
    folder = tmp_path / "project"
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "__init__.py").write_text("answer = 42\n")
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "setup.py").write_text(SETUP.replace("HARM", '"/tmp/tfmatrix-harm"'))
    (folder / ".env").write_text("MY_TOKEN=secret\n")
    return folder


def images() -> str:
    command = ["docker", "images", "--quiet", "tfmatrix-wheel"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_code_of_a_project_finds_nothing_where_it_is_built(project: Path) -> None:
    asked = local_packages.asked_by([str(project)])
    (wheel,) = wheels.among(asked.packages)
    assert asked.packages[1:] == ("einops",)
    with zipfile.ZipFile(wheel.path) as archive:
        found = json.loads(archive.read("mine/found.json"))
    assert found == {
        "networks": ["lo"],
        "reached": False,
        "secrets": [],
        "cache": False,
        "token": "",
        "hidden": False,
    }
    assert not Path("/tmp/tfmatrix-harm").exists()
    assert not (project / "mine" / "found.json").exists()
    assert images() == ""
    assert not daemon.connect().containers.list(all=True, filters={"ancestor": "tfmatrix-wheel"})


def test_a_build_that_fails_says_why(project: Path) -> None:
    (project / "setup.py").write_text("raise SystemExit('no compiler is here')\n")
    with pytest.raises(UsageError) as error:
        local_packages.asked_by([str(project)])
    assert error.value.message == f"{project} must be built: no compiler is here"
    assert "pip wheel --no-deps" in str(error.value.remedy)
    assert images() == ""
