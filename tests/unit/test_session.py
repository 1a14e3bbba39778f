"""The host's side of the conversation, against agents that say what real ones never would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import agent
from runner.cells import session
from runner.cells.agent_messages import Request
from runner.cells.session import Session
from runner.engines.base import ChannelClosed
from runner.model import Execution, Limits

HELLO = {"event": "hello", "protocol": 1, "python": "3.10.13", "pid": 1}
STARTED = {"event": "started", "id": "1", "pid": 12}
ENDED = {
    "event": "ended",
    "id": "1",
    "exit_code": 0,
    "signal": None,
    "killed_for": None,
    "seconds": 1.25,
    "max_rss_mb": 512.0,
    "output": "out\nerr\n",
    "errors": "err\n",
    "output_bytes": 8,
    "observations": {"loss": 0.5},
    "notes": ["a note"],
    "mode": "fresh",
    "git_version": "v2.9.2-107-ga5ed5f39b67",
    "trouble": None,
}


class Script:
    """A channel that says these lines, then nothing, or raises."""

    root = "/repro"
    shown: Mapping[str, str] = {}
    warm = False

    def __init__(self, *lines: Any, then: Optional[Exception] = None) -> None:
        self.lines = [line if isinstance(line, bytes) else to_line(line) for line in lines]
        self.then = then
        self.sent: list[bytes] = []
        self.closed = 0

    def send(self, line: bytes) -> None:
        self.sent.append(line)

    def receive(self, timeout: float) -> Optional[bytes]:
        if self.lines:
            return self.lines.pop(0)
        if self.then:
            raise self.then
        return None

    def damage(self) -> Optional[str]:
        return None

    def close(self) -> None:
        self.closed += 1


def to_line(event: Any) -> bytes:
    return json.dumps(event).encode()


def run(*lines: Any, then: Optional[Exception] = None) -> tuple[Execution, Session]:
    opened = Session(Script(*lines, then=then))
    return opened.run(Request(script="/repro/my.py")), opened


def test_facts() -> None:
    facts, opened = run(HELLO, STARTED, ENDED)
    assert facts == Execution(
        exit_code=0,
        seconds=1.25,
        max_rss_mb=512.0,
        output="out\nerr\n",
        errors="err\n",
        output_bytes=8,
        observations={"loss": 0.5},
        notes=("a note",),
        git_version="v2.9.2-107-ga5ed5f39b67",
    )
    assert opened.alive
    assert opened.python == "3.10.13"


def test_the_request() -> None:
    channel = Script(HELLO, STARTED, ENDED)
    limits = Limits(timeout=5, memory=100, processes=7, output=9, scratch=11)
    request = Request(
        script="/repro/é.py",
        args=("a b",),
        env={"X": "y"},
        limits=limits,
        mode="fork",
        prologue="import tensorflow",
    )
    Session(channel).run(request)
    assert [json.loads(line) for line in channel.sent] == [
        {
            "op": "run",
            "id": "1",
            "script": "/repro/é.py",
            "args": ["a b"],
            "env": {"X": "y"},
            "timeout": 5,
            "memory_mb": 100,
            "processes": 7,
            "output_kb": 9,
            "scratch_mb": 11,
            "mode": "fork",
            "prologue": "import tensorflow",
            "keep": "",
            "ends_well": False,
        }
    ]
    assert b"\n" not in channel.sent[0]


def test_several_cells_say_hello_once() -> None:
    opened = Session(
        Script(HELLO, STARTED, ENDED, {**STARTED, "id": "2"}, {**ENDED, "id": "2", "exit_code": 3})
    )
    codes = [opened.run(Request(script="/repro/my.py")).exit_code for _ in range(2)]
    assert codes == [0, 3]


def test_after_trouble_of_its_own_an_agent_is_asked_no_more() -> None:
    trouble = {**ENDED, "trouble": "the script cannot be read"}
    facts, opened = run(HELLO, trouble)
    assert facts == Execution(trouble="the script cannot be read")
    assert not opened.alive


def test_events_yet_unknown_are_passed_over() -> None:
    facts, _ = run(HELLO, {"event": "progress"}, STARTED, {"event": "progress", "id": "9"}, ENDED)
    assert facts.exit_code == 0


def test_a_fork_that_failed_starts_a_second_time() -> None:
    facts, opened = run(HELLO, STARTED, STARTED, ENDED)
    assert (facts.exit_code, opened.alive) == (0, True)


OUT_OF_TURN = {
    "nothing": (),
    "no hello": (STARTED, ENDED),
    "another protocol": ({**HELLO, "protocol": 2},),
    "no python": ({**HELLO, "python": None},),
    "silence after hello": (HELLO,),
    "silence after start": (HELLO, STARTED),
    "another cell's start": (HELLO, {**STARTED, "id": "2"}),
    "another cell's end": (HELLO, STARTED, {**ENDED, "id": "2"}),
    "an end without id": (HELLO, STARTED, {**ENDED, "id": None}),
    "two hellos": (HELLO, HELLO),
    "three starts": (HELLO, STARTED, STARTED, STARTED, ENDED),
    "not JSON": (HELLO, b"Segmentation fault"),
    "empty": (HELLO, b""),
    "not UTF-8": (HELLO, b'{"event": "\xff"}'),
    "a list": (HELLO, b"[]"),
    "no event": (HELLO, b"{}"),
    "deep": (HELLO, b"[" * 100_000),
    "many digits": (HELLO, STARTED, b'{"event": "ended", "id": "1", "exit_code": ' + b"9" * 5000),
}


@pytest.mark.parametrize("lines", OUT_OF_TURN.values(), ids=OUT_OF_TURN)
def test_out_of_turn_is_trouble_and_the_end(lines: tuple[Any, ...]) -> None:
    facts, opened = run(*lines)
    assert facts.trouble
    assert not opened.alive
    assert opened.run(Request(script="/repro/my.py")).trouble


WRONG: dict[str, list[Any]] = {
    "exit_code": ["0", -1, 256, True, 0.0, [], None],
    "signal": ["9", 0, 9],  # 9 together with an exit code
    "killed_for": ["boredom", 1, [], {}],
    "seconds": ["1", None, -1, True, 1e300, float("nan"), float("inf")],
    "max_rss_mb": ["1", None, -1, {}],
    "output": [None, 1, []],
    "errors": [None, b"".decode, 1][:1],
    "output_bytes": [None, -1, 1.5, "1"],
    "observations": [None, [], 1],
    "notes": [1, [1], {}],
    "mode": ["spawn", 1, []],
    "trouble": [1, [], {}],
    "imported": [0, 1, "yes", []],
    "git_version": [None, 1, []],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_field_of_the_wrong_kind_is_trouble(name: str, value: Any) -> None:
    facts, opened = run(HELLO, STARTED, {**ENDED, name: value})
    assert facts.trouble
    assert not opened.alive


@pytest.mark.parametrize("name", [name for name in ENDED if name not in ("trouble", "notes")])
def test_a_field_that_is_missing(name: str) -> None:
    ended = {key: value for key, value in ENDED.items() if key != name}
    facts, _ = run(HELLO, STARTED, ended)
    optional = name in ("signal", "killed_for")
    assert bool(facts.trouble) != optional


@pytest.mark.parametrize("said", ["v1\n| a |", "v 1", "v" * 101, "ü", "\x1b[31m"])
def test_a_git_version_is_one_plain_word(said: str) -> None:
    facts, _ = run(HELLO, STARTED, {**ENDED, "git_version": said})
    assert (facts.trouble, facts.git_version) == (None, "")


def test_closed_in_the_middle() -> None:
    facts, opened = run(HELLO, STARTED, then=ChannelClosed("the container was removed"))
    assert facts == Execution(trouble="the environment ended: the container was removed")
    assert not opened.alive


def test_closed_for_memory_is_a_fact_about_the_script() -> None:
    facts, opened = run(HELLO, STARTED, then=ChannelClosed("killed", oom=True))
    assert (facts.trouble, facts.killed_for) == (None, "memory")
    assert not opened.alive


def test_closed_for_memory_before_the_script_is_not() -> None:
    facts, _ = run(HELLO, then=ChannelClosed("killed", oom=True))
    assert facts.trouble


def test_text_that_no_file_could_hold() -> None:
    ended = {**ENDED, "output": "\ud800x", "observations": {"\udfff": ["\ud800", float("nan")]}}
    facts, _ = run(HELLO, STARTED, ended)
    (facts.output + json.dumps(facts.observations, ensure_ascii=False)).encode("utf-8")
    assert facts.observations == {"\\udfff": ["\\ud800", "NaN"]}


def test_observations_are_as_deep_as_the_agent_lets_through() -> None:
    deepest: Any = 1
    for _ in range(agent.Observations.DEPTH):
        deepest = [deepest]
    said = json.dumps([deepest, {"a": [deepest]}])
    found = agent.Observations()
    for value in json.loads(said):
        found.add_data(f"::observe value={json.dumps(value)}\n".encode())
    assert found.values == {"value": deepest}  # the other one is refused
    facts, _ = run(HELLO, STARTED, {**ENDED, "observations": found.values})
    assert facts.observations == found.values
    forged, _ = run(HELLO, STARTED, {**ENDED, "observations": {"deeper": [deepest]}})
    assert "…" in json.dumps(forged.observations, ensure_ascii=False)


def test_with_closes() -> None:
    channel = Script(HELLO, STARTED, ENDED)
    with Session(channel) as opened:
        opened.run(Request(script="/repro/my.py"))
    assert channel.closed == 1
    assert not opened.alive


def test_a_talkative_agent_does_not_put_off_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    class Talker(Script):
        def receive(self, timeout: float) -> bytes:
            return to_line({"event": "progress"})

    monkeypatch.setattr(session, "HELLO", 0.05)
    assert Session(Talker()).run(Request(script="/repro/my.py")).trouble


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(ENDED)), JSON, max_size=4))
def test_any_answer_gives_facts_or_trouble(changes: dict[str, Any]) -> None:
    facts, _ = run(HELLO, STARTED, {**ENDED, **changes})
    assert isinstance(facts, Execution)
    json.dumps(facts.observations, allow_nan=False, ensure_ascii=False).encode("utf-8")


@settings(deadline=None)
@given(st.lists(st.binary(max_size=50)))
def test_any_bytes_give_trouble(lines: list[bytes]) -> None:
    facts, _ = run(HELLO, *lines)
    assert facts.trouble
