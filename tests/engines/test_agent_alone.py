"""The agent as it is: one file, started by each Python of this machine, through plain pipes.

No TensorFlow and no engine: what the engines' own tests show through `Engine` holds here without.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import agent
from runner.cells.session import Request, encode
from runner.engines.base import ChannelClosed
from runner.engines.local.pipe import PipeChannel
from runner.model import Execution

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


def test_the_import_outlives_a_fresh_cell_in_between(tmp_path: Path) -> None:
    bench = bench_with(sys.executable, tmp_path)
    channel = bench.channel
    starters = []
    assert b"hello" in (channel.receive(20) or b"")
    for number, mode in enumerate(("fork", "fresh", "fork")):
        request = Request(script=f"{channel.root}/passes.py", mode=mode)
        channel.send(encode(request, str(number)))
        starters.append(json.loads(channel.receive(20) or b"")["pid"])
        facts = json.loads(channel.receive(20) or b"")
        assert (facts["mode"], facts["exit_code"]) == (mode, 0)
    bench.close()
    assert starters[0] == starters[2] != starters[1]


# --- When the agent goes, everything goes ----------------------------------------------------


@pytest.fixture
def detaching(tmp_path: Path) -> Iterator[tuple[conformance.Bench, PipeChannel, threading.Thread]]:
    """An agent in the middle of a cell that has detached a sleeper, and the thread that waits."""
    bench = bench_with(sys.executable, tmp_path)
    script = Path(bench.root) / "detaches_and_waits.py"
    script.write_text("import subprocess\nsubprocess.run(['setsid', 'sleep', '4321'])\n")
    facts: list[Execution] = []
    case = conformance.Case(subject=script.stem)
    thread = threading.Thread(target=lambda: facts.append(bench.run(case)))
    thread.start()
    until(lambda: sleepers())
    channel = bench.channel
    assert isinstance(channel, PipeChannel)
    yield bench, channel, thread
    bench.close()
    thread.join(20)
    assert not thread.is_alive(), "whoever waited for the cell must be told"
    assert facts[0].trouble
    assert not sleepers()
    assert not channel.scratch.exists()


Detaching = tuple[conformance.Bench, PipeChannel, threading.Thread]


def sleepers() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == b"sleep\x004321\x00":
                found.append(path.parent.name)
        except OSError:
            pass
    return found


def until(condition: object) -> None:
    end = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


def test_closing_ends_a_cell_at_once(detaching: Detaching) -> None:
    detaching[0].close()


def test_the_agent_killed(detaching: Detaching) -> None:
    os.kill(detaching[1].pid, signal.SIGKILL)


def test_the_agent_stopped_for_good(detaching: Detaching) -> None:
    os.kill(detaching[1].pid, signal.SIGSTOP)


def test_the_agent_told_to_end(detaching: Detaching) -> None:
    os.kill(detaching[1].pid, signal.SIGTERM)


# --- A process that only seems to be an agent --------------------------------------------------


def pretend(program: str) -> PipeChannel:
    return PipeChannel([sys.executable, "-c", program], root="/")


def test_last_words() -> None:
    channel = pretend("import sys; sys.exit('no disk left')")
    with pytest.raises(ChannelClosed, match="exit code 1: no disk left"):
        channel.receive(20)
    with pytest.raises(ChannelClosed, match="no disk left"):
        channel.send(b"x" * (1 << 20))
    channel.close()


def test_a_line_without_end() -> None:
    channel = pretend("import sys\nwhile True: sys.stdout.write('x' * 65536)")
    with pytest.raises(ChannelClosed, match="a line of more than 16 MiB"):
        channel.receive(60)
    channel.close()


def test_lines_without_end_are_not_hoarded() -> None:
    channel = pretend("while True: print('x' * 65536)")
    assert channel.receive(20) == b"x" * 65536
    time.sleep(0.2)
    assert channel.waiting <= 8
    channel.close()


def test_silence_ends() -> None:
    channel = pretend("import time; time.sleep(60)")
    assert channel.receive(0.05) is None
    channel.close()
    channel.close()
    with pytest.raises(ChannelClosed, match="was closed"):
        channel.receive(20)
