"""Which builds an image takes: code of a source distribution never runs with a network."""

from __future__ import annotations

import re
from typing import Any

import pytest
from attrs import evolve

from runner.engines.docker import build_steps
from runner.environments import locks, render, sources
from runner.matrix import plan
from runner.model import Device
from runner.releases import catalogue

NEW = {"Version": "28.2.2", "Components": [{"Name": "Engine"}]}
OLD = {"Version": "20.10.24+dfsg1", "Components": [{"Name": "Engine"}]}
PODMAN = {"Version": "5.4.0", "Components": [{"Name": "Podman Engine"}, {"Name": "Conmon"}]}


def dockerfile(version: str, *named: str) -> str:
    (release,) = [each for each in catalogue.load_releases() if each.version == version]
    target = plan.target(release, Device.CPU)
    path = locks.committed_path(target)
    assert path is not None
    built = sources.distributions_in_lock(locks.lock_lines(path.read_text("utf-8")))
    return render.dockerfile(evolve(target, requirements=named), sources=built)


@pytest.mark.parametrize(
    ("version", "known"),
    [
        (NEW, True),
        ({"Version": "23.0.0"}, True),
        ({"Version": "22.6.0"}, False),
        (OLD, False),
        (PODMAN, False),
        ({"Version": "dev"}, False),
        ({}, False),
    ],
)
def test_which_builders_take_the_network_from_one_command(
    version: dict[str, Any], known: bool
) -> None:
    assert build_steps.network_by_run(version) is known


@pytest.mark.parametrize("by_run", [True, False])
def test_without_source_distributions_one_build_is_enough(by_run: bool) -> None:
    text = dockerfile("2.21.0")
    assert build_steps.steps(text, "t:1", network_by_run=by_run) == [
        build_steps.BuildStep(dockerfile=text, tag="t:1")
    ]


def test_a_builder_that_can_is_given_the_dockerfile_as_it_is() -> None:
    text = dockerfile("1.15.5")
    assert "RUN --network=none" in text
    (step,) = build_steps.steps(text, "t:1", network_by_run=True)
    assert step.dockerfile == text


def test_any_other_builds_them_by_themselves_without_a_network() -> None:
    text = dockerfile("1.15.5")
    before, alone, rest = build_steps.steps(text, "t:1", network_by_run=False)
    assert [step.network for step in (before, alone, rest)] == ["host", "none", "host"]
    for step in (before, rest):
        assert "pip wheel" not in step.dockerfile, "code runs only where there is no network"
    assert "pip wheel" in alone.dockerfile
    assert "type=secret" not in alone.dockerfile
    assert "type=cache" not in alone.dockerfile
    assert not any("RUN --network" in step.dockerfile for step in (before, alone, rest))
    assert (before.target, before.tag) == ("wheels", "t:1-wheels")
    assert alone.dockerfile.startswith("FROM t:1-wheels AS wheels\nFROM wheels\nRUN")
    assert f"FROM {alone.tag} AS built\n" in rest.dockerfile
    assert rest.tag == "t:1"
    # Nothing else is different, so that a builder's cache has all that was made before.
    assert text.startswith(before.dockerfile)
    assert rest.dockerfile.startswith(before.dockerfile)
    assert rest.dockerfile.endswith(text[text.rindex("FROM wheels\n") :])


@pytest.mark.parametrize("version", ["1.15.5", "2.21.0"])
def test_no_python_runs_beside_named_packages_with_anything_to_steal(version: str) -> None:
    """A wheel can hold a `.pth` file, or another `compileall`: Python runs these when it starts."""
    text = dockerfile(version, "pandas")
    after = text[text.index("# What it needs") :].split("\nRUN ")[2:]
    assert after, "what is compiled, and built, after the packages were laid down"
    assert all(command.startswith("--network=none ") for command in after)
    assert not re.search("type=(secret|cache)", "".join(after))
    installing = text[text.index("# What it needs") : text.index("\nFROM wheels")]
    assert "python3" not in installing.partition("uv pip install")[2]
    made = build_steps.steps(text, "t:1", network_by_run=False)
    for step in made:
        commands = step.dockerfile.partition("# What it needs")[2] or step.dockerfile
        if step.network != "none":
            assert "python3 " not in commands
    assert len({step.tag for step in made}) == len(made)
