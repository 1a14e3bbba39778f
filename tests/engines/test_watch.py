"""`tfmatrix watch`: rounds of the same releases, a save between them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from runner import paths
from runner.cells.agent_messages import Request
from runner.cells.session import Session
from runner.cells.snapshot import take_snapshot
from runner.cells.watch_folder import WatchFolder
from runner.cli.watch import Watch, watching
from runner.engines.base import Workspace
from runner.engines.local.engine import LocalEngine
from runner.environments import locks
from runner.model import Environment, Limits, Repro, Target
from runner.pipeline.events import Relay
from runner.pipeline.workers import local_workers
from runner.runs import journal
from tests.engines.plain import PlainEngine, environment

SELECTION: dict[str, Any] = {
    "scripts": (Path("my.py"),),
    "tf": "2.8,2.9",
    "patches": None,
    "devices": (),
    "cases": (),
    "args": (),
    "timeout": 20.0,
    "memory": None,
    "matrix_file": None,
    "allow_no_tensorflow": True,
}


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlainEngine:
    def lock(target: Target, images: object = None) -> Environment:
        return Environment(target=target, requirements="", key=target.release.version)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(locks, "environment", lock)
    return PlainEngine()


@pytest.fixture
def watch(engine: PlainEngine) -> Iterator[Watch]:
    relay = Relay()
    console = Console(stderr=True, width=200)
    with (
        local_workers(engine, relay, jobs=2, idle=0.5) as workers,
        watching(console, engine, workers, relay, SELECTION) as watch,
    ):
        yield watch


def save(text: str) -> None:
    Path("my.py").write_text(text, "utf-8")


def test_a_save_is_answered_by_the_agents_that_are_there(
    watch: Watch, engine: PlainEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    save("print('::observe answer=1')")
    watch.round()
    assert "✓" in capsys.readouterr().out
    opened = len(engine.opened)
    save("raise ValueError('no more')")
    watch.wait_for_change()
    watch.round()
    said = capsys.readouterr()
    assert "on 2.9.3 cpu: pass → ValueError: no more" in said.out
    assert "2 cells in" in said.err
    assert len(engine.opened) == opened


def test_what_was_measured_before_is_known(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("print(1)", "print(2)", "print(1)"):
        save(text)
        watch.round()
    assert "2 of them known already" in capsys.readouterr().err


def test_a_save_in_the_middle_ends_the_round(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    save("import time; time.sleep(1)")
    saving = threading.Timer(0.4, save, ["print('quick')"])
    saving.start()
    watch.round()
    saving.join()
    assert "cells in" not in capsys.readouterr().err
    watch.wait_for_change()
    watch.round()
    assert "2 cells in" in capsys.readouterr().err


def test_a_script_that_is_not_there_is_waited_for(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    watch.round()
    said = capsys.readouterr().err
    assert said.splitlines() == ["there is no file my.py", "waiting for a change"]
    threading.Timer(0.3, save, ["print(1)"]).start()
    watch.wait_for_change()
    watch.round()
    assert "2 cells in" in capsys.readouterr().err


def test_the_last_round_stays_as_a_run_and_nothing_else_does(
    engine: PlainEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    relay = Relay()
    with (
        local_workers(engine, relay, jobs=2) as workers,
        watching(Console(stderr=True), engine, workers, relay, SELECTION) as watch,
    ):
        for text in ("print(1)", "raise SystemExit(3)"):
            save(text)
            watch.round()
    (folder,) = (path for path in paths.results().iterdir() if not path.is_symlink())
    assert {result.exit_code for result in journal.read_run(folder).results} == {3}
    assert (folder / "index.html").is_file()
    assert not list((paths.cache() / "watch").iterdir())


def test_a_module_beside_the_script_is_never_taken_from_stale_bytecode(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    script = mine / "my.py"
    script.write_text("import helper", "utf-8")
    (mine / "helper.py").write_text("X = 1", "utf-8")
    repro = Repro(name="my", script=script)
    live = WatchFolder(tmp_path / "live")
    first = live.renew(take_snapshot(repro, tmp_path / "snapshots")).workspace.folder
    before = (first / "helper.py").stat().st_mtime
    (mine / "helper.py").write_text("X = 2", "utf-8")
    os.utime(mine / "helper.py", (before, before))
    second = live.renew(take_snapshot(repro, tmp_path / "snapshots")).workspace.folder
    assert second == first
    assert (second / "helper.py").read_text("utf-8") == "X = 2"
    assert int((second / "helper.py").stat().st_mtime) > int(before)


def test_another_set_of_files_is_another_folder(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    script = mine / "my.py"
    script.write_text("print(1)", "utf-8")
    repro = Repro(name="my", script=script)
    live = WatchFolder(tmp_path / "live")
    first = live.renew(take_snapshot(repro, tmp_path / "snapshots")).workspace.folder
    script.write_text("import helper", "utf-8")
    (mine / "helper.py").write_text("", "utf-8")
    assert live.renew(take_snapshot(repro, tmp_path / "snapshots")).workspace.folder != first
    live.remove()
    assert not (tmp_path / "live").exists()


def test_an_agent_of_the_local_engine_runs_what_was_saved_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives other runs a copy of the files, which would stay as they were."""
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    made = environment("2.9.3")
    folder = LocalEngine()._folder(made)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / "tfmatrix.json").write_text("{}", "utf-8")
    script, live = tmp_path / "mine" / "my.py", WatchFolder(tmp_path / "live")
    script.parent.mkdir()

    def renewed(number: int) -> Workspace:
        script.write_text(f"print({number})", "utf-8")
        return live.renew(take_snapshot(Repro(name="my", script=script), tmp_path / "s")).workspace

    channel = LocalEngine().start_agent(made, renewed(1), Limits())
    with Session(channel) as session:
        request = Request(script=f"{channel.root}/my.py")
        assert session.run(request).output == "1\n"
        renewed(2)
        assert session.run(request).output == "2\n"
