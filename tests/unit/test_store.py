"""The store and its keys; and that records survive being written as JSON and read again."""

from __future__ import annotations

import errno
import json
import math
import os
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import serial
from runner.cells.store import Store, cell_key
from runner.model import (
    Case,
    Device,
    EnvironmentInfo,
    Exclusion,
    Execution,
    Expectation,
    Limits,
    Outcome,
    Repro,
    Result,
    Rule,
    Run,
    RunInfo,
    Verdict,
)

KEY = "0123456789abcdef" * 4
OTHER = "f" * 64
EXECUTION = Execution(
    exit_code=1, seconds=1.5, output="stdout ü \x1b[0m", errors="…", observations={"loss": 0.5}
)


# --- Keys ------------------------------------------------------------------------------------


def key(**changes: Any) -> str:
    content: dict[str, Any] = {
        "environment_key": "e",
        "snapshot_digest": "s",
        "script": "my.py",
        "args": ("a", "b"),
        "env": {"A": "1", "B": "2"},
        "limits": Limits(),
        "agent_digest": "d",
    }
    return cell_key(**{**content, **changes})


@pytest.mark.parametrize(
    "change",
    [
        {"environment_key": "E"},
        {"snapshot_digest": "S"},
        {"script": "your.py"},
        {"args": ("b", "a")},
        {"args": ("ab",)},
        {"env": {"A": "1"}},
        {"env": {"A": "2", "B": "1"}},
        {"limits": Limits(timeout=121)},
        {"limits": Limits(scratch=1)},
        {"agent_digest": "D"},
        {"mode": "fork"},
        {"repeat": 2},
        {"repeat": 3},
    ],
    ids=str,
)
def test_whatever_can_change_an_outcome_changes_the_key(change: Mapping[str, Any]) -> None:
    assert key(**change) != key()


@pytest.mark.parametrize(
    "same",
    [
        {"args": ["a", "b"]},
        {"env": {"B": "2", "A": "1"}},
        {"limits": Limits(timeout=120)},
        {"repeat": 1},
    ],
    ids=str,
)
def test_how_it_is_written_does_not(same: Mapping[str, Any]) -> None:
    assert key(**same) == key()


def test_keys_stay_what_they_were() -> None:
    """Or all that was ever measured would have to be measured again."""
    given: dict[str, Any] = {
        "environment_key": 'docker:ü"',
        "snapshot_digest": "5d",
        "script": "a.py",
        "args": ["x", "é"],
        "env": {"TF": "1", "environment": "b"},
        "limits": Limits(timeout=2.5),
        "agent_digest": "a9",
    }
    assert cell_key(**given) == "1d888cc6b60a79e4aefa2e44115cdf6ed7830fff251b495b78ebda6e25d253ac"
    assert (
        cell_key(**given, mode="fork", repeat=3)
        == "8ad88a02f71641bb34d021d05c8db3128b7387e321964b18b60dda0bc446d775"
    )


def test_a_key_takes_any_text() -> None:
    assert len(key(args=("\ud800", "\n", "é"))) == 64


# --- The store -------------------------------------------------------------------------------


def entries(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_put_is_got(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert store.get(KEY) is None
    store.put(KEY, EXECUTION)
    assert Store(tmp_path / "store").get(KEY) == EXECUTION
    assert store.get(OTHER) is None


def test_a_later_measurement_takes_the_place_of_an_earlier(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, EXECUTION)
    store.put(KEY, Execution(exit_code=0))
    assert store.get(KEY) == Execution(exit_code=0)
    assert len(entries(tmp_path)) == 1


def test_what_could_not_be_measured_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, Execution(trouble="the daemon is gone"))
    assert store.get(KEY) is None
    assert entries(tmp_path) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:20] + b"\xff" + content[21:],
        lambda content: b"not gzip at all",
        lambda content: content + content,
    ],
    ids=["empty", "half", "flipped", "foreign", "doubled"],
)
def test_a_damaged_entry_is_a_miss_and_is_removed(damage: Any, tmp_path: Path) -> None:
    said: list[str] = []
    store = Store(tmp_path, said.append)
    store.put(KEY, EXECUTION)
    (entry,) = entries(tmp_path)
    entry.write_bytes(damage(entry.read_bytes()))
    assert store.get(KEY) is None
    assert not entry.exists()
    assert "damaged" in said[0]


def test_an_entry_under_anothers_name_is_a_miss(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, EXECUTION)
    (entry,) = entries(tmp_path)
    place = tmp_path / OTHER[:2] / entry.name.replace(KEY, OTHER)
    place.parent.mkdir()
    entry.rename(place)
    assert store.get(OTHER) is None


def test_a_folder_that_cannot_be_written_is_said_once_and_nothing_more(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    said: list[str] = []
    store = Store(tmp_path / "store", said.append)
    store.put(KEY, EXECUTION)
    store.put(OTHER, EXECUTION)
    assert store.get(KEY) is None
    assert len(said) == 1
    assert "cannot be kept" in said[0]


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    said: list[str] = []
    with mock.patch.object(Path, "replace", side_effect=full):
        Store(tmp_path, said.append).put(KEY, EXECUTION)
    assert entries(tmp_path) == []
    assert "No space left" in said[0]


def test_purge_removes_what_was_not_used_for_long(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for each in (KEY, OTHER):
        store.put(each, EXECUTION)
        (entry,) = entries(tmp_path / each[:2])
        os.utime(entry, (0, 0))
    size = entry.stat().st_size
    assert store.get(KEY) == EXECUTION  # and is thereby used now
    assert store.purge(timedelta(days=1)) == size
    assert store.get(OTHER) is None
    assert store.get(KEY) == EXECUTION


def test_an_entry_used_a_moment_ago_is_not_touched_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, EXECUTION)
    (entry,) = entries(tmp_path)
    for age, touched in ((60.0, False), (86400.0, True)):
        then = time.time() - age
        os.utime(entry, (then, then))
        store.get(KEY)
        assert (abs(entry.stat().st_mtime - then) > 1) is touched


def test_a_key_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a key"):
        Store(tmp_path).get("../../etc/passwd")


# --- Records ↔ JSON --------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
observations = st.dictionaries(words, values, max_size=3)
texts = st.lists(words, max_size=3).map(tuple)
whole = st.integers(0, 10**6)
optional_text = st.none() | words
outcomes = st.builds(
    Outcome, verdict=st.sampled_from(Verdict), reason=words, signature=optional_text
)
executions = st.builds(
    Execution,
    exit_code=st.none() | whole,
    signal=st.none() | whole,
    killed_for=optional_text,
    seconds=numbers,
    max_rss_mb=numbers,
    output=words,
    errors=words,
    output_bytes=whole,
    observations=observations,
    mode=words,
    attempts=whole,
    note=words,
    notes=texts,
    trouble=optional_text,
)
versions = st.sampled_from(["2.9.3", "2.10.0rc1", "2.15.0.post1", "3.10"])
results = st.builds(
    Result,
    repro=words,
    case=words,
    tensorflow=versions,
    python=versions,
    device=words,
    environment=words,
    outcome=outcomes,
    exit_code=st.none() | whole,
    signal=st.none() | whole,
    seconds=numbers,
    max_rss_mb=numbers,
    observations=observations,
    log=optional_text,
    attempts=whole,
    cached=st.booleans(),
    inferred=st.booleans() | texts,
    expected=optional_text,
    unexpected=st.booleans(),
    mode=words,
    key=optional_text,
)
rules = st.builds(Rule, tf=words, cases=texts, device=st.none() | st.sampled_from(Device))
repros = st.builds(
    Repro,
    name=words,
    script=st.sampled_from([Path("a.py"), Path("/b/c d.py")]),
    about=words,
    cases=st.lists(st.builds(Case, name=words, args=texts, about=words), max_size=2).map(tuple),
    limits=st.builds(Limits, timeout=numbers, memory=whole, scratch=whole),
    files=st.lists(st.sampled_from([Path("x"), Path("y/z")]), max_size=2).map(tuple),
    env=st.dictionaries(words, words, max_size=2),
    requirements=st.dictionaries(words, texts, max_size=2),
    exclusions=st.lists(st.builds(Exclusion, rule=rules, reason=words), max_size=2).map(tuple),
    expectations=st.lists(
        st.builds(
            Expectation,
            rule=rules,
            verdict=st.sampled_from(Verdict),
            source=words,
            signature=optional_text,
        ),
        max_size=2,
    ).map(tuple),
    digest=words,
)
runs = st.builds(
    Run,
    info=st.builds(
        RunInfo,
        id=words,
        started=words,
        finished=optional_text,
        engine=words,
        tool_version=words,
        command=words,
        host=observations,
    ),
    environments=st.lists(
        st.builds(
            EnvironmentInfo,
            id=words,
            tensorflow=versions,
            python=versions,
            device=words,
            engine=words,
            key=words,
            image=optional_text,
            packages=texts,
            released=words,
        ),
        max_size=2,
    ).map(tuple),
    results=st.lists(results, max_size=2).map(tuple),
    repros=st.lists(repros, max_size=2).map(tuple),
)


def execution_from_json(data: Any) -> Execution:
    return serial.from_json(Execution, data)


def through_text(data: Any) -> Any:
    return json.loads(json.dumps(data, allow_nan=False))


@given(executions)
@settings(max_examples=60, deadline=None)
def test_executions_survive(execution: Execution) -> None:
    written = through_text(serial.plain(execution))
    assert serial.from_json(Execution, written) == execution


@given(results)
@settings(max_examples=60, deadline=None)
def test_results_survive(result: Result) -> None:
    assert serial.result_from_json(through_text(serial.result_to_json(result))) == result


@given(runs)
@settings(max_examples=40, deadline=None)
def test_runs_survive_as_a_file(run: Run) -> None:
    assert serial.run_from_json(json.loads(serial.dumps(serial.run_to_json(run)))) == run
    head = json.loads(serial.dumps(serial.head_to_json(run)))
    assert serial.run_from_json(head) == attrs.evolve(run, results=())


@given(results)
@settings(max_examples=60, deadline=None)
def test_a_line_is_what_the_object_is_as_text(result: Result) -> None:
    assert repr(json.loads(serial.result_line(result))) == repr(serial.result_to_json(result))


@pytest.mark.parametrize(
    "value",
    [
        *(math.nan, -math.inf, [1.0, math.inf], [math.nan], 1e22, [1e308, 1e308], -0.0),
        *(2**63, 2**64, -(2**64), [10**18, 10**19], {"of": 10**30}, [3.5, True, None]),
        *("\ud800", {"\ud800": 1}, 'ü \u2028 "', "[{: 1234567890123456789012", {1: {True: None}}),
        *((1, (2.0, 3.0)), Verdict.FAIL, Path("a")),
    ],
)
def test_a_line_is_that_text_whatever_was_observed(value: Any) -> None:
    deep = value
    for _ in range(60):
        deep = [deep]
    for seen in ({"a": value}, {"a": [value]}, {"a": deep}, {"a": {"b": value}}):
        result = attrs.evolve(sample(), observations=seen)
        line = json.loads(serial.result_line(result))
        assert repr(line) == repr(serial.result_to_json(result)), seen  # which tells 1 from 1.0


@given(runs)
@settings(max_examples=20, deadline=None)
def test_a_run_is_written_as_its_objects_are(run: Run) -> None:
    assert "".join(serial.run_text(run)) == serial.dumps(serial.run_to_json(run))


def test_no_field_of_a_record_is_forgotten() -> None:
    plain = serial.plain(EXECUTION)
    assert isinstance(plain, dict)
    assert list(plain) == list(attrs.fields_dict(Execution))
    written = set(serial.result_to_json(sample()))
    assert written == {*attrs.fields_dict(Result), "reason", "signature"}


CELL = [
    *("repro", "case", "tensorflow", "python", "device", "environment", "outcome", "reason"),
    *("signature", "exit_code", "signal", "seconds", "max_rss_mb", "observations", "log"),
    *("attempts", "cached", "inferred", "expected"),
]


def sample() -> Result:
    return Result(
        repro="r",
        case="c",
        tensorflow="2.9.3",
        python="3.10",
        device="cpu",
        environment="2.9.3-py3.10-cpu",
        outcome=Outcome(verdict=Verdict.FAIL, reason="exit 1", signature="ValueError: no"),
    )


def test_the_contract_names_come_first_and_in_their_order() -> None:
    run = Run(
        info=RunInfo(id="i", started="s", engine="local", tool_version="0", command="tfmatrix"),
        environments=(),
        results=(sample(),),
    )
    data = serial.run_to_json(run)
    assert list(data)[:4] == ["schema", "run", "environments", "cells"]
    assert list(data["run"]) == [
        *("id", "started", "finished", "engine", "tool_version", "command", "host", "finding"),
        *("along", "reported"),
    ]
    assert list(data["cells"][0])[: len(CELL)] == CELL
    assert data["cells"][0]["outcome"] == "fail"


def test_what_the_contract_promises_is_enough_to_read() -> None:
    cell = {name: value for name, value in serial.result_to_json(sample()).items() if name in CELL}
    assert serial.result_from_json(cell) == sample()
    assert serial.result_from_json({**cell, "from_the_future": 1}) == sample()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("repro", None, "repro: expected a text, found None"),
        ("outcome", "passed", "outcome: expected one of pass, fail, "),
        ("exit_code", "1", "exit_code: expected a whole number, found '1'"),
        ("exit_code", True, "exit_code: expected a whole number, found True"),
        ("seconds", "fast", "seconds: expected a number, found 'fast'"),
        ("cached", 1, "cached: expected true or false, found 1"),
        ("observations", [], "observations: expected an object"),
        ("inferred", ["2.8", 9], r"inferred\[1\]: expected a text, found 9"),
    ],
)
def test_reading_names_the_field_that_is_wrong(field: str, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}"):
        serial.result_from_json({**serial.result_to_json(sample()), field: value})


def test_reading_names_the_field_that_is_missing() -> None:
    cell = serial.result_to_json(sample())
    for name in ("case", "outcome"):
        with pytest.raises(ValueError, match=f"^{name} is missing"):
            serial.result_from_json({key: each for key, each in cell.items() if key != name})
    with pytest.raises(ValueError, match=r"^cells\[0\]\.case is missing"):
        serial.run_from_json(
            {
                "schema": 1,
                "run": {"id": "i", "started": "", "engine": "", "tool_version": "", "command": ""},
                "environments": [],
                "cells": [{key: each for key, each in cell.items() if key != "case"}],
            }
        )


@pytest.mark.parametrize(
    "junk", [None, 1, "x", [], {"outcome": {}}, {"schema": 2}, {"schema": "1"}]
)
def test_junk_is_a_value_error(junk: Any) -> None:
    for read in (serial.result_from_json, execution_from_json, serial.run_from_json):
        if junk or read is not execution_from_json:
            try:
                read(junk)
            except ValueError:
                continue
            assert read is execution_from_json, "an execution has no field that it needs"


def test_what_is_no_json_is_written_as_text() -> None:
    deep: Any = 1
    for _ in range(2000):
        deep = [deep]
    seen = {"nan": math.nan, "inf": [math.inf, -math.inf], "half": "\ud800", "deep": deep}
    seen["long"] = 10**5000
    result = attrs.evolve(sample(), observations=seen)
    line = json.dumps(serial.result_to_json(result), ensure_ascii=False, allow_nan=False)
    again = serial.result_from_json(json.loads(line.encode("utf-8")))
    assert again.observations["nan"] == "NaN"
    assert again.observations["inf"] == ["Infinity", "-Infinity"]
    assert again.observations["half"] == "\\ud800"
    assert again.observations["long"] == f"an integer of {(10**5000).bit_length()} bits"
