"""The command line with an engine that makes no environments, as `tfmatrix` of a workflow's steps.

The script of an issue then runs in the real agent, without TensorFlow and without a container.
"""

from __future__ import annotations

import os
import sys

from runner import cli, engines
from runner.cells import results
from runner.environments import locks
from tests.engines.plain import PlainEngine, locked

if __name__ == "__main__":
    assert not [name for name in os.environ if "TOKEN" in name], "a token is near the script"
    assert "docker" in sys.argv, "it is not the sandbox that was asked for"
    engines.choose = lambda name, say, *_: PlainEngine()
    locks.environment = locked
    setattr(results, "why_silent", lambda execution, script: None)  # noqa: B010 - not exported
    sys.exit(cli.execute(sys.argv[1:]))
