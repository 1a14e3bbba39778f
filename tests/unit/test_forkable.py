"""Which scripts may be forked after an import of TensorFlow: in any doubt, none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.cells import forkable as forkables
from runner.cells.forkable import forkable

ROOT = Path(__file__).parents[2]
TF = "import tensorflow as tf\n"

MAY = {
    "alone": TF,
    "docstring": '"""About."""\n' + TF,
    "future": "from __future__ import annotations\n" + TF,
    "usual imports": "import os, sys\nimport numpy as np\nfrom collections import deque\n" + TF,
    "constants": "SEED = 4\nSHAPE = (1, -2.5, [None])\nname = 'x'\n" + TF,
    "a function": "def helper(x, n=3):\n    import os\n    os.environ['A'] = 'b'\n" + TF,
    "one statement": "import os, tensorflow as tf, scipy\n",
    "a part": "from tensorflow import keras\n",
    "a submodule": "import tensorflow.compat.v1 as tf\n",
    "anything after": TF + "import torch, os\nos.environ['TF_X'] = '1'\n",
    "environment": "import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\n" + TF,
    "environment by number": "import os\nos.environ['A'] = str(0)\n" + TF,
    "environment by name": "from os import environ as e\nN = 1\ne['A'] = str(N)\n" + TF,
    "environment by JSON": "import os, json\nos.environ['A'] = json.dumps({'a': [1]})\n" + TF,
    "setdefault": "import os\nos.environ.setdefault('CUDA_VISIBLE_DEVICES', '')\n" + TF,
    "update": "import os\nos.environ.update({'A': '1'}, B='2')\n" + TF,
    "putenv by name": "from os import putenv\nputenv('A', 'b')\n" + TF,
    "warnings": "import warnings\nwarnings.simplefilter('error')\n" + TF,
    "a category of warnings": (
        "import warnings\nwarnings.filterwarnings('ignore', category=FutureWarning)\n" + TF
    ),
    "a logger": ("import logging\nlogging.getLogger('tensorflow').setLevel(logging.ERROR)\n" + TF),
    "seeds": "import random, numpy as np\nS = 3\nrandom.seed(S)\nnp.random.seed(4)\n" + TF,
    "a backend": "import matplotlib\nmatplotlib.use('Agg')\n" + TF,
    "packages": "import pandas as pd\nfrom sklearn import svm\nimport matplotlib.pyplot\n" + TF,
    "keras first": "import keras\n" + TF,
    "keras alone": "from keras.layers import Dense\nDense(1)\n",
    "spawning": TF + "import multiprocessing as mp\nmp.set_start_method('spawn')\n",
}
MAY_NOT = {
    "never": "print(1)\n",
    "nothing": "",
    "not Python": "import tensorflow as\n",
    "a NUL": "import tensorflow\0",
    "long": "x = 1\n" * 200_000 + TF,
    "long sum": "x = 1" + "+1" * 50_000 + "\n" + TF,
    "deep": "(" * 5000 + ")" * 5000,
    "only in a function": "def f():\n    import tensorflow\n",
    "environment from itself": "import os\nos.environ['A'] = os.environ['B']\n" + TF,
    "environment from a call": "import os\nos.environ['A'] = os.getcwd()\n" + TF,
    "environment from a text": "import os\nos.environ['A'] = f'{os.getpid()}'\n" + TF,
    "environment that is no module": "import numpy as os\nos.environ['A'] = '1'\n" + TF,
    "another str": "import os\nstr = 3\nos.environ['A'] = str(1)\n" + TF,
    "a defined str": "import os\ndef str(x): pass\nos.environ['A'] = str(1)\n" + TF,
    "update by a call": "import os\nos.environ.update(dict(A='1'))\n" + TF,
    "update by all": "import os\nA = {}\nos.environ.update(**A)\n" + TF,
    "a seed by chance": "import random\nrandom.seed()\n" + TF,
    "no seed": "import numpy as np\nnp.random.seed(None)\n" + TF,
    "a seed from the clock": "import random, time\nrandom.seed(time.time())\n" + TF,
    "another call": "import os\nos.system('true')\n" + TF,
    "a changed function": "import numpy as np\nnp.str = print\n" + TF,
    "other package": "import torch\n" + TF,
    "sibling package": "from . import helper\n" + TF,
    "unknown module": "import helper\n" + TF,
    "try": "try:\n    import tensorflow as tf\nexcept ImportError:\n    pass\n",
    "if": "if 1:\n    import tensorflow as tf\n",
    "sys.path": "import sys\nsys.path.insert(0, '/x')\n" + TF,
    "sys.flags": "import sys\nif sys.flags.optimize:\n    pass\n" + TF,
    "monkeypatch": "import numpy\nnumpy.object = object\n" + TF,
    "timing": "import time\nstart = time.time()\n" + TF,
    "call in a list": "x = [print()]\n" + TF,
    "f-string": "x = f'{print()}'\n" + TF,
    "dunder": "__builtins__ = 3\n" + TF,
    "tuple target": "a, b = 1, 2\n" + TF,
    "decorator": "import atexit\n@atexit.register\ndef f():\n    pass\n" + TF,
    "harmless decorator": "import functools\n@functools.lru_cache()\ndef f():\n    pass\n" + TF,
    "default": "def f(x=print()):\n    pass\n" + TF,
    "keyword default": "def f(*, x=print()):\n    pass\n" + TF,
    "annotation": "def f(x: print()):\n    pass\n" + TF,
    "returns": "def f() -> print():\n    pass\n" + TF,
    "class": "class A:\n    print()\n" + TF,
    "lookup": "__import__('os').environ\n" + TF,
    "dynamic import": "import importlib\ntf = importlib.import_module('tensorflow')\n",
    "own memory": TF + "import resource\nresource.getrusage(0)\n",
    "own memory by psutil": TF + "import psutil\nprint(psutil.Process().memory_info())\n",
    "its stack": TF + "import inspect\nprint(len(inspect.stack()))\n",
    "its stack by another name": TF + "from inspect import stack\n",
    "the frame that called": TF + "import sys\nprint(sys._getframe().f_back)\n",
    "a printed stack": TF + "import traceback\ntraceback.print_stack()\n",
    "how deep it may go": TF + "def f(n):\n    try: f(n)\n    except RecursionError: pass\n",
    "who prints exceptions": TF + "import sys\nsys.excepthook = None\n",
    "by another name": TF + "from time import process_time as now\n",
    "own processor time": TF + "import time\nprint(time.process_time())\n",
    "own limits": TF + "import resource\nprint(resource.getrlimit(resource.RLIMIT_AS))\n",
    "own times": TF + "import os\nprint(os.times())\n",
    "own process": TF + "print(open('/proc/self/status').read())\n",
}


@pytest.mark.parametrize("name", MAY)
def test_may_be_forked(name: str) -> None:
    assert forkable(MAY[name], {"WORD": "1"}) is None


PROLOGUES = {
    "alone": (TF, ""),
    "lines that change nothing": ("import os, numpy as np\nA = 1\n" + TF, ""),
    "on one line": ("import pandas; import tensorflow; x()", "import pandas; import tensorflow"),
    "in brackets": (
        "import scipy\nfrom tensorflow import (\n    keras,\n)  # both\n",
        "import scipy\nfrom tensorflow import (\n    keras,\n)",
    ),
    "lines of Windows": ("'é'\r\nimport keras\r\n", "'é'\r\nimport keras"),
    "old lines": ("'é'\rimport keras\r", "'é'\rimport keras"),
    "a form feed": ("A = '\x0c é'\nimport keras\n", "A = '\x0c é'\nimport keras"),
    "not forkable": ("print(1)\n" + TF, ""),
    "not Python": ("import tensorflow as", ""),
}


@pytest.mark.parametrize("name", PROLOGUES)
def test_the_prologue_ends_with_the_import(name: str) -> None:
    source, expected = PROLOGUES[name]
    assert forkables.prologue(source) == expected


def test_a_package_beside_the_script_is_not_imported_ahead() -> None:
    source = "import pandas\n" + TF
    assert forkable(source) is None
    assert forkable(source, siblings=["pandas"]) == "line 1 imports pandas first"
    together = "import tensorflow, pandas\n"
    assert forkable(together, siblings=["pandas"]) == "line 1 imports pandas first"


@pytest.mark.parametrize("name", MAY_NOT)
def test_may_not_be_forked(name: str) -> None:
    assert forkable(MAY_NOT[name])


def test_siblings_stand_in_for_modules() -> None:
    assert forkable("import json\n" + TF, siblings=["helper"]) is None
    assert forkable("import json\n" + TF, siblings=["json"])
    assert forkable(TF, siblings=["tensorflow"])
    # The agent has imported its own before it looks beside the script, however late that is.
    reason = forkable(TF + "import json\n", siblings=["json"])
    assert reason == "json beside it has the name of a module that the agent needs"


def test_the_shipped_reproduction_may_be_forked() -> None:
    source = (ROOT / "repro" / "keras_batchnorm.py").read_text(encoding="utf-8")
    assert forkable(source) is None


SHORT = sorted(name for name, source in MAY_NOT.items() if TF in source and len(source) < 1000)


@pytest.mark.parametrize("doubtful", SHORT)
@pytest.mark.parametrize("harmless", MAY)
def test_a_reason_stays_whatever_follows(doubtful: str, harmless: str) -> None:
    """What is doubtful does not become safe by a later, harmless import of TensorFlow."""
    assert forkable(MAY_NOT[doubtful] + MAY[harmless])


@settings(deadline=None)
@given(st.text())
def test_any_text_has_an_answer(source: str) -> None:
    reason = forkable(source)
    assert reason is None or reason
