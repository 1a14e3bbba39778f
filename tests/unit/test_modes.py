"""How cells are started, and the reason that a record gives where it is in a fresh process."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.cells import modes
from runner.cells.forkable import forkable
from runner.cells.modes import Mode
from runner.model import Device, Execution, Repro

FORK = Mode(name="fork")


def repro(folder: Path, script: str) -> Repro:
    (folder / "my.py").write_text(script)
    return Repro(name="my", script=folder / "my.py")


def test_a_script_that_imports_tensorflow_first_is_forked(tmp_path: Path) -> None:
    plain = repro(tmp_path, "import tensorflow as tf\nprint(tf)\n")
    assert modes.choose_mode(plain, "auto") == FORK
    variable = "import os\nos.environ['A'] = '1'\nimport tensorflow as tf"
    first = repro(tmp_path, f"{variable}\nprint(tf)\n")
    for wanted in ("auto", "fork"):
        assert modes.choose_mode(first, wanted) == Mode(name="fork", prologue=variable)


def test_the_user_may_say_otherwise(tmp_path: Path) -> None:
    plain = repro(tmp_path, "import tensorflow as tf\n")
    assert modes.choose_mode(plain, "fresh") == Mode(name="fresh", reason="--mode fresh")
    first = repro(tmp_path, "import os\nos.environ['A'] = os.getcwd()\nimport tensorflow\n")
    assert modes.choose_mode(first, "fork") == FORK


def test_what_has_a_gpu_is_never_forked(tmp_path: Path) -> None:
    plain = repro(tmp_path, "import tensorflow as tf\n")
    for wanted in ("auto", "fork"):
        assert "GPU" in modes.choose_mode(plain, wanted, Device.CUDA).reason


@pytest.mark.parametrize(
    ("line", "deed"),
    [
        ("os.environ['TF_X'] = os.getcwd()", "sets os.environ"),
        ("os.environ['A'] += '1'", "sets os.environ"),
        ("sys.path = []", "sets sys.path"),
        ("np.random.seed(1)", "calls np.random.seed"),
        ("x = open('a')", "calls open"),
        ("if x:\n    pass", "does something"),
        (f"{'a' * 99}.b()", f"calls {'a' * 59}…"),
    ],
)
def test_the_reason_names_what_a_line_does(line: str, deed: str) -> None:
    source = f"import os, sys\n{line}\nimport tensorflow\n"
    assert forkable(source, {}) == f"line 2 {deed} before importing TensorFlow"


OF_TWO = Execution(exit_code=1, attempts=2)
SAID = Execution(exit_code=0, notes=("other", "not forked: it has threads"))


@pytest.mark.parametrize(
    ("execution", "mode", "why"),
    [
        (Execution(exit_code=0, mode="fork"), FORK, ""),
        (Execution(exit_code=0), Mode(name="fresh", reason="--mode fresh"), "--mode fresh"),
        (SAID, FORK, "it has threads"),
        (SAID, Mode(name="fresh", reason="line 3"), "line 3"),
        (Execution(exit_code=1, attempts=2), FORK, "a second look"),
        (Execution(exit_code=1, rows={"one": OF_TWO}), FORK, "a second look"),
        (Execution(trouble="lost"), Mode(name="fresh", reason="line 3"), ""),
    ],
    ids=["forked", "wanted", "the agent's", "planned", "second look", "of a suite", "not measured"],
)
def test_a_record_says_why_it_was_fresh(execution: Execution, mode: Mode, why: str) -> None:
    assert modes.why_fresh_instead(execution, mode) == why


@pytest.mark.parametrize(
    ("execution", "why"),
    [
        (
            Execution(exit_code=0, attempts=1),
            "no other measured cell needs the same import of TensorFlow",
        ),
        (Execution(exit_code=1, attempts=2), "a second look"),  # a warm agent had forked it
        (Execution(exit_code=0, mode="fork"), ""),
    ],
)
def test_the_only_cell_of_an_import_says_so(execution: Execution, why: str) -> None:
    assert modes.why_fresh_instead(execution, FORK, alone=True) == why


def test_repeated_runs_are_fresh_by_themselves() -> None:
    voted = Execution(exit_code=0, attempts=3)
    assert "--repeat" in modes.why_fresh_instead(voted, FORK, repeat=3)


def test_what_a_module_of_the_scripts_own_looks_at_counts(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("from deep.clocks import now\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "clocks.py").write_text("from time import process_time as now\n")
    (tmp_path / "other.py").write_text("import resource\nresource.getrlimit(0)\n")
    script = repro(tmp_path, "import tensorflow as tf\nimport helper\n")
    assert modes.why_fresh(script) == "clocks.py: it uses process_time"
    assert modes.why_fresh(repro(tmp_path, "import tensorflow as tf\n")) is None


def test_modules_that_import_each_other_are_looked_at_once(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("import two\n")
    (tmp_path / "two.py").write_text("from . import one\n")
    assert modes.why_fresh(repro(tmp_path, "import tensorflow\nimport one\n")) is None


def test_a_module_with_a_name_of_the_agents_beside_a_script(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("X = 1\n")
    script = repro(tmp_path, "import tensorflow as tf\nimport json\n")
    assert "json beside it" in modes.choose_mode(script, "auto").reason
