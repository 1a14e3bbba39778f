"""A forked cell says what a fresh process says: every subject, the scripts of `parity_scripts` and
every shipped case, on an old, a middle and the newest release, in the local engine. `make parity`;
`test_tensorflow.py` has a sample of it for every day."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner import paths
from runner.cells.classify import classify
from runner.cells.forkable import forkable, prologue
from runner.engines.base import Channel, Workspace
from runner.engines.local.engine import LocalEngine
from runner.environments import locks
from runner.matrix import config, plan
from runner.model import Environment, Limits, Run
from runner.pipeline.warm import keeping
from runner.pipeline.warm.imports import Import
from runner.pipeline.warm.keeping import Wanted
from runner.pipeline.warm.lender import WarmLender
from runner.releases import catalogue, specifier
from runner.runs import compare, journal
from tests.engines import conformance
from tests.engines.parity_scripts import SCRIPTS, WHOLE

ROOT = Path(__file__).parents[2]
RELEASES = ("1.12.3", "1.15.5", "2.9.3", catalogue.load_releases()[-1].version)
LIMITS = Limits(timeout=240.0, memory=1500, processes=200, output=64, scratch=64)
"""As for all subjects, but that a child of TensorFlow starts with its parent's memory."""
CHANCE = {"moving_mean", "moving_variance", "updates_applied", "losses"}
"""Values that differ from one fresh process to the next where a layer is shared (`…-both`) or
training goes on without a learning phase (`trainable-…`): see repro/README.md."""

pytestmark = [pytest.mark.tensorflow, pytest.mark.parity]


@pytest.fixture(scope="module", params=RELEASES)
def environment(request: pytest.FixtureRequest) -> Environment:
    matrix = config.load_matrix(ROOT / "matrix.yaml")
    releases = specifier.select(catalogue.load_releases(), request.param)
    target = plan.targets(plan.cells(matrix, releases, ()))[0]
    made = locks.environment(target, matrix.images)
    LocalEngine().prepare(made, lambda _: None)
    return made


@pytest.fixture(scope="module")
def forking(
    environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[conformance.Bench]:
    folder = tmp_path_factory.mktemp("subjects")
    with conformance.opened(LocalEngine(), environment, folder, "fork", LIMITS) as bench:
        yield bench


@pytest.mark.parametrize("case", conformance.CASES, ids=str)
def test_subject(forking: conformance.Bench, case: conformance.Case) -> None:
    """The table says what a fresh process does, and holds for a child of TensorFlow too."""
    conformance.check(forking, case)


RUNS = """import tensorflow as tf
import os, sys
exec(compile(sys.argv.pop(), "given", "exec"))
"""
"""One file for all scripts, so that TensorFlow is imported once for those that are forked."""
_CHANCE = re.compile(r"0x[0-9a-f]+|(?<=/)tfmatrix-[\w/-]+|(?<=line repeated )\d+(?= more times)")
"""Addresses, the folder of an agent, and how many frames a recursion had left: each mode has
frames of its own below a script."""
_LOG = re.compile(r"^(\d{4}-\d\d-\d\d |[IWEF]\d{4} |WARNING: All log messages)")


@pytest.fixture(scope="module")
def benches(
    environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, conformance.Bench]]:
    """One for each mode, and one whose agents are lent by the process that keeps them warm."""
    warm = WarmEngine(tmp_path_factory.mktemp("cache"))
    kinds = {"fresh": (LocalEngine(), "fresh"), "fork": (LocalEngine(), "fork")}
    with ExitStack() as stack:
        stack.callback(warm.end)
        made = {}
        for name, (engine, mode) in {**kinds, "warm": (warm, "fork")}.items():
            folder = tmp_path_factory.mktemp(name)
            opened = conformance.opened(engine, environment, folder, mode, LIMITS)
            made[name] = stack.enter_context(opened)
        yield made


class WarmEngine(LocalEngine):
    """Its agents have imported TensorFlow before they know a script. They are kept for a cache of
    their own."""

    def __init__(self, cache: Path) -> None:
        super().__init__(paths.environments())
        self._cache = cache

    def start_agent(
        self, environment: Environment, workspace: Workspace, limits: Limits
    ) -> Channel:
        with self._own_cache():
            keeping.ensure_keeper(4096, None)
            (kept,) = keeping.keep(self, [Wanted(environment=environment, how=Import())])
            assert not kept.why_not
            lent = WarmLender(self).borrow(environment, workspace, ["given.py"], Import())
        assert lent is not None
        return lent

    def end(self) -> None:
        with self._own_cache():
            keeping.stop()

    @contextmanager
    def _own_cache(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TFMATRIX_CACHE", str(self._cache))
            yield


FORKED = [name for name, text in SCRIPTS.items() if forkable(RUNS + text) is None]
"""The others look at what differs, and so are never forked."""


def ignored(what: str, line: int, error: str) -> list[str]:
    """What Python prints of an error in a finalizer."""
    name = what.split()[-1]
    return sorted(
        (
            f"Exception ignored in: <{what} at …>",
            "Traceback (most recent call last):",
            f'  File "given", line {line}, in {name.rpartition(".")[2]}',
            error,
        )
    )


NO_WRITE = "AttributeError: 'NoneType' object has no attribute 'write'"
SUSPENDED = ignored("generator object mine", 5, NO_WRITE)
FAILED = ignored("function Mine.__del__", 3, "ZeroDivisionError: division by zero")
EMPTIED = ignored("function Mine.__del__", 4, NO_WRITE)
ONLY_IN_ONE: dict[tuple[str, str], list[tuple[list[str], list[str]]]] = {
    ("1.15.5", "finalizers: a generator"): [(["closed"], SUSPENDED)],
    ("1.15.5", "finalizers: uses its module"): [(["still there"], EMPTIED), (["still there"], [])],
    ("2.9.3", "finalizers: fails"): [([], FAILED)],
    ("2.9.3", "finalizers: a generator"): [([], SUSPENDED)],
    ("2.9.3", "finalizers: uses its module"): [([], EMPTIED), ([], [])],
}
"""Release and script → the lines of output that only a fresh process prints, and those that only a
forked child prints. Such a script must show this difference and no other; of two, the second is
shown once a child of the environment has died of a signal, as later ones then end as Python ends:
docs/decisions/how-a-forked-child-ends.md."""


@pytest.fixture(scope="module")
def fresh_scripts(benches: dict[str, conformance.Bench]) -> Callable[[str], dict[str, Any]]:
    """What a fresh process shows of a script."""
    return functools.cache(lambda name: shown(benches["fresh"], SCRIPTS[name]))


@pytest.mark.parametrize("name", FORKED)
@pytest.mark.parametrize("mode", ["fork", "warm"])
def test_script(
    environment: Environment,
    benches: dict[str, conformance.Bench],
    fresh_scripts: Callable[[str], dict[str, Any]],
    mode: str,
    name: str,
) -> None:
    fresh, forked = dict(fresh_scripts(name)), shown(benches[mode], SCRIPTS[name])
    here, there = fresh.pop("output"), forked.pop("output")
    assert forked == fresh
    known = ONLY_IN_ONE.get((environment.target.release.version, name))
    if known is None:
        assert here == there
    else:
        missing = [line for line in here if line not in there]
        more = [line for line in there if line not in here]
        assert (missing, more) in known


@pytest.mark.parametrize("name", WHOLE)
def test_prologue(
    environment: Environment, benches: dict[str, conformance.Bench], name: str
) -> None:
    if name == "keras alone" and environment.target.release.version.startswith("1."):
        pytest.skip("TensorFlow 1 needs no package keras")
    fresh, forked, again = (whole(benches[mode], name) for mode in ("fresh", "fork", "fork"))
    assert forked == fresh
    assert again == fresh, "the second child ends the short way"


def whole(bench: conformance.Bench, name: str) -> dict[str, Any]:
    """All that a run of a whole script shows."""
    path = Path(bench.root) / f"whole_{sorted(WHOLE).index(name)}.py"
    path.write_text(WHOLE[name], "utf-8")
    first = prologue(WHOLE[name])
    assert first, "it is not forkable, or its first lines do nothing"
    return facts(bench, conformance.Case(subject=path.stem, prologue=first))


def shown(bench: conformance.Bench, text: str) -> dict[str, Any]:
    """All that a run shows of a script that is given as text."""
    path = Path(bench.root) / "given.py"
    if not path.exists():  # an agent has files of its own
        path.write_text(RUNS, "utf-8")
        # The first child always ends as Python ends; here it is to be the short way.
        bench.run(conformance.Case(subject="given", args=("",)))
    return facts(bench, conformance.Case(subject="given", args=(text,)))


def facts(bench: conformance.Bench, case: conformance.Case) -> dict[str, Any]:
    """All that a run shows, without what differs from one fresh process to the next."""
    execution = bench.run(case)
    assert (execution.mode, execution.trouble) == (bench.mode, None), execution
    output = execution.output.replace(bench.root, "beside")
    lines = (_CHANCE.sub("…", line) for line in output.splitlines())
    outcome = classify(execution)
    if execution.killed_for == "disk":
        # The agent looks now and then: it may find this before or after the script's own end.
        return {"verdict": outcome.verdict, "signature": outcome.signature, "output": []}
    return {
        "verdict": outcome.verdict,
        "signature": outcome.signature,
        "exit code": execution.exit_code,
        "signal": execution.signal,
        "observations": execution.observations,
        # Two pipes: what comes first may differ.
        "output": sorted(line for line in lines if not _LOG.match(line)),
    }


def measured(environment: Environment, mode: str, folder: Path) -> Run:
    release = environment.target.release.version
    words = ["--engine", "local", "--tf", release, "--remeasure", "--mode", mode]
    done = subprocess.run(
        [sys.executable, "-m", "runner", "run", *words, "--output", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1800,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return journal.read_run(folder)


def test_shipped_cases(environment: Environment, tmp_path: Path) -> None:
    forked = measured(environment, "fork", tmp_path / "fork")
    fresh = measured(environment, "fresh", tmp_path / "fresh")
    assert any(result.mode == "fork" for result in forked.results)
    assert all(result.mode == "fresh" for result in fresh.results)
    comparison = compare.compare_runs(fresh, forked)
    assert comparison.changes == ()
    for one in comparison.observed:
        case = one.where.case.partition("@")[0]
        assert case.endswith("-both") or case.startswith("trainable-"), one
        assert one.name in CHANCE, one
