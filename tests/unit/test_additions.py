"""What a script and a command line add: which cells are planned, and with which packages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner import cli
from runner.matrix import selection
from runner.model import Cell

Plan = Callable[..., tuple[Cell, ...]]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The cells of a script of this text."""
    monkeypatch.chdir(tmp_path)

    def planned(
        text: str = "", tf: str = "1.12,1.15,2.4,2.9,2.21", **asked: Any
    ) -> tuple[Cell, ...]:
        (tmp_path / "my.py").write_text(text, "utf-8")
        return selection.select(
            **{
                "tf": tf,
                "patches": None,
                "devices": (),
                "cases": (),
                "args": (),
                "scripts": (Path("my.py"),),
                "timeout": None,
                "memory": None,
                "matrix_file": None,
                **asked,
            }
        ).cells

    return planned


def metadata(*lines: str) -> str:
    return "".join(f"# {line}\n" for line in ("/// script", *lines, "///"))


def test_inline_metadata_adds_its_packages_everywhere_and_leaves_no_release_out(plan: Plan) -> None:
    cells = plan(metadata('dependencies = ["tensorflow==2.9.3", "pandas"]'))
    assert [cell.target.requirements for cell in cells] == [("pandas",)] * 5
    assert cells[0].repro.notes == (
        "my.py: tensorflow==2.9.3 is set aside, for the matrix varies TensorFlow",
    )


def test_a_range_of_tensorflows_leaves_columns_out(plan: Plan) -> None:
    cells = plan(metadata('dependencies = ["tensorflow>=2.4,<2.10"]'))
    assert [cell.target.release.version for cell in cells] == ["2.4.4", "2.9.3"]


def test_where_another_script_runs_the_cell_is_a_skip_that_says_so(plan: Plan) -> None:
    Path("other.py").write_text("", "utf-8")
    text = metadata('dependencies = ["tensorflow>=2.4"]')
    cells = plan(text, tf="1.15,2.4", scripts=(Path("my.py"), Path("other.py")))
    assert [(cell.repro.name, cell.skip) for cell in cells] == [
        ("my", "my.py asks for tensorflow>=2.4"),
        ("my", None),
        ("other", None),
        ("other", None),
    ]


def test_a_marker_on_tensorflow_is_asked_of_the_python_of_the_release(plan: Plan) -> None:
    text = metadata("""dependencies = ["tensorflow>=2.10; python_version >= '3.10'"]""")
    assert [c.target.release.version for c in plan(text)] == ["1.12.3", "1.15.5", "2.4.4", "2.21.0"]


def test_a_release_has_the_first_python_that_the_script_takes(plan: Plan) -> None:
    cells = plan(metadata('requires-python = "<3.10"'), tf="2.9,2.15")
    assert [(cell.target.python, cell.lacks) for cell in cells] == [("3.9", None), ("3.9", None)]


def test_where_no_python_fits_the_cell_is_not_measured_and_says_so(plan: Plan) -> None:
    (cell,) = plan(metadata('requires-python = ">=3.9"'), tf="2.4")
    assert cell.skip is None
    assert (cell.lacks or "").startswith(
        "needs Python >=3.9, says my.py: TensorFlow 2.4.4 is there"
    )


def test_files_and_projects_add_theirs_and_with_replaces_them(plan: Plan) -> None:
    Path("r.txt").write_text("pandas==1.0\nscipy\n-c caps.txt\n", "utf-8")
    Path("caps.txt").write_text("numpy<1.24\n", "utf-8")
    Path("pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["tqdm"]\n', "utf-8")
    (cell,) = plan(
        tf="2.9",
        requirement_files=(Path("r.txt"),),
        projects=(".",),
        packages=("pandas==1.4",),
    )
    assert cell.target.requirements == ("pandas==1.4", "scipy", "tqdm")
    assert cell.target.resolution.constraints == ("numpy<1.24",)


def test_force_relax_and_another_day_name_another_environment(plan: Plan) -> None:
    (usual,) = plan(tf="2.9")
    (other,) = plan(tf="2.9", forced=("numpy==2.0.2",), as_of="2024-06-30", relax=True)
    assert usual.target.usual
    assert not other.target.usual
    assert other.target.label == "2.9.3-py3.10-cpu-numpy-2.0.2-as-of-2024-06-30"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--as-of", "soon"], "--as-of soon: expected `today` or a day such as 2024-06-30"),
        (["--force-package", "numpy"], '"numpy" names no one version; expected numpy==2.0.2'),
        (["--force-package", "numpy==2.*"], '"numpy==2.*" names no one version'),
        (["--force-package", "tensorflow==2.9"], "is TensorFlow itself"),
        (["-r", "gone.txt"], "gone.txt cannot be read: No such file or directory"),
        (["--project", "gone"], "gone/pyproject.toml cannot be read"),
    ],
)
def test_wrong_words_are_one_line(
    plan: Plan, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    plan()
    assert cli.execute(["plan", "my.py", "--tf", "2.9", *words]) == 2
    error = capsys.readouterr().err
    assert said in error


def test_no_release_left_is_one_line(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    plan(metadata('dependencies = ["tensorflow>=2.4"]'))
    assert cli.execute(["plan", "my.py", "--tf", "1.15"]) == 2
    said = "no release of 1.15 is left: my.py asks for tensorflow>=2.4"
    assert said in capsys.readouterr().err


def test_plan_shows_what_cannot_be_measured(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    plan(metadata('requires-python = ">=3.9"'))
    assert cli.execute(["plan", "my.py", "--tf", "2.4", "--format", "json"]) == 0
    (cell,) = json.loads(capsys.readouterr().out)
    assert cell["lacks"].startswith("needs Python >=3.9")
