"""`tfmatrix releases` against an index on this machine."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import cli, paths
from runner.releases import catalogue
from runner.releases.upstream import index
from tests.unit import index_server
from tests.unit.index_server import IndexServer

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexServer]:
    """Has two releases, one of them unknown, a candidate and a nightly."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(index, "_RETRY", index._RETRY.new(backoff_factor=0))
    with index_server.serving() as server:
        monkeypatch.setenv("UV_DEFAULT_INDEX", server.url)
        for version in ("2.21.0", "2.22.0", "2.23.0rc0"):
            content = index_server.wheel(version)
            for package in ("tensorflow", "tensorflow-cpu"):
                server.add(package, version, content=content)
        server.add("tf-nightly", "2.24.0.dev20261101")
        server.files["tf-keras"] = {"tf_keras-2.22.0-py3-none-any.whl": {}}
        yield server


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the catalogue that may be written."""
    folder = tmp_path / "docker"
    folder.mkdir()
    shutil.copy(paths.releases(), folder)
    monkeypatch.setattr(paths, "data_folder", lambda: folder)
    catalogue.load_releases.cache_clear()
    yield_to = folder / "releases.yaml"
    monkeypatch.setattr(paths, "releases", lambda: yield_to)
    return yield_to


@pytest.fixture(autouse=True)
def _catalogue_read_anew() -> Iterator[None]:
    yield
    catalogue.load_releases.cache_clear()


def test_the_table(server: IndexServer, capsys: Captured) -> None:
    assert cli.execute(["releases"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^2\.20\.0 .* gone from the index$", out, re.MULTILINE)
    assert re.search(r"^2\.21\.0 +2026-03-06 .* in the catalogue$", out, re.MULTILINE)
    assert re.search(r"^2\.22\.0 +2026-03-06  3\.11 3\.10 +missing from", out, re.MULTILINE)
    assert "2.23.0rc0" not in out
    assert out.splitlines()[-1].startswith("missing: 2.22.0;")


def test_as_json_with_pre_releases(server: IndexServer, capsys: Captured) -> None:
    assert cli.execute(["releases", "--json", "--pre"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["index"] == server.url
    assert said["releases"][-3:] == [
        {
            "version": version,
            "kind": kind,
            "released": "2026-03-06",
            "pythons": pythons,
            "catalogue": False,
            "index": True,
            "yanked": None,
        }
        for version, kind, pythons in (
            ("2.22.0", "release", ["3.11", "3.10"]),
            ("2.23.0rc0", "candidate", ["3.10", "3.11"]),
            ("2.24.0.dev20261101", "nightly", ["3.10", "3.11"]),
        )
    ]


def test_offline(server: IndexServer, capsys: Captured) -> None:
    assert cli.execute(["releases", "--offline"]) == 0
    assert "the package index was not read" in capsys.readouterr().out
    assert server.asked == []


def test_an_index_that_is_away(server: IndexServer, capsys: Captured) -> None:
    server.failures = 99
    assert cli.execute(["releases", "--json"]) == 0
    said = capsys.readouterr()
    assert "the table shows only the catalogue" in said.err
    assert json.loads(said.out)["index"] is None
    assert cli.execute(["releases", "--update"]) == 3


@pytest.mark.parametrize(
    "arguments", [["--dry-run"], ["--offline", "--update"], ["--offline", "--pre"]]
)
def test_what_goes_not_together(
    server: IndexServer, capsys: Captured, arguments: list[str]
) -> None:
    assert cli.execute(["releases", *arguments]) == 2
    assert server.asked == []


def test_a_dry_run_prints_the_entry_and_writes_nothing(
    server: IndexServer, checkout: Path, capsys: Captured
) -> None:
    before = checkout.read_text("utf-8")
    assert cli.execute(["releases", "--update", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "\n    2.22.0: {released: 2026-03-06, cpu_mb: 274, cuda_mb: 274}\n" in out
    assert '  pythons: "3.10 3.11"\n' in out
    assert '    capabilities: "6.0 9.0"\n' in out
    assert "# setuptools<82 is taken over" in out
    assert checkout.read_text("utf-8") == before
    assert [path.name for path in checkout.parent.iterdir()] == ["releases.yaml"]


def test_a_yanked_release_is_marked(server: IndexServer, checkout: Path, capsys: Captured) -> None:
    for facts in server.files["tensorflow"].values():
        facts["yanked"] = "crashes"
    before = checkout.read_text("utf-8")
    del server.files["tensorflow-cpu"]
    for name in [name for name in server.files["tensorflow"] if "2.22.0" in name]:
        del server.files["tensorflow"][name]
    assert cli.execute(["releases", "--update"]) == 0
    assert "2.21.0 was yanked: crashes" in capsys.readouterr().out
    marked = checkout.read_text("utf-8")
    assert marked.replace(', yanked: "crashes"', "") == before
    found = catalogue.find_release(catalogue.parse(marked), "2.21.0")
    assert found is not None
    assert found.yanked == "crashes"


def test_nothing_is_missing(server: IndexServer, checkout: Path, capsys: Captured) -> None:
    for files in server.files.values():
        for name in [name for name in files if "2.22.0" in name]:
            del files[name]
    before = checkout.read_text("utf-8")
    assert cli.execute(["releases", "--update"]) == 0
    assert "has every release of" in capsys.readouterr().out
    assert checkout.read_text("utf-8") == before


def test_what_cannot_be_looked_into_is_told_and_left_out(
    server: IndexServer, checkout: Path, capsys: Captured
) -> None:
    server.ranges = False
    before = checkout.read_text("utf-8")
    assert cli.execute(["releases", "--update"]) == 3
    assert "2.22.0" in capsys.readouterr().err
    assert checkout.read_text("utf-8") == before


def test_an_installed_catalogue_is_not_written(
    server: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(paths, "releases", lambda: tmp_path / "data" / "releases.yaml")
    assert cli.execute(["releases", "--update"]) == 2
    assert "checkout" in capsys.readouterr().err


# Pre-releases in a SPEC ---------------------------------------------------------------------


def planned(capsys: Captured, *arguments: str) -> list[str]:
    Path("my.py").write_text("print('hello')\n", "utf-8")
    assert cli.execute(["plan", "my.py", "--format", "json", *arguments]) == 0
    return [cell["tensorflow"] for cell in json.loads(capsys.readouterr().out)]


def test_candidates_and_nightlies_are_planned(server: IndexServer, capsys: Captured) -> None:
    assert planned(capsys, "--tf", "2.23.0rc0") == ["2.23.0rc0"]
    assert planned(capsys, "--tf", ">=2.20", "--pre") == ["2.20.0", "2.21.0", "2.23.0rc0"]
    assert planned(capsys, "--tf", "2.21,nightly") == ["2.21.0", "2.24.0.dev20261101"]


def test_a_spec_of_releases_does_not_ask_the_index(server: IndexServer, capsys: Captured) -> None:
    assert planned(capsys, "--tf", ">=2.20") == ["2.20.0", "2.21.0"]
    assert server.asked == []


def test_an_index_that_is_away_is_no_traceback(server: IndexServer, capsys: Captured) -> None:
    server.failures = 99
    Path("my.py").write_text("print('hello')\n", "utf-8")
    assert cli.execute(["plan", "my.py", "--tf", "nightly"]) == 3
    assert "cannot be read" in capsys.readouterr().err
