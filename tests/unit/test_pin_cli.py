"""`tfmatrix pin`: what it prints, what it writes, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve
from packaging.requirements import Requirement

from runner import cli
from runner.cli import running
from runner.runs import journal
from tests.unit.runs import drawn

PICTURE = """
      2.7.4 2.8.4 2.9.3 2.10.1
fit-a   ✓     A     ✓     –
fit-b   ✓     ✓     ✓     ✓
other   A     ✓     ✓     B
never   A     A     A     A
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = PICTURE.strip("\n").splitlines()
    run = drawn("\n".join(line.strip() for line in lines))
    log = journal.Journal(tmp_path / "results" / "mine", run)
    for result in run.results:
        log.append(result, "")
    log.close()
    journal.point_latest(log.folder)
    return tmp_path


def pin(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = cli.execute(["pin", *arguments])
    return code, capsys.readouterr().out


def test_the_first_line_is_the_requirement(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = pin(capsys, "--require", "fit-*")
    assert code == 0
    assert said.splitlines()[0] == "tensorflow>=2.7.4,!=2.8.*,<2.10"
    assert "2.10.1 cpu  skip" in said


def test_a_run_without_results_is_not_the_latest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = journal.Journal(
        folder / "results" / "empty", evolve(drawn(PICTURE.strip()), results=())
    )
    empty.close()
    running.conclude(empty.folder)
    assert (empty.folder / "matrix.md").exists()
    assert pin(capsys, "--require", "fit-b", "--format", "spec") == (0, "tensorflow>=2.7.4,<2.11\n")


def test_spec_prints_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = pin(capsys, "mine", "--require", "fit-b", "--format", "spec")
    assert (code, said) == (0, "tensorflow>=2.7.4,<2.11\n")
    strict = pin(capsys, "mine", "--require", "fit-b", "--format", "spec", "--strict")[1]
    assert "!=2.8.0,!=2.8.1" in strict
    assert Requirement(strict.strip()).specifier.contains("2.8.4")


def test_none_qualifies(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = pin(capsys)
    assert code == 1
    assert said.splitlines()[0] == "no release qualifies"
    assert "2.9.3 comes closest" in said
    assert "ErrorA: what A says\n      never" in said
    assert pin(capsys, "--format", "spec") == (1, "")


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = pin(capsys, "--require", "other", "--format", "json")
    answer = json.loads(said)
    assert code == 0
    assert answer["requirement"] == "tensorflow>=2.8.4,<2.10"
    assert (answer["newest"], answer["environment"]) == ("2.9.3", "2.9.3-py3.8-cpu")
    assert answer["qualifying"] == ["2.8.4", "2.9.3"]
    assert answer["admitted_unmeasured"] == ["2.9.0", "2.9.1", "2.9.2"]
    assert [(b["case"], b["tensorflow"], b["why"]) for b in answer["blocking"]] == [
        ("other", "2.10.1", "ErrorB: what B says")
    ]
    assert [r["qualifies"] for r in answer["releases"]] == [False, True, True, False]


def test_constraints_are_written_for_the_newest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pin(capsys, "--require", "other", "--constraints", "out/constraints.txt")[0] == 0
    text = (folder / "out" / "constraints.txt").read_text("utf-8")
    assert "numpy==1.23.5\n" in text
    assert "tensorflow==2.9.3\n" in text
    assert "Python 3.8" in text


def test_no_constraints_where_none_qualifies(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pin(capsys, "--constraints", "constraints.txt")[0] == 1
    assert not (folder / "constraints.txt").exists()


@pytest.mark.parametrize(
    ("spec", "code", "part"),
    [
        ("tensorflow==2.9.*", 0, "tensorflow==2.9.* holds: 2.9.3"),
        ("tensorflow>=2.7,<2.10", 1, "ErrorA: what A says"),
        ("==2.10.*", 1, "skip"),
        ("==2.15.*", 1, "admits no release of the run"),
        ("tensorflow=2.9", 2, ""),
    ],
)
def test_check_answers_by_exit_code(
    folder: Path, capsys: pytest.CaptureFixture[str], spec: str, code: int, part: str
) -> None:
    found, said = pin(capsys, "--require", "fit-a", "--check", spec)
    assert found == code
    assert part in said


def test_check_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = pin(capsys, "--require", "fit-a", "--check", "==2.9.*", "--format", "json")
    answer = json.loads(said)
    assert answer["holds"] is True
    assert answer["admitted_unmeasured"] == ["2.9.0", "2.9.1", "2.9.2"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["nonesuch"], "no run 'nonesuch'"),
        (["long" * 100], "no run 'longlong"),
        (["--require", "nonesuch"], "fit-a, fit-b, other, never"),
        (["--device", "cuda"], "it has: cpu"),
        (["--python", "3.9"], "it has: 3.8"),
        (["--check", ">=2.4", "--format", "spec"], "--check"),
        (["--check", ">=2.4", "--constraints", "x"], "--check"),
    ],
)
def test_wrong_use(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], part: str
) -> None:
    assert cli.execute(["pin", *arguments]) == 2
    assert part in capsys.readouterr().err


@pytest.mark.parametrize("command", [["pin"], ["report"]])
def test_without_any_run_the_first_step_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.execute(command) == 2
    first, remedy = capsys.readouterr().err.splitlines()
    assert first == f"tfmatrix: there is no run in {tmp_path}/results/ yet"
    assert remedy == "  to fix it: tfmatrix run my.py makes one"


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("my works.py", "tfmatrix run 'my works.py'"),
        ("works.ipynb", "tfmatrix run works.ipynb"),
        ("app", "tfmatrix run app"),
        ("issue.md", "tfmatrix run --from-issue issue.md"),
        ("https://e.org/x.py", "tfmatrix run --from-issue https://e.org/x.py"),
    ],
)
def test_what_can_run_is_run_first(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, how: str
) -> None:
    for file in ("my works.py", "works.ipynb", "app/__main__.py", "issue.md"):
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).touch()
    assert cli.execute(["pin", name]) == 2
    first, remedy = capsys.readouterr().err.splitlines()
    assert f"no run {name!r} in " in first
    assert remedy == f"  to fix it: first {how}; then leave the name out, for the newest run"
