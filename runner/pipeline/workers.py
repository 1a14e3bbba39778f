"""The workers of this machine: threads that share its cores and its memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Optional

from runner import paths
from runner.cells.flakiness.confirmations import OnDisk
from runner.engines.base import Engine
from runner.machine import host
from runner.pipeline import events, pool
from runner.pipeline.lender import NO_LENDER, Lender
from runner.pipeline.local_site import LocalSite
from runner.pipeline.site import Workers, made_at_once

USABLE = 0.8
"""Cells may be planned to fill this share of the free memory."""


@contextmanager
def local_workers(
    engine: Engine,
    emit: events.Emit,
    *,
    jobs: int,
    memory_mb: Optional[float] = None,
    idle: float = 0.25,
    lender: Lender = NO_LENDER,
) -> Iterator[Workers]:
    """Workers for `jobs` cells at a time within `memory_mb`, by default most of the free memory.

    `idle` is the share of this memory that idle agents may hold. Agents of `lender` are used first.
    """
    memory_mb = memory_mb or USABLE * host.free_memory_mb()
    site = LocalSite(
        engine,
        emit,
        warm_mb=idle * memory_mb,
        confirmations=OnDisk(paths.confirmed()),
        lender=lender,
    )
    prepare = ThreadPoolExecutor(made_at_once(jobs), "prepare")
    coming: set[str] = set()
    measure = pool.local_pool(
        jobs,
        memory_mb=(1 - idle) * memory_mb,
        need=site.peaks.expected,
        coming=lambda: bool(coming),
    )
    try:
        yield Workers(site=site, prepare=prepare, measure=measure, coming=coming)
    finally:
        prepare.shutdown(cancel_futures=True)
        measure.shutdown(cancel_futures=True)
        site.close()
