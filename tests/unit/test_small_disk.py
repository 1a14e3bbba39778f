"""What `clean` says it frees is what a disk has more then, within 10 %: on a real, small disk.

Environments share packages by hard links, as uv makes them; so sizes added up would say too much.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner import cli, paths
from tests.conftest import own_disk

MB = 10**6
OLD, NEW = "2.8.4-py3.10-cpu-0123456789ab", "2.9.3-py3.10-cpu-0123456789ab"


@pytest.fixture
def disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only_the_local_engine: None
) -> Iterator[Path]:
    """A file system of 64 MiB with the cache on it; only the local engine is looked at."""
    with own_disk(tmp_path / "disk", "64m") as folder:
        monkeypatch.setenv("TFMATRIX_CACHE", str(folder / "cache"))
        monkeypatch.chdir(tmp_path)
        paths.mark_cache()
        yield folder


def package(name: str, size: int) -> Path:
    """Unpacked, as uv keeps it."""
    folder = paths.packages() / "archive-v0" / name.ljust(20, "x")
    (folder / name).mkdir(parents=True)
    for number in range(4):
        (folder / name / f"{number}.so").write_bytes(os.urandom(size // 4))
    return folder


def environment(name: str, used: int, *packages: Path) -> Path:
    """Linked from its packages; last used so many seconds ago."""
    folder = paths.environments() / name
    for each in packages:
        for file in each.rglob("*.so"):
            place = folder / file.relative_to(each)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, place)
    (folder / "tfmatrix.json").write_text("{}")
    folder.with_name(f"{name}.lock").touch()
    moment = (folder / "tfmatrix.json").stat().st_mtime - used
    os.utime(folder / "tfmatrix.json", (moment, moment))
    return folder


def two_environments() -> tuple[Path, Path]:
    """8 MB that both have, 6 MB and 12 MB that one has alone."""
    both, one, other = package("both", 8 * MB), package("one", 6 * MB), package("other", 12 * MB)
    return environment(OLD, 9_000, both, one), environment(NEW, 10, both, other)


def used(disk: Path) -> int:
    facts = os.statvfs(disk)
    return (facts.f_blocks - facts.f_bfree) * facts.f_frsize


def cleaned(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert cli.execute(["clean", "--yes", "--format", "json", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_all_that_goes_is_counted_once(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two_environments()
    before = used(disk)
    freed = cleaned(capsys)["bytes"]
    assert freed == pytest.approx(26 * MB, rel=0.1)
    assert before - used(disk) == pytest.approx(freed, rel=0.1)


@pytest.mark.parametrize(("size", "stays"), [("24MB", 20 * MB), ("30MB", 26 * MB)])
def test_what_may_stay_is_what_stays(
    disk: Path, capsys: pytest.CaptureFixture[str], size: str, stays: int
) -> None:
    two_environments()
    cleaned(capsys, "--max-size", size)
    assert used(disk) == pytest.approx(stays, rel=0.1)


def test_the_total_of_a_dry_run_is_what_lies_there(
    disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two_environments()
    assert cleaned(capsys, "--dry-run")["bytes"] == pytest.approx(used(disk), rel=0.1)
