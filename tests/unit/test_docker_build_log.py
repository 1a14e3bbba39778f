"""What a build's lines are taken to mean."""

from __future__ import annotations

import pytest

from runner.engines.base import Phase
from runner.engines.docker import build_log

STEP = (
    "#9 [stage-3 1/3] RUN --mount=type=bind,from=uv,source=/uv,target=/opt/uv     "
    "--mount=type=secret,id=settings     if [ -s /run/secrets/settings ]; then . "
    "/run/secrets/settings; fi &&     /opt/uv/bin/uv pip install --system"
)
HASH = [
    STEP,
    "#9 0.762 Resolved 1 package in 185ms",
    "#9 0.827 error: Failed to download `six==1.15.0`",
    "#9 0.827   cause: Hash mismatch for `six==1.15.0`",
    "#9 0.827",
    "#9 0.827          Expected:",
    "#9 ERROR: executor failed running [/bin/sh -c x]: exit code: 1",
    "------",
    " > [stage-3 1/3] RUN x:",
    "------",
    "executor failed running [/bin/sh -c x]: exit code: 1",
]
NO_IMAGE = [
    "#3 [internal] load metadata for localhost:1/no/such:image",
    '#3 ERROR: failed to do request: Head "http://localhost:1/v2/": connection refused',
    "------",
    " > [internal] load metadata for localhost:1/no/such:image:",
    "------",
    "failed to solve with frontend dockerfile.v0: failed to create LLB definition: failed",
]
LIMIT = [
    "#3 [internal] load metadata for docker.io/library/python:3.10-slim-bookworm",
    "#3 ERROR: pulling from host docker.io failed with status code [manifests 3.10]: "
    "429 Too Many Requests",
    "------",
]
QUIET = ["#5 [2/2] RUN x", '#5 ERROR: process "/bin/sh -c x" did not complete: exit code: 137']
LAYER = [
    f"#5 ERROR: executor failed running [/bin/sh -c {'if [ -s x ]; then . x; fi && ' * 20}]:"
    " error creating overlay mount to /var/lib/docker/overlay2/z/merged: no such file or directory",
]
NO_DAEMON = ["ERROR: Cannot connect to the Docker daemon at unix:///x. Is it running?"]
PODMAN = [
    "[4/4] STEP 2/8: RUN --mount=type=secret,id=ca uv pip install --requirement /mnt/x.txt",
    "Resolved 1 package in 185ms",
    "error: Failed to download `six==1.15.0`",
    "  cause: Hash mismatch for `six==1.15.0`",
    'Error: building at STEP "RUN --mount=type=secret,id=ca uv pip install": exit status 2',
]
DISK = ["#5 1.0 error: failed to copy: No space left on device (os error 28)", "#5 ERROR: exit 2"]


@pytest.mark.parametrize(
    ("log", "cause", "remedy"),
    [
        (HASH, "error: Failed to download `six==1.15.0` cause: Hash mismatch", "tfmatrix lock"),
        (PODMAN, "error: Failed to download `six==1.15.0` cause: Hash mismatch", "tfmatrix lock"),
        ([PODMAN[-1]], "exit status 2", None),
        (NO_IMAGE, "failed to do request: Head", "tfmatrix bases"),
        (LIMIT, "429 Too Many Requests", "docker login"),
        (QUIET, "exit code: 137", None),
        (LAYER, "error creating overlay mount to /var/lib/docker/overlay2/z/merged:", "restart"),
        (NO_DAEMON, "Cannot connect to the Docker daemon", "doctor"),
        (DISK, "error: failed to copy: No space left", "tfmatrix clean"),
        ([], "said nothing", None),
        (["------", ""], "said nothing", None),
    ],
)
def test_why_it_failed(log: list[str], cause: str, remedy: str | None) -> None:
    assert cause in build_log.cause(log)
    assert len(build_log.cause(log)) <= 400
    assert "\n" not in build_log.cause(log)
    found = build_log.remedy(log)
    assert (found is None) if remedy is None else remedy in str(found)


def test_bytes_are_counted() -> None:
    reader = build_log.Reader()
    assert reader.read("#9 1.0 Downloading numpy (16.0MiB)") == Phase(
        what="downloading", detail="numpy", bytes_done=0, bytes_total=16 << 20
    )
    reader.read("#9 1.1 Downloading tensorflow-cpu (1.5GiB)")
    assert reader.read("#9 2.0  Downloaded numpy") == Phase(
        what="downloading", detail="numpy", bytes_done=16 << 20, bytes_total=(16 << 20) + 3 * 2**29
    )
    assert reader.read("#9 3.0 Installed 2 packages in 1s") == Phase(what="compiling")
    assert reader.read("#9 3.0 anything else") is None


@pytest.mark.parametrize("step", [STEP, "[4/4] STEP 2/8: " + STEP.partition("] ")[2]])
def test_steps_are_named_without_their_mounts(step: str) -> None:
    phase = build_log.Reader().read(step)
    assert phase == Phase(what="building", detail="RUN /opt/uv/bin/uv pip install --system")
