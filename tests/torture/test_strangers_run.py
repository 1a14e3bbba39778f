"""A folder of results that a stranger made, given to every verb that reads one.

Each text in it is replaced by one that would do harm where it is taken for more than a text, and
each file by one that never ends.
"""

from __future__ import annotations

import io
import json
import os
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Callable, Union

import pytest
from attrs import frozen

from runner import cli, serial
from runner.runs import journal
from tests.torture.checks import ACTED_UPON, UNSAFE, Page
from tests.unit.runs import drawn

Step = Union[str, int]
RUN = drawn(
    "2.4 2.5 2.6\na ✓ A ✓\nb ✓ ✓ !",
    observations={("a", "2.4"): {"loss": 1.5}, ("a", "2.5"): {"loss": 2.5}},
)
HEAD = serial.head_to_json(RUN)
CELLS = [serial.result_to_json(result) for result in RUN.results]
HARMFUL = {
    "workflow": "x\n::error::owned\r\n  ::set-output name=a::b\n##[error]owned",
    "terminal": "\x1b]0;owned\x07\x1b[2J\x9b31m\x00",
    "direction": "a\u202eb\u2066c\u200e\u0085d\u2028e\u2029f",
    "page": "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'>-->",
    "markdown": "|x](javascript:alert(1)) <b> `x` **y** @user\n```\n# big\n- [x] done",
    "path": "../../../../../../tmp/owned",
    "option": "-rf",
    "long": "x" * 100_000,
    "half a character": "\\ud800",
}
SEEN = ACTED_UPON | set("\u0085\u2028\u2029\u200e\u200f\u061c")
VERBS = {
    "report": ("report", "evil", "--format", "md"),
    "grid": ("report", "evil"),
    "html": ("report", "evil", "--format", "html"),
    "svg": ("report", "evil", "--format", "svg"),
    "junit": ("report", "evil", "--format", "junit"),
    "issue": ("report", "evil", "--format", "issue"),
    "diff": ("diff", "good", "evil"),
    "diff of values": ("diff", "evil", "good", "--observations"),
    "history": ("history",),
    "history in Markdown": ("history", "--format", "md"),
    "merge": ("merge", "good", "evil", "--output", "merged"),
    "json": ("report", "evil", "--format", "json"),
    "diff in JSON": ("diff", "good", "evil", "--observations", "--format", "json"),
    "history in JSON": ("history", "--format", "json"),
    "pin": ("pin", "evil"),
    "pin in JSON": ("pin", "evil", "--format", "json"),
    "attach": ("attach", "evil", "--repo", "a/b", "--issue", "1", "--dry-run"),
}


@frozen(kw_only=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "results" / "good", HEAD, CELLS)
    return tmp_path


def write(folder: Path, head: Any, cells: Any, log: str = "all is well") -> None:
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    (folder / "logs" / "l.txt").write_text(log, "utf-8")
    half = json.dumps(HARMFUL["half a character"])
    texts = [json.dumps(each).replace(half, '"\\ud800"') for each in (head, *cells)]
    (folder / journal.HEAD).write_text(texts[0], "utf-8")
    (folder / journal.CELLS).write_text("\n".join([*texts[1:], ""]), "utf-8")


def call(*words: str) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.execute(list(words))
    return Said(code=code, out=out.getvalue(), err=err.getvalue())


def texts(data: Any, above: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """The places of all texts in it; of a list its first item stands for all."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from texts(value, (*above, key))
    elif isinstance(data, list):
        for value in data[:1]:
            yield from texts(value, (*above, 0))
    elif data is None or isinstance(data, str):
        yield above


def replaced(data: Any, place: tuple[Step, ...], text: str) -> Any:
    """A copy with `text` at that place."""
    copy = json.loads(json.dumps(data))
    inner = copy
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = text
    return copy


def check_harmless(verb: str, said: Said) -> None:
    assert said.code in (0, 1, 2, 3), said
    assert "a bug of tfmatrix" not in said.err, said.err
    for text in (said.out, said.err):
        assert not set(text) & SEEN, sorted(map(hex, map(ord, set(text) & SEEN)))
        assert "##[" not in text
        commands = [line for line in text.splitlines() if line.lstrip().startswith("::")]
        assert commands == []
    if verb == "html":
        assert Page(said.out).dangers == []
    if verb in ("svg", "junit") and said.code == 0:
        ET.fromstring(said.out)
    if verb in ("report", "attach", "issue", "history in Markdown"):
        from cmarkgfm import github_flavored_markdown_to_html

        assert Page(github_flavored_markdown_to_html(said.out, UNSAFE)).dangers == []


PLACES = [("head", place) for place in texts(HEAD)] + [("cell", place) for place in texts(CELLS[1])]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "places",
    [
        pytest.param([("head", ("run", "command")), ("cell", ("signature",))], id="two"),
        pytest.param(PLACES, id="every", marks=pytest.mark.torture),
    ],
)
@pytest.mark.parametrize("harm", HARMFUL)
def test_a_text_in_a_run_is_no_more_than_a_text(
    home: Path, harm: str, places: list[tuple[str, tuple[Step, ...]]]
) -> None:
    text = HARMFUL[harm]
    for where, place in places:
        head = replaced(HEAD, place, text) if where == "head" else HEAD
        cells = CELLS if where == "head" else [replaced(cell, place, text) for cell in CELLS]
        logged = [{**cell, "log": cell["log"] and "logs/l.txt"} for cell in cells]
        write(home / "results" / "evil", head, logged, text.replace("\\ud800", ""))
        for verb, words in VERBS.items():
            check_harmless(verb, call(*words))
            if verb == "merge":
                discard(home / "merged")
        discard(home / "results" / "evil")
    assert not Path("/tmp/owned").exists()


def discard(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if folder.exists():
        folder.rmdir()


# --- Files that are none ---------------------------------------------------------------------


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def unheard(path: Path) -> None:
    os.mkfifo(path)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def one_line(path: Path) -> None:
    path.write_bytes(b"[" * (32 << 20))


def deep(path: Path) -> None:
    path.write_bytes(b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n")


def large_number(path: Path) -> None:
    path.write_bytes(b'{"schema": 1' + b"0" * 1_000_000 + b"}\n")


def elsewhere(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def itself(path: Path) -> None:
    path.symlink_to(path.name)


def folder(path: Path) -> None:
    path.mkdir()


FILES = (journal.HEAD, journal.CELLS, "logs/l.txt", "scripts/script.py")
ODD = (endless, unheard, huge, one_line, deep, large_number, elsewhere, itself, folder)
BESIDE = {
    "report": ("report", "good", "--format", "md"),
    "history": ("history",),
    "diff": ("diff", "good", "good"),
    "merge": ("merge", "good", "--output", "merged"),
    "clean": ("clean", "--engine", "local", "--runs", "--dry-run"),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("make", ODD, ids=lambda make: str(make.__name__))
@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_run_that_is_none(home: Path, name: str, make: Callable[[Path], None]) -> None:
    """Neither the run itself nor its neighbours in results/ hold anything up."""
    evil = home / "results" / "evil"
    write(evil, HEAD, [{**cell, "log": "logs/l.txt"} for cell in CELLS])
    (evil / "scripts").mkdir()
    (evil / name).unlink(missing_ok=True)
    make(evil / name)
    began = time.monotonic()
    for verb, words in {**VERBS, **BESIDE}.items():
        said = call(*words)
        check_harmless(verb, said)
        assert "root:x:0" not in said.out, "what a link names is not read"
        if verb == "merge":
            discard(home / "merged")
        if verb in BESIDE and verb not in VERBS:
            assert said.code == 0, said
    assert time.monotonic() - began < 60
    assert memory_mb() < 2000


def memory_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
