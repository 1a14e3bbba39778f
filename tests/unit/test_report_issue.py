"""The issue form: each field from the run, or said to be not known."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from runner import report
from runner.model import Cuda, Release, Run
from runner.report import Extras, gfm
from tests.unit import runs
from tests.unit.test_report_markdown import GOLDEN, RUNS

NIGHTLY = "2.22.0.dev20261120"
SCRIPT = "import tensorflow as tf\n\nprint(tf.Session())\n"


def form(run: Run, script: str = SCRIPT, **extras: Any) -> str:
    scripts = {repro.name: script for repro in run.repros}
    return report.render(run, "issue", runs.logs, Extras(scripts=scripts, **extras))


def field(text: str, name: str) -> str:
    found = re.search(rf"^### {re.escape(name)}\n\n(.*?)(?=\n\n### |\n*\Z)", text, re.M | re.S)
    assert found, text
    return found[1]


def told_of(run: Run, version: str) -> Run:
    """The same, where the cells know their GIT_VERSION."""
    return evolve(run, results=tuple(evolve(r, git_version=version) for r in run.results))


def test_golden(golden: Callable[[Path, str], None]) -> None:
    run = told_of(runs.drawn(f"2.15 2.16 {NIGHTLY}\nfit ✓ A A"), "v2.16.1-0-g5bc9d26649c")
    golden(GOLDEN / "issue.md", form(run))


TENSORFLOW = (
    *("Issue type", "Have you reproduced the bug with TensorFlow Nightly?", "Source"),
    *("TensorFlow version", "Custom code", "OS platform and distribution", "Mobile device"),
    *("Python version", "Bazel version", "GCC/compiler version", "CUDA/cuDNN version"),
    *("GPU model and memory", "Current behavior?", "Standalone code to reproduce the issue"),
    "Relevant log output",
)
"""The labels of `tensorflow_issue_template.yaml`, in its order, as issues of 2025 have them."""
MORE = ("Keras version", "Exact command to reproduce", "In which releases")


def test_the_headings_are_those_of_tensorflows_form_in_its_order() -> None:
    headings = re.findall(r"^### (.*)$", form(runs.drawn("2.15 2.16\nfit ✓ A")), re.MULTILINE)
    form_ends = headings.index("In which releases")
    assert [each for each in headings[:form_ends] if each not in MORE] == list(TENSORFLOW)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        ("2.15 2.16\nfit ✓ A", "No: no nightly was run"),
        (f"2.15 {NIGHTLY}\nfit ✓ A", f"Yes, on `{NIGHTLY}`"),
        (f"2.15 {NIGHTLY}\nfit A ✓", f"No: it passes on `{NIGHTLY}`"),
        (f"2.15 {NIGHTLY}\nfit A –", f"No: it could not be judged on `{NIGHTLY}`"),
    ],
)
def test_whether_a_nightly_has_it_too(picture: str, said: str) -> None:
    text = form(runs.drawn(picture))
    assert field(text, "Have you reproduced the bug with TensorFlow Nightly?") == said


def test_it_is_about_what_passed_before_on_the_newest_release_that_fails() -> None:
    text = form(runs.drawn("2.14 2.15 2.16 2.17\na A A A ✓\nb A A A ✓\nc ✓ ✓ B ✓\nd ✓ C ✓ ✓"))
    assert field(text, "TensorFlow version").startswith("2.16.0 ")
    assert field(text, "Exact command to reproduce") == "`python script.py c`"
    assert "Expected: as on 2.15.0, where it passes." in field(text, "Current behavior?")


def test_what_matrix_yaml_expects_is_expected() -> None:
    assert "Expected: `pass`." in field(form(runs.drawn("2.15\na A≠")), "Current behavior?")
    assert "Expected: not known." in field(form(runs.drawn("2.15\na A")), "Current behavior?")


def test_without_a_failure_it_is_no_bug() -> None:
    text = form(runs.drawn("2.14 2.15\na ✓ ✓"))
    assert field(text, "Issue type") == "not known: no case fails"
    assert field(text, "TensorFlow version").startswith("2.15.0 ")


def test_where_nothing_was_measured_nothing_is_known() -> None:
    text = form(runs.drawn("2.14 2.15\na – !"))
    assert field(text, "Issue type") == "not known: nothing could be measured"
    for name in ("TensorFlow version", "Python version", "GPU model and memory"):
        assert field(text, name) == "not known"
    assert "not known" in field(text, "Relevant log output")


def test_git_version_is_said_where_it_was_seen() -> None:
    run = runs.drawn("2.15\na A")
    assert "GIT_VERSION`: not known" in field(form(run), "TensorFlow version")
    seen = form(told_of(run, "v2.15.0-rc1-8-g6887368d6d4"))
    assert "`v2.15.0-rc1-8-g6887368d6d4`" in field(seen, "TensorFlow version")


def test_the_gpu_is_known_as_far_as_the_catalogue_goes() -> None:
    run = runs.drawn("2.15\na A", device="cuda")
    cuda = Cuda(cuda="12.2", cudnn="8.9", requirement="tensorflow[and-cuda]==2.15.0")
    release = Release(
        version="2.15.0",
        released=date(2023, 11, 14),
        pythons=("3.8",),
        cpu_requirement="tensorflow-cpu==2.15.0",
        cuda=cuda,
    )
    text = form(run, releases=(release,))
    assert field(text, "CUDA/cuDNN version") == "CUDA 12.2, cuDNN 8.9"
    assert field(text, "GPU model and memory") == "not known"
    assert field(form(run), "CUDA/cuDNN version") == "not known"


def test_a_script_cannot_end_its_fence() -> None:
    attack = '"""\n```\n</details> @octocat\n````\n"""\n'
    shown = field(form(runs.drawn("2.15\na A"), attack), "Standalone code to reproduce the issue")
    assert shown.startswith("`````python\n")
    assert shown.endswith("\n`````")


def test_a_script_that_is_too_long_is_said_to_be() -> None:
    text = form(runs.drawn("2.15\na A"), script="x = 1  # long\n" * 10_000)
    assert gfm.counted_length(text) <= gfm.LIMIT
    assert "too long for GitHub" in field(text, "Standalone code to reproduce the issue")
    assert "Left out to fit GitHub's limit" in text


@pytest.mark.parametrize("name", RUNS)
def test_it_fits_whatever_the_run(name: str) -> None:
    text = form(RUNS[name]())
    assert gfm.counted_length(text) <= gfm.LIMIT
    assert text.splitlines()[-1].startswith("<!-- tfmatrix report ") or "hidden block" in text


def test_the_table_of_environments_shows_what_was_seen() -> None:
    run = runs.drawn("2.15 2.16\na ✓ A")
    seen = evolve(run.results[0], git_version="v2.15.0-0-g6887368d6d4")
    text = form(evolve(run, results=(seen, run.results[1])))
    assert re.search(r"\| TensorFlow \| +GIT_VERSION ", text)
    assert re.search(r"^\| 2.15.0 +\| `v2.15.0-0-g6887368d6d4` +\| 2022", text, re.M)
    assert re.search(r"^\| 2.16.0 +\| `\?` ", text, re.M)
    assert "| GIT_VERSION" not in form(run)
