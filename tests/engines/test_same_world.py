"""A script finds the same world in both engines, as far as it does not come to TensorFlow.

What differs on purpose is in docs/my-bug.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest
from attrs import evolve

from runner.cells.agent_messages import Request
from runner.cells.session import Session
from runner.engines.base import Engine, Phase, Workspace
from runner.engines.docker import bases
from runner.engines.docker.engine import DockerEngine
from runner.engines.local.engine import LocalEngine
from runner.environments import render
from runner.model import Limits
from tests.engines import test_docker

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

SCRIPTS = {
    "localhost has an address": "seen = socket.gethostbyname('localhost')",
    "a server on localhost": """
server = socket.create_server(("localhost", 0))
client = socket.create_connection(server.getsockname()[:2], 5)
peer, _ = server.accept()
peer.sendall(b"hello")
seen = client.recv(5).decode()
""",
    "the host's own name has an address": """
seen = socket.gethostbyname(socket.gethostname()).startswith("127.")
""",
    "a server on the host's own name": """
server = socket.create_server((socket.gethostname(), 0))
seen = socket.create_connection((socket.gethostname(), server.getsockname()[1]), 5) is not None
""",
    "datagrams on the loopback": """
one, two = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
one.bind(("127.0.0.1", 0))
two.sendto(b"hello", one.getsockname())
seen = one.recv(5).decode()
""",
    "a socket in a file": """
server = socket.socket(socket.AF_UNIX)
server.bind("here")
server.listen()
client = socket.socket(socket.AF_UNIX)
client.connect("here")
seen = sorted(os.listdir("."))
""",
    "a web server": """
import http.server, threading, urllib.request
server = http.server.ThreadingHTTPServer(("localhost", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = urllib.request.urlopen("http://localhost:%d/" % server.server_address[1]).status
""",
    "the user has a name": """
import getpass, pwd
seen = [bool(getpass.getuser()), bool(pwd.getpwuid(os.getuid()).pw_name)]
""",
    "home and temporary folder are the scratch folder": """
import pathlib, tempfile
folders = os.path.expanduser("~"), str(pathlib.Path.home()), tempfile.gettempdir(), os.getcwd()
seen = [len({os.path.realpath(each) for each in folders}), os.access(folders[0], os.W_OK)]
""",
    "the time zone": """
import datetime, time
seen = [time.tzname, str(datetime.datetime.now().astimezone().utcoffset()), os.environ.get("TZ")]
""",
    "another time zone": """
import datetime, zoneinfo
zone = zoneinfo.ZoneInfo("Europe/Berlin")
seen = str(datetime.datetime(2024, 7, 1, tzinfo=zone).utcoffset())
""",
    "locale and encodings": """
import locale
seen = [locale.setlocale(locale.LC_ALL, ""), locale.getpreferredencoding(), sys.stdout.encoding,
        sys.getfilesystemencoding(), locale.localeconv()["decimal_point"]]
""",
    "the names of variables": """
of_images = ("GPG_KEY", "HOSTNAME", "PYTHON_SHA256", "PYTHON_VERSION")  # Docker's, and Python's
seen = [name for name in sorted(os.environ) if name not in of_images]
""",
    "shared memory": """
from multiprocessing import shared_memory
block = shared_memory.SharedMemory(create=True, size=64 << 20)
block.buf[:] = b"x" * (64 << 20)
seen = [len(block.buf), bytes(block.buf[-1:]).decode()]
block.close()
block.unlink()
""",
    "pools of processes": """
import multiprocessing
seen = []
if __name__ == "__main__":
    for method in ("fork", "forkserver", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            seen.append(pool.map(abs, [-1, -2]))
""",
    "queues and locks between processes": """
import multiprocessing
queue, lock = multiprocessing.Queue(), multiprocessing.Lock()
with lock:
    child = multiprocessing.get_context("fork").Process(target=queue.put, args=(3,))
    child.start()
    seen = queue.get(timeout=20)
    child.join()
""",
    "programs of every system": """
import subprocess
seen = [subprocess.run(command, shell=True, capture_output=True, text=True).stdout
        for command in ("echo $0", "uname -m", "printf a | tr a b", "env | grep -c PATH=")]
""",
    "this Python by its name": """
import subprocess
asked = "import sys; print(sys.version_info[:2])"
seen = [subprocess.run([name, "-c", asked], capture_output=True, text=True).stdout
        for name in (sys.executable, "python", "python3")]
""",
    "signals": """
import signal
seen = [[str(signal.getsignal(each)) for each in (signal.SIGINT, signal.SIGPIPE, signal.SIGTERM,
        signal.SIGHUP, signal.SIGCHLD)], sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))]
""",
    "standard streams": """
seen = [sys.stdin.read(), sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty(),
        attempt(os.ttyname, 0)]
""",
    "limits and mask": """
import resource
umask = os.umask(0)
names = ("CORE", "STACK", "NOFILE", "FSIZE", "CPU")
seen = [oct(umask), [resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in names]]
""",
    "processors": "seen = [os.cpu_count(), len(os.sched_getaffinity(0))]",
    "open files and process group": """
seen = [sorted(map(int, os.listdir("/proc/self/fd")))[:3], len(os.listdir("/proc/self/fd")),
        os.getpgrp() == os.getpid(), os.getsid(0) == os.getpid()]
""",
    "arguments and folders": """
seen = [sys.argv[1:], os.path.basename(sys.argv[0]), __name__, os.path.basename(__file__),
        sys.path[0] == os.path.dirname(os.path.abspath(__file__)), list(sys.flags)]
""",
}
HEAD = """
import json, os, socket, sys
def attempt(what, *args):
    try:
        return what(*args)
    except OSError as error:
        return type(error).__name__
"""
TAIL = '\nif __name__ == "__main__":\n    print("::observe seen=" + json.dumps(seen))\n'


class Agent(NamedTuple):
    """An agent, and where it sees the scripts."""

    session: Session
    root: str


def silent(_: Phase) -> None:
    """Nobody looks at the progress."""


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Agent]]:
    """An agent of each engine, with the same packages and the same scripts."""
    folder = tmp_path_factory.mktemp("scripts")
    for name, text in SCRIPTS.items():
        (folder / file(name)).write_text(HEAD + text + TAIL)
    bases.make_base("3.10", render.default_base("3.10"), print)
    made = test_docker.environment("3.10")
    made = evolve(made, target=evolve(made.target, requirements=("six",)))  # no TensorFlow to prove
    local = LocalEngine(tmp_path_factory.mktemp("environments"))
    engines: dict[str, Engine] = {"docker": DockerEngine(), "local": local}
    workspace = Workspace(folder=folder, script="")
    with ExitStack() as stack:
        opened = {}
        for name, engine in engines.items():
            engine.prepare(made, silent)
            stack.callback(engine.remove, made)
            channel = engine.start_agent(made, workspace, Limits())
            opened[name] = Agent(stack.enter_context(Session(channel)), channel.root)
        yield opened


def file(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name) + ".py"


def seen(agent: Agent, name: str) -> Any:
    script = f"{agent.root}/{file(name)}"
    found = agent.session.run(Request(script=script, limits=Limits(timeout=60)))
    assert found.exit_code == 0, found.errors or found.output
    return found.observations["seen"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_both_engines_show_the_same(agents: dict[str, Agent], name: str) -> None:
    assert seen(agents["docker"], name) == seen(agents["local"], name)
