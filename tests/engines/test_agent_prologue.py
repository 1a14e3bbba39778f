"""A script's prologue runs once, in the process that is then forked: the rest of the script must
not notice. Without TensorFlow: a small package takes its place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.cells import prologues
from runner.cells.forkable import HARMLESS
from runner.model import Execution

pytest.register_assert_rewrite("tests.engines.conformance")
from tests.engines import conformance  # noqa: E402
from tests.engines.test_agent_alone import bench_with  # noqa: E402
from tests.pythons import interpreter  # noqa: E402

TENSORFLOW = """
import os, random, sys, warnings
seen = os.environ.get("A")
warnings.filterwarnings("always", message="of the package")
warnings.warn("of the package", stacklevel=2)
print("imported", file=sys.stderr)
"""
SCRIPTS = {
    "variables": """
import os
os.environ["A"] = "1"
import tensorflow as tf
os.environ["A"] = "2"
print(tf.seen, os.environ["A"], os.popen("echo $A").read())
""",
    "the order": """
import tensorflow as tf, os
os.environ["A"] = "1"
print(tf.seen)
""",
    "filters": """
import warnings
warnings.filterwarnings("ignore")
import tensorflow as tf
print([(one[0], str(one[1])) for one in warnings.filters])
warnings.warn("mine")
""",
    "a warning about the script's line": """
import os

import tensorflow as tf
""",
    "names": '''"""About it."""
from __future__ import division, print_function
import os as first
SIZE = 3
def doubled(size):
    return size * 2
from tensorflow import seen as last; print(doubled(SIZE), __doc__)
print(sorted(globals()), doubled.__globals__ is globals(), doubled.__code__.co_firstlineno)
SIZE = 4
print(SIZE, doubled(SIZE), division, 1 / 2)
''',
    "no docstring": '''import tensorflow
"""Not about it."""
print(__doc__)
''',
    "future": """from __future__ import unicode_literals, annotations
import tensorflow
def shown(a: no_such_name) -> None:
    print(shown.__annotations__)
shown(1)
""",
    "an error": """
import tensorflow

def fails():
    raise ValueError("mine")

fails()
""",
    "seeds": """
import random
random.seed(3)
import tensorflow
print(random.random())
""",
    "a module by two names": """
import os, tensorflow as tf
import tensorflow
print(tf is tensorflow, __import__("sys").modules["__main__"].tf is tf)
""",
}
NEW = {"future": (3, 7)}
"""The Python that a script needs."""


@pytest.fixture
def forking(tmp_path: Path) -> Iterator[conformance.Bench]:
    bench = bench_with(interpreter("3.10"), tmp_path, "fork")
    put_package(tmp_path, TENSORFLOW)
    yield bench
    bench.close()


def put_package(folder: Path, text: str) -> None:
    (folder / "site" / "tensorflow" / "__init__.py").write_text(text, "utf-8")


def run(bench: conformance.Bench, text: str, first: str) -> Execution:
    (Path(bench.root) / "given.py").write_text(text, "utf-8")
    return bench.run(conformance.Case(subject="given", prologue=first))


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8", "3.10", "3.13"])
def test_the_rest_of_a_script_does_not_notice(version: str, tmp_path: Path) -> None:
    found: dict[str, dict[str, object]] = {"fresh": {}, "fork": {}}
    for mode, shown in found.items():
        bench = bench_with(interpreter(version), tmp_path / mode, mode)
        put_package(tmp_path / mode, TENSORFLOW)
        try:
            for name, text in SCRIPTS.items():
                if NEW.get(name, (3,)) <= tuple(map(int, version.split("."))):
                    facts = run(bench, text, through_import(text))
                    assert (facts.mode, facts.trouble) == (mode, None), (name, facts)
                    shown[name] = (facts.exit_code, *comparable(facts))
        finally:
            bench.close()
    assert found["fork"] == found["fresh"]


def through_import(text: str) -> str:
    """The prologue, even of a script whose first lines change nothing."""
    tree = ast.parse(text)
    end = prologues.last_statement(tree, HARMLESS, ())
    assert isinstance(end, ast.stmt), end
    return prologues.text_until(text, end)


def comparable(facts: Execution) -> tuple[list[str], list[str]]:
    """What was printed, without the agent's folder. What two pipes hold comes in any order, so of
    both together only the characters are compared."""
    output, errors = (re.sub(r"\S*/repro/", "…", text) for text in (facts.output, facts.errors))
    return sorted(output), errors.splitlines()


def test_the_import_is_kept_while_the_prologue_stays(forking: conformance.Bench) -> None:
    first = "import os\nos.environ['A'] = '1'\nimport tensorflow as tf"
    starter = "\nprint(tf.seen, os.getppid())"
    told = [run(forking, first + starter + "\n" * n, first).output.split() for n in range(2)]
    assert told[0] == told[1]
    other = first.replace("'1'", "'2'")
    seen = run(forking, other + starter, other).output.split()
    assert seen[-2] == "2"
    assert seen[-1] != told[0][-1]


def test_the_import_is_kept_for_the_same_script_elsewhere(forking: conformance.Bench) -> None:
    first = "import os\nos.environ['A'] = '1'\nimport tensorflow as tf"
    text = first + "\nprint('::observe starter=%d' % os.getppid())\nprint('I am', __file__)"
    here = run(forking, text, first)
    (Path(forking.root) / "elsewhere").mkdir()
    seen = []
    for name in ("given", "other"):
        (Path(forking.root) / "elsewhere" / f"{name}.py").write_text(text, "utf-8")
        seen.append(forking.run(conformance.Case(subject=f"elsewhere/{name}", prologue=first)))
        assert f"/repro/{name}.py\n" in seen[-1].output
    assert seen[0].observations == here.observations
    assert seen[1].observations != here.observations, "the prologue's code knows its file"


def test_a_script_that_was_changed_since_gets_a_fresh_process(forking: conformance.Bench) -> None:
    text = "import os\nos.environ['A'] = '2'\nimport tensorflow as tf\nprint(tf.seen)"
    facts = run(forking, text, "import os\nos.environ['A'] = '1'\nimport tensorflow as tf")
    assert (facts.mode, facts.exit_code) == ("fresh", 0)
    assert "2" in facts.output.split()
    assert facts.notes == ("not forked: the script has changed since it was examined",)


WAITS = "import {0}\n{0}.{1}(__import__('time').sleep, (600,)){2}"
REFUSED = {
    "a thread of C": (
        WAITS.format("_thread", "start_new_thread", ""),
        "importing TensorFlow started a thread that a fork does not end",
    ),
    "a Python thread": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(5,)).start()",
        "importing TensorFlow started a Python thread",
    ),
    "another backend": (
        "import sys\nsys.modules.pop('tensorflow', None)",
        "its first lines do not import TensorFlow",
    ),
    "no such module": (
        "import not_there",
        "importing TensorFlow failed: ModuleNotFoundError(\"No module named 'not_there'\")",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_forked(what: str, forking: conformance.Bench, tmp_path: Path) -> None:
    package, note = REFUSED[what]
    keras = tmp_path / "site" / "keras.py"
    keras.write_text(package if what == "another backend" else f"import tensorflow\n{package}")
    facts = run(forking, "import keras\n", "import keras")
    assert facts.mode == "fresh"
    assert f"not forked: {note}" in facts.notes


def test_each_child_draws_its_own_numbers(forking: conformance.Bench) -> None:
    text = "import random\nimport tensorflow\nprint(random.random())\n"
    told = [run(forking, text, "import random\nimport tensorflow") for _ in range(2)]
    assert [one.mode for one in told] == ["fork", "fork"]
    assert told[0].output != told[1].output
