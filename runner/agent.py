"""The runner inside the environments: starts scripts, bounds them, reports the bare facts.

One file, standard library only, Python 3.6 to 3.13, so that the same text serves every release in
both engines. It reads requests from its standard input and answers on a private copy of its
standard output (docs/agent-protocol.md). Scripts get pipes of their own, so nothing that they print
can be taken for an answer. The agent judges nothing: `runner.cells.classify` does.

Scripts may do any harm. The processes are

    agent ─┬─ warden ── script ── whatever it starts        mode "fresh"
           └─ zygote ── script ── whatever it starts        mode "fork"

The script's parent is never the agent, so a script that kills its parent does not harm the agent.
The agent is the subreaper of all: the kernel makes it the parent of processes that a script
detaches, so it finds them. In a container it is the first process, which no other process of the
container can kill or stop.
"""

import os
import sys

if __name__ == "__main__" and sys.path[:1] == [os.path.dirname(os.path.realpath(__file__))]:
    # The modules beside this file must not stand in for the standard library's.
    del sys.path[0]

import array
import atexit
import binascii
import errno
import gc
import itertools
import json
import operator
import resource
import select
import signal
import socket
import stat
import struct
import threading
import time
import types
import weakref
from collections import deque
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

try:
    import ctypes

    _libc = ctypes.CDLL(None, use_errno=True)
except (ImportError, OSError):  # a Python built without libffi
    _libc = None  # type: ignore[assignment]

PROTOCOL = 1
TICK = 0.05  # seconds between two looks at the script's processes
SLOWEST_TICK = 0.25  # seconds, where looking is expensive
WALK = 0.2  # seconds between two searches for new processes among all of the machine
IDLE = 30.0  # seconds without work after which a cell is taken to hang
WORK = 0.01  # share of a processor, on average; a smaller one counts as no work
DRAIN = 0.2  # seconds for which open pipes are still read after the script has ended
CHUNK = 1 << 16
ERRORS_KEPT = 64 << 10  # bytes of stderr alone
OUTPUT_MOST = 2048  # KiB of output kept at most, because an answer is one line
IMPORT_TIMEOUT = 180.0
LEFT_BYTES = 64 << 20  # of the files that are kept of a cell
LEFT_TEXT = 1900000  # characters of the answer that hold them, compressed
LEFT_FILES, LEFT_DEPTH, LEFT_NAME = 1000, 16, 500  # files, folders, characters of a name
LEFT_LOOKS = 20000  # entries of folders that are looked at
LEFT_TOLD = 5  # of what is not kept, how much is named
MIB = float(1 << 20)
SCRATCH_VARIABLE = "TFMATRIX_SCRATCH"  # names the folder to make for scratch folders
DATA_VARIABLE = "TFMATRIX_DATA"  # names a folder that each cell finds as ~/data
COMMON_VARIABLE = "TFMATRIX_COMMON"  # names folders that are emptied between cells: "/tmp:/dev/shm"
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
THIS_FILE = os.path.abspath(__file__)  # now, before any change of folder
WORKING_FOLDER = "repro"  # the working directory's name in the scratch folder
ON_LINUX = sys.platform.startswith("linux")
# At this signal a script's process writes where its Python stands.
STACKS = int(signal.SIGRTMAX) if ON_LINUX else 0
THREADS_PATIENCE = 1.0  # seconds until threads that end have ended
STACKS_PATIENCE = 0.5  # seconds until a process has written them
STACKS_LOOKS = 4  # how often that is waited if it has written nothing, on a busy machine
MOST_STACKS = 8  # processes of a cell that are asked for them
STACKS_KEPT = 1 << 20  # bytes of them: the script may write to its stderr meanwhile
# Libraries of TensorFlow, and the one that Keras 3 loads with every backend.
TENSORFLOW = (b"-packages/tensorflow/", b"-packages/tensorflow_core/", b"-packages/ml_dtypes/")


class HostGone(Exception):
    """The program that sends the requests has ended, or has sent `stop`."""


class CannotRun(Exception):
    """A cell cannot be run at all; `str()` says why."""


def write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def close_all(*fds: int) -> None:
    for fd in fds:
        try:
            os.close(fd)
        except OSError:
            pass


# --- The kernel ---------------------------------------------------------------------------------

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38


def prctl(option: int, value: int) -> bool:
    if _libc is None or not ON_LINUX:
        return False
    zero = ctypes.c_ulong(0)
    return bool(_libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero) == 0)


LIMITS = sorted(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))


def standing_of(pid: int) -> Any:
    """The limits, priority, processors and scheduling of a process. Any process of the same user
    may change them."""
    if not ON_LINUX:
        return None
    try:
        limits = [resource.prlimit(pid, what) for what in LIMITS]
        policy = os.sched_getscheduler(pid), os.sched_getparam(pid)
        return limits, os.getpriority(os.PRIO_PROCESS, pid), os.sched_getaffinity(pid), policy
    except OSError:  # it is ending
        return None


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent dies; end now if it has died already."""
    if prctl(PR_SET_PDEATHSIG, signal.SIGKILL) and os.getppid() != parent:
        os._exit(1)


class OomCounter:
    """Counts the processes that the kernel killed for memory in this control group."""

    def __init__(self) -> None:
        self.path = next((path for path in self._paths() if os.access(path, os.R_OK)), "")
        # In a container the group holds only the cell; elsewhere other processes may be in it.
        self.ours_alone = 1 in (os.getpid(), os.getppid())
        self.before = self.count_kills()

    @staticmethod
    def _paths() -> Iterator[str]:
        try:
            with open("/proc/self/cgroup") as file:
                groups = [line.rstrip("\n").split(":", 2)[1:] for line in file]
        except (OSError, ValueError):
            return
        for controllers, path in groups:
            if controllers == "":
                yield "/sys/fs/cgroup%s/memory.events" % path.rstrip("/")
                yield "/sys/fs/cgroup/memory.events"
            elif "memory" in controllers.split(","):
                yield "/sys/fs/cgroup/memory%s/memory.oom_control" % path.rstrip("/")
                yield "/sys/fs/cgroup/memory/memory.oom_control"

    def count_kills(self) -> int:
        try:
            with open(self.path) as file:
                return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
        except (OSError, ValueError, IndexError):
            return 0

    def blames_memory(self, status: int) -> bool:
        """Whether the process that ended with this wait status was killed for memory."""
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        return self.count_kills() > self.before and (killed or (self.ours_alone and status != 0))


# --- Processes ----------------------------------------------------------------------------------


class Process(NamedTuple):
    parent: int
    state: str
    threads: int
    rss: int  # bytes
    cpu: float  # seconds


_PAGE = resource.getpagesize()
_CLOCK = float(os.sysconf("SC_CLK_TCK"))


def look_at(pid: int) -> Optional[Process]:
    try:
        fd = os.open("/proc/%d/stat" % pid, os.O_RDONLY)
    except OSError:
        return None
    try:
        text = os.read(fd, 4096)
    except OSError:
        return None
    finally:
        os.close(fd)
    field = text[text.rfind(b")") + 2 :].split()
    return Process(
        int(field[1]),
        field[0].decode(),
        int(field[17]),
        int(field[21]) * _PAGE,
        (int(field[11]) + int(field[12])) / _CLOCK,
    )


def all_processes() -> Dict[int, Process]:
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return {}
    found = ((pid, look_at(pid)) for pid in pids)
    return {pid: process for pid, process in found if process is not None}


def own_share(pid: int) -> int:
    """Bytes of memory, each shared page divided by the number of its users; else the RSS."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) << 10
    except (OSError, ValueError, IndexError):
        pass
    process = look_at(pid)
    return process.rss if process else 0


def has_tensorflow(pid: int) -> Optional[bool]:
    """Whether this process has TensorFlow's libraries in its memory; None if that is hidden."""
    try:
        with open("/proc/%d/maps" % pid, "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return False  # it has ended
    except OSError:
        return None
    return any(name in text for name in TENSORFLOW)


def descendants(
    everyone: Dict[int, Process], agent: int, helper: Optional[int], spared: Optional[int] = None
) -> Dict[int, Process]:
    """The descendants of the agent and its helper, without these two. All will be killed.

    The helper counts even where /proc hides it, as a process that cannot be traced. Where /proc
    shows it, it must be the agent's child. Descendants of `spared` are left out.
    """
    children = {}  # type: Dict[int, List[int]]
    for pid, process in everyone.items():
        children.setdefault(process.parent, []).append(pid)
    todo = [agent]
    if helper is not None and (helper not in everyone or everyone[helper].parent == agent):
        todo.append(helper)
    found = {}  # type: Dict[int, Process]
    seen = {*todo, spared}
    while todo:
        root = todo.pop()
        # 0 is the kernel, the parent of all; 1 is never ours unless it is the agent.
        for pid in children.get(root, ()) if root > 0 else ():
            if pid > 1 and pid not in seen:
                seen.add(pid)
                todo.append(pid)
                found[pid] = everyone[pid]
    return found


class ProcessTree:
    """The processes of one cell: all descendants of the agent except its helper.

    Only one cell runs at a time, so every process that comes back to the subreaper is the cell's.
    """

    def __init__(self, helper: Optional[int], zygote: Optional[int]) -> None:
        self.helper, self.zygote = helper, zygote
        self.leader = 0  # the script's own process, once it is known
        self.ended = {}  # type: Dict[Optional[int], Tuple[int, int]]
        self.alive = {}  # type: Dict[int, Process]
        self.peak = 0
        # Whether one of them imported TensorFlow; None if that could not be seen.
        self.imported = helper is not None and helper == zygote  # type: Optional[bool]
        self._hidden = []  # type: List[int]  # pids whose memory the last look could not see
        self._next_walk = 0.0

    def living(self) -> Dict[int, Process]:
        """The cell's living processes, from a walk over all processes of the machine."""
        helper, zygote = (self.unless_ended(pid) for pid in (self.helper, self.zygote))
        spared = None if zygote == helper else zygote
        found = descendants(all_processes(), os.getpid(), helper, spared)
        return {pid: one for pid, one in found.items() if one.state not in "ZX"}

    def unless_ended(self, pid: Optional[int]) -> Optional[int]:
        """`pid`, or None once it was waited for: then another process may get this number."""
        return None if pid in self.ended else pid

    def refresh(self) -> None:
        """Look at the known processes, and every `WALK` seconds for new ones too."""
        now = time.monotonic()
        if now >= self._next_walk:
            self.alive = self.living()
            self._next_walk = now + WALK
        else:
            known = ((pid, look_at(pid)) for pid in {self.leader, *self.alive})
            self.alive = {pid: one for pid, one in known if one and one.state not in "ZX"}
        self.peak = max(self.peak, self.rss)
        if not self.imported:
            self._look_for_tensorflow()

    def _look_for_tensorflow(self) -> None:
        """No import is missed: it takes at least a second, and its libraries stay in memory.

        A process that is just starting is hidden too, so it counts as hidden only the second time.
        """
        seen = {pid: has_tensorflow(pid) for pid in self.alive}
        hidden = [pid for pid, found in seen.items() if found is None]
        if True in seen.values():
            self.imported = True
        elif any(pid in self._hidden for pid in hidden):
            self.imported = None
        self._hidden = hidden

    @property
    def rss(self) -> int:
        return sum(process.rss for process in self.alive.values())

    @property
    def cpu(self) -> float:
        """Processor seconds that the present processes have used."""
        return sum(process.cpu for process in self.alive.values())

    @property
    def threads(self) -> int:
        return sum(process.threads for process in self.alive.values())

    def holds_more_than(self, limit: int) -> bool:
        """Whether the processes together use more than `limit` bytes.

        Pages that they share count once: workers forked after an import share most of their memory.
        """
        if self.rss <= limit:
            return False
        if max(process.rss for process in self.alive.values()) > limit:
            return True
        shares = 0
        for pid in self.alive:
            shares += own_share(pid)
            if shares > limit:
                return True
        return False

    def collect_ended(self) -> None:
        """Collect the ended children of the agent, also those that came back to it."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.ended[pid] = (status, usage.ru_maxrss)

    def kill_all(self, patience: float = 10.0) -> int:
        """Kill until nothing is left. Returns how many processes could not be killed."""
        end = time.monotonic() + patience
        while True:
            self.collect_ended()
            left = self.living()
            if not left or time.monotonic() > end:
                return len(left)
            # All are stopped first, so that none can start another while the others are killed.
            for how in (signal.SIGSTOP, signal.SIGKILL):
                for pid in left:
                    send_signal(pid, how)
            time.sleep(0.002)

    def release(self) -> None:
        """End the helper if it is a warden, whose work is done. A zygote lives on."""
        if self.helper != self.zygote:
            self.kill_helper()

    def kill_helper(self) -> None:
        helper = self.unless_ended(self.helper)
        if helper is not None:
            send_signal(helper, signal.SIGKILL)
            try:
                _, status, usage = os.wait4(helper, 0)
                self.ended[helper] = (status, usage.ru_maxrss)
            except ChildProcessError:
                pass


def send_signal(pid: int, number: int) -> None:
    if pid <= 1 or pid == os.getpid():
        return  # 0 and below are whole groups of processes
    try:
        os.kill(pid, number)
    except OSError:
        pass


def catches(pid: int, number: int) -> bool:
    """Whether a process handles this signal; if it does not, the signal would end it."""
    try:
        with open("/proc/%d/status" % pid) as file:
            caught = [line.split()[1] for line in file if line.startswith("SigCgt:")]
    except OSError:
        return False
    return any(int(mask, 16) >> (number - 1) & 1 for mask in caught) if number else False


def wait_for(pid: int) -> None:
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass


class ProcessGroup(ProcessTree):
    """The tree where there is no /proc: then only the script's process group is known."""

    def kill_all(self, patience: float = 0.0) -> int:
        del patience
        self.collect_ended()
        if self.leader > 1 and self.leader not in self.ended:
            try:
                os.killpg(self.leader, signal.SIGKILL)
            except OSError:
                pass
        return 0

    def refresh(self) -> None:
        self.imported = self.imported or None


# --- Output -------------------------------------------------------------------------------------


class Capture:
    """The head and the tail of a stream, in bounded memory."""

    def __init__(self, head: int, tail: int) -> None:
        self.head_size, self.tail_size = head, tail
        self.head, self.tail = bytearray(), bytearray()
        self.total = 0

    def add_data(self, data: bytes) -> None:
        self.total += len(data)
        room = self.head_size - len(self.head)
        if room > 0:
            self.head += data[:room]
            data = data[room:]
        self.tail += data
        if len(self.tail) > 2 * self.tail_size + CHUNK:
            del self.tail[: len(self.tail) - self.tail_size]

    def kept_text(self) -> str:
        head, tail = bytes(self.head), bytes(self.tail[-self.tail_size :])
        if self.total == len(head) + len(tail):
            return readable(head + tail)
        head, tail = whole_characters(head, tail)
        middle = "\n… %d bytes left out …\n" % (self.total - len(head) - len(tail))
        return readable(head) + middle + readable(tail) if self.head_size else readable(tail)


def whole_characters(head: bytes, tail: bytes) -> Tuple[bytes, bytes]:
    """`head` and `tail` without the parts of UTF-8 characters on either side of the cut."""
    for back in range(1, min(4, len(head)) + 1):
        byte = head[-back]
        if byte & 0xC0 != 0x80:
            size = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            head = head[:-back] if size > back else head
            break
    skip = 0
    while skip < min(3, len(tail)) and tail[skip] & 0xC0 == 0x80:
        skip += 1
    return head, tail[skip:]


def readable(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


class Observations:
    """The `::observe NAME=JSON` lines anywhere in a stream. The last line of each name counts.

    Lines `::test JSON`, by which a suite of tests tells what came of each, are kept as they are.
    """

    MARK, TEST = b"::observe ", b"::test "
    LINE, NAMES, TOTAL, DEPTH, NOTES = 64 << 10, 200, 256 << 10, 32, 10
    TESTS = 2 << 20  # bytes of all

    def __init__(self) -> None:
        self.values = {}  # type: Dict[str, Any]
        self.tests = []  # type: List[str]
        self._tests_left = self.TESTS
        self.problems = []  # type: List[str]
        self._sizes = {}  # type: Dict[str, int]
        self._rest = b""
        self._skipping = False

    def add_data(self, data: bytes) -> None:
        if self._skipping:
            newline = data.find(b"\n")
            if newline < 0:
                return
            data, self._skipping = data[newline + 1 :], False
        data = self._rest + data
        cut = data.rfind(b"\n") + 1
        whole, self._rest = data[:cut], data[cut:]
        if self.MARK in whole or self.TEST in whole:
            for line in whole.split(b"\n"):
                self._line(line)
        # An unfinished line is kept only if it may become one of ours.
        if not any(mark.startswith(self._rest[: len(mark)]) for mark in (self.MARK, self.TEST)):
            self._rest, self._skipping = b"", True
        elif len(self._rest) > self.LINE:
            self._line(self._rest)
            self._rest, self._skipping = b"", True

    def finish(self) -> None:
        self._line(self._rest)
        self._rest = b""

    def _line(self, line: bytes) -> None:
        if line.startswith(self.TEST) and len(line) <= min(self.LINE, self._tests_left):
            self._tests_left -= len(line)
            self.tests.append(plain_text(readable(line[len(self.TEST) :])))
        if not line.startswith(self.MARK):
            return
        name = b""
        try:
            if len(line) > self.LINE:
                raise ValueError("the line is longer than %d bytes" % self.LINE)
            name, equals, value = line[len(self.MARK) :].partition(b"=")
            if not equals:
                raise ValueError("there is no '='")
            self._keep(name.decode("utf-8").strip(), value.decode("utf-8"), len(line))
        except (ValueError, RecursionError) as error:
            shown = readable(name[:40]).strip()
            self.problems.append("::observe %s: %s" % (shown, str(error)[:200]))
            if len(self.problems) > self.NOTES:
                self.problems[self.NOTES :] = ["… and more ::observe lines like these"]

    def _keep(self, name: str, value: str, size: int) -> None:
        if not name or len(name) > 200 or not name.isprintable():
            raise ValueError("the name must be 1 to 200 printable characters")
        if name not in self.values and len(self.values) >= self.NAMES:
            raise ValueError("more than %d names" % self.NAMES)
        if sum(self._sizes.values()) - self._sizes.get(name, 0) + size > self.TOTAL:
            raise ValueError("more than %d bytes of observations" % self.TOTAL)
        self.values[name] = plain_json(json.loads(value), self.DEPTH)
        self._sizes[name] = size


def plain_json(value: Any, depth: int) -> Any:
    """`value` as every JSON reader accepts it: no NaN, no half characters, no huge integers."""
    if depth < 0:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        return {plain_text(key): plain_json(one, depth - 1) for key, one in value.items()}
    if isinstance(value, list):
        return [plain_json(one, depth - 1) for one in value]
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 1024:
        raise ValueError("an integer of more than 1024 bits")
    if isinstance(value, float) and not -1.8e308 < value < 1.8e308:
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value


def plain_text(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


# --- The scratch folder -------------------------------------------------------------------------


class Scratch:
    """The folder that is a cell's HOME and TMPDIR. In it, `work` is the cell's working directory:
    a copy of the script and of the files beside it, as if a person ran the script there.

    Every cell gets a new folder under the same path. So a process that imported TensorFlow earlier
    saw the same paths as the scripts that are forked from it.
    """

    def __init__(self) -> None:
        self.base = os.environ.get(SCRATCH_VARIABLE, "")
        if self.base:
            os.mkdir(self.base, 0o700)
        else:
            import tempfile

            self.base = tempfile.mkdtemp(prefix="tfmatrix-cells-")
        self.path = os.path.join(self.base, "scratch")
        self.work = os.path.join(self.path, WORKING_FOLDER)
        self.report = os.path.join(self.base, "reads")  # what the script tried to read
        self._identity = identity(self.base)
        self._imported = []  # type: List[Tuple[str, Optional[bytes]]]
        self._data = os.environ.get(DATA_VARIABLE, "")

    def is_in_place(self) -> bool:
        """Whether the folder is still where it was made: a script may put a link in its place."""
        return identity(self.base) == self._identity

    def make_anew(self, as_imported: bool = False) -> None:
        """Make the folder anew; with `as_imported`, with the files that an import of TensorFlow
        leaves in it (`~/.keras`)."""
        if not self.is_in_place():
            raise HostGone
        self.discard()
        os.mkdir(self.path, 0o700)
        os.mkdir(self.work, 0o755)
        for name, content in self._imported if as_imported else ():
            path = os.path.join(self.path, name)
            if content is None:
                os.mkdir(path)
            else:
                with open(path, "wb") as file:
                    file.write(content)
        if self._data:
            show_data(self._data, self.path)

    def copy_script(self, script: str) -> str:
        """Copy the script's folder to the working directory. Returns the path of the copy."""
        folder, name = os.path.split(script)
        try:
            copy_tree(folder, self.work)
        except OSError as error:
            raise CannotRun("the script's files cannot be copied: %s" % error) from None
        return os.path.join(self.work, name)

    def remember_import(self) -> bool:
        """Keep the files that an import has just left here. False where they are too many or large.

        They are kept in memory, where no script can change them for later scripts.
        """
        self._imported = []
        size = 0
        for folder, folders, files in os.walk(self.path):
            if folder == self.path:
                folders.remove(WORKING_FOLDER)  # each cell gets its own
            here = os.path.relpath(folder, self.path)
            if self._data:  # each cell gets links to it anyway
                folders[:] = [n for n in folders if not os.path.islink(os.path.join(folder, n))]
                files = [n for n in files if not os.path.islink(os.path.join(folder, n))]
            self._imported += [(os.path.join(here, name), None) for name in folders]
            for name in files:
                size += os.lstat(os.path.join(folder, name)).st_size
                if size > 1 << 20 or len(self._imported) > 200:
                    return False
                with open(os.path.join(folder, name), "rb") as file:
                    self._imported.append((os.path.join(here, name), file.read()))
        return True

    def discard(self) -> None:
        """Empty the base. `path` is free at once, even where something cannot be removed."""
        if not self.is_in_place():
            return
        try:
            os.chmod(self.base, 0o700)
            os.rename(self.path, os.path.join(self.base, random_name()))
        except OSError:
            pass
        for name in os.listdir(self.base):
            remove_tree(self.base, name)

    def is_clean(self) -> bool:
        """Whether the next cell would find nothing of earlier cells, not even in `..`."""
        return self.is_in_place() and not os.listdir(self.base)

    def remove(self) -> None:
        remove_folder(self.base)


def show_data(data: str, home: str) -> None:
    """`data` as `~/data`, and what lies in its `.keras` in `~/.keras`; or it is such a folder."""
    if os.path.basename(data) != ".keras":
        os.symlink(data, os.path.join(home, "data"))
        data = os.path.join(data, ".keras")
    link_files(data, os.path.join(home, ".keras"))


def link_files(source: str, target: str) -> None:
    """A link in `target` to each file of `source`, in folders that are the cell's own: Keras
    unpacks archives beside them, and takes another folder where it may not write to this one."""
    if not os.path.isdir(source):
        return
    if not os.path.isdir(target):
        os.mkdir(target)
    for name in os.listdir(source):
        path, link = os.path.join(source, name), os.path.join(target, name)
        if os.path.isdir(path):
            link_files(path, link)
        elif not os.path.lexists(link):
            os.symlink(path, link)


def random_name() -> str:
    """A name that no script can foresee, so that no script can occupy it."""
    return "trash-" + binascii.hexlify(os.urandom(8)).decode()


def copy_tree(source: str, target: str) -> None:
    """Copy the content of `source` into the folder `target`, which exists; links are followed.

    The copies are no links to the originals, because a script may write to each of its files.
    """
    with os.scandir(source) as entries:
        for entry in entries:
            copy = os.path.join(target, entry.name)
            if entry.is_dir():
                if entry.name != "__pycache__":
                    os.mkdir(copy, 0o755)
                    copy_tree(entry.path, copy)
            elif entry.is_file():
                copy_file(entry.path, copy)


def copy_file(source: str, target: str) -> None:
    with open(source, "rb") as there:
        executable = os.fstat(there.fileno()).st_mode & 0o100
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755 if executable else 0o644)
        try:
            while True:
                data = there.read(1 << 20)
                if not data:
                    return
                write_all(fd, data)
        finally:
            os.close(fd)


def identity(path: str) -> Optional[Tuple[int, int]]:
    try:
        info = os.lstat(path)
    except OSError:
        return None
    return info.st_dev, info.st_ino


def remove_folder(folder: str) -> None:
    """Remove a folder with its content, as far as possible. Never raises `OSError`."""
    try:
        if os.path.islink(folder):  # a script put a link there: its target is not ours to remove
            return os.unlink(folder)
        for name in os.listdir(folder):
            remove_tree(folder, name)
        os.rmdir(folder)
    except OSError:
        pass


def remove_tree(folder: str, name: str) -> None:
    """Remove `folder`/`name`, however deep, long-named or write-protected. Follows no links.

    Folders in it are moved up to `folder` before they are emptied: so deep folders need neither
    many open files nor long paths. What cannot be removed stays. No other process may write there.
    """
    base = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    todo = [name] if _is_moved(base, name, base, name) else []
    try:
        while todo:
            this = todo.pop()
            try:
                inside = os.open(this, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=base)
            except OSError:
                continue
            for child in os.listdir(inside):
                moved = random_name()
                if _is_moved(inside, child, base, moved):
                    todo.append(moved)
            os.close(inside)
            try:
                os.rmdir(this, dir_fd=base)
            except OSError:
                pass
    finally:
        os.close(base)


def _is_moved(inside: int, child: str, base: int, moved: str) -> bool:
    """Move `child` to `moved` and make it writable if it is a folder, else remove it."""
    try:
        if not stat.S_ISDIR(os.lstat(child, dir_fd=inside).st_mode):
            os.unlink(child, dir_fd=inside)
            return False
        os.chmod(child, 0o700, dir_fd=inside)
        os.rename(child, moved, src_dir_fd=inside, dst_dir_fd=base)
        return True
    except OSError:
        return False


class SharedFolders:
    """The folders to which every script of a container may write besides its scratch folder.

    They are emptied between cells, because the next cell could read or lack what one left there.
    """

    def __init__(self) -> None:
        self.folders = [name for name in os.environ.get(COMMON_VARIABLE, "").split(":") if name]
        self.remember()

    def remember(self) -> None:
        """Keep what is there now: the scratch folders, and files that an import left."""
        self.kept = set(self._paths())

    def _paths(self) -> Iterator[Tuple[str, str]]:
        for folder in self.folders:
            try:
                for name in os.listdir(folder):
                    yield folder, name
            except OSError:
                continue

    def empty(self) -> None:
        for folder, name in list(self._paths()):
            if (folder, name) not in self.kept:
                remove_tree(folder, name)
        if self.folders:
            remove_shared_memory()


def remove_shared_memory() -> None:
    """Remove System V's shared memory, semaphores and queues: they outlive the processes."""
    removers = {"shm": "shmctl", "sem": "semctl", "msg": "msgctl"}
    for kind, remover in removers.items() if _libc is not None else ():
        try:
            with open("/proc/sysvipc/" + kind) as file:
                found = [int(line.split()[1]) for line in file.readlines()[1:]]
        except (OSError, ValueError, IndexError):
            continue
        for number in found:
            # IPC_RMID; semctl takes one more argument, the number of a semaphore.
            arguments = (number, 0, 0) if kind == "sem" else (number, 0, None)
            getattr(_libc, remover)(*arguments)


FILE_SPARE = 1 << 20
"""A single file may be larger by this than all files together: so what stops at its limit has
exceeded the other one too, whatever an import left there before."""
FILE_TOO_LARGE = tuple(form % os.strerror(errno.EFBIG) for form in ("] %s", "; %s"))
"""What the last line of Python's or of TensorFlow's message holds then."""


class DiskUse:
    """Notices when a cell has written more than allowed. Looking takes a tenth of the time at most.

    Free space would not show it: other programs write to the same disk, and remove files.
    """

    EVERY = 0.25

    def __init__(self, path: str, limit: int) -> None:
        """Files that are in `path` already do not count."""
        self.path, self.limit = path, 1 << 62
        self.limit = limit + self._used()
        self.next_look = time.monotonic() + self.EVERY

    def exceeded(self) -> bool:
        now = time.monotonic()
        if now < self.next_look:
            return False
        over = self.is_over()
        self.next_look = time.monotonic() + max(self.EVERY, 10 * (time.monotonic() - now))
        return over

    def is_over(self) -> bool:
        return self._used() > self.limit

    def blames_disk(self, status: int, errors: str) -> bool:
        """Whether a script that has ended by itself had written too much: nothing looked in time,
        or the limit of a single file stopped it and the file is gone."""
        last = errors.rstrip().rpartition("\n")[2]
        stopped = status != 0 and any(text in last for text in FILE_TOO_LARGE)
        return stopped or self.is_over()

    def _used(self) -> int:
        used, todo = 0, [self.path]
        while todo and used <= self.limit:
            try:
                with os.scandir(todo.pop()) as entries:
                    for entry in entries:
                        info = entry.stat(follow_symlinks=False)
                        used += info.st_blocks * 512
                        if stat.S_ISDIR(info.st_mode):
                            todo.append(entry.path)
            except OSError:
                continue
        return used


# --- Requests and answers -----------------------------------------------------------------------


class Request:
    """One `run` request, checked."""

    def __init__(self, fields: Dict[str, Any]) -> None:
        self.id = fields.get("id")
        self.script = os.path.abspath(self._get(fields, "script", str))
        self.copy = self.script  # of the script, in the working directory
        self.args = self._get(fields, "args", list)  # type: List[str]
        self.env = self._get(fields, "env", dict)  # type: Dict[str, str]
        self.timeout = float(self._get(fields, "timeout", (int, float)))
        self.memory = int(self._get(fields, "memory_mb", int)) << 20
        self.processes = int(self._get(fields, "processes", int))
        self.output = min(self._get(fields, "output_kb", int), OUTPUT_MOST) << 10
        self.scratch = int(self._get(fields, "scratch_mb", int)) << 20
        self.mode = self._get(fields, "mode", str)
        self.ends_well = fields.get("ends_well") is True
        self.prologue = fields.get("prologue", "")
        self.keep = fields.get("keep", "")  # the folder whose files are kept, "" for none
        texts = [self.script, self.prologue, self.keep, *self.args, *self.env, *self.env.values()]
        if not all(isinstance(text, str) and "\0" not in text for text in texts):
            raise CannotRun("a request's script, arguments and environment are texts without NUL")
        if any(not name or "=" in name for name in self.env):
            raise CannotRun("an environment variable's name is empty or holds '='")
        if not os.access(self.script, os.R_OK) or os.path.isdir(self.script):
            raise CannotRun("the script %s cannot be read in the environment" % self.script)

    def begins_with_prologue(self) -> bool:
        """Whether the script still begins with the text that was examined."""
        with open(self.script, "rb") as file:
            return file.read(self.prologue_size) == to_utf8(self.prologue)

    @property
    def prologue_size(self) -> int:
        """In bytes."""
        return len(to_utf8(self.prologue))

    @staticmethod
    def _get(fields: Dict[str, Any], name: str, kind: Any) -> Any:
        value = fields.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise CannotRun("the request's %r is missing or of the wrong type" % name)
        return value


class Engine:
    """The other end of the agent's standard input and output."""

    def __init__(self, requests: int, answers: int) -> None:
        self.requests, self.answers = requests, answers
        self.lines = deque()  # type: deque[Dict[str, Any]]
        self._rest = b""

    def read_requests(self) -> None:
        """Read the requests that have come. Raises `HostGone` at their end and at `stop`."""
        data = os.read(self.requests, CHUNK)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if not data or len(self._rest) > 64 << 20:
            raise HostGone
        for line in lines:
            try:
                fields = json.loads(line.decode("utf-8"))
            except (ValueError, RecursionError):
                fields = None
            fields = fields if isinstance(fields, dict) else {"op": "unreadable"}
            if fields.get("op") == "stop":
                raise HostGone
            self.lines.append(fields)

    def next_request(self) -> Dict[str, Any]:
        while not self.lines:
            self.read_requests()
        return self.lines.popleft()

    def send_event(self, event: str, **fields: Any) -> None:
        fields["event"] = event
        try:
            write_all(self.answers, json.dumps(fields, allow_nan=False).encode("ascii") + b"\n")
        except OSError:
            raise HostGone from None


# --- What a script leaves -----------------------------------------------------------------------


class LeftFiles:
    """The plain files that a cell makes or changes below one folder of its working directory.

    They are packed into the answer, up to limits. No link is followed, neither in the folder nor
    on the way to it.
    """

    def __init__(self, work: str, folder: str) -> None:
        """The folder's files are noted as they are now. No folder: nothing is kept."""
        self._work, self._folder = work, folder
        self._before = {path: standing for path, standing, _, _ in self._found()}
        self._problems_before = set(self._problems)
        self._length = self._read = 0  # characters packed, and bytes read of files
        self._packed = {}  # type: Dict[str, List[str]]
        self._problems = []  # type: List[str]

    def pack(self) -> Dict[str, Any]:
        """The answer's fields: `files`, for each its SHA-256 and its content (zlib, base 85), and
        `left_out`, what was left too and is not kept."""
        for path, standing, mode, folder in self._found():
            if self._before.get(path) == standing:
                continue
            problem = self._problem_with(path, mode, standing[1]) or self._pack_file(path, folder)
            if problem:
                self._problems.append(problem)
        if self._looks > LEFT_LOOKS:
            self._problems.append("more than %d files and folders" % LEFT_LOOKS)
        problems = [each for each in self._problems if each not in self._problems_before]
        told = problems[:LEFT_TOLD]
        if len(problems) > LEFT_TOLD:
            told.append("%d more" % (len(problems) - LEFT_TOLD))
        return {"files": self._packed, "left_out": told}

    def _found(self) -> Iterator[Tuple[str, Tuple[int, ...], int, int]]:
        """For all but folders: the path below the folder, what a change of the content changes,
        the mode, and the open folder that it lies in."""
        self._problems, self._looks = [], 0
        if not self._folder:
            return
        try:
            work = os.open(self._work, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # the script removed it
            return
        try:
            yield from self._below(work, self._folder, "", 0)
        finally:
            os.close(work)

    def _below(
        self, parent: int, name: str, path: str, depth: int
    ) -> Iterator[Tuple[str, Tuple[int, ...], int, int]]:
        if depth > LEFT_DEPTH:
            self._problems.append("folders more than %d deep" % LEFT_DEPTH)
            return
        try:
            folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        except FileNotFoundError:
            return
        except OSError:
            self._problems.append("%s, which is no folder that can be read" % shown(path or name))
            return
        try:
            for child in sorted(os.listdir(folder)):
                self._looks += 1
                if self._looks > LEFT_LOOKS:
                    break
                try:
                    info = os.lstat(child, dir_fd=folder)
                except OSError:
                    continue
                text = os.fsencode(child).decode("utf-8", "surrogateescape")
                there = path + "/" + text if path else text
                if not stat.S_ISDIR(info.st_mode):
                    standing = info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns
                    yield there, standing, info.st_mode, folder
                elif child != "__pycache__":
                    yield from self._below(folder, child, there, depth + 1)
        finally:
            os.close(folder)

    def _problem_with(self, path: str, mode: int, size: int) -> str:
        if not stat.S_ISREG(mode):
            return "%s, which is no plain file" % shown(path)
        if not path.isprintable():
            return "a file whose name is no text: %s" % ascii(path)[:200]
        if len(path) > LEFT_NAME:
            return "a file whose name is longer than %d: %s" % (LEFT_NAME, shown(path))
        if len(self._packed) == LEFT_FILES:
            return "more than %d files, with %s" % (LEFT_FILES, shown(path))
        if self._read + size > LEFT_BYTES:
            return "more than %d MiB, with %s" % (LEFT_BYTES >> 20, shown(path))
        return ""

    def _pack_file(self, path: str, folder: int) -> str:
        """Pack one file in pieces: neither it nor its packed text need fit into the memory."""
        import base64  # here, for a process that forks has what this file imports
        import hashlib
        import zlib

        digest, packer = hashlib.sha256(), zlib.compressobj(6)
        room = (LEFT_TEXT - self._length - len(json.dumps(path)) - 100) // 5 * 4  # bytes
        packed = bytearray()
        try:
            name = path.rpartition("/")[2].encode("utf-8", "surrogateescape")
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            with open(fd, "rb", buffering=0) as file:
                while True:
                    data = file.read(CHUNK)
                    self._read += len(data or b"")
                    packed += packer.compress(data) if data else packer.flush()
                    if self._read > LEFT_BYTES:  # it grew
                        return "more than %d MiB, with %s" % (LEFT_BYTES >> 20, shown(path))
                    if len(packed) > room:
                        most = LEFT_TEXT * 0.8e-6
                        return "more than %.1f MB, compressed, with %s" % (most, shown(path))
                    if not data:
                        break
                    digest.update(data)
        except OSError as error:
            return "%s, which cannot be read: %s" % (shown(path), error.strerror)
        text = base64.b85encode(bytes(packed)).decode("ascii")
        self._length += len(text) + len(json.dumps(path)) + 100
        self._packed[path] = [digest.hexdigest(), text]
        return ""


def shown(path: str) -> str:
    return ascii(path)[1:-1][:200]


# --- What a script reads ------------------------------------------------------------------------


class OpenedFiles:
    """Records which files of a folder any process opens while a cell runs (inotify).

    Python's audit hook would not see the files that TensorFlow's C++ code or another program reads.
    """

    OPEN, OF_A_FOLDER, LOST, FOLDERS_ONLY = 0x20, 0x40000000, 0x4000, 0x01000000
    HEAD = struct.Struct("iIII")  # watch, event, cookie, length of the name that follows
    MOST = 2000  # names; if there are more, the cell counts as one that read everything

    def __init__(self, folder: str) -> None:
        self._folders = {}  # type: Dict[int, str]
        self._complete = True
        self._fd = -1
        if _libc is None or not hasattr(_libc, "inotify_init1"):
            self._complete = False
            return
        self._fd = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        for place, _, _ in os.walk(folder) if self._fd >= 0 else ():
            name = ctypes.c_char_p(os.fsencode(place))
            watch = _libc.inotify_add_watch(self._fd, name, self.OPEN | self.FOLDERS_ONLY)
            self._folders[watch] = os.path.relpath(place, folder)
        self._complete = self._fd >= 0 and -1 not in self._folders

    def sorted_names(self) -> Optional[List[str]]:
        """The opened files below the folder, sorted; None where not all were seen.

        Call this once, at the end.
        """
        found = set()
        for watch, what, name in self._events():
            if what & self.LOST:
                self._complete = False
            elif name and not what & self.OF_A_FOLDER:
                found.add(os.path.normpath(os.path.join(self._folders[watch], name)))
        close_all(*[fd for fd in [self._fd] if fd >= 0])
        return sorted(found) if self._complete and len(found) <= self.MOST else None

    def _events(self) -> Iterator[Tuple[int, int, str]]:
        while self._fd >= 0:
            try:
                data = os.read(self._fd, CHUNK)
            except OSError:  # there are no more events
                return
            while data:
                watch, what, _, size = self.HEAD.unpack_from(data)
                name = data[self.HEAD.size : self.HEAD.size + size].rstrip(b"\0")
                data = data[self.HEAD.size + size :]
                yield watch, what, os.fsdecode(name)


CAN_WATCH = sys.version_info >= (3, 8)


def watch_reads(work: str, base: str, report: str, agent: str) -> None:
    """Runs in the script's process. Notes in `report` which folders the script lists (L), which
    files below `work` it misses (M), which files it opens outside `base`, the system and Python
    (X), and TensorFlow's GIT_VERSION once that is imported (G). Opening the file `agent` does not
    count: a forked child opens it to print a traceback.

    A record is the kind, a space, a path or the GIT_VERSION, and a NUL. The text of this function
    also runs alone, as a `sitecustomize` (see `with_watcher`), so it uses nothing of this file.
    """
    import os
    import sys

    events = ("open", "os.listdir", "os.scandir", "sqlite3.connect", "ctypes.dlopen")
    python = (sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.__file__))
    places = ["/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin"]
    places += ["/run", "/var/cache", "/var/lib", "/tfmatrix"]
    for place in (*python, base):
        places += [place, os.path.realpath(place)]
    finders = ("importlib.metadata", "importlib_metadata", "pkg_resources")
    harmless = tuple({place.rstrip("/") + "/" for place in places})
    works = (work + "/", os.path.realpath(work) + "/")
    seen: Set[Tuple[str, str]] = set()
    abspath, fsdecode, fsencode, lexists = (
        os.path.abspath,
        os.fsdecode,
        os.fsencode,
        os.path.lexists,
    )
    get_frame, open_file, write, close = sys._getframe, os.open, os.write, os.close
    modules, versions = sys.modules, "tensorflow.python.framework.versions"
    told = []  # type: List[str]
    making = os.O_WRONLY | os.O_TRUNC | os.O_EXCL
    appending = os.O_WRONLY | os.O_APPEND | os.O_CREAT

    def record(kind, path):  # type: (str, str) -> None
        if (kind, path) in seen or len(seen) > 1000:
            return
        seen.add((kind, path))
        fd = open_file(report, appending, 0o600)
        try:
            write(fd, fsencode("%s %s" % (kind, path)) + b"\0")
        finally:
            close(fd)

    def tell_version():  # type: () -> None
        # Looked up, not imported: `tf.GIT_VERSION` warns on some releases.
        version = getattr(modules.get(versions), "GIT_VERSION", None)
        if isinstance(version, (str, bytes)):
            told.append(versions)
            record("G", fsdecode(version))

    def record_event(event, args):  # type: (str, Tuple[Any, ...]) -> None
        if event not in events:
            return
        if not told and versions in modules:
            tell_version()
        path = args[0]
        try:
            if path is None and event.startswith("os."):
                path = "."
            if path is None or isinstance(path, int) or path in ("", b"", ":memory:"):
                return
            if event == "open" and isinstance(args[2], int) and args[2] & making:
                return
            path = fsdecode(path)
            if event == "ctypes.dlopen" and "/" not in path:
                return
            path = abspath(path)
            if "/__pycache__" in path or path.endswith((".pyc", ".pyo")):
                return
            below = path + "/"
            for place in works:
                if below.startswith(place):
                    name = path[len(place) :] or "."
                    if event.startswith("os."):
                        # Python lists the script's folder in each search for a module, and the
                        # finders of installed packages list each folder of sys.path.
                        asking = get_frame(1)
                        frozen = asking.f_code.co_filename.startswith("<frozen importlib")
                        if not frozen and asking.f_globals.get("__name__") not in finders:
                            record("L" if lexists(path) else "M", name)
                    elif not lexists(path):
                        record("M", name)
                    return
            if path != agent and not below.startswith(harmless):
                record("X", path)
        except (OSError, ValueError, TypeError):
            pass

    sys.addaudithook(record_event)


def show_stacks(number: int) -> None:
    """Runs in the script's process: at the signal `number`, write the stacks of all threads to
    standard error.

    The handler is C code, so it works whatever the process waits for, and `signal.getsignal` does
    not show it. The text of this function also runs alone.
    """
    import sys

    there = sys.modules.get("faulthandler")
    try:
        import faulthandler

        if number:
            faulthandler.register(number, file=2)
    except (ImportError, AttributeError, OSError, RuntimeError, ValueError):
        pass
    if there is None:
        sys.modules.pop("faulthandler", None)


# The end of what `with_watcher` reads of this file.

SITECUSTOMIZE = """{functions}
def _begin():
    import os, sys
    ours = os.path.dirname(os.path.abspath(__file__))
    rest = [name for name in os.environ.pop("PYTHONPATH").split(os.pathsep)[1:]]
    if rest:
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    sys.path[:] = [name for name in sys.path if name != ours]
    sys.path_importer_cache.pop(ours, None)
    this = sys.modules.pop(__name__)
    try:
        import sitecustomize
    except ImportError as error:
        if error.name != __name__:
            raise
        sys.modules[__name__] = this
        return error
    finally:
        show_stacks({number})
        if sys.version_info >= (3, 8):
            watch_reads({work!r}, {base!r}, {report!r}, "")

_none = _begin()
if _none is not None:
    raise _none  # as if there were no sitecustomize
"""


def with_watcher(env: Dict[str, str], scratch: Scratch) -> Dict[str, str]:
    """`env` with a hidden `sitecustomize` for Python: it watches what the script reads, and prints
    the stacks at the signal `STACKS`."""
    with open(THIS_FILE, encoding="utf-8") as file:
        text = file.read()
    functions = text[text.index("\ndef watch_reads(") : text.index("\n# The end of what `with_w")]
    folder = os.path.join(scratch.base, "watcher")
    remove_tree(scratch.base, "watcher")  # a script before this one may have changed it
    os.mkdir(folder, 0o700)
    facts = {"work": scratch.work, "base": scratch.base, "report": scratch.report}
    facts["number"] = str(STACKS)
    with open(os.path.join(folder, "sitecustomize.py"), "x", encoding="utf-8") as file:
        file.write(SITECUSTOMIZE.format(functions=functions, **facts))
    path = [folder] + ([env["PYTHONPATH"]] if env.get("PYTHONPATH") else [])
    return dict(env, PYTHONPATH=os.pathsep.join(path))


def noted_by_hook(scratch: Scratch) -> Dict[str, List[str]]:
    """The records of `watch_reads`, by kind."""
    noted = {"L": [], "M": [], "X": [], "G": []}  # type: Dict[str, List[str]]
    try:
        # The script may have put a pipe or a link in its place: neither wait nor follow.
        fd = os.open(scratch.report, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with open(fd, "rb") as file:
            records = (file.read(1 << 20) or b"").split(b"\0")[:-1]
        os.unlink(scratch.report)
    except OSError:
        records = []
    for record in records:
        kind, _, path = plain_text(os.fsdecode(record)).partition(" ")
        noted.setdefault(kind, []).append(path)
    return noted


def reads_of(noted: Dict[str, List[str]], opened: OpenedFiles) -> Dict[str, Any]:
    """What a cell has read. `opened` is None where some files were not seen, `listed` where none
    could be."""
    return {
        "opened": opened.sorted_names(),
        "listed": noted["L"] if CAN_WATCH else None,
        "missing": noted["M"],
        "outside": noted["X"],
    }


def git_version_of_library() -> str:
    """TensorFlow's GIT_VERSION from its library, up to release 2.8; "" where it has none.

    A process of its own loads the library: the agent must not hold anything of TensorFlow.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            close_all(reading)
            names = ("libtensorflow_framework.so" + end for end in ("", ".1", ".2"))
            packages = ("tensorflow_core", "tensorflow")
            for parts in itertools.product(sys.path, packages, names):
                if os.path.exists(os.path.join(*parts)):
                    function = ctypes.CDLL(os.path.join(*parts))._Z14tf_git_versionv
                    function.restype = ctypes.c_char_p
                    write_all(writing, function())
                    break
        finally:
            os._exit(0)
    close_all(writing)
    with open(reading, "rb") as file:
        text = readable(file.read(1000))
    wait_for(pid)
    return text


# --- Starting a script --------------------------------------------------------------------------


class Pipes(NamedTuple):
    """The pipes of a script's process: its two outputs, and one that tells its fate.

    The fate is lines: `P pid` from the script's process before it becomes the script, `S status
    rss` (of wait4; KiB) from its parent, `E text` where the script could not be started.
    """

    out: int
    err: int
    fate: int


def script_environment(request: Request, scratch: Scratch) -> Dict[str, str]:
    """A script's environment: the agent's, without our variables and those that slow imports."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TFMATRIX_")}
    # Without bytecode an import of TensorFlow takes three times as long.
    for name in ("PYTHONDONTWRITEBYTECODE", "OLDPWD"):
        env.pop(name, None)
    env.update(HOME=scratch.path, TMPDIR=scratch.path, PWD=scratch.work, PYTHONUNBUFFERED="1")
    env.update(request.env)
    return env


def to_utf8(text: str) -> bytes:
    """`text` as UTF-8; by itself, Python 3.6 would use ASCII in the C locale."""
    return text.encode("utf-8", "surrogateescape")


def set_limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def become_cell(parent: int, pipes: Pipes, work: str, file_size: Optional[int]) -> None:
    """Set this new process up as a script's process. Both modes use it."""
    die_with(parent)
    os.setsid()
    os.dup2(pipes.out, 1)
    os.dup2(pipes.err, 2)
    os.chdir(work)
    if os.environ.get(COMMON_VARIABLE):
        # Priorities do not change a container's share of the processors. Within the container the
        # agent comes first, so that it can end a script that starts ever more processes.
        os.nice(10)
    set_limit(resource.RLIMIT_CORE, 0)
    if file_size is not None:
        set_limit(resource.RLIMIT_FSIZE, file_size + FILE_SPARE)
    prctl(PR_SET_NO_NEW_PRIVS, 1)  # else it could start processes that we may not kill
    prctl(PR_SET_DUMPABLE, 1)
    try:
        # Where memory runs out, the kernel shall kill the script first.
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(fd, b"500")
        finally:
            os.close(fd)
    except OSError:
        pass


def default_signals() -> None:
    """Reset all signals: Python ignores some, and they would stay ignored across exec."""
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def start_python(argv: List[str], env: Dict[str, str]) -> None:
    default_signals()
    os.execve(
        os.fsencode(sys.executable),
        [os.fsencode(sys.executable)] + [to_utf8(arg) for arg in argv],
        {to_utf8(name): to_utf8(value) for name, value in env.items()},
    )


def start_warden(request: Request, scratch: Scratch, pipes: Pipes, private: List[int]) -> int:
    """Fork a process that does nothing but be the script's parent. Returns its pid."""
    agent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        die_with(agent)
        close_all(*private)
        me, env = os.getpid(), with_watcher(script_environment(request, scratch), scratch)
        script = os.fork()
        if script == 0:
            try:
                become_cell(me, pipes, scratch.work, request.scratch)
                write_all(pipes.fate, b"P %d\n" % os.getpid())
                start_python([request.copy, *request.args], env)
            except BaseException as error:
                write_all(pipes.fate, b"E %s\n" % to_utf8(str(error).replace("\n", " ")))
            os._exit(127)
        close_all(pipes.out, pipes.err)
        tell_fate(script, pipes.fate)
    except BaseException as error:
        write_all(pipes.fate, b"E %s\n" % to_utf8(str(error).replace("\n", " ")))
    finally:
        os._exit(0)


def tell_fate(script: int, fate: int) -> None:
    _, status, usage = os.wait4(script, 0)
    write_all(fate, b"S %d %d\n" % (status, usage.ru_maxrss))


# --- One cell -----------------------------------------------------------------------------------


class Cell:
    """One script, from its start until all its processes have ended."""

    def __init__(
        self, request: Request, engine: Engine, scratch: Scratch, zygote: Optional[int]
    ) -> None:
        """`zygote` is the pid of the living zygote, even if this cell is not forked from it."""
        self.request, self.engine, self.scratch = request, engine, scratch
        self.zygote = zygote
        self.output = Capture(request.output // 2, request.output - request.output // 2)
        self.errors = Capture(0, ERRORS_KEPT)
        self.observations = Observations()
        self.notes = []  # type: List[str]
        self.killed_for = None  # type: Optional[str]
        self.status = None  # type: Optional[int]
        self.script = 0  # pid
        self.maxrss = 0  # KiB, as the kernel counted it
        self.seconds = 0.0
        self.imported_before = 0.0  # seconds that the import took: a fresh process spends them too
        self.failure = ""
        self._fate_text = b""
        self._readers = {}  # type: Dict[int, Any]
        self._poll = select.poll()

    def measure(self, zygote: "Optional[Zygote]") -> Dict[str, Any]:
        self.oom = OomCounter()
        self.left = LeftFiles(self.scratch.work, self.request.keep)
        self.opened = OpenedFiles(self.scratch.work)
        self.disk = DiskUse(self.scratch.base, self.request.scratch)
        (out, out_w), (err, err_w), (fate, fate_w) = os.pipe(), os.pipe(), os.pipe()
        self._readers = {out: self._on_out, err: self._on_err, fate: self._on_fate}
        for fd in (*self._readers, self.engine.requests):
            self._poll.register(fd, select.POLLIN)
        try:
            self._start(zygote, Pipes(out_w, err_w, fate_w))
            self.engine.send_event("started", id=self.request.id, pid=self.helper)
            self._carry_out(fate)
        finally:
            close_all(*self._readers)
            noted = noted_by_hook(self.scratch)
            self.reads = reads_of(noted, self.opened)
            self.git_version = next(iter(noted["G"]), "")
        return self._facts("fork" if zygote else "fresh")

    def _start(self, zygote: "Optional[Zygote]", pipes: Pipes) -> None:
        self.began = time.monotonic()
        self._worked = self.began, 0.0  # when it was last seen working, and its CPU seconds then
        try:
            if zygote is None:
                private = [self.engine.requests, self.engine.answers, *self._readers]
                self.helper = start_warden(self.request, self.scratch, pipes, private)
            else:
                self.helper, self.imported_before = zygote.pid, zygote.import_seconds
                self._on_out(zygote.printed[0])
                self._on_err(zygote.printed[1])
                zygote.start_cell(self.request, pipes)
        finally:
            close_all(*pipes)
        kind = ProcessTree if os.path.exists("/proc/self/stat") else ProcessGroup
        self.tree = kind(self.helper, self.zygote)

    def _carry_out(self, fate: int) -> None:
        try:
            self._watch(fate)
            if self.killed_for == "timeout":
                self._ask_for_stacks()
            if self.status is None:
                self._kill(fate)
            self.seconds = self.seconds or time.monotonic() - self.began
            # A pipe that is still open is held by a process that the script left behind.
            self._read_until(time.monotonic() + DRAIN)
        finally:
            if self.tree.kill_all():
                self.notes.append("some processes could not be killed and may still be there")
            self.tree.release()
        self._read_until(time.monotonic() + 1.0, only_what_is_there=True)
        self.observations.finish()

    # Reading. Each reader gets b"" at the end of its pipe.

    def _on_out(self, data: bytes) -> None:
        self.output.add_data(data)
        self.observations.add_data(data)

    def _on_err(self, data: bytes) -> None:
        self.output.add_data(data)
        self.errors.add_data(data)

    def _on_fate(self, data: bytes) -> None:
        lines = (self._fate_text + data).split(b"\n")
        self._fate_text = lines.pop()
        for line in lines:
            what, _, rest = line.partition(b" ")
            if what == b"P":
                self.script = int(rest)
                self.tree.leader = self.script
            elif what == b"S":
                status, maxrss = rest.split()
                self._ended(int(status), int(maxrss))
            elif what == b"E":
                self.failure = readable(rest)

    def _ended(self, status: int, maxrss: int) -> None:
        if self.status is None:
            self.status, self.seconds = status, self.seconds or time.monotonic() - self.began
            self.maxrss = maxrss

    def _read(self, timeout: float) -> bool:
        """Read once from each pipe that has data. False where none had any."""
        ready = self._poll.poll(max(0.0, timeout) * 1000)
        for fd, _ in ready:
            if fd == self.engine.requests:
                self.engine.read_requests()
                continue
            data = os.read(fd, CHUNK)
            self._readers[fd](data)
            if not data:
                self._poll.unregister(fd)
                del self._readers[fd]
                os.close(fd)
        return bool(ready)

    def _read_until(self, end: float, only_what_is_there: bool = False) -> None:
        while self._readers:
            left = end - time.monotonic()
            if left <= 0 or not self._read(0 if only_what_is_there else left):
                return

    # Watching.

    def _watch(self, fate: int) -> None:
        """Read, and look at the processes, until the script has ended or exceeds a limit."""
        end, look = self.began + self.request.timeout - self.imported_before, self.began
        while self.status is None and self.killed_for is None:
            now = time.monotonic()
            if now >= min(look, end) or fate not in self._readers:
                self.tree.collect_ended()
                self.tree.refresh()
                self._find_missed_end(fate)
                self._check(now, end)
                # Looking may take no more than a small part of the machine.
                look = now + min(SLOWEST_TICK, max(TICK, 20 * (time.monotonic() - now)))
            pause = min(look, end) - time.monotonic()
            self._read(min(pause, 0.01) if fate not in self._readers else pause)

    def _check(self, now: float, end: float) -> None:
        if self.status is not None:
            return
        if now >= end or self._is_idle(now):
            self.killed_for = "timeout"
        elif self.tree.threads > self.request.processes:
            self.killed_for = "processes"
        elif self.tree.holds_more_than(self.request.memory):
            self.killed_for = "memory"
        elif self.disk.exceeded():
            self.killed_for = "disk"
        if self.killed_for is not None:
            self.seconds = now - self.began
            self._note_why(self.seconds)

    def _is_idle(self, now: float) -> bool:
        """Whether its processes have been idle for so long that it will not end by itself."""
        cpu = self.tree.cpu
        if not self.tree.alive or abs(cpu - self._worked[1]) > IDLE * WORK:
            self._worked = now, cpu
        idle = now - self._worked[0]
        if idle > IDLE:
            self.notes.append("it hangs: it has used no processor time for %.0f s" % idle)
        return idle > IDLE

    def _note_why(self, seconds: float) -> None:
        self.notes.append(
            "ended for %s after %.1f s: %d processes, %d threads, %d MiB, %.1f s of CPU time"
            % (
                self.killed_for,
                seconds,
                len(self.tree.alive),
                self.tree.threads,
                self.tree.rss / MIB,
                self.tree.cpu,
            )
        )
        if self.imported_before:
            self.notes.append(
                "%.1f s of its time limit are those in which its TensorFlow was imported"
                % self.imported_before
            )

    def _ask_for_stacks(self) -> None:
        """Add to the log where each Python process of the cell stands, without frames of ours."""
        asked = [pid for pid in self.tree.alive if catches(pid, STACKS)]
        readers, said = self._readers, Capture(STACKS_KEPT, 0)
        self._readers = {
            fd: said.add_data if read == self._on_err else read for fd, read in readers.items()
        }
        for pid in asked[:MOST_STACKS]:
            # One after the other: what two processes write at the same time would be mixed.
            before = said.total
            send_signal(pid, STACKS)
            for _ in range(STACKS_LOOKS):
                self._read_until(time.monotonic() + STACKS_PATIENCE)
                if said.total > before:
                    break
        self._readers = {fd: readers[fd] for fd in self._readers}
        ours = ('File "%s", line ' % THIS_FILE).encode()
        lines = [line for line in bytes(said.head).splitlines(True) if ours not in line]
        if lines:
            self._on_err(b"\nIt was ended here:\n" + b"".join(lines))

    def _find_missed_end(self, fate: int) -> None:
        """Notice the script's end where the script has killed or stopped its parent."""
        process = look_at(self.script) if self.script else None
        if self.script in self.tree.ended:
            self.notes.append("the process that started it ended before it did")
            self._ended(*self.tree.ended[self.script])
        elif fate in self._readers:
            # `process` is None if its parent was stopped after it learnt of the end.
            if self.script and (process is None or process.state == "Z"):
                send_signal(self.helper, signal.SIGCONT)
        elif not self.script:
            raise CannotRun(
                "the script could not be started: " + (self.failure or "no reason known")
            )
        elif process is None and ON_LINUX:
            raise CannotRun("the script's end was lost: its parent was killed just then")

    def _kill(self, fate: int) -> None:
        self.tree.kill_all()
        end = time.monotonic() + 2.0
        while self.status is None and time.monotonic() < end and fate in self._readers:
            self._read(0.05)
        if self.status is None:
            self.tree.kill_helper()
            self.tree.kill_all()
            self._ended(*self.tree.ended.get(self.script, (signal.SIGKILL, 0)))

    # Answering.

    def _facts(self, mode: str) -> Dict[str, Any]:
        status = self.status
        if self.failure or status is None:
            raise CannotRun("the script could not be started: %s" % self.failure)
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        if self.killed_for == "timeout" and number == STACKS:
            number = int(signal.SIGKILL)  # it had just become a program without our handler
        if number != signal.SIGKILL:
            self.killed_for = None  # it had just ended by itself
        if self.killed_for is None and self.oom.blames_memory(status):
            self.killed_for = "memory"
        if self.killed_for is None and self.disk.blames_disk(status, self.errors.kept_text()):
            self.killed_for = "disk"
        # Linux counts in KiB, macOS in bytes.
        counted = self.maxrss * (1 if sys.platform == "darwin" else 1024)
        return {
            "exit_code": None if number is not None else os.WEXITSTATUS(status),
            "signal": number,
            "killed_for": self.killed_for,
            "seconds": round(self.seconds, 4),
            "max_rss_mb": round(max(counted, self.tree.peak) / MIB, 1),
            "output": self.output.kept_text(),
            "errors": self.errors.kept_text(),
            "output_bytes": self.output.total,
            "observations": self.observations.values,
            "tests": self.observations.tests,
            "notes": self.notes + self.observations.problems,
            "mode": mode,
            "imported": self.tree.imported,
            "git_version": self.git_version,
            "reads": self.reads,
            "trouble": None,
            **self.left.pack(),
        }


NOTHING = {
    "exit_code": None,
    "signal": None,
    "killed_for": None,
    "seconds": 0.0,
    "max_rss_mb": 0.0,
    "output": "",
    "errors": "",
    "output_bytes": 0,
    "observations": {},
    "tests": [],
    "notes": [],
    "mode": "fresh",
    "imported": None,
    "git_version": "",
    "reads": None,
    "files": {},
    "left_out": [],
}  # type: Dict[str, Any]


# --- The process that has imported TensorFlow ---------------------------------------------------


ENDED_EARLY = "the process ended while importing TensorFlow"


class Zygote:
    """A process that has imported TensorFlow and forks itself for each cell (the agent's side).

    It was started with the same environment and folders as the cells that it serves, so that the
    import saw what it would see in a fresh process. `key` names these cells. Their scripts may have
    other names: an import of TensorFlow does not ask for it. Whether a module beside a script takes
    the place of one that the import asks for, the host has to know.

    If a script has a prologue, the zygote runs these lines, as the script itself, instead of only
    importing TensorFlow. It then serves this script alone, and a cell goes on after the prologue.
    """

    def __init__(self, request: Request, scratch: Scratch) -> None:
        self.key, self._scratch = zygote_key(request), scratch
        self.printed = (b"", b"")
        self.refusal = ""
        self.import_seconds = 0.0
        self._began = time.monotonic()
        self.ends_well = request.ends_well or None  # type: Optional[bool]
        ours, theirs = socket.socketpair()
        (self._out, out_w), (self._err, err_w) = os.pipe(), os.pipe()
        agent, env = os.getpid(), script_environment(request, scratch)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                become_cell(agent, Pipes(out_w, err_w, -1), scratch.work, None)
                theirs.set_inheritable(True)
                words = [str(theirs.fileno()), request.copy, str(request.prologue_size)]
                start_python([THIS_FILE, "--zygote", *words], env)
            finally:
                os._exit(127)
        close_all(out_w, err_w)
        theirs.close()
        self.socket = ours

    def await_import(self, engine: Engine) -> None:
        """Wait until TensorFlow is imported. Sets `refusal` where the zygote cannot be used, and
        `printed`, which belongs to the output of each cell."""
        printed = {self._out: bytearray(), self._err: bytearray()}
        end, answer, poll = time.monotonic() + IMPORT_TIMEOUT, b"", select.poll()
        for fd in (self._out, self._err, engine.requests, self.socket.fileno()):
            poll.register(fd, select.POLLIN)
        while not answer.endswith(b"\n"):
            ready = [fd for fd, _ in poll.poll(max(0.0, end - time.monotonic()) * 1000)]
            if time.monotonic() >= end:
                self.refusal = "importing TensorFlow took more than %d s" % IMPORT_TIMEOUT
                return
            if engine.requests in ready:
                engine.read_requests()
            # In this order, so that all that was printed before the answer has been read.
            self._read_printed(printed, [fd for fd in ready if fd in printed], poll)
            if self.socket.fileno() in ready:
                answer += self._answer()
        for fd in (engine.requests, self.socket.fileno()):
            poll.unregister(fd)
        self._read_printed(printed, [fd for fd, _ in poll.poll(0)], poll)
        self.import_seconds = time.monotonic() - self._began
        self.refusal = readable(answer).strip()
        if self.refusal == ENDED_EARLY:
            self.refusal += ": " + readable(bytes(printed[self._err][-500:])).strip()
        self.printed = (bytes(printed[self._out]), bytes(printed[self._err]))

    def _answer(self) -> bytes:
        try:
            data = self.socket.recv(CHUNK)
        except OSError:
            data = b""
        return data or ENDED_EARLY.encode() + b"\n"

    @staticmethod
    def _read_printed(printed: Dict[int, bytearray], ready: List[int], poll: Any) -> None:
        for fd in ready:
            data = os.read(fd, CHUNK)
            printed[fd] += data
            del printed[fd][CHUNK:]
            if not data:
                poll.unregister(fd)

    def start_cell(self, request: Request, pipes: Pipes) -> None:
        terms = {
            "script": request.copy,
            "args": request.args,
            "file_size": request.scratch,
            "work": self._scratch.work,
            "base": self._scratch.base,
            "report": self._scratch.report,
            "short_end": self.ends_well,
        }
        wish = json.dumps(terms).encode("ascii")
        fds = array.array("i", pipes)
        try:
            self.socket.sendmsg(
                [b"%020d" % len(wish)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
            )
            self.socket.sendall(wish)
        except OSError as error:
            raise CannotRun("the process that imported TensorFlow is gone: %s" % error) from None

    def learn_from(self, answer: Dict[str, Any]) -> None:
        """Learn from a cell whether a forked child ends without a crash."""
        if answer["signal"] is None:
            self.ends_well = self.ends_well is not False
        elif answer["killed_for"] is None:
            self.ends_well = False

    def is_running(self) -> bool:
        try:
            return os.waitpid(self.pid, os.WNOHANG) == (0, 0)
        except ChildProcessError:
            return False

    def shut_down(self) -> None:
        close_all(self._out, self._err)
        self.socket.close()
        if self.is_running():
            send_signal(self.pid, signal.SIGKILL)
            wait_for(self.pid)


def zygote_key(request: Request) -> Tuple[str, str, Tuple[Tuple[str, str], ...]]:
    script = os.path.basename(request.script) if request.prologue else ""
    return (script, request.prologue, tuple(sorted(request.env.items())))


def zygote_main(fd: int, script: str, size: int) -> "Tuple[types.ModuleType, ShortEnd, int]":
    """The zygote's whole life. Returns only in forked children: their `__main__`, and how many
    statements of the script the prologue of `size` bytes has run in it."""
    agent = os.getppid()
    die_with(agent)
    prctl(PR_SET_DUMPABLE, 0)
    control = socket.socket(fileno=fd)
    control.set_inheritable(False)
    main, end = stand_in_for(script), ShortEnd()
    refusal, done = import_tensorflow(main, script, size)
    end.remember(main)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    close_all(null)
    write_all(fd, to_utf8(refusal) + b"\n")
    while not refusal:
        head, ancillary, _, _ = control.recvmsg(20, socket.CMSG_SPACE(3 * 4))
        if not head:
            break
        fds = array.array("i", ancillary[0][2])
        wish = b""
        while len(wish) < int(head):
            wish += control.recv(int(head) - len(wish))
        pipes, zygote = Pipes(*fds), os.getpid()
        pid = os.fork()
        if pid == 0:
            control.close()
            become_script(zygote, pipes, main, json.loads(wish.decode("ascii")), end)
            return main, end, done
        close_all(pipes.out, pipes.err)
        tell_fate(pid, pipes.fate)
        close_all(pipes.fate)
    os._exit(0)


def stand_in_for(script: str) -> types.ModuleType:
    """Make this process look to imported modules as if `python script` had started it."""
    sys.argv[:] = [script]
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, os.path.dirname(os.path.realpath(script)))
    from importlib.machinery import SourceFileLoader

    main = types.ModuleType("__main__")
    main.__dict__.update(
        __annotations__={},
        __builtins__=sys.modules["builtins"],
        __cached__=None,
        __file__=script,
        __loader__=SourceFileLoader("__main__", script),
    )
    # The old module must live on: the frame that runs the script belongs to it.
    main_of_zygote.append(sys.modules["__main__"])
    sys.modules["__main__"] = main
    return main


main_of_zygote = []  # type: List[types.ModuleType]
seeded = []  # type: List[Any]  # the state of `random`, if the prologue has seeded a generator


class ShortEnd:
    """Ends a forked child without undoing the import of TensorFlow.

    Python ends by emptying all modules and collecting garbage among all objects. A child would copy
    the memory that it shares with its zygote only to free it: 0.5 to 1 s. The short way removes
    what the script has made, and leaves through C's `exit`, which is Python's own last step too.

    The short way is taken only if no object with a finalizer is left then. A script may have stored
    such an object in a class or a registry of TensorFlow; the process then ends as Python ends it,
    and a finalizer that prints or crashes is seen. Objects that the import made do not count: they
    are frozen (`gc.freeze`), so that the collector knows only those of the script.
    """

    # In these modules TensorFlow keeps what scripts make: sessions, graphs, contexts. They are
    # emptied like the script's own modules. If another module keeps some, the child ends more
    # slowly, but in the same way.
    KEEPERS = (
        "tensorflow.python.eager.context",
        "tensorflow.python.framework.ops",
        "tensorflow.python.keras.backend",
        "tf_keras.src.backend",
        "keras.backend",
        "keras.src.backend",
        "keras.src.backend.common.global_state",
    )

    def __init__(self) -> None:
        self.chosen = False  # set by the child before its script starts
        self.code = None  # type: Optional[int]  # the process's exit code, where it is known
        self._imported = {}  # type: Dict[str, Any]  # sys.modules as the import left it
        self._contents = []  # type: List[Tuple[Dict[str, Any], List[str], List[Any]]]
        self._keepers = []  # type: List[Dict[str, Any]]
        atexit.register(self._end)  # registered first, so called last

    def remember(self, main: types.ModuleType) -> None:
        """In the zygote, after the import: keep the state of all modules but `main`."""
        if not hasattr(gc, "freeze") or _libc is None:  # Python 3.6
            return
        self._imported = {name: one for name, one in sys.modules.items() if one is not main}
        for names in self._dictionaries(main):
            if names.get("__name__") in self.KEEPERS:
                self._keepers.append(names)
            else:
                self._contents.append((names, list(names), list(names.values())))
        not_frozen = [one for one in (main, vars(main)) if gc.is_tracked(one)]
        for one in not_frozen:
            ctypes.pythonapi.PyObject_GC_UnTrack(ctypes.py_object(one))
        gc.freeze()
        for one in not_frozen:
            ctypes.pythonapi.PyObject_GC_Track(ctypes.py_object(one))

    def _dictionaries(self, main: types.ModuleType) -> List[Dict[str, Any]]:
        """The names of each module, and of modules inside one, as in TensorFlow's wrappers."""
        there = [one for one in self._imported.values() if issubclass(type(one), types.ModuleType)]
        for names in list(map(vars, there)):
            there += [one for one in names.values() if issubclass(type(one), types.ModuleType)]
        return list({id(one): vars(one) for one in there if one is not main}.values())

    def _end(self) -> None:
        """The last exit handler."""
        if not self._imported:
            return
        if self.chosen and self.code is not None and threading.active_count() == 1 and flushed():
            atexit._clear()  # all others were called; they may hold objects that have to go
            self._restore_modules(False)
            self._remove_modules()
            for thoroughly in (False, True):
                self._restore_modules(thoroughly)
                if not finalizers_left():
                    flushed()
                    ctypes.PyDLL(None).exit(self.code)
        gc.unfreeze()  # Python ends the process in its usual way

    def _remove_modules(self) -> None:
        """Remove `__main__` and the modules imported by the script, in Python's own way."""
        new = [name for name, one in sys.modules.items() if self._imported.get(name) is not one]
        removed = [sys.modules.pop(name) for name in new]
        references = [weakref.ref(one) for one in removed if isinstance(one, types.ModuleType)]
        del removed
        gc.collect()
        alive = [reference() for reference in references]
        for names in [vars(one) for one in alive if one is not None] + self._keepers:
            empty(names)

    def _restore_modules(self, thoroughly: bool) -> None:
        """Give the imported modules the content that they had. Comparing only their sizes takes
        0.01 s. Comparing each value takes up to 0.1 s, for it copies the memory of the values."""
        for names, keys, values in self._contents:
            same = len(names) == len(keys)
            if same and thoroughly:
                same = all(map(operator.is_, names.values(), values))
            if not same:
                before = dict(zip(keys, values))
                changed = [key for key, one in names.items() if before.get(key, names) is not one]
                names.update({key: before.get(key) for key in changed})


def empty(names: Dict[str, Any]) -> None:
    """Empty a module as Python does: private names first."""
    for name in sorted(names, key=lambda name: name[:1] != "_" or name[:2] == "__"):
        if name != "__builtins__":
            names[name] = None


def flushed() -> bool:
    """Whether all printed text could be written; if not, Python sets an exit code of its own."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except BaseException:
        return False
    return True


def finalizers_left() -> bool:
    """Whether any object made since the freeze has a finalizer. A class with one counts too, for
    the collector may not know its instances."""
    gc.collect()
    made = gc.get_objects()
    return any(hasattr(one if isinstance(one, type) else type(one), "__del__") for one in made)


def import_tensorflow(main: types.ModuleType, script: str, size: int) -> Tuple[str, int]:
    """Run the script's first `size` bytes, which import TensorFlow; import it alone if there are
    none. Returns why this process cannot be forked, "" where it can, and the number of statements
    that have run."""
    done = 0
    try:
        if size:
            with open(script, "rb") as file:
                prologue = file.read(size)
            exec(compile(prologue, script, "exec", 0, True), main.__dict__)
            done = len(syntax_tree(prologue, script).body)
            if b"seed(" in prologue and "random" in sys.modules:
                seeded.append(sys.modules["random"].getstate())
        else:
            __import__("tensorflow")
    except BaseException as error:
        return ("importing TensorFlow failed: %r" % error).replace("\n", " ")[:1000], done
    if "tensorflow" not in sys.modules:
        return "its first lines do not import TensorFlow", done
    if not waits_until(lambda: threading.active_count() == 1):
        return "importing TensorFlow started a Python thread", done
    if has_lasting_threads():
        return "importing TensorFlow started a thread that a fork does not end", done
    for fd in os.listdir("/proc/self/fd") if ON_LINUX else []:
        try:
            if os.readlink("/proc/self/fd/" + fd).startswith("/dev/nvidia"):
                return "importing TensorFlow opened the GPU", done
        except OSError:
            pass
    return "", done


def waits_until(condition: Any) -> bool:
    """Wait a little for what ends by itself: a cancelled timer, a thread that has been joined."""
    end = time.monotonic() + THREADS_PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(condition())


def has_lasting_threads() -> bool:
    """Whether a thread goes on when this process forks. OpenBLAS ends its threads before a fork;
    other libraries do not, and a child then waits for threads that it does not have."""
    if not ON_LINUX or count_threads() == 1:
        return False
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return not waits_until(lambda: count_threads() == 1)


def count_threads() -> int:
    return len(os.listdir("/proc/self/task"))


def syntax_tree(source: bytes, script: str) -> Any:
    only_tree = 0x400  # ast.PyCF_ONLY_AST, without importing ast before the script does
    return compile(source, script, "exec", only_tree, True)


def code_after(source: bytes, script: str, done: int) -> Any:
    """The code of a script without its first `done` statements, which have run."""
    if not done:
        return compile(source, script, "exec", 0, True)
    tree = syntax_tree(source, script)
    futures = [one for one in tree.body[:done] if getattr(one, "module", "") == "__future__"]
    # After `pass`, a text is no docstring.
    tree.body[:done] = futures + syntax_tree(b"pass", script).body
    return compile(tree, script, "exec", 0, True)


def become_script(
    zygote: int, pipes: Pipes, main: types.ModuleType, wish: Dict[str, Any], end: ShortEnd
) -> None:
    """In a forked child: set everything that would differ from a fresh process."""
    become_cell(zygote, pipes, wish["work"], wish["file_size"])
    write_all(pipes.fate, b"P %d\n" % os.getpid())
    close_all(*pipes)
    script = wish["script"]
    sys.argv[:] = [script, *wish["args"]]
    loader = type(main.__dict__["__loader__"])("__main__", script)
    main.__dict__.update(__file__=script, __loader__=loader)
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = [sys.executable, *sys.argv]
    end.chosen = wish["short_end"] is True
    for name in ("random", "numpy.random"):
        if name in sys.modules and not seeded:
            # Each fresh process draws its own randomness, so that repetitions are independent.
            sys.modules[name].seed()
    for state in seeded:  # Python seeds anew after a fork
        sys.modules["random"].setstate(state)
    show_stacks(STACKS)
    if CAN_WATCH:
        # Python keeps audit hooks to its end: this one must not keep the objects of this file.
        alone = types.FunctionType(watch_reads.__code__, {"__builtins__": __builtins__})
        alone(wish["work"], wish["base"], wish["report"], THIS_FILE)


def exit_code(error: SystemExit) -> Optional[int]:
    """The exit code that Python makes of `error`; None where only Python knows."""
    code = error.code
    if code is None:
        return 0
    if not isinstance(code, int):
        return 1  # Python prints the value
    return code & 255 if abs(code) < 1 << 31 else None


def report_uncaught(error: BaseException) -> int:
    """Print an uncaught error as Python does, without our frame. Returns the exit code."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    error = error.with_traceback(trace)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    sys.excepthook(type(error), error, trace)
    return 1


# --- The agent ----------------------------------------------------------------------------------


class Agent:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.scratch = Scratch()
        self.common = SharedFolders()
        self.zygote = None  # type: Optional[Zygote]
        self.refused = {}  # type: Dict[Any, str]
        self.git_version = None  # type: Optional[str]

    def serve(self) -> None:
        version = "%d.%d.%d" % sys.version_info[:3]
        self.engine.send_event("hello", protocol=PROTOCOL, python=version, pid=os.getpid())
        while True:
            fields = self.engine.next_request()
            try:
                answer = self._run(fields)
            except (CannotRun, OSError, ValueError, TypeError, MemoryError) as error:
                answer = dict(NOTHING, trouble=str(error) or repr(error))
            self.engine.send_event("ended", id=fields.get("id"), **answer)
            if answer.get("last"):
                raise HostGone

    def _run(self, fields: Dict[str, Any]) -> Dict[str, Any]:
        if fields.get("op") != "run":
            raise CannotRun("not a request: %.80r" % fields.get("op"))
        request = Request(fields)
        zygote, why = None, None
        if request.mode == "fork" and request.begins_with_prologue():
            zygote = self._zygote_for(request)
            why = self.refused.get(zygote_key(request))
        elif request.mode == "fork":
            why = "the script has changed since it was examined"
        standing = self._standing()
        try:
            answer = self._cell(request, zygote)
        except CannotRun as error:
            if zygote is None:
                raise
            why = str(error)
            answer = self._cell(request, None)
        if why:
            answer["notes"].append("not forked: " + why)
        after = self._standing()
        changed = any(one != standing.get(pid, one) for pid, one in after.items())
        if changed:
            answer["notes"].append("it changed the limits of the processes that started it")
        answer["last"] = changed or not self.scratch.is_clean()
        return answer

    def _standing(self) -> Dict[int, Any]:
        """What a cell could change in the agent and the zygote, and so for later cells."""
        ours = [os.getpid()]
        if self.zygote is not None and self.zygote.is_running():
            ours.append(self.zygote.pid)
        return {pid: standing_of(pid) for pid in ours}

    def _cell(self, request: Request, zygote: Optional[Zygote]) -> Dict[str, Any]:
        self.scratch.make_anew(as_imported=zygote is not None)
        request.copy = self.scratch.copy_script(request.script)
        try:
            there = (
                self.zygote.pid if self.zygote is not None and self.zygote.is_running() else None
            )
            answer = Cell(request, self.engine, self.scratch, there).measure(zygote)
            if not CAN_WATCH and answer["imported"]:
                answer["git_version"] = self._git_version()
            if zygote is not None:
                zygote.learn_from(answer)
            return answer
        finally:
            self.scratch.discard()
            self.common.empty()

    def _git_version(self) -> str:
        """TensorFlow's GIT_VERSION where the script's process cannot tell it (Python below 3.8)."""
        if self.git_version is None:
            self.git_version = git_version_of_library()
        return self.git_version

    def _zygote_for(self, request: Request) -> Optional[Zygote]:
        key = zygote_key(request)
        if key in self.refused:
            return None
        if self.zygote is not None and self.zygote.key == key and self.zygote.is_running():
            return self.zygote
        self._end_zygote()
        self.scratch.make_anew()
        request.copy = self.scratch.copy_script(request.script)
        self.zygote = Zygote(request, self.scratch)
        self.zygote.await_import(self.engine)
        if not self.scratch.remember_import():
            self.zygote.refusal = "importing TensorFlow left much in HOME"
        self.common.remember()
        if self.zygote.refusal:
            self.refused[key] = self.zygote.refusal
            self._end_zygote()
        return self.zygote

    def _end_zygote(self) -> None:
        if self.zygote is not None:
            self.zygote.shut_down()
        self.zygote = None

    def close(self) -> None:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        self._end_zygote()
        ProcessTree(None, None).kill_all()
        self.scratch.remove()


def raise_gone(number: int, _frame: Any) -> None:
    raise HostGone(number)


def listen_to_signals() -> None:
    """Handle the signals that end the agent. The first process of a container handles none: the
    kernel then drops such signals from inside the container."""
    handler = signal.SIG_DFL if os.getpid() == 1 else raise_gone
    for number in ENDING:
        signal.signal(number, handler)


def main() -> None:
    requests, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    close_all(null)
    prctl(PR_SET_DUMPABLE, 0)  # else a script could open the pipes above in /proc
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    agent = Agent(Engine(requests, answers))
    listen_to_signals()
    number = None  # type: Optional[int]
    try:
        agent.serve()
    except HostGone as gone:
        number = next(iter(gone.args), None)
    finally:
        agent.close()
    if number is not None:
        # End by the same signal, so that the parent sees it: a script may have sent it.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


if __name__ == "__main__":
    if sys.argv[1:2] != ["--zygote"]:
        main()
        sys.exit(0)
    # In the zygote's children the script runs here, with one frame of ours below it. Then the
    # process ends as Python ends, with its threads, exit handlers and buffers.
    _module, _end, _done = zygote_main(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    _code = 0
    try:
        with open(sys.argv[0], "rb") as _file:
            _source = _file.read()
        del _file
        exec(code_after(_source, sys.argv[0], _done), _module.__dict__)
    except SystemExit as _error:
        _end.code = exit_code(_error)
        raise
    except BaseException as _error:
        _code = report_uncaught(_error)
        if isinstance(_error, KeyboardInterrupt):  # Python ends by the signal, from 3.8 on
            sys.excepthook = lambda *_: None  # the error has been printed
            raise
    finally:
        del _module  # so that it ends when `sys.modules` drops it
    _end.code = _code
    if _code:
        sys.exit(_code)
