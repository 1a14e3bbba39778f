"""The local engine: real environments, made once, whole or not at all; and all of the subjects."""

from __future__ import annotations

import hashlib
import platform
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from runner import paths
from runner.cells.agent_messages import Request
from runner.cells.session import Session
from runner.engines.base import Phase, Workspace
from runner.engines.local import engine as local
from runner.engines.local import packages, venv
from runner.engines.local.engine import LocalEngine
from runner.environments import locks
from runner.errors import LockError, PrepareError
from runner.machine import interpreters
from runner.machine.items import Removable
from runner.matrix import plan
from runner.model import Device, Environment, Limits, Target
from runner.releases import catalogue
from tests.engines import conformance

SMALL = "1.13.2"
"""The release that is installed and imported the fastest."""
PYTHONS = ("1.12.3", "1.15.5", "2.9.3")
"""A release for each Python that subjects may notice: 3.6, 3.7 and 3.10."""
ERAS = ("1.12.3", "1.15.5", "2.9.3", "2.16.2", "2.21.0")
"""The oldest, the last of 1.x, one of 2.x, the first with Keras 3, and the newest."""


def target(version: str, device: Device = Device.CPU, *requirements: str) -> Target:
    release = catalogue.find_release(catalogue.load_releases(), version)
    assert release is not None
    return plan.target(release, device, requirements)


def environment(version: str, *requirements: str) -> Environment:
    return locks.environment(target(version, Device.CPU, *requirements))


class Diary:
    """Progress, noted down."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    def __call__(self, phase: Phase) -> None:
        self.phases.append(phase.what)


# What it can run here -----------------------------------------------------------------------


def test_without_the_interpreter_a_release_is_refused_with_the_command_that_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interpreters, "find_interpreter", lambda python: None)
    monkeypatch.setattr(
        interpreters, "obtain_interpreter", lambda python: (None, interpreters.TOO_OLD)
    )
    assert LocalEngine().refuses(target("1.15.5")) == (
        "no Python 3.7 on this machine: `pyenv install 3.7` or `conda create -n py3.7 python=3.7`,"
        " or use --engine docker"
    )
    monkeypatch.setattr(interpreters, "obtain_interpreter", lambda python: (None, "dns error"))
    assert LocalEngine().refuses(target("2.9.3")) == (
        "no Python 3.10 on this machine: `uv python install 3.10` (dns error)"
    )


@pytest.mark.tensorflow  # it starts uv
def test_uv_says_why_it_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "_found", {})
    monkeypatch.setattr(interpreters, "_unfetchable", {})
    monkeypatch.setattr(interpreters, "interpreter_candidates", lambda python: iter(()))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    found, why_not = interpreters.obtain_interpreter("3.12")
    assert found is None
    assert why_not.startswith("Failed to install cpython-3.12")
    assert ": " in why_not


def test_another_python_of_the_release_that_is_here_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = interpreters.Interpreter(path=Path("/python"), version="3.11.2", source="PATH")
    found = {"3.11": here, "3.13": here}
    monkeypatch.setattr(interpreters, "obtain_interpreter", lambda python: (None, "dns error"))
    monkeypatch.setattr(interpreters, "find_interpreter", found.get)
    assert str(LocalEngine().refuses(target("2.15.1"))).endswith(
        "(dns error); Python 3.11 is here: --vary python=3.11"
    )
    assert str(LocalEngine().refuses(target("2.9.3"))).endswith("(dns error)")


@pytest.mark.parametrize(
    ("system", "machine"), [("Darwin", "arm64"), ("Linux", "aarch64"), ("Windows", "AMD64")]
)
def test_elsewhere_than_on_linux_x86_64_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    reason = LocalEngine().unavailable()
    assert reason is not None
    assert f"this is {system} on {machine}" in reason
    assert LocalEngine().refuses(target("2.9.3")) == reason


@pytest.mark.parametrize(
    ("version", "driver", "reason"),
    [
        ("2.21.0", False, "no NVIDIA driver is loaded on this machine"),
        (
            "2.9.3",
            True,
            "the CUDA 11.2 libraries of the image tensorflow/tensorflow:2.9.3-gpu",
        ),
        ("2.15.0", True, "its and-cuda extra asks for tensorrt-libs"),
    ],
)
def test_cuda_needs_a_driver_and_its_libraries(
    monkeypatch: pytest.MonkeyPatch, version: str, driver: bool, reason: str
) -> None:
    monkeypatch.setattr(local, "_has_driver", lambda: driver)
    assert reason in (LocalEngine().refuses(target(version, Device.CUDA)) or "")


# Making and removing --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("environments")


@pytest.fixture(scope="module")
def small() -> Environment:
    return environment(SMALL)


@pytest.fixture(scope="module")
def made(root: Path, small: Environment) -> tuple[Path, list[Diary]]:
    """An environment that two runs prepare at once, over the rest of one that was interrupted."""
    folder = LocalEngine(root)._folder(small)
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "rest").write_text("half-made")
    diaries = [Diary(), Diary()]
    threads = [
        threading.Thread(target=LocalEngine(root).prepare, args=(small, diary)) for diary in diaries
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return folder, diaries


def environments(engine: LocalEngine) -> list[Removable]:
    """Those it lists; packages that none uses may lie in the cache from before."""
    return [item for item in engine.inventory() if item.kind == "environment"]


@pytest.mark.tensorflow
class TestAnEnvironment:
    def test_is_made_once(self, made: tuple[Path, list[Diary]]) -> None:
        first, second = sorted((diary.phases for diary in made[1]), key=len)
        assert first == ["waiting"]
        assert [second[0], *second[-3:]] == ["creating", "installing", "compiling", "checking"] or (
            "downloading" in second
        )

    def test_replaces_what_was_half_made(
        self, root: Path, small: Environment, made: tuple[Path, list[Diary]]
    ) -> None:
        folder, _ = made
        assert LocalEngine(root).prepared(small)
        assert not (folder / "lib" / "rest").exists()
        assert (folder / "requirements.txt").read_text(encoding="utf-8") == locks.for_installers(
            small.requirements
        )

    def test_is_compiled(self, made: tuple[Path, list[Diary]]) -> None:
        packages = venv.packages(made[0])
        modules = list((packages / "tensorflow" / "python").rglob("*.py"))
        compiled = list((packages / "tensorflow" / "python").rglob("*.pyc"))
        assert len(modules) > 500
        assert len(compiled) == len(modules)

    def test_keeps_its_bytecode_for_other_environments(
        self, made: tuple[Path, list[Diary]]
    ) -> None:
        python = venv.packages(made[0]) / "tensorflow" / "python"
        own = {hashlib.sha256(each.read_bytes()).hexdigest() for each in python.rglob("*.py")}
        kept = {each.name.partition("-")[0] for each in paths.bytecode().glob("3.*/*-*")}
        assert len(own) > 400
        assert own <= kept

    def test_is_linked_from_a_cache_of_ours(
        self, root: Path, small: Environment, made: tuple[Path, list[Diary]]
    ) -> None:
        library = next(made[0].rglob("_pywrap_tensorflow_internal.so"))
        # Other processes may remove packages of theirs meanwhile, which glob does not bear.
        unpacked = {facts.st_ino for facts in packages._facts(paths.packages())}
        assert library.stat().st_ino in unpacked
        assert packages.shared_size(made[0]) <= LocalEngine(root).disk_size(small)

    def test_counts_as_not_prepared_when_its_interpreter_is_gone(
        self, root: Path, small: Environment, made: tuple[Path, list[Diary]]
    ) -> None:
        python = made[0] / "bin" / "python"
        real = python.readlink()
        python.unlink()
        python.symlink_to(root / "uninstalled")
        assert not LocalEngine(root).prepared(small)
        python.unlink()
        python.symlink_to(real)
        assert LocalEngine(root).prepared(small)

    def test_shows_scripts_nothing_of_the_caller(
        self,
        root: Path,
        small: Environment,
        made: tuple[Path, list[Diary]],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name in ("SECRET_TOKEN", "PYTHONPATH", "LD_PRELOAD", "http_proxy"):
            monkeypatch.setenv(name, "x")
        (tmp_path / "my.py").write_text(
            "import json, os, sys\n"
            "print('::observe names=' + json.dumps(sorted(os.environ)))\n"
            "print('::observe prefix=' + json.dumps(sys.prefix))\n"
        )
        channel = LocalEngine(root).start_agent(
            small, Workspace(folder=tmp_path, script="my.py"), Limits(timeout=60)
        )
        session = Session(channel)
        facts = session.run(Request(script=f"{channel.root}/my.py", limits=Limits(timeout=60)))
        session.close()
        assert facts.exit_code == 0, facts
        assert facts.observations["prefix"] == str(made[0])
        assert not {"SECRET_TOKEN", "PYTHONPATH", "LD_PRELOAD", "http_proxy"} & set(
            facts.observations["names"]  # type: ignore[arg-type]
        )

    def test_is_listed_and_removed_and_nothing_else_is(
        self, root: Path, small: Environment, made: tuple[Path, list[Diary]]
    ) -> None:
        engine = LocalEngine(root)
        (root / "not-ours").mkdir()
        (item,) = environments(engine)
        assert (item.kind, item.name) == ("environment", str(made[0]))
        assert 0 < item.size <= engine.disk_size(small)
        item.remove()
        assert not engine.prepared(small)
        assert (root / "not-ours").is_dir()
        assert environments(engine) == []
        engine.remove(small)
        with pytest.raises(PrepareError, match="is gone"):
            engine.start_agent(small, Workspace(folder=root, script="x.py"), Limits())


@pytest.mark.tensorflow
def test_a_package_with_another_hash_is_not_installed(tmp_path: Path, small: Environment) -> None:
    lines = list(locks.lock_lines(small.requirements))
    forged = [
        line.split(" --hash")[0] + " --hash=sha256:" + "0" * 64
        if line.startswith("numpy==")
        else line
        for line in lines
    ]
    assert forged != lines
    wrong = evolve(small, requirements="\n".join(forged))
    with pytest.raises(PrepareError, match=r"could not be installed: .*[Hh]ash") as caught:
        LocalEngine(tmp_path).prepare(wrong, Diary())
    assert caught.value.log
    assert not LocalEngine(tmp_path).prepared(wrong)


def test_no_file_of_this_machine_stands_in_the_reason(tmp_path: Path) -> None:
    python = venv.python(tmp_path)
    python.parent.mkdir()
    said = "ImportError: cannot import name 'x' from 'inspect'"
    python.write_text(f'#!/bin/sh\necho "{said} (/opt/python/inspect.py)" >&2\nexit 1\n')
    python.chmod(0o755)
    with pytest.raises(PrepareError) as caught:
        venv.prove_import(tmp_path, "2.12.1")
    assert caught.value.message == (f"TensorFlow 2.12.1 does not work in its environment: {said}")


@pytest.mark.tensorflow
def test_a_tensorflow_that_does_not_import_is_no_environment(
    tmp_path: Path, small: Environment
) -> None:
    kept = [line for line in locks.lock_lines(small.requirements) if not line.startswith("numpy==")]
    wrong = evolve(small, requirements="\n".join(kept))
    with pytest.raises(PrepareError, match=r"does not work in its environment: .*numpy"):
        LocalEngine(tmp_path).prepare(wrong, Diary())
    assert not LocalEngine(tmp_path).prepared(wrong)


@pytest.mark.tensorflow
def test_what_a_users_packages_do_to_tensorflow_is_for_scripts_to_say(
    tmp_path: Path, small: Environment
) -> None:
    kept = [line for line in locks.lock_lines(small.requirements) if not line.startswith("numpy==")]
    asked = evolve(small.target, requirements=("six",))
    broken = evolve(small, target=asked, requirements="\n".join(kept))
    LocalEngine(tmp_path).prepare(broken, Diary())
    assert LocalEngine(tmp_path).prepared(broken)


@pytest.mark.tensorflow
def test_packages_that_a_script_has_written_to_are_found_out_and_made_anew(
    tmp_path: Path, small: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, folder = tmp_path / "environments", tmp_path / "files"
    engine, files = LocalEngine(root), Workspace(folder=folder, script="my.py")
    folder.mkdir()
    (folder / "my.py").write_text(
        "import os, numpy\n"
        "path = os.path.join(os.path.dirname(numpy.__file__), 'version.py')\n"
        "os.unlink(path)  # else the file in uv's cache, which is the same, would change too\n"
        "open(path, 'w').close()\n"
    )
    engine.prepare(small, Diary())
    channel = engine.start_agent(small, files, Limits(timeout=60))
    session = Session(channel)
    assert channel.damage() is None
    facts = session.run(Request(script=f"{channel.root}/my.py", limits=Limits(timeout=60)))
    session.close()
    assert facts.exit_code == 0, facts
    assert "are not as they were installed (numpy): a script may" in (channel.damage() or "")
    assert not engine.prepared(small)
    with pytest.raises(PrepareError, match="is gone"):
        engine.start_agent(small, files, Limits())

    def make(*_: object, apart: bool) -> None:
        assert apart  # nothing is linked from the cache, which may be damaged too
        raise PrepareError("that was all")

    monkeypatch.setattr(venv, "make_venv", make)
    with pytest.raises(PrepareError, match="that was all"):
        engine.prepare(small, Diary())


# Locks, for real --------------------------------------------------------------------------------


@pytest.mark.tensorflow
@pytest.mark.parametrize("version", ["1.12.3", "2.9.3", "2.21.0"])
def test_resolving_again_gives_the_committed_lock(version: str) -> None:
    path = locks.committed_path(target(version))
    assert path is not None
    assert locks.resolve_lock(target(version)) == path.read_text(encoding="utf-8")


@pytest.mark.tensorflow
def test_packages_of_the_users_join_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path))
    combined, plain = environment("2.9.3", "einops"), environment("2.9.3")
    assert set(combined.packages) - set(plain.packages) == {"einops==0.6.0"}
    with pytest.raises(LockError, match=r"no packages of 2022-12-16 satisfy .*einops>=0\.8"):
        environment("2.9.3", "einops>=0.8.0")
    later = environment("2.9.3", "einops==0.8.0")  # named exactly, it may be younger
    assert "einops==0.8.0" in later.packages


# Running ----------------------------------------------------------------------------------------


@pytest.mark.tensorflow
@pytest.mark.parametrize("version", ERAS)
def test_releases_of_all_eras_train(version: str) -> None:
    LocalEngine().prove(environment(version))


@pytest.mark.tensorflow
@pytest.mark.parametrize("mode", ["fresh", "fork"])
@pytest.mark.parametrize("version", ERAS)
def test_a_cell_knows_the_git_version_of_its_tensorflow(
    tmp_path: Path, version: str, mode: str
) -> None:
    (tmp_path / "my.py").write_text(
        "import tensorflow as tf\nimport json\n"
        "text = tf.version.GIT_VERSION if hasattr(tf, 'version') else tf.GIT_VERSION\n"
        "print('::observe git=' + json.dumps(text))\n"
    )
    engine, wanted = LocalEngine(), environment(version)
    engine.prepare(wanted, Diary())
    channel = engine.start_agent(wanted, Workspace(folder=tmp_path, script="my.py"), Limits())
    with Session(channel) as session:
        found = session.run(Request(script=f"{channel.root}/my.py", mode=mode))
    assert found.mode == mode
    assert found.git_version == found.observations["git"]
    assert found.git_version.startswith("v")


@pytest.fixture(scope="module", params=PYTHONS)
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[conformance.Bench]:
    engine, subjects_in = LocalEngine(), environment(request.param)
    engine.prepare(subjects_in, Diary())
    folder = tmp_path_factory.mktemp("subjects")
    with conformance.opened(engine, subjects_in, folder) as bench:
        yield bench


@pytest.mark.tensorflow
@pytest.mark.parametrize("case", conformance.CASES, ids=str)
def test_subject(bench: conformance.Bench, case: conformance.Case) -> None:
    conformance.check(bench, case)


@pytest.mark.tensorflow
def test_data_is_found(tmp_path: Path) -> None:
    engine, made = LocalEngine(), environment(PYTHONS[-1])
    engine.prepare(made, Diary())
    conformance.check_data(engine, made, tmp_path)


@pytest.mark.tensorflow
@pytest.mark.parametrize("subject", conformance.BOUNDED)
def test_bounded_subject(bench: conformance.Bench, subject: str) -> None:
    conformance.check_bounded(bench, subject)
