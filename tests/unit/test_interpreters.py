"""Which interpreter is taken, from folders laid out as PATH, pyenv, conda and uv lay them out."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Callable

import pytest

from runner.machine import interpreters, processes
from runner.machine.interpreters import Interpreter

OWN = ".".join(platform.python_version_tuple()[:2])
Fake = Callable[..., Path]


@pytest.fixture(autouse=True)
def _bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No interpreter anywhere, and nothing remembered."""
    monkeypatch.setattr(interpreters, "_found", {})
    monkeypatch.setattr(interpreters, "_unfetchable", {})
    monkeypatch.setattr(interpreters, "_uv_root", lambda: tmp_path / "uv")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("PYENV_ROOT", "CONDA_EXE", "UV_PYTHON_DOWNLOADS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """Writes an executable that answers the probe as a Python of that version would."""

    def write(
        place: str, version: str, kind: str = "CPython", pointer: int = 8, free: str = "false"
    ) -> Path:
        path = tmp_path / place
        facts = f'["{version}", "{kind}", {pointer}, {free}, "{path}"]'
        return script(path, f"echo '{facts}'")

    return write


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_real_interpreter_is_found_where_it_really_lies(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / f"python{OWN}").symlink_to(sys.executable)
    found = interpreters.find_interpreter(OWN)
    assert found is not None
    assert (found.version, found.source) == (platform.python_version(), "PATH")


def test_there_may_be_none() -> None:
    assert interpreters.find_interpreter("3.7") is None


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("bin/python3.7", "PATH"),
        ("home/.pyenv/versions/3.7.16/bin/python3.7", "pyenv"),
        ("home/miniconda3/envs/old/bin/python3.7", "conda"),
        ("home/miniforge3/bin/python3.7", "conda"),
        ("uv/cpython-3.7.9-linux-x86_64-gnu/bin/python3.7", "uv"),
    ],
)
def test_where_interpreters_are_looked_for(fake: Fake, place: str, source: str) -> None:
    path = fake(place, "3.7.16")
    assert interpreters.find_interpreter("3.7") == Interpreter(
        path=path, version="3.7.16", source=source
    )


def test_pyenv_and_conda_may_be_elsewhere(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "other"))
    monkeypatch.setenv("CONDA_EXE", str(tmp_path / "conda" / "bin" / "conda"))
    listed = fake("listed/bin/python3.8", "3.8.1")
    (tmp_path / "home" / ".conda").mkdir(parents=True)
    (tmp_path / "home" / ".conda" / "environments.txt").write_text(f"{listed.parents[1]}\n")
    expected = {
        "3.6": fake("other/versions/3.6.15/bin/python3.6", "3.6.15"),
        "3.7": fake("conda/envs/x/bin/python3.7", "3.7.1"),
        "3.8": listed,
    }
    for python, path in expected.items():
        found = interpreters.find_interpreter(python)
        assert found is not None
        assert found.path == path


def test_the_newest_patch_of_pyenv_comes_first(fake: Fake) -> None:
    for version in ("3.8.9", "3.8.18", "3.8.10"):
        fake(f"home/.pyenv/versions/{version}/bin/python3.8", version)
    found = interpreters.find_interpreter("3.8")
    assert found is not None
    assert found.version == "3.8.18"


def test_a_shim_that_stands_for_nothing_is_passed_over(fake: Fake, tmp_path: Path) -> None:
    script(tmp_path / "bin" / "python3.7", "echo 'pyenv: command not found' >&2; exit 127")
    path = fake("home/.pyenv/versions/3.7.16/bin/python3.7", "3.7.16")
    found = interpreters.find_interpreter("3.7")
    assert found is not None
    assert found.path == path


@pytest.mark.parametrize(
    "facts",
    [
        {"version": "3.11.7"},
        {"version": "3.7.16", "kind": "PyPy"},
        {"version": "3.7.16", "pointer": 4},
        {"version": "3.7.16", "free": "true"},
    ],
    ids=["another version", "another Python", "32 bits", "free-threaded"],
)
def test_what_cannot_run_tensorflow_is_passed_over(fake: Fake, facts: dict[str, object]) -> None:
    fake("bin/python3.7", **facts)
    assert interpreters.find_interpreter("3.7") is None


@pytest.mark.parametrize("body", ["exit 0", "echo '{'", "echo '[1]'", "kill -SEGV $$"])
def test_what_does_not_answer_is_passed_over(tmp_path: Path, body: str) -> None:
    script(tmp_path / "bin" / "python3.7", body)
    assert interpreters.find_interpreter("3.7") is None


def test_what_cannot_be_executed_is_passed_over(tmp_path: Path) -> None:
    script(tmp_path / "bin" / "python3.7", "exit 1").chmod(0o644)
    script(tmp_path / "bin" / "python3.8", "").write_bytes(b"\x7fELF, or so it says")
    assert interpreters.find_interpreter("3.7") is None
    assert interpreters.find_interpreter("3.8") is None


@pytest.mark.parametrize("place", ["locked", "locked/below", "n" * 300])
def test_folders_that_cannot_be_read_are_passed_over(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "locked" / "below").mkdir(parents=True)
    (tmp_path / "locked").chmod(0)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / place))
    monkeypatch.setenv("CONDA_EXE", str(tmp_path / place / "bin" / "conda"))
    path = fake("uv/cpython-3.8.20-linux-x86_64-gnu/bin/python3.8", "3.8.20")
    found = interpreters.find_interpreter("3.8")
    (tmp_path / "locked").chmod(0o755)
    assert found is not None
    assert found.path == path


def test_what_uv_could_not_fetch_is_told_with_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "error: Failed to install cpython-3.10\n  cause: Request failed\n  cause: dns error"
    uv = script(tmp_path / "uv-that-fails", f"echo '{lines}' >&2; exit 1")
    monkeypatch.setattr(interpreters, "uv_command", lambda: str(uv))
    assert interpreters.obtain_interpreter("3.10") == (
        None,
        "Failed to install cpython-3.10: dns error",
    )


def test_the_first_pythons_are_not_fetched() -> None:
    assert interpreters.obtain_interpreter("3.7") == (None, interpreters.TOO_OLD)


def test_nothing_is_fetched_where_the_user_forbids_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    assert interpreters.obtain_interpreter("3.8") == (None, "UV_PYTHON_DOWNLOADS=never")


def test_a_failed_fetch_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def fetch(python: str) -> str:
        tries.append(python)
        return "no network"

    monkeypatch.setattr(interpreters, "_fetch", fetch)
    assert interpreters.obtain_interpreter("3.8") == (None, "no network")
    assert interpreters.obtain_interpreter("3.8") == (None, "no network")
    assert tries == ["3.8"]


def test_what_uv_fetched_is_used(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(python: str) -> str:
        fake(f"uv/cpython-{python}.20-linux-x86_64-gnu/bin/python{python}", f"{python}.20")
        return ""

    monkeypatch.setattr(interpreters, "_fetch", fetch)
    found, why_not = interpreters.obtain_interpreter("3.8")
    assert (found and found.version, why_not) == ("3.8.20", "")


def test_uv_hears_of_the_index_but_of_nothing_that_changes_what_it_resolves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed = {"UV_INDEX_URL": "x", "UV_CACHE_DIR": "x", "HTTPS_PROXY": "x", "SSL_CERT_FILE": "x"}
    dropped = "UV_EXCLUDE_NEWER UV_PRERELEASE UV_PYTHON UV_CONSTRAINT UV_NO_BUILD VIRTUAL_ENV"
    dropped += " CONDA_PREFIX PYTHONDONTWRITEBYTECODE PYTHONPATH SOURCE_DATE_EPOCH"
    for name in (*passed, *dropped.split()):
        monkeypatch.setenv(name, "x")
    environment = interpreters.uv_environment()
    assert passed.items() <= environment.items()
    assert not set(dropped.split()) & set(environment)
    assert environment["HOME"] == os.environ["HOME"]


def test_a_working_interpreter_is_not_run_again_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / f"python{OWN}"
    link.symlink_to(sys.executable)
    first = interpreters.find_interpreter(OWN)
    monkeypatch.setattr(interpreters, "_found", {})
    monkeypatch.setattr(processes, "run", _refuse)
    assert interpreters.find_interpreter(OWN) == first
    monkeypatch.setattr(interpreters, "_found", {})
    link.unlink()
    link.symlink_to("/bin/true")
    with pytest.raises(AssertionError, match="was run"):
        interpreters.find_interpreter(OWN)


def test_a_script_is_always_run(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake("bin/python3.7", "3.7.16")
    assert interpreters.find_interpreter("3.7") is not None
    monkeypatch.setattr(interpreters, "_found", {})
    fake("bin/python3.7", "3.7.17")
    found = interpreters.find_interpreter("3.7")
    assert found is not None
    assert found.version == "3.7.17"


def test_shims_of_pyenv_are_passed_over_for_what_they_stand_for(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "home" / ".pyenv" / "shims"))
    fake("home/.pyenv/shims/python3.7", "3.7.16")
    path = fake("home/.pyenv/versions/3.7.16/bin/python3.7", "3.7.16")
    assert interpreters.find_interpreter("3.7") == Interpreter(
        path=path, version="3.7.16", source="pyenv"
    )


def _refuse(command: list[str], **_: object) -> None:
    raise AssertionError(f"{command[0]} was run")


@pytest.mark.parametrize(("home", "own"), [("home", False), ("file/home", True)])
def test_uv_has_folders_in_our_cache_where_the_home_folder_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str, own: bool
) -> None:
    (tmp_path / "file").touch()
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "UV_CACHE_DIR", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / home))
    cache = tmp_path / "cache"
    monkeypatch.setenv("TFMATRIX_CACHE", str(cache))
    expected = {
        "UV_CACHE_DIR": str(cache / "packages"),
        "UV_PYTHON_INSTALL_DIR": str(cache / "pythons"),
    }
    environment = interpreters.uv_environment()
    assert {name: environment.get(name) for name in expected} == (
        expected if own else dict.fromkeys(expected)
    )
    monkeypatch.setenv("UV_CACHE_DIR", "asked")
    assert interpreters.uv_environment()["UV_CACHE_DIR"] == "asked"
