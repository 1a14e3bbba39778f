"""`tfmatrix run --along PACKAGE --tf none`: the command line, with real processes that have no
TensorFlow. The package index is one of this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import cli
from runner.environments import locks
from runner.model import NO_TENSORFLOW, Environment, Target, Verdict
from tests.engines.test_bisect import Desk, desk
from tests.unit import index_server
from tests.unit.index_server import IndexServer

__all__ = ["desk"]  # the fixture

SCRIPT = "import json, os\nprint('::observe backend=' + json.dumps(os.environ['KERAS_BACKEND']))\n"
ALONG = ("--along", "keras>=3", "--tf", "none", "--vary", "backend=jax")


def lock(target: Target, images: object = None) -> Environment:
    """An environment of each release of Keras."""
    packages = "".join(f"{each}\n" for each in target.requirements)
    key = hashlib.sha256(f"{target}".encode()).hexdigest()
    return Environment(target=target, requirements=packages, key=key)


@pytest.fixture
def index(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexServer]:
    with index_server.serving() as serving:
        for version in ("3.4.1", "3.5.0", "3.6.0"):
            serving.add("keras", version, pythons="py3", platform="any")
        files = serving.files["keras"]
        serving.files["keras"] = {
            n.replace("py3-py3-any", "py3-none-any"): f for n, f in files.items()
        }
        monkeypatch.setenv("UV_DEFAULT_INDEX", serving.url)
        monkeypatch.setattr(locks, "environment", lock)
        desk.script(SCRIPT)
        yield serving


def run(desk: Desk, *arguments: str) -> int:
    """Without the --allow-no-tensorflow that the other tests give."""
    code = cli.execute(["run", "my.py", *arguments])
    desk.said, desk.noted = desk._capsys.readouterr()
    return code


def test_the_releases_of_keras_are_columns_and_no_word_speaks_of_a_tensorflow_release(
    desk: Desk, index: IndexServer
) -> None:
    assert run(desk, *ALONG) == 0
    said = desk.said.split("\n")[0]
    assert said.startswith("default@backend=jax passes on every release from keras 3.4.1 to 3.6.0")
    assert said.endswith("; all without TensorFlow.")
    whole = desk.run
    assert {each.tensorflow for each in whole.results} == {NO_TENSORFLOW}
    assert {each.outcome.verdict for each in whole.results} == {Verdict.PASS}
    assert all(each.mode == "fresh" for each in whole.results)
    assert [each.id[:25] for each in whole.environments] == ["no-tensorflow-py3.10-cpu-"] * 3
    assert {each.released for each in whole.environments} == {""}
    for name in ("matrix.md", "junit.xml", "matrix.svg"):
        text = (desk.folder_of_run / name).read_text("utf-8")
        assert "keras 3.4.1" in text
        assert "TensorFlow 0" not in text
        assert "on 0" not in text


def test_a_script_that_passes_without_it_needs_no_option(desk: Desk, index: IndexServer) -> None:
    """On a release of TensorFlow the same script is no evidence."""
    assert run(desk, *ALONG, "--expect", "pass") == 0
    assert run(desk, "--along", "keras>=3", "--tf", "2.18.1", "--vary", "backend=jax") == 3
    assert "it never imported TensorFlow" in desk.said


def test_a_script_that_needs_tensorflow_is_an_error(desk: Desk, index: IndexServer) -> None:
    desk.script("import tensorflow as tf\nprint(tf.version)\n")
    assert run(desk, *ALONG) == 3
    reasons = {each.outcome.reason for each in desk.run.results}
    (reason,) = reasons
    assert reason.startswith("needs TensorFlow, which --tf none leaves out")
    desk.script("raise ValueError(\"No module named 'tensorflow'\")\n")
    assert run(desk, *ALONG) == 0
    assert {each.outcome.verdict for each in desk.run.results} == {Verdict.FAIL}


def test_its_reports_pins_and_differences_are_those_of_any_run(
    desk: Desk, index: IndexServer, tmp_path: Path
) -> None:
    assert run(desk, *ALONG) == 0
    assert run(desk, *ALONG, "--remeasure") == 0
    capsys = desk._capsys
    assert cli.execute(["pin", "--constraints", "pins.txt"]) == 0
    assert capsys.readouterr().out.startswith("keras>=3.4.1,<=3.6.0")
    pins = Path("pins.txt").read_text("utf-8")
    assert "passed: no TensorFlow on cpu" in pins
    assert "tensorflow" not in pins
    runs = sorted(each.name for each in (tmp_path / "results").iterdir() if not each.is_symlink())
    assert cli.execute(["diff", *runs]) == 0
    assert cli.execute(["history"]) == 0
    for form in ("html", "issue", "junit", "md", "svg"):
        assert cli.execute(["report", "--format", form]) == 0
    said = capsys.readouterr().out
    assert "TensorFlow 0" not in said
    assert "as on keras 3.5.0, where it passes" in said
    assert cli.execute(["report", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["cells"][0]["tensorflow"] == "0"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--tf", "none"], "--tf none leaves TensorFlow out, whose releases are the columns"),
        ([*ALONG[:5], "backend=tensorflow,jax"], "so the backend is another"),
        ([*ALONG[:4], "--vary", "backend=,jax"], "so the backend is another"),
        ([*ALONG, "--device", "cuda"], "--tf none has no CUDA environments"),
        ([*ALONG[:2], "--tf", "none,2.9"], "'none' is not a version"),
        ([*ALONG, "--nightly"], "--nightly adds a release of TensorFlow"),
    ],
)
def test_a_wrong_use_is_told(
    desk: Desk, index: IndexServer, arguments: list[str], part: str
) -> None:
    assert run(desk, *arguments) == 2
    assert part in desk.noted
    assert "Traceback" not in desk.noted


def test_a_script_that_asks_for_a_tensorflow_is_not_for_it(desk: Desk, index: IndexServer) -> None:
    desk.script('# /// script\n# dependencies = ["tensorflow>=2.4"]\n# ///\n' + SCRIPT)
    assert run(desk, *ALONG) == 2
    assert "no release of --tf none is left: my.py asks for tensorflow>=2.4" in desk.noted


def test_without_the_days_of_the_releases_a_day_must_be_named(
    desk: Desk, index: IndexServer
) -> None:
    for facts in index.files["keras"].values():
        del facts["upload-time"]
    assert run(desk, *ALONG) == 2
    assert "it is not known when each release of keras came out" in desk.noted
    assert run(desk, *ALONG, "--as-of", "2026-01-31") == 0


def test_a_search_is_about_releases_of_tensorflow(desk: Desk, index: IndexServer) -> None:
    arguments = ("--axis", "keras", "--good", "3.4.1", "--bad", "3.6.0", "--tf", "none")
    assert desk.give("bisect", *arguments) == 2
    assert "--tf none is for `tfmatrix run --along PACKAGE`: name a release" in desk.noted


def test_torch_is_a_backend_in_the_build_that_is_named(desk: Desk, index: IndexServer) -> None:
    assert run(desk, *ALONG[:4], "--vary", "backend=jax,torch==2.5.1+cpu") == 0
    seen = {each.variant.partition(",")[0]: each.observations for each in desk.run.results}
    assert seen == {
        "backend=jax": {"backend": "jax"},
        "backend=torch==2.5.1+cpu": {"backend": "torch"},
    }
    assert any("torch==2.5.1+cpu" in each.packages for each in desk.run.environments)
