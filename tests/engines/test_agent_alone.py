"""The agent as it is: one file, started by each Python of this machine, through plain pipes.

No TensorFlow and no engine: what the engines' own tests show through `Engine` holds here without.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import agent
from runner.cells.agent_messages import Request, encode_request
from runner.cells.forkable import OF_THE_AGENT
from runner.engines.base import ChannelClosed
from runner.engines.local.pipe import PipeChannel
from runner.model import Execution

pytest.register_assert_rewrite("tests.engines.conformance")
from tests.engines import conformance  # noqa: E402
from tests.pythons import interpreter  # noqa: E402

AGENT = Path(agent.__file__)
VERSIONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


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


QUICK = (
    "finds_data",
    "fails",
    "segfaults",
    "observes",
    "leaves_files",
    "prints_binary",
    "detaches",
    "shows_itself",
)


@pytest.mark.parametrize("mode", ["fresh", "fork"])
@pytest.mark.parametrize("version", VERSIONS)
def test_on_each_python(version: str, mode: str, tmp_path: Path) -> None:
    bench = bench_with(interpreter(version), tmp_path, mode)
    try:
        for case in conformance.CASES:
            if case.subject in QUICK and case.killed_for is None:
                conformance.check(bench, case)
    finally:
        bench.close()


@pytest.mark.parametrize("mode", ["fresh", "fork"])
@pytest.mark.parametrize("version", VERSIONS)
def test_data_is_found_on_each_python(
    version: str, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = conformance.with_data(conformance.workspace(tmp_path / "other"), tmp_path).data
    monkeypatch.setenv(agent.DATA_VARIABLE, str(data))
    bench = bench_with(interpreter(version), tmp_path, mode)
    try:
        conformance.check(bench, conformance.FINDS_DATA)
        conformance.check(bench, conformance.FINDS_DATA)
    finally:
        bench.close()


HANGS = """
import os, signal, sys, threading
assert "faulthandler" not in sys.modules and "sitecustomize" not in sys.modules
handled = [number for number in range(1, signal.NSIG) if callable(signal.getsignal(number))]
assert handled == [signal.SIGINT], handled
def waits_for_good():
    threading.Event().wait()
threading.Thread(target=waits_for_good, daemon=True).start()
if not os.fork():
    while True:
        pass
def computes():
    while True:
        pass
computes()
"""


@pytest.mark.parametrize("mode", ["fresh", "fork"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_hang_shows_where_each_process_stood(version: str, mode: str, tmp_path: Path) -> None:
    bench = bench_with(interpreter(version), tmp_path, mode)
    try:
        facts = run_text(bench, HANGS, timeout=conformance.SHORT)
    finally:
        bench.close()
    assert (facts.signal, facts.killed_for, facts.mode) == (9, "timeout", mode), facts.errors
    assert facts.seconds < conformance.SHORT + 1
    _, _, stacks = facts.errors.partition("\nIt was ended here:\n")
    places = [line.split(", ", 1)[1] for line in stacks.splitlines() if "given.py" in line]
    ends = {place.rpartition(" in ")[2] for place in places}
    assert {"computes", "waits_for_good"} <= ends, facts.errors
    assert sum(place.endswith(" in <module>") for place in places) == 2, "of the child, too"
    assert "agent.py" not in facts.errors


def test_the_import_outlives_a_fresh_cell_in_between(tmp_path: Path) -> None:
    bench = bench_with(sys.executable, tmp_path)
    channel = bench.channel
    starters = []
    assert b"hello" in (channel.receive(20) or b"")
    for number, mode in enumerate(("fork", "fresh", "fork")):
        request = Request(script=f"{channel.root}/passes.py", mode=mode)
        channel.send(encode_request(request, str(number)))
        starters.append(json.loads(channel.receive(20) or b"")["pid"])
        facts = json.loads(channel.receive(20) or b"")
        assert (facts["mode"], facts["exit_code"]) == (mode, 0)
    bench.close()
    assert starters[0] == starters[2] != starters[1]


NAMES_ITSELF = """
import os, sys
import tensorflow
print('::observe name="%s"' % os.path.basename(__file__))
print("::observe imported_by=%d" % tensorflow.PROCESS)
assert __file__ == sys.argv[0] == __loader__.path == __loader__.get_filename("__main__")
assert sys.path[0] == os.path.dirname(os.path.realpath(__file__))
def here(): raise ValueError
try:
    here()
except ValueError as error:
    assert error.__traceback__.tb_next.tb_frame.f_code.co_filename == __file__
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_one_import_serves_scripts_of_any_name(version: str, tmp_path: Path) -> None:
    bench = bench_with(interpreter(version), tmp_path, "fork")
    (tmp_path / "site" / "tensorflow" / "__init__.py").write_text(
        "import os; PROCESS = os.getpid()"
    )
    names = ("one", "two", "one")
    try:
        for name in names:
            (Path(bench.channel.root) / f"{name}.py").write_text(NAMES_ITSELF, "utf-8")
        seen = [bench.run(conformance.Case(subject=name)) for name in names]
    finally:
        bench.close()
    assert [facts.observations.get("name") for facts in seen] == [f"{n}.py" for n in names], seen
    assert len({facts.observations["imported_by"] for facts in seen}) == 1


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


# --- What one cell must not do to the next ----------------------------------------------------

REACHES_OUT = """
import os, resource, sys
agent = os.getppid()
while True:  # the agent is the last of its forebears that runs agent.py without --zygote
    with open("/proc/%d/cmdline" % agent) as file:
        words = file.read().split("\\0")
    if "agent.py" in "".join(words) and "--zygote" not in words:
        with open("/proc/%d/stat" % agent) as file:
            parent = int(file.read().rpartition(")")[2].split()[1])
        with open("/proc/%d/cmdline" % parent) as file:
            if "agent.py" not in file.read():
                break
    with open("/proc/%d/stat" % agent) as file:
        agent = int(file.read().rpartition(")")[2].split()[1])
exec(sys.argv[1])
"""
OUTRAGES = {
    "stack": "resource.prlimit(agent, resource.RLIMIT_STACK, (65536, 65536))",
    "file size": "resource.prlimit(agent, resource.RLIMIT_FSIZE, (0, 0))",
    "open files": "resource.prlimit(agent, resource.RLIMIT_NOFILE, (0, 0))",
    "niceness": "os.setpriority(os.PRIO_PROCESS, agent, 15)",
    "processors": "os.sched_setaffinity(agent, [min(os.sched_getaffinity(0))])",
    "policy": "os.sched_setscheduler(agent, os.SCHED_BATCH, os.sched_param(0))",
    "the zygote": "resource.prlimit(os.getppid(), resource.RLIMIT_STACK, (65536, 65536))",
}
LOOKS_AROUND = """
import os, resource
import tensorflow
assert resource.getrlimit(resource.RLIMIT_STACK)[0] != 65536
around = set(os.listdir(os.path.dirname(os.environ["HOME"])))
assert around <= {"scratch", "reads"}, around
"""


@pytest.fixture
def own_bench(tmp_path: Path) -> Iterator[conformance.Bench]:
    bench = bench_with(sys.executable, tmp_path, "fork")
    yield bench
    bench.close()


def run_text(bench: conformance.Bench, text: str, *args: str, **limits: float) -> Execution:
    """A script with this text, beside the subjects."""
    channel = bench.channel
    (Path(channel.root) / "given.py").write_text(text, "utf-8")
    case = conformance.Case(subject="given", args=args, **limits)  # type: ignore[arg-type]
    return bench.run(case)


@pytest.mark.parametrize("what", OUTRAGES)
def test_a_cell_that_changes_the_limits_of_the_agent_is_its_last(
    what: str, own_bench: conformance.Bench
) -> None:
    first = run_text(own_bench, "import tensorflow\n" + REACHES_OUT, OUTRAGES[what])
    noted = first.exit_code == 0 and "it changed the limits" in "".join(first.notes)
    assert noted or "Too many open files" in (first.trouble or ""), first
    after = run_text(own_bench, LOOKS_AROUND)
    assert after.exit_code == 0, after


@pytest.mark.parametrize("mode", ["fresh", "fork"])
@pytest.mark.parametrize("end", ["", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"])
def test_the_git_version_of_the_tensorflow_that_a_script_imported(
    tmp_path: Path, mode: str, end: str
) -> None:
    bench = bench_with(sys.executable, tmp_path, mode)
    framework = tmp_path / "site" / "tensorflow" / "python" / "framework"
    framework.mkdir(parents=True)
    (framework / "versions.py").write_text("GIT_VERSION = 'v0.1.0-7-g0123456'")
    (tmp_path / "site" / "tensorflow" / "__init__.py").write_text(
        "from tensorflow.python.framework import versions\nimport wave"
    )
    try:
        found = run_text(bench, f"import tensorflow\n{end}")
        assert (found.mode, found.git_version) == (mode, "v0.1.0-7-g0123456")
        if mode == "fresh":
            assert run_text(bench, "print(1)").git_version == ""
    finally:
        bench.close()


LITTER = {
    "a file": "open('../../foo', 'w').close()",
    "links": "import os\nfor n in range(50): os.symlink('/', '../../link-%d' % n)",
    "folders with the names of rubbish": """
import os
for n in range(400):
    os.makedirs("../../trash-%d/x" % n)
    os.makedirs("../../trash-%d-%d/x" % (n, n))
""",
}


@pytest.mark.parametrize("what", LITTER)
def test_the_folder_around_the_scratch_folder_is_emptied(
    what: str, own_bench: conformance.Bench
) -> None:
    assert run_text(own_bench, LITTER[what]).exit_code == 0
    after = run_text(own_bench, LOOKS_AROUND)
    assert (after.exit_code, after.trouble) == (0, None), after


def test_what_fills_the_folder_around_is_ended(own_bench: conformance.Bench) -> None:
    fills = "import os, time\nopen('../../big', 'wb').write(os.urandom(60 << 20))\n"
    fills += "open('../../more', 'wb').write(os.urandom(60 << 20))\ntime.sleep(20)"
    assert run_text(own_bench, fills).killed_for == "disk"


WRITES_TOO_MUCH = {
    "and ends at once": "for name in 'ab': open(name, 'wb').write(bytes(40 << 20))",
    "to one file": "open('a', 'wb').write(bytes(80 << 20))",
    "to a file that it removes": """
import os
try:
    open('a', 'wb').write(bytes(80 << 20))
finally:
    os.remove('a')
""",
}


@pytest.mark.parametrize("mode", ["fresh", "fork"])
@pytest.mark.parametrize("what", WRITES_TOO_MUCH)
def test_a_disk_limit_means_the_same_in_both_modes(what: str, mode: str, tmp_path: Path) -> None:
    """However quick the script is, and whatever the import of TensorFlow left in HOME."""
    bench = bench_with(sys.executable, tmp_path, mode)
    (tmp_path / "site" / "tensorflow" / "__init__.py").write_text(
        "import os\nopen(os.path.expanduser('~/left'), 'w').write('x' * 100000)"
    )
    try:
        facts = run_text(bench, f"import tensorflow\n{WRITES_TOO_MUCH[what]}")
        assert (facts.killed_for, facts.mode) == ("disk", mode), facts
    finally:
        bench.close()


@pytest.mark.parametrize("mode", ["fresh", "fork"])
def test_what_is_just_below_the_disk_limit_passes(mode: str, tmp_path: Path) -> None:
    bench = bench_with(sys.executable, tmp_path, mode)
    below = (conformance.LIMITS.scratch - 1) << 20
    try:
        facts = run_text(bench, f"import tensorflow\nopen('a', 'wb').write(bytes({below}))")
        assert (facts.exit_code, facts.killed_for, facts.mode) == (0, None, mode)
    finally:
        bench.close()


# --- Time limits -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["fresh", "fork"])
def test_a_time_limit_counts_the_import_in_both_modes(mode: str, tmp_path: Path) -> None:
    bench = bench_with(sys.executable, tmp_path, mode)
    (tmp_path / "site" / "tensorflow" / "__init__.py").write_text("import time; time.sleep(2)")
    try:
        facts = run_text(bench, "import tensorflow, time\ntime.sleep(1)", timeout=2.5)
        assert (facts.killed_for, facts.mode) == ("timeout", mode)
        facts = run_text(bench, "import tensorflow, time\ntime.sleep(1)", timeout=8)
        assert (facts.exit_code, facts.mode) == (0, mode)
    finally:
        bench.close()


def test_a_cell_that_does_nothing_is_ended_before_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = AGENT.read_text("utf-8")
    hasty = tmp_path / "agent.py"
    hasty.write_text(text.replace("\nIDLE = 30.0 ", "\nIDLE = 2.0 "), "utf-8")
    assert hasty.read_text("utf-8") != text
    monkeypatch.setattr(f"{__name__}.AGENT", hasty)
    bench = bench_with(sys.executable, tmp_path / "bench")
    try:
        facts = run_text(bench, "import threading\nthreading.Event().wait()")
        assert facts.killed_for == "timeout"
        assert facts.seconds < 10
        assert "it hangs: it has used no processor time for 2 s" in facts.notes
        works = "import time\nend = time.time() + 4\nwhile time.time() < end: pass"
        assert run_text(bench, works).exit_code == 0
    finally:
        bench.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_which_modules_the_agent_has_imported_before_it_looks_beside_a_script(version: str) -> None:
    names = "{name.split('.')[0] for name in sys.modules}"
    code = f"""if True:
        import sys
        with open({str(AGENT)!r}, encoding="utf-8") as file:
            exec(compile(file.read(), "agent.py", "exec"), {{"__name__": "x", "__file__": "/a.py"}})
        import importlib.machinery
        print(*{names})
    """
    command = [interpreter(version), "-I", "-S", "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    public = {name for name in found if not name.startswith("_") and name not in BUILT_IN}
    assert public <= OF_THE_AGENT


BUILT_IN = {"builtins", "encodings"}
"""Found before any folder is searched, however Python is started."""


def test_what_is_read_to_print_a_traceback_is_no_reading_of_the_scripts(
    own_bench: conformance.Bench,
) -> None:
    facts = run_text(own_bench, "import tensorflow\nnot_there()\n")
    assert (facts.mode, facts.exit_code) == ("fork", 1)
    assert facts.reads is not None
    assert facts.reads.outside == ()
    text = "import tensorflow\nopen('/srv')\n"
    known = run_text(own_bench, text)
    assert known.reads is not None
    assert known.reads.outside == ("/srv",)
