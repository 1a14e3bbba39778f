"""SECURITY.md: every promise names a test, and every test that it names exists."""

from __future__ import annotations

import ast
import fnmatch
import re
from functools import cache
from pathlib import Path

import pytest

import runner
from tests.torture.harms import HARMS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
HEADS = ("|---", "| promise ", "| a script cannot ", "| with another daemon ")
ROWS = [line for line in TEXT.splitlines() if line.startswith("|") and not line.startswith(HEADS)]
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", TEXT)


def named_in(row: str) -> list[str]:
    """The names in the last column."""
    return re.findall(r"`([^`]+)`", row.rstrip("| ").rpartition("|")[2])


def attacks(pattern: str) -> list[str]:
    return fnmatch.filter([harm.name for harm in HARMS], pattern)


@cache
def functions(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[2:60]))
def test_every_promise_has_its_test(row: str) -> None:
    assert named_in(row)
    for name in named_in(row):
        assert "::" in name or attacks(name), name


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    assert name in functions(file)


def test_every_attack_is_named() -> None:
    named = {attack for row in ROWS for name in named_in(row) for attack in attacks(name)}
    assert named == {harm.name for harm in HARMS}


def test_no_command_line_is_put_together_as_a_string() -> None:
    for path in Path(runner.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("os.system", "os.popen"), path
                assert not called.startswith("subprocess.get"), path
                assert all(word.arg != "shell" for word in node.keywords), path
