"""The command line: what it says of bad input, what it plans, what its help shows."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any, Callable

import pytest
from attrs import evolve

from runner import cli
from runner.cli import running
from runner.errors import UsageError
from runner.machine import units
from runner.matrix.selection import Selection, select
from tests.unit import runs

GOLDEN = Path(__file__).parents[1] / "golden" / "cli"
MATRIX = """\
tf: ">=2.8"
repros:
  - name: mine
    script: my.py
    cases: [{name: one, args: ['1']}, {name: two}]
    expect: [{tf: "<2.10", cases: [one], outcome: pass, source: "the manual"}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    (tmp_path / "my.py").write_text("print('hello')\n", "utf-8")
    (tmp_path / "matrix.yaml").write_text(MATRIX, "utf-8")
    return tmp_path


BAD = {
    "no such verb": (["rum"], "Did you mean 'run'?"),
    "a script without a verb": (["my.py", "--tf", "2.9"], "Did you mean 'run my.py'?"),
    "releases as two words": (["run", "my.py", "--tf", "2.9", "2.21"], "--tf 2.9,2.21"),
    "a release without its option": (["run", "my.py", "2.9"], "--tf 2.9,2.15"),
    "a script without its ending": (["run", "my"], 'did you mean "my.py"?'),
    "the beginning of an option": (["clean", "--older", "30d"], "did you mean --older-than?"),
    "no such option": (["run", "--tff", "2.9"], "--tf"),
    "wrong specifier": (["run", "my.py", "--tf", ">>2.4"], ">>2.4"),
    "no specifier, as of a variable that is not set": (["run", "my.py", "--tf", ""], "not a SPEC"),
    "no end, likewise": (["bisect", "my.py", "--good", "", "--bad", "2.9"], "--good"),
    "a release that does not exist": (["run", "my.py", "--tf", "2.9.7"], "2.9.3"),
    "no release matches": (["run", "my.py", "--tf", ">=9"], "2.21.0"),
    "missing script": (["run", "mine.py"], "mine.py"),
    "a folder as script": (["run", "."], "."),
    "no case of that name": (["run", "--case", "three"], "one, two"),
    "args without a script": (["run", "--arg", "x"], "--arg needs a SCRIPT"),
    "wrong size": (["run", "--keep-environments", "some"], "20GB"),
    "no such run": (["report", "nonesuch"], "nonesuch"),
    "wrong age": (["clean", "--older-than", "soon"], "30d"),
    "negative time limit": (["run", "my.py", "--timeout", "-1"], "--timeout"),
}


@pytest.mark.parametrize(("arguments", "part"), BAD.values(), ids=BAD)
def test_wrong_use_says_what_and_how_and_runs_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], part: str
) -> None:
    assert cli.execute(arguments) == 2
    said = capsys.readouterr().err
    assert part in said
    assert "Traceback" not in said
    assert not (folder / "results").exists()


def test_a_number_for_a_version_is_refused_with_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "matrix.yaml").write_text(MATRIX.replace('">=2.8"', "2.10"), "utf-8")
    assert cli.execute(["run"]) == 2
    said = capsys.readouterr().err
    assert "matrix.yaml:1:5" in said
    assert '"2.10"' in said


def test_an_unknown_key_names_the_nearest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "matrix.yaml").write_text(MATRIX.replace("expect:", "expects:"), "utf-8")
    assert cli.execute(["plan"]) == 2
    said = capsys.readouterr().err
    assert "matrix.yaml:6:5" in said
    assert "expect" in said


def test_no_matrix_yaml_and_no_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.execute(["run"]) == 2


def test_plan_as_table(
    folder: Path, capsys: pytest.CaptureFixture[str], golden: Callable[[Path, str], None]
) -> None:
    assert cli.execute(["plan", "--tf", "2.9,2.10"]) == 0
    golden(GOLDEN / "plan.txt", capsys.readouterr().out)


def test_plan_as_json_lists_every_cell(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(["plan", "--tf", "2.9,2.10", "--case", "one", "--format", "json"]) == 0
    cells = json.loads(capsys.readouterr().out)
    assert [(c["case"], c["tensorflow"], c["args"], c["expected"]) for c in cells] == [
        ("one", "2.9.3", ["1"], "pass"),
        ("one", "2.10.1", ["1"], None),
    ]


def test_plan_for_github_is_a_job_matrix(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(["plan", "my.py", "--tf", ">=2.20", "--format", "github"]) == 0
    jobs = json.loads(capsys.readouterr().out)
    assert jobs == {
        "include": [
            {"tensorflow": "2.20.0", "device": "cpu"},
            {"tensorflow": "2.21.0", "device": "cpu"},
        ]
    }


@pytest.mark.parametrize("verb", ["", *cli.VERBS])
def test_help(
    verb: str, capsys: pytest.CaptureFixture[str], golden: Callable[[Path, str], None]
) -> None:
    assert cli.execute([*filter(None, [verb]), "--help"]) == 0
    golden(GOLDEN / f"help{'-' if verb else ''}{verb}.txt", capsys.readouterr().out)


def test_render_writes_what_an_environment_is_made_from(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.execute(["render", "my.py", "--tf", "2.9.3", "--output", "out"]) == 0
    (place,) = capsys.readouterr().out.split()
    assert "tensorflow-cpu==2.9.3" in (folder / place / "requirements.txt").read_text("utf-8")
    assert "FROM" in (folder / place / "Dockerfile").read_text("utf-8")


def test_the_schema_describes_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(["schema"]) == 0
    assert set(json.loads(capsys.readouterr().out)["properties"]) >= {"tf", "repros", "limits"}


def test_with_adds_a_package_to_every_environment(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--tf", "2.9,2.15", "--with", "pandas", "--with", "scikit-learn<2", "--format", "json"]
    assert cli.execute(["plan", "my.py", *asked]) == 0
    environments = {cell["environment"] for cell in json.loads(capsys.readouterr().out)}
    assert environments == {
        f"{v}-cpu-pandas-scikit-learn-2" for v in ("2.9.3-py3.10", "2.15.1-py3.10")
    }


def test_with_takes_requirements_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(["plan", "my.py", "--with", "tensorflow==2.9"]) == 2
    assert '--with: "tensorflow==2.9" is TensorFlow itself' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run", "--tff", "2.9"], "tfmatrix: tfmatrix run has no option --tff; did you mean --tf?"),
        (["run", "--if", "x"], "tfmatrix: tfmatrix run has no option --if (see"),
        (["run", "--case", "three"], "tfmatrix: no case is named three; there are: one, two"),
        (["run", "my.py", "--timeout", "soon"], "write 90, 90s or 5m"),
        (["run", "my.py", "--memory", "3"], "3 is less than 64"),
        (
            ["bisect", "my.py", "--tf", "2.9"],
            "--good and --bad name the ends of the search, not --tf",
        ),
    ],
)
def test_every_error_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert cli.execute(arguments) == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1


def test_a_bug_is_one_line_and_its_traceback_goes_to_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise KeyError("nobody thought of this")

    monkeypatch.setattr("runner.cli.plan.select", broken)
    assert cli.execute(["plan", "my.py"]) == 3
    said = capsys.readouterr().err
    assert said.startswith("tfmatrix: this is a bug of tfmatrix: KeyError:")
    assert said.count("\n") == 1
    (log,) = (folder / "cache" / "bugs").iterdir()
    assert str(log) in said
    assert "Traceback" in log.read_text("utf-8")


def test_without_a_verb_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    cli.execute([])
    assert capsys.readouterr().out.startswith("Usage: tfmatrix [OPTIONS]")


def test_limits_have_units(folder: Path) -> None:
    chosen = select_with(timeout=units.parse_seconds("5m"), memory=units.parse_mebibytes("4GB"))
    assert {cell.repro.limits.timeout for cell in chosen.cells} == {300.0}
    assert {cell.repro.limits.memory for cell in chosen.cells} == {3814}
    assert (units.parse_seconds("90"), units.parse_mebibytes("4096")) == (90.0, 4096)


@pytest.mark.parametrize("outcome", ["pass", "crash"])
def test_what_is_expected_of_a_script_can_be_said(folder: Path, outcome: str) -> None:
    chosen = select_with(expect=outcome)
    assert {cell.expected and cell.expected.verdict.value for cell in chosen.cells} == {outcome}


def select_with(**options: Any) -> Selection:
    nothing: dict[str, Any] = dict.fromkeys(("tf", "patches", "timeout", "memory", "matrix_file"))
    scripts: dict[str, Any] = {"scripts": [Path("my.py")], "devices": (), "cases": (), "args": ()}
    return select(**{**nothing, **scripts, **options})


@pytest.mark.parametrize("arguments", [["plan", "my.py"], ["doctor"], ["--help"]])
def test_a_folder_that_has_been_removed_is_said(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert cli.execute(arguments) == 2
    assert capsys.readouterr().err == (
        "tfmatrix: the current folder has been removed\n  to fix it: cd to a folder that exists\n"
    )


def test_init_says_where_it_cannot_write(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(["init", "my.py", "--matrix", "none/such/matrix.yaml"]) == 2
    (folder / "loop").symlink_to("loop")
    assert cli.execute(["init", "my.py", "--matrix", "loop/matrix.yaml"]) in (2, 3)
    assert "Errno" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device", "/x/y"), "/x/y: No space left on device"),
        (PermissionError(13, "Permission denied", "/x/y"), "/x/y: Permission denied"),
        (OSError("a reason"), "a reason"),
        (MemoryError(), "out of memory"),
    ],
)
def test_what_the_system_refuses_names_the_file(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    line: str,
) -> None:
    def refused(**_: object) -> None:
        raise error

    from runner.cli import schema

    monkeypatch.setattr(schema.command, "callback", refused)
    assert cli.execute(["schema"]) == 3
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"tfmatrix: {line}"
    assert said[1:] in ([], ["  to fix it: free disk space: `tfmatrix clean`"])
    assert bool(said[1:]) == ("No space" in line)


def test_an_expectation_is_not_met_where_every_cell_is_skipped() -> None:
    skipped = runs.drawn("2.4.4 2.5.3\na – –")
    assert (running.exit_code(skipped), running.exit_code(skipped, expected="pass")) == (0, 1)
    some = runs.drawn("2.4.4 2.5.3\na ✓ –")
    assert running.exit_code(some, expected="pass") == 0
    lost = runs.drawn("2.4.4 2.5.3\na – !")
    assert running.exit_code(lost, expected="pass") == 3


def test_a_run_needs_an_empty_folder(folder: Path) -> None:
    assert running.own_folder(folder / "new") == folder / "new"
    for name, why in (("my.py", "is a file"), (".", "is not empty")):
        with pytest.raises(UsageError, match=why):
            running.own_folder(folder / name)


def test_render_speaks_of_no_measurement_where_it_cannot_write(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.execute(["render", "my.py", "--tf", "2.9", "--output", "my.py"]) == 3
    first, remedy = capsys.readouterr().err.splitlines()
    assert first.endswith("Dockerfile cannot be written: Not a directory")
    assert remedy == "  to fix it: name another folder with --output"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_hang_up_ends_a_command_as_ctrl_c_does(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGHUP, signal.SIGTERM)}
    monkeypatch.setattr(cli, "execute", lambda: signal.raise_signal(number))
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_matrix_in_a_folder_above_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    below = folder / "my project" / "below"
    below.mkdir(parents=True)
    (folder / "matrix.yaml").rename(folder / "my project" / "matrix.yaml")
    monkeypatch.chdir(below)
    assert cli.execute(["plan"]) == 2
    assert capsys.readouterr().err == (
        "tfmatrix: matrix.yaml: No such file or directory\n"
        f"  to fix it: cd '{folder}/my project', where it is; or name a script"
        " (tfmatrix run my.py), or begin one: tfmatrix init my.py\n"
    )
    assert cli.execute(["plan", "--matrix", "none/matrix.yaml"]) == 2
    assert "where it is" not in capsys.readouterr().err


def test_an_interrupted_run_counts_the_cells_that_were_planned(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A test file is one cell, however many tests it has."""
    names = ("test_a.py::one", "test_a.py::two", "test_b.py::one", "test_a.py::one@keras=legacy")
    results = [runs.result(name, "2.9", "✓", variant=name.partition("@")[2]) for name in names]
    run = evolve(runs.drawn("2.9"), results=(*results, runs.result("test_a.py::one", "2.8", "✓")))
    running.report_interrupted(run, folder, 26)
    assert "4 of 26 cells; the same command" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ended", "advice"),
    [
        ([False], "once its reason is gone, the same command runs only that one again"),
        ([False, False], "once their reasons are gone, the same command runs only those again"),
        ([True], "1 cell could not be measured; its reason says what to change before you run"),
        ([True, True], "2 cells could not be measured; their reasons say what to change before"),
        ([False, True], "runs only those again; for 1 of them, its reason says what to change"),
    ],
)
def test_a_command_is_repeated_only_where_that_can_help(
    folder: Path, capsys: pytest.CaptureFixture[str], ended: list[bool], advice: str
) -> None:
    """A script that ended for want of a package ends like that again."""
    run = runs.drawn("2.9")
    results = [
        evolve(runs.result(f"a{n}", "2.9", "!"), exit_code=1 if each else None)
        for n, each in enumerate(ended)
    ]
    running.report(evolve(run, results=tuple(results)), folder)
    assert advice in capsys.readouterr().err
