"""The same failure has one signature on every Python of this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from runner.cells.signature import exception_signature

PYTHONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
ABSTRACT = "import abc\nclass A(abc.ABC):\n @abc.abstractmethod\n def f(self): pass\n"
FAILURES = {
    "an abstract method": f"{ABSTRACT}A()",
    "two abstract methods": f"{ABSTRACT} @abc.abstractmethod\n def g(self): pass\nA()",
    "an attribute of slots": "class A: __slots__ = ()\nA().x = 1",
    "an attribute of an integer": "(3).x = 1",
    "a property": "class A:\n @property\n def x(self): return 1\nA().x = 2",
    "a property to delete": "class A:\n @property\n def x(self): return 1\ndel A().x",
    "a set in JSON": "import json\njson.dumps({1})",
    "text and a number": "'a' + 1",
    "a list as an integer": "int([])",
    "a list as a float": "float([])",
    "text in a format of integers": "'%d' % 'a'",
    "a number as text": "import re\nre.match('a', 3)",
    "text as an index": "'abc'['a']",
    "isinstance": "isinstance(1, 3)",
    "issubclass": "issubclass(int, 3)",
    "a lock that is copied": "import copy, threading\ncopy.deepcopy(threading.Lock())",
    "a generator that is pickled": "import pickle\npickle.dumps(x for x in [])",
    "a local function that is pickled": (
        "import pickle\ndef f():\n def g(): pass\n return g\npickle.dumps(f())"
    ),
    "no context manager": "with 3: pass",
    "a time-out of a socket": (
        "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen(1)\n"
        "s.settimeout(0.01)\ns.accept()"
    ),
    "a free variable": "def f():\n def g(): return x\n g()\n x = 1\nf()",
    "a local variable": "def f():\n print(x)\n x = 1\nf()",
    "a number unpacked": "a, b = 3",
    "no arguments": "class A: pass\nA(3)",
    "a number after two stars": "dict(**3)",
    "a float as a character": "chr(1.5)",
    "a modulus of zero": "1 % 0",
    "a float's modulus of zero": "1.0 % 0.0",
    "a float's division by zero": "1.0 // 0.0",
    "a part of a path": "import os\nos.path.join('a', None)",
    "a path": "import pathlib\npathlib.Path(None)",
    "an empty list": "max([])",
    "a field of a format": "'{} {}'.format(1)",
    "an attribute of a class": "int.x = 1",
    "a literal": "import ast\nast.literal_eval('f(1)')",
}
RUN = """
import json, sys, traceback
told = []
for text in json.load(sys.stdin):
    try:
        exec(compile(text, "script.py", "exec"), {"__name__": "__main__"})
    except Exception:
        told.append(traceback.format_exc())
print(json.dumps(told))
"""


def told_by(version: str) -> list[str]:
    """What this Python prints of each failure; nothing if it is not on this machine."""
    found = sorted((Path.home() / ".pyenv").glob(f"versions/{version}.*/bin/python"))
    path = str(found[-1]) if found else shutil.which(f"python{version}")
    if path is None:
        return []
    texts = json.dumps(list(FAILURES.values()))
    done = subprocess.run(
        [path, "-E", "-S", "-c", RUN], input=texts, capture_output=True, text=True, check=True
    )
    printed: list[str] = json.loads(done.stdout)
    assert len(printed) == len(FAILURES)
    return printed


@pytest.fixture(scope="module")
def printed() -> dict[str, list[str]]:
    return {version: told for version in PYTHONS if (told := told_by(version))}


@pytest.mark.parametrize("failure", FAILURES)
def test_every_python_words_it_alike(failure: str, printed: dict[str, list[str]]) -> None:
    number = list(FAILURES).index(failure)
    signatures = {version: exception_signature(texts[number]) for version, texts in printed.items()}
    assert len(set(signatures.values())) == 1, signatures


def test_they_are_different_failures(printed: dict[str, list[str]]) -> None:
    for texts in printed.values():
        signatures = [exception_signature(text) for text in texts]
        alike = {one for one in signatures if signatures.count(one) > 1}
        assert alike <= {"TypeError: object() takes no parameters"}, alike
