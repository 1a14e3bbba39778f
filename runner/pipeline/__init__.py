"""Carries out a plan: prepares environments, measures cells, and writes results to the journal.

The stages, in order: `arrange` sorts cells into batches, `fit_on_disk` checks that there is room,
`carry_out` measures on a backend. `Pipeline` is one round of `carry_out`, for callers with several.
"""

from runner.pipeline.backend import Backend, ClusterBackend, LocalBackend
from runner.pipeline.controls import ControlPlan
from runner.pipeline.demand import Demand
from runner.pipeline.options import Options
from runner.pipeline.pipeline import Pipeline
from runner.pipeline.site import Site, Workers
from runner.pipeline.stages import carry_out, fit_on_disk, renewed_forecast
from runner.pipeline.workload import Batch, Lock, Workload, arrange, environment_infos, newest_first

__all__ = [
    "Backend",
    "Batch",
    "ClusterBackend",
    "ControlPlan",
    "Demand",
    "LocalBackend",
    "Lock",
    "Options",
    "Pipeline",
    "Site",
    "Workers",
    "Workload",
    "arrange",
    "carry_out",
    "environment_infos",
    "fit_on_disk",
    "newest_first",
    "renewed_forecast",
]
