"""What goes and what stays."""

from __future__ import annotations

import json
import os
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import cli, paths
from runner.cells.store import Store
from runner.cli import running
from runner.engines.local import packages
from runner.engines.local.engine import LocalEngine
from runner.errors import UsageError
from runner.machine import claims, items, units
from runner.model import Execution
from runner.runs import journal
from runner.upkeep import clean
from tests.unit.runs import drawn
from tests.unit.test_claims import environment


def item(name: str, *, size: int = 10, age: float = 0.0) -> items.Removable:
    return items.Removable(
        kind="image", name=name, size=size, last_used=1000 - age, remove=lambda: None
    )


def names(items: list[items.Removable]) -> list[str]:
    return [one.name for one in items]


def test_without_bounds_everything_goes() -> None:
    assert names(clean.items_to_remove([item("a"), item("b", age=5)], now=1000)) == ["b", "a"]


def test_by_age() -> None:
    items = [item("old", age=100), item("new", age=10)]
    assert names(clean.items_to_remove(items, now=1000, older_than=timedelta(seconds=50))) == [
        "old"
    ]


def test_by_size_the_least_recently_used_goes_first() -> None:
    items = [item("a", age=1), item("b", age=3), item("c", age=2)]
    assert names(clean.items_to_remove(items, now=1000, max_size=15)) == ["b", "c"]


def test_what_is_in_use_stays_and_counts() -> None:
    items = [item("a", age=3), item("b", age=2), item("c", age=1)]

    def going(older_than: Optional[timedelta] = None, max_size: Optional[int] = None) -> list[str]:
        return names(
            clean.items_to_remove(
                items,
                now=1000,
                older_than=older_than,
                max_size=max_size,
                in_use=lambda one: one.name == "a",
            )
        )

    assert going() == ["b", "c"]
    assert going(older_than=timedelta(seconds=1.5)) == ["b"]
    assert going(max_size=20) == ["b"]
    assert going(max_size=0) == ["b", "c"]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100))), st.integers(0, 500))
def test_what_stays_fits_and_nothing_goes_needlessly(
    sizes: list[tuple[int, int]], max_size: int
) -> None:
    items = [item(str(n), size=size, age=age) for n, (size, age) in enumerate(sizes)]
    going = clean.items_to_remove(items, now=1000, max_size=max_size)
    left = sum(one.size for one in items) - sum(one.size for one in going)
    assert left <= max_size
    assert not going or left + going[-1].size > max_size


@pytest.mark.parametrize(
    ("text", "size"), [("20GB", 20 * 10**9), ("500mb", 5 * 10**8), ("1.5G", 1.5e9), ("7", 7)]
)
def test_sizes(text: str, size: float) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "lots", "-1GB", "1e99", "1PB", "9" * 40])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        units.parse_size(text)


def test_ages() -> None:
    assert units.parse_age("30d") == timedelta(days=30)
    with pytest.raises(UsageError, match="is not an age"):
        units.parse_age("yesterday")


@pytest.mark.parametrize(
    ("size", "text"), [(12, "12 B"), (1400, "1 KB"), (2.5e8, "250 MB"), (1.44e9, "1.4 GB")]
)
def test_human_sizes(size: float, text: str) -> None:
    assert units.size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0 min"), (59 * 60, "59 min"), (7.2 * 3600, "7 h"), (1e6, "12 d")]
)
def test_ages_in_words(seconds: float, text: str) -> None:
    assert units.time_ago(seconds) == text


# --- What stays in results/ --------------------------------------------------------------------


def run_name(number: int) -> str:
    return f"20261122-{number:06d}-ab12"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only_the_local_engine: None) -> Path:
    """A working folder and a cache of their own, and no Docker."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    paths.mark_cache()
    return tmp_path


def make_run(results: Path, name: str) -> Path:
    run = results / name
    for file in ("run.json", "cells.jsonl", "matrix.md", "index.html", "logs/a.txt", "logs.tar"):
        (run / file).parent.mkdir(parents=True, exist_ok=True)
        (run / file).write_text("x" * 1000)
    return run


def files(run: Path) -> set[str]:
    return {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}


JOURNAL = {"run.json", "cells.jsonl"}
WHOLE = JOURNAL | {"matrix.md", "index.html", "logs/a.txt", "logs.tar"}


def test_a_run_removes_no_other_run(folder: Path) -> None:
    """However many there are: thinning is for whoever asks for it."""
    runs = [make_run(folder / "results", run_name(n)) for n in range(230)]
    log = journal.Journal(folder / "results" / "20270101-000000-ab12", drawn("2.9\na ✓"))
    log.close()
    running.conclude(log.folder)
    assert all(files(run) == WHOLE for run in runs)


def test_only_what_can_be_made_again_and_logs_go_of_older_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = folder / "results"
    runs = [make_run(results, run_name(n)) for n in range(5)]
    named = [make_run(results, name) for name in ("reference", "before-the-fix")]
    environment_folder = make_environment(NEW)
    with claims.claim([], [runs[1]]):
        assert cli.execute(["clean", "--thin-runs", "2", "--dry-run"]) == 0
        said = capsys.readouterr().out
        assert "would remove 2 items, 8 KB" in said
        assert [line.split()[0] for line in said.splitlines()[:2]] == ["reports", "reports"]
        assert cli.execute(["clean", "--thin-runs", "2"]) == 0
    assert [files(run) for run in runs] == [JOURNAL, WHOLE, JOURNAL, WHOLE, WHOLE]
    assert [files(run) for run in named] == [WHOLE, WHOLE]
    assert environment_folder.exists()


def test_runs_can_be_thinned_and_removed_at_once(folder: Path) -> None:
    runs = [make_run(folder / "results", run_name(n)) for n in range(4)]
    assert cli.execute(["clean", "--thin-runs", "1", "--keep-runs", "3"]) == 0
    assert [run.exists() and files(run) for run in runs] == [False, JOURNAL, JOURNAL, WHOLE]
    assert cli.execute(["clean", "--thin-runs", "9", "--keep-runs", "9"]) == 0
    assert [run.exists() for run in runs] == [False, True, True, True]


def test_thinning_follows_no_link(folder: Path) -> None:
    run = make_run(folder / "results", run_name(1))
    elsewhere = folder / "mine"
    (run / "logs").rename(elsewhere)
    (run / "logs").symlink_to(elsewhere)
    assert cli.execute(["clean", "--thin-runs", "0"]) == 0
    assert (elsewhere / "a.txt").exists()
    assert files(run) == JOURNAL
    assert not (run / "logs").is_symlink()


# --- The verb ----------------------------------------------------------------------------------


def make_environment(name: str, *, days: float = 0.0) -> Path:
    """As the local engine leaves one behind."""
    place = paths.environments() / name
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").write_text("x" * 10_000)
    place.with_name(f"{name}.lock").touch()
    (place / "tfmatrix.json").write_text("{}")
    then = time.time() - days * 86400
    os.utime(place / "tfmatrix.json", (then, then))
    return place


OLD, NEW = "2.8.4-py3.10-cpu-0123456789ab", "2.9.3-py3.10-cpu-0123456789ab"


def test_what_another_process_removes_meanwhile_is_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_environment(OLD)
    make_environment(NEW)
    size = packages.shared_size

    def shared_size(environment: Path) -> int:
        if environment.name == OLD:
            shutil.rmtree(environment)
        return size(environment)

    monkeypatch.setattr(packages, "shared_size", shared_size)
    assert cli.execute(["clean", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert (OLD in said, NEW in said) == (False, True)


def test_the_list_has_kinds_sizes_ages_and_the_total(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = make_environment(OLD, days=40), make_environment(NEW)
    assert cli.execute(["clean", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["environment", "20", "KB", "40", "d", str(old)],
        ["environment", "20", "KB", "0", "min", str(new)],
    ]
    assert lines[2] == "would remove 2 items, 41 KB"
    assert old.exists()


def test_only_what_is_old_goes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = make_environment(OLD, days=40), make_environment(NEW)
    assert cli.execute(["clean", "--older-than", "30d"]) == 0
    said = capsys.readouterr()
    assert said.out.endswith("removed 1 item, 20 KB\n")
    assert (old.exists(), new.exists()) == (False, True)


def test_what_a_running_run_uses_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    used, other = make_environment(NEW), make_environment(OLD)
    run = make_run(folder / "results", run_name(1))
    with claims.claim([environment("2.9.3")], [run]):
        assert cli.execute(["clean", "--runs"]) == 0
        assert "kept, because a running run uses them: 2 items" in capsys.readouterr().out
        assert (used.exists(), other.exists(), run.exists()) == (True, False, True)
    assert cli.execute(["clean", "--runs"]) == 0
    assert (used.exists(), run.exists()) == (False, False)


def test_what_is_being_made_now_stays_and_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import fcntl

    half_made = make_environment(NEW)
    with half_made.with_name(f"{NEW}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert cli.execute(["clean"]) == 3
    said = capsys.readouterr()
    assert "another run is preparing it" in said.err
    assert "removed 0 items" in said.out
    assert half_made.exists()


def test_the_newest_runs_stay_and_a_link_to_none_goes(folder: Path) -> None:
    runs = [make_run(folder / "results", run_name(n)) for n in range(3)]
    named = make_run(folder / "results", "mine")
    latest = folder / "results" / "latest"
    latest.symlink_to(runs[2].name)
    assert cli.execute(["clean", "--keep-runs", "1"]) == 0
    assert [run.exists() for run in runs] == [False, False, True]
    assert latest.exists()
    assert cli.execute(["clean", "--keep-runs", "2"]) == 0
    assert runs[2].exists()  # there are fewer than may stay
    assert cli.execute(["clean", "--runs"]) == 0
    assert not latest.is_symlink()
    assert named.exists()


def test_measured_outcomes_go_by_age_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(paths.store())
    for key in ("a" * 64, "b" * 64):
        store.put(key, Execution(exit_code=0))
    (entry,) = paths.store().glob("aa/*")
    os.utime(entry, (0, 0))
    assert cli.execute(["clean"]) == 0
    assert store.folder.exists()
    capsys.readouterr()
    assert cli.execute(["clean", "--older-than", "30d", "--dry-run"]) == 0
    assert "1 measured in" in capsys.readouterr().out
    assert entry.exists()
    assert cli.execute(["clean", "--older-than", "30d"]) == 0
    assert store.get("a" * 64) is None
    assert store.get("b" * 64) is not None


def test_nothing_to_remove(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(["clean"]) == 0
    assert capsys.readouterr().out == "there is nothing to remove\n"


@pytest.mark.parametrize(("answer", "stays"), [(True, False), (False, True)])
def test_on_a_terminal_it_asks_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answer: bool, stays: bool
) -> None:
    place = make_environment(NEW)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", lambda question, err: answer)
    assert cli.execute(["clean"]) == 0
    assert place.exists() is stays
    assert cli.execute(["clean", "--yes"]) == 0
    assert not place.exists()


def test_a_session_that_opens_is_a_use(folder: Path) -> None:
    """An environment is as recently used as the last session in it, not as its making."""
    make_environment(NEW, days=40)
    before = next(LocalEngine().inventory()).last_used
    os.utime(paths.environments() / NEW)  # touching the folder is no use of it
    assert next(LocalEngine().inventory()).last_used == before


# --- Only what is ours ---------------------------------------------------------------------------


def everything(folder: Path) -> dict[str, int]:
    """Every file and folder below `folder`, with its mode; locks and claims are made by looking."""
    return {
        str(path.relative_to(folder)): path.lstat().st_mode
        for path in folder.rglob("*")
        if "claims" not in path.parts
    }


def strangers(cache: Path) -> dict[str, int]:
    """What a user might have in the folder that TFMATRIX_CACHE names."""
    for name in (
        *("wheels/mine.whl", "bench/times.csv", "snapshots/2024-backup/data.db"),
        *("environments/production/bin/python", "environments/production.lock"),
        *("environments/...lock", "environments/.lock", "remembered/Notes.json"),
        *("index/index.html", "confirmed/list.txt", "packages/archive-v0.tar", "store/mine/x"),
    ):
        (cache / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / name).write_text("mine")
    return everything(cache)


@pytest.mark.parametrize("options", [[], ["--older-than", "1h"], ["--max-size", "0"]])
def test_what_others_keep_in_the_folder_stays(folder: Path, options: list[str]) -> None:
    before = strangers(folder / "cache")
    ours = [make_environment(OLD, days=1), paths.remembered() / "catalogue.json"]
    ours[1].write_text("{}")
    os.utime(ours[1], (0, 0))
    assert cli.execute(["clean", *options, "--yes"]) == 0
    assert [path.exists() for path in ours] == [False, False]
    after = everything(folder / "cache")
    assert {name: after.get(name) for name in before} == before


def test_all_snapshots_share_a_line_and_are_items_all_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for digit in "abc":
        snapshot = folder / "cache" / "snapshots" / (digit * 64)
        snapshot.mkdir(parents=True)
        (snapshot / "my.py").write_text("1234\n")
    assert cli.execute(["clean", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 2
    assert f"{folder / 'cache' / 'snapshots'}: 3 snapshots" in said
    assert cli.execute(["clean", "--dry-run", "--format", "json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [item["bytes"] for item in items if "/snapshots/" in item["name"]] == [5, 5, 5]


def test_nothing_is_removed_or_changed_through_a_link(folder: Path) -> None:
    foreign = folder / "foreign"
    names = {
        "environments": OLD,
        "snapshots": "0f" * 32,
        "remembered": "catalogue.json",
        "confirmed": "0" * 40 + ".jsonl",
        "bench": "tox==4.30.3",
        "index": "0" * 16,
        "packages": "archive-v0/abcdefghijklmnop",
        "store": "aa",
    }
    for name, entry in names.items():
        place = foreign / name / entry
        place.mkdir(parents=True)
        (place / "tfmatrix.json").write_text("{}")
        os.utime(place / "tfmatrix.json", (0, 0))
        os.utime(place, (0, 0))
        place.chmod(0o500)
        (foreign / "environments" / f"{OLD}.lock").touch()
        (folder / "cache" / name).symlink_to(foreign / name)
    (folder / "results").mkdir()
    make_run(foreign, run_name(1))
    (folder / "results" / run_name(1)).symlink_to(foreign / run_name(1))
    before = everything(foreign)
    assert cli.execute(["clean", "--runs", "--older-than", "1h", "--yes"]) == 0
    assert everything(foreign) == before


def test_an_entry_that_is_a_link_is_not_ours(folder: Path) -> None:
    foreign = folder / "foreign"
    for name, entry in (("environments", OLD), ("snapshots", "0f" * 32)):
        (foreign / name).mkdir(parents=True)
        (foreign / name / "data").write_text("mine")
        (folder / "cache" / name).mkdir()
        (folder / "cache" / name / entry).symlink_to(foreign / name)
    (folder / "cache" / "environments" / f"{OLD}.lock").touch()
    before = everything(foreign)
    assert cli.execute(["clean", "--yes"]) == 0
    assert everything(foreign) == before


def test_a_folder_that_this_tool_never_used_is_left_alone(folder: Path) -> None:
    make_environment(OLD)
    (paths.cache() / ".tfmatrix").unlink()
    before = everything(folder)
    assert cli.execute(["clean", "--yes"]) == 0
    assert everything(folder) == before


def test_a_run_marks_the_cache_as_its_own(folder: Path) -> None:
    (paths.cache() / ".tfmatrix").unlink()
    with claims.claim([]):
        assert paths.is_marked()


# --- The table of the cache ----------------------------------------------------------------------


def test_the_docs_tell_of_every_folder_of_the_cache() -> None:
    text = (Path(__file__).parents[2] / "docs" / "disk.md").read_text("utf-8")
    for name in paths.CACHE:
        assert f"`~/.cache/tfmatrix/{name}`" in text, name


def test_nothing_else_lies_in_the_cache() -> None:
    code = Path(__file__).parents[2] / "runner"
    for path in code.rglob("*.py"):
        if path.name != "paths.py":
            assert "paths.cache() /" not in path.read_text("utf-8") or path.name == "inventory.py"
