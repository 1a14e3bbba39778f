"""A script finds beside itself what it finds by hand, and what it read decides what is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.cells.snapshot import folder as lying
from runner.model import Case, Repro, Result, Verdict
from tests.engines.plain import PlainEngine
from tests.engines.test_pipeline import Bench

VERSION = "2.9.0"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """With the script in a folder of its own."""
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    bench = Bench(tmp_path, PlainEngine())
    bench.script = tmp_path / "mine" / "my.py"
    bench.script.parent.mkdir()
    return bench


def write(bench: Bench, name: str, text: str) -> Path:
    path = bench.script.parent / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def run(bench: Bench, text: str = "", files: tuple[str, ...] = ()) -> Result:
    if text:
        write(bench, "my.py", text)
    repro = Repro(
        name="r",
        script=bench.script,
        cases=(Case(name="c"),),
        files=tuple(map(Path, files)),
        needs_tensorflow=False,
    )
    return bench.run(repro, VERSION)["c", VERSION]


HERE = "import os, sys\nHERE = os.path.dirname(os.path.abspath(__file__))\n"


@pytest.mark.parametrize(
    "text",
    [
        "assert open('table.csv').read() == '1'",
        "import glob; assert glob.glob('data/*.txt') == ['data/a.txt']",
        "import glob; assert glob.glob(os.path.join(HERE, 'data', '*')) == [HERE + '/data/a.txt']",
        "n = 1; assert open(f'{HERE}/part_{n}.txt').read() == '1'",
        "from pathlib import Path; assert Path(__file__).with_suffix('.json').read_text() == '{}'",
        "import pkgutil; assert [m.name for m in pkgutil.iter_modules([HERE])] == ['my', 'near']",
        "name = 'ne' + 'ar'; assert __import__(name).X == 1",
        "assert [e.name for e in os.scandir('.') if e.name.endswith('.csv')] == ['table.csv']",
        "import pathlib; assert len(list(pathlib.Path(HERE).rglob('*.txt'))) == 2",
        "os.chdir('data'); assert open('a.txt').read() == '1'",
        "import csv; assert list(csv.reader(open('table.csv'))) == [['1']]",
        "assert sum(len(files) for _, _, files in os.walk('.')) == 6",
        "assert os.getcwd() == HERE == os.path.realpath(sys.path[0])",
        "open('out', 'w').write('x'); assert open(os.path.join(HERE, 'out')).read() == 'x'",
        "assert sorted(os.listdir('.')) == "
        "['data', 'my.json', 'my.py', 'near.py', 'part_1.txt', 'table.csv']",
    ],
)
def test_a_script_finds_what_lies_beside_it(bench: Bench, text: str) -> None:
    for name in ("table.csv", "data/a.txt", "part_1.txt"):
        write(bench, name, "1")
    write(bench, "my.json", "{}")
    write(bench, "near.py", "X = 1")
    write(bench, ".gitignore", "*.csv")
    write(bench, "venv/pyvenv.cfg", "")
    assert run(bench, HERE + text).outcome.verdict is Verdict.PASS


READS = {
    "opened": "assert open('part_%d.txt' % 1).read() == '1'",
    "listed": "assert os.listdir('.').count('part_2.txt') == 0",
    "by another program": "import subprocess\n"
    "assert subprocess.check_output(['cat', 'part_%d.txt' % 1]) == b'1'",
    "by its descriptor": "assert os.read(os.open('part_%d.txt' % 1, os.O_RDONLY), 1) == b'1'",
    "in memory": "import mmap\nwith open('part_%d.txt' % 1, 'rb') as file:\n"
    "  assert mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)[:] == b'1'",
    "through a link": "assert open('link_%d' % 1).read() == '1'",
    "from another folder": "os.chdir('/')\nassert open(HERE + '/part_%d.txt' % 1).read() == '1'",
    "by a thread": "import threading\ntexts = []\n"
    "t = threading.Thread(target=lambda: texts.append(open('part_%d.txt' % 1).read()))\n"
    "t.start(); t.join()\nassert texts == ['1']",
}


@pytest.mark.parametrize("how", READS)
def test_a_cell_is_measured_again_where_what_it_read_has_changed(bench: Bench, how: str) -> None:
    part = write(bench, "part_1.txt", "1")
    (part.parent / "link_1").symlink_to("part_1.txt")
    write(bench, "other.py", "x = 1")
    assert not run(bench, HERE + READS[how]).cached
    write(bench, "other.py", "x = 2")
    assert run(bench).cached, "it read nothing of this file"
    if how == "listed":
        write(bench, "part_2.txt", "2")
    else:
        part.write_text("2")
    changed = run(bench)
    assert (changed.cached, changed.outcome.verdict) == (False, Verdict.FAIL)
    if how != "listed":
        part.write_text("1")
        assert run(bench).cached, "as it was before"


def test_a_file_that_was_missed_and_is_there_now(bench: Bench) -> None:
    text = "try:\n  open('part_%d.txt' % 1)\nexcept OSError:\n  sys.exit(3)"
    assert run(bench, HERE + text).exit_code == 3
    write(bench, "part_1.txt", "1")
    assert run(bench).outcome.verdict is Verdict.PASS


LOOKS = {
    "by name": "os.path.exists('part_%d.txt' % 1)",
    "by path": "os.path.isfile(HERE + '/part_' + str(1) + '.txt')",
    "by object": "__import__('pathlib').Path(f'{HERE}/part_{1}.txt').exists()",
}


@pytest.mark.parametrize("how", LOOKS)
def test_a_file_that_was_looked_for_and_is_gone(bench: Bench, how: str) -> None:
    part = write(bench, "part_1.txt", "1")
    assert run(bench, f"{HERE}assert {LOOKS[how]}").outcome.verdict is Verdict.PASS
    part.write_text("2")
    assert run(bench).cached, "it is still there"
    part.unlink()
    assert run(bench).outcome.verdict is Verdict.FAIL


@pytest.mark.parametrize("how", LOOKS)
def test_a_file_that_was_left_out_and_looked_for(
    bench: Bench, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lying, "MOST_FILES", 3)
    for number in range(4):
        write(bench, f"part_{number}.txt", "1")
    for text in (f"assert not {LOOKS[how]}", f"assert {LOOKS[how]}"):
        result = run(bench, HERE + text)
        assert result.outcome.verdict is Verdict.ERROR
        assert result.outcome.reason.startswith("needs files that it looks for")
    declared = tuple(f"part_{number}.txt" for number in range(4))
    assert run(bench, files=declared).outcome.verdict is Verdict.PASS
    named = f"{HERE}assert os.path.exists('part_1.txt')"
    assert run(bench, named).outcome.verdict is Verdict.PASS


def test_what_reads_a_file_elsewhere_is_never_taken_as_known(bench: Bench) -> None:
    outside = bench.folder / "outside.txt"
    outside.write_text("1")
    assert (
        run(bench, f"assert open({str(outside)!r}).read() == '1'").outcome.verdict is Verdict.PASS
    )
    assert not run(bench).cached
    outside.write_text("2")
    changed = run(bench)
    assert (changed.cached, changed.outcome.verdict) == (False, Verdict.FAIL)


@pytest.mark.parametrize(
    "text",
    [
        "try:\n  open('part_%d.txt' % 1)\nexcept OSError:\n  pass",
        "for name in os.listdir(HERE): pass",
        "for entry in os.scandir('.'): pass",
        "import pathlib; list(pathlib.Path(HERE).rglob('*'))",
        "try:\n  os.open('part_%d.txt' % 1, os.O_RDONLY)\nexcept OSError:\n  pass",
        "assert open('part_%d.txt' % 1).read() == '1'",
    ],
)
def test_a_file_that_was_left_out_and_missed_is_an_error(
    bench: Bench, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lying, "MOST_FILES", 3)
    for number in range(4):
        write(bench, f"part_{number}.txt", "1")
    result = run(bench, HERE + text)
    assert result.outcome.verdict is Verdict.ERROR
    assert result.outcome.reason.startswith("needs part_")
    assert "`files:`" in result.outcome.reason
    names = [f"part_{number}.txt" for number in range(4)]
    assert run(bench, files=tuple(names)).outcome.verdict is Verdict.PASS


@pytest.mark.parametrize(
    "looks",
    [
        "import importlib.metadata as m; print(len(list(m.distributions())))",
        "import importlib.metadata as m; m.entry_points()",
        "import difflib, this",
    ],
)
def test_a_search_for_installed_packages_is_no_reading_of_the_folder(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, looks: str
) -> None:
    monkeypatch.setattr(lying, "MOST_FILES", 2)
    for number in range(4):
        write(bench, f"other_{number}.txt", "x")
    assert run(bench, looks).outcome.verdict is Verdict.PASS


def test_nothing_shows_a_script_that_it_is_watched(bench: Bench) -> None:
    text = (
        "assert 'PYTHONPATH' not in os.environ, os.environ['PYTHONPATH']\n"
        "assert 'sitecustomize' not in sys.modules\n"
        "assert not [name for name in sys.path if 'watcher' in name], sys.path\n"
        "assert not [name for name in sys.path_importer_cache if 'watcher' in name]\n"
    )
    result = run(bench, HERE + text)
    assert result.outcome.verdict is Verdict.PASS, result.outcome


def test_a_shared_folder_of_many_scripts_is_copied_once(bench: Bench) -> None:
    write(bench, "my.py", "")
    other = write(bench, "other.py", "")
    first = bench.run(Repro(name="r", script=bench.script, cases=(Case(name="c"),)), VERSION)
    second = bench.run(Repro(name="r", script=other, cases=(Case(name="c"),)), VERSION)
    assert first["c", VERSION].outcome == second["c", VERSION].outcome
    assert len(list((bench.folder / "snapshots").iterdir())) == 1
