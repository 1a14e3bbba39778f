"""What is asked of a real daemon without the SDK is what the SDK says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runner.engines.docker import cli, client, names, socket
from runner.engines.docker.engine import DockerEngine
from runner.engines.docker.first import DockerFirst
from tests.engines import plain

pytestmark = pytest.mark.docker


def test_both_say_the_same_of_the_daemon() -> None:
    target = plain.environment("2.9.3").target
    first, whole = DockerFirst(), DockerEngine()
    assert first.unavailable() == whole.unavailable()
    assert first.refuses(target) == whole.refuses(target)
    assert first.prepared(plain.environment("2.9.3")) is False


def test_both_list_the_same_images() -> None:
    if socket.version() is None:
        pytest.skip("the daemon is not on a socket of this machine")
    listed = {image["Id"] for image in socket.images(names.OURS)}
    images = client.connect().images.list(filters={"label": names.OURS})
    assert listed == {image.id for image in images}


def test_a_client_that_can_build_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path))
    cli.client.cache_clear()
    found = cli.client()
    assert found is not None
    cli.client.cache_clear()
    monkeypatch.setattr(cli, "_can_buildkit", _not_again)
    assert cli.client() == found
    cli.client.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))  # another PATH, another answer
    assert cli.client() is None
    cli.client.cache_clear()


def test_no_sdk_is_imported_to_find_a_daemon(tmp_path: Path) -> None:
    if socket.version() is None:
        pytest.skip("the daemon is not on a socket of this machine")
    asked = "from runner.engines import create; why = create('docker').unavailable(); import sys"
    command = [sys.executable, "-c", f"{asked}; print(why, 'docker' in sys.modules)"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout == "None False\n"


def _not_again(_: str) -> bool:
    raise AssertionError("it was asked again")
