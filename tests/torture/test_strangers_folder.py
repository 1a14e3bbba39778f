"""A folder that a stranger made, with a script of one's own or of the stranger's in it: files that
never end or that nobody writes to, links that lead out, names that act where they are printed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest
from attrs import frozen

from tests.torture.checks import ACTED_UPON
from tests.torture.test_strangers_run import endless, huge, unheard

ROOT = Path(__file__).parents[2]
SCRIPT = "import tensorflow, module, package\n"
TEST = "def test_one():\n    pass\n"
SECONDS = 30
MEMORY_KIB = 1_500_000
"""Of address space: a file that never ends needs more."""


@frozen(kw_only=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "package").mkdir(parents=True)
    (home / "package" / "__init__.py").write_text("", "utf-8")
    (home / "tests").mkdir()
    (home / "tests" / "test_one.py").write_text(TEST, "utf-8")
    (home / "module.py").write_text("", "utf-8")
    (home / "mine.py").write_text(SCRIPT, "utf-8")
    return home


def call(home: Path, *words: str) -> Said:
    """The real command line, with little time and memory."""
    limited = f'ulimit -v {MEMORY_KIB}; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", limited, "sh", sys.executable, "-m", "runner", *words],
        cwd=home,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home.parent),
            "PYTHONPATH": str(ROOT),
            "TFMATRIX_CACHE": str(home.parent / "cache"),
        },
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return Said(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())


def check(said: Said, codes: tuple[int, ...] = (0, 2)) -> None:
    assert said.code in codes, said
    assert "Traceback" not in said.err, said
    assert "a bug of tfmatrix" not in said.err, said
    assert len(said.err.splitlines()) <= 4, said
    for text in (said.out, said.err):
        assert not set(text) & (ACTED_UPON | {"\u0085", "\u2028", "\u2029"}), text
        assert not [line for line in text.splitlines() if line.lstrip().startswith("::")], text
        assert "##[" not in text, text


ONE = ("--tf", "2.9.3")
READERS: dict[str, list[tuple[str, ...]]] = {
    "pyproject.toml": [
        ("plan", "mine.py", *ONE),
        ("plan", "mine.py", "--project", ".", *ONE),
        ("plan", "tests", *ONE),
    ],
    "tests/pyproject.toml": [("plan", "tests", *ONE)],
    "pytest.ini": [("plan", "tests", *ONE)],
    "tests/conftest.py": [("plan", "tests", *ONE)],
    "tests/test_two.py": [("plan", "tests", *ONE), ("plan", "tests/test_two.py", *ONE)],
    "requirements.txt": [
        ("plan", "mine.py", "-r", "requirements.txt", *ONE),
        ("plan", "mine.py", "-r", "more.txt", *ONE),
    ],
    "module.py": [("plan", "mine.py", *ONE), ("fetch", "mine.py", "--list")],
    "package/__init__.py": [("plan", "mine.py", *ONE), ("fetch", "mine.py", "--list")],
    "mine.py": [("plan", "mine.py", *ONE), ("fetch", "mine.py"), ("init", "mine.py")],
    "mine.ipynb": [("plan", "mine.ipynb", *ONE)],
    "issue.md": [("run", "--from-issue", "issue.md", *ONE)],
    "matrix.yaml": [("plan",), ("render",)],
    "package/__main__.py": [("plan", "package", *ONE)],
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(unheard, id="unheard"),
        pytest.param(endless, id="endless", marks=pytest.mark.torture),
        pytest.param(huge, id="huge", marks=pytest.mark.torture),
    ],
)
@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_none_holds_no_command_up(
    home: Path, name: str, make: Callable[[Path], None]
) -> None:
    (home / "more.txt").write_text("-r requirements.txt\n", "utf-8")
    (home / name).unlink(missing_ok=True)
    make(home / name)
    for words in READERS[name]:
        check(call(home, *words))


# --- Names that act --------------------------------------------------------------------------

ACTIVE = {
    "terminal": "\x1b]0;owned\x07\x1b[2J\x9b31m",
    "workflow": "\n::error::owned\n##[error]owned\n",
    "direction": "a\u202eb\u2066c\u0085d\u2028e",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("harm", ACTIVE)
def test_a_name_in_the_folder_is_no_more_than_a_name(home: Path, harm: str) -> None:
    text = ACTIVE[harm]
    (home / "tests" / f"test_{text}.py").write_text(TEST, "utf-8")
    (home / f"{text}.py").write_text(SCRIPT, "utf-8")
    (home / "data.py").write_text(
        f"import keras\nkeras.utils.get_file({text!r}, 'https://e.org/' + {text!r})\n",
        "utf-8",
    )
    (home / "packages.txt").write_text(f"numpy{text}\n", "utf-8")
    for words in (
        *(("plan", "tests", "--format", form, *ONE) for form in ("table", "json", "github")),
        *(("plan", f"{text}.py", "--format", form, *ONE) for form in ("table", "json")),
        ("plan", "mine.py", "-r", "packages.txt", *ONE),
        ("plan", "mine.py", "--with", f"numpy{text}", *ONE),
        ("render", f"{text}.py", "--output", f"out{text}", *ONE),
        ("init", f"{text}.py", "--matrix", f"{text}.yaml"),
        ("fetch", "data.py", "--list"),
        ("report", text),
        (text,),
    ):
        check(call(home, *words), (0, 2, 3))


# --- Settings --------------------------------------------------------------------------------


@pytest.mark.timeout(60)
def test_settings_that_another_user_put_above_the_folder_are_not_used(home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of another user")
    above = home.parent / "pyproject.toml"
    above.write_text('[tool.tfmatrix]\ncache = "elsewhere"\nengine = "none"\n', "utf-8")
    assert call(home, "plan", "mine.py", *ONE).code == 2, "it is read where it is one's own"
    os.chown(above, 65534, -1)
    said = call(home, "plan", "mine.py", *ONE)
    check(said, (0,))
    assert "belongs to another user, so its [tool.tfmatrix] is not used" in said.err


# --- Data ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/secret",
        "https://127.0.0.1:{port}/secret",
        "https://localhost:{port}/secret",
        "https://[::1]:{port}/secret",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/secret",
        "file:///etc/passwd",
    ],
)
def test_a_script_cannot_have_a_server_of_this_machine_read(home: Path, address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        url = address.format(port=server.getsockname()[1])
        (home / "mine.py").write_text(
            f"import keras\nkeras.utils.get_file('x', {url!r})\n", "utf-8"
        )
        said = call(home, "fetch", "mine.py")
        check(said, (3,))
        assert "is not fetched" in said.err
        with pytest.raises(OSError, match="timed out"):
            server.accept()
