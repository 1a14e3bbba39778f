"""When one look is not enough, and what a second one means. The agent here says what it is told."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import pytest

from runner import report
from runner.cells.classify import classify
from runner.cells.flakiness.confirmations import Confirmations, InMemory
from runner.cells.measure import Measurer
from runner.cells.results import judged_result
from runner.cells.snapshot.record import Snapshot
from runner.engines.base import Workspace
from runner.model import Case, Cell, Device, Execution, Repro, Run, RunInfo, Target
from tests.engines.plain import release

CELL = Cell(
    repro=Repro(name="r", script=Path("r.py")),
    case=Case(name="c"),
    target=Target(release=release("2.9.3"), device=Device.CPU, python="3.10"),
)
PASS: dict[str, Any] = {"exit_code": 0}
FAIL: dict[str, Any] = {"exit_code": 1, "errors": "ValueError: no such luck\n"}
EXIT: dict[str, Any] = {"exit_code": 1}
CRASH: dict[str, Any] = {"signal": 11}
HANG: dict[str, Any] = {"killed_for": "timeout", "signal": 9, "seconds": 5.0}
LOST: dict[str, Any] = {"trouble": "no memory for a process"}
PLAIN: dict[str, Any] = {
    "exit_code": None,
    "signal": None,
    "killed_for": None,
    "seconds": 0.5,
    "max_rss_mb": 9.0,
    "output": "",
    "errors": "",
    "output_bytes": 0,
    "observations": {},
    "git_version": "",
    "notes": [],
    "trouble": None,
}


class Agent:
    """Answers the requests in turn, and remembers in which mode each was made."""

    root = "/repro"
    shown: Mapping[str, str] = {}
    warm = False

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = deque(answers)
        self.modes: list[str] = []
        self.scripts: list[str] = []
        self.ends_well: list[bool] = []
        self.damaged: Optional[str] = None
        self.looks = 0
        self._lines: deque[dict[str, Any]] = deque()
        self.close()

    def send(self, line: bytes) -> None:
        asked = json.loads(line)
        self.modes.append(asked["mode"])
        self.scripts.append(asked["script"])
        self.ends_well.append(asked["ends_well"])
        answer = {"mode": asked["mode"], **PLAIN, **self.answers.popleft()}
        self._lines.append({"event": "ended", "id": asked["id"], **answer})

    def receive(self, timeout: float) -> Optional[bytes]:
        return json.dumps(self._lines.popleft()).encode()

    def damage(self) -> Optional[str]:
        self.looks += 1
        return self.damaged

    def close(self) -> None:
        """Whoever is asked next says hello first."""
        self._lines = deque([{"event": "hello", "protocol": 1, "python": "3.10.13", "pid": 1}])


def measurer(
    agent: Agent, mode: str, seen: Optional[Confirmations] = None, environment: str = "docker:abc"
) -> Measurer:
    return Measurer(lambda: agent, mode, environment=environment, confirmations=seen)


def files(script: str = "r.py", digest: str = "", **more: Any) -> Snapshot:
    where = Workspace(folder=Path("folder"), script=script, place=more.pop("place", ""))
    return Snapshot(workspace=where, digest=digest, **more)


FILES = files()


def said(execution: Execution) -> tuple[str, int, int]:
    return (classify(execution).verdict.value, execution.agreed, execution.attempts)


@pytest.mark.parametrize(
    ("mode", "answers", "modes", "found", "note"),
    [
        ("fork", [PASS], ["fork"], ("pass", 0, 1), ""),
        ("fresh", [FAIL], ["fresh"], ("fail", 0, 1), ""),
        # A crash is looked at twice, as a time-out is: it may come in one run of several.
        ("fresh", [CRASH, CRASH], ["fresh", "fresh"], ("crash", 2, 2), ""),
        (
            *("fresh", [CRASH, PASS], ["fresh", "fresh"], ("pass", 1, 2)),
            "1 of 2 attempts: crash (SIGSEGV)",
        ),
        # A child that says something new is not believed.
        ("fork", [FAIL, FAIL], ["fork", "fresh"], ("fail", 0, 2), ""),
        (
            *("fork", [CRASH, PASS], ["fork", "fresh"], ("pass", 1, 2)),
            "1 of 2 attempts: crash (SIGSEGV)",
        ),
        # A time-out that does not come again is the script's own unsteadiness, or the machine's.
        (
            *("fresh", [HANG, PASS], ["fresh", "fresh"], ("pass", 1, 2)),
            "1 of 2 attempts: timeout (timeout)",
        ),
        ("fresh", [HANG, HANG], ["fresh", "fresh"], ("timeout", 2, 2), ""),
        (
            *("fresh", [LOST, PASS], ["fresh", "fresh"], ("pass", 0, 2)),
            "1 of 2 attempts: error (no memory for a process)",
        ),
    ],
)
def test_second_looks(
    mode: str, answers: list[dict[str, Any]], modes: list[str], found: Any, note: str
) -> None:
    agent = Agent(*answers)
    execution = measurer(agent, mode).measure(CELL, FILES)
    assert said(execution) == found
    assert execution.note == note
    assert agent.modes == modes


def test_what_a_fresh_process_has_said_is_believed_of_a_forked_one() -> None:
    agent = Agent(FAIL, FAIL, FAIL)
    one = measurer(agent, "fork")
    assert [said(one.measure(CELL, FILES)) for _ in range(2)] == [("fail", 0, 2), ("fail", 0, 1)]
    assert agent.modes == ["fork", "fresh", "fork"]


def test_also_where_an_earlier_run_saw_it_in_this_environment() -> None:
    seen = InMemory()
    measurer(Agent(FAIL, FAIL), "fork", seen).measure(CELL, FILES)
    later = Agent(FAIL)
    assert said(measurer(later, "fork", seen).measure(CELL, FILES)) == ("fail", 0, 1)
    assert later.modes == ["fork"]


def test_what_another_script_has_said_counts_for_nothing() -> None:
    seen = InMemory()
    measurer(Agent(FAIL), "fresh", seen).measure(CELL, FILES)
    for script, content in (("other.py", ""), ("r.py", "edited")):
        agent = Agent(FAIL, PASS)
        one = measurer(agent, "fork", seen)
        assert said(one.measure(CELL, files(script, content))) == ("pass", 0, 2)


def test_an_edit_that_fails_as_before_needs_one_fresh_process_for_all_environments() -> None:
    seen = InMemory()
    for content, environment, modes in (
        ("", "docker:abc", ["fork", "fresh"]),
        ("", "docker:def", ["fork", "fresh"]),
        ("edited", "docker:abc", ["fork", "fresh"]),
        ("edited", "docker:def", ["fork"]),
    ):
        agent = Agent(FAIL, FAIL)
        one = measurer(agent, "fork", seen, environment)
        assert said(one.measure(CELL, files(digest=content), path="/r.py"))[0] == "fail"
        assert agent.modes == modes


@pytest.mark.parametrize(
    ("warm", "answers", "modes"),
    [
        (False, [PASS], ["fresh"]),
        (False, [FAIL], ["fresh"]),  # a fork would have needed this, too
        (False, [CRASH, CRASH], ["fresh", "fresh"]),
        (True, [PASS], ["fork"]),
        (True, [FAIL, FAIL], ["fork", "fresh"]),
    ],
)
def test_a_cell_that_shares_its_import_with_no_other_is_forked_by_a_warm_agent_only(
    warm: bool, answers: list[dict[str, Any]], modes: list[str]
) -> None:
    agent = Agent(*answers)
    agent.warm = warm
    measurer(agent, "fork").measure(CELL, FILES, alone=True)
    assert agent.modes == modes


def test_what_another_cell_saved_counts_no_more_than_arguments() -> None:
    """A failure that a fresh process has had with the files of one release is believed with those
    of another; the agent is asked for the script in its own place."""
    agent = Agent(FAIL, FAIL, FAIL)
    one = measurer(agent, "fork")
    for saved in ("a", "b"):
        one.measure(CELL, files(digest=saved, own_digest="own", place=saved))
    assert agent.modes == ["fork", "fresh", "fork"]
    assert agent.scripts == ["/repro/a/r.py", "/repro/a/r.py", "/repro/b/r.py"]


def test_a_code_without_a_text_is_never_believed_of_a_fork() -> None:
    seen = InMemory()
    measurer(Agent(EXIT), "fresh", seen).measure(CELL, FILES)
    agent = Agent(EXIT, PASS)
    assert said(measurer(agent, "fork", seen).measure(CELL, FILES)) == ("pass", 0, 2)
    assert agent.modes == ["fork", "fresh"]


def test_before_a_new_failure_is_believed_the_environment_is_looked_at() -> None:
    seen, agent = InMemory(), Agent(PASS, FAIL, FAIL, FAIL)
    one = measurer(agent, "fork", seen)
    looks = []
    for _ in range(3):
        one.measure(CELL, FILES)
        looks.append(agent.looks)
    assert looks == [0, 1, 1]


def test_a_failure_in_a_damaged_environment_is_none() -> None:
    seen, agents = InMemory(), [Agent(FAIL), Agent(FAIL)]
    for agent in agents:
        agent.damaged = "the packages are not as they were"
    opened = iter(agents)
    one = Measurer(lambda: next(opened), "fresh", environment="local:abc", confirmations=seen)
    execution = one.measure(CELL, FILES)
    assert said(execution) == ("error", 0, 2)
    assert execution.trouble == "the packages are not as they were"
    assert not seen.signatures("local:abc::r.py")


def test_that_forked_children_end_well_is_learnt_from_one_and_remembered() -> None:
    seen, first, later = InMemory(), Agent(CRASH, PASS, PASS, PASS), Agent(PASS)
    one = measurer(first, "fork", seen)
    for _ in range(3):
        one.measure(CELL, FILES)
    assert first.modes == ["fork", "fresh", "fork", "fork"]  # a fresh process tells nothing of it
    assert first.ends_well == [False, False, False, True]
    measurer(later, "fork", seen).measure(CELL, FILES)
    assert later.ends_well == [True]


def test_another_environment_is_another_matter() -> None:
    seen = InMemory()
    seen.confirm("docker:other::r.py", "ValueError: no such luck")
    agent = Agent(FAIL, FAIL)
    assert said(measurer(agent, "fork", seen).measure(CELL, FILES)) == ("fail", 0, 2)


def test_repeats_are_fresh_processes_and_the_majority_decides() -> None:
    agent = Agent(FAIL, PASS, FAIL)
    execution = measurer(agent, "fork").measure(CELL, FILES, repeat=3)
    assert said(execution) == ("fail", 2, 3)
    assert execution.note == "1 of 3 attempts: pass"
    assert agent.modes == ["fresh"] * 3


def test_a_run_that_could_not_be_measured_is_no_vote_and_is_tried_again() -> None:
    agent = Agent(PASS, LOST, PASS, LOST, LOST)
    assert said(measurer(agent, "fresh").measure(CELL, FILES, repeat=3)) == ("pass", 2, 3)
    assert not agent.answers


def test_repeats_of_what_hangs_are_not_doubled() -> None:
    agent = Agent(HANG, HANG)
    assert said(measurer(agent, "fresh").measure(CELL, FILES, repeat=2)) == ("timeout", 2, 2)


def test_observations_name_no_folder_of_this_machine() -> None:
    """As logs do not: the same rewriting for the values that are compared and shown."""
    here = {"script": "/home/me/x.py", "paths": [{"cwd": "/home/me", "n": 3}]}
    agent = Agent({"exit_code": 0, "signal": None, "output": "in /home/me", "observations": here})
    agent.shown = {"/home/me": "/repro"}
    execution = measurer(agent, "fresh").measure(CELL, FILES)
    assert execution.output == "in /repro"
    assert execution.observations == {"script": "/repro/x.py", "paths": [{"cwd": "/repro", "n": 3}]}


def test_no_path_of_this_machine_is_in_what_is_kept() -> None:
    """Nor in an observed value, or in a note: a report is posted for everybody."""
    place = "/home/me/.cache/environments/2.9.3"
    agent = Agent(
        {
            "exit_code": 1,
            "output": f"{place}/bin/python /tmp/run-1a/my.py\n",
            "errors": f"OSError: {place}/lib/x\n",
            "observations": {"a": [f"{place}/x", 1.5, {f"{place}": None}], "n": 3},
            "notes": [f"::observe {place}: there is no '='"],
        }
    )
    agent.shown = {place: "/environment", "/tmp/run-1a": "/repro"}
    found = measurer(agent, "fresh").measure(CELL, FILES)
    assert found.output == "/environment/bin/python /repro/my.py\n"
    assert found.errors == "OSError: /environment/lib/x\n"
    assert found.observations == {"a": ["/environment/x", 1.5, {"/environment": None}], "n": 3}
    assert found.notes == ("::observe /environment: there is no '='",)


def test_a_malformed_observation_is_a_note_on_the_cell_and_in_the_reports() -> None:
    note = "::observe loss: Expecting value: line 1 column 1 (char 0)"
    execution = Execution(exit_code=0, notes=(note, "ended for timeout after 5.0 s: 1 processes"))
    result = judged_result(CELL, "2.9.3-py3.10-cpu", execution)
    assert result.notes == (note,)
    info = RunInfo(id="i", started="s", engine="local", tool_version="0", command="tfmatrix")
    run = Run(info=info, environments=(), results=(result,), repros=(CELL.repro,))
    for kind in ("md", "html", "json"):
        assert note in report.render(run, kind, lambda _: "")
