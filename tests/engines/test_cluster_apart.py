"""A cluster whose machines have networks of their own, and one that speaks TLS.

The networks are namespaces of this kernel, joined by a bridge that leads nowhere else: no address
is shared, and what listens on one machine's loopback is not heard on another. Needs root.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Optional

import pytest

from tests.conftest import required
from tests.engines.dask_cluster import ROOT, VERSIONS, Cluster

pytest.importorskip("distributed")

CLIENT = """
import json, os, signal, sys
from pathlib import Path
from runner.pipeline import events
from tests.engines.dask_cluster import Desk
class There:
    folder, address = Path(sys.argv[1]), sys.argv[2]
pid, begun = int(sys.argv[3]), set()
def kill(event):
    # Worker one, when it has measured a cell and begins the environment's next one.
    global pid
    if pid and isinstance(event, events.Started) and event.worker == "one":
        if event.environment in begun:
            os.kill(pid, signal.SIGKILL)
            pid = 0
        begun.add(event.environment)
desk = Desk(There())
results = desk.run("0.3", 5, emit=kill)
print(json.dumps([[r.outcome.verdict.value, r.worker, r.observations] for r in results]))
print(json.dumps(desk.said))
"""


def run_client(
    dask: Cluster,
    *,
    kill: int = 0,
    within: Sequence[str] = (),
    variables: Optional[Mapping[str, str]] = None,
) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", CLIENT, str(dask.folder), dask.address, str(kill)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **(variables or {})}
    return subprocess.run(
        [*within, *words], env=env, cwd=dask.folder, capture_output=True, text=True, timeout=150
    )


class Network:
    """Namespaces on a bridge, each with an address: 10.231.77.1, .2, …"""

    def __init__(self, stack: ExitStack, names: Sequence[str]) -> None:
        self._mark = secrets.token_hex(2)
        self._stack = stack
        self.bridge = f"tfm{self._mark}"
        self._ip("link", "add", self.bridge, "type", "bridge")
        stack.callback(self._ip, "link", "delete", self.bridge)
        self._ip("link", "set", self.bridge, "up")
        self.addresses = {name: f"10.231.77.{n}" for n, name in enumerate(names, 1)}
        for number, name in enumerate(names):
            self._add(name, f"v{self._mark}{number}")

    def within(self, name: str) -> list[str]:
        return ["ip", "netns", "exec", self._space(name)]

    def _space(self, name: str) -> str:
        return f"tfm-{self._mark}-{name}"

    def _add(self, name: str, link: str) -> None:
        space = self._space(name)
        self._ip("netns", "add", space)
        self._stack.callback(self._ip, "netns", "delete", space)
        peer = ("type", "veth", "peer", "name", "eth0", "netns", space)
        self._ip("link", "add", link, *peer)
        self._ip("link", "set", link, "master", self.bridge, "up")
        inside = ("-n", space)
        self._ip(*inside, "address", "add", f"{self.addresses[name]}/24", "dev", "eth0")
        self._ip(*inside, "link", "set", "eth0", "up")
        self._ip(*inside, "link", "set", "lo", "up")

    @staticmethod
    def _ip(*words: str) -> None:
        done = subprocess.run(["ip", *words], capture_output=True, text=True)
        if done.returncode:
            raise PermissionError(f"ip {' '.join(words)}: {done.stderr.strip()}")


@pytest.fixture
def network() -> Iterator[Network]:
    with ExitStack() as stack:
        try:
            made = Network(stack, ("scheduler", "client", "one", "two", "three"))
        except OSError as error:
            if required():
                raise
            pytest.skip(f"LEFT OUT: no network namespaces can be made here: {error}")
        yield made


def test_machines_with_addresses_of_their_own_one_of_which_dies(
    network: Network, tmp_path: Path
) -> None:
    """Each has an environment from before, so that each has cells, and whoever dies is missed."""
    with ExitStack() as stack:
        host = network.addresses["scheduler"]
        dask = Cluster(tmp_path, host=host, within=network.within("scheduler"))
        stack.callback(dask.close)
        assert host in dask.address
        for name, version in zip(("one", "two", "three"), VERSIONS):
            (tmp_path / f"cache-{name}" / "made" / version).mkdir(parents=True)
            dask.add(name, within=network.within(name))
            log = dask.log(name)
            assert network.addresses[name] in log.read_text("utf-8")
        one = dask.workers["one"].pid
        done = run_client(dask, kill=one, within=network.within("client"))
        assert done.returncode == 0, done.stderr
        results, said = map(json.loads, done.stdout.splitlines())
        assert len(results) == 20
        assert {verdict for verdict, _, _ in results} == {"pass"}
        assert all(seen == {"answer": 42, "secret": 0} for _, _, seen in results)
        assert {worker for _, worker, _ in results} == {"one", "two", "three"}
        assert any("worker one is lost" in line for line in said), said
        caches = [tmp_path / f"cache-{name}" / "made" for name in ("two", "three")]
        assert {made.name for cache in caches for made in cache.iterdir()} == set(VERSIONS)


# TLS --------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, str]:
    """Dask's own variables, with a key for everybody and a certificate that vouches for itself."""
    if shutil.which("openssl") is None:
        pytest.skip("LEFT OUT: there is no openssl to make a certificate with")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=dask"]
    command = ["openssl", *words, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    tls = "DASK_DISTRIBUTED__COMM__TLS__"
    variables = {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true", f"{tls}CA_FILE": str(cert)}
    for who in ("SCHEDULER", "WORKER", "CLIENT"):
        variables.update({f"{tls}{who}__KEY": str(key), f"{tls}{who}__CERT": str(cert)})
    return variables


def test_over_tls_and_only_with_a_certificate(tmp_path: Path, certificate: dict[str, str]) -> None:
    dask = Cluster(tmp_path, words=["--protocol", "tls"], variables=certificate)
    try:
        assert dask.address.startswith("tls://")
        dask.add("one")
        done = run_client(dask, variables=certificate)
        assert done.returncode == 0, done.stderr
        results, _ = map(json.loads, done.stdout.splitlines())
        assert [verdict for verdict, _, _ in results] == ["pass"] * 20
        refused = run_client(dask)
        assert refused.returncode != 0
        assert "no Dask scheduler can be reached" in refused.stderr
    finally:
        dask.close()
