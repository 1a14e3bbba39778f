"""Checks what works on this machine, and names the command that repairs each fault."""

from __future__ import annotations

import enum
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from attrs import frozen
from packaging.version import Version

from runner import engines, paths
from runner.engines.base import Engine
from runner.engines.docker import daemon, outlook
from runner.environments import locks, render
from runner.errors import TfmatrixError
from runner.machine.files import is_writable
from runner.machine.units import count
from runner.matrix import plan
from runner.model import Device, Release
from runner.pipeline import disk
from runner.pipeline.warm import keeping
from runner.pipeline.warm.keeping import KeeperState
from runner.report.text import listed


class Health(str, enum.Enum):
    """The result of a check."""

    GOOD = "ok"
    LIMITED = "limited"
    """Some features do not work here, but the main feature does."""
    BAD = "bad"


@frozen(kw_only=True)
class Check:
    what: str
    health: Health
    finding: str
    remedy: str = ""


def examine(releases: Sequence[Release]) -> Iterator[Check]:
    """Every check, cheapest first; `releases` are those that should run here."""
    yield check_system()
    yield check_avx(_cpu_flags())
    yield check_cache()
    yield check_results()
    usable = []
    for name in engines.ENGINES:
        engine = engines.create(name)
        check = check_engine(engine)
        yield check
        if check.health is Health.GOOD:
            usable.append(engine)
            yield from check_coverage(engine, releases)
            if name == "docker":
                yield check_sandbox(daemon.daemon_info())
                yield check_base_images(releases)
    yield check_warm(keeping.keeper_state())
    if usable:
        yield check_disk(usable[0], releases)
    yield check_gpu(usable, releases)
    if not usable:
        yield Check(
            what="engines",
            health=Health.BAD,
            finding="neither docker nor local can run anything here",
            remedy="repair one of the two above",
        )


def check_system() -> Check:
    """Checks the platform: all of TensorFlow's wheels since 1.12 exist only for Linux on x86-64."""
    here = f"{platform.system()} {platform.machine()}"
    good = here == "Linux x86_64"
    return Check(
        what="system",
        health=Health.GOOD if good else Health.LIMITED,
        finding=here,
        remedy="" if good else "use the docker engine with a Linux x86-64 daemon",
    )


def check_avx(flags: Optional[frozenset[str]]) -> Check:
    """Checks the processor: releases since 1.6 need AVX, and end with SIGILL without it."""
    if flags is None:
        return Check(what="AVX", health=Health.LIMITED, finding="it is not known on this system")
    good = "avx" in flags
    return Check(
        what="AVX",
        health=Health.GOOD if good else Health.BAD,
        finding="the processor has it"
        if good
        else "the processor lacks it: every import will crash",
        remedy="" if good else "use another machine, or a processor model with AVX for this one",
    )


def check_cache() -> Check:
    """Checks whether this user may write to the cache: no run works without."""
    try:
        good, finding = is_writable(paths.cache()), str(paths.cache())
    except TfmatrixError as error:
        return Check(
            what="cache", health=Health.BAD, finding=error.message, remedy=error.remedy or ""
        )
    return Check(
        what="cache",
        health=Health.GOOD if good else Health.BAD,
        finding=finding if good else f"{finding} cannot be written",
        remedy="" if good else paths.UNWRITABLE_CACHE,
    )


def check_results() -> Check:
    """Checks whether a run can write its results here, or needs --output."""
    folder = paths.results()
    good = is_writable(folder)
    return Check(
        what="results",
        health=Health.GOOD if good else Health.LIMITED,
        finding=str(folder) if good else f"{folder} cannot be written",
        remedy="" if good else "another folder: run --output FOLDER",
    )


def check_disk(engine: Engine, releases: Sequence[Release]) -> Check:
    """Checks whether the disk has room for a run of all `releases` with this engine."""
    targets = [plan.target(release, Device.CPU) for release in releases]
    environments = [locks.environment(each) for each in targets if engine.refuses(each) is None]
    try:
        found = disk.forecast(engine, environments)
    except TfmatrixError as error:
        return _disk(Health.LIMITED, engine, error.message, error.remedy or "")
    if not environments:
        return _disk(Health.LIMITED, engine, "no environment can be made")
    here = f"{count(len(environments), 'environment')} here, and none must be made"
    finding = next(disk.forecast_lines(found), here)
    if found.asked:
        return _disk(Health.GOOD, engine, finding)
    remedy = "tfmatrix clean; else a run removes environments to make room for others"
    return _disk(Health.LIMITED, engine, finding, remedy)


def _disk(health: Health, engine: Engine, said: str, remedy: str = "") -> Check:
    return Check(what="disk", health=health, finding=f"{engine.name}: {said}", remedy=remedy)


def check_engine(engine: Engine) -> Check:
    why_not = engine.unavailable()
    return Check(
        what=f"{engine.name} engine",
        health=Health.GOOD if why_not is None else Health.LIMITED,
        finding="works" if why_not is None else why_not,
    )


def check_coverage(engine: Engine, releases: Sequence[Release]) -> Iterator[Check]:
    """Which series this engine can run here, one check for each reason that it cannot."""
    refused: dict[str, list[str]] = {}
    for release in releases:
        reason = engine.refuses(plan.target(release, Device.CPU))
        refused.setdefault(reason or "", []).append(release.version)
    possible = refused.pop("", [])
    yield Check(
        what=f"{engine.name}: releases",
        health=Health.GOOD if possible else Health.BAD,
        finding=f"{len(possible)} of {len(releases)} can run here",
    )
    for reason, versions in refused.items():
        yield Check(
            what=f"{engine.name}: {_span(versions)}",
            health=Health.LIMITED,
            finding=reason,
        )


def check_sandbox(info: Mapping[str, Any]) -> Check:
    """Checks which limits for containers the daemon can enforce."""
    # Podman claims limits that only root can set under the old control groups.
    rootless = info.get("Rootless") or "name=rootless" in (info.get("SecurityOptions") or ())
    unlimited = rootless and str(info.get("CgroupVersion")) == "1"
    lacks = [
        lack
        for lack, there in (
            ("filter system calls", daemon.filters_system_calls(info)),
            ("limit memory", info.get("MemoryLimit")),
            ("limit processes", info.get("PidsLimit")),
            ("limit processors", info.get("CpuCfsQuota")),
        )
        if not there or (unlimited and lack.startswith("limit"))
    ]
    if not lacks:
        finding = "system calls are filtered; memory, processes and processors limited"
        return Check(what="docker: sandbox", health=Health.GOOD, finding=finding)
    return Check(
        what="docker: sandbox",
        health=Health.LIMITED,
        finding=f"the daemon cannot {listed(lacks, 4)} in containers: run no stranger's script",
        remedy="a daemon with seccomp; a rootless one needs cgroup v2 and systemd's delegation",
    )


def check_base_images(releases: Sequence[Release]) -> Check:
    """Checks whether the base images are here, and says what a run does if some are missing."""
    pythons = sorted({release.pythons[0] for release in releases}, key=Version)
    images = {python: render.base_image(python) for python in pythons}
    missing = [p for p, image in images.items() if daemon.find_image(image) is None]
    if not missing:
        return Check(what="docker: bases", health=Health.GOOD, finding="all base images are here")
    obstacle = outlook.obstacle_of_images(images.values())
    if obstacle is None:
        those = "that" if len(missing) == 1 else "those"
        named = f"a run pulls {those} of Python {', '.join(missing)}"
        return Check(what="docker: bases", health=Health.GOOD, finding=named)
    them = "it" if len(missing) == 1 else "them"
    made = f"; a run makes {them} here" if obstacle.bases else ""
    options = " ".join(f"--python {python}" for python in missing)
    return Check(
        what="docker: bases",
        health=Health.LIMITED,
        finding=f"{obstacle.reason}{made}",
        remedy=f"sudo tfmatrix bases {options}",
    )


def check_warm(there: Optional[KeeperState]) -> Check:
    """Says what `tfmatrix warm` keeps, and whether commands of this shell can use it."""
    if there is None or not there.agents:
        return Check(what="warm agents", health=Health.GOOD, finding="none")
    if there.serves_this_process:
        return Check(what="warm agents", health=Health.GOOD, finding=there.summary)
    return Check(
        what="warm agents",
        health=Health.LIMITED,
        finding=f"{there.summary}; they are of another version of tfmatrix, or of a shell with"
        " other limits (ulimit, nice, umask), so they are not used",
        remedy="tfmatrix warm",
    )


def check_gpu(usable: Sequence[Engine], releases: Sequence[Release]) -> Check:
    """Checks whether any engine can run a CUDA cell of the newest release that has one."""
    with_cuda = [r for r in releases if r.cuda is not None and r.cuda.unavailable is None]
    reason = "nvidia-smi is not there" if shutil.which("nvidia-smi") is None else None
    for engine in usable if with_cuda else ():
        reason = engine.refuses(plan.target(with_cuda[-1], Device.CUDA))
        if reason is None:
            return Check(
                what="GPU", health=Health.GOOD, finding=f"CUDA cells run with {engine.name}"
            )
    return Check(
        what="GPU", health=Health.LIMITED, finding=f"CUDA cells are skipped here: {reason}"
    )


def _span(versions: Sequence[str]) -> str:
    return versions[0] if len(versions) == 1 else f"{versions[0]} … {versions[-1]}"


def _cpu_flags() -> Optional[frozenset[str]]:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return None
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())
