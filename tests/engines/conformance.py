"""What every engine must make of tests/subjects: one table, through the Engine protocol.

@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with conformance.opened(engine, environment, tmp_path_factory.mktemp("subjects")) as bench:
        yield bench

@pytest.mark.parametrize("case", conformance.CASES, ids=str)
def test_subject(bench, case):
    conformance.check(bench, case)
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Optional

from attrs import evolve, field, frozen

from runner.cells import left_files
from runner.cells.agent_messages import Request
from runner.cells.session import Session
from runner.engines.base import Channel, Engine, Workspace
from runner.model import OUT, Environment, Execution, Limits

SUBJECTS = Path(__file__).parent.parent / "subjects"
LIMITS = Limits(timeout=30.0, memory=256, processes=100, output=64, scratch=64)
"""For all subjects, as an engine may set some of them once, when it opens the environment."""
SHORT = 1.5
SIGSEGV, SIGABRT, SIGKILL = 11, 6, 9


@frozen(kw_only=True)
class Case:
    """A subject and the facts that must come of it. None means: there must be none."""

    subject: str
    args: tuple[str, ...] = ()
    timeout: float = LIMITS.timeout
    env: Mapping[str, str] = field(factory=dict)
    exit_code: Optional[int] = None
    signal: Optional[int] = None
    killed_for: Optional[str] = None
    output: tuple[str, ...] = ()
    """Texts that the output must hold, in this order."""
    errors: str = ""
    """A text that stderr alone must hold."""
    observations: Mapping[str, Any] = field(factory=dict)
    notes: tuple[str, ...] = ()
    bytes: Optional[int] = None
    then_none_of: str = ""
    """No process with this in its command line may be there afterwards."""
    left: Mapping[str, Any] = field(factory=dict)
    """The files in its folder `out`."""
    left_out: tuple[str, ...] = ()
    """What else lies there."""
    prologue: str = ""
    """The beginning of the script that a process runs before it forks."""

    def __str__(self) -> str:
        return "-".join((self.subject, *self.args))


OBSERVED = {
    "null": None,
    "yes": True,
    "whole": -3,
    "real": 0.95099,
    "text": "café 😀",
    "list": [1, [2.5, None], {}],
    "object": {"a": {"b": False}},
    "nan": ["NaN", "Infinity", "-Infinity", "Infinity"],
    "half": "\ufffd",
    "twice": 2,
    "with space": 7,
    "last": 1,
}
MALFORMED = ("::observe nothing", "::observe :", "broken", "deep", "digits", "long")
STARTED = {
    "argv": ["/repro/shows_itself.py", "one", "two words", "é😀", ""],
    "path0": True,
    "main": ["__main__", "shows_itself.py", True, None],
    "source": '"""What a script can see of how it was started, as observations."""',
    "frames": 1,
    "stdin": "",
    "leader": True,
    "ours": [],
    "sigint": True,
    "sigterm": True,
    "sigpipe": True,
    "blocked": [],
    "fds": [0, 1, 2],
    "open": 4,
    "word": "a=b\n'\"$(x)é",
}

LEFT: dict[str, Any] = {
    "subject": "leaves_files",
    "left": {"deep/é b": b"\0" * 100_000, "word.txt": b"left"},
    "left_out": ("link, which is no plain file", "pipe, which is no plain file"),
}
FOUND = {"table": "a,b\n1,2\n", "small": "small\n", "listed": ["small.txt", "unpacked"]}
FINDS_DATA = Case(subject="finds_data", exit_code=0, observations={"found": FOUND})
CASES = (
    Case(subject="passes", exit_code=0, output=("all is well\n",)),
    Case(
        subject="fails",
        exit_code=1,
        errors="line 8, in <module>\n    compute()\n",
        output=("Traceback (most recent call last)", "ValueError: shapes (2, 3) and (4,)"),
    ),
    Case(subject="exits_three", exit_code=3),
    Case(subject="skips", exit_code=125, errors="needs an API"),
    Case(subject="system_exit_message", exit_code=1, errors="cannot go on: no such layer\n"),
    Case(subject="segfaults", signal=SIGSEGV, output=("about to crash",)),
    Case(subject="aborts", signal=SIGABRT, errors="Check failed: new_num_elements"),
    Case(
        subject="hangs",
        timeout=SHORT,
        signal=SIGKILL,
        killed_for="timeout",
        output=("waiting",),
        notes=("ended for timeout",),
    ),
    Case(subject="ignores_sigterm", timeout=SHORT, signal=SIGKILL, killed_for="timeout"),
    Case(subject="eats_memory", signal=SIGKILL, killed_for="memory"),
    Case(
        subject="eats_memory_in_children",
        signal=SIGKILL,
        killed_for="memory",
        then_none_of="eats_memory_in",
    ),
    Case(subject="prints_one_endless_line", exit_code=0, bytes=200 << 16),
    Case(
        subject="prints_forever",
        exit_code=0,
        output=("the head\nxxx", " bytes left out …\n", "xxx\nthe tail\n"),
        observations={"halfway": "seen"},
    ),
    Case(
        subject="prints_binary",
        exit_code=0,
        output=("\x00\x01", "\\x80\\x81", "\\xf0\\x9f\\x98"),
        errors="\x1b[31mred\x1b[0m \\xff\\xfe",
    ),
    Case(subject="observes", exit_code=0, observations=OBSERVED, notes=MALFORMED),
    Case(
        subject="detaches",
        args=("/nowhere/to/write",),
        exit_code=0,
        output=("on its own",),
        then_none_of="detaches.py",
    ),
    Case(
        subject="detaches",
        args=("/nowhere/to/write", "quietly"),
        exit_code=0,
        output=("on its own",),
        then_none_of="detaches.py",
    ),
    Case(subject="leaves_a_thread", exit_code=0, output=("was waited for",)),
    Case(subject="reads_stdin", exit_code=1, output=("''\n",), errors="EOFError"),
    Case(subject="writes_scratch", exit_code=0, output=("done",)),
    Case(subject="writes_scratch", args=("again",), exit_code=0, output=("done",)),
    Case(**LEFT, exit_code=0),
    Case(**LEFT, args=("crashes",), signal=SIGSEGV),
    Case(**LEFT, args=("hangs",), timeout=SHORT, signal=SIGKILL, killed_for="timeout"),
    Case(
        subject="raises_in_thread",
        exit_code=0,
        errors="RuntimeError: lost in a thread",
        output=("went on",),
    ),
    Case(
        subject="exits_in_atexit",
        exit_code=4,
        output=("from the script\n", "from the exit handler\n"),
    ),
    Case(
        subject="uses_multiprocessing",
        exit_code=0,
        output=("fork [1, 4, 9]", "spawn [1, 4, 9]", "forkserver [1, 4, 9]"),
    ),
    Case(subject="needs_sibling", exit_code=0, output=("found\n",)),
    Case(subject="fills_tmp", exit_code=1, killed_for="disk", errors="OSError"),
    Case(subject="kills_its_parent", signal=SIGKILL),
    Case(subject="stops_its_parent", exit_code=0, output=("stopped it",)),
    Case(subject="opens_network", exit_code=1, errors="Error"),
    Case(
        subject="shows_itself",
        args=("one", "two words", "é😀", ""),
        env={"WORD": str(STARTED["word"])},
        exit_code=0,
        observations=STARTED,
    ),
)
BOUNDED = ("forks_forever", "fills_tmp_with_many")
"""Subjects that either the agent ends or the engine's own bounds make fail: see `check_bounded`."""


@frozen(kw_only=True)
class Bench:
    """A prepared environment with the subjects in it; its agent is replaced when it dies."""

    connect: Callable[[], Channel]
    mode: str = "fresh"
    limits: Limits = LIMITS
    _held: list[tuple[Session, Channel]] = field(factory=list)

    def run(self, case: Case) -> Execution:
        session, channel = self._session()
        return session.run(
            Request(
                script=f"{channel.root}/{case.subject}.py",
                args=case.args,
                env=case.env,
                limits=evolve(self.limits, timeout=case.timeout),
                mode=self.mode,
                prologue=case.prologue,
                keep=OUT,
            )
        )

    def _session(self) -> tuple[Session, Channel]:
        if not self._held or not self._held[-1][0].alive:
            self.close()
            channel = self.connect()
            self._held.append((Session(channel), channel))
        return self._held[-1]

    @property
    def channel(self) -> Channel:
        return self._session()[1]

    @property
    def root(self) -> str:
        return self.channel.root

    def close(self) -> None:
        while self._held:
            self._held.pop()[0].close()


def workspace(folder: Path) -> Workspace:
    """The subjects, copied: importing one from another writes bytecode beside it."""
    copy = folder / "subjects with a space"
    shutil.copytree(SUBJECTS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return Workspace(folder=copy, script="passes.py")


def with_data(subjects: Workspace, folder: Path) -> Workspace:
    """The same, with what `FINDS_DATA` finds in a folder of data."""
    data = folder / "data with a space"
    (data / ".keras" / "datasets").mkdir(parents=True)
    (data / "table.csv").write_text("a,b\n1,2\n", "utf-8")
    (data / ".keras" / "datasets" / "small.txt").write_text("small\n", "utf-8")
    return evolve(subjects, data=data)


@contextmanager
def opened(
    engine: Engine,
    environment: Environment,
    folder: Path,
    mode: str = "fresh",
    limits: Limits = LIMITS,
) -> Iterator[Bench]:
    """A bench in an environment that `engine` has prepared."""
    subjects = workspace(folder)
    bench = Bench(
        connect=lambda: engine.start_agent(environment, subjects, limits), mode=mode, limits=limits
    )
    try:
        yield bench
    finally:
        bench.close()


def check_data(engine: Engine, environment: Environment, folder: Path) -> None:
    """A script finds its data, twice: what it leaves beside it is gone."""
    subjects = with_data(workspace(folder), folder)
    bench = Bench(
        connect=lambda: engine.start_agent(environment, subjects, LIMITS),
        mode="fresh",
        limits=LIMITS,
    )
    try:
        check(bench, FINDS_DATA)
        check(bench, FINDS_DATA)
    finally:
        bench.close()


def check(bench: Bench, case: Case) -> None:
    """The subject's facts are the expected ones, and the agent is unharmed."""
    facts = bench.run(case)
    assert facts.trouble is None
    assert facts.mode == bench.mode, facts.notes
    found = (facts.exit_code, facts.signal, facts.killed_for)
    assert found == (case.exit_code, case.signal, case.killed_for), facts
    assert_in_order(case.output, facts.output)
    assert case.errors in facts.errors
    assert_observed(bench, case, facts)
    if case.bytes is not None:
        # A child of TensorFlow begins with what importing it printed, which is no 10 kB.
        more = 10_000 if bench.mode == "fork" else 0
        assert case.bytes <= facts.output_bytes <= case.bytes + more
    assert len(facts.output.encode()) <= 6 * (LIMITS.output << 10)
    for note in case.notes:
        assert any(note in one for one in facts.notes), facts.notes
    assert left_files.contents(facts.files) == case.left
    assert facts.left_out == case.left_out
    assert 0 < facts.seconds < case.timeout + 10
    assert facts.max_rss_mb > 1
    check_unharmed(bench, case.then_none_of)


def check_bounded(bench: Bench, subject: str) -> None:
    """Ended by the agent, or failed by itself at a bound of the engine's; never unpunished."""
    facts = bench.run(Case(subject=subject))
    assert facts.trouble is None
    assert facts.killed_for in ("processes", "disk", "memory") or facts.exit_code == 1, facts
    assert "unpunished" not in facts.output
    check_unharmed(bench, f"{subject}.py")


def check_unharmed(bench: Bench, none_of: str) -> None:
    """The next cell finds nothing of the one before."""
    if none_of:
        facts = bench.run(Case(subject="finds_processes", args=(none_of,)))
        assert facts.observations == {"found": 0}, facts


def assert_in_order(texts: tuple[str, ...], whole: str) -> None:
    at = 0
    for text in texts:
        assert text in whole[at:]
        at = whole.index(text, at) + len(text)


def assert_observed(bench: Bench, case: Case, facts: Execution) -> None:
    found: dict[str, Any] = dict(facts.observations)
    if case.subject == "shows_itself":
        for path, instead in bench.channel.shown.items():
            found["argv"][0] = found["argv"][0].replace(path, instead, 1)
        found = {name: value for name, value in found.items() if name in case.observations}
    assert found == case.observations
