"""From an issue to a script: what is found in Markdown, what is chosen, where it may run."""

from __future__ import annotations

import html
import json
import re
import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Optional

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner import cli
from runner.cells.signature import reported
from runner.cells.snapshot import needs
from runner.cli import from_issue, issue_source
from runner.errors import UsageError
from runner.github import download, issue_scripts, links
from runner.github.errors import GithubError
from runner.github.issue_scripts import Block, script_blocks, shell_installs
from runner.model import Repro
from tests.unit.github_server import TOKEN, Answer, Fake, serving

TF = "import tensorflow as tf\nprint(tf.__version__)\n"
TWO = f"First:\n\n```python\n{TF}```\n\nThen:\n\n```py\nprint(2)\n```\n"


def sources(markdown: str) -> list[str]:
    return [block.source for block in script_blocks(markdown)]


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
    found = script_blocks(f"a\n\n<div>\n```shell\n{TF}```\n</div>\n\n~~~Python\nx\n~~~\n")
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
    for block in script_blocks(text):
        assert block.source.strip()
        assert block.source.endswith("\n")
        assert 1 <= block.line <= text.count("\n") + text.count("\r") + 1
        block.source.encode("utf-8")
    assert shell_installs(text).packages is not None


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
    assert from_issue.choose_blocks([ONE], "o/n#5", ()) == ((1, ONE),)
    assert from_issue.choose_blocks([ONE, OTHER], "o/n#5", [2]) == ((2, OTHER),)


@pytest.mark.parametrize(
    ("found", "wanted", "said"),
    [
        ([], (), "there is no Python code block in o/n#5"),
        (
            [ONE, OTHER],
            (),
            "choose one with --block:\n  1  line 1, 1 line, labelled 'py': print(1)",
        ),
        ([ONE, OTHER], (1, 3), "there is no block 3; there are:\n  1  line 1"),
    ],
)
def test_without_a_terminal_there_is_no_guessing(
    found: list[Block], wanted: Sequence[int], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(UsageError) as caught:
        from_issue.choose_blocks(found, "o/n#5", wanted)
    assert said in str(caught.value)


def test_in_a_terminal_the_user_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers: Iterator[str] = iter(["7", "2"])
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: next(answers))
    assert from_issue.choose_blocks([ONE, OTHER], "o/n#5", ()) == ((2, OTHER),)
    assert "  2  line 2, 1 line, labelled 'py': print(2)" in capsys.readouterr().err


def test_a_list_cannot_drive_the_terminal() -> None:
    evil = Block(source="\x1b]0;title\x07x = (\n", label="py\x1b[2J", line=1)
    assert (
        from_issue.block_list([evil])
        == "  1  line 1, 1 line, labelled 'py', not valid Python: x = ("
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
            from_issue.sandbox_engine(engine, unsandboxed)
    else:
        assert from_issue.sandbox_engine(engine, unsandboxed) == used


# --- The command -----------------------------------------------------------------------------

Captured = pytest.CaptureFixture[str]
Asked = Callable[[], list[str]]


@pytest.fixture
def wanted(asked_engines: list[str]) -> list[str]:
    """The engines that were asked for, in a folder with an issue."""
    Path("bug.md").write_text(TWO, "utf-8")
    return asked_engines


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
    assert "has another content" in capsys.readouterr().err
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
    assert "repro/bug-1 has other files" in capsys.readouterr().err
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
        (["--from-issue", "bug.md", "--block", "1", "--engine", "local"], "is not a sandbox"),
        (["--from-issue", "nothing.md"], "neither a file nor an issue"),
        (["bug.py", "--from-issue", "bug.md"], "name no other"),
        (["--block", "1"], "need --from-issue"),
        (["--from-issue", "bug.md", "--block", "0"], "--block 0: expected a number from 1"),
        (["--from-issue", "bug.md", "--block", "1,x"], "--block x: expected a number from 1"),
        (["--from-issue", "bug.md", "--block", ""], "--block : expected a number from 1"),
        (["--from-issue", "bug.md", "--block", "1", "--block", "9"], "there is no block 9"),
        (["o/n#5", "bug.py"], "has its own script: name no other"),
        (["http://example.org/bug.py"], "http://example.org/bug.py: only https:// is read"),
        (["ftp://example.org/bug.py"], "only https:// is read"),
        (["https://example.org/page"], "not a known address of code"),
        (["https://me:secret@example.org/bug.py"], "a user's name or password is not read"),
        (["https://github.com/o/n/blob/main/bug.c"], "not a known address of code"),
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
    Path("bug.md").write_bytes(b"x" * (issue_source.MOST_BYTES + 1))
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


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_error_on_reading_speaks_of_reading(
    wanted: list[str], github: Fake, capsys: Captured, status: int
) -> None:
    github.answers["GET /repos/o/n/issues/5"] = [Answer(status, "no")]
    assert cli.execute(["run", "--from-issue", "o/n#5"]) == 3
    said = capsys.readouterr().err
    assert f"({status}: no)" in said
    assert not re.search("writ|post|comment|updat", said)


def test_no_connection_on_reading_speaks_of_reading(
    wanted: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9/api/v3")
    assert cli.execute(["run", "--from-issue", "o/n#5"]) == 3
    said = capsys.readouterr().err
    assert "cannot be reached" in said
    assert not re.search("writ|post|comment|updat", said)


def test_names_of_files_are_plain(wanted: list[str]) -> None:
    Path("x y;$(z).md").write_text(f"```py\n{TF}```", "utf-8")
    assert cli.execute(["run", "--from-issue", "x y;$(z).md"]) == 3
    assert [path.name for path in Path("repro").iterdir()] == ["x-y-z-1"]
    assert [path.name for path in Path("repro/x-y-z-1").iterdir()] == ["x-y-z-1.py"]


# --- Several blocks, comments, links ---------------------------------------------------------


@pytest.mark.parametrize("options", [["--block", "2,1"], ["--block", "2", "--block", "1,2"]])
def test_several_blocks_are_one_script(wanted: list[str], options: list[str]) -> None:
    assert cli.execute(["run", "--from-issue", "bug.md", *options]) == 3
    script = Path("repro/bug-2-1/bug-2-1.py")
    assert script.read_text("utf-8") == f"# block 2\nprint(2)\n\n# block 1\n{TF}"


FILES = f"""\
`model.py`:

```python
{TF}ONE = 1
```

```python
# data.py
TWO = 2
```

```python
from data import TWO
import model
```
"""


def test_blocks_that_import_each_other_are_files(wanted: list[str]) -> None:
    Path("bug.md").write_text(FILES, "utf-8")
    assert cli.execute(["run", "--from-issue", "bug.md", "--block", "1,2,3"]) == 3
    folder = Path("repro/bug-1-2-3")
    assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == {
        "model.py": f"{TF}ONE = 1\n",
        "data.py": "# data.py\nTWO = 2\n",
        "bug-1-2-3.py": "from data import TWO\nimport model\n",
    }
    assert cli.execute(["run", "--from-issue", "bug.md", "--block", "1,2,3"]) == 3


INSTALLS = """\
```shell
$ pip install -q 'pandas==1.3' tensorflow==2.9 && python bug.py
!pip install rich ./mine.whl
pip freeze
```

```python
import numpy, pandas
import tensorflow
```
"""


@pytest.mark.parametrize(
    ("given", "packages"),
    [((), ("pandas==1.3",)), (("Pandas==1.5",), ("Pandas==1.5",))],
)
def test_what_the_issue_installs_is_added_if_its_script_imports_it(
    wanted: list[str], capsys: Captured, given: tuple[str, ...], packages: tuple[str, ...]
) -> None:
    Path("bug.md").write_text(INSTALLS, "utf-8")
    selection: dict[str, Any] = {"scripts": (), "from_issue": "bug.md", "packages": given}
    selection.update(blocks=(), force=False, unsandboxed=False)
    from_issue.choose("auto", selection)
    assert selection["packages"] == packages
    told = capsys.readouterr().err
    assert "the issue also installs what the script does not import: add --with rich\n" in told
    assert ("added, because the issue installs it: pandas==1.3" in told) is not bool(given)


def test_what_a_shell_block_installs() -> None:
    assert shell_installs(INSTALLS).packages == ("pandas==1.3", "rich")
    assert shell_installs(INSTALLS).tensorflow == ("tensorflow==2.9",)
    assert shell_installs("```\npip install x " + ";" * 60_000 + "\n```\n").packages == ()
    assert shell_installs("    pip install one\n\nText: pip install two\n").packages == ("one",)


def test_comments_count_after_the_description(wanted: list[str], github: Fake) -> None:
    github.issue_body = "It fails."
    github.add("you", "With a script?")
    github.add("me", f"```\n{TF}```")
    assert cli.execute(["run", "o/n#5"]) == 3
    assert wanted == ["docker"]
    assert Path("repro/issue-o-n-5-1/issue-o-n-5-1.py").read_text("utf-8") == TF


def test_a_list_says_in_which_comment_a_block_is(
    wanted: list[str], github: Fake, capsys: Captured
) -> None:
    github.issue_body = TWO
    github.add("me", f"```\n{TF}```")
    assert cli.execute(["run", "--from-issue", "o/n#5"]) == 2
    assert "  3  comment 1, line 1, 2 lines: import tensorflow" in capsys.readouterr().err


GIST = "https://gist.github.com/me/0123456789abcdef0123"


def test_a_gist(wanted: list[str], github: Fake) -> None:
    github.gist = {"readme.txt": "hello", "bug.py": TF}
    assert cli.execute(["run", GIST]) == 3
    assert wanted == ["docker"]
    assert Path("repro/gist-0123456789ab-1/gist-0123456789ab-1.py").read_text("utf-8") == TF


def test_a_gist_without_code(wanted: list[str], github: Fake, capsys: Captured) -> None:
    github.gist = {"readme.txt": "hello"}
    assert cli.execute(["run", GIST]) == 2
    assert f"there is no Python code block in {GIST}" in capsys.readouterr().err


def test_a_notebook_in_a_gist_is_not_joined(
    wanted: list[str], github: Fake, capsys: Captured
) -> None:
    cells = [{"cell_type": "code", "source": TF}]
    notebook = json.dumps({"nbformat": 4, "metadata": {}, "cells": cells})
    github.gist = {"bug.ipynb": notebook, "bug.py": TF}
    assert cli.execute(["run", "--from-issue", GIST, "--block", "1,2"]) == 2
    assert "a notebook cannot be joined" in capsys.readouterr().err
    colab = "https://colab.research.google.com/gist/me/0123456789abcdef0123/bug.ipynb"
    assert cli.execute(["run", colab, "--block", "1"]) == 3
    assert Path("repro/gist-0123456789ab-1/gist-0123456789ab-1.ipynb").is_file()


@pytest.mark.parametrize("verb", ["bisect", "watch", "run"])
def test_other_verbs_keep_it_in_the_sandbox_too(wanted: list[str], verb: str) -> None:
    assert cli.execute([verb, "--from-issue", "bug.md", "--block", "1"]) == 3
    assert wanted == ["docker"]


def test_bisect_wants_a_script(wanted: list[str], capsys: Captured) -> None:
    assert cli.execute(["bisect"]) == 2
    assert "Missing argument 'SCRIPT'" in capsys.readouterr().err


def test_bisect_tells_how_its_ends_are_named(wanted: list[str], capsys: Captured) -> None:
    assert cli.execute(["bisect", "my.py", "1.15", "2.9"]) == 2
    told = capsys.readouterr().err
    assert "for what is 1.15 2.9? Name the releases with --good VERSION --bad VERSION" in told


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://github.com/o/n/blob/main/a/b.py", "o/n/main/a/b.py"),
        ("https://github.com/o/n/raw/v1/b%20c.ipynb?x=1", "o/n/v1/b%20c.ipynb"),
        ("https://colab.research.google.com/github/o/n/blob/main/b.ipynb#s=1", "o/n/main/b.ipynb"),
    ],
)
def test_pages_of_files_lead_to_the_files(text: str, url: str) -> None:
    assert links.parse_link(text).url == f"https://raw.githubusercontent.com/{url}"


def test_other_links() -> None:
    raw = "https://raw.githubusercontent.com/o/n/main/b.py"
    assert (links.parse_link(raw).url, links.parse_link(raw).kind) == (raw, ".py")
    drive = links.parse_link("https://colab.research.google.com/drive/1aB_c-d3fGhIjK?usp=sharing")
    assert drive.url == "https://drive.google.com/uc?export=download&id=1aB_c-d3fGhIjK"
    assert links.parse_link(f"{GIST}#file-bug-py").gist == "0123456789abcdef0123"


# --- Downloads -------------------------------------------------------------------------------


@pytest.fixture
def web() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there = {"/bug.py": TF, "/page.ipynb": "<html>", "/huge.py": "#" * MOST, "/é.py": TF}
            content = there.get(self.path, "").encode()
            assert self.headers.get("Authorization") is None
            to = {"/loop.py": "/loop.py", "/there.py": "/bug.py", "/plain.py": "http://x.org/y.py"}
            if self.path in to:
                self.send_response(302)
                self.send_header("Location", to[self.path])
            else:
                self.send_response(200 if content else 404)
            content = b"\xff\xfe" if self.path == "/binary.py" else content
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


MOST = download.MOST_BYTES + 1


def test_a_link_to_a_file(wanted: list[str], web: str) -> None:
    for name in ("bug", "there"):
        assert cli.execute(["run", f"{web}/{name}.py"]) == 3
        assert Path(f"repro/{name}-1/{name}-1.py").read_text("utf-8") == TF
    assert wanted == ["docker", "docker"]


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("missing.py", 3, "cannot be read: the answer is 404"),
        ("loop.py", 3, "cannot be read: it redirects too often"),
        ("plain.py", 3, "http://x.org/y.py is not followed: it is not https"),
        ("huge.py", 3, "cannot be read: more bytes than"),
        ("page.ipynb", 2, "is not a notebook; perhaps it is a page that asks you to sign in"),
    ],
)
def test_a_link_that_cannot_be_followed_is_told_in_a_line(
    wanted: list[str], web: str, name: str, code: int, said: str, capsys: Captured
) -> None:
    assert cli.execute(["run", f"{web}/{name}"]) == code
    assert said in capsys.readouterr().err.split("\n")[0]
    assert wanted == []
    assert not Path("repro").exists()


@pytest.mark.parametrize(
    "here", ["http://127.0.0.1:8/x.py", "https://localhost/x.py", "//[::1]/x.py"]
)
def test_the_web_does_not_lead_to_this_machine(here: str) -> None:
    with pytest.raises(GithubError, match="is not followed: that is this machine"):
        download.redirect_target("https://example.org/a.py", here)
    assert (
        download.redirect_target("https://example.org/a.py", "/b.py") == "https://example.org/b.py"
    )
    assert download.redirect_target("http://127.0.0.1:8/a.py", here).endswith("/x.py")


def test_nobody_answers(wanted: list[str], capsys: Captured) -> None:
    assert cli.execute(["run", "http://127.0.0.1:9/bug.py"]) == 3
    assert "does not answer (ConnectionError)" in capsys.readouterr().err


# --- Code in other fences --------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"`\n{TF}x = 1\n\ny = 2\n`",
        f"`{TF}x = 1\n\ny = 2`",
        f"``python\n{TF}x = 1\n\ny = 2\n``",
        "So:\n\n" + textwrap.indent(f"{TF}x = 1\n\ny = 2\n", "    "),
        f"```shell\n{TF}x = 1\n\ny = 2\n```",
    ],
)
def test_code_is_found_however_it_is_fenced(text: str) -> None:
    (block,) = issue_scripts.script_blocks(text)
    assert block.source == f"{TF}x = 1\n\ny = 2\n"


def test_a_block_for_a_shell_that_installs_first_is_a_script() -> None:
    text = f"```shell\n!pip install tensorflow==2.9\n{TF}%time x = 1\n```"
    (block,) = issue_scripts.script_blocks(text)
    assert block.source.startswith("!pip install tensorflow==2.9\n")


def test_inline_code_stays_text_and_lines_keep_their_numbers() -> None:
    text = f"Use `tf.x` and\n`tf.y` or `z`.\n`{TF}print(1)`\n\n```py\nx\n```\n"
    assert [block.line for block in issue_scripts.script_blocks(text)] == [3, 7]


# --- What the issue reports ------------------------------------------------------------------

PLAIN = """Traceback (most recent call last):
  File "bug.py", line 2, in <module>
    tf.x
AttributeError: module 'tensorflow' has no attribute 'x'"""
IPYTHON = """---------------------------------------------------------------------------
AttributeError                            Traceback (most recent call last)
<ipython-input-3-123> in <module>
----> 2 tf.x

AttributeError: module 'tensorflow' has no attribute 'x'"""
LINE = "AttributeError: module 'tensorflow' has no attribute 'x'"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"It says:\n```\n{PLAIN}\n```\nValueError: other", LINE),
        (f"<details>\n\n```shell\n{IPYTHON}\n```\n</details>", LINE),
        ("> " + PLAIN.replace("\n", "\n> "), LINE),
        ("Segmentation fault (core dumped)", "SIGSEGV"),
        ("Traceback (most recent call last):", ""),
        ("It works.", ""),
    ],
)
def test_the_failure_that_an_issue_reports(text: str, line: str) -> None:
    assert reported.reported_failure(text) == line


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (LINE, LINE, True),
        (LINE[:40], LINE, True),
        (LINE[:40] + "…", LINE, True),
        ("AttributeError", LINE, False),
        ("", LINE, False),
        ("SIGSEGV", "SIGSEGV: Check failed", True),
        ("SIGSEGV", "SIGABRT", False),
        (LINE, "ValueError: x", False),
    ],
)
def test_a_failure_is_known_again(one: str, other: str, same: bool) -> None:
    assert reported.is_reported(one, other) is same


def test_a_traceback_is_no_script_whatever_its_label() -> None:
    text = "```python\nimport tensorflow\n```\n\n```python\n" + PLAIN + "\n```\n"
    assert [block.source for block in script_blocks(text)] == ["import tensorflow\n"]
