"""The action's own shell lines, really run, where a stranger's files are the working folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
STEPS: list[dict[str, Any]] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"][
    "steps"
]
INPUTS = {
    **dict.fromkeys(("SCRIPT", "MATRIX", "TF", "DEVICE", "ARGS", "EXPECT"), ""),
    "ENGINE": "docker",
    "OUTPUT": "tfmatrix-run",
    "FAIL": "true",
}
FAKE = "#!/bin/sh\nfor word; do printf '[%s]' \"$word\"; done\necho\n"


def run(folder: Path, **inputs: str) -> tuple[int, str, str]:
    """Of the step that runs the matrix: exit code, what was said, what became of the outputs."""
    (step,) = [step["run"] for step in STEPS if step.get("id") == "run"]
    binaries = folder / "bin"
    binaries.mkdir()
    (binaries / "tfmatrix").write_text(FAKE)
    (binaries / "tfmatrix").chmod(0o755)
    work, outputs = folder / "work", folder / "outputs"
    work.mkdir(exist_ok=True)
    environment = {
        **INPUTS,
        **inputs,
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "PYTHON": sys.executable,
        "SOURCE": str(ROOT),
        "GITHUB_OUTPUT": str(outputs),
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step]
    done = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    written = outputs.read_text() if outputs.exists() else ""
    return done.returncode, done.stdout + done.stderr, written


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"SCRIPT": "--engine=local"}, "is an option"),
        ({"SCRIPT": "-"}, "is an option"),
        ({"OUTPUT": "x\nexit-code=0"}, "has one line"),
    ],
)
def test_an_input_is_neither_an_option_nor_an_output(
    tmp_path: Path, inputs: dict[str, str], said: str
) -> None:
    code, heard, outputs = run(tmp_path, **inputs)
    assert code == 2
    assert said in heard
    assert "[run]" not in heard
    assert outputs == ""


@pytest.mark.parametrize(
    "text", ["$(touch owned)", "`touch owned`", "; touch owned", "x.py\ntouch owned"]
)
def test_no_input_is_a_command(tmp_path: Path, text: str) -> None:
    code, said, _ = run(tmp_path, SCRIPT=f"a{text}", TF=text, MATRIX=text, EXPECT=text)
    assert code == 0
    assert said.count(f"[{text}]") == 3
    assert not list((tmp_path / "work").iterdir())


def test_no_module_of_the_working_folder_is_imported(tmp_path: Path) -> None:
    """What a stranger's branch holds would otherwise run beside the sandbox, not in it."""
    work = tmp_path / "work"
    work.mkdir()
    for name in ("shlex", "os", "pip", "venv", "json"):
        (work / f"{name}.py").write_text("import sys; sys.exit('owned')")
    code, said, _ = run(tmp_path, SCRIPT="a.py", ARGS="--case b")
    assert code == 0
    assert "owned" not in said
    lines = [line for step in STEPS for line in str(step.get("run", "")).splitlines()]
    pythons = [line for line in lines if re.search(r'(PYTHON|/python)" ', line)]
    assert len(pythons) == 5
    assert all('" -I ' in line for line in pythons), pythons
