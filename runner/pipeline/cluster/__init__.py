"""The same cells on many machines, through Dask's distributed scheduler (an optional dependency).

`connect` gives a pipeline workers like those of this machine, so cells are planned, judged and
reported in the same way. Dask transports the calls, lists the workers, and keeps the connections.
The pool decides which machine does what, since only the pool knows what an environment costs.
"""

from runner.pipeline.cluster.connection import connect

__all__ = ["connect"]
