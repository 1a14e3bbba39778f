"""Runs the script beside it that the first argument names, as that script's own process."""

import os
import runpy
import sys

sys.argv[0:2] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), sys.argv[1] + ".py")]
runpy.run_path(sys.argv[0], run_name="__main__")
