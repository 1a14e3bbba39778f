"""How a forked child ends: without undoing the import, but with all that a script's end does.

`tensorflow` is a small package here whose modules tell when they are emptied, so that it shows
whether the import was undone. What a real release does, `make parity` compares.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import agent
from runner.cells.agent_messages import Request
from runner.cells.session import Session
from runner.engines.local.pipe import PipeChannel
from runner.model import Execution
from tests.engines.test_agent_alone import VERSIONS
from tests.pythons import interpreter

AGENT = Path(agent.__file__)
WITHOUT_FREEZE = ("3.6",)
"""Pythons whose collector cannot leave out what the import made: it is undone each time."""

TOLD = """
import os

class Told:
    "Says when it is destroyed, whatever is left of Python by then."
    def __init__(self, name, write=os.write):
        self.name, self.write = name, write

    def __del__(self):
        self.write(1, ("gone: %s\\n" % self.name).encode())
"""
PACKAGE = {
    "told.py": TOLD,
    "tensorflow/__init__.py": """
import sys, types
from told import Told
from tensorflow import untouched, changed, rebound
import tensorflow.python.eager.context

class Wrapper(types.ModuleType):
    registry = []

api = Wrapper("tensorflow.api")
api.wrapped = types.ModuleType("tensorflow.hidden")
sys.modules["tensorflow.api"] = api
""",
    "tensorflow/untouched.py": "from told import Told\nof_the_import = Told('the import')",
    "tensorflow/changed.py": "",
    "tensorflow/rebound.py": "value = None",
    "tensorflow/python/__init__.py": "",
    "tensorflow/python/eager/__init__.py": "",
    "tensorflow/python/eager/context.py": """
class Context:
    registry = {}

context = Context()
""",
}
SCRIPT = """
import atexit, builtins, sys, threading, types
import tensorflow as tf
from told import Told

what = sys.argv[1]
if what == "aborts":
    import os, signal
    class Bad:
        def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.SIGABRT):
            kill(pid, number)
    tf.changed.bad = Bad()
elif what == "waits":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
elif what.startswith("exits: "):
    exec(what[7:])
else:
    atexit.register(lambda: print("at exit:", sys.modules["tensorflow.untouched"].__name__))
    class Ring:
        pass
    def ring_with(told):
        ring = Ring()
        ring.ring, ring.told = ring, told
        return ring
    ring = ring_with(Told("in a ring"))
    own = sys.modules["own"] = types.ModuleType("own")
    own.told = Told("in a module of its own")
    tf.changed.told = Told("in a module that it changed")
    tf.changed.ring = ring_with(Told("in a ring in a module that it changed"))
    sys.told = ring_with(Told("in sys"))
    builtins.told = ring_with(Told("in builtins"))
    own.ring = ring_with(Told("in a ring in a module of its own"))
    own.user = lambda: own
    tf.rebound.value = [Told("in the place of something")]
    tf.python.eager.context.context.told = Told("in what keeps for scripts")
    tf.api.wrapped.told = Told("in a module behind a wrapper")
    class Late:
        def __del__(self):
            import tensorflow.untouched
            print("late import:", tensorflow.untouched.__name__, flush=True)
    def leave_garbage():
        late = Late()
        late.late = late
    leave_garbage()
print("the end of the script", flush=True)
"""


class Bench:
    def __init__(self, version: str, folder: Path) -> None:
        self._python, self._folder = interpreter(version), folder
        for name, text in {**PACKAGE, "work/script.py": SCRIPT}.items():
            path = folder / ("" if name.startswith("work/") else "site") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        self._env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "site")}
        root = str(folder / "work")
        self._session = Session(PipeChannel([self._python, str(AGENT)], root=root, env=self._env))

    def run(self, what: str = "", mode: str = "fork", *, ends_well: bool = False) -> Execution:
        script = str(self._folder / "work" / "script.py")
        request = Request(script=script, args=(what,), mode=mode, ends_well=ends_well)
        execution = self._session.run(request)
        assert (execution.mode, execution.trouble) == (mode, None), execution
        return execution

    def alone(self, what: str = "") -> subprocess.CompletedProcess[str]:
        """What the script does when nobody stands between it and Python."""
        command = [self._python, str(self._folder / "work" / "script.py"), what]
        return subprocess.run(command, env=self._env, capture_output=True, text=True)

    def close(self) -> None:
        self._session.close()


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bench(version: str, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(version, tmp_path)
    yield bench
    bench.close()


def undone(execution: Execution) -> bool:
    return "gone: the import\n" in execution.output


def test_what_a_script_made_ends_as_it_does_alone(bench: Bench, version: str) -> None:
    by_itself = bench.alone()
    assert (by_itself.returncode, by_itself.stderr) == (0, "")
    alone = set(by_itself.stdout.splitlines())
    assert "gone: the import" in alone
    assert len([line for line in alone if line.startswith("gone: ")]) >= 6
    first, second, third = (bench.run() for _ in range(3))
    assert set(first.output.splitlines()) >= alone
    assert undone(second) == undone(third) == (version in WITHOUT_FREEZE)
    for later in (second, third):
        assert set(later.output.splitlines()) >= alone - {"gone: the import"}
        assert later.exit_code == 0


def test_a_crash_in_the_end_of_a_later_child_is_seen(bench: Bench) -> None:
    assert bench.run().exit_code == 0
    assert bench.run("aborts").signal == signal.SIGABRT
    assert undone(bench.run())  # from now on each child undoes it all again


ENDS = {
    "by itself": "",
    "with a code": "sys.exit(3)",
    "with a code that Python cuts": "sys.exit(-1)",
    "with a code too large for Python": "sys.exit(1 << 70)",
    "with a truth": "sys.exit(True)",
    "without a code": "sys.exit(None)",
    "with a text": "sys.exit('what was wrong')",
    "with a code of its own making": "raise type('Odd', (SystemExit,), {'code': 5})()",
    "with an error": "raise ValueError('what was wrong')",
    "with an interrupt": "raise KeyboardInterrupt",
    "with its output unwritten": "sys.stdout = open(1, 'w', closefd=False); print('late')",
    "with an output of its own that fails": """
class Output:
    closed = False
    write = len
    def flush(self):
        raise OSError("full")
sys.stdout = Output()
""",
    "with its output closed": "sys.stdout.close()",
    "with a handler that exits": "atexit.register(sys.exit, 4)",
    "with a handler that fails": "atexit.register(int, 'no number')",
    "with a handler of C's that aborts": """
import ctypes
libc = ctypes.CDLL(None)
libc.__cxa_atexit(libc.abort, None, None)
""",
    "in a destructor of what it hung on an object of the import": """
class Aborts:
    def __del__(self, kill=sys.modules["os"].kill, pid=sys.modules["os"].getpid()):
        kill(pid, 6)
tf.python.eager.context.Context.registry["mine"] = Aborts()
""",
    "in a destructor that the collector does not know of": """
class Aborts:
    __slots__ = ()
    def __del__(self, kill=sys.modules["os"].kill, pid=sys.modules["os"].getpid()):
        kill(pid, 6)
tf.Wrapper.registry.append(Aborts())
""",
    "in a destructor": """
class Ends:
    def __del__(self, leave=sys.modules["os"]._exit):
        leave(6)
sys.last = Ends()
""",
}


@pytest.mark.parametrize("how", ENDS)
def test_a_script_ends_as_it_does_alone(how: str, bench: Bench) -> None:
    what = "exits: " + ENDS[how]
    alone = bench.alone(what)
    bench.run()
    for _ in range(2):
        execution = bench.run(what)
        code = execution.exit_code if execution.signal is None else -execution.signal
        assert code == alone.returncode, execution
        told = {line for line in alone.stdout.splitlines() if line != "gone: the import"}
        assert set(execution.output.splitlines()) >= told
        if alone.stderr:
            assert alone.stderr.splitlines()[-1] in execution.output


def test_where_it_is_known_to_end_well_the_first_child_need_not_show_it(
    bench: Bench, version: str
) -> None:
    assert undone(bench.run(ends_well=True)) == (version in WITHOUT_FREEZE)


def test_while_threads_still_run_nothing_is_taken_from_them(bench: Bench) -> None:
    bench.run()
    assert undone(bench.run("waits"))


@pytest.mark.parametrize("mode", ["fresh", "fork"])
def test_the_way_in_between_does_not_matter(mode: str, tmp_path: Path) -> None:
    bench = Bench("3.9", tmp_path)
    try:
        bench.run()
        bench.run(mode=mode)
        assert not undone(bench.run())
    finally:
        bench.close()
