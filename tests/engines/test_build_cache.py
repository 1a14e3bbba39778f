"""What BuildKit keeps of our builds outlives a restart of its daemon, and our pruning: in a daemon
of the test's own."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from runner.engines.base import Phase
from runner.engines.docker import bases, build_cache, builder, containers, daemon
from runner.engines.docker.engine import DockerEngine
from runner.environments import render
from runner.model import Device, Environment, Limits, Release, Target
from tests.torture.machines.daemon import Daemon
from tests.torture.machines.daemon import daemon as started

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

STAGES = """\
FROM {base} AS tools
RUN cat /proc/sys/kernel/random/uuid > /nonce; : pip install --target /uv {test}

FROM tools AS lock
RUN echo {test} > /tensorflow-test.txt

FROM {base} AS wheels
RUN echo {one} > /wheels; : --requirement /mnt/tensorflow-{one}

FROM wheels AS built
RUN --network=none --mount=type=bind,from=tools,source=/nonce,target=/mnt/nonce \\
    cp /mnt/nonce /built

FROM wheels
RUN --mount=type=bind,from=built,source=/built,target=/mnt/built \\
    --mount=type=bind,from=lock,source=/tensorflow-test.txt,target=/mnt/tensorflow-test.txt \\
    cp /mnt/built /found
"""
"""As the Dockerfile of an image with source distributions has them."""


@pytest.fixture(scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("a second daemon needs root and dockerd")
    bases.make_base("3.10", render.default_base("3.10"), print)
    folder = tmp_path_factory.mktemp("docker")  # a short path: its sockets lie there
    with started(folder / "daemon") as made:
        made.load([render.default_base("3.10")])
        yield made


@pytest.fixture
def own(_shared: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setenv("DOCKER_HOST", _shared.host)
    monkeypatch.setattr(daemon, "_connection", None)
    # Such a daemon builds a stage without a network on its own, `FROM` images of other stages.
    monkeypatch.setattr(daemon, "version", lambda: {"Version": "20.10.24", "Os": "linux"})
    return _shared


def environment(test: str) -> Environment:
    one = uuid.uuid4().hex
    text = STAGES.format(base=render.default_base("3.10"), test=test, one=one)
    release = Release(
        version="1.99.0",
        released=date(2020, 1, 1),
        pythons=("3.10",),
        cpu_requirement="six==1.16.0",
    )
    target = Target(release=release, device=Device.CPU, python="3.10")
    key = hashlib.sha256(text.encode()).hexdigest()
    return Environment(target=target, requirements="", key=key, dockerfile=text)


def silent(_: Phase) -> None:
    pass


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == builder.__name__]


def nonce(engine: DockerEngine, made: Environment) -> str:
    """What the stage `tools` of the image's build had written."""
    engine.prepare(made, silent)
    image = str(engine.image(made))
    out, _, code = containers.run_alone(image, ["cat", "/found"], {}, Limits())
    assert code == 0
    return out


def test_a_stage_stays_whole_after_a_restart_and_the_removal_of_images(
    own: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    engine, test = DockerEngine(), uuid.uuid4().hex
    first = environment(test)
    made = nonce(engine, first)
    own.kill()
    own.start()
    engine.remove(first)
    assert nonce(engine, environment(test)) == made, "the stage was still in the cache"
    assert not warnings(caplog), "no layer was lost"


@pytest.mark.usefixtures("own")
def test_what_the_images_of_a_build_alone_had_goes_with_it() -> None:
    engine, test = DockerEngine(), uuid.uuid4().hex
    before = {record["ID"] for record in build_cache.records()}
    one = environment(test)
    engine.prepare(one, silent)
    engine.remove(one)
    left = [r["Description"] for r in build_cache.records() if r["ID"] not in before]
    assert not [
        command for command in left if re.search("--requirement|/mnt/nonce|/found", command)
    ]
    assert [command for command in left if "--target /uv" in command], "the next build needs it"


def test_lost_layers_are_forgotten_and_what_is_whole_is_used_again(
    own: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    """A layer is taken from under its record as an older tfmatrix did: by the record of an image's
    layer, after a restart."""
    engine, test = DockerEngine(), uuid.uuid4().hex
    first = environment(test)
    made = nonce(engine, first)
    own.kill()
    own.start()
    for record in build_cache.records():
        if record["Description"].startswith("from local") and not record["Shared"]:
            filters: Any = {"id": [record["ID"]]}
            own.client().api.prune_builds(filters=filters)
    anew = nonce(engine, environment(test))
    assert anew != made
    told = warnings(caplog)
    assert "is built once more" in told[0]
    assert nonce(engine, environment(test)) == anew
    assert warnings(caplog) == told, "the cache is whole again"
