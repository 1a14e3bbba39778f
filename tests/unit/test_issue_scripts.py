"""From an issue to a script: what is found in Markdown, what is chosen, where it may run."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, Optional

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner import cli, engines
from runner.cells.snapshot import needs
from runner.cli import from_issue
from runner.errors import EngineUnavailableError, UsageError
from runner.github.issue_scripts import Block, blocks
from runner.model import Repro
from tests.unit.github_server import TOKEN, Answer, Fake, serving

TF = "import tensorflow as tf\nprint(tf.__version__)\n"
TWO = f"First:\n\n```python\n{TF}```\n\nThen:\n\n```py\nprint(2)\n```\n"


def sources(markdown: str) -> list[str]:
    return [block.source for block in blocks(markdown)]


# --- Which blocks are scripts ----------------------------------------------------------------


@pytest.mark.parametrize(
    "info",
    [
        *("python", "py", "Python", "python3", "PY3", " python ", "python title=a.py", "{python}"),
        *("{.python .numberLines}", "python,linenos", "pycon", "ipython"),
    ],
)
@pytest.mark.parametrize("fence", ["```", "~~~", "`````"])
def test_a_labelled_block_is_a_script(info: str, fence: str) -> None:
    assert sources(f"text\n{fence}{info}\nprint(1)\n{fence}\nmore") == ["print(1)\n"]


@pytest.mark.parametrize("info", ["", "shell", "text", "cpp"])
def test_another_label_or_none_needs_tensorflow(info: str) -> None:
    """TensorFlow's issue form labels the reproduction `shell`."""
    assert sources(f"```{info}\n{TF}```") == [TF]
    assert sources(f"```{info}\nimport numpy\n```") == []
    assert sources(f"```{info}\npython -c 'import tensorflow'\nimport tensorflow\n```") == []


@pytest.mark.parametrize(
    "line",
    [
        "import tensorflow",
        "from tensorflow.python import keras",
        "  import tensorflow.compat.v1 as tf",
        "from keras import layers",
    ],
)
def test_what_imports_tensorflow(line: str) -> None:
    assert sources(f"```\nif True:\n    {line.strip()}\n```") != []


def test_a_word_that_starts_like_it_does_not() -> None:
    assert sources("```\nimport tensorflow_datasets_of_mine\n```") == []
    assert sources("```\n# import tensorflow\n```") == []


@pytest.mark.parametrize(
    "markdown",
    [
        "1. Run\n\n   ```python\n   if 1:\n       x\n   ```\n",
        "- a\n  - b\n    ~~~py\n    if 1:\n        x\n    ~~~\n",
        "> ```python\n> if 1:\n>     x\n> ```\n",
        "```python\nif 1:\n    x",
        "```python\r\nif 1:\r\n    x\r\n```\r\n",
        "```python\n    if 1:\n        x\n```\n",
        "<details>\n<summary>code</summary>\n\n```python\nif 1:\n    x\n```\n\n</details>",
        "<details>\n```python\nif 1:\n    x\n```\n</details>",
    ],
)
def test_where_a_block_may_stand(markdown: str) -> None:
    assert sources(markdown) == ["if 1:\n    x\n"]


def test_an_indented_block_is_one() -> None:
    assert sources("Look:\n\n" + textwrap.indent(TF, "    ")) == [TF]


def test_what_a_template_commented_out_is_none() -> None:
    assert sources(f"<!-- for example\n```python\n{TF}```\n-->\n") == []


def test_a_fence_inside_a_longer_fence_is_text() -> None:
    assert sources("````python\ns = '''\n```\n'''\n````") == ["s = '''\n```\n'''\n"]


def test_an_empty_block_is_none() -> None:
    assert sources("```python\n\n  \n```") == []


def test_python_2_is_kept_as_it_stands_where_labelled() -> None:
    assert sources("```python\nprint 'x'\n```") == ["print 'x'\n"]


def test_a_session_becomes_what_was_typed() -> None:
    session = (
        ">>> import tensorflow as tf\n>>> for i in [1]:\n...     i\n...\n1\n... no\n>>> tf\n<m>\n"
    )
    assert sources(f"```\n{session}```") == [
        "import tensorflow as tf\nfor i in [1]:\n    i\n\ntf\n"
    ]


def test_an_escaped_body_is_what_it_was() -> None:
    code = "import tensorflow\nif 1 < 2 and \"a\" > 'b' & 3:\n    pass\n"
    assert sources(html.escape(f"> quoted\n\n```\n{code}```")) == [code]
    assert sources(f"a <b>\n\n```python\n{html.escape(code)}```") == [code]


def test_entities_that_are_meant_stay() -> None:
    code = 'assert "&lt;" != "<"\n'
    assert sources(f"```python\n{code}```") == [code]


def test_line_and_label_say_where_it_is() -> None:
    found = blocks(f"a\n\n<div>\n```shell\n{TF}```\n</div>\n\n~~~Python\nx\n~~~\n")
    assert [(block.line, block.label) for block in found] == [(4, "shell"), (10, "Python")]


# --- Any text --------------------------------------------------------------------------------

PIECES = [
    "```",
    "~~~",
    "python\n",
    "\n",
    "    ",
    "> ",
    "- ",
    ">>> ",
    "... ",
    "<div>",
    "<!--",
    "&lt;",
]
PIECES += ["import tensorflow\n", "x = '", "(", "\t", "\r", "\x00", "\ud800", "\u2028", "-->"]


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text())
@example("```python\n" + "(" * 5_000)
@example("```python\n" + "-" * 60_000 + "1")
@example(">" * 5_000 + "```python\nx")
@settings(max_examples=300, deadline=None)
def test_any_text_has_its_scripts(text: str) -> None:
    for block in blocks(text):
        assert block.source.strip()
        assert block.source.endswith("\n")
        assert 1 <= block.line <= text.count("\n") + text.count("\r") + 1
        block.source.encode("utf-8")


LINES = st.text("ab=()'# \t", max_size=20).map(lambda line: f"x{line}".rstrip())


@given(
    st.lists(LINES, min_size=1), st.sampled_from(["```", "~~~"]), st.text("ab \n->", max_size=20)
)
def test_a_script_comes_out_as_it_went_in(lines: list[str], fence: str, before: str) -> None:
    script = "\n".join(lines)
    assert sources(f"{before}\n\n{fence}python\n{script}\n{fence}")[-1:] == [f"{script}\n"]


# --- Which one -------------------------------------------------------------------------------

ONE, OTHER = (Block(source=f"print({n})\n", label="py", line=n) for n in (1, 2))


def test_the_only_one_is_taken() -> None:
    assert from_issue.choose_block([ONE], "o/n#5", None) == (1, ONE)
    assert from_issue.choose_block([ONE, OTHER], "o/n#5", 2) == (2, OTHER)


@pytest.mark.parametrize(
    ("found", "wanted", "said"),
    [
        ([], None, "there is no Python code block in o/n#5"),
        (
            [ONE, OTHER],
            None,
            "choose one with --block:\n  1  line 1, 1 line, labelled 'py': print(1)",
        ),
        ([ONE, OTHER], 3, "there is no block 3; there are:\n  1  line 1"),
    ],
)
def test_without_a_terminal_there_is_no_guessing(
    found: list[Block], wanted: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(UsageError) as caught:
        from_issue.choose_block(found, "o/n#5", wanted)
    assert said in str(caught.value)


def test_in_a_terminal_the_user_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers: Iterator[str] = iter(["7", "2"])
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: next(answers))
    assert from_issue.choose_block([ONE, OTHER], "o/n#5", None) == (2, OTHER)
    assert "  2  line 2, 1 line, labelled 'py': print(2)" in capsys.readouterr().err


def test_a_list_cannot_drive_the_terminal() -> None:
    evil = Block(source="\x1b]0;title\x07x = (\n", label="py\x1b[2J", line=1)
    assert (
        from_issue.listed([evil])
        == "  1  line 1, 1 line, labelled 'py', not Python as it stands: x = ("
    )


# --- Where it may run ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "unsandboxed", "used"),
    [
        *(("auto", False, "docker"), ("docker", False, "docker"), ("local", False, None)),
        *(("auto", True, "auto"), ("local", True, "local"), ("docker", True, "docker")),
    ],
)
def test_only_the_sandbox_unless_told_so(
    engine: str, unsandboxed: bool, used: Optional[str]
) -> None:
    if used is None:
        with pytest.raises(UsageError, match="--unsandboxed-i-trust-this-script"):
            from_issue.sandboxed(engine, unsandboxed)
    else:
        assert from_issue.sandboxed(engine, unsandboxed) == used


# --- The command -----------------------------------------------------------------------------

Captured = pytest.CaptureFixture[str]
Asked = Callable[[], list[str]]


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The engines that were asked for, in an empty folder where none answers."""
    asked: list[str] = []

    def choose(name: str, *_: object) -> None:
        asked.append(name)
        raise EngineUnavailableError("no daemon answers")

    monkeypatch.setattr(engines, "choose", choose)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)
    Path("bug.md").write_text(TWO, "utf-8")
    return asked


def test_a_file_to_the_sandbox(wanted: list[str], capsys: Captured) -> None:
    assert cli.execute(["run", "--from-issue", "bug.md", "--block", "1"]) == 3
    assert wanted == ["docker"]
    assert Path("repro/bug-1/bug-1.py").read_text("utf-8") == TF
    assert "saved repro/bug-1/bug-1.py" in capsys.readouterr().err


def test_a_second_run_finds_its_own_script(wanted: list[str]) -> None:
    for _ in range(2):
        assert cli.execute(["run", "--from-issue", "bug.md", "--block", "1"]) == 3
    assert wanted == ["docker", "docker"]


def test_another_script_is_never_replaced_unless_told_so(
    wanted: list[str], capsys: Captured
) -> None:
    script = Path("repro/bug-1/bug-1.py")
    script.parent.mkdir(parents=True)
    script.write_text("mine\n", "utf-8")
    command = ["run", "--from-issue", "bug.md", "--block", "1"]
    assert cli.execute(command) == 2
    assert "holds something else" in capsys.readouterr().err
    assert script.read_text("utf-8") == "mine\n"
    assert cli.execute([*command, "--force"]) == 3
    assert script.read_text("utf-8") == TF


def test_what_lies_in_repro_does_not_go_along(wanted: list[str]) -> None:
    """The script names what it wants; nothing but itself is in its folder."""
    Path("repro/data").mkdir(parents=True)
    for name in (".env", "helpers.py", "data/customers.csv"):
        Path("repro", name).write_text("secret", "utf-8")
    source = 'import helpers\nopen(".env")\nopen("data/customers.csv")\nopen("../.env")\n'
    Path("bug.md").write_text(f"```py\n{TF}{source}```", "utf-8")
    assert cli.execute(["run", "--from-issue", "bug.md"]) == 3
    script = Path("repro/bug-1/bug-1.py")
    assert list(needs.needs_of(Repro(name="bug-1", script=script)).files) == ["bug-1.py"]


def test_a_folder_with_other_files_is_not_used(wanted: list[str], capsys: Captured) -> None:
    Path("repro/bug-1").mkdir(parents=True)
    Path("repro/bug-1/helpers.py").write_text("secret", "utf-8")
    assert cli.execute(["run", "--from-issue", "bug.md", "--block", "1"]) == 2
    assert "repro/bug-1 holds other files" in capsys.readouterr().err
    assert wanted == []


def test_a_link_is_replaced_and_not_followed(wanted: list[str], tmp_path: Path) -> None:
    target, link = tmp_path / "precious", Path("repro/bug-1/bug-1.py")
    target.write_text("precious", "utf-8")
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    assert cli.execute(["run", "--from-issue", "bug.md", "--block", "1", "--force"]) == 3
    assert target.read_text("utf-8") == "precious"
    assert link.read_text("utf-8") == TF


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--from-issue", "bug.md"], "choose one with --block"),
        (["--from-issue", "bug.md", "--block", "1", "--engine", "local"], "is no sandbox"),
        (["--from-issue", "nothing.md"], "neither a file nor an issue"),
        (["bug.py", "--from-issue", "bug.md"], "name no other"),
        (["--block", "1"], "need --from-issue"),
        (["--unsandboxed-i-trust-this-script"], "need --from-issue"),
    ],
)
def test_wrong_use_saves_and_runs_nothing(
    wanted: list[str], capsys: Captured, options: list[str], part: str
) -> None:
    assert cli.execute(["run", *options]) == 2
    assert part in capsys.readouterr().err
    assert wanted == []
    assert not Path("repro").exists()


def test_a_file_that_is_too_long(wanted: list[str], capsys: Captured) -> None:
    Path("bug.md").write_bytes(b"x" * (from_issue.MOST_BYTES + 1))
    assert cli.execute(["run", "--from-issue", "bug.md"]) == 2
    assert "too long" in capsys.readouterr().err


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    with serving("/api/v3") as fake:
        monkeypatch.setenv("GITHUB_API_URL", fake.url)
        yield fake


def test_a_public_issue_without_a_token(wanted: list[str], github: Fake) -> None:
    github.issue_body = f"It fails:\r\n```shell\r\n{TF}```\r\n"
    assert cli.execute(["run", "--from-issue", "o/n#5"]) == 3
    assert wanted == ["docker"]
    assert Path("repro/issue-o-n-5-1/issue-o-n-5-1.py").read_text("utf-8") == TF
    assert [secret for _, _, secret in github.asked] == [None]


def test_with_a_token_it_is_sent(
    wanted: list[str], github: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    github.issue_body = TWO
    assert cli.execute(["run", "--from-issue", "o/n#5", "--block", "2"]) == 3
    assert Path("repro/issue-o-n-5-2/issue-o-n-5-2.py").read_text("utf-8") == "print(2)\n"
    assert github.asked[0][2] == f"token {TOKEN}"


def test_an_issue_that_is_not_there(wanted: list[str], github: Fake, capsys: Captured) -> None:
    github.answers["GET /repos/o/n/issues/5"] = [Answer(404, "Not Found")]
    assert cli.execute(["run", "--from-issue", "o/n#5"]) == 3
    assert "reading o/n#5: there is no such issue" in capsys.readouterr().err
    assert wanted == []


def test_names_of_files_are_plain(wanted: list[str]) -> None:
    Path("x y;$(z).md").write_text(f"```py\n{TF}```", "utf-8")
    assert cli.execute(["run", "--from-issue", "x y;$(z).md"]) == 3
    assert [path.name for path in Path("repro").iterdir()] == ["x-y-z-1"]
    assert [path.name for path in Path("repro/x-y-z-1").iterdir()] == ["x-y-z-1.py"]
