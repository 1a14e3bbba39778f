"""`tfmatrix bisect` over nightlies that the index no longer has: the command line, the journals of
earlier runs, and real processes. The package index is one of this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import cli, paths
from runner.runs import journal
from tests.engines.test_bisect import Desk, desk
from tests.unit import index_server
from tests.unit.index_server import IndexServer

__all__ = ["desk"]  # the fixture

SCRIPT = """
import os
version = os.environ["PRETENDED"]
print("::observe loss=%s" % (0.75 if version[-4:] >= "1108" else 0.25))
if "dev" in version and version[-4:] >= "1115":
    raise AttributeError("no such thing")
"""
OLD, LATER, BAD, NEWEST = (f"2.99.0.dev2026{day}" for day in ("1101", "1108", "1115", "1122"))
WEEKS = (OLD, LATER, BAD)


@pytest.fixture
def index(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexServer]:
    with index_server.serving() as serving:
        monkeypatch.setenv("UV_DEFAULT_INDEX", serving.url)
        desk.script(SCRIPT)
        yield serving


def offer(index: IndexServer, *versions: str) -> None:
    """The index has these nightlies, and no other."""
    index.files.clear()
    for version in versions:
        for package in ("tf-nightly", "tf-nightly-cpu"):
            index.add(package, version)


def weeks(desk: Desk, index: IndexServer, *versions: str, arguments: tuple[str, ...] = ()) -> None:
    """Each nightly was measured while the index had it."""
    for version in versions:
        offer(index, version)
        assert desk.give("run", "--tf", f"2.21,{version}", *arguments) == 0
    offer(index)


def heads() -> list[Path]:
    """Where the weekly runs say what was planned."""
    return list(paths.results().glob(f"2*/{journal.HEAD}"))


def run_of(version: str) -> Path:
    """The folder of the weekly run of that nightly."""
    (found,) = (head.parent for head in heads() if version in head.read_text("utf-8"))
    return found


def search(desk: Desk, good: str, bad: str, *arguments: str) -> int:
    desk.engine.opened.clear()
    return desk.give("bisect", "--good", good, "--bad", bad, *arguments)


def test_the_first_bad_nightly_is_found_though_none_can_be_had(
    desk: Desk, index: IndexServer
) -> None:
    weeks(desk, index, *WEEKS)
    assert search(desk, OLD, BAD) == 0
    assert desk.engine.opened == []
    (found, *_) = desk.said.splitlines()
    days = [journal.read_run(run_of(each)).info.started[:10] for each in (LATER, BAD)]
    assert found == (
        f"The first bad release is {BAD}: {LATER} passes (kept from {days[0]}, not measured now), "
        f'{BAD} fails with "AttributeError: no such thing" (kept from {days[1]}, not measured now).'
    )
    assert f"{LATER} and {BAD} cannot be run again: the index no longer has them." in desk.said
    assert f"Nightlies between {LATER} and {BAD} can be measured no more" in desk.said
    assert "0 of 3 releases looked at, in 0 runs and 3 kept verdicts" in desk.said
    assert "again: tfmatrix" not in desk.said
    assert "3 verdicts on nightlies that the index no longer has" in desk.noted


def test_its_run_has_only_what_was_measured_and_the_report_says_what_was_kept(
    desk: Desk, index: IndexServer
) -> None:
    weeks(desk, index, OLD)
    offer(index, BAD)
    assert search(desk, OLD, BAD) == 0
    assert desk.results().keys() == {BAD}
    report = (desk.folder_of_run / "matrix.md").read_text("utf-8")
    assert f"{OLD} passes (kept from 20" in report
    assert "by this search" in report
    assert f"see the other again: tfmatrix run my.py --allow-no-tensorflow --tf {BAD}" in desk.said
    assert search(desk, OLD, NEWEST) == 2, "what a search kept of others is no verdict of its own"


def test_a_search_in_which_all_is_kept_leaves_a_run_that_says_so(
    desk: Desk, index: IndexServer
) -> None:
    weeks(desk, index, *WEEKS)
    assert search(desk, OLD, BAD) == 0
    assert desk.run.results == ()
    for name in ("matrix.md", "index.html"):
        assert f"The first bad release is {BAD}" in (desk.folder_of_run / name).read_text("utf-8")
    assert cli.execute(["report", desk.folder_of_run.name, "--format", "json"]) == 0
    assert cli.execute(["history"]) == 0


def test_what_the_index_has_is_measured_and_a_kept_verdict_between_steers(
    desk: Desk, index: IndexServer
) -> None:
    weeks(desk, index, OLD, LATER)
    offer(index, BAD, NEWEST)
    assert search(desk, "2.21.0", NEWEST, "--format", "json") == 0
    told = json.loads(desk.said)
    assert (told["found"]["before"], told["found"]["first"]) == (LATER, BAD)
    kept = {each["tensorflow"]: each["kept"] for each in told["looked_at"]}
    assert kept[BAD] is None
    assert kept[NEWEST] is None
    assert kept[LATER]["run"] == journal.read_run(run_of(LATER)).info.id
    assert told["runs"] == len(desk.engine.opened) == 2, "2.21.0 is stored"
    assert told["found"]["again"].endswith(f" --tf {BAD}")


def test_a_nightly_that_the_index_has_again_is_measured(desk: Desk, index: IndexServer) -> None:
    weeks(desk, index, *WEEKS)
    offer(index, *WEEKS)
    assert search(desk, OLD, BAD, "--remeasure") == 0
    assert "kept" not in desk.said
    assert len(desk.engine.opened) == 3


def test_an_observation_of_a_kept_verdict_decides(desk: Desk, index: IndexServer) -> None:
    weeks(desk, index, *WEEKS)
    assert search(desk, OLD, BAD, "--on", "observation:loss>0.5") == 0
    assert f"The first bad release is {LATER}: {OLD} passes with loss = 0.25 (kept" in desk.said


def test_verdicts_in_another_folder_stand_in_if_it_is_named(desk: Desk, index: IndexServer) -> None:
    weeks(desk, index, *WEEKS)
    paths.results().rename(desk.folder / "elsewhere")
    assert search(desk, OLD, BAD) == 2
    assert f"no TensorFlow release {OLD} is known" in desk.noted
    assert "to fix it: --kept FOLDER, if an earlier run measured it" in desk.noted
    assert search(desk, OLD, BAD, "--kept", "elsewhere") == 0
    assert f"The first bad release is {BAD}" in desk.said


@pytest.mark.parametrize(
    ("script", "arguments", "what"),
    [
        (SCRIPT + "\n", (), "the script or a file that it uses"),
        (SCRIPT, ("--arg", "a"), "its arguments or its variant"),
        (SCRIPT, ("--timeout", "7"), "its limits"),
        (SCRIPT, ("--on", "output:loss"), "what its output must not hold (--fail-on)"),
    ],
)
def test_only_a_verdict_of_the_same_script_counts(
    desk: Desk, index: IndexServer, script: str, arguments: tuple[str, ...], what: str
) -> None:
    weeks(desk, index, *WEEKS)
    desk.script(script)
    assert search(desk, OLD, BAD, *arguments) == 2
    assert f"no longer has {OLD}, and the verdicts kept of it differ in {what}" in desk.noted
    assert desk.engine.opened == []
    offer(index, OLD, BAD)
    assert search(desk, OLD, BAD, *arguments) in (0, 1)
    assert f"left out: the index no longer has {LATER}, and the verdicts" in desk.noted


def test_other_files_of_the_folder_do_not_matter_unless_the_script_may_read_them(
    desk: Desk, index: IndexServer
) -> None:
    weeks(desk, index, *WEEKS)
    (desk.folder / "README.md").write_text("read me", "utf-8")
    assert search(desk, OLD, BAD) == 0
    listing = "import os\nos.listdir(os.curdir)\n" + SCRIPT
    desk.script(listing)
    weeks(desk, index, *WEEKS)
    assert search(desk, OLD, BAD) == 0
    (desk.folder / "README.md").write_text("read me again", "utf-8")
    assert search(desk, OLD, BAD) == 2


def test_the_newest_verdict_of_the_script_counts(desk: Desk, index: IndexServer) -> None:
    weeks(desk, index, *WEEKS)
    desk.script(SCRIPT.replace('"1115"', '"1108"'))
    weeks(desk, index, *WEEKS)
    assert search(desk, OLD, BAD) == 0
    assert f"The first bad release is {LATER}" in desk.said
    desk.script(SCRIPT)
    assert search(desk, OLD, BAD) == 0
    assert f"The first bad release is {BAD}" in desk.said


def test_blame_says_that_a_nightly_that_is_gone_cannot_be_tried(
    desk: Desk, index: IndexServer
) -> None:
    weeks(desk, index, *WEEKS)
    assert search(desk, OLD, BAD, "--blame") == 0
    assert f"So --blame cannot try {BAD} with the packages of the one before." in desk.said


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--good", "2.20", "--bad", "2.21", "--kept", "results"], "neither --good nor --bad"),
        (["--bad", BAD, "--kept", "nowhere"], "--kept nowhere: there is no such folder"),
        (["--bad", BAD, "--kept", "my.py"], "--kept my.py: there is no such folder"),
        (["--bad", BAD, "--kept", "."], "--kept .: no run in it has a verdict on a nightly"),
        (["--bad", BAD, "--repeat", "3", "--kept", "results"], "several decide: leave it out"),
        (["--bad", BAD, "--on", "loss > 1", "--kept", "results"], "several decide: leave it out"),
    ],
)
def test_a_wrong_use_is_told_in_one_line(
    desk: Desk, index: IndexServer, arguments: list[str], part: str
) -> None:
    (desk.folder / "results").mkdir()
    assert desk.give("bisect", *arguments) == 2
    assert part in desk.noted
    assert desk.noted.count("\n") == 1
    assert "Traceback" not in desk.noted


def test_a_damaged_run_among_them_is_one_line(desk: Desk, index: IndexServer) -> None:
    weeks(desk, index, *WEEKS)
    texts = ["", "{", "[]", '{"schema": 2}', "\x00", '{"schema": 1, "run": {}}']
    for number, text in enumerate(texts):
        folder = paths.results() / f"foreign-{number}"
        folder.mkdir()
        (folder / journal.HEAD).write_text(text, "utf-8")
    assert search(desk, OLD, BAD) == 0
    assert f"The first bad release is {BAD}" in desk.said
    for number in range(len(texts)):
        (line,) = [each for each in desk.noted.splitlines() if f"foreign-{number}" in each]
        assert str(Path(f"foreign-{number}") / journal.HEAD) in line


def test_a_damaged_line_of_a_journal_is_left_out(desk: Desk, index: IndexServer) -> None:
    weeks(desk, index, *WEEKS)
    cells = run_of(LATER) / journal.CELLS
    cells.write_text(cells.read_text("utf-8").replace('"outcome": "pass"', '"outcome": "good"'))
    assert search(desk, OLD, BAD) == 0
    assert f"The first bad release is {BAD}: {OLD} passes" in desk.said
    assert f"{journal.CELLS}:2: left out, not a cell" in desk.noted


def test_several_runs_of_a_release_do_not_mix_with_kept_ones(
    desk: Desk, index: IndexServer
) -> None:
    weeks(desk, index, LATER)
    offer(index, OLD, BAD)
    assert search(desk, OLD, BAD, "--repeat", "2") == 0
    assert f"The first bad release is {BAD}: {OLD} passes" in desk.said
    assert "kept" not in desk.said


def test_what_a_strangers_run_says_cannot_move_the_cursor(desk: Desk, index: IndexServer) -> None:
    weeks(desk, index, *WEEKS)
    for head in heads():
        text = head.read_text("utf-8")
        started = json.loads(text)["run"]["started"]
        head.write_text(text.replace(started, "\\u001b[31m20261101"), "utf-8")
    assert search(desk, OLD, BAD) == 0
    assert "\x1b" not in desk.said + desk.noted
    shutil.rmtree(paths.results())
