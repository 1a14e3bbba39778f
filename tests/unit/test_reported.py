"""The hidden block of a comment, read again: checked, and compared with what came out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from runner import cli, grid, report
from runner.errors import UsageError
from runner.github import address, reported
from runner.github.address import Issue
from runner.matrix import config
from runner.model import Run
from runner.report import Extras, block
from runner.report.context import Context
from tests.unit import runs

SCRIPT = "import tensorflow as tf\n\n\tprint(tf.Session())  \nif 1:\n\tpass\n"
Captured = pytest.CaptureFixture[str]


def comment(run: Run, script: str = SCRIPT) -> str:
    """As `attach` posts it, with a word before and after."""
    text = report.render(run, "md", runs.logs, Extras(scripts={"script": script}))
    return f"<!-- tfmatrix attach 0123456789abcdef -->\n\nLook:\n\n{text}\n\nThanks @octocat\n"


def block_of(run: Run) -> block.Block:
    context = Context(
        run=run,
        grid=grid.build_grid(run),
        logs=runs.logs,
        extras=Extras(scripts={"script": SCRIPT}),
    )
    return block.block_contents(context)


def changed(text: str, **data: Any) -> str:
    """The comment with its block's data changed."""
    whole = re.search(r"^<!-- tfmatrix report (.*) -->$", text, re.M)
    assert whole
    said = {**json.loads(whole[1]), **data}
    return text.replace(whole[1], json.dumps(said).replace("-", "\\u002d"))


RUN = runs.drawn("2.14 2.15 2.16\nfit ✓ ✓ A\nlate – A A")


def test_what_is_written_is_read_again() -> None:
    told = reported.read_block(comment(RUN), "it")
    assert told == block_of(RUN)
    assert told.releases == {"cpu": ("2.14.0", "2.15.0", "2.16.0")}
    assert dict(reported._cells(told)) == {
        ("script", "fit", "cpu", "2.14.0"): "pass",
        ("script", "fit", "cpu", "2.15.0"): "pass",
        ("script", "fit", "cpu", "2.16.0"): "ErrorA: what A says",
        ("script", "late", "cpu", "2.14.0"): "skip",
        ("script", "late", "cpu", "2.15.0"): "ErrorA: what A says",
        ("script", "late", "cpu", "2.16.0"): "ErrorA: what A says",
    }


def test_its_script_is_the_one_that_the_comment_shows() -> None:
    text = comment(RUN)
    (source,) = reported.scripts_shown(text, reported.read_block(text, "it")).values()
    assert source == "import tensorflow as tf\n\n    print(tf.Session())\nif 1:\n    pass\n"


def test_its_matrix_is_one_that_can_be_run(tmp_path: Path) -> None:
    text = reported.matrix_text(block_of(RUN), {"script": "script.py"})
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "matrix.yaml").write_text(text)
    matrix = config.load_matrix(tmp_path / "matrix.yaml")
    assert (matrix.tf, matrix.patches) == ("2.14.0,2.15.0,2.16.0", "latest")
    (repro,) = matrix.repros
    assert [(case.name, case.args) for case in repro.cases] == [
        ("fit", ("fit",)),
        ("late", ("late",)),
    ]
    assert (repro.limits.timeout, repro.limits.memory) == (120, 4096)


def test_a_script_that_was_changed_is_not_run() -> None:
    text = comment(RUN).replace("tf.Session()", "tf.Graph()")
    with pytest.raises(UsageError, match="does not show the script of script as it ran"):
        reported.scripts_shown(text, reported.read_block(text, "it"))


def test_a_block_that_a_log_quotes_is_none() -> None:
    lines = changed(comment(RUN), run="forged").split("\n")
    (forged,) = [line for line in lines if line.startswith("<!-- tfmatrix report ")]
    text = f"```\n{forged}\n```\n\n{comment(RUN)}\n\n~~~text\n{forged}\n~~~\n    {forged}\n"
    assert reported.read_block(text, "it").run == RUN.info.id


BAD: dict[str, tuple[str, str]] = {
    "none": ("just words", "has no report of tfmatrix"),
    "no JSON": ("<!-- tfmatrix report {nope -->", "is damaged"),
    "a list": ("<!-- tfmatrix report [] -->", "is damaged"),
    "deep": (f"<!-- tfmatrix report {'[' * 50_000} -->", "is damaged"),
    "newer": (changed(comment(RUN), schema=2), "has schema 2; this tfmatrix reads 1"),
    "odd": (changed(comment(RUN), schema=0), "schema: expected 1"),
    "older": (changed(comment(RUN), matrix=None, releases={}), "its tfmatrix is older"),
    "kinds": (changed(comment(RUN), engine=3), "engine: expected a text"),
    "short": (changed(comment(RUN), releases={"cpu": ["2.14.0"]}), "not one for each release"),
    "no version": (changed(comment(RUN), releases={"cpu": ["a", "b", "c"]}), "no version: 'a'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_good_block_is_said_in_one_line(name: str) -> None:
    text, said = BAD[name]
    with pytest.raises(UsageError) as caught:
        reported.read_block(text, "it.md")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value).split("\n  to fix it: ")[0]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"timeout": 1e9, "memory": 100}, "asks for 1e+09 s"),
        ({"timeout": 9, "memory": 10**9}, "a comment may ask for 3600 s and 65536 MiB"),
        ({"timeout": "9", "memory": 9}, "matrix.repros[0].limits.timeout"),
    ],
)
def test_a_stranger_may_not_ask_for_everything(limits: Any, said: str) -> None:
    told = block_of(RUN)
    assert told.matrix is not None
    repro = {**told.matrix["repros"][0], "limits": limits}
    greedy = evolve(told, matrix={**told.matrix, "repros": [repro]})
    with pytest.raises(UsageError, match=re.escape(said)):
        reported.matrix_text(greedy, {"script": "script.py"})


def test_what_a_comment_may_not_say_is_left_out() -> None:
    told = block_of(RUN)
    assert told.matrix is not None
    repro = {**told.matrix["repros"][0], "files": ["/etc/passwd"], "script": "../../x.py"}
    evil = {**told.matrix, "repros": [repro], "images": {"3.10": "evil/image"}}
    text = reported.matrix_text(evolve(told, matrix=evil), {"script": "a/script.py"})
    assert "evil" not in text
    assert "passwd" not in text
    assert json.loads(text)["repros"][0]["script"] == "a/script.py"


@pytest.mark.parametrize(
    ("picture", "same", "said"),
    [
        ("2.14 2.15 2.16\nfit ✓ ✓ A\nlate – A A", True, "The results are the same. 5 of 5"),
        ("2.14 2.15 2.16\nfit ✓ ✓ A\nlate ✓ A A", True, "The results are the same. 5 of 5"),
        (
            "2.14 2.15 2.16\nfit ✓ ✓ B\nlate – A A",
            False,
            "The results differ. 4 of 5 cells ended as in the comment: "
            "script/fit on 2.16.0 cpu was ErrorA: what A says, is ErrorB: what B says.",
        ),
        ("2.14 2.15\nfit ✓ ✓\nlate – A", True, "3 of 3 cells ended"),
        ("2.14 2.15 2.16\nfit ! ! !\nlate ! ! !", False, "0 of 5 cells"),
    ],
)
def test_whether_the_same_came_out(picture: str, same: bool, said: str) -> None:
    found, sentence = reported.compare_blocks(block_of(RUN), block_of(runs.drawn(picture)))
    assert found is same
    assert said in sentence
    assert "environments are the same" in sentence


def test_a_report_that_judged_nothing_is_nothing_to_compare_with() -> None:
    nothing = block_of(runs.drawn("2.14\nfit –"))
    assert reported.compare_blocks(nothing, nothing)[0] is False


@given(st.text(max_size=300))
def test_any_text_is_a_report_or_is_refused(text: str) -> None:
    for markdown in (text, f"<!-- tfmatrix report {text} -->", f'<!-- tfmatrix report {{"{text}'):
        with pytest.raises(UsageError):
            reported.read_block(markdown, "it")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://github.com/o/n/issues/5#issuecomment-123", (Issue(repo="o/n", number=5), 123)),
        ("https://github.com/o/n/pull/5#issuecomment-1", (Issue(repo="o/n", number=5), 1)),
        ("https://github.com/o/n/issues/5", None),
        ("https://github.com.evil.org/o/n/issues/5#issuecomment-1", None),
        ("https://github.com/o/n/issues/5#issuecomment-1\n", None),
    ],
)
def test_the_address_of_a_comment(text: str, found: object) -> None:
    assert address.comment(text) == found


# --- The command ------------------------------------------------------------------------------


@pytest.fixture
def wanted(asked_engines: list[str]) -> list[str]:
    """The engines that were asked for, in a folder with a comment."""
    run = runs.drawn("2.14.1 2.15.1\nfit ✓ A")
    Path("comment.md").write_text(comment(run, "import tensorflow as tf\n"), "utf-8")
    return asked_engines


def test_it_goes_to_the_sandbox_alone(wanted: list[str]) -> None:
    assert cli.execute(["run", "--from-comment", "comment.md"]) == 3
    assert wanted == ["docker"]
    assert Path("repro/comment-1/script.py").read_text("utf-8").startswith("import tensorflow")
    assert json.loads(Path("repro/comment.yaml").read_text("utf-8"))["schema"] == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--engine", "local"], "is not a sandbox"),
        (["my.py"], "has its own script"),
        (["--with", "six"], "has its own script"),
        (["--env", "A=1"], "has its own script"),
        (["--from-issue", "comment.md"], "cannot be used with --from-issue or --block"),
    ],
)
def test_wrong_use_saves_and_runs_nothing(
    wanted: list[str], capsys: Captured, options: list[str], said: str
) -> None:
    assert cli.execute(["run", "--from-comment", "comment.md", *options]) == 2
    assert said in capsys.readouterr().err
    assert wanted == []
    assert not Path("repro").exists()


def test_neither_a_file_nor_a_comment(wanted: list[str], capsys: Captured) -> None:
    assert cli.execute(["run", "--from-comment", "o/n#5"]) == 2
    assert "neither a file nor a comment" in capsys.readouterr().err
