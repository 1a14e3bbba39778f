"""The table of what each Python's library has, held against the Pythons of this machine."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from runner.cells.lacks.data import table
from tests.pythons import interpreter

PYTHONS = ("2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
LOOKS = """
from __future__ import print_function
import sys, json, warnings
warnings.simplefilter("ignore")
def has_module(name):
    try:
        __import__(name, fromlist=["x"])
        return True
    except ImportError:
        return False
def has_name(module, name):
    if not has_module(module):
        return None
    return hasattr(__import__(module, fromlist=["x"]), name) or has_module(module + "." + name)
asked = json.load(sys.stdin)
builtins = __import__("builtins" if sys.version_info > (3,) else "__builtin__")
print(json.dumps({
    "modules": [has_module(name) for name in asked["modules"]],
    "names": [has_name(*pair) for pair in asked["names"]],
    "builtins": [hasattr(builtins, name) for name in asked["builtins"]],
}))
"""


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def holds(rule: str, version: str) -> bool:
    """Whether this Python has it, by the table."""
    if rule == "<3":
        return version == "2.7"
    if rule.startswith("<"):
        return version != "2.7" and number(version) < number(rule[1:])
    return re.match(r"\d", rule) is not None and number(version) >= number(rule)


@pytest.mark.parametrize("version", PYTHONS)
def test_a_python_has_what_the_table_says(version: str) -> None:
    library = table("library")
    names = {
        (module, name): rule
        for module, rules in library["names"].items()
        for name, rule in rules.items()
    }
    modules, builtins = library["modules"], library["builtins"]
    asked = {"modules": list(modules), "names": list(names), "builtins": list(builtins)}
    done = subprocess.run(
        [interpreter(version), "-E", "-c", LOOKS],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    wrong = [
        (what, rule)
        for kind, rules in (("modules", modules), ("names", names), ("builtins", builtins))
        for (what, rule), has in zip(rules.items(), found[kind])
        if has is not None and has != holds(rule, version) and (version != "2.7" or rule == "<3")
        # Of what was removed, some needs a library of the system that a Python was built without.
        if has or kind != "modules" or not rule.startswith("<")
    ]
    assert wrong == []
