"""Properties of whatever comes from outside: any input is judged or refused in words."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner import serial
from runner.errors import MatrixError, UsageError
from runner.matrix import config
from runner.releases import specifier
from tests.fuzz import guard
from tests.fuzz.targets import RENDERING, TARGETS

QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
NAMES = sorted(TARGETS.keys() - RENDERING)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
KEYS = st.sampled_from(
    [
        "tf",
        "patches",
        "devices",
        "limits",
        "images",
        "repros",
        "name",
        "script",
        "about",
        "cases",
        "args",
        "files",
        "env",
        "requirements",
        "exclude",
        "expect",
        "outcome",
        "signature",
        "source",
        "reason",
        "timeout",
        "memory",
        "<<",
    ]
)
MATRICES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=30
)


@QUICK
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=3000))
def test_any_bytes(name: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, guard.only_in(Path(folder)):
        TARGETS[name](data, Path(folder))


@QUICK
@given(data=st.lists(st.tuples(*[st.integers(0, 255)] * 3), max_size=4))
@pytest.mark.parametrize("name", ["journal_records", "protocol_events", "matrix_json", "stored"])
def test_records_with_edits(name: str, data: list[tuple[int, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, guard.only_in(Path(folder)):
        TARGETS[name](b"".join(map(bytes, data)), Path(folder))


@QUICK
@given(tree=MATRICES)
def test_a_matrix_of_any_shape_is_refused_at_a_place(tree: Any) -> None:
    content = yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass")
    said = "matrix.yaml:"
    try:
        config.parse_matrix(content, Path("matrix.yaml"))
    except MatrixError as error:
        said = str(error)
    assert said.startswith("matrix.yaml:")


@QUICK
@given(tree=TREES)
def test_what_is_written_is_read_again(tree: Any) -> None:
    text = serial.dumps({"a": serial.plain(tree)})
    assert json.loads(text) == json.loads(serial.dumps(json.loads(text)))


@QUICK
@given(text=st.text(alphabet="0123456789.,<>=!~*+abcrdevpost -latestu²٣", max_size=60))
def test_a_specifier_is_one_or_is_refused(text: str) -> None:
    said = "write"
    try:
        specifier.check(text)
    except UsageError as error:
        said = str(error)
    assert "SPEC" in said or "write" in said


BOMBS = {
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{b}: &{b} [{','.join(f'*{a}' for _ in range(9))}]\n"
        for a, b in zip("abcdefgh", "bcdefghi")
    ),
    "merges": "a: &a {x: 1}\n"
    + "".join(
        f"{b}: &{b} {{<<: [{','.join(f'*{a}' for _ in range(9))}]}}\n"
        for a, b in zip("abcdefgh", "bcdefghi")
    ),
    "lists": "repros: " + "[" * 50_000,
    "mappings": "".join(" " * n + "a:\n" for n in range(1000)),
    "flow": "{a: " * 50_000,
    "blocks": "- " * 50_000,
    "keys": "? " * 50_000,
    "itself": "&a [*a, *a]",
    "long": "repros: [" + "{name: a, script: b}, " * 45_000 + "]",
    "anchors": "".join(f"- &a{n} x\n" for n in range(60_000)),
    "quotes": "'" * 999_999,
    "number": "tf: " + "9" * 900_000,
    "tags": "!!python/object/apply:os.system [id]",
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused(bomb: str) -> None:
    with pytest.raises(MatrixError) as refused:
        config.parse_matrix(BOMBS[bomb].encode(), Path("matrix.yaml"))
    first, *more = str(refused.value).splitlines()
    assert first.startswith("matrix.yaml:")
    assert len(more) < 40
    assert all(len(line) < 500 for line in (first, *more))
