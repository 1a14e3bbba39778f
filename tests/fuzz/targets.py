"""What is fuzzed: each target takes bytes and a folder, and raises only where the tool is wrong.

A target calls the tool as its command line does. `TfmatrixError` is the tool's own word for bad
input and is fine; any other exception is a finding. `SEEDS` are inputs to start from.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional

from runner import agent, model, paths, serial
from runner.cells import agent_messages, classify, forkable, session, signature
from runner.cells.store import Store
from runner.engines.docker.build_log import Reader, cause, remedy
from runner.environments import locks
from runner.errors import TfmatrixError
from runner.github import address, issue_scripts
from runner.matrix import config, plan
from runner.model import Device, Execution, Limits, Result
from runner.releases import catalogue, specifier
from runner.report import publish
from runner.runs import compare, journal, merge
from tests.fuzz.edits import edited
from tests.unit import runs

Check = Callable[[bytes, Path], None]
ROOT = Path(__file__).parents[2]
TARGETS: dict[str, Check] = {}
SEEDS: dict[str, tuple[bytes, ...]] = {}
RENDERING = frozenset({"journal_lines", "journal_records", "run_head"})
"""These write all reports of a run, and take the longest."""
KEY = "0" * 64


def target(*seeds: bytes) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        TARGETS[check.__name__] = check
        SEEDS[check.__name__] = (b"", *seeds)
        return check

    return register


# --- What users write ------------------------------------------------------------------------

_MATRIX = b"""tf: ">=2.4,<2.8"
patches: all
devices: [cpu, cuda]
limits: {timeout: 3, memory: 512}
images: {"3.8": "python:3.8"}
repros:
  - &r
    name: a
    script: script.py
    about: >-
      text
    cases: [{name: b, args: [--x, "1"], about: c}]
    files: [edits.py]
    env: {A: "b"}
    requirements: {">=2.4": ["numpy<2"]}
    exclude: [{tf: "<2.5", cases: ["b*"], device: cpu, reason: why}]
    expect: [{tf: ">=2.6", outcome: fail, signature: x, source: y}]
"""


@target(_MATRIX, b"repros: [{name: a, script: script.py}]", b"a: &a [*a]", b"? [x]\n: y")
def matrix(data: bytes, folder: Path) -> None:
    script = folder / "script.py"
    if not script.exists():
        script.write_text("", "utf-8")
        (folder / "edits.py").write_text("", "utf-8")
    _quietly(lambda: _planned(config.parse_matrix(data, folder / "matrix.yaml")))


def _planned(loaded: model.Matrix) -> None:
    releases = specifier.select(catalogue.load_releases(), loaded.tf, loaded.patches)
    assert plan.cells(loaded, releases) or not loaded.repros


@target(b">=2.4,<2.8", b"2.9.3,2.10", b"latest", b"~=2.4", b"===2.9", b"!=2.4.*", b"==1!2.0+cpu")
def spec(data: bytes, folder: Path) -> None:
    text = _text(data)
    for use in (
        lambda: specifier.check(text),
        lambda: specifier.select(catalogue.load_releases(), text, "all"),
        lambda: specifier.matches(text, catalogue.load_releases()[-1]),
    ):
        _quietly(use)


@target(
    b"```python\nimport tensorflow as tf\n>>> x\n```",
    b"<details>\n```\nimport keras\n```\n</details>",
    b"> 1. ~~~py\n>    &lt;x&gt;\n\n    >>> import tensorflow\n    ... 1\n\ttab",
)
def issue(data: bytes, folder: Path) -> None:
    for block in issue_scripts.script_blocks(_text(data)):
        assert block.source.strip()
        assert block.line >= 1
        forkable.forkable(block.source, {})
    address.reference(_text(data))
    _quietly(lambda: address.api_base(_text(data)))


# --- What lies on disk -----------------------------------------------------------------------

_RELEASE = next(release for release in catalogue.load_releases() if release.version == "2.9.3")
_TARGET = plan.target(_RELEASE, Device.CPU)
_LOCK = (paths.locks() / "2.9.3-py3.10-cpu.txt").read_bytes()


@target(_LOCK[:900], _LOCK[:400] + b"a==1 \\\n  --hash=sha256:0\n")
def lock(data: bytes, folder: Path) -> None:
    path = folder / "lock.txt"
    path.write_bytes(data)
    _quietly(lambda: _packages(locks.read_lock(path, _TARGET)))


@target(*(bytes([n]) for n in (0, 7, 99)))
def lock_with_our_head(data: bytes, folder: Path) -> None:
    lock(locks.lock_header(_TARGET).encode() + data, folder)


def _packages(text: str) -> None:
    environment = model.Environment(target=_TARGET, requirements=text, key=KEY)
    assert environment.id
    assert isinstance(environment.packages, tuple)


_RUN = runs.drawn(
    "     2.8 2.9 2.10 2.11\none  ✓   A   –    !\ntwo  A≠  B   A    ?",
    observations={("one", "2.8"): {"loss": 0.5, "shape": [1, {"a": "b"}]}},
)
_HEAD = serial.head_to_json(_RUN)
_CELLS = [serial.result_to_json(result) for result in _RUN.results]


@target(b"", b"{}\n[]\nnull\n", json.dumps(_CELLS[0]).encode() + b"\n{")
def journal_lines(data: bytes, folder: Path) -> None:
    lines = "\n".join(map(json.dumps, _CELLS)).encode()
    _read_and_render(json.dumps(_HEAD).encode(), lines + b"\n" + data, folder)


@target(b"\0\1\x08", b"\0\x11\x2e")
def journal_records(data: bytes, folder: Path) -> None:
    """Well-formed JSON that says odd things."""
    whole = edited({"head": _HEAD, "cells": _CELLS}, data)
    head, cells = whole.get("head"), whole.get("cells")
    lines = cells if isinstance(cells, list) else [cells]
    text = "\n".join(_dumped(line) for line in lines).encode("utf-8", "surrogatepass")
    _read_and_render(_dumped(head).encode("utf-8", "surrogatepass"), text, folder)


@target(json.dumps(serial.run_to_json(_RUN)).encode()[:2000], b'{"schema": 1}', b"[" * 2000)
def run_head(data: bytes, folder: Path) -> None:
    _read_and_render(data, b"", folder)


@target(b"\0\1\x08")
def matrix_json(data: bytes, folder: Path) -> None:
    """What other programs may hand back: the reader is strict, and writes what it has read."""
    try:
        found = serial.run_from_json(edited(serial.run_to_json(_RUN), data))
    except ValueError:
        return
    again = serial.run_to_json(found)
    assert serial.run_to_json(serial.run_from_json(json.loads(serial.dumps(again)))) == again


def _read_and_render(head: bytes, cells: bytes, folder: Path) -> None:
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    (run / journal.HEAD).write_bytes(head)
    (run / journal.CELLS).write_bytes(cells)
    _quietly(lambda: _rendered(journal.read_run(run, warn=lambda _: None), run))


def _rendered(run: model.Run, folder: Path) -> None:
    publish.write(run, folder)
    terminal = publish.terminal(run, 80)
    assert "\x1b" not in terminal
    for name in ("junit.xml", "matrix.svg"):
        ET.parse(folder / name)
    json.loads((folder / "matrix.json").read_text("utf-8"), parse_constant=_no_json)
    compare.compare_runs(run, _RUN)
    merged = merge.merge_runs([run, _RUN], "merged")
    shutil.rmtree(folder.parent / "merged", ignore_errors=True)
    merge.write_merged(merged, [folder, folder], folder.parent / "merged")


@target(b"\0\1\x08", b"\0\3\x20")
def stored(data: bytes, folder: Path) -> None:
    """An entry of the store that is not what was written."""
    execution = serial.plain(Execution(exit_code=0, observations={"a": [1.5]}))
    with contextlib.suppress(ValueError):
        serial.from_json(Execution, edited(execution, data))
    store = Store(folder / "store")
    store.put(KEY, Execution(exit_code=1, output="kept"))
    (entry,) = (path for path in (folder / "store").rglob("*") if path.is_file())
    content = entry.read_bytes()
    entry.write_bytes(data if len(data) > 30 else content[: len(data)] + data + content[9:])
    store.get(KEY)
    shutil.rmtree(folder / "store")


# --- What scripts and agents say -------------------------------------------------------------

_ENDED: dict[str, Any] = {
    "event": "ended",
    "id": "1",
    "exit_code": 0,
    "signal": None,
    "killed_for": None,
    "seconds": 1.25,
    "max_rss_mb": 512.0,
    "output": "out\n",
    "errors": "Traceback (most recent call last):\nValueError: no\n",
    "output_bytes": 8,
    "observations": {"loss": 0.5, "shape": [1, {"a": 2}]},
    "notes": ["a note"],
    "mode": "fresh",
    "trouble": None,
}


@target(b"loss=0.5\n", b'a={"b": [1, NaN]}\n::observe a=1e999\nx', b"\xff=1", b"a=" + b"[" * 500)
def observe(data: bytes, folder: Path) -> None:
    """`::observe` lines through the agent, the session, the store, the journal and the reports."""
    found = agent.Observations()
    for part in (b"::observe ", data[:7], data[7:]):
        found.add_data(part)
    found.finish()
    ended = {**_ENDED, "observations": found.values, "notes": found.problems}
    _told(json.dumps(ended).encode(), folder, render=data[-1:] < b"\x10")


@target(b'{"event": "ended", "id": "1"}', json.dumps(_ENDED).encode(), b"[" * 2000, b"null")
def protocol_lines(data: bytes, folder: Path) -> None:
    _told(data, folder)


@target(b"\0\5\x08", b"\0\x0a\x0a")
def protocol_events(data: bytes, folder: Path) -> None:
    _told(_dumped(edited(_ENDED, data)).encode("utf-8", "surrogatepass"), folder)


class _Script:
    """A channel to an agent that says these lines, then nothing."""

    root = "/repro"
    shown: Mapping[str, str] = {}
    warm = False

    def __init__(self, *lines: bytes) -> None:
        self.lines = list(lines)

    def send(self, line: bytes) -> None:
        assert b"\n" not in line

    def receive(self, timeout: float) -> Optional[bytes]:
        return self.lines.pop(0) if self.lines else None

    def damage(self) -> Optional[str]:
        return None

    def close(self) -> None:
        pass


def _told(said: bytes, folder: Path, *, render: bool = False) -> None:
    """An execution from what an agent said, judged, kept, journalled and read again."""
    hello = b'{"event": "hello", "protocol": 1, "python": "3.10.13", "pid": 1}'
    started = b'{"event": "started", "id": "1", "pid": 12}'
    channel = _Script(hello, started, *said.split(b"\n"))
    execution = session.Session(channel).run(agent_messages.Request(script="s.py", limits=Limits()))
    outcome = classify.classify(execution)
    assert (outcome.verdict is model.Verdict.ERROR) == (execution.trouble is not None)
    assert serial.from_json(Execution, serial.plain(execution)) is not None
    result = Result(
        repro="r",
        case="c",
        tensorflow="2.9.3",
        python="3.10",
        device="cpu",
        environment="2.9.3-py3.10-cpu",
        outcome=outcome,
        exit_code=execution.exit_code,
        seconds=execution.seconds,
        max_rss_mb=execution.max_rss_mb,
        observations=execution.observations,
    )
    line = json.dumps(serial.result_to_json(result), ensure_ascii=False, allow_nan=False)
    again = serial.result_from_json(json.loads(line))
    assert again.id == result.id
    assert "\n" not in line
    if render:
        shutil.rmtree(folder / "run", ignore_errors=True)
        run = model.Run(info=_RUN.info, environments=(), results=(again,))
        (folder / "run").mkdir()
        _rendered(run, folder / "run")


@target(
    b'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nValueError: no',
    b"F tensorflow/core/x.cc:12] Check failed: a == b (1 vs. 2)\nAborted (core dumped)",
    b"\x1b[31mError\r\n\r  in user code:\n\n    a.py:1 f  *\n\n    TypeError: x",
)
def stderr(data: bytes, folder: Path) -> None:
    text = data.decode("utf-8", "backslashreplace")
    for said in (
        signature.exception_signature(text),
        signature.exit_signature(1, text),
        signature.exit_signature(3, text),
        signature.crash_signature(6, text),
    ):
        assert said is None or "\n" not in said


@target(
    b"#5 [python 1/3] RUN x\n#5 1.2 Downloading a (1.0MiB)\n#5 ERROR: process did not complete",
    b"#9 0.1 Downloaded a\nERROR: failed to solve: no space left on device",
)
def build_log(data: bytes, folder: Path) -> None:
    lines = _text(data).split("\n")
    reader = Reader()
    for line in lines:
        reader.read(line)
    assert len(cause(lines)) <= 400
    remedy(lines)


# --- Helpers ---------------------------------------------------------------------------------


def _quietly(use: Callable[[], Any]) -> None:
    """Refusing is fine, in words."""
    said = "nothing"
    try:
        use()
    except TfmatrixError as error:
        said = str(error)
    assert said.strip()


def _text(data: bytes) -> str:
    """As an argument or a file gives it: bytes that are no UTF-8 arrive as lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _no_json(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


with tempfile.TemporaryDirectory() as _folder:
    # What the tool keeps from one use to the next is made now, before writing is watched.
    matrix(_MATRIX, Path(_folder))
