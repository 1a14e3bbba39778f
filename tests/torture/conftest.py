"""Most of these tests take seconds each, so they run when asked for: `make torture`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runner.engines.docker import bases
from runner.engines.docker.engine import DockerEngine
from runner.environments import render
from runner.model import Environment

pytest.register_assert_rewrite("tests.torture.checks")
from tests.torture import bench  # noqa: E402
from tests.torture.contained import image_of, silent  # noqa: E402


@pytest.fixture(scope="session")
def images() -> Iterator[dict[str, Environment]]:
    bases.make_base("3.10", render.default_base("3.10"), print)
    made = {version: image_of(version) for version in (bench.HOME, bench.NEIGHBOUR)}
    for environment in made.values():
        DockerEngine().prepare(environment, silent)
    yield made
    for environment in made.values():
        DockerEngine().remove(environment)
