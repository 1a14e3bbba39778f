"""What holds for every test: none reaches outside unless its mark says so, and none that could not
run here goes unnoticed.

- A test without the marks `browser`, `docker` and `tensorflow` that connects to another machine, or
  starts docker, dockerd or uv, fails with "mark this test".
- A test with such a mark is skipped where there is no Chromium, daemon or uv, and listed at the
  end; with CI=true or TFMATRIX_REQUIRE_DOCKER=1 it fails instead: there, nothing may be left out
  silently.
- `golden(path, text)` compares with a committed file; TFMATRIX_ACCEPT=1 writes the file.
"""

from __future__ import annotations

import difflib
import functools
import importlib.util
import ipaddress
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Optional

import pytest
from hypothesis import settings

# On a busy machine any example may take long, which says nothing about the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

ROOT = Path(__file__).parents[1]
FORBIDDEN = frozenset({"docker", "dockerd", "podman", "uv", "uvx"})


# --- Unmarked tests stay inside --------------------------------------------------------------


class Fence:
    """Refuses, while it is up, what reaches outside. Audit hooks see every way of doing it (the C
    level too), but cannot be removed: hence one hook, and a switch."""

    up = False
    crossed: list[str] = []  # noqa: RUF012 - one fence for the whole process

    @classmethod
    def hook(cls, event: str, args: tuple[Any, ...]) -> None:
        if not cls.up:
            return
        check = CHECKS.get(event)
        what = check(*args) if check else None
        if what:
            cls.crossed.append(what)
            # Not an Exception: code under test that asks "is Docker there?" must not swallow it.
            pytest.fail(f"{what}: mark this test `docker` or `tensorflow`")


def _connects(_socket: Any, address: Any) -> Optional[str]:
    if isinstance(address, (str, bytes)):
        path = os.fsdecode(address)
        return f"connects to {path}" if path.endswith(("docker.sock", "podman.sock")) else None
    if isinstance(address, tuple) and not _is_local(str(address[0])):
        return f"connects to {address[0]}"
    return None


def _looks_up(host: Any, *_: Any) -> Optional[str]:
    name = os.fsdecode(host) if isinstance(host, (str, bytes)) else ""
    return None if _is_local(name) else f"looks up {name}"


def _is_local(host: str) -> bool:
    if host in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _starts(executable: Any, args: Any = (), *_: Any) -> Optional[str]:
    words = [os.fsdecode(word) for word in [args] if isinstance(word, (str, bytes))]
    words = words or [os.fsdecode(word) for word in args or ()]
    program = os.fsdecode(executable) if executable else ""
    if len(words) > 2 and words[1] == "-c" and Path(words[0]).name in ("sh", "bash"):
        return _runs_in_shell(words[2])
    if words[1:2] == ["-m"] and words[2:3] and words[2] in FORBIDDEN:
        return f"starts {words[2]}"
    names = {Path(each).name for each in (program, *words[:1]) if each}
    return f"starts {min(names & FORBIDDEN)}" if names & FORBIDDEN else None


def _runs_in_shell(command: Any) -> Optional[str]:
    try:
        words = shlex.split(os.fsdecode(command))
    except ValueError:
        return None
    names = {Path(word).name for word in words[:1]}
    return f"starts {min(names & FORBIDDEN)}" if names & FORBIDDEN else None


CHECKS: dict[str, Callable[..., Optional[str]]] = {
    "socket.connect": _connects,
    "socket.sendto": _connects,
    "socket.getaddrinfo": _looks_up,
    "socket.gethostbyname": _looks_up,
    "subprocess.Popen": _starts,
    "os.posix_spawn": _starts,
    "os.exec": _starts,
    "os.system": _runs_in_shell,
}
sys.addaudithook(Fence.hook)


@pytest.fixture(autouse=True)
def fence(request: pytest.FixtureRequest) -> Iterator[None]:
    if any(request.node.get_closest_marker(mark) for mark in NEEDS):
        yield
        return
    Fence.crossed.clear()
    Fence.up = True
    try:
        yield
    finally:
        Fence.up = False
    # A thread, or code that catches everything, may have hidden it.
    assert not Fence.crossed, f"{Fence.crossed}: mark this test `docker` or `tensorflow`"


# --- Marked tests say loudly when they cannot run --------------------------------------------


@functools.lru_cache(maxsize=1)
def no_docker() -> Optional[str]:
    """Why tests that need a Docker daemon cannot run here."""
    import docker

    try:
        client = docker.from_env(timeout=10)
        try:
            client.ping()
        finally:
            client.close()
    except Exception as error:  # the SDK raises requests' and urllib3's errors as well as its own
        return f"no Docker daemon answers ({type(error).__name__})"
    return None


@functools.lru_cache(maxsize=1)
def no_uv() -> Optional[str]:
    """Why tests that install TensorFlow cannot run here."""
    import uv

    try:
        uv.find_uv_bin()
    except FileNotFoundError:
        return "uv is not installed"
    return None


@functools.lru_cache(maxsize=1)
def chromium() -> Optional[str]:
    """The browser that reports are tested in; Debian's package is called chromium."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next(filter(None, found), None)


@functools.lru_cache(maxsize=1)
def no_browser() -> Optional[str]:
    """Why tests that look at reports in a real browser cannot run here."""
    if importlib.util.find_spec("playwright") is None:
        return "the Python package playwright is not installed"
    return None if chromium() else "there is no Chromium"


NEEDS: dict[str, Callable[[], Optional[str]]] = {
    "browser": no_browser,
    "docker": no_docker,
    "tensorflow": no_uv,
}


ASKED_FOR = {
    "parity": "forked cells against fresh processes, all of them; see `make parity`",
    "torture": "one of many hostile scripts or failing machines; see `make torture`",
}
"""Marks of tests that take long, and run only where `-m` names them."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: looks at reports in Chromium, through Playwright")
    for mark, about in ASKED_FOR.items():
        config.addinivalue_line("markers", f"{mark}: {about}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marks = [mark for mark in ASKED_FOR if mark not in (config.option.markexpr or "")]
    left_out = {item for item in items if any(item.get_closest_marker(mark) for mark in marks)}
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


def required() -> bool:
    on = ("1", "true")
    return any(os.environ.get(name, "").lower() in on for name in ("CI", "TFMATRIX_REQUIRE_DOCKER"))


@contextmanager
def own_disk(folder: Path, size: str) -> Iterator[Path]:
    """`folder` as a file system of its own, of `size` (`64m`), in memory."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        if required():
            raise PermissionError(done.stderr)
        pytest.skip(f"LEFT OUT: no file system can be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark, why_not in NEEDS.items():
        reason = why_not() if item.get_closest_marker(mark) else None
        if reason and required():
            pytest.fail(f"{reason}, and CI or TFMATRIX_REQUIRE_DOCKER says that it must be there")
        if reason:
            pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reasons: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        reasons.setdefault(str(reason).replace("Skipped: ", "", 1), []).append(report.nodeid)
    if not reasons:
        return
    terminalreporter.section("NOT TESTED HERE", sep="!", red=True, bold=True)
    for reason, tests in sorted(reasons.items()):
        terminalreporter.line(f"{len(tests)} TESTS: {reason.upper()}", red=True)
        for test in sorted(tests):
            terminalreporter.line(f"  {test}")


# --- Several workers at once -----------------------------------------------------------------

ONE_AFTER_THE_OTHER = {
    "tests/engines/test_agent_alone.py": "processes",
    "tests/engines/test_local.py": "processes",
    "tests/engines/test_build_cache.py": "daemon",
    "tests/engines/test_clean.py": "daemon",
    "tests/engines/test_docker.py": "daemon",
    "tests/engines/test_exchange.py": "daemon",
    "tests/engines/test_wheel_build.py": "daemon",
    "tests/engines/test_podman.py": "daemon",
    "tests/engines/test_rootless.py": "daemon",
    "tests/engines/test_same_world.py": "daemon",
    "tests/engines/test_tensorflow.py": "daemon",
    "tests/torture/machines/test_docker.py": "daemon",
    "tests/torture/machines/test_killing.py": "daemon",
    "tests/torture/test_hostile.py": "daemon",
    "tests/torture/test_names.py": "daemon",
}
"""What a machine has only once, and the files whose tests look at all of it: the Docker daemon's
images and containers, or every process. Such tests never run beside each other."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n`, one worker takes a whole file (fixtures of modules are made once)."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return ONE_AFTER_THE_OTHER.get(file, file)

    return ByFile(config, log)


# --- Goldens ---------------------------------------------------------------------------------


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compares a text with a committed file. A failure prints the command that accepts the text."""

    def compare(path: Path, text: str) -> None:
        if os.environ.get("TFMATRIX_ACCEPT"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        expected = path.read_text(encoding="utf-8") if path.exists() else None
        command = f"TFMATRIX_ACCEPT=1 python -m pytest '{request.node.nodeid}'"
        place = path.relative_to(ROOT)
        if text != expected:  # pytest itself would compare large texts for minutes
            lines = difflib.unified_diff(
                (expected or "").splitlines(), text.splitlines(), "golden", "now", lineterm="", n=1
            )
            shown = "\n".join(line[:300] for line in islice(lines, 60))
            pytest.fail(f"{place} differs; to accept the new text:\n  {command}\n{shown}", False)

    return compare
