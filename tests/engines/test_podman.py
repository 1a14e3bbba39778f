"""The Docker engine against Podman's socket: a service of the test's own, where it is installed.

It builds without a cache of its own and so takes minutes: `make torture` runs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.types import Ulimit

from runner.engines.docker import bases, containers, daemon
from runner.engines.docker.engine import DockerEngine
from runner.environments import render
from runner.errors import PrepareError
from tests.engines import conformance, test_docker
from tests.engines.test_docker import environment, silent

pytestmark = [pytest.mark.docker, pytest.mark.torture, pytest.mark.timeout(600)]

IMAGE = render.default_base("3.10")
FEW = 4096
"""Open files and processes: more than that, this user may not be able to allow others."""


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Podman service that has the base image."""
    if shutil.which("podman") is None or os.geteuid() != 0:
        pytest.skip("podman is not installed, or this is not root")
    bases.make_base("3.10", IMAGE, print)
    folder = tmp_path_factory.mktemp("podman")
    (folder / "containers.conf").write_text(
        f'[containers]\ndefault_ulimits = ["nofile={FEW}:{FEW}", "nproc={FEW}:{FEW}"]\n'
    )
    podman = ["podman", f"--root={folder}/root", f"--runroot={folder}/run"]
    environ = {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")}
    address = f"unix://{folder}/podman"
    command = [*podman, "system", "service", "--time=0", address]
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        with subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE) as save:
            subprocess.run([*podman, "load"], env=environ, stdin=save.stdout, check=True)
        while not (folder / "podman").exists():
            assert service.poll() is None, (folder / "log").read_text("utf-8", "replace")
            time.sleep(0.1)
        yield address
    finally:
        service.terminate()
        service.wait()
        subprocess.run([*podman, "system", "reset", "--force"], env=environ, check=False)
        subprocess.run(["rm", "-rf", str(folder)], check=False)


@pytest.fixture
def engine(socket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerEngine]:
    yield from engine_at(socket, monkeypatch)


def engine_at(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerEngine]:
    """An engine of the daemon there, whose user may allow few open files."""

    def forget() -> None:
        daemon.version.cache_clear()
        daemon.daemon_info.cache_clear()

    whole = containers.host_settings

    def with_few(*args: Any, **options: Any) -> dict[str, Any]:
        host = whole(*args, **options)
        few = [Ulimit(name=name, soft=FEW, hard=FEW) for name in ("nofile", "nproc")]
        return {**host, "ulimits": [*host["ulimits"], *few]}

    monkeypatch.setattr(containers, "host_settings", with_few)
    monkeypatch.setenv("DOCKER_HOST", address)
    monkeypatch.setattr(daemon, "_connection", None)
    forget()
    yield DockerEngine()
    forget()


def test_a_cell_is_confined_as_in_docker(engine: DockerEngine, tmp_path: Path) -> None:
    confined(engine, tmp_path)


def confined(engine: DockerEngine, tmp_path: Path) -> None:
    assert engine.unavailable() is None
    made = environment("3.10", dockerfile=f"FROM {IMAGE}\nLABEL test=podman\n")
    engine.prepare(made, silent)
    assert engine.prepared(made)
    found = test_docker.run(engine, made, tmp_path, test_docker.LOOK_AROUND)
    assert found.exit_code == 0, found
    facts: Any = found.observations["facts"]
    test_docker.test_there_is_no_network(facts)
    test_docker.test_it_is_nobody_and_can_do_nothing(facts)
    test_docker.test_only_scratch_can_be_written(facts)
    kernels = ("/proc", "/sys", "/dev")
    writable = {place for place, options in facts["mounts"].items() if options[0] == "rw"}
    assert {place for place in writable if not place.startswith(kernels)} == {"/tmp"}
    assert facts["first"] == "/tfmatrix/agent.py"
    way_out = Path(__file__).parents[1] / "torture" / "subjects" / "breaks_out.py"
    found = test_docker.run(engine, made, tmp_path, way_out.read_text("utf-8"))
    assert found.observations["ways"] == [], found
    left = daemon.connect().api.containers(all=True)
    assert left == [], "a container goes with its agent"
    engine.remove(made)
    assert not engine.prepared(made)


def test_podman_builds_what_docker_builds(engine: DockerEngine, tmp_path: Path) -> None:
    """TensorFlow's Dockerfile, with a small package in its place."""
    made = environment("3.10")
    phases: list[str] = []
    engine.prepare(made, lambda phase: phases.append(f"{phase.what} {phase.detail}"))
    assert any("uv pip install" in phase for phase in phases), phases
    found = test_docker.run(engine, made, tmp_path, "import six; print(six.__version__)")
    assert (found.exit_code, found.output.strip()) == (0, "1.16.0"), found


def test_a_failed_build_says_why(engine: DockerEngine) -> None:
    text = f"FROM {IMAGE}\nRUN echo before && ls /nothing-of-that-name\n"
    with pytest.raises(PrepareError, match="cannot access '/nothing-of-that-name'"):
        engine.prepare(environment("3.10", dockerfile=text), silent)


def test_code_of_source_distributions_has_no_network(
    engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_docker.test_a_source_distribution_is_built_without_network_secrets_or_cache(
        "", engine, monkeypatch
    )


def test_it_says_what_is_missing(engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "install podman or podman-remote" in str(engine.unavailable())


def test_every_subject_ends_as_in_docker(engine: DockerEngine, tmp_path: Path) -> None:
    every_subject(engine, tmp_path)


def every_subject(engine: DockerEngine, tmp_path: Path) -> None:
    made = environment("3.10", dockerfile=f"FROM {IMAGE}\nLABEL test=podman\n")
    engine.prepare(made, silent)
    with conformance.opened(engine, made, tmp_path) as bench:
        for case in conformance.CASES:
            conformance.check(bench, case)
