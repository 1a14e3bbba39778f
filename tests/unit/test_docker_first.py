"""What the Docker engine knows before the SDK is imported: from a daemon's socket, and in any doubt
from the engine itself."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Optional

import pytest

from runner.engines.docker import cli, names, socket
from runner.engines.docker.first import DockerFirst
from runner.model import Device, Environment
from tests.engines import plain

ENVIRONMENT = plain.environment("2.9.3")
VERSION = {"Os": "linux", "Arch": "amd64"}
IMAGE = {
    "RepoTags": [names.image(ENVIRONMENT), "other:1"],
    "Labels": {names.KEY: ENVIRONMENT.key},
}


class Daemon(socketserver.ThreadingUnixStreamServer):
    """Answers as a daemon would, with what `answers` has; counts what it was asked."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Handler)
        self.answers: dict[str, Any] = {"/version": VERSION, "/images/json": [IMAGE]}
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Daemon

    def address_string(self) -> str:
        return "a socket"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        answer = self.server.answers.get(path)
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    path = tmp_path / "daemon"  # the fence refuses a docker.sock
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cli, "client", lambda: "/usr/bin/docker")
    with Daemon(path) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


class Whole:
    """Stands in for the engine with the SDK, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def unavailable(self) -> Optional[str]:
        self.asked.append("unavailable")
        return "no daemon"

    def refuses(self, target: Any) -> Optional[str]:
        self.asked.append("refuses")
        return "not here"

    def prepared(self, environment: Environment) -> bool:
        self.asked.append("prepared")
        return False

    def drop(self, environment: Environment) -> None:
        self.asked.append("drop")


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> Whole:
    stand_in = Whole()
    monkeypatch.setattr(DockerFirst, "whole", stand_in)
    return stand_in


def target(device: Device = Device.CPU) -> Any:
    return plain.environment("2.9.3").target if device is Device.CPU else _cuda()


def _cuda() -> Any:
    from attrs import evolve

    return evolve(target(), device=Device.CUDA)


def test_a_daemon_that_answers_is_enough(daemon: Daemon, whole: Whole) -> None:
    engine = DockerFirst()
    assert engine.unavailable() is None
    assert engine.refuses(target()) is None
    assert engine.prepared(ENVIRONMENT)
    assert engine.image(ENVIRONMENT) == names.image(ENVIRONMENT)
    assert whole.asked == []


def test_the_daemon_tells_where_its_files_lie(daemon: Daemon) -> None:
    daemon.answers["/info"] = {"DockerRootDir": "/var/lib/docker"}
    assert socket.info() == {"DockerRootDir": "/var/lib/docker"}


def test_one_listing_answers_for_all_environments(daemon: Daemon, whole: Whole) -> None:
    engine = DockerFirst()
    for _ in range(26):
        engine.prepared(ENVIRONMENT)
    assert daemon.asked == ["/images/json"]


def test_an_image_that_was_dropped_is_not_listed_any_more(daemon: Daemon, whole: Whole) -> None:
    engine = DockerFirst()
    assert engine.prepared(ENVIRONMENT)
    daemon.answers["/images/json"] = []
    engine.drop(ENVIRONMENT)
    assert not engine.prepared(ENVIRONMENT)


@pytest.mark.parametrize(
    "images",
    [
        None,
        b"no json",
        {"message": "no"},
        ["image"],
        [],
        [{"RepoTags": None, "Labels": None}],
        [{**IMAGE, "Labels": {names.KEY: "another"}}],
        [{**IMAGE, "RepoTags": ["localhost/" + names.image(ENVIRONMENT)]}],
    ],
    ids=["404", "no JSON", "no list", "no image", "none", "bare", "another key", "another name"],
)
def test_what_the_listing_does_not_show_the_engine_is_asked(
    daemon: Daemon, whole: Whole, images: Any
) -> None:
    daemon.answers["/images/json"] = images
    assert not DockerFirst().prepared(ENVIRONMENT)
    assert whole.asked == ["prepared"]


@pytest.mark.parametrize(
    "version",
    [None, b"{", [], {}, {"Os": "windows", "Arch": "amd64"}],
    ids=["404", "cut off", "a list", "nothing", "Windows"],
)
def test_a_doubtful_daemon_is_for_the_engine_to_judge(
    daemon: Daemon, whole: Whole, version: Any
) -> None:
    daemon.answers["/version"] = version
    assert DockerFirst().unavailable() == "no daemon"


def test_another_architecture_and_cuda_are_for_the_engine_to_judge(
    daemon: Daemon, whole: Whole
) -> None:
    engine = DockerFirst()
    engine.unavailable()
    assert engine.refuses(target(Device.CUDA)) == "not here"
    daemon.answers["/version"] = {"Os": "linux", "Arch": "arm64"}
    engine.unavailable()
    assert engine.refuses(target()) == "not here"


def test_without_buildkit_the_engine_says_what_to_install(
    daemon: Daemon, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "client", lambda: None)
    assert DockerFirst().unavailable() == "no daemon"


@pytest.mark.parametrize(
    ("host", "context", "settings", "asked"),
    [
        ("tcp://localhost:2375", "", "{}", None),
        ("ssh://me@there", "", "{}", None),
        ("unix:///mine", "", "{}", "/mine"),
        ("", "", "{}", "/var/run/docker.sock"),
        ("", "", '{"currentContext": "default"}', "/var/run/docker.sock"),
        ("", "", '{"currentContext": "there"}', None),
        ("", "", "no json", None),
        ("", "there", "{}", None),
    ],
)
def test_the_socket_is_used_where_the_sdk_would_use_it(
    host: str,
    context: str,
    settings: str,
    asked: Optional[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "config.json").write_text(settings)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name, value in (("DOCKER_HOST", host), ("DOCKER_CONTEXT", context)):
        monkeypatch.setenv(name, value)
        if not value:
            monkeypatch.delenv(name)
    assert socket._socket() == asked


def test_no_socket_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none'}")
    assert socket.version() is None
    assert socket.info() is None
    assert socket.images("x") == []
