"""Variants from end to end: command line, pipeline, journal, real processes.

A package's releases come from an index on this machine; what packages do is told to the processes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import cli, engines, paths
from runner.engines.base import Channel, Workspace
from runner.engines.local.pipe import PipeChannel
from runner.environments import locks
from runner.errors import LockError
from runner.model import Environment, Limits, Result, Run, Target
from runner.runs import journal
from tests.engines.plain import AGENT, PlainEngine
from tests.unit import index_server
from tests.unit.index_server import IndexServer

SCRIPT = """
import os
print("::observe seen=%r" % os.environ.get("OPTION", "").count("on"))
print("::observe python=%s" % os.environ["PYTHON"].split(".")[1])
numpy = os.environ["NUMPY"]
if numpy.startswith("1.24") or os.environ.get("OPTION") == "broken":
    raise AttributeError("module 'numpy' has no attribute 'bool'")
"""
UNRESOLVABLE = "1.23.5"


class Telling(PlainEngine):
    """Tells its processes which numpy and Python they are to take for installed."""

    def start_agent(
        self, environment: Environment, workspace: Workspace, limits: Limits
    ) -> Channel:
        asked = [each for each in environment.target.requirements if each.startswith("numpy==")]
        variables = {
            "PATH": os.environ["PATH"],
            "NUMPY": asked[0].partition("==")[2] if asked else "1.22.4",
            "PYTHON": environment.target.python,
        }
        return PipeChannel([sys.executable, str(AGENT)], root=str(workspace.folder), env=variables)


def lock(target: Target, images: object = None) -> Environment:
    asked = "".join(f"{each}\n" for each in target.requirements)
    if UNRESOLVABLE in asked:
        raise LockError(f"no packages satisfy numpy=={UNRESOLVABLE}")
    return Environment(target=target, requirements=asked, key=f"{abs(hash(target.label)):016x}")


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with index_server.serving() as server:
        for version in ("1.22.3", "1.22.4", "1.23.0", "1.23.4", "1.23.5", "1.24.0", "1.24.1"):
            server.add("numpy", version)
        server.add("numpy", "1.24.0rc1")
        server.add("numpy", "1.23.1", pythons="cp311")
        server.add("numpy", "1.23.2", yanked="it was broken")
        yield server


@pytest.fixture(autouse=True)
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: IndexServer) -> Telling:
    engine = Telling()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    monkeypatch.setattr(engines, "choose", lambda name, say, *_: engine)
    monkeypatch.setattr(locks, "environment", lock)
    (tmp_path / "my.py").write_text(SCRIPT, "utf-8")
    return engine


def the_run() -> Run:
    """The newest: what `bisect` leaves is not `latest`."""
    folders = [head.parent for head in paths.results().glob(f"*/{journal.HEAD}")]
    newest = max(folders, key=lambda folder: (folder / journal.HEAD).stat().st_mtime_ns)
    return journal.read_run(newest)


def by_case() -> dict[str, Result]:
    return {result.case: result for result in the_run().results}


# Runs -------------------------------------------------------------------------------------


def test_variables_reach_the_process_and_need_no_second_environment(engine: Telling) -> None:
    assert (
        cli.execute(
            [
                "run",
                "my.py",
                "--allow-no-tensorflow",
                "--tf",
                "2.9.0",
                "--vary",
                "OPTION=,on,broken",
            ]
        )
        == 0
    )
    found = by_case()
    assert {case: result.outcome.verdict.value for case, result in found.items()} == {
        "default": "pass",
        "default@OPTION=on": "pass",
        "default@OPTION=broken": "fail",
    }
    assert [result.observations["seen"] for result in found.values()] == [0, 1, 0]
    assert {result.environment for result in found.values()} == {"2.9.0-py3.10-cpu"}
    assert len(engine.made) == 1
    assert len({result.key for result in found.values()}) == 3
    assert len({result.log for result in found.values()}) == 3


def test_what_is_known_of_a_variant_is_not_said_of_another() -> None:
    assert (
        cli.execute(
            ["run", "my.py", "--allow-no-tensorflow", "--tf", "2.9.0", "--vary", "OPTION=on"]
        )
        == 0
    )
    assert (
        cli.execute(
            ["run", "my.py", "--allow-no-tensorflow", "--tf", "2.9.0", "--vary", "OPTION=,on"]
        )
        == 0
    )
    cached = {case: result.cached for case, result in by_case().items()}
    assert cached == {"default": False, "default@OPTION=on": True}
    assert (
        cli.execute(
            ["run", "my.py", "--allow-no-tensorflow", "--tf", "2.9.0", "--env", "OPTION=on"]
        )
        == 0
    )
    assert by_case()["default"].observations["seen"] == 1


def test_packages_and_pythons_are_environments_of_their_own() -> None:
    command = [
        "run",
        "my.py",
        "--allow-no-tensorflow",
        "--tf",
        "2.9.0",
        "--vary",
        "numpy=,1.24.0",
        "--vary",
        "python=,3.9",
    ]
    assert cli.execute(command) == 0
    found = by_case()
    assert {case: result.outcome.verdict.value for case, result in found.items()} == {
        "default": "pass",
        "default@python=3.9": "pass",
        "default@numpy=1.24.0": "fail",
        "default@numpy=1.24.0,python=3.9": "fail",
    }
    assert all(
        result.observations["python"] == (9 if "python" in result.variant else 10)
        for result in found.values()
    )
    names = {case: result.environment for case, result in found.items()}
    assert names["default"] == "2.9.0-py3.10-cpu"
    assert names["default@python=3.9"] == "2.9.0-py3.9-cpu"
    assert names["default@numpy=1.24.0"].startswith("2.9.0-py3.10-cpu-numpy-1.24.0-")
    matrix = json.loads((paths.results() / "latest" / "matrix.json").read_text("utf-8"))
    assert {cell["case"].partition("@")[2] for cell in matrix["cells"]} == {
        cell["variant"] for cell in matrix["cells"]
    }
    assert {info["id"] for info in matrix["environments"]} == set(names.values())


# Bisections -------------------------------------------------------------------------------


def bisect(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.execute(["bisect", "my.py", "--allow-no-tensorflow", *arguments])
    said, noted = capsys.readouterr()
    return code, said, noted


def test_the_numpy_that_broke_it_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    ends = ("--good", "1.22.3", "--bad", "1.24.1")
    code, said, _ = bisect(capsys, "--axis", "numpy", "--tf", "2.9.0", *ends)
    assert said.startswith(
        "The first bad release is numpy 1.24.0 or one before it that could not be judged, "
        'numpy 1.23.5: numpy 1.23.4 passes, numpy 1.24.0 fails with "AttributeError: module'
    )
    assert code == 3  # the one that could not be resolved may be it
    assert "of 7 releases looked at" in said  # not rc1, the yanked one, that of another Python
    again = "tfmatrix run my.py --allow-no-tensorflow --tf 2.9.0 --vary numpy=1.23.4,1.23.5,1.24.0"
    assert f"{again}\n" in said
    assert {result.tensorflow for result in the_run().results} == {"2.9.0"}
    assert "default@numpy=1.24.0" in by_case()


def test_other_programs_are_told_the_axis(capsys: pytest.CaptureFixture[str]) -> None:
    ends = ("--good", "1.24.1", "--bad", "1.24.0", "--on", "timeout", "--format", "json")
    code, said, _ = bisect(capsys, "--axis", "numpy", "--tf", "2.9.0", *ends)
    assert code == 1
    assert json.loads(said)["found"] is None
    assert "numpy 1.24.0 fails" in json.loads(said)["sentence"]
    ends = ("--good", "1.22.3", "--bad", "1.24.0", "--patches", "latest", "--format", "json")
    _, said, _ = bisect(capsys, "--axis", "numpy", "--tf", "2.9.0", *ends)
    found = json.loads(said)["found"]
    assert (found["axis"], found["before"], found["first"]) == ("numpy", "1.22.4", "1.24.0")
    assert found["unknown"] == ["1.23.5"]


def test_an_axis_of_the_matrix_is_walked_in_its_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "matrix.yaml").write_text(
        "axes:\n  option:\n    unset: {}\n    on: {env: {OPTION: 'on'}}\n"
        "    more: {env: {OPTION: broken}}\n    most: {env: {OPTION: broken}}\n"
        "repros: [{name: mine, script: my.py, axes: [option]}]\n".replace("    on:", '    "on":'),
        "utf-8",
    )
    ends = ("--good", "unset", "--bad", "most")
    code, said, _ = bisect(capsys, "--axis", "option", "--tf", "2.9.0", *ends)
    assert code == 0
    assert said.startswith("The first bad release is option more: option on passes, option more f")
    assert "tfmatrix run my.py --allow-no-tensorflow --tf 2.9.0 --vary option\n" in said
    ends = ("--good", "on", "--bad", "more")
    code, said, _ = bisect(capsys, "--axis", "option", "--tf", "2.9.0", *ends)
    assert "2 of 2 releases looked at" in said
    ends = ("--good", "unset", "--bad", "all")
    code, _, noted = bisect(capsys, "--axis", "option", "--tf", "2.9.0", *ends)
    assert (code, "option has no all here; there are: unset, on, more, most" in noted) == (2, True)


def test_an_axis_of_the_matrix_hides_no_package(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "matrix.yaml").write_text(
        "axes: {numpy: {locked: {}, old: {requirements: [numpy==1.22.3]}}}\n"
        "repros: [{name: mine, script: my.py}]\n",
        "utf-8",
    )
    ends = ("--good", "1.23.4", "--bad", "1.24.0")
    _, said, _ = bisect(capsys, "--axis", "numpy", "--tf", "2.9.0", *ends)
    assert "numpy 1.23.4 passes, numpy 1.24.0 fails" in said


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (
            ["--axis", "numpy", "--good", "1.22.4", "--bad", "1.24.0"],
            "--axis NAME needs --tf",
        ),
        (
            ["--tf", "2.9.0", "--good", "2.8", "--bad", "2.9"],
            "--good and --bad name the ends of the search, not --tf, which is only for --axis",
        ),
        (
            ["--axis", "numpy", "--tf", "2.9.0", "--good", "x", "--bad", "1.24.0"],
            "is not a version",
        ),
        (
            ["--axis", "numpy", "--tf", "2.9.0", "--good", "1.23.1", "--bad", "1.24.0"],
            "no wheel of numpy 1.23.1 that fits; the nearest: 1.23.0, 1.23.2",
        ),
        (["--axis", "nunpy", "--tf", "2.9.0", "--good", "1", "--bad", "2"], "no wheel of nunpy"),
        (["--axis", "numpy", "--tf", "2.9.0", "--good", "1.24.0", "--bad", "1.24.0"], "both"),
        (["--axis", "python", "--tf", "2.9.0", "--good", "3.5", "--bad", "3.9"], "there are: 3.7"),
        (["--axis", "OMP", "--tf", "2.9.0", "--good", "1", "--bad", "2"], "the values between two"),
    ],
)
def test_wrong_use_is_one_line(
    capsys: pytest.CaptureFixture[str], engine: Telling, arguments: list[str], part: str
) -> None:
    code, said, noted = bisect(capsys, *arguments)
    assert (code, said, engine.made) == (2, "", [])
    assert part in noted
