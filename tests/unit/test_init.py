"""`tfmatrix init`: what it writes is a matrix that runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from runner import cli
from runner.matrix import config, starter, words


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    (tmp_path / "My Repro.py").write_text("import tensorflow\n", "utf-8")
    return tmp_path


def test_what_it_writes_is_what_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(["init", "My Repro.py", "--", "--n", 'a "b"']) == 0
    assert capsys.readouterr().out == "wrote matrix.yaml\nnext: tfmatrix run\n"
    assert cli.execute(["plan", "--tf", "2.9", "--format", "json"]) == 0
    (cell,) = json.loads(capsys.readouterr().out)
    assert (cell["repro"], cell["case"], cell["args"]) == ("my-repro", "default", ["--n", 'a "b"'])


def test_the_only_script_need_not_be_named(folder: Path) -> None:
    assert cli.execute(["init"]) == 0
    (repro,) = config.load_matrix(folder / "matrix.yaml").repros
    assert repro.script.name == "My Repro.py"
    assert [case.args for case in repro.cases] == [()]


def test_what_it_says_in_comments_is_true(folder: Path) -> None:
    """Every line that is out of use comes into use by taking its `#` away."""
    text = starter.starter_text(Path("My Repro.py"))
    wanted = ("requirements:", '  ">=0":', "cases:", "  - name:", "    args:", "expect:", "  - {")
    lines = [
        line.replace("# ", "", 1) if line.strip()[2:].startswith(wanted) else line
        for line in text.splitlines()
    ]
    (folder / "matrix.yaml").write_text("\n".join(lines), "utf-8")
    (repro,) = config.load_matrix(folder / "matrix.yaml").repros
    assert repro.requirements == {">=0": ("pandas",)}
    assert [case.args for case in repro.cases] == [("--n", "3")]
    assert len(repro.expectations) == 1


def test_editors_find_the_schema(folder: Path) -> None:
    first = starter.starter_text(Path("a.py")).splitlines()[0]
    assert first == f"# yaml-language-server: $schema={starter.SCHEMA}"
    root = Path(__file__).parents[2]
    assert (root / starter.SCHEMA.rpartition("/")[2]).is_file()
    shipped = (root / "matrix.yaml").read_text("utf-8").splitlines()[0]
    assert shipped == "# yaml-language-server: $schema=matrix.schema.json"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.py"], "there is no file none.py"),
        (["."], "is a folder"),
        ([str(Path(__file__))], ", the folder of matrix.yaml"),
    ],
)
def test_what_cannot_be_written_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert cli.execute(["init", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "matrix.yaml").exists()


def test_without_a_script_there_must_be_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "other.py").touch()
    assert cli.execute(["init"]) == 2
    assert "there are My Repro.py and other.py" in capsys.readouterr().err
    for script in folder.glob("*.py"):
        script.unlink()
    assert cli.execute(["init"]) == 2
    assert "there is no Python script" in capsys.readouterr().err


def test_it_overwrites_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "matrix.yaml").write_text("mine\n", "utf-8")
    assert cli.execute(["init"]) == 2
    assert "matrix.yaml exists already" in capsys.readouterr().err
    assert (folder / "matrix.yaml").read_text("utf-8") == "mine\n"
    assert cli.execute(["init", "--matrix", "other.yaml"]) == 0
    assert "next: tfmatrix run --matrix other.yaml" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My Repro", "my-repro"),
        ("a: 3", "a-3"),
        ("x" * 99, "x" * 80),
        ("Größe", "grosse"),
        ("Keras™", "kerastm"),
        ("…", "script"),
        ("тест", "script"),
    ],
)
def test_a_name_is_offered_that_is_accepted(text: str, name: str) -> None:
    assert words.repro_name(words.name_like(text)) == name


@pytest.mark.parametrize("written", ["größe", "gro\u0308ße", "Größe"])
def test_a_refused_name_is_told_as_a_script_would_get_it(written: str) -> None:
    with pytest.raises(ValueError, match='write "grosse"'):
        words.repro_name(written)


def test_the_file_is_plain_yaml() -> None:
    assert set(yaml.safe_load(starter.starter_text(Path("a.py")))) == {
        "tf",
        "patches",
        "devices",
        "limits",
        "repros",
    }
