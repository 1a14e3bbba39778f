"""What a build does when its client fails: a program in the client's place, without a daemon."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.engines.base import Phase
from runner.engines.docker import build_cache, build_log, builder, daemon
from runner.errors import PrepareError

MOUNT = "#5 ERROR: executor failed running [x]: error creating overlay mount to /d/merged: "
LOST, FULL = MOUNT + "no such file or directory", MOUNT + "no space left on device"
GONE = "ERROR: failed to export image: failed to get layer sha256:0f: layer does not exist"
PRINTED = "#5 1.0 layer does not exist\n#5 ERROR: exit code: 1"

Build = Callable[[], list[str]]
"""Builds, and returns the words of each call of the client."""


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Build]:
    def made(first: str, later: str) -> Build:
        client, calls = tmp_path / "client", tmp_path / "calls"
        client.write_text(
            f'#!/bin/sh\necho "$*" >> {calls}\n'
            f"case \"$*\" in *--no-cache*) said='{later}';; *) said='{first}';; esac\n"
            'printf "%s\\n" "$said"\n[ -z "$said" ]\n'
        )
        client.chmod(0o755)
        (tmp_path / "Dockerfile").write_text("FROM scratch\n")
        monkeypatch.setattr(builder, "unavailable", lambda: None)
        monkeypatch.setattr(builder, "_client", lambda: [str(client), "build"])
        monkeypatch.setattr(daemon, "version", lambda: {"Version": "28.0.0", "Os": "linux"})
        monkeypatch.setattr(daemon, "context_host", lambda: None)
        monkeypatch.setattr(daemon, "hangs", lambda: False)

        def run() -> list[str]:
            builder.build(tmp_path, tag="t:1", labels={}, progress=_ignore, network="none")
            return calls.read_text().splitlines()

        return run

    return made


@pytest.fixture
def pruned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one each time the cache is pruned."""
    times: list[str] = []
    monkeypatch.setattr(build_cache, "prune_unshared", lambda: times.append("pruned"))
    return times


def _ignore(_: Phase) -> None:
    pass


@pytest.mark.parametrize("lost", [LOST, GONE])
def test_a_cache_that_names_lost_layers_is_pruned_and_then_left_aside_once(
    lost: str,
    build: Callable[[str, str], Build],
    pruned: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second, third = build(lost, "")()
    assert "--no-cache" not in first
    assert second == first
    assert third.replace("--no-cache ", "") == first
    assert pruned == ["pruned"] * 2
    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 2
    assert all(build_log.cause([lost]) in record.getMessage() for record in told)


def test_lost_layers_that_are_pruned_leave_the_rest_of_the_cache(
    build: Callable[[str, str], Build], pruned: list[str], tmp_path: Path
) -> None:
    mended = build(LOST, "never asked")
    client = tmp_path / "client"
    client.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n'
        f"[ $(wc -l < {tmp_path}/calls) = 2 ] || {{ echo '{LOST}'; exit 1; }}\n"
    )
    first, second = mended()
    assert second == first
    assert "--no-cache" not in first
    assert pruned == ["pruned"]


def test_a_base_whose_layers_are_lost_is_told_with_the_remedy(
    tmp_path: Path, build: Callable[[str, str], Build], pruned: list[str]
) -> None:
    with pytest.raises(PrepareError, match="error creating overlay mount") as raised:
        build(LOST, LOST)()
    assert "restart the Docker daemon" in str(raised.value)
    assert len((tmp_path / "calls").read_text().splitlines()) == 3


@pytest.mark.parametrize("said", [FULL, PRINTED])
def test_another_failure_is_not_tried_again(
    said: str, tmp_path: Path, build: Callable[[str, str], Build]
) -> None:
    with pytest.raises(PrepareError):
        build(said, "")()
    assert len((tmp_path / "calls").read_text().splitlines()) == 1
