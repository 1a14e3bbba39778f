"""A run's folder: readable at any moment, whatever was cut off."""

from __future__ import annotations

import errno
import os
from datetime import datetime, timezone
from pathlib import Path

import pytest
from attrs import evolve

from runner.errors import TfmatrixError, UsageError
from runner.model import Case, EnvironmentInfo, Outcome, Repro, Result, Run, RunInfo, Verdict
from runner.runs import archive, journal

INFO = RunInfo(
    id="20260101-000000-abcd",
    started="2026-01-01T00:00:00Z",
    engine="local",
    tool_version="0.1.0",
    command="tfmatrix run r.py",
    host={"cores": 2},
)
ENVIRONMENT = EnvironmentInfo(
    id="2.9.3-py3.10-cpu",
    tensorflow="2.9.3",
    python="3.10",
    device="cpu",
    engine="local",
    key="k",
    image=None,
    packages=("numpy==1.22.4",),
)
REPRO = Repro(name="r", script=Path("r.py"), cases=(Case(name="a"), Case(name="b", args=("--x",))))


def head() -> Run:
    return Run(info=INFO, environments=(ENVIRONMENT,), results=(), repros=(REPRO,))


def result(case: str, verdict: Verdict = Verdict.PASS) -> Result:
    return Result(
        repro="r",
        case=case,
        tensorflow="2.9.3",
        python="3.10",
        device="cpu",
        environment=ENVIRONMENT.id,
        outcome=Outcome(verdict=verdict),
        exit_code=0,
    )


def written(folder: Path) -> Run:
    log = journal.Journal(folder, head())
    log.append(result("a"), "hello\n")
    log.append(result("b", Verdict.FAIL), "")
    log.close()
    return journal.read_run(folder)


def test_what_was_appended_is_read_again(tmp_path: Path) -> None:
    run = written(tmp_path / "run")
    assert run.info == INFO
    assert run.environments == (ENVIRONMENT,)
    assert [(r.case, r.outcome.verdict) for r in run.results] == [("a", "pass"), ("b", "fail")]
    assert [case.args for case in run.repros[0].cases] == [(), ("--x",)]


def test_no_two_cells_share_a_log() -> None:
    names = ("a", "a_", "_b", "a__b", "b__c", "_", "b", "c")
    cells = [evolve(result(case), repro=repro) for repro in names for case in names]
    assert len({journal.log_name(cell) for cell in cells}) == len(cells)


def test_a_log_is_kept_under_a_safe_name(tmp_path: Path) -> None:
    log = journal.Journal(tmp_path / "run", head())
    kept = log.append(evolve(result("a"), case="../../etc/x y\n*"), "text \udce9")
    log.close()
    assert kept.log is not None
    assert (tmp_path / "run" / kept.log).read_text("utf-8") == "text \\udce9"
    assert (tmp_path / "run" / kept.log).resolve().parent == tmp_path / "run" / "logs"


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_line_cut_off_costs_only_itself(tmp_path: Path, cut: int) -> None:
    folder = tmp_path / "run"
    written(folder)
    cells = folder / journal.CELLS
    cells.write_bytes(cells.read_bytes()[:-cut])
    warnings: list[str] = []
    run = journal.read_run(folder, warn=warnings.append)
    left = [r.case for r in run.results]
    assert left == ["a", "b"] if cut == 1 else ["a"]
    assert len(warnings) == (0 if cut == 1 else 1)


def test_a_line_separator_in_a_signature_is_no_end_of_line(tmp_path: Path) -> None:
    outcome = Outcome(verdict=Verdict.FAIL, signature="ValueError: a\u2028b\x85c")
    log = journal.Journal(tmp_path / "run", head())
    log.append(evolve(result("a"), outcome=outcome), "")
    log.close()
    assert [r.outcome for r in journal.read_run(tmp_path / "run").results] == [outcome]


def test_of_two_lines_on_one_cell_the_last_holds(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    written(folder)
    log = journal.Journal(folder, head())
    log.append(result("a", Verdict.CRASH), "")
    log.close()
    verdicts = {r.case: r.outcome.verdict for r in journal.read_run(folder).results}
    assert verdicts == {"a": Verdict.CRASH, "b": Verdict.FAIL}


def test_an_interrupted_run_has_no_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert written(folder).info.finished is None
    log = journal.Journal(folder, head())
    log.finish("2026-01-01T00:01:00Z")
    log.close()
    assert journal.read_run(folder).info.finished == "2026-01-01T00:01:00Z"


@pytest.mark.parametrize("name", [journal.HEAD, journal.CELLS])
@pytest.mark.parametrize("kind", ["device", "pipe", "link", "folder", "endless"])
@pytest.mark.timeout(20)
def test_a_run_is_read_from_regular_files_only(tmp_path: Path, name: str, kind: str) -> None:
    """What lies in results/ may come from anybody: a broken neighbour costs one line."""
    results = tmp_path / "results"
    written(results / "good")
    written(results / "bad")
    path = results / "bad" / name
    path.rename(tmp_path / "kept")
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(tmp_path / "kept")
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)  # takes no room
    said: list[str] = []
    assert [past.run.info.id for past in archive.load_runs(results, said.append)] == [INFO.id]
    (line,) = said
    assert line.startswith(f"{path} cannot be read: it is ")


def test_half_a_character_in_a_journal_is_refused_where_it_is_read(tmp_path: Path) -> None:
    """Nothing could be written with it: no report, no comment."""
    written(tmp_path / "run")
    cells = tmp_path / "run" / journal.CELLS
    cells.write_text(cells.read_text().replace('"logs/', '"\\ud800logs/'))
    said: list[str] = []
    assert [one.case for one in journal.read_run(tmp_path / "run", said.append).results] == ["b"]
    assert len(said) == 1
    head = tmp_path / "run" / journal.HEAD
    head.write_text(head.read_text().replace('"cpu"', '"\\ud800"'))
    with pytest.raises(UsageError, match="cannot be read"):
        journal.read_run(tmp_path / "run")


def test_runs_are_found_by_id_by_path_or_as_the_latest(tmp_path: Path) -> None:
    folder = tmp_path / "results" / INFO.id
    written(folder)
    journal.point_latest(folder)
    journal.point_latest(folder)
    for name in (INFO.id, str(folder), None):
        assert journal.find_run(name, tmp_path / "results").resolve() == folder
    with pytest.raises(UsageError, match=INFO.id):
        journal.find_run("nonesuch", tmp_path / "results")


def test_where_no_run_is_the_newest_the_runs_there_are_named(tmp_path: Path) -> None:
    results = tmp_path / "results"
    with pytest.raises(UsageError) as why:
        journal.find_run(None, results)
    assert why.value.message == f"there is no run in {results}/ yet"
    for number in range(7):
        written(results / f"bisect-2026110{number}-120000-ab12")
    told = "ab12, bisect-20261106-120000-ab12 and 2 more"
    with pytest.raises(UsageError, match=f"there is no run in .*results/ yet but .*{told}") as why:
        journal.find_run(None, results)
    assert why.value.remedy == "tfmatrix run my.py makes one; or name one of these"
    with pytest.raises(UsageError, match=f"no run 'other' in .*; there are: .*{told}"):
        journal.find_run("other", results)


def test_ids_sort_by_time() -> None:
    early = journal.new_id(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))
    late = journal.new_id(datetime(2026, 1, 2, 3, 4, 6, tzinfo=timezone.utc))
    assert early < late
    assert early.startswith("20260102-030405-")


def test_a_write_that_fails_leaves_the_old_text(tmp_path: Path) -> None:
    path = tmp_path / "file"
    journal.write_file(path, "old")
    with pytest.raises(UnicodeEncodeError):
        journal.write_file(path, "new \udce9")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_many_known_cells_are_written_as_one_by_one(tmp_path: Path) -> None:
    known = [(result("a"), "hello\n"), (result("b", Verdict.FAIL), "")]
    log = journal.Journal(tmp_path / "many", head())
    results = log.append_known(iter(known))
    log.close()
    written(tmp_path / "single")
    for name in (journal.CELLS, "logs/r__a__2.9.3-py3.10-cpu.txt"):
        assert (tmp_path / "many" / name).read_bytes() == (tmp_path / "single" / name).read_bytes()
    assert tuple(results) == journal.read_run(tmp_path / "many").results


def test_what_was_measured_is_on_the_disk_before_append_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = tmp_path / "run" / journal.CELLS
    synced: list[int] = []
    log = journal.Journal(tmp_path / "run", head())
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(cells.stat().st_size))
    log.append(result("a"), "hello\n")
    assert synced == [cells.stat().st_size]
    log.append(result("b"), "", sync=False)
    log.append_known([(result("c"), "")])
    assert len(synced) == 1
    assert len(cells.read_text().splitlines()) == 3
    log.close()


@pytest.mark.parametrize(
    ("number", "frees"), [(errno.ENOSPC, True), (errno.EROFS, False), (errno.EACCES, False)]
)
def test_room_is_the_remedy_only_where_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, frees: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("runner.machine.files.write_atomic", refuse)
    with pytest.raises(TfmatrixError, match=os.strerror(number)) as raised:
        journal.write_file(tmp_path / "x", "text")
    assert ("tfmatrix clean" in str(raised.value)) is frees
    assert "--output" in str(raised.value)
