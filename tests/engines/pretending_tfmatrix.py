"""The command line with an engine whose processes take themselves for the releases that they are
told, as `tfmatrix` of a workflow's steps."""

from __future__ import annotations

import sys

from runner import cli, engines
from runner.cells import results
from runner.environments import locks
from tests.engines.plain import locked
from tests.engines.test_bisect import Pretending

if __name__ == "__main__":
    engines.choose = lambda name, say, *_: Pretending()
    locks.environment = locked
    setattr(results, "why_silent", lambda execution, script: None)  # noqa: B010 - not exported
    sys.exit(cli.execute(sys.argv[1:]))
