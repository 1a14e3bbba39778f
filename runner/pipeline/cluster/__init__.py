"""Measures the same cells on many machines, through Dask's distributed scheduler (optional).

`connect` gives a pipeline workers like those of this machine, so cells are planned, judged and
reported in the same way. Dask transports calls, lists workers, and keeps connections. The pool
decides which machine does what, because only the pool knows what an environment costs.
"""

from runner.pipeline.cluster.connection import connect

__all__ = ["connect"]
