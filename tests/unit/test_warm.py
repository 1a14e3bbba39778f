"""What `tfmatrix warm`, and `doctor` about it, say; `tests/engines/test_warm.py` has the agents."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any, Optional

import pytest

from runner import cli
from runner.cells.snapshot.record import modules_in
from runner.engines.local.engine import LocalEngine
from runner.engines.local.lent import LendableAgent, LentChannel, last_line
from runner.machine import standing
from runner.pipeline.warm import address, keeping
from runner.pipeline.warm.agents import WarmAgent, WarmAgents
from runner.pipeline.warm.imports import Import
from runner.pipeline.warm.keeping import KeeperState, Wanted
from runner.pipeline.warm.lender import process_facts
from runner.upkeep import doctor
from runner.upkeep.doctor import Health
from tests.engines.plain import environment


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.execute(["warm", *words])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--memory", "much"], "'much' is not a size"),
        (["--memory", "8MB"], "8MB is less than 64"),
        (["--idle", "later"], "'later' is not a time"),
        (["--idle", "0s"], "0s is less than 0.1"),
        (["missing.py"], "missing.py"),
        (["--tf", "0.1"], "0.1"),
        (["--tf", "2.9", "--engine", "docker"], "tfmatrix warm has no option --engine"),
        (["--tf", "2.9", "--env", "A"], "A"),
        (["--stop", "--tf", "2.9"], "--stop ends everything that is kept: leave out"),
        (["--stop", "my.py"], "--stop ends everything that is kept: leave out"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, *words)
    assert (code, out) == (2, "")
    assert line in err.splitlines()[0]
    assert keeping.keeper_state() is None


def test_a_script_that_is_never_forked_is_not_kept(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my.py").write_text("print(1)\nimport tensorflow\n", "utf-8")
    code, _, err = said(capsys, "my.py", "--tf", "2.9")
    assert code == 2
    first, second = err.splitlines()
    assert first.startswith("my: skipped: each cell gets a fresh process: line 1 calls print")
    assert second == "tfmatrix: no cell could use what would be kept warm"


def test_where_the_local_engine_cannot_work_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalEngine, "unavailable", lambda _: "this is a toaster")
    code, _, err = said(capsys, "--tf", "2.9")
    assert code == 3
    assert err == "tfmatrix: only the local engine keeps agents warm: this is a toaster\n"


def test_there_may_be_nothing_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--stop") == (0, "nothing was warm\n", "")


@pytest.mark.parametrize(
    ("ended", "lent", "words"),
    [
        (2, 0, "ended: 2 warm agents\n"),
        (1, 1, "ended: 1 warm agent; 1 warm agent ends with the command that uses it\n"),
        (0, 2, "2 warm agents end with the commands that use them\n"),
        (0, 0, "nothing was warm\n"),
    ],
)
def test_what_a_command_uses_has_not_ended(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ended: int,
    lent: int,
    words: str,
) -> None:
    monkeypatch.setattr(keeping, "stop", lambda: keeping.Stopped(ended, lent))
    assert said(capsys, "--stop") == (0, words, "")


@pytest.mark.parametrize("content", ["", "/nowhere/warm", "\0", "x" * 5000, "x" * 500])
def test_a_file_that_names_no_keeper_is_none(content: str) -> None:
    address.file().parent.mkdir(parents=True)
    address.file().write_text(content, "utf-8")
    assert address.connect() is None
    assert keeping.stop() is None


def test_what_doctor_says() -> None:
    one = {"name": "2.9.3-py3.10-cpu", "memory_mb": 300, "lent": False, "idle": 5}
    there = KeeperState(memory_mb=4096.0, idle=1800.0, agents=[one, one], facts=process_facts())
    check = doctor.check_warm(there)
    assert (check.health, check.remedy) == (Health.GOOD, "")
    assert check.finding == "2 warm agents: 629 MB of 4.3 GB; each ends after 30 min without use"
    old = KeeperState(memory_mb=4096.0, idle=1800.0, agents=[one], facts={})
    assert doctor.check_warm(old).health is Health.LIMITED
    assert doctor.check_warm(old).remedy == "tfmatrix warm"
    assert doctor.check_warm(None).finding == "none"


# --- The parts ----------------------------------------------------------------------------------


def test_what_can_be_imported_from_a_folder() -> None:
    names = ["my.py", "fast.cpython-310-x86_64-linux-gnu.so", "package/inner.py", "data.csv"]
    assert modules_in(names) == {"my", "fast", "package", "data"}


def test_a_standing_is_that_of_this_process() -> None:
    before = standing.standing_digest()
    assert before == standing.standing_digest()
    mask = os.umask(0o777)
    try:
        assert standing.standing_digest() != before
    finally:
        os.umask(mask)
    assert standing.standing_digest() == before


class Channel:
    """As much of an agent's channel as `WarmAgents` needs."""

    def __init__(self) -> None:
        self.has_ended = self.closed = False

    def close(self) -> None:
        self.closed = True


class Agent(WarmAgent):
    size = 0.0

    @property
    def memory_mb(self) -> float:
        return self.size


def agent(folder: Path, key: str, size: float, used: float = 0.0) -> Agent:
    channel: Any = Channel()
    made = Agent(
        name=key,
        key=key,
        folder=folder,
        channel=channel,
        python="3.10.1",
        modules=frozenset({"random"}),
        family=[],
        used=used,
    )
    made.size = size
    return made


def test_the_least_recently_used_makes_room(tmp_path: Path) -> None:
    agents = WarmAgents(memory_mb=2000.0, idle=10.0)
    made = [agent(tmp_path, key, 600.0, used=number) for number, key in enumerate("abc")]
    for one in made:
        agents.add(lambda one=one: one)  # type: ignore[misc]
    lent = agents.lend("c", [])
    assert lent is made[2]
    made[2].size = 1100.0
    agents.take_back(made[2], alive=True)
    assert [one.channel.closed for one in made] == [True, False, False]  # type: ignore[attr-defined]
    assert [one["name"] for one in agents.facts()] == ["b", "c"]


def test_what_is_lent_is_neither_lent_again_nor_ended(tmp_path: Path) -> None:
    agents = WarmAgents(memory_mb=2000.0, idle=0.0)
    made = agents.add(lambda: agent(tmp_path, "a", 100.0))
    assert agents.lend("a", ["random"]) is None
    assert agents.lend("b", []) is None
    assert agents.lend("a", ["other"]) is made
    assert agents.lend("a", []) is None
    agents.end_idle()
    assert agents.has("a")
    agents.take_back(made, alive=True)
    agents.end_idle()
    assert agents.none_left


def test_a_keeper_that_never_answers_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = socket.socketpair()
    (tmp_path / "marker").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    lendable = LendableAgent(folder=tmp_path, marker=tmp_path / "marker", damage=lambda: None)
    monkeypatch.setattr(keeping, "IMPORTING", 0.05)
    monkeypatch.setattr(address, "connect", lambda _: address.Connection(ours))
    monkeypatch.setattr(LocalEngine, "lendable", lambda *_: lendable)
    made = environment("2.9.3")
    with theirs:
        (kept,) = keeping.keep(LocalEngine(), [Wanted(environment=made, how=Import())])
    assert kept.environment == made
    assert "tfmatrix warm --stop" in kept.why_not


@pytest.mark.parametrize("why", [None, "the agent was killed by SIGKILL"])
def test_the_end_of_a_lent_agent_is_told(why: Optional[str]) -> None:
    ours, theirs = socket.socketpair()
    channel = LentChannel(ours, root="/r", shown={}, damage=lambda: None)
    theirs.sendall(b'{"event": "hello"}\n' + (last_line(why) + b"\n" if why else b""))
    theirs.close()
    assert channel.receive(20) == b'{"event": "hello"}'
    with pytest.raises(Exception, match=why or "the process that kept the warm agent has ended"):
        channel.receive(20)
    channel.close()
