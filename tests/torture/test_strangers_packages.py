"""Packages whose making runs their author's code, named in every way that a package can be named:
whatever command is given, none of that code runs on this machine."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest

from runner.environments import resolve
from runner.errors import LockError
from runner.model import Verdict
from tests.torture.machines.index import wheel
from tests.torture.machines.world import NAMESPACE, Said, World, world
from tests.unit import index_server

BACKEND = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
PROJECT = '[project]\nname = "evil"\nversion = "1.0"\n'
STATIC = "Metadata-Version: 2.2\nName: evil\nVersion: 1.0\n"


def attack(canary: Path) -> str:
    return f"open({str(canary)!r}, 'a').write(__file__ + '\\n')\n"


def sources(canary: Path) -> Mapping[str, Mapping[str, str]]:
    """Source distributions by what they say of themselves → their files."""
    code = attack(canary)
    setup = f"{code}from setuptools import setup\nsetup(name='evil', version='1.0')\n"
    return {
        "a setup.py": {"setup.py": setup},
        "metadata that only a build tells": {
            "PKG-INFO": STATIC + "Dynamic: Requires-Dist\n",
            "pyproject.toml": f'{BACKEND}{PROJECT}dynamic = ["dependencies"]\n',
            "backend.py": code,
            "setup.py": setup,
        },
        "metadata that are known": {
            "PKG-INFO": STATIC,
            "pyproject.toml": BACKEND + PROJECT,
            "backend.py": code,
        },
    }


def packed(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"evil-1.0/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[World]:
    if subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode != 0:
        pytest.skip("no namespaces may be made here")
    with world(tmp_path / "world") as made:
        made.prefix = NAMESPACE
        yield made


ONE = ("--tf", "2.1.0")
RUN = ("--engine", "local", "--allow-no-tensorflow", *ONE)
NAMED = {
    "in the matrix": ((), ""),
    "with": (("script.py", "--with", "evil==1.0"), ""),
    "in a file": (("script.py", "-r", "requirements.txt"), ""),
    "in the script": (("script.py",), '# /// script\n# dependencies = ["evil==1.0"]\n# ///\n'),
    "in a project": (("script.py", "--project", "project"), ""),
}


def told(place: World, name: str) -> tuple[str, ...]:
    """The words that name the package in this way, for every verb."""
    words, head = NAMED[name]
    matrix = place.home / "matrix.yaml"
    if name == "in the matrix":
        asked = '    requirements: {">=2.0": ["evil==1.0"]}\n'
        matrix.write_text(matrix.read_text("utf-8") + asked, "utf-8")
    (place.home / "script.py").write_text(f"{head}import sys\nsys.exit(0)\n", "utf-8")
    (place.home / "requirements.txt").write_text("evil==1.0\n", "utf-8")
    (place.home / "project").mkdir()
    (place.home / "project" / "pyproject.toml").write_text(
        f'{BACKEND}[project]\nname = "mine"\ndependencies = ["evil==1.0"]\n', "utf-8"
    )
    (place.home / "project" / "backend.py").write_text(attack(place.folder / "canary"), "utf-8")
    return words


@pytest.mark.torture
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMED)
def test_no_command_runs_what_a_package_runs_when_it_is_made(place: World, name: str) -> None:
    canary = place.folder / "canary"
    words = told(place, name)
    for files in sources(canary).values():
        place.index.wheels["evil-1.0.tar.gz"] = packed(files)
        for verb in (
            ("plan", *words, *ONE),
            ("render", *words, *ONE),
            ("lock", *words, *ONE, "--no-prove"),
            ("lock", *words, *ONE),
            ("build", *words, *ONE, "--engine", "local"),
            ("run", *words, *RUN),
            ("doctor",),
        ):
            said = place.tool(*verb)
            check(said, canary)
        for result in place.latest().results:
            assert result.outcome.verdict is Verdict.ERROR
            assert "evil" in result.outcome.reason


@pytest.mark.torture
@pytest.mark.timeout(120)
def test_an_older_wheel_is_taken_and_the_newer_source_is_not(place: World) -> None:
    canary = place.folder / "canary"
    file, content = wheel("evil", "0.9", {"evil.py": ""})
    newer = sources(canary)["a setup.py"]
    place.index.wheels.update({file: content, "evil-1.0.tar.gz": packed(newer)})
    (place.home / "script.py").write_text("import evil\n", "utf-8")
    check(place.run("script.py", "--with", "evil", *ONE), canary)


@pytest.mark.torture
@pytest.mark.timeout(120)
@pytest.mark.parametrize("broken", ["no archive", "no name", "a bomb"])
def test_a_wheel_that_is_none_is_an_error_of_its_cells(place: World, broken: str) -> None:
    file, content = wheel("evil", "1.0", {"evil.py": ""})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../../evil.py", "" if broken == "no name" else "\0" * (64 << 20))
    place.index.wheels[file] = content[:100] if broken == "no archive" else buffer.getvalue()
    (place.home / "script.py").write_text("import evil\n", "utf-8")
    said = place.run("script.py", "--with", "evil==1.0", *ONE)
    assert said.code == 3, said
    check(said, place.folder / "canary")
    assert not list(place.folder.rglob("evil.py"))


@pytest.mark.tensorflow
@pytest.mark.timeout(60)
def test_an_index_that_sends_a_byte_now_and_then_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = resolve.LockRequest(
        python="3.10", requirements=("evil==1.0",), as_of=date(2024, 1, 1)
    )
    monkeypatch.setattr(resolve, "PATIENCE", 2.0)
    with index_server.serving() as server:
        monkeypatch.setenv("UV_DEFAULT_INDEX", server.url)
        server.add("evil", "1.0")
        server.drip = 0.5
        with pytest.raises(LockError, match="does not come to an end within 2 s"):
            resolve.resolve_lock(request)


def check(said: Said, canary: Path) -> None:
    assert not canary.exists(), (canary.read_text("utf-8"), said)
    assert said.code in (0, 2, 3), said
    assert "Traceback" not in said.err, said
    assert "a bug of tfmatrix" not in said.err, said
