"""Data that cells may read: what counts of it, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runner import cli
from runner.cells.snapshot import take_snapshot
from runner.cells.snapshot.data import digest_of_data
from runner.cli import running
from runner.engines.docker import containers, daemon
from runner.errors import UsageError
from runner.matrix import additions
from runner.matrix.selection import select
from runner.model import Device, Limits, Repro


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data" / "inner").mkdir(parents=True)
    (tmp_path / "data" / "inner" / "a.csv").write_text("1\n", "utf-8")
    (tmp_path / "my.py").write_text("print(1)\n", "utf-8")
    return tmp_path


def test_names_and_contents_count_and_times_do_not(folder: Path) -> None:
    data, file = folder / "data", folder / "data" / "inner" / "a.csv"
    before = digest_of_data(data)
    os.utime(file, (1, 1))
    assert digest_of_data(data) == before
    file.write_text("2\n", "utf-8")
    changed = digest_of_data(data)
    file.rename(data / "b.csv")
    assert len({before, changed, digest_of_data(data)}) == 3


def test_the_digest_is_part_of_what_is_known_of_a_script(folder: Path) -> None:
    repro = Repro(name="my", script=folder / "my.py")
    plain = take_snapshot(repro, folder / "snapshots")
    with_data = take_snapshot(
        additions.with_data(repro, folder / "data", network=False), folder / "snapshots"
    )
    assert (plain.data_digest, plain.workspace.data) == ("", None)
    assert with_data.data_digest == digest_of_data(folder / "data")
    assert with_data.workspace.data == folder / "data"


def test_a_link_that_leads_out_is_refused(folder: Path) -> None:
    (folder / "data" / "within").symlink_to("inner/a.csv")
    digest_of_data(folder / "data")
    (folder / "data" / "out").symlink_to(folder / "my.py")
    with pytest.raises(UsageError, match="out is a link that leads out of it"):
        digest_of_data(folder / "data")


def test_what_is_no_file_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "data" / "pipe")
    with pytest.raises(UsageError, match="pipe is not a regular file"):
        digest_of_data(folder / "data")


def test_a_folder_that_is_not_there_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert cli.execute(["plan", "my.py", "--tf", "2.9", "--data", "gone"]) == 2
    assert "--data gone: there is no such folder" in capsys.readouterr().err


def test_a_cluster_has_no_data_of_this_machine(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    words = ["run", "my.py", "--tf", "2.9", "--data", "data", "--cluster", "local:1"]
    assert cli.execute(words) == 2
    assert "--data is for cells on this machine" in capsys.readouterr().err


def test_the_network_is_closed_unless_it_is_opened_loudly(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "daemon_info", dict)
    monkeypatch.setattr(daemon, "version", dict)
    closed = containers.host_settings(Limits(), Device.CPU, 1.0)
    opened = containers.host_settings(Limits(), Device.CPU, 1.0, network=True)
    assert (closed["network_mode"], opened["network_mode"]) == ("none", "bridge")
    repro = additions.with_data(Repro(name="my", script=folder / "my.py"), None, network=True)
    assert repro.network
    assert "THE NETWORK IS OPEN" in repro.notes[0]


def test_quiet_tells_that_the_network_is_open(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    nothing = dict.fromkeys(("tf", "patches", "timeout", "memory", "matrix_file"))
    asked = {"scripts": (Path("my.py"),), "devices": (), "cases": (), "args": ()}
    selection: dict[str, Any] = {**nothing, **asked}
    chosen = select(**selection, network=True)
    running.snapshots(chosen, lambda line: None)
    assert "THE NETWORK IS OPEN to the cells" in capsys.readouterr().err
