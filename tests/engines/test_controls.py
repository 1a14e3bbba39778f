"""Where a change may be Python's, a release runs on the other's Python too: from end to end, with
processes that are told a version and a Python instead of having them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from runner import cli, engines
from runner.engines.base import Channel, Workspace
from runner.engines.local.pipe import PipeChannel
from runner.environments import locks
from runner.model import Environment, Limits, Target
from runner.runs import journal
from tests.engines.plain import AGENT, PlainEngine
from tests.engines.test_bisect import Desk, Pretending

HEAD = """
import os
version = tuple(map(int, os.environ["PRETENDED"].split(".")))
python = tuple(map(int, os.environ["PYTHON_VERSION"].split(".")))
"""
PYTHONS = HEAD + "if python >= (3, 8): raise ValueError('no')\n"
RELEASES = HEAD + "if version >= (2, 2): raise ValueError('no')\n"
NEITHERS = HEAD + "if version >= (2, 2): raise ValueError('no' if python >= (3, 8) else 'never')\n"


class OnPythons(Pretending):
    def start_agent(
        self, environment: Environment, workspace: Workspace, limits: Limits
    ) -> Channel:
        self.opened.append(environment.id)
        target = environment.target
        variables = {
            "PATH": os.environ["PATH"],
            "PRETENDED": target.release.version,
            "PYTHON_VERSION": target.python,
        }
        return PipeChannel([sys.executable, str(AGENT)], root=str(workspace.folder), env=variables)


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    engine = OnPythons()

    def lock(target: Target, images: object = None) -> Environment:
        own = [each for each in target.requirements if each.startswith("numpy==")]
        numpy = own[0] if own else f"numpy==1.{target.release.parsed.minor}"
        return Environment(target=target, requirements=f"{numpy}\n", key=target.label)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(engines, "choose", lambda name, say, *_: engine)
    monkeypatch.setattr(locks, "environment", lock)
    return Desk(tmp_path, engine, capsys)


FOUND = {
    "Python's": (
        PYTHONS,
        "2.2 passes on Python 3.7 as 2.1 does: the change is Python's, not TensorFlow's.",
        "2.2 on Python 3.7: passes as 2.1 does: the change is Python's, not TensorFlow's",
    ),
    "TensorFlow's": (
        RELEASES,
        "2.2 fails on Python 3.7 too.",
        "2.2 on Python 3.7: fails as on 3.8",
    ),
    "neither's alone": (
        NEITHERS,
        "2.2 fails otherwise on Python 3.7, so the change may be Python's.",
        "2.2 on Python 3.7: fails otherwise",
    ),
}


@pytest.mark.parametrize(("script", "sentence", "change"), FOUND.values(), ids=FOUND)
def test_whose_change_it_is(desk: Desk, script: str, sentence: str, change: str) -> None:
    desk.script(script)
    assert desk.give("run", "--tf", "2.1,2.2") == 0
    *first, last = desk.engine.opened
    assert (sorted(first), last) == (["2.1.4-py3.7-cpu", "2.2.3-py3.8-cpu"], "2.2.3-py3.7-cpu")
    assert "to tell what changes come from: 2.2.3 on Python 3.7" in desk.noted
    report = (desk.folder_of_run / "matrix.md").read_text("utf-8")
    assert f"passes on 2.1; {sentence}" in report.splitlines()[0]
    assert f"{change}; 2.1 on Python 3.8: not available" in report
    assert change.replace("'", "&#x27;") in (desk.folder_of_run / "index.html").read_text("utf-8")


def test_a_test_of_a_suite_has_its_control_too(desk: Desk) -> None:
    text = (
        HEAD
        + """
def test_of_python():
    assert python < (3, 8), "no"

def test_of_tensorflow():
    assert version < (2, 2), "never"

def test_that_stays():
    pass
"""
    )
    (desk.folder / "test_my.py").write_text(text, "utf-8")
    assert cli.execute(["run", "test_my.py", "--allow-no-tensorflow", "--tf", "2.1,2.2"]) == 0
    assert sum("2.2.3-py3.7" in each for each in desk.engine.opened) == 1
    report = (desk.folder_of_run / "matrix.md").read_text("utf-8")
    own = "passes as 2.1 does: the change is Python's, not TensorFlow's"
    changes = [line for line in report.splitlines() if "2.2 on Python 3.7" in line]
    assert [own in line for line in changes if "test_of_python" in line] == [True]
    assert ["fails as on 3.8" in line for line in changes if "test_of_tensorflow" in line] == [True]


def test_controls_are_kept_apart_from_the_cells(desk: Desk) -> None:
    desk.script(RELEASES)
    assert desk.give("run", "--tf", "2.1,2.2") == 0
    run = desk.run
    own = sorted(each.environment for each in run.results)
    assert own == ["2.1.4-py3.7-cpu", "2.2.3-py3.8-cpu"]
    assert [(each.environment, each.case, f"{each.outcome.verdict}") for each in run.controls] == [
        ("2.1.4-py3.8-cpu", "default@python=3.8", "skip"),
        ("2.2.3-py3.7-cpu", "default@python=3.7", "fail"),
    ]
    facts = json.loads((desk.folder_of_run / "matrix.json").read_text("utf-8"))
    assert (len(facts["cells"]), len(facts["controls"])) == (2, 2)
    assert journal.read_run(desk.folder_of_run) == run
    assert (desk.folder_of_run / "environments" / "2.2.3-py3.7-cpu").is_dir()
    opened = len(desk.engine.opened)
    assert desk.give("run", "--tf", "2.1,2.2") == 0
    assert len(desk.engine.opened) == opened, "what is known is not measured again"


def test_none_are_run_where_nothing_changes_or_nobody_wants_them(desk: Desk) -> None:
    desk.script(RELEASES)
    assert desk.give("run", "--tf", "2.2,2.3") == 0  # one Python
    assert desk.give("run", "--tf", "2.1,2.2", "--no-controls") == 0
    assert desk.run.controls == ()
    desk.script(HEAD)
    assert desk.give("run", "--tf", "2.1,2.2") == 0
    assert desk.run.controls == ()


def test_a_package_that_an_axis_varies_is_such_a_thing_too(desk: Desk) -> None:
    desk.script(RELEASES)
    assert desk.give("run", "--tf", "2.2,2.1", "--vary", "numpy=,1.5") == 0
    report = (desk.folder_of_run / "matrix.md").read_text("utf-8")
    assert "2.2 with numpy 1.1: fails as with 1.2" in report
    assert "numpy 1.5:" not in report, "what a case sets itself is the same on both"


def test_bisect_says_so_too(desk: Desk) -> None:
    desk.script(PYTHONS)
    assert desk.give("bisect", "--good", "2.1", "--bad", "2.3", "--patches", "latest") == 0
    said = "2.2 passes on Python 3.7 as 2.1 does: the change is Python's, not TensorFlow's."
    assert said in desk.said
    assert said in (desk.folder_of_run / "matrix.md").read_text("utf-8")
    words = ("bisect", "--good", "2.1", "--bad", "2.3", "--patches", "latest", "--no-controls")
    assert desk.give(*words) == 0
    assert "not TensorFlow's" not in desk.said


def test_a_python_that_is_not_there_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(engine: PlainEngine, target: Target) -> str | None:
        there = (target.release.version, target.python) != ("2.2.3", "3.7")
        return None if there else "no Python 3.7 on this machine"

    monkeypatch.setattr(PlainEngine, "refuses", refuses)
    desk.script(RELEASES)
    assert desk.give("run", "--tf", "2.1,2.2") == 0
    report = (desk.folder_of_run / "matrix.md").read_text("utf-8")
    assert "2.2 on Python 3.7: not available; 2.1 on Python 3.8: not available" in report


def test_what_controls_make_counts_among_what_is_kept(desk: Desk) -> None:
    desk.script(RELEASES)
    assert desk.give("run", "--tf", "2.1,2.2", "--keep-environments", "250B") == 0  # 100 B each
    assert desk.engine.dropped == ["2.2.3-py3.7-cpu"]


def test_none_is_made_where_the_disk_has_no_room_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "runner.machine.host.free_bytes", lambda _: 10**6 if desk.engine.opened else 10**12
    )
    desk.script(RELEASES)
    assert desk.give("run", "--tf", "2.1,2.2") == 0
    assert sorted(desk.engine.opened) == ["2.1.4-py3.7-cpu", "2.2.3-py3.8-cpu"]
    assert "to tell what changes come from" not in desk.noted
