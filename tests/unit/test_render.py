"""Dockerfiles: every series on both devices, readable, the same each time."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest
from attrs import evolve

from runner import paths
from runner.engines.docker import build_cache
from runner.environments import locks, render, sources
from runner.errors import UsageError
from runner.matrix import plan
from runner.model import Device, Target
from runner.releases import catalogue, specifier

GOLDEN = Path(__file__).parents[1] / "golden" / "dockerfiles"
RELEASES = catalogue.load_releases()
NEWEST = specifier.select(RELEASES, ">=1.12", "latest")
TARGETS = [plan.target(release, device) for release in NEWEST for device in Device]


UNAVAILABLE: list[str] = []


def named(version: str, device: Device) -> Target:
    (release,) = (release for release in RELEASES if release.version == version)
    return plan.target(release, device)


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: f"{t.release.version}-{t.device}")
def test_every_series_renders_or_says_why_not(target: Target) -> None:
    reason = render.unavailable(target)
    if reason is not None:
        assert target.device is Device.CUDA
        assert len(reason) > 10
        with pytest.raises(UsageError, match=re.escape(reason)):
            render.dockerfile(target)
        return
    text = render.dockerfile(target)
    assert text == render.dockerfile(target)
    assert text.startswith(f"# TensorFlow {target.release.version} on {target.device}")
    assert max(map(len, text.splitlines())) < 160
    assert "\n\n\n" not in text
    ours = text.replace("\n".join(f"        {line} \\" for line in render.bytecode_program()), "")
    assert len(ours) < len(text)
    assert not re.search(r"[ \t]$|\{\{|\{%|None|True", ours, re.MULTILINE)
    assert_stages_exist(text)


def assert_stages_exist(text: str) -> None:
    """Each `from=` names a stage above it; each RUN goes on exactly where its lines say so."""
    stages = re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE)
    assert set(re.findall(r"from=(\w+)", text)) <= set(stages)
    known = ["FROM", "RUN", "ENV", "LABEL", "WORKDIR", "USER"]
    instructions = re.sub(r"\\\n", "", text)
    for line in instructions.splitlines():
        assert not line or line.startswith("#") or line.split()[0] in known, line


@pytest.mark.parametrize("more", [(), ("pandas",)], ids=["usual", "named"])
@pytest.mark.parametrize("device", Device, ids=str)
def test_every_command_is_known_as_ours_in_a_builders_cache(
    device: Device, more: tuple[str, ...]
) -> None:
    for target in TARGETS:
        if target.device is device and render.unavailable(target) is None:
            path = locks.committed_path(target)
            assert path is not None
            built = sources.distributions_in_lock(locks.lock_lines(path.read_text("utf-8")))
            text = render.dockerfile(evolve(target, requirements=more), sources=built)
            commands = [part for part in re.split(r"\n(?=[A-Z]+ )", text) if part[:4] == "RUN "]
            assert len(commands) >= 5
            assert all(map(build_cache.is_our_command, commands)), target
    assert not build_cache.is_our_command("RUN pip install tensorflow")


def test_all_26_series_are_there() -> None:
    assert len(NEWEST) == 26


def test_where_no_image_is_possible() -> None:
    assert [t.release.version for t in TARGETS if render.unavailable(t) is not None] == UNAVAILABLE


@pytest.mark.parametrize(
    ("version", "device"),
    [
        ("1.12.3", Device.CPU),
        ("2.9.3", Device.CPU),
        ("2.21.0", Device.CPU),
        ("2.3.4", Device.CUDA),
        ("2.18.1", Device.CUDA),
    ],
)
def test_golden(version: str, device: Device, golden: Callable[[Path, str], None]) -> None:
    target = named(version, device)
    path = locks.committed_path(target)
    assert path is not None
    built = sources.distributions_in_lock(locks.lock_lines(path.read_text("utf-8")))
    text = render.dockerfile(target, sources=built)
    golden(GOLDEN / f"{version}-{device}.Dockerfile", text)


def test_layers_below_tensorflow_are_shared() -> None:
    """What two releases of a Python have in common comes first, word for word."""
    one = instructions(render.dockerfile(named("2.9.3", Device.CPU)))
    two = instructions(render.dockerfile(named("2.21.0", Device.CPU)))
    shared = [line for line in one if line in two]
    assert any("--target /uv" in line for line in shared)
    assert any("/etc/passwd" in line for line in shared)


def instructions(text: str) -> list[str]:
    lines = re.sub(r"\\\n", "", text).splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_packages_of_the_user_change_only_what_comes_after_tensorflow() -> None:
    plain = named("2.9.3", Device.CPU)
    more = evolve(plain, requirements=("pandas",))
    one, two = instructions(render.dockerfile(plain)), instructions(render.dockerfile(more))
    installs = [at for at, line in enumerate(one) if "uv pip install" in line]
    until = installs[0] + 1
    names = [re.sub(" AS wheels$", "", line) for line in two[:until]]
    assert names == one[:until], "TensorFlow's layer is shared"
    assert "tensorflow-cpu==2.9.3, pandas, and what they need" in render.dockerfile(more)


def test_the_user_names_base_images() -> None:
    digest = "mirror.example/python@sha256:" + "0" * 64
    text = render.dockerfile(named("2.9.3", Device.CPU), {"3.10": digest})
    assert f"\nFROM {digest} AS python\n" in text
    assert "slim" not in text
    other = render.dockerfile(named("1.12.3", Device.CPU), {"3.10": digest})
    assert f"\nFROM {digest} AS uv\n" in other
    assert "\nFROM python:3.6-slim-bullseye AS python\n" in other


def test_a_python_without_an_image() -> None:
    target = evolve(named("2.9.3", Device.CPU), python="3.99")
    with pytest.raises(UsageError, match=r"Python 3\.99.*3\.10"):
        render.dockerfile(target)


def test_templates_refuse_what_is_undefined() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render._templates().get_template("cpu.j2").render()


def test_facts_cannot_break_out_of_their_comments() -> None:
    target = named("2.9.3", Device.CPU)
    hostile = evolve(target, release=evolve(target.release, yanked="a\nRUN rm -rf /\nb"))
    assert instructions(render.dockerfile(hostile)) == instructions(render.dockerfile(target))


def test_every_python_of_the_catalogue_has_a_base() -> None:
    pythons = {python for release in RELEASES for python in release.pythons}
    assert all(render.base_image(python) for python in pythons)
    assert (paths.data_folder() / "images.yaml").is_file()
