"""What the doctor makes of its findings; the findings themselves come from real machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import pytest
from requests.exceptions import RequestException

from runner.engines.docker import outlook
from runner.engines.docker.outlook import Obstacle
from runner.releases import catalogue
from runner.upkeep import doctor
from runner.upkeep.doctor import Health
from tests.engines.plain import PlainEngine, release


@pytest.mark.parametrize(
    ("flags", "health"),
    [
        (frozenset({"sse4_2", "avx", "avx2"}), Health.GOOD),
        (frozenset({"sse4_2"}), Health.BAD),
        (None, Health.LIMITED),
    ],
)
def test_avx(flags: Optional[frozenset[str]], health: Health) -> None:
    assert doctor.check_avx(flags).health is health


def test_releases_are_grouped_by_the_reason_that_keeps_them_out() -> None:
    engine = PlainEngine(refused="2.2.0")
    checks = list(doctor.check_coverage(engine, [release(v) for v in ("2.1.0", "2.2.0", "2.3.0")]))
    assert [(c.what, c.health.value, c.finding) for c in checks] == [
        ("plain: releases", "ok", "2 of 3 can run here"),
        ("plain: 2.2.0", "limited", "not on this machine"),
    ]


def test_an_engine_that_can_run_nothing_is_bad() -> None:
    checks = list(doctor.check_coverage(PlainEngine(refused="2.2.0"), [release("2.2.0")]))
    assert checks[0].health is Health.BAD


def test_whatever_is_wrong_and_can_be_mended_says_how() -> None:
    assert doctor.check_avx(frozenset()).remedy


@pytest.mark.parametrize(
    ("free", "health", "said"),
    [
        (10**12, Health.GOOD, "2 of 2 environments are to be made: about 2."),
        (2 * 10**9, Health.LIMITED, "2 of 2 environments are to be made: about 2."),
        (10**6, Health.LIMITED, "1 MB are free in "),
    ],
)
def test_a_disk_is_judged_as_a_run_judges_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, health: Health, said: str
) -> None:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path))
    monkeypatch.setattr("runner.machine.host.free_bytes", lambda _: free)
    known = catalogue.load_releases()
    asked = [each for each in known if each.version in ("2.9.3", "2.21.0")]
    check = doctor.check_disk(PlainEngine(), asked)
    assert (check.health, check.what) == (health, "disk")
    assert check.finding.startswith(f"plain: {said}")
    assert bool(check.remedy) is (health is not Health.GOOD)


def test_environments_that_are_here_need_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.machine.host.free_bytes", lambda _: 0)
    monkeypatch.setattr(PlainEngine, "prepared", lambda *_: True)
    check = doctor.check_disk(PlainEngine(), [catalogue.load_releases()[-1]])
    assert (check.health, check.finding) == (
        Health.GOOD,
        "plain: 1 environment here, and none must be made",
    )


LIMITS = {"MemoryLimit": True, "PidsLimit": True, "CpuCfsQuota": True}


@pytest.mark.parametrize(
    ("info", "health", "said"),
    [
        (
            {**LIMITS, "SecurityOptions": ["name=seccomp,profile=default"]},
            Health.GOOD,
            "system calls are filtered; memory, processes and processors limited",
        ),
        (
            {"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]},
            Health.LIMITED,
            "the daemon cannot limit memory, limit processes and limit processors in containers",
        ),
        (
            {
                **LIMITS,
                "SecurityOptions": ["name=seccomp,profile=default"],
                "Rootless": True,
                "CgroupVersion": "1",
            },
            Health.LIMITED,
            "the daemon cannot limit memory, limit processes and limit processors in containers",
        ),
        (
            {**LIMITS, "SecurityOptions": None},
            Health.LIMITED,
            "the daemon cannot filter system calls in containers: run no stranger's script",
        ),
    ],
    ids=[
        "as usual",
        "rootless without control groups",
        "rootless Podman with old ones",
        "without seccomp",
    ],
)
def test_what_a_daemon_can_hold_containers_to(
    info: dict[str, Any], health: Health, said: str
) -> None:
    check = doctor.check_sandbox(info)
    assert check.health is health
    assert check.finding.startswith(said)
    assert bool(check.remedy) is (health is not Health.GOOD)


@pytest.mark.parametrize(
    ("here", "obstacle", "health", "said", "remedy"),
    [
        (True, None, Health.GOOD, "all base images are here", ""),
        (False, None, Health.GOOD, "a run pulls that of Python 3.10", ""),
        (
            False,
            Obstacle(reason="the registry says no", bases=("3.10",)),
            Health.LIMITED,
            "the registry says no; a run makes it here",
            "sudo tfmatrix bases --python 3.10",
        ),
        (
            False,
            Obstacle(
                reason="the registry says no, nor can they be made here: debootstrap is missing"
            ),
            Health.LIMITED,
            "nor can they be made here: debootstrap is missing",
            "sudo tfmatrix bases --python 3.10",
        ),
    ],
)
def test_base_images_that_are_not_here_are_pulled_made_or_missing(
    monkeypatch: pytest.MonkeyPatch,
    here: bool,
    obstacle: Optional[Obstacle],
    health: Health,
    said: str,
    remedy: str,
) -> None:
    monkeypatch.setattr("runner.engines.docker.daemon.find_image", lambda _: here or None)
    monkeypatch.setattr("runner.engines.docker.outlook.obstacle_of_images", lambda _: obstacle)
    check = doctor.check_base_images([release("2.9.3")])
    assert (check.health, check.remedy) == (health, remedy)
    assert check.finding.endswith(said)


def test_folders_that_cannot_be_written_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    checks = (doctor.check_cache(), doctor.check_results())
    assert [(c.health, c.remedy) for c in checks] == [(Health.GOOD, "")] * 2
    (tmp_path / "file").touch()
    (tmp_path / "results").touch()
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "file" / "cache"))
    cache, results = doctor.check_cache(), doctor.check_results()
    assert (cache.health, results.health) == (Health.BAD, Health.LIMITED)
    assert cache.finding == f"{tmp_path}/file/cache cannot be written"
    assert results.finding == f"{tmp_path}/results cannot be written"
    assert "TFMATRIX_CACHE" in cache.remedy
    assert "--output" in results.remedy


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (["own:1"], "the image own:1 is not here, and the daemon cannot pull it (no route)"),
        (
            ["own:1", "own:2"],
            "the images own:1, own:2 are not here, and the daemon cannot pull them (no route)",
        ),
    ],
)
def test_base_images_that_cannot_be_had_are_counted_in_words(
    monkeypatch: pytest.MonkeyPatch, images: list[str], said: str
) -> None:
    class Client:
        api: Any

        def inspect_distribution(self, image: str) -> None:
            raise RequestException("no route")

    client = Client()
    client.api = client
    monkeypatch.setattr("runner.engines.docker.daemon.find_image", lambda _: None)
    monkeypatch.setattr("runner.engines.docker.daemon.connect", lambda: client)
    obstacle = outlook.obstacle_of_images(images)
    assert obstacle
    assert (obstacle.reason, obstacle.bases) == (said, ())
