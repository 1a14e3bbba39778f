"""What the Docker engine concludes from what a daemon says: one that answers from a table."""

from __future__ import annotations

import hashlib
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Optional

import pytest
from attrs import evolve

from runner.engines.base import ChannelClosed, Workspace
from runner.engines.docker import bases, buildkit, channel, daemon, images, names, owner
from runner.engines.docker.engine import DockerEngine
from runner.engines.lines import LineChannel
from runner.environments import locks
from runner.errors import EngineLostError
from runner.matrix import plan
from runner.model import Device, Limits
from runner.pipeline import disk
from runner.releases import catalogue
from tests.engines import plain

ENVIRONMENT = plain.environment("2.9.3")
TARGET = ENVIRONMENT.target
VERSION = {"Os": "linux", "Arch": "amd64", "ApiVersion": "1.43"}
IMAGE = {
    "RepoTags": [names.image(ENVIRONMENT), "other:1"],
    "Labels": {names.KEY: ENVIRONMENT.key},
}


class Daemon(socketserver.ThreadingUnixStreamServer):
    """Answers as a daemon would, with what `answers` has; counts what it was asked."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Handler)
        self.answers: dict[str, Any] = {"/version": VERSION, "/images/json": [IMAGE], "/_ping": {}}
        self.asked: list[str] = []
        self.removed: list[str] = []
        self.awake = threading.Event()
        self.awake.set()


class _Handler(BaseHTTPRequestHandler):
    server: Daemon

    def address_string(self) -> str:
        return "a socket"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_DELETE(self) -> None:
        self.server.removed.append(self.path.partition("?")[0].replace("/v1.43", ""))
        self.send_response(204)
        self.end_headers()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].replace("/v1.43", "")
        self.server.asked.append(path)
        self.server.awake.wait(20)
        answer = self.server.answers.get(path)
        body = json.dumps({"message": "no such thing"} if answer is None else answer).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    path = tmp_path / "daemon"  # the fence refuses a docker.sock
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(daemon, "_connection", None)
    monkeypatch.setattr(buildkit, "client", lambda: "/usr/bin/docker")
    with Daemon(path) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        _forget()
        yield server
        _forget()
        server.awake.set()
        server.shutdown()


def _forget() -> None:
    daemon.version.cache_clear()
    daemon.daemon_info.cache_clear()


@pytest.fixture
def impatient(answering: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setattr(daemon, "PATIENCE", 0.3)
    monkeypatch.setattr(daemon, "_hung_at", float("-inf"))
    monkeypatch.setattr(channel, "SILENCE", 0.1)
    return answering


def test_a_daemon_that_hangs_from_the_start_is_no_engine(impatient: Daemon) -> None:
    impatient.awake.clear()
    began = time.monotonic()
    assert DockerEngine().unavailable() == (
        f"the Docker daemon hangs: no answer in 0.3 s; {daemon.how_to_start()}"
    )
    assert time.monotonic() - began < 5


def test_a_socket_that_is_not_for_this_user_is_not_started() -> None:
    why_not = daemon.unreachable(PermissionError(13, "Permission denied"))
    assert why_not.reason == "the Docker socket may not be used by this user"
    assert "usermod -aG docker" in why_not.remedy
    refused = daemon.unreachable(ConnectionRefusedError(111, "Connection refused"))
    assert refused.reason == "no Docker daemon answers"
    assert refused.remedy == daemon.how_to_start()


def test_a_daemon_that_hangs_later_ends_the_run_at_once(impatient: Daemon, tmp_path: Path) -> None:
    engine = DockerEngine()
    assert engine.unavailable() is None
    impatient.awake.clear()
    workspace = Workspace(folder=tmp_path, script="script.py")
    began = time.monotonic()
    for call in (
        lambda: engine.start_agent(ENVIRONMENT, workspace, Limits()),
        lambda: engine.prepare(ENVIRONMENT, lambda phase: None),
    ):
        with pytest.raises(EngineLostError, match="the Docker daemon hangs"):
            call()
    assert time.monotonic() - began < 5
    assert impatient.asked.count("/_ping") == 2, "it is not waited for again"


def test_a_daemon_that_is_slow_does_not_hang(impatient: Daemon) -> None:
    assert DockerEngine().unavailable() is None
    impatient.awake.clear()
    threading.Timer(0.1, impatient.awake.set).start()
    assert not daemon.hangs()


class Silent(channel.DockerChannel):
    """A channel whose agent says nothing."""

    def __init__(self) -> None:
        LineChannel.__init__(self, root="/repro", shown={})

    def _end(self) -> None:
        pass


def test_a_cell_does_not_wait_for_a_daemon_that_hangs(impatient: Daemon) -> None:
    """The agent may be done, and its answer stuck in the daemon."""
    assert DockerEngine().unavailable() is None
    waiting = Silent()
    assert waiting.receive(0.5) is None, "a daemon that answers is waited for"
    impatient.awake.clear()
    began = time.monotonic()
    with pytest.raises(ChannelClosed, match="the Docker daemon hangs"):
        waiting.receive(100.0)
    assert time.monotonic() - began < 5


def test_a_daemon_that_answers_is_enough(answering: Daemon) -> None:
    engine = DockerEngine()
    assert engine.unavailable() is None
    assert engine.refuses(TARGET) is None
    assert engine.prepared(ENVIRONMENT)
    assert engine.image(ENVIRONMENT) == names.image(ENVIRONMENT)
    assert "/info" not in answering.asked, "it takes a while with many images"


def test_a_run_that_starts_nothing_removes_what_a_killed_one_left(
    answering: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "has_ended", lambda label: label == "dead")
    labels = {one: {names.OURS: "1", "tfmatrix.owner": one} for one in ("dead", "alive")}
    answering.answers["/containers/json"] = [
        {"Id": one, "Labels": labels[one], "Created": 1} for one in labels
    ]
    answering.answers["/volumes"] = {
        "Volumes": [{"Name": one, "Labels": labels[one]} for one in labels]
    }
    engine = DockerEngine()
    kinds = [(item.kind, item.name) for item in owner.leftovers(daemon.connect().api)]
    assert kinds == [("container", "dead"), ("volume", "dead")]
    assert engine.why_not_made([]) is None
    assert engine.why_not_made([]) is None
    assert answering.removed == ["/containers/dead", "/volumes/dead"], "once, and only the dead's"


def test_the_daemon_tells_where_its_files_lie(answering: Daemon, tmp_path: Path) -> None:
    answering.answers["/info"] = {"DockerRootDir": str(tmp_path)}
    assert disk.environments_folder("docker") == tmp_path


def test_one_listing_answers_for_all_environments(answering: Daemon) -> None:
    engine = DockerEngine()
    for _ in range(26):
        assert engine.prepared(ENVIRONMENT)
    assert answering.asked.count("/images/json") == 1


def test_an_image_that_was_dropped_is_not_listed_any_more(answering: Daemon) -> None:
    engine = DockerEngine()
    assert engine.prepared(ENVIRONMENT)
    answering.answers["/images/json"] = []
    engine.remove(ENVIRONMENT)
    assert not engine.prepared(ENVIRONMENT)


@pytest.mark.parametrize(
    "images",
    [
        [],
        [{"RepoTags": None, "Labels": None}],
        [{**IMAGE, "Labels": {names.KEY: "another"}}],
        [{**IMAGE, "RepoTags": ["localhost/" + names.image(ENVIRONMENT)]}],
    ],
    ids=["none", "bare", "another key", "another name"],
)
def test_what_the_listing_does_not_show_is_asked_for_by_name(
    answering: Daemon, images: Any
) -> None:
    answering.answers["/images/json"] = images
    assert not DockerEngine().prepared(ENVIRONMENT)
    assert answering.asked[-1] == f"/images/{names.image(ENVIRONMENT)}/json"


def test_podman_lists_our_images_by_another_name(answering: Daemon) -> None:
    name = names.image(ENVIRONMENT)
    answering.answers["/images/json"] = [{**IMAGE, "RepoTags": [f"localhost/{name}"]}]
    answering.answers[f"/images/{name}/json"] = {"Id": "1", "Config": {"Labels": IMAGE["Labels"]}}
    assert DockerEngine().prepared(ENVIRONMENT)


def test_windows_containers_are_of_no_use(answering: Daemon) -> None:
    answering.answers["/version"] = {**VERSION, "Os": "windows"}
    assert "Linux containers" in str(DockerEngine().unavailable())


def test_another_architecture_is_refused(answering: Daemon) -> None:
    answering.answers["/version"] = {**VERSION, "Arch": "arm64"}
    assert "arm64" in str(DockerEngine().refuses(TARGET))


def test_cuda_needs_a_runtime(answering: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    answering.answers["/info"] = {"Runtimes": {}}
    monkeypatch.setattr(daemon, "is_local", lambda: False)
    cuda = evolve(TARGET, device=Device.CUDA)
    assert "no CUDA build" in str(DockerEngine().refuses(cuda))


def test_without_buildkit_it_says_what_to_install(
    answering: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buildkit, "client", lambda: None)
    assert "buildx" in str(DockerEngine().unavailable())


def context(folder: Path, name: str, host: str) -> None:
    """As `docker context create` writes it into its folder of settings."""
    file = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    file.parent.mkdir(parents=True)
    endpoints = {"docker": {"Host": host, "SkipTLSVerify": False}}
    file.write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints}))


@pytest.mark.parametrize(
    ("host", "settings", "asked"),
    [
        ("unix:///mine", '{"currentContext": "there"}', None),
        ("", "{}", None),
        ("", '{"currentContext": "default"}', None),
        ("", "no json", None),
        ("", '{"currentContext": "there"}', "tcp://there:2375"),
    ],
)
def test_the_clients_context_names_the_daemon(
    host: str,
    settings: str,
    asked: Optional[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    if host:
        monkeypatch.setenv("DOCKER_HOST", host)
    context(tmp_path, "there", "tcp://there:2375")
    (tmp_path / "config.json").write_text(settings)
    assert daemon.context_host() == asked


def test_the_variable_of_the_client_counts_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", "there")
    (tmp_path / "config.json").write_text("{}")
    context(tmp_path, "there", "tcp://there:2375")
    assert daemon.context_host() == "tcp://there:2375"


def test_no_daemon_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none'}")
    monkeypatch.setattr(daemon, "_connection", None)
    assert "no Docker daemon runs here" in str(DockerEngine().unavailable())


@pytest.mark.parametrize(
    ("command", "python"),
    [
        (bases._DOCKERFILE.format(system="s", python="3.10"), "3.10"),
        (
            "{ python3 -m compileall -q -j 0 /usr/local/lib/python3.7 > /dev/null || true; } &&   "
            "  echo 'tfmatrix:x:65532:65532::/tmp:/usr/sbin/nologin' >> /etc/passwd",
            "3.7",
        ),
        (
            "/opt/uv/bin/uv pip install && python3 /opt/uv/bytecode.py /usr/local/lib/python3.7",
            None,
        ),
    ],
)
def test_the_layers_that_all_images_of_a_python_share_are_known(
    command: str, python: Optional[str]
) -> None:
    assert images._python_in(command) == python


def test_the_commands_are_those_of_todays_dockerfiles() -> None:
    release = next(r for r in catalogue.load_releases() if r.version == "1.15.5")
    made = locks.environment(plan.target(release, Device.CPU))
    shared = [line for line in made.dockerfile.split("\nRUN ") if "tfmatrix:x:65532" in line]
    assert [images._python_in(each) for each in shared] == ["3.7"]
