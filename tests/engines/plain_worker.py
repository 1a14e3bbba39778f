"""Loaded into a cluster's workers by `dask worker --preload`: makes the plain engine known there."""

from __future__ import annotations

from runner import engines

engines.ENGINES["plain"] = "tests.engines.plain:PlainEngine"
