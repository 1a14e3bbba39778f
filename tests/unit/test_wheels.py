"""Wheels are downloaded once, chosen as installers choose them, and never believed unseen."""

from __future__ import annotations

import hashlib
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from runner.engines.docker import wheels as docker_wheels
from runner.environments import wheels
from runner.environments.wheels import choose, serve, wheel_cache
from runner.environments.wheels.choose import File
from runner.environments.wheels.wheel_cache import Wheelhouse
from runner.errors import PrepareError
from runner.machine import processes
from runner.matrix import plan
from runner.model import Device, Environment
from runner.releases import catalogue
from tests.unit import index_server
from tests.unit.index_server import IndexServer

ANY = "py3-none-any"
LINUX = "manylinux_2_17_x86_64.manylinux2014_x86_64"


# Which wheel ------------------------------------------------------------------------------------


def best(python: str, *tags: str, glibc: int = 31) -> str:
    names = [f"numpy-1.19.5-{tag}.whl" for tag in tags]
    found = choose.best([File(name=n, sha256="", url="") for n in names], python, glibc)
    return found.name[len("numpy-1.19.5-") : -len(".whl")] if found else ""


@pytest.mark.parametrize(
    ("python", "tags", "chosen"),
    [
        ("3.8", [ANY, f"cp38-cp38-{LINUX}"], f"cp38-cp38-{LINUX}"),
        ("3.8", [f"cp39-cp39-{LINUX}", ANY], ANY),
        ("3.7", [f"cp37-cp37-{LINUX}", f"cp37-cp37m-{LINUX}"], f"cp37-cp37m-{LINUX}"),
        ("3.10", [f"cp310-cp310m-{LINUX}", "py2.py3-none-any"], "py2.py3-none-any"),
        ("3.10", [ANY, f"cp36-abi3-{LINUX}"], f"cp36-abi3-{LINUX}"),
        ("3.8", ["cp38-cp38-manylinux1_x86_64", f"cp38-cp38-{LINUX}"], f"cp38-cp38-{LINUX}"),
        ("3.8", ["cp38-cp38-win_amd64", "cp38-cp38-macosx_10_9_x86_64"], ""),
        ("3.8", [f"cp38-cp38-{LINUX.replace('x86_64', 'aarch64')}"], ""),
        ("3.8", [f"1-cp38-cp38-{LINUX}", f"2-cp38-cp38-{LINUX}"], f"2-cp38-cp38-{LINUX}"),
        ("3.8", ["py2-none-any"], ""),
    ],
)
def test_the_wheel_that_installers_prefer(python: str, tags: list[str], chosen: str) -> None:
    assert best(python, *tags) == chosen
    assert best(python, *reversed(tags)) == chosen


def test_no_wheel_for_a_newer_glibc() -> None:
    newer, older = "cp310-cp310-manylinux_2_34_x86_64", "cp310-cp310-manylinux_2_28_x86_64"
    assert best("3.10", newer, older, glibc=31) == older
    assert best("3.10", newer, older, glibc=36) == newer


@pytest.mark.parametrize("name", ["../numpy-1.0-py3-none-any.whl", ".word", "numpy.whl", "a b.whl"])
def test_a_name_that_is_no_wheels_is_not_chosen(name: str) -> None:
    assert choose.best([File(name=name, sha256="", url="")], "3.8", 31) is None


def test_what_a_lock_pins() -> None:
    one, two = "1" * 64, "2" * 64
    found = choose.pinned(
        [
            f"Keras_Applications==1.0.8 --hash=sha256:{one} --hash=sha256:{two}",
            f"tensorflow[and-cuda]==2.16.2 --hash=sha256:{one}",
            f"numpy>=1.19 --hash=sha256:{one}",
            "numpy==1.19.5",
            f"own @ https://example.org/own-1-py3-none-any.whl --hash=sha256:{one}",
            "-r others.txt",
        ]
    )
    assert [(each.name, each.version, each.hashes) for each in found] == [
        ("keras-applications", "1.0.8", {one, two}),
        ("tensorflow", "2.16.2", {one}),
    ]


# Downloaded once --------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with index_server.serving() as serving:
        yield serving


@pytest.fixture(autouse=True)
def machine(server: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's machine that knows this index only."""
    for name in ("UV_OFFLINE", "UV_INDEX_URL", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", server.url)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


@pytest.fixture
def here(tmp_path: Path) -> Wheelhouse:
    return Wheelhouse(tmp_path / "wheels")


def add(server: IndexServer, package: str, content: bytes, tag: str = ANY) -> str:
    """Put a wheel on the index; the line that locks it."""
    name = f"{package}-1.0-{tag}.whl"
    sha256 = hashlib.sha256(content).hexdigest()
    server.contents[name] = content
    server.files.setdefault(package, {})[name] = {
        "hashes": {"sha256": sha256},
        "size": len(content),
    }
    return f"{package}==1.0 \\\n    --hash=sha256:{sha256}\n"


def silent(*_: object) -> None:
    """Nobody looks at the progress."""


def downloads(server: IndexServer) -> list[str]:
    return sorted(path for path in server.asked if path.startswith("/files/"))


def test_each_wheel_is_downloaded_once(server: IndexServer, here: Wheelhouse) -> None:
    six, numpy = add(server, "six", b"six"), add(server, "numpy", b"numpy" * 100_000)
    assert here.fetch(six, "3.8", silent) == (six.replace(" \\\n   ", "").strip(),)
    assert len(here.fetch(six + numpy, "3.8", silent)) == 2
    names = [f"numpy-1.0-{ANY}.whl", f"six-1.0-{ANY}.whl"]
    assert downloads(server) == [f"/files/{name}" for name in names]
    assert (here.folder / names[0]).read_bytes() == b"numpy" * 100_000
    asked = len(server.asked)
    assert len(Wheelhouse(here.folder).fetch(six + numpy, "3.8", silent)) == 2
    assert len(server.asked) == asked  # another run does not even ask the index


def test_the_lock_has_the_word_on_what_may_be_used(server: IndexServer, here: Wheelhouse) -> None:
    add(server, "six", b"newer", "cp38-cp38-manylinux1_x86_64")
    line = add(server, "six", b"locked")
    assert len(here.fetch(line, "3.8", silent)) == 1
    assert [path.name for path in here.folder.glob("*.whl")] == [f"six-1.0-{ANY}.whl"]


def test_what_the_index_has_not_is_left_to_the_installer(
    server: IndexServer, here: Wheelhouse
) -> None:
    six = add(server, "six", b"six")
    source = f"termcolor==1.1.0 --hash=sha256:{'0' * 64}\n"
    server.files["termcolor"] = {"termcolor-1.1.0.tar.gz": {"hashes": {"sha256": "0" * 64}}}
    missing = f"gast==0.4.0 --hash=sha256:{'1' * 64}\n"
    (line,) = here.fetch(six + source + missing, "3.8", silent)
    assert line.startswith("six==1.0 ")


def test_threads_that_want_the_same_wheel_download_it_once(
    server: IndexServer, here: Wheelhouse
) -> None:
    line = add(server, "tensorflow", b"x" * 3_000_000)
    houses = [Wheelhouse(here.folder) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda each: each.fetch(line, "3.8", silent), houses))
    assert [len(lines) for lines in found] == [1] * 4
    assert len(downloads(server)) == 1


def test_a_wheel_that_is_not_what_was_promised_is_not_kept(
    server: IndexServer, here: Wheelhouse
) -> None:
    line = add(server, "six", b"six")
    server.contents[f"six-1.0-{ANY}.whl"] = b"sox"
    assert here.fetch(line, "3.8", silent) == ()
    assert [path for path in here.folder.iterdir() if path.is_file()] == []
    server.contents[f"six-1.0-{ANY}.whl"] = b"six"
    assert len(here.fetch(line, "3.8", silent)) == 1


def test_a_wheel_that_was_damaged_here_is_fetched_again(
    server: IndexServer, here: Wheelhouse
) -> None:
    line = add(server, "six", b"six")
    here.fetch(line, "3.8", silent)
    wheel = here.folder / f"six-1.0-{ANY}.whl"
    wheel.write_bytes(b"sox")
    here.doubt(line, "3.8")
    assert len(here.fetch(line, "3.8", silent)) == 1
    assert wheel.read_bytes() == b"six"
    wheel.unlink()  # by hand
    assert len(here.fetch(line, "3.8", silent)) == 1
    assert len(downloads(server)) == 3


def test_an_index_out_of_reach_is_asked_once_and_is_no_error(
    server: IndexServer, here: Wheelhouse
) -> None:
    line = add(server, "six", b"six")
    server.failures = 100
    assert here.fetch(line, "3.8", silent) == ()
    asked = len(server.asked)
    assert here.fetch(line, "3.8", silent) == ()
    assert len(server.asked) == asked
    server.failures = 0  # the next run finds it again: nothing wrong was noted
    assert len(Wheelhouse(here.folder).fetch(line, "3.8", silent)) == 1


def test_stopping_ends_a_download(server: IndexServer, here: Wheelhouse) -> None:
    line = add(server, "six", b"six")
    children = processes.Children()
    children.stop()
    with children.owning(), pytest.raises(processes.Stopped):
        here.fetch(line, "3.8", silent)
    assert len(here.fetch(line, "3.8", silent)) == 1


def test_progress_is_told_in_bytes(
    server: IndexServer, here: Wheelhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = add(server, "six", b"six") + add(server, "numpy", b"n" * 4_000_000)
    half, go_on, sha256 = threading.Event(), threading.Event(), hashlib.sha256

    class Slow:
        """Waits before the last piece of the large one."""

        def __init__(self) -> None:
            self._digest, self._bytes = sha256(), 0

        def update(self, piece: bytes) -> None:
            self._bytes += len(piece)
            if self._bytes > 3 << 20:
                half.set()
                assert go_on.wait(60)
            self._digest.update(piece)

        def hexdigest(self) -> str:
            return self._digest.hexdigest()

    told: list[tuple[str, int, int]] = []

    def tell(name: str, done: int, total: int) -> None:
        told.append((name, done, total))
        if half.is_set():
            go_on.set()

    monkeypatch.setattr(wheel_cache.hashlib, "sha256", lambda *of: sha256(*of) if of else Slow())
    here.fetch(lines, "3.8", tell)
    name, done, total = told[-1]
    assert (name, total) == ("numpy", 4_000_003)
    assert 3 << 20 <= done < total


# How uv is set up --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "yes"),
    [
        ({}, True),
        ({"UV_DEFAULT_INDEX": "own=https://example.org/simple"}, True),
        ({"UV_DEFAULT_INDEX": "file:///srv/simple"}, False),
        ({"UV_OFFLINE": "1"}, False),
    ],
)
def test_what_only_uv_understands_is_left_to_uv(settings: dict[str, str], yes: bool) -> None:
    assert wheels.understood({"HOME": "/nonexistent", **settings}) is yes


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ('[[index]]\nurl = "https://example.org"\n', False),
        ('index-url = "https://example.org"\n', False),
        ("[pip]\nno-index = true\n", False),
        ('link-mode = "copy"\n', True),
    ],
)
def test_an_index_in_uvs_own_file_is_uvs_affair(machine: Path, text: str, yes: bool) -> None:
    file = machine / ".config" / "uv" / "uv.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert (wheels.here() is not None) is yes


# For image builds --------------------------------------------------------------------------------


def get(address: str) -> bytes:
    with urlopen(address, timeout=30) as answer:
        content: bytes = answer.read()
        return content


def test_builds_find_the_wheels_that_locks_want(server: IndexServer, here: Wheelhouse) -> None:
    here.fetch(add(server, "six", b"six"), "3.8", silent)
    (here.folder / "stray-1.0-py3-none-any.whl").write_bytes(b"nobody asked for it")
    serving = serve.serving(here)
    name, sha256 = f"six-1.0-{ANY}.whl", hashlib.sha256(b"six").hexdigest()
    page = get(serving.address).decode()
    assert f'href="{name}#sha256={sha256}"' in page
    assert "stray" not in page
    assert get(serving.address + name) == b"six"
    other = serving.address.replace(serving.word, "0" * 32)
    for path in (
        serving.address + "stray-1.0-py3-none-any.whl",
        serving.address + ".word",
        serving.address + "..%2Fcache",
        other,
        other + name,
    ):
        with pytest.raises(HTTPError, match="404"):
            get(path)


def test_the_address_is_the_same_next_time_unless_it_is_taken(here: Wheelhouse) -> None:
    first = serve.serving(here)
    assert serve.serving(here) is first
    second = serve.serving(Wheelhouse(here.folder))  # another run, at the same time
    assert second.word == first.word
    assert second.address != first.address
    for each in (first, second):
        each.shutdown()
        each.server_close()
    assert serve.serving(Wheelhouse(here.folder)).address == first.address


def shell(lines: str, **env: str) -> list[str]:
    command = ["sh", "-c", f'{lines}echo "$UV_FIND_LINKS $NO_PROXY"']
    env = {"PATH": "/usr/bin:/bin:/usr/local/bin", **env}
    return subprocess.run(command, env=env, capture_output=True, text=True).stdout.split()


class Build:
    """A build that fails with these logs, one after another."""

    def __init__(self, *logs: str) -> None:
        self.logs = list(logs)
        self.mores: list[str] = []

    def __call__(self, more: str = "") -> None:
        self.mores.append(more)
        if self.logs:
            raise PrepareError("no", log=self.logs.pop(0))


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What a daemon says of itself: that it is on this machine."""
    said: dict[str, object] = {"Name": docker_wheels.socket.gethostname()}
    monkeypatch.setattr("runner.engines.docker.daemon.info", lambda: said)
    return said


def environment(lock: str) -> Environment:
    target = plan.target(catalogue.load()[-1], Device.CPU)
    return Environment(target=target, requirements=lock, dockerfile="", key="")


def test_a_build_that_stumbles_over_a_wheel_here_is_made_without(
    server: IndexServer, daemon: dict[str, object]
) -> None:
    made = environment(add(server, "six", b"six"))
    here = wheels.here()
    assert here is not None
    address = serve.serving(here).address
    stumbling = Build(f"Failed to download six from {address}six.whl: hash mismatch")
    docker_wheels.with_wheels(made, silent, stumbling)
    assert [address in more for more in stumbling.mores] == [True, False]
    broken = Build("no space left on device")
    with pytest.raises(PrepareError):
        docker_wheels.with_wheels(made, silent, broken)
    assert len(broken.mores) == 1


@pytest.mark.parametrize(
    "differing", [{"Name": "docker-desktop"}, {"SecurityOptions": ["name=rootless"]}]
)
def test_daemons_elsewhere_download_themselves(
    server: IndexServer, daemon: dict[str, object], differing: dict[str, object]
) -> None:
    daemon.update(differing)
    build = Build()
    docker_wheels.with_wheels(environment(add(server, "six", b"six")), silent, build)
    assert build.mores == [""]
    assert server.asked == []
