"""The same cells on many machines, through Dask's distributed scheduler (an optional dependency).

`connect` gives a pipeline workers like those of this machine: nothing is planned, judged, written
or reported in another way. Dask carries the calls, tells who is there, and keeps the connections;
which machine does what is the pool's to say, since only it knows what an environment costs.
"""

from runner.pipeline.cluster.connection import connect

__all__ = ["connect"]
