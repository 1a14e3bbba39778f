"""The Docker engine against a real daemon: images, confinement, and that nothing stays behind.

Most of it needs no TensorFlow: an environment is whatever its Dockerfile says.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from runner import paths
from runner.cells.agent_messages import Request
from runner.cells.session import Session
from runner.engines.base import ChannelClosed, Phase, Workspace
from runner.engines.docker import bases, builder, buildkit, containers, daemon, owner
from runner.engines.docker.engine import DockerEngine
from runner.environments import locks, render
from runner.errors import PrepareError, TfmatrixError
from runner.matrix import plan
from runner.model import Cuda, Device, Environment, Execution, Limits, Release, Target
from runner.releases import catalogue
from tests.engines import conformance
from tests.torture.machines import index

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

# Small and pure: what is built with it is TensorFlow's Dockerfile all the same.
SIX = (
    "six==1.16.0 \\\n"
    "    --hash=sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254\n"
)


def environment(python: str, lock: str = SIX, dockerfile: str = "") -> Environment:
    release = Release(
        version="1.99.0",
        released=date(2020, 1, 1),
        pythons=(python,),
        cpu_requirement="six==1.16.0",
    )
    target = Target(release=release, device=Device.CPU, python=python)
    text = dockerfile or render.dockerfile(target)
    key = hashlib.sha256((text + lock).encode()).hexdigest()
    return Environment(target=target, requirements=lock, key=key, dockerfile=text)


def silent(_: Phase) -> None:
    pass


@pytest.fixture(scope="module")
def engine() -> DockerEngine:
    made = DockerEngine()
    why_not = made.unavailable()
    if why_not is not None:
        pytest.fail(f"these tests need Docker (deselect them with -m 'not docker'): {why_not}")
    return made


@pytest.fixture(scope="module", params=["3.6", "3.10"])
def prepared(engine: DockerEngine, request: pytest.FixtureRequest) -> Iterator[Environment]:
    for python in {request.param, "3.10"}:  # uv comes by way of 3.10
        bases.make_base(python, render.default_base(python), print)
    made = environment(request.param)
    engine.prepare(made, silent)
    yield made
    engine.remove(made)


@pytest.fixture(scope="module")
def plain(engine: DockerEngine) -> Iterator[Environment]:
    """A bare Python."""
    image = render.default_base("3.10")
    bases.make_base("3.10", image, print)
    made = environment("3.10", dockerfile=f"FROM {image}\nLABEL test=plain\n")
    engine.prepare(made, silent)
    yield made
    engine.remove(made)


def run(
    engine: DockerEngine,
    made: Environment,
    folder: Path,
    source: str,
    limits: Limits = conformance.LIMITS,
) -> Execution:
    (folder / "script.py").write_text(source)
    workspace = Workspace(folder=folder, script="script.py")
    channel = engine.start_agent(made, workspace, limits)
    with Session(channel) as session:
        return session.run(Request(script=f"{channel.root}/script.py", limits=limits))


# -- every engine's -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bench(
    engine: DockerEngine, prepared: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[conformance.Bench]:
    with conformance.opened(engine, prepared, tmp_path_factory.mktemp("subjects")) as bench:
        yield bench


@pytest.mark.parametrize("case", conformance.CASES, ids=str)
def test_subject(bench: conformance.Bench, case: conformance.Case) -> None:
    conformance.check(bench, case)


def test_data_is_found(engine: DockerEngine, prepared: Environment, tmp_path: Path) -> None:
    conformance.check_data(engine, prepared, tmp_path)


@pytest.mark.parametrize("subject", conformance.BOUNDED)
def test_bounded_subject(bench: conformance.Bench, subject: str) -> None:
    conformance.check_bounded(bench, subject)


# -- confinement ----------------------------------------------------------------------------------

LOOK_AROUND = """
import json, os, resource, socket, sys

def attempt(what, *args):
    try:
        what(*args)
    except OSError as error:
        return error.errno
    return 0

def read(*paths):
    for path in paths:
        if os.path.exists(path):
            return open(path).read().strip()

status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
v = os.statvfs("/tmp")
facts = {
    "uids": status["Uid"].split(), "gids": status["Gid"].split(),
    "groups": status["Groups"].split(),
    "capabilities": [status["Cap" + name].strip() for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")],
    "no_new_privileges": status["NoNewPrivs"].strip(), "seccomp": status["Seccomp"].strip(),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "connect": attempt(socket.create_connection, ("192.0.2.1", 80), 2),
    "setuid": attempt(os.setuid, 0), "chown": attempt(os.chown, "/tmp", 0, 0),
    "writes": {p: attempt(open, p, "w") for p in ("/x", "/usr/local/x", "/repro/x", "/tfmatrix/x",
               "/repro/script.py", "/tfmatrix/agent.py", "/etc/passwd", "/sys/kernel/mm/ksm/run")},
    "mounts": {l.split()[4]: l.split()[5].split(",") for l in open("/proc/self/mountinfo")},
    "tmp": v.f_blocks * v.f_frsize >> 20,
    "shm": os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize >> 20,
    "first": open("/proc/1/cmdline").read().split("\\0")[1],
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "pids": read("/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids.max"),
    "memory": read("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"),
    "sockets": [p for p in ("/var/run/docker.sock", "/run/docker.sock") if os.path.exists(p)],
    "devices": sorted(os.listdir("/dev")),
    "names": sorted(os.environ), "processes": [p for p in os.listdir("/proc") if p.isdigit()],
    "temporary": attempt(open, "/tmp/y", "w"), "shared": attempt(open, "/dev/shm/y", "w"),
}
print("::observe facts=" + json.dumps(facts))
"""


@pytest.fixture(scope="module")
def facts(
    engine: DockerEngine, plain: Environment, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    found = run(engine, plain, tmp_path_factory.mktemp("look"), LOOK_AROUND)
    assert found.exit_code == 0, found
    seen: Any = found.observations["facts"]
    return dict(seen)


def test_there_is_no_network(facts: dict[str, Any]) -> None:
    assert facts["interfaces"] == ["lo"]
    assert facts["connect"] == 101  # ENETUNREACH


def test_it_is_nobody_and_can_do_nothing(facts: dict[str, Any]) -> None:
    assert set(facts["uids"]) | set(facts["gids"]) == {"65532"}
    assert set(facts["groups"]) <= {"65532"}
    assert {int(capability, 16) for capability in facts["capabilities"]} == {0}
    assert facts["no_new_privileges"] == "1"
    assert facts["seccomp"] == "2"
    assert facts["setuid"] == facts["chown"] == 1  # EPERM


def test_only_scratch_can_be_written(facts: dict[str, Any]) -> None:
    read_only = 30  # EROFS: the mount forbids it, not only who owns the files
    assert facts["writes"].pop("/sys/kernel/mm/ksm/run") != 0
    assert set(facts["writes"].values()) == {read_only}, facts["writes"]
    assert facts["temporary"] == facts["shared"] == 0


def test_what_is_mounted(facts: dict[str, Any]) -> None:
    mounts = facts["mounts"]
    ours = {place for place in mounts if place.startswith(("/repro", "/tfmatrix"))}
    assert len(ours) == 2
    assert {mounts[place][0] for place in ("/", *ours)} == {"ro"}
    for place in ("/tmp", "/dev/shm", "/dev/mqueue"):
        assert {"nosuid", "nodev"} <= set(mounts[place]), place
    writable = {place for place, options in mounts.items() if options[0] == "rw"}
    kernels = {place for place in writable if place.startswith(("/proc", "/sys", "/dev"))}
    assert writable - kernels == {"/tmp"}
    assert facts["sockets"] == []


def test_the_agent_is_the_first_process(facts: dict[str, Any]) -> None:
    assert facts["first"] == "/tfmatrix/agent.py"


def test_bounds_stand_behind_the_agents(facts: dict[str, Any]) -> None:
    limits = conformance.LIMITS
    assert limits.scratch <= facts["tmp"] <= limits.scratch + 64
    assert facts["shm"] == 256
    assert limits.processes < int(facts["pids"]) <= limits.processes + 32
    assert limits.memory << 20 < int(facts["memory"]) < (limits.memory + 1024) << 20
    assert facts["core"] == [0, 0]
    assert len(facts["processes"]) < 6
    assert not [name for name in facts["devices"] if name.startswith(("sd", "vd", "nvidia", "kvm"))]


def test_nothing_of_the_callers_environment_is_seen(
    engine: DockerEngine, plain: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy.invalid")
    found = run(engine, plain, tmp_path, "import os; print(os.environ)")
    assert found.exit_code == 0
    assert "hunter2" not in found.output
    assert "PROXY" not in found.output.upper()


def confined(image: str, command: str, limits: Limits) -> dict[str, Any]:
    """The end of a container without an agent: the bounds that are the daemon's alone."""
    api = daemon.connect().api
    host = api.create_host_config(**containers.host_settings(limits, Device.CPU, 1.0))
    made = api.create_container(
        image, ["python3", "-c", command], host_config=host, labels=owner.labels()
    )
    try:
        api.start(made)
        api.wait(made, timeout=60)
        state: dict[str, Any] = api.inspect_container(made)["State"]
        return state
    finally:
        api.remove_container(made, force=True)


def test_the_kernel_ends_what_eats_memory_unseen(engine: DockerEngine, plain: Environment) -> None:
    state = confined(str(engine.image(plain)), "x = b'x' * (2 << 30)", conformance.LIMITS)
    assert state["ExitCode"] in (1, 137)
    assert state["OOMKilled"] or state["ExitCode"] == 1
    fine = confined(str(engine.image(plain)), "x = b'x' * (64 << 20)", conformance.LIMITS)
    assert fine["ExitCode"] == 0


def test_shared_memory_is_memory_too(engine: DockerEngine, plain: Environment) -> None:
    fill = "f = open('/dev/shm/x', 'wb'); [f.write(b'x' * (1 << 20)) for _ in range(1000)]"
    assert confined(str(engine.image(plain)), fill, conformance.LIMITS)["ExitCode"] == 1


def test_the_kernel_refuses_processes(engine: DockerEngine, plain: Environment) -> None:
    fork = "import os, time\nfor _ in range(400): os.fork() or time.sleep(20)"
    assert confined(str(engine.image(plain)), fork, conformance.LIMITS)["ExitCode"] == 1


def test_processor_time_is_bounded(
    engine: DockerEngine, plain: Environment, tmp_path: Path
) -> None:
    source = """
import glob
for path in ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu.max"):
    for found in glob.glob(path):
        print("quota", open(found).read().split()[0])
"""
    half = DockerEngine(cpus=0.5)
    assert "quota 50000" in run(half, plain, tmp_path, source).output


# -- files of a daemon elsewhere ------------------------------------------------------------------


def test_a_daemon_elsewhere_gets_the_files_in_volumes(
    engine: DockerEngine, plain: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "is_local", lambda: False)
    before = volumes()
    found = run(engine, plain, tmp_path, LOOK_AROUND)
    assert found.exit_code == 0, found
    seen: Any = found.observations["facts"]
    assert {seen["writes"][path] for path in ("/repro/script.py", "/tfmatrix/agent.py")} == {30}
    assert volumes() == before


# -- what stays behind ----------------------------------------------------------------------------


def our_containers() -> set[str]:
    api = daemon.connect().api
    label = f"tfmatrix.owner={owner.process_label()}"
    return {c["Id"] for c in api.containers(all=True, filters={"label": label})}


def volumes() -> set[str]:
    api = daemon.connect().api
    return {v["Name"] for v in api.volumes(filters={"label": "tfmatrix"})["Volumes"] or []}


def test_close_leaves_nothing_and_says_so(
    engine: DockerEngine, plain: Environment, tmp_path: Path
) -> None:
    before = our_containers()
    channel = engine.start_agent(plain, Workspace(folder=tmp_path, script=""), conformance.LIMITS)
    assert len(our_containers() - before) == 1
    assert b"hello" in (channel.receive(30) or b"")
    assert channel.receive(0.01) is None
    channel.close()
    channel.close()
    assert our_containers() == before
    with pytest.raises(ChannelClosed):
        channel.receive(1)
    with pytest.raises(ChannelClosed):
        channel.send(b"{}")


def test_closing_wakes_whoever_waits(
    engine: DockerEngine, plain: Environment, tmp_path: Path
) -> None:
    channel = engine.start_agent(plain, Workspace(folder=tmp_path, script=""), conformance.LIMITS)
    assert channel.receive(30)
    threading.Timer(0.3, channel.close).start()
    with pytest.raises(ChannelClosed):
        channel.receive(60)


def test_a_killed_container_is_reported(
    engine: DockerEngine, plain: Environment, tmp_path: Path
) -> None:
    before = our_containers()
    channel = engine.start_agent(plain, Workspace(folder=tmp_path, script=""), conformance.LIMITS)
    assert channel.receive(30)
    (container,) = our_containers() - before
    daemon.connect().api.kill(container)
    with pytest.raises(ChannelClosed, match="exit code 137"):
        channel.receive(30)
    channel.close()


KILLED = """
import os, sys
from runner.engines.docker.engine import DockerEngine
from tests.engines import test_docker as tests
from runner.engines.base import Workspace
from pathlib import Path
plain = tests.environment("3.10", dockerfile=sys.argv[1])
workspace = Workspace(folder=Path(sys.argv[2]), script="")
channel = DockerEngine().start_agent(plain, workspace, tests.Limits())
assert channel.receive(60)
print("open", flush=True)
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_run_left_is_swept(
    engine: DockerEngine, plain: Environment, tmp_path: Path
) -> None:
    api = daemon.connect().api
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, plain.dockerfile, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = [c["Id"] for c in owner.orphans(api)]
    assert left
    listed = [item.name for item in engine.inventory() if item.kind == "container"]
    assert {one[:12] for one in left} <= set(listed)
    DockerEngine().why_not_made([])  # the first look of the next run, whatever it has to do
    assert not list(owner.orphans(api))


# -- images ---------------------------------------------------------------------------------------


def test_two_at_once_build_once(engine: DockerEngine) -> None:
    made = environment(
        "3.10", dockerfile=f"FROM {render.default_base('3.10')}\nRUN echo {uuid.uuid4()}; sleep 1\n"
    )
    phases: list[str] = []
    threads = [
        threading.Thread(
            target=engine.prepare, args=(made, lambda phase: phases.append(phase.what))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engine.prepared(made)
    assert phases.count("waiting") > 0
    engine.remove(made)
    assert not engine.prepared(made)


def test_an_image_holds_its_facts_and_no_secret(
    engine: DockerEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = f"hunter-{uuid.uuid4()}"
    monkeypatch.setenv("UV_INDEX_MINE_PASSWORD", secret)
    made = environment("3.10")
    noisy = made.dockerfile.replace("\nFROM python\n", f"\nFROM python\nRUN : {uuid.uuid4()}\n")
    made = evolve(made, dockerfile=noisy, key=hashlib.sha256(noisy.encode()).hexdigest())
    engine.prepare(made, silent)
    image = daemon.find_image(str(engine.image(made)))
    assert image is not None
    labels = daemon.labels(image)
    assert labels["tfmatrix"] == "1"
    assert labels["tfmatrix.key"] == made.key
    assert labels["tfmatrix.tensorflow"] == "1.99.0"
    saved = tmp_path / "image.tar"
    with saved.open("wb") as file:
        for part in image.save():
            file.write(part)
    found = subprocess.run(["grep", "-c", "-a", secret, str(saved)], capture_output=True, text=True)
    assert found.stdout.strip() == "0"
    assert secret not in json.dumps(image.history()) + json.dumps(image.attrs)
    engine.remove(made)


@pytest.mark.parametrize("version", ["", "20.10.24"], ids=["this daemon", "an old one"])
def test_a_source_distribution_is_built_without_network_secrets_or_cache(
    version: str, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the builder knows: what such code finds is written into the image."""
    if version:
        monkeypatch.setattr(daemon, "version", lambda: {"Version": version, "Os": "linux"})
    monkeypatch.setenv("UV_INDEX_MINE_PASSWORD", "hunter2")
    find = (
        "import os, socket; print([n for _, n in socket.if_nameindex()],"
        " os.path.exists('/run/secrets/settings'), os.listdir('/root/.cache'))"
    )
    text = (
        f"FROM {render.default_base('3.10')} AS wheels\n"
        f"RUN --mount=type=cache,target=/root/.cache/uv : {uuid.uuid4()}\n\n"
        "FROM wheels AS built\nRUN --network=none \\\n"
        f'    mkdir -p /root/.cache && python3 -c "{find}" > /built\n\n\n'
        "FROM wheels\nRUN --mount=type=bind,from=built,source=/built,target=/mnt/built \\\n"
        "    cp /mnt/built /found\n"
    )
    made = environment("3.10", dockerfile=text)
    engine.prepare(made, silent)
    name = str(engine.image(made))
    try:
        out, _, code = containers.run_alone(name, ["cat", "/found"], {}, conformance.LIMITS)
        assert (out.split(" False ")[0], code) == ("['lo']", 0), out
        tags = [tag for image in daemon.connect().images.list() for tag in image.tags]
        left = [tag for tag in tags if made.key[:12] in tag]
        assert left in ([name], [f"localhost/{name}"]), "no stage is left"  # the latter by Podman
    finally:
        engine.remove(made)


HOOK = (
    "import os, socket; os.getuid() or open('/found', 'a').write(repr(("
    "[name for _, name in socket.if_nameindex()], os.path.exists('/run/secrets/settings'),"
    " sum(map(len, (files for _, _, files in os.walk('/root/.cache')))) > 0)) + '\\n')\n"
)


def test_a_wheel_that_somebody_named_finds_nothing_to_steal(
    engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python runs its `.pth` file whenever it starts, in the build too."""
    evil = index.wheel("evil", "1.0", {"evil.pth": HOOK})
    six = index.wheel("six", "1.16.0", {"six.py": "__version__ = '1.16.0'\n"})
    uv = index.installed_uv()  # the builder may have to install it anew, from this index
    with index.serving(dict((evil, six, uv))) as server:
        monkeypatch.setenv("UV_DEFAULT_INDEX", server.url)
        monkeypatch.setenv("UV_INDEX_MINE_PASSWORD", "hunter2")
        lock = "".join(
            f"{name} \\\n    --hash=sha256:{index.digest(content)}\n"
            for name, content in (("evil==1.0", evil[1]), ("six==1.16.0", six[1]))
        )
        plain = environment("3.10").target
        target = evolve(plain, requirements=("evil",))
        text = render.dockerfile(target).replace("# What it needs", f"# {uuid.uuid4()}")
        text = re.sub(
            r"( --hash=sha256:[0-9a-f]{64})+'", f" --hash=sha256:{index.digest(uv[1])}'", text
        )
        key = hashlib.sha256((text + lock).encode()).hexdigest()
        made = Environment(target=target, requirements=lock, key=key, dockerfile=text)
        engine.prepare(made, silent)
    try:
        out, _, code = containers.run_alone(
            str(engine.image(made)), ["cat", "/found"], {}, conformance.LIMITS
        )
        assert code == 0, "it was run when the packages were compiled"
        assert set(out.splitlines()) == {"(['lo'], False, False)"}
    finally:
        engine.remove(made)


def test_settings_reach_the_build(
    engine: DockerEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UV_INDEX_MINE_PASSWORD", "it's $here")
    secret = "--mount=type=secret,id=settings"
    text = (
        f"FROM {render.default_base('3.10')}\n"
        f"RUN {secret} : {uuid.uuid4()}; . /run/secrets/settings && "
        'test "$UV_INDEX_MINE_PASSWORD" = "it\'s \\$here"\n'
    )
    made = environment("3.10", dockerfile=text)
    engine.prepare(made, silent)
    engine.remove(made)


def test_a_read_only_container_compiles_nothing(
    engine: DockerEngine, prepared: Environment, tmp_path: Path
) -> None:
    source = """
import importlib.util, json, os, six, struct, sys, unittest.mock
def is_compiled(source):
    facts = os.stat(source)
    stamp = struct.pack("<II", int(facts.st_mtime), facts.st_size)
    with open(importlib.util.cache_from_source(source), "rb") as file:
        header = file.read(12 if sys.version_info < (3, 7) else 16)
    return header.startswith(importlib.util.MAGIC_NUMBER) and header.endswith(stamp)
files = [getattr(m, "__file__", None) or "" for m in list(sys.modules.values())]
sources = [f for f in files if f.startswith("/usr/") and f.endswith(".py")]
assert len(sources) > 20 and six.__file__ in sources
print("::observe missing=" + json.dumps([f for f in sources if not is_compiled(f)]))
"""
    found = run(engine, prepared, tmp_path, source)
    assert found.observations == {"missing": []}, found


@pytest.mark.parametrize(
    ("change", "message", "remedy"),
    [
        (("six==1.16.0", "six==1.15.0"), "hash|six", "tfmatrix lock"),
        (("six==1.16.0", "no-such-package-of-tfmatrix==1.16.0"), "no-such-package", ""),
    ],
)
def test_what_cannot_be_installed(
    engine: DockerEngine, change: tuple[str, str], message: str, remedy: str
) -> None:
    with pytest.raises(PrepareError, match=message) as raised:
        engine.prepare(environment("3.10", lock=SIX.replace(*change)), silent)
    assert remedy in str(raised.value)
    assert raised.value.log


def test_a_base_image_that_is_nowhere(engine: DockerEngine) -> None:
    made = environment("3.10", dockerfile="FROM localhost:1/no/such:image\n")
    with pytest.raises(PrepareError, match="no/such") as raised:
        engine.prepare(made, silent)
    assert "tfmatrix bases" in str(raised.value)


def test_a_base_image_that_is_nowhere_is_found_out_by_one_look(engine: DockerEngine) -> None:
    made = environment("3.10", dockerfile="FROM localhost:1/no/such:image\n")
    assert "localhost:1/no/such:image" in str(engine.why_not_made([made]))
    assert not engine.repair([made], print)


def test_what_a_registry_has_refused_is_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fresh = DockerEngine()
    with pytest.raises(PrepareError):
        fresh.prepare(environment("3.10", dockerfile="FROM localhost:1/no/such:image\n"), silent)
    monkeypatch.setattr(builder, "build", None)
    another = environment("3.10", dockerfile="FROM localhost:1/no/such:other\n")
    with pytest.raises(PrepareError, match=r"is not asked again in this run: .*refused"):
        fresh.prepare(another, silent)


class LimitedRegistry(BaseHTTPRequestHandler):
    """A registry whose limit on pulls is reached."""

    def do_GET(self) -> None:
        ping = self.path == "/v2/"
        body = b"{}" if ping else b'{"errors":[{"code":"TOOMANYREQUESTS","message":"limit"}]}'
        self.send_response(200 if ping else 429)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def limited_registry() -> Iterator[str]:
    if not daemon.is_local():
        pytest.skip("a daemon elsewhere sees no server of this machine")
    with ThreadingHTTPServer(("127.0.0.1", 0), LimitedRegistry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"localhost:{server.server_port}"
        server.shutdown()


def test_a_registry_whose_limit_is_reached_is_named_once_for_all(
    engine: DockerEngine, limited_registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (
        environment("3.10", dockerfile=f"FROM {limited_registry}/{name}:1\n")
        for name in ("one", "other")
    )
    assert "limit on pulls is reached" in str(engine.why_not_made([one]))
    fresh = DockerEngine()
    with pytest.raises(PrepareError, match=r"gave no base image.* 429 ") as first:
        fresh.prepare(one, silent)
    monkeypatch.setattr(builder, "build", None)
    with pytest.raises(PrepareError) as second:
        fresh.prepare(other, silent)
    assert str(second.value) == str(first.value)
    assert "docker login" in str(first.value)


def test_missing_bases_are_made_here_where_no_registry_answers(engine: DockerEngine) -> None:
    absent = [
        python
        for python in render.pythons()
        if daemon.find_image(render.default_base(python)) is None
        and bases.why_not([python]) is None
    ]
    if not absent:
        pytest.skip("every base image is here, or none can be made")
    image = render.default_base(absent[0])
    made = environment("3.10", dockerfile=f"FROM {image} AS one\nFROM one\n")
    if engine.why_not_made([made]) is None:
        pytest.skip("a registry answers")
    said: list[str] = []
    assert engine.repair([made], said.append)
    try:
        assert f"base images for Python {absent[0]} are made here" in said[0]
        assert engine.why_not_made([made]) is None
    finally:
        daemon.connect().images.remove(image)


def test_an_engine_asked_for_by_name_that_cannot_is_one_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import tensorflow\n")
    matrix = {
        "images": {"3.10": "localhost:1/no/such:image"},
        "repros": [{"name": "one", "script": "script.py"}],
    }
    (tmp_path / "matrix.yaml").write_text(json.dumps(matrix))
    for verb in ("run", "build"):
        done = subprocess.run(
            [sys.executable, "-m", "runner", verb, "--tf", "2.9.3,2.10.1", "--engine", "docker"],
            cwd=tmp_path,
            env={**os.environ, "TFMATRIX_CACHE": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 3
        assert done.stderr.count("no/such:image") == 1, done.stderr
        assert len(done.stderr.splitlines()) == 2
        assert not (tmp_path / "results").exists()


def test_an_image_that_is_not_ours_stays(engine: DockerEngine, plain: Environment) -> None:
    foreign = daemon.find_image(render.default_base("3.10"))
    assert foreign is not None
    made = evolve(plain, key="0" * 64)
    name = str(engine.image(made))
    foreign.tag(*name.rsplit(":", 1))
    try:
        assert not engine.prepared(made)
        engine.remove(made)
        assert daemon.find_image(name) is not None
    finally:
        daemon.connect().images.remove(name)


def test_an_image_in_use_stays(engine: DockerEngine, plain: Environment, tmp_path: Path) -> None:
    channel = engine.start_agent(plain, Workspace(folder=tmp_path, script=""), conformance.LIMITS)
    with pytest.raises(TfmatrixError, match="stays"):
        engine.remove(plain)
    channel.close()
    assert engine.prepared(plain)


def test_dropping_gives_the_space_back(engine: DockerEngine, plain: Environment) -> None:
    fill = (
        f"RUN head -c 30000000 /dev/urandom > /fill; : --requirement /mnt/tensorflow-{uuid.uuid4()}"
    )
    made = environment("3.10", dockerfile=f"FROM {render.default_base('3.10')}\n{fill}\n")
    engine.prepare(made, silent)
    assert 30_000_000 <= engine.disk_size(made) < 31_000_000
    before = taken()
    engine.remove(made)
    assert before - taken() > 29_000_000
    assert engine.prepared(plain)


def taken() -> int:
    usage = daemon.connect().api.df()
    kept = sum(int(r["Size"]) for r in usage["BuildCache"] if not r["Shared"])
    return int(usage["LayersSize"]) + kept


# -- what this machine can do ---------------------------------------------------------------------


def test_a_daemon_that_is_not_there(tmp_path: Path) -> None:
    said = doctor_says(DOCKER_HOST=f"unix://{tmp_path}/docker.sock")
    assert "no Docker daemon runs here" in said


def test_a_client_that_cannot_build(tmp_path: Path) -> None:
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\n[ $1 = --version ] && echo 'Docker version 28.2.2, build 1'\n")
    client.chmod(0o755)
    assert "buildx" in doctor_says(PATH=str(tmp_path))
    assert "buildx" in doctor_says(PATH="/nonexistent")


def test_a_client_that_can_build_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path))
    buildkit.client.cache_clear()
    found = buildkit.client()
    assert found is not None
    buildkit.client.cache_clear()
    monkeypatch.setattr(buildkit, "_can_buildkit", _not_again)
    assert buildkit.client() == found
    buildkit.client.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))  # another PATH, another answer
    assert buildkit.client() is None
    buildkit.client.cache_clear()


def _not_again(_: str) -> bool:
    raise AssertionError("it was asked again")


def doctor_says(**changes: str) -> str:
    code = (
        "from runner.engines.docker.engine import DockerEngine\nprint(DockerEngine().unavailable())"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **changes},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return asked.stdout


def test_cuda_without_a_gpu_is_refused_with_the_reason(engine: DockerEngine) -> None:
    if daemon.why_no_gpu() is None:
        pytest.skip("there is a GPU here")
    cuda = Cuda(cuda="12.2", cudnn="8.9", requirement="tensorflow[and-cuda]==2.15.1")
    release = evolve(environment("3.10").target.release, cuda=cuda)
    target = Target(release=release, device=Device.CUDA, python="3.10")
    assert "NVIDIA" in str(engine.refuses(target))
    assert engine.refuses(evolve(target, device=Device.CPU)) is None


# -- CUDA of an official image ---------------------------------------------------------------------


LOOK_AT_CUDA = """
import os, six
path = os.environ["LD_LIBRARY_PATH"].split(":")
print(sorted(os.listdir("/usr/local/cuda/lib64")))
print([os.path.exists(folder + "/libcudnn.so.7") for folder in path],
      os.path.exists("/usr/local/lib/python3.10/theirs.py"))
"""


def test_cuda_comes_out_of_the_image_that_holds_it(engine: DockerEngine, tmp_path: Path) -> None:
    """With a stand-in for an official image: what lies where in those, and a Python of its own."""
    base, libraries = f"tfmatrix-test:{uuid.uuid4()}", "/usr/lib/x86_64-linux-gnu"
    holder = environment(
        "3.10",
        dockerfile=f"FROM {render.default_base('3.10')}\n"
        "RUN mkdir -p /usr/local/cuda-10.1/targets/x86_64-linux/lib /etc/alternatives && "
        "cd /usr/local/cuda-10.1 && ln -s targets/x86_64-linux/lib lib64 && "
        "touch lib64/libcudart.so.10.1.243 && "
        "ln -s libcudart.so.10.1.243 lib64/libcudart.so.10.1 && "
        "ln -s /usr/local/cuda-10.1 /etc/alternatives/cuda && "
        "ln -s /etc/alternatives/cuda /usr/local/cuda && "
        f"cd {libraries} && touch libcublas.so.10 libcurl.so.9 libnvinfer.so.6 && "
        "touch libcudnn.so.7.6.4 && "
        "ln -s libcudnn.so.7.6.4 libcudnn.so.7 && touch /usr/local/lib/python3.10/theirs.py\n",
    )
    engine.prepare(holder, silent)
    held = daemon.find_image(str(engine.image(holder)))
    assert held is not None
    held.tag(*base.split(":"))
    cuda = Cuda(cuda="10.1", cudnn="7.6", requirement="six==1.16.0", base=base)
    target = environment("3.10").target
    target = evolve(target, device=Device.CUDA, release=evolve(target.release, cuda=cuda))
    text = render.dockerfile(target)
    made = evolve(
        holder, target=target, dockerfile=text, key=hashlib.sha256(text.encode()).hexdigest()
    )
    try:
        engine.prepare(made, silent)
        out, _, code = containers.run_alone(
            str(engine.image(made)), ["python3", "-c", LOOK_AT_CUDA], {}, conformance.LIMITS
        )
        assert code == 0
        assert "['libcublas.so.10', 'libcudart.so.10.1', 'libcudart.so.10.1.243', " in out
        assert "'libcudnn.so.7', 'libcudnn.so.7.6.4', 'libnvinfer.so.6']" in out
        assert "[True, False] False" in out
    finally:
        daemon.connect().images.remove(base)
        engine.remove(made)
        engine.remove(holder)


# -- bases ----------------------------------------------------------------------------------------


def test_bases_share_their_system(engine: DockerEngine) -> None:
    images = [daemon.find_image(render.default_base(python)) for python in ("3.6", "3.10")]
    layers = [image.attrs["RootFS"]["Layers"] for image in images if image is not None]
    if any("tfmatrix.base" not in daemon.labels(image) for image in images if image):
        pytest.skip("these bases came from a registry")
    assert layers[0][0] == layers[1][0]


def test_a_base_that_is_there_is_left_alone(engine: DockerEngine) -> None:
    tag = f"tfmatrix-test:{uuid.uuid4()}"
    foreign = daemon.find_image(render.default_base("3.10"))
    assert foreign is not None
    foreign.tag(*tag.split(":"))
    try:
        assert bases.make_base("3.10", tag, print) is False
        found = daemon.find_image(tag)
        assert found is not None
        assert found.id == foreign.id
    finally:
        daemon.connect().images.remove(tag)


# -- TensorFlow itself -----------------------------------------------------------------------------


@pytest.mark.tensorflow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", ["1.12.3", "1.15.5", "2.9.3", "2.16.2", "2.21.0"])
def test_a_release_trains_in_its_image(engine: DockerEngine, tmp_path: Path, version: str) -> None:
    (release,) = (release for release in catalogue.load_releases() if release.version == version)
    target = plan.target(release, Device.CPU)
    for python in {target.python, "3.10"}:
        bases.make_base(python, render.default_base(python), print)
    made = locks.environment(target)
    engine.prepare(made, silent)
    found = run(engine, made, tmp_path, paths.proof().read_text("utf-8"), Limits(timeout=300))
    assert found.exit_code == 0, found.output
    assert found.output.splitlines()[-1] == version
