"""The agent as it is: one file, started by each Python of this machine, through plain pipes."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import agent
from runner.engines.pipe import PipeChannel

pytest.register_assert_rewrite("tests.engines.conformance")
from tests.engines import conformance  # noqa: E402

AGENT = Path(agent.__file__)
VERSIONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


def interpreter(version: str) -> str:
    """The path of that Python on this machine, or the test is skipped."""
    if version == ".".join(map(str, sys.version_info[:2])):
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    path = str(found[-1]) if found else shutil.which(f"python{version}")
    if path is None:
        pytest.skip(f"no Python {version} on this machine")
    return path


def bench_with(python: str, folder: Path, mode: str = "fresh") -> conformance.Bench:
    """With a `tensorflow` that is an empty package: here only the forking is looked at."""
    subjects = conformance.workspace(folder)
    (folder / "site" / "tensorflow").mkdir(parents=True)
    (folder / "site" / "tensorflow" / "__init__.py").write_text("import random, multiprocessing")
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    env["PYTHONDONTWRITEBYTECODE"] = "1"  # which scripts must not see
    env["PYTHONPATH"] = str(folder / "site")
    return conformance.Bench(
        connect=lambda: PipeChannel([python, str(AGENT)], root=str(subjects.folder), env=env),
        mode=mode,
    )


@pytest.fixture(scope="module", params=["fresh", "fork"])
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[conformance.Bench]:
    bench = bench_with(sys.executable, tmp_path_factory.mktemp("bench"), request.param)
    yield bench
    bench.close()


@pytest.mark.parametrize("case", conformance.CASES, ids=str)
def test_subject(bench: conformance.Bench, case: conformance.Case) -> None:
    conformance.check(bench, case)


@pytest.mark.parametrize("subject", conformance.BOUNDED)
def test_bounded(bench: conformance.Bench, subject: str) -> None:
    conformance.check_bounded(bench, subject)


QUICK = ("fails", "segfaults", "observes", "prints_binary", "detaches", "shows_itself")


@pytest.mark.parametrize("mode", ["fresh", "fork"])
@pytest.mark.parametrize("version", VERSIONS)
def test_on_each_python(version: str, mode: str, tmp_path: Path) -> None:
    bench = bench_with(interpreter(version), tmp_path, mode)
    try:
        for case in conformance.CASES:
            if case.subject in QUICK:
                conformance.check(bench, case)
    finally:
        bench.close()
