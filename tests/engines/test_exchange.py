"""What one script saves on each release, another loads on each: `tfmatrix exchange`, with processes
that are told a version; and with two real releases in both engines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner import cli, engines
from runner.engines.base import Progress
from runner.environments import locks
from runner.model import Environment, Run, Verdict
from runner.releases import catalogue
from runner.runs import journal
from tests.engines.plain import locked
from tests.engines.test_bisect import Pretending

ROOT = Path(__file__).parents[2]
HEAD = """
import os, sys
from pathlib import Path
version = os.environ["PRETENDED"]
old = tuple(map(int, version.split("."))) < (2, 16)
"""
SAVE = (
    HEAD
    + """
Path("folder").mkdir()
Path("folder", "model.old" if old else "model.new").write_bytes(version.encode() * 1000)
"""
)
LOAD = (
    HEAD
    + """
if sys.argv[1:] == ["any"]:
    sys.exit(0 if len(os.listdir("folder")) == 1 else "no file")
model = Path("folder", "model.old" if old else "model.new")
if not model.exists():
    raise ValueError("an unknown format")
assert len(model.read_bytes()) >= 5000
"""
)


class Desk:
    """A folder with both scripts."""

    def __init__(
        self, folder: Path, engine: Pretending, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self.engine, self._capsys = folder, engine, capsys
        self.said, self.noted = "", ""
        self.scripts(SAVE, LOAD)

    def scripts(self, save: str, load: str) -> None:
        (self.folder / "save.py").write_text(save, "utf-8")
        (self.folder / "load.py").write_text(load, "utf-8")

    def give(self, *words: str, tf: str = "2.9,2.15,2.16,2.21") -> int:
        options = ["--tf", tf, "--allow-no-tensorflow", "--output", "out", *words]
        code = cli.execute(["exchange", "save.py", "load.py", *options])
        self.said, self.noted = self._capsys.readouterr()
        return code

    @property
    def run(self) -> Run:
        return journal.read_run(self.folder / "out")

    def square(self, repro: str = "load") -> dict[tuple[str, str], str]:
        return {
            (result.case, result.tensorflow): str(result.outcome.verdict)
            for result in self.run.results
            if result.repro == repro
        }


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    engine = Pretending()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(engines, "choose", lambda name, say, *_: engine)
    monkeypatch.setattr(locks, "environment", locked)
    return Desk(tmp_path, engine, capsys)


def test_who_cannot_load_what_whom_saved(desk: Desk) -> None:
    assert desk.give() == 0
    assert desk.said.splitlines()[1] == (
        "load: 2.16 and 2.21 cannot load what 2.9 and 2.15 saved (ValueError: an unknown format);"
        " 2.9 and 2.15 cannot load what 2.16 and 2.21 saved (ValueError: an unknown format);"
        " 8 of 16 pairs load."
    )
    square = desk.square()
    assert len(square) == 16
    assert square["saved by 2.9.3", "2.15.1"] == "pass"
    assert square["saved by 2.9.3", "2.16.2"] == "fail"
    assert square["saved by 2.16.2", "2.9.3"] == "fail"
    report = (desk.folder / "out" / "matrix.md").read_text("utf-8")
    lines = [line for line in report.splitlines() if line.startswith("| `saved by 2.9, 2.15` (2)")]
    assert [each.strip() for each in lines[0].split("|")[2:4]] == ["✓", "A"]
    assert "saved by 2.9, 2.15" in (desk.folder / "out" / "matrix.svg").read_text("utf-8")
    assert (desk.folder / "out" / "scripts" / "save.py").read_text("utf-8") == SAVE
    page = (desk.folder / "out" / "index.html").read_text("utf-8")
    assert '"saver":"2.9.3"' in page
    assert "python load.py  # where `python save.py` ran with tensorflow==2.9.3" in page


def test_a_square_for_each_word(desk: Desk) -> None:
    assert desk.give("--each", "old", "--each", "any", tf="2.15,2.16") == 0
    assert set(desk.square("load any").values()) == {"pass"}
    assert desk.square("load old")["saved by 2.15.1", "2.16.2"] == "fail"
    assert "load any: every release loads what each saved as any." in desk.said.splitlines()


def test_the_same_again_measures_nothing(desk: Desk) -> None:
    assert desk.give(tf="2.15,2.16") == 0
    first, opened = desk.run.results, len(desk.engine.opened)
    assert opened == 2 + 2, "an agent of a release serves all that was saved"
    assert desk.give("--output", "again", tf="2.15,2.16") == 0
    assert len(desk.engine.opened) == opened
    again = journal.read_run(desk.folder / "again").results
    assert {each.id for each in again} == {each.id for each in first}
    assert all(each.cached for each in again)


def test_other_files_are_loaded_again(desk: Desk) -> None:
    assert desk.give(tf="2.15,2.16") == 0
    opened = len(desk.engine.opened)
    desk.scripts(SAVE.replace("* 1000", "* 1000 + b''"), LOAD)  # the files stay the same
    assert desk.give("--output", "same", tf="2.15,2.16") == 0
    assert len(desk.engine.opened) == opened + 2
    desk.scripts(SAVE.replace("* 1000", "* 1200"), LOAD)
    assert desk.give("--output", "other", tf="2.15,2.16") == 0
    assert len(desk.engine.opened) == opened + 4 + 2


def test_a_release_that_cannot_save_has_a_row_of_skips(desk: Desk) -> None:
    desk.scripts(SAVE + "if version == '2.9.3': raise OSError('no space')\n", LOAD)
    assert desk.give(tf="2.15,2.16,2.9") == 0
    square = desk.square()
    assert [square["saved by 2.9.3", each] for each in ("2.9.3", "2.15.1")] == ["skip", "skip"]
    reasons = {r.outcome.reason for r in desk.run.results if r.outcome.verdict is Verdict.SKIP}
    assert reasons == {"nothing was saved: OSError: no space"}
    assert square["saved by 2.15.1", "2.9.3"] == "pass"
    said = "nothing that 2.9 saved could be judged (nothing was saved: OSError: no space)."
    assert said in desk.said


@pytest.mark.parametrize(
    ("save", "why"),
    [
        ("pass", "it left no file"),
        ("raise SystemExit(3)", "exit 3"),
        ("import os; os.symlink('/etc/passwd', 'model')", "it left model, which is no plain file"),
        ("import os; os.mkfifo('model')", "it left model, which is no plain file"),
        (
            "import os\nwith open('model', 'wb') as f: f.truncate(1 << 28)",
            "it left more than 64 MiB",
        ),
        (
            "import os\nwith open('model', 'wb') as f: f.write(os.urandom(3 << 20))",
            "it left more than 1.5 MB, compressed",
        ),
        ("for n in range(1001): open(str(n), 'w').close()", "it left more than 1000 files"),
        ("open('numpy.py', 'w').close()", "it left numpy.py, which is a program"),
        (
            'print(\'\\n::test {"file": "../../x", "data": ""}\')\n'
            'print(\'::test {"files": 1, "sha256": ""}\'); import os; os._exit(0)',
            "it left no file",
        ),
    ],
)
def test_what_cannot_be_handed_on_is_told_in_one_line(desk: Desk, save: str, why: str) -> None:
    desk.scripts(save, LOAD)
    assert desk.give(tf="2.15,2.16") == 2
    assert f"tfmatrix: save.py saved nothing on any of 2 releases: {why}" in desk.noted
    assert set(desk.square().values()) == {"skip"}


def test_a_script_that_never_looks_is_noticed(desk: Desk) -> None:
    told = "load.py passes without a look at what was saved, which lies in its working folder"
    desk.scripts(SAVE, "print('fine')\n")
    assert desk.give(tf="2.15,2.16") == 0
    assert told in desk.noted
    assert desk.give("--output", "again", tf="2.15,2.16") == 0, "what is known already counts too"
    assert told in desk.noted
    desk.scripts(SAVE, LOAD)
    assert desk.give("--output", "other", tf="2.15,2.16") == 0
    assert "without a look" not in desk.noted


def test_a_saved_file_with_the_name_of_the_script_that_loads(desk: Desk) -> None:
    desk.scripts("import os; os.mkdir('load.py'); open('load.py/x', 'w').close()", LOAD)
    (desk.folder / "apart").mkdir()
    (desk.folder / "load.py").rename(desk.folder / "apart" / "load.py")
    options = ["--tf", "2.15,2.16", "--allow-no-tensorflow", "--output", "out"]
    assert cli.execute(["exchange", "save.py", "apart/load.py", *options]) == 2
    assert set(desk.square().values()) == {"skip"}


def test_interrupted_it_continues_where_it_stopped(desk: Desk) -> None:
    desk.engine.interrupts = 6  # all have saved, one has loaded, and the second begins to load
    with pytest.raises(KeyboardInterrupt):
        desk.give("--jobs", "1")
    kept = {result.id for result in desk.run.results if result.attempts}
    assert len(kept) == 4 + 4
    assert (desk.folder / "out" / "matrix.md").is_file()
    desk.engine.interrupts = 0
    assert desk.give("--output", "rest") == 0
    rest = journal.read_run(desk.folder / "rest").results
    assert len(rest) == 4 + 16
    assert kept <= {result.id for result in rest if result.cached}


def test_only_the_named_rows_are_saved(desk: Desk) -> None:
    assert desk.give("--case", "saved by 2.1*", "--case", "saved by 2.9.3", tf="2.9,2.15,2.21") == 0
    assert {result.tensorflow for result in desk.run.results if result.repro == "save"} == {
        "2.9.3",
        "2.15.1",
    }
    assert len(desk.square()) == 2 * 3
    assert "load: 2.21 cannot load what 2.9 and 2.15 saved (ValueError: an" in desk.said
    assert (
        desk.give("--case", "saved by 2.15.1", "--each", "any", "--output", "2", tf="2.9,2.15") == 0
    )
    assert "load any: every release loads what 2.15 saved as any." in desk.said
    assert desk.give("--case", "2.8*", tf="2.9,2.15") == 2
    assert "no row is named 2.8*; there are: saved by 2.9.3, saved by 2.15.1" in desk.noted


def test_each_cell_gets_a_process_of_its_own_if_that_is_asked_for(desk: Desk) -> None:
    assert desk.give("--mode", "fresh", tf="2.15,2.16") == 0
    reasons = {each.mode_reason for each in desk.run.results if each.repro == "load"}
    assert reasons == {"--mode fresh"}


def test_both_run_on_the_device_that_is_asked_for(desk: Desk) -> None:
    assert desk.give("--device", "cuda", tf="2.15,2.21") == 0
    assert {result.device for result in desk.run.results} == {"cuda"}
    assert len(desk.square()) == 4


class Bounded(Pretending):
    """Notes how many environments there were at a time."""

    most = 0

    def prepare(self, environment: Environment, progress: Progress) -> None:
        super().prepare(environment, progress)
        self.most = max(self.most, len(set(self.made)))

    def remove(self, environment: Environment) -> None:
        super().remove(environment)
        self.made = [made for made in self.made if made != environment.id]

    def disk_size(self, environment: Environment) -> int:
        return 10**9


def test_the_disk_never_holds_more_than_allowed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while releases save, nor while they load, when some environments are there already."""
    engine = Bounded()
    monkeypatch.setattr(engines, "choose", lambda name, say, *_: engine)
    assert desk.give("--max-disk", "2.5GB", tf="2.4,2.9,2.15,2.16,2.21") == 0
    assert engine.most == 2
    assert len(desk.square()) == 25
    assert engine.dropped
    assert desk.noted.count("up to 2 of 5 are there at a time") == 1


def test_a_script_that_ends_without_cleaning_up_has_saved(desk: Desk) -> None:
    desk.scripts(SAVE + "os._exit(0)\n", LOAD)
    assert desk.give(tf="2.15") == 0
    assert desk.square() == {("saved by 2.15.1", "2.15.1"): "pass"}


def test_scripts_that_are_missing_or_the_same(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.execute(["exchange", "nowhere.py", "load.py"]) == 2
    assert "nowhere.py" in capsys.readouterr().err
    assert cli.execute(["exchange", "save.py", "save.py"]) == 2
    assert "save.py cannot both save and load" in capsys.readouterr().err
    assert cli.execute(["exchange", "save.py"]) == 2
    assert "LOAD" in capsys.readouterr().err


# --- Real releases ---------------------------------------------------------------------------

NEWEST = catalogue.load_releases()[-1].version
ENGINES = [
    pytest.param("local", marks=pytest.mark.tensorflow),
    pytest.param("docker", marks=[pytest.mark.tensorflow, pytest.mark.docker]),
]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_shipped_pair_on_two_releases(engine: str, tmp_path: Path) -> None:
    words = [word for each in (".weights.h5", ".keras") for word in ("--each", each)]
    where = ["--engine", engine, "--tf", f"2.9.3,{NEWEST}", "--output", str(tmp_path / "out")]
    scripts = ["repro/save_model.py", "repro/load_model.py"]
    options = [*words, *where, "--remeasure", "--format", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "runner", "exchange", *scripts, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3000,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-2000:]
    found = {
        (cell["repro"].partition(" ")[2], cell["case"][-len("2.9.3") :], cell["tensorflow"]): cell
        for cell in json.loads(done.stdout)["cells"]
        if cell["repro"].startswith("load_model")
    }
    outcomes = {key: cell["outcome"] for key, cell in found.items()}
    old, new = "2.9.3", NEWEST
    weights = {(a, b): outcomes[".weights.h5", a[-5:], b] for a in (old, new) for b in (old, new)}
    assert weights == {
        (old, old): "pass",
        (old, new): "fail",
        (new, old): "fail",
        (new, new): "pass",
    }
    assert outcomes[".keras", new[-5:], new] == "pass"
    assert outcomes[".keras", old, new] == "skip"
    reason = found[".keras", old, new]["reason"]
    assert (
        reason == "not saved as .keras: NotImplementedError: this release writes no .keras archives"
    )
