"""Several shards → one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import cli, serial
from runner.model import Case, Result, Run, Verdict
from runner.runs import journal, merge
from tests.unit import runs
from tests.unit.runs import drawn


def at(minute: int, picture: str, **more: Any) -> Run:
    """A run that ended at that minute."""
    return drawn(
        picture,
        id=f"run-{minute}",
        started="2026-11-22T15:00:00Z",
        finished=f"2026-11-22T16:{minute:02d}:00Z",
        **more,
    )


def cells(run: Run) -> dict[tuple[str, str, str], Verdict]:
    return {(r.case, r.tensorflow, r.device): r.outcome.verdict for r in run.results}


def merged(*shards: Run) -> merge.Merged:
    return merge.merge_runs(shards, "all")


def test_shards_of_one_matrix_become_the_matrix() -> None:
    whole = at(1, "2.4 2.5 2.6\na ✓ A –\nb ✓ ✓ !")
    parts = [
        at(number, f"{release}\na {a}\nb {b}")
        for number, (release, a, b) in enumerate(
            [("2.5", "A", "✓"), ("2.4", "✓", "✓"), ("2.6", "–", "!")]
        )
    ]
    together = merged(*parts)
    assert cells(together.run) == cells(whole)
    assert {e.id for e in together.run.environments} == {e.id for e in whole.environments}
    assert together.run.repros == whole.repros
    assert together.notes == ()


def test_the_head_spans_all_of_them() -> None:
    first = drawn("2.4\na ✓", started="2026-01-02", finished="2026-01-05", command="tfmatrix run x")
    other = drawn("2.5\na ✓", started="2026-01-01", finished="2026-01-04", engine="local")
    info = merged(
        evolve(first, info=evolve(first.info, host={"cpus": 2, "os": "a"})), other
    ).run.info
    assert (info.id, info.command) == ("all", "tfmatrix run x")
    assert (info.started, info.finished) == ("2026-01-01", "2026-01-05")
    assert info.engine == "docker, local"
    assert info.host == {"cpus": 2}


def test_an_interrupted_shard_leaves_the_whole_unfinished() -> None:
    together = merged(at(1, "2.4\na ✓"), drawn("2.5\na ✓", id="cut", finished=None))
    assert together.run.info.finished is None
    assert together.notes == ("cut was interrupted: some of its planned cells may be missing",)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_a_cell_measured_twice_the_later_finished_holds_and_the_contradiction_is_told(
    order: tuple[int, int],
) -> None:
    shards = [at(1, "2.4\na ✓"), at(2, "2.4\na A")]
    together = merged(*(shards[number] for number in order))
    assert cells(together.run) == {("a", "2.4.0", "cpu"): Verdict.FAIL}
    assert [result.votes for result in together.run.results] == ["1/2"]
    assert together.notes == (
        "script/a on 2.4.0 cpu py3.8: pass in run-1, fail (ErrorA: what A says) in run-2, "
        "which holds",
    )


def test_votes_of_all_shards_are_added_up_where_any_disagree() -> None:
    def votes(*shards: Run) -> list[str]:
        return [result.votes for result in merged(*shards).run.results]

    one, same, other = at(1, "2.4\na A"), at(2, "2.4\na A"), at(3, "2.4\na B")
    counted = evolve(
        same, results=tuple(evolve(each, attempts=3, agreed=2) for each in same.results)
    )
    assert votes(one, same) == [""]
    assert votes(one, counted) == ["3/4"]
    assert votes(one, counted, other) == ["1/5"]
    assert votes(one, other, at(4, "2.4\na A")) == ["2/3"]
    assert votes(one, at(2, "2.4\na !"), at(3, "2.4\na –")) == [""]


def test_a_measurement_that_a_run_took_from_the_store_is_one_vote() -> None:
    first, other = at(1, "2.4\na A"), at(2, "2.4\na ✓")
    kept = evolve(first, results=tuple(evolve(each, key="k") for each in first.results))
    cached = tuple(evolve(each, cached=True) for each in kept.results)
    again = evolve(at(3, "2.4\na A"), results=cached)
    assert [result.votes for result in merged(kept, other, again).run.results] == ["1/2"]


@pytest.mark.parametrize("glyph", ["–", "!"])
def test_a_measurement_goes_before_a_later_skip_or_error(glyph: str) -> None:
    together = merged(at(1, "2.4\na ✓"), at(2, f"2.4\na {glyph}"))
    assert cells(together.run) == {("a", "2.4.0", "cpu"): Verdict.PASS}
    assert together.notes == ()


def test_a_measurement_goes_before_a_later_inference() -> None:
    later = at(2, "2.4\na ✓")
    guessed = evolve(later, results=tuple(evolve(r, inferred=("2.3",)) for r in later.results))
    (cell,) = merged(at(1, "2.4\na A"), guessed).run.results
    assert (cell.outcome.verdict, cell.inferred) == (Verdict.FAIL, False)


def test_an_environment_that_was_locked_goes_before_one_that_was_only_planned() -> None:
    planned = at(2, "2.4\na –")
    planned = evolve(planned, environments=tuple(evolve(e, key="") for e in planned.environments))
    together = merged(at(1, "2.4\na ✓"), planned)
    assert together.run.environments[0].key
    assert together.notes == ()


def test_shards_that_do_not_belong_together_are_told() -> None:
    one, other = at(1, "2.4\na ✓"), at(2, "2.4\na ✓", tool_version="0.2.0")
    (repro,) = other.repros
    repro = evolve(repro, script=Path("other.py"), cases=(Case(name="a", args=("else",)),))
    environments = tuple(evolve(e, key="other") for e in other.environments)
    other = evolve(other, repros=(repro,), environments=environments)
    assert merged(one, other).notes == (
        "the shards are of different versions of tfmatrix",
        "the shards made environment 2.4.0-py3.8-cpu of different packages",
        "the shards describe the repro script differently",
        "the shards give case script/a different arguments",
    )


def test_shards_by_case_have_the_cases_of_all() -> None:
    (repro,) = merged(at(1, "2.4\na ✓"), at(2, "2.4\nb ✓\na ✓")).run.repros
    assert [case.name for case in repro.cases] == ["a", "b"]


PICTURES = st.lists(st.sampled_from("✓AB–!?"), min_size=3, max_size=3).map(
    lambda glyphs: "2.4 2.5 2.6\na " + " ".join(glyphs)
)


@settings(deadline=None)
@given(st.lists(PICTURES, min_size=1, max_size=4), st.randoms())
def test_nothing_is_lost_or_made_up_whatever_the_order(pictures: list[str], random: Any) -> None:
    shards = [at(number, picture) for number, picture in enumerate(pictures)]
    together = merged(*shards).run
    random.shuffle(shards)
    assert cells(merged(*shards).run) == cells(together)
    found = {place for shard in shards for place in cells(shard)}
    assert set(cells(together)) == found
    for place, verdict in cells(together).items():
        said = {cells(shard)[place] for shard in shards if place in cells(shard)}
        assert verdict in said
        assert verdict.judged or not any(each.judged for each in said)


# --- On disk ---------------------------------------------------------------------------------


def put(folder: Path, run: Run, *, script: str = "print(1)\n", log: Optional[str] = None) -> None:
    """`run` as `tfmatrix run` leaves it; every log says from which run it is."""
    writer = journal.Journal(folder, run)
    writer.keep_script("script", script)
    for environment in run.environments:
        place = folder / "environments" / environment.id
        place.mkdir(parents=True)
        (place / "requirements.txt").write_text(f"of {run.info.id}\n", "utf-8")
    for result in run.results:
        writer.append(evolve(result, log=None), f"{log or run.info.id}\n")
    writer.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return tmp_path


def test_the_folder_is_that_of_a_run(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    put(folder / "one", at(1, "2.4 2.5\na ✓ A"))
    put(folder / "two", at(2, "2.5 2.6\na A ✓"))
    assert cli.execute(["merge", "one", "two", "one", "--output", "all"]) == 0
    run = journal.read_run(folder / "all")
    assert len(run.results) == 3
    assert run.info.finished == "2026-11-22T16:02:00Z"
    logs = {r.tensorflow: (folder / "all" / str(r.log)).read_text("utf-8") for r in run.results}
    assert logs == {"2.4.0": "run-1\n", "2.5.0": "run-2\n", "2.6.0": "run-2\n"}
    for release, origin in (("2.4.0", "run-1"), ("2.5.0", "run-2"), ("2.6.0", "run-2")):
        lock = folder / "all" / "environments" / f"{release}-py3.8-cpu" / "requirements.txt"
        assert lock.read_text("utf-8") == f"of {origin}\n"
    assert (folder / "all" / "scripts" / "script.py").read_text("utf-8") == "print(1)\n"
    assert (
        json.loads((folder / "all" / "matrix.json").read_text("utf-8"))["run"]["id"] == run.info.id
    )
    assert (folder / "summary.md").read_text("utf-8") == (folder / "all" / "matrix.md").read_text()
    assert "note:" not in capsys.readouterr().err


def test_what_cells_left_is_copied_if_it_is_still_there_as_it_was(folder: Path) -> None:
    run = at(1, "2.4\na ✓")
    writer = journal.Journal(folder / "one", run)
    (result,) = run.results
    writer.append(writer.keep_files(result, {"a/b": b"1", "changed": b"2", "gone": b"3"}), "")
    writer.close()
    (kept,) = (folder / "one" / "out").iterdir()
    (kept / "changed").write_bytes(b"4")
    (kept / "gone").unlink()
    assert cli.execute(["merge", "one", "--output", "all"]) == 0
    (copied,) = journal.read_run(folder / "all").results
    assert [(file.name, file.size) for file in copied.files] == [("a/b", 1)]
    assert (folder / "all" / copied.files[0].path).read_bytes() == b"1"
    assert copied.notes == ("not kept of out/: changed, gone, missing in the merged run",)


@pytest.mark.parametrize("name", ["../../secret", "/secret", "a/../../../secret"])
def test_a_name_that_leads_elsewhere_is_not_copied(folder: Path, name: str) -> None:
    run = at(1, "2.4\na ✓")
    writer = journal.Journal(folder / "one", run)
    kept = writer.keep_files(run.results[0], {"a": b"1"})
    writer.append(evolve(kept, files=tuple(evolve(file, name=name) for file in kept.files)), "")
    writer.close()
    assert cli.execute(["merge", "one", "--output", "all"]) == 0
    assert journal.read_run(folder / "all").results[0].files == ()
    assert not list(folder.rglob("secret"))


@pytest.mark.parametrize(("picture", "code"), [("2.5\na ✓", 0), ("2.5\na A≠", 1), ("2.5\na !", 3)])
def test_it_exits_as_run_does(folder: Path, picture: str, code: int) -> None:
    put(folder / "one", at(1, "2.4\na ✓"))
    put(folder / "two", at(2, picture))
    assert cli.execute(["merge", "one", "two", "--output", "all"]) == code


def test_without_an_output_it_is_the_latest_run(folder: Path) -> None:
    put(folder / "one", at(1, "2.4\na ✓"))
    assert cli.execute(["merge", "one"]) == 0
    assert len(journal.read_run(folder / "results" / "latest").results) == 1


def test_different_scripts_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(folder / "one", at(1, "2.4\na ✓"))
    put(folder / "two", at(2, "2.5\na ✓"), script="print(2)\n")
    assert cli.execute(["merge", "one", "two", "--output", "all"]) == 0
    assert "different scripts under the name script" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["one", "nonesuch"], ["one", "--output", "one"]])
def test_wrong_use_writes_nothing(folder: Path, arguments: list[str]) -> None:
    put(folder / "one", at(1, "2.4\na ✓"))
    before = sorted(folder.rglob("*"))
    assert cli.execute(["merge", *arguments]) == 2
    assert sorted(folder.rglob("*")) == before


def test_a_shard_reads_and_writes_nothing_outside_its_folder(folder: Path) -> None:
    """Artifacts may come from a pull request that a stranger opened."""
    (folder / "secret").mkdir()
    for name in ("Dockerfile", "requirements.txt", "log.txt"):
        (folder / "secret" / name).write_text("secret\n", "utf-8")
    run = at(1, "2.4\na ✓")
    hostile = evolve(
        run,
        environments=(evolve(run.environments[0], id="../../secret"),),
        results=(evolve(run.results[0], environment="../../secret"),),
    )
    put(folder / "one", evolve(run, results=()))
    (folder / "one" / journal.HEAD).write_text(
        (folder / "one" / journal.HEAD)
        .read_text("utf-8")
        .replace("2.4.0-py3.8-cpu", "../../secret"),
        "utf-8",
    )
    line = json.dumps(_line(hostile.results[0], "../secret/log.txt"))
    (folder / "one" / journal.CELLS).write_text(line + "\n", "utf-8")
    (folder / "one" / "scripts" / "script.py").unlink()
    (folder / "one" / "scripts" / "script.py").symlink_to(folder / "secret" / "log.txt")
    assert cli.execute(["merge", "one", "--output", "all"]) == 0
    everything = [p.read_text("utf-8") for p in (folder / "all").rglob("*") if p.is_file()]
    assert not any("secret\n" in text for text in everything)
    assert journal.read_run(folder / "all").results[0].log is None
    assert sorted(path.name for path in folder.iterdir()) == ["all", "one", "secret"]


def test_a_link_within_a_shard_leads_nothing_out_of_the_output(folder: Path) -> None:
    run = at(1, "2.4\na ✓")
    put(folder / "one", evolve(run, environments=()))
    head = folder / "one" / journal.HEAD
    listed = evolve(run, environments=(evolve(run.environments[0], id="../../aside"),))
    head.write_text(serial.dumps(serial.head_to_json(listed)), "utf-8")
    (folder / "one" / "logs" / "a" / "b").mkdir(parents=True)
    (folder / "one" / "logs" / "aside").mkdir()
    (folder / "one" / "logs" / "aside" / "Dockerfile").write_text("FROM aside\n", "utf-8")
    (folder / "one" / "environments").symlink_to("logs/a/b")
    assert cli.execute(["merge", "one", "--output", "all"]) == 0
    assert not (folder / "aside").exists()


def _line(result: Result, log: str) -> dict[str, Any]:
    return {**serial.result_to_json(result), "log": log}


def test_a_wide_run_merged_from_its_releases_is_itself() -> None:
    whole = runs.wide(6)
    parts = [
        evolve(
            whole,
            environments=(environment,),
            results=tuple(r for r in whole.results if r.environment == environment.id),
        )
        for environment in whole.environments
    ]
    together = merge.merge_runs(parts, whole.info.id).run
    assert sorted(together.results, key=lambda r: r.id) == sorted(whole.results, key=lambda r: r.id)
    assert evolve(together, results=()) == evolve(whole, results=())
