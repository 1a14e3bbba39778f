"""A change of the catalogue, a lock or a base image changes the keys that it bears on alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from runner import paths
from runner.environments import locks, resolve
from runner.matrix import plan
from runner.model import Device, Quirk, Release
from runner.releases import catalogue, specifier
from runner.releases.upstream import insert

TEXT = paths.releases().read_text("utf-8")
RELEASES = catalogue.parse(TEXT)
NEWEST = specifier.newest_patches(RELEASES)
HASH = "--hash=sha256:" + "0" * 64


@pytest.fixture(autouse=True)
def _locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock for whatever is asked, that depends on nothing but what is asked."""
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(paths, "locks", lambda: tmp_path / "locks")
    monkeypatch.setattr(
        resolve,
        "resolve_lock",
        lambda question: "".join(
            f"{name.split('==')[0]}=={question.as_of:%Y.%m.%d}.{len(question.constraints)} {HASH}\n"
            for name in question.requirements
        ),
    )


def keys(
    releases: tuple[Release, ...], images: Mapping[str, str] = {}, device: Device = Device.CPU
) -> dict[str, str]:
    return {
        release.version: locks.environment(plan.target(release, device), images).key
        for release in releases
        if device is Device.CPU or (release.cuda and not release.cuda.unavailable)
    }


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [version for version in before if before[version] != after[version]]


def with_(version: str, **facts: Any) -> tuple[Release, ...]:
    return tuple(evolve(r, **facts) if r.version == version else r for r in NEWEST)


def test_every_environment_has_its_own() -> None:
    assert len(set(keys(NEWEST).values())) == len(NEWEST)


def test_a_release_more_changes_none() -> None:
    entry = '    2.21.1: {released: 2026-05-06, cpu_mb: 274, cuda_mb: 573, pythons: "3.10"}\n'
    parsed = catalogue.parse(TEXT.rstrip() + "\n" + entry)
    assert len(parsed) == len(RELEASES) + 1
    known = tuple(release for release in parsed if release in RELEASES)
    assert changed(keys(NEWEST), keys(tuple(specifier.newest_patches(known)))) == []


@pytest.mark.parametrize(
    "facts",
    [{"constraints": ("numpy<2",)}, {"cutoff_days": 3}, {"extras": ("six",)}],
    ids=lambda facts: next(iter(facts)),
)
def test_what_a_release_asks_for_changes_its_own(facts: dict[str, Any]) -> None:
    assert changed(keys(NEWEST), keys(with_("2.9.3", **facts))) == ["2.9.3"]


@pytest.mark.parametrize(
    "facts",
    [{"wheel_mb": 1}, {"keras": "9"}, {"image": "other"}, {"pythons": ("3.10", "3.9")}],
    ids=lambda facts: next(iter(facts)),
)
def test_what_is_only_said_of_a_release_changes_none(facts: dict[str, Any]) -> None:
    assert changed(keys(NEWEST), keys(with_("2.9.3", **facts))) == []


def test_another_python_changes_its_own() -> None:
    assert changed(keys(NEWEST), keys(with_("2.9.3", pythons=("3.9", "3.10")))) == ["2.9.3"]


def test_facts_of_the_cuda_build_are_none_of_the_cpus() -> None:
    cuda = next(r.cuda for r in NEWEST if r.version == "2.9.3")
    assert cuda is not None
    after = with_("2.9.3", cuda=evolve(cuda, base="tensorflow/tensorflow:other-gpu"))
    assert changed(keys(NEWEST), keys(after)) == []
    assert changed(keys(NEWEST, {}, Device.CUDA), keys(after, {}, Device.CUDA)) == ["2.9.3"]


def test_a_base_image_changes_those_of_its_python() -> None:
    of_38 = [release.version for release in NEWEST if release.pythons[0] == "3.8"]
    assert len(of_38) > 3
    assert changed(keys(NEWEST), keys(NEWEST, {"3.8": "mine:3.8"})) == of_38


def test_a_lock_changes_its_own() -> None:
    before = keys(NEWEST)
    target = plan.target(next(r for r in NEWEST if r.version == "2.9.3"), Device.CPU)
    path = locks.committed_path(target)
    assert path is not None
    path.parent.mkdir()
    path.write_text(f"{locks.lock_header(target)}six==1 {HASH}\n", "utf-8")
    assert changed(before, keys(NEWEST)) == ["2.9.3"]
    path.write_text(f"{locks.lock_header(target)}# a comment\nsix==1 {HASH}\n", "utf-8")
    commented = keys(NEWEST)
    path.write_text(f"{locks.lock_header(target)}six==1 {HASH}\n", "utf-8")
    assert changed(commented, keys(NEWEST)) == []


def test_what_a_dockerfile_only_remarks_changes_none() -> None:
    after = catalogue.parse(insert.with_yanked(TEXT, "2.9.3", "it was"))
    assert changed(keys(NEWEST), keys(specifier.newest_patches(after))) == []
    quirk = Quirk(what="Said otherwise.", remedy="The same.")
    assert changed(keys(NEWEST), keys(with_("2.9.3", quirks=(quirk,)))) == []


def test_the_image_that_uv_is_fetched_in_changes_those_of_its_python_alone() -> None:
    of_310 = [release.version for release in NEWEST if release.pythons[0] == "3.10"]
    assert changed(keys(NEWEST), keys(NEWEST, {"3.10": "mine:3.10"})) == of_310


def test_pre_releases_are_locked_in_the_users_cache() -> None:
    release = evolve(NEWEST[-1], version="2.22.0rc0", cpu_requirement="tensorflow-cpu==2.22.0rc0")
    target = plan.target(release, Device.CPU)
    assert locks.committed_path(target) is None
    locks.environment(target)
    assert [path.name[:20] for path in paths.cached_locks().iterdir()] == ["2.22.0rc0-py3.10-cpu"]
    assert not paths.locks().exists()


@pytest.mark.parametrize(
    ("requirement", "left_out"),
    [
        ("tf-nightly-cpu==2.23.0.dev20261026", ("tensorflow", "tf-nightly")),
        ("tf-nightly==2.23.0.dev20261026", ("tensorflow",)),
        ("tensorflow-cpu==2.22.0rc0", ("tensorflow",)),
        ("tensorflow==2.0.4", ()),
    ],
)
def test_the_same_files_are_not_installed_twice(
    requirement: str, left_out: tuple[str, ...]
) -> None:
    release = evolve(NEWEST[-1], cpu_requirement=requirement)
    assert locks.lock_request(plan.target(release, Device.CPU)).left_out == left_out
