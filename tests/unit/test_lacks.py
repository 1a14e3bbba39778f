"""What an environment lacks is no fact about TensorFlow."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runner.cells.classify import classify
from runner.cells.lacks import syntax
from runner.cells.lacks.data import table
from runner.model import Execution, Verdict
from tests.pythons import interpreter

OWN = '  File "/repro/mine.py", line 3, in <module>\n    go()\n'
KERAS = '  File "/environment/lib/python3.10/site-packages/keras/utils.py", line 9, in g\n    h()\n'
PANDAS = '  File "/environment/lib/python3.10/site-packages/pandas/io.py", line 9, in g\n    h()\n'


def raised(message: str, frames: str = OWN) -> str:
    return f"Traceback (most recent call last):\n{frames}{message}\n"


def reason(stderr: str) -> str | None:
    """Why it is an error; None where it is a failure."""
    outcome = classify(Execution(exit_code=1, errors=stderr, output=stderr))
    assert outcome.verdict in (Verdict.FAIL, Verdict.ERROR)
    assert (outcome.signature is None) == (outcome.verdict is Verdict.ERROR)
    return outcome.reason if outcome.verdict is Verdict.ERROR else None


def missing(module: str) -> str:
    return raised(f"ModuleNotFoundError: No module named '{module}'")


NEEDED = {
    "another name": (missing("sklearn"), "scikit-learn"),
    "a part of it": (missing("sklearn.metrics"), None),
    "the same name": (missing("pandas"), "pandas"),
    "a dash": (missing("huggingface_hub"), "huggingface-hub"),
    "a part that is a package": (missing("google.colab"), "google-colab"),
    "a picture library": (missing("PIL"), "Pillow"),
    "a library's own words": (
        raised("ImportError: Missing optional dependency 'openpyxl'.  Use pip or conda …", PANDAS),
        "openpyxl",
    ),
    "Keras's own words": (
        raised(
            "ImportError: You must install pydot (`pip install pydot`) for this to work.", KERAS
        ),
        "pydot",
    ),
    "within what Keras reads": (
        raised(
            "ImportError: Could not import PIL.Image. The use of `load_img` requires PIL.", KERAS
        ),
        "Pillow",
    ),
    "a part that another package brings along": (
        raised(
            "ModuleNotFoundError: No module named 'google.cloud'",
            OWN.replace("go()", "from google.cloud import storage"),
        ),
        "google-cloud-storage",
    ),
    "in the script's own words": ("please install opencv-python\n", "opencv-python"),
    "raised again in the script's own words": (
        missing("pandas")
        + "\nThe above exception was the direct cause of the following exception:\n\n"
        + raised("RuntimeError: no tables", OWN.replace("go()", "raise RuntimeError('no tables')")),
        "pandas",
    ),
    "and something else while handling that": (
        missing("pandas")
        + "\nDuring handling of the above exception, another exception occurred:\n\n"
        + raised("ValueError: shapes differ", OWN + KERAS),
        None,
    ),
    "without quotes": (raised("ImportError: No module named cv2"), "opencv-python-headless"),
    "TensorFlow's own": (missing("tensorflow.contrib"), None),
    "Keras's own": (missing("keras.wrappers"), None),
    "Keras itself": (missing("keras"), None),
    "an old part of TensorFlow": (missing("tensorflow_estimator"), None),
    "what Keras 3 asks for": (
        raised("ImportError: Keras cannot be imported. Install it: `pip install tf_keras`", KERAS),
        None,
    ),
    "a name": (raised("ImportError: cannot import name 'Adam' from 'keras.optimizers' (x)"), None),
}


@pytest.mark.parametrize(("stderr", "package"), NEEDED.values(), ids=NEEDED)
def test_a_missing_package_is_named_with_the_option_that_adds_it(
    stderr: str, package: str | None
) -> None:
    said = f"needs {package}, which is not in the environments: --with {package}"
    assert reason(stderr) == (said if package else None)


def test_a_package_that_refuses_this_tensorflow_is_no_fact_about_it() -> None:
    stderr = raised(
        "ImportError: This version of TensorFlow Probability requires TensorFlow version >= 2.16;"
        " Detected an installation of version 2.15.1. Please upgrade TensorFlow to proceed.",
        PANDAS,
    )
    wanted = "needs another version of tensorflow-probability: this one wants TensorFlow >= 2.16"
    assert reason(stderr) == wanted


def test_an_unknown_module_may_be_a_file_of_ones_own() -> None:
    said = reason(missing("my_helpers"))
    assert said is not None
    assert said.startswith("needs the module my_helpers: put it beside the script")


NETWORK = (
    "Exception: URL fetch failure on https://storage.googleapis.com/x.npz: None -- [Errno -3] "
    "Temporary failure in name resolution",
    "urllib.error.URLError: <urlopen error [Errno -2] Name or service not known>",
    "socket.gaierror: [Errno -3] Temporary failure in name resolution",
    "OSError: [Errno 101] Network is unreachable",
    "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='x.org', port=443): Max retries "
    "exceeded with url: / (Caused by NameResolutionError(…))",
    "OSError: We couldn't connect to 'https://huggingface.co' to load this file",
    "tensorflow.python.framework.errors_impl.AbortedError: All 10 retry attempts failed. The last "
    "failure: Error executing an HTTP request: libcurl code 6 meaning 'Couldn't resolve host name'",
    "httpx.ConnectError: [Errno -3] Temporary failure in name resolution",
)


@pytest.mark.parametrize("message", NETWORK)
@pytest.mark.parametrize("frames", [OWN, OWN + KERAS], ids=["own", "Keras"])
def test_no_network_is_no_failure(message: str, frames: str) -> None:
    said = reason(raised(message, frames))
    assert said is not None
    remedy = r"--data auto, or tfmatrix fetch, or --data DIR"
    assert re.fullmatch(rf"needs data from the network: {remedy} \(.+\)", said)


@pytest.mark.parametrize(
    "words",
    [
        "could not download: <urlopen error [Errno -2] Name or service not known>",
        "wget: unable to resolve host address: Temporary failure in name resolution",
    ],
)
def test_nor_is_it_where_the_script_says_so_in_its_own_words(words: str) -> None:
    said = reason(words + "\n")
    assert said is not None
    assert said.startswith("needs data from the network: --data auto")
    printed = classify(Execution(exit_code=1, errors="", output=words + "\n"))
    assert (printed.verdict, printed.reason) == (Verdict.ERROR, said)


RESOLUTION = raised("urllib.error.URLError: <urlopen error [Errno -3] Temporary failure>")
HANDLING = "\nDuring handling of the above exception, another exception occurred:\n\n"


def test_nor_is_it_where_it_was_raised_again_as_something_else() -> None:
    said = reason(RESOLUTION + HANDLING + raised("ValueError: no labels"))
    assert said is not None
    assert said.startswith("needs data from the network: --data auto")
    assert reason(RESOLUTION + "\n" + raised("ValueError: no labels")) is None


ENDED = "subprocess.CalledProcessError: Command '{}' returned non-zero exit status {}."
RUN = OWN + '  File "/usr/lib/python3.10/subprocess.py", line 526, in run\n    raise Called\n'
CHILDREN = {
    "git": (
        "Cloning into 'b'...\nfatal: unable to access 'https://github.com/a/b/': Could not resolve "
        "host: github.com\n" + raised(ENDED.format("['git', 'clone', 'https://…']", 128), RUN)
    ),
    "git, over ssh": (
        "ssh: Could not resolve hostname github.com: Temporary failure in name resolution\n"
        "fatal: Could not read from remote repository.\n"
        + raised(ENDED.format("git clone git@github.com:a/b.git", 128), RUN)
    ),
    "curl, then an assertion": (
        "  0     0    0     0 --:--:-- --:--:-- --:--:--     0"
        "curl: (6) Could not resolve host: example.com\n"
        + raised("AssertionError", OWN.replace("go()", "assert os.path.exists('data.zip')"))
    ),
    "wget, then words": "wget: unable to resolve host address ‘example.com’\nno data\n",
    "wget, told to be quiet": raised(ENDED.format("['wget', '-q', 'https://x.org/y']", 4), RUN),
    "curl, told to be quiet": raised(ENDED.format("/usr/bin/curl -sO https://x.org/y", 6), RUN),
    "pip": (
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(…: "
        "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')': "
        "/simple/x/\nERROR: No matching distribution found for x\n"
        + raised(ENDED.format("['python', '-m', 'pip', 'install', 'x']", 1), RUN)
    ),
    "a Python": RESOLUTION + raised(ENDED.format("['python', 'download.py']", 1), RUN),
}


@pytest.mark.parametrize("stderr", CHILDREN.values(), ids=CHILDREN)
def test_a_program_that_the_script_started_may_need_the_network(stderr: str) -> None:
    said = reason(stderr)
    assert said is not None
    assert said.startswith("needs data from the network: --data auto")


def test_a_program_that_failed_for_another_reason_is_a_failure() -> None:
    failed = raised(ENDED.format("['git', 'checkout', 'nothing']", 1), RUN)
    assert reason("error: pathspec 'nothing' did not match any file(s)\n" + failed) is None
    told = "curl: (6) Could not resolve host: example.com\n"
    assert reason(told + raised("ValueError: shapes differ", OWN + KERAS)) is None


def test_other_last_words_are_the_scripts_own_judgement() -> None:
    assert reason("FAILED: accuracy is too low\n") is None
    assert reason("FAILED: connection refused by the worker [Errno 111]\n") is None


@pytest.mark.parametrize("path", ["/work/mi.py", "mi.py"], ids=["today", "Python 3.7"])
def test_a_script_that_python_does_not_find(path: str) -> None:
    said = f"/opt/bin/python3: can't open file '{path}': [Errno 2] No such file or directory\n"
    assert reason(said) == "needs mi.py, which is not there: put it beside the script"


def test_a_program_that_is_not_there_is_no_file_to_put_beside_the_script() -> None:
    frames = OWN + '  File "/usr/lib/python3.10/subprocess.py", line 1863, in _execute_child\n'
    stderr = raised("FileNotFoundError: [Errno 2] No such file or directory: 'git'", frames)
    assert reason(stderr) == "needs the program git, which is not in the environments"
    assert reason(stderr.replace("'git'", "'/opt/my/git'")) != reason(stderr)
    assert reason(stderr.replace("'git'", "'git': 'git'")) == reason(stderr), "Python 3.7"
    of_shell = raised(ENDED.format("git --version", 127), RUN)
    assert reason(of_shell) == reason("/bin/sh: 1: git: not found\n") == reason(stderr)


def test_a_server_of_the_scripts_own_that_refuses_is_a_failure() -> None:
    assert reason(raised("ConnectionRefusedError: [Errno 111] Connection refused")) is None


FILES = {
    "opened": (raised("FileNotFoundError: [Errno 2] No such file or directory: 'a.csv'"), "a.csv"),
    "opened by pandas": (
        raised("FileNotFoundError: [Errno 2] No such file or directory: 'd/a.bin'", OWN + PANDAS),
        "d/a.bin",
    ),
    "a folder": (raised("FileNotFoundError: [Errno 2] No such file or directory: 'cats'"), "cats"),
    "read by TensorFlow": (
        raised(
            "errors_impl.NotFoundError: cat.jpg; No such file or directory [Op:ReadFile]", KERAS
        ),
        "cat.jpg",
    ),
    "a folder listed by Keras": (
        raised(
            "FileNotFoundError: [Errno 2] No such file or directory: 'PetImages'",
            OWN + KERAS.replace("h()", "for name in sorted(os.listdir(directory)):"),
        ),
        "PetImages",
    ),
    "a folder read by Keras": (
        raised("errors_impl.NotFoundError: Could not find directory PetImages", KERAS),
        "PetImages",
    ),
    "renamed": (
        raised("FileNotFoundError: [Errno 2] No such file or directory: 'a.csv' -> 'b.csv'"),
        "a.csv",
    ),
    "in the script's own words": (
        "cannot read: [Errno 2] No such file or directory: 'a.csv'\n",
        "a.csv",
    ),
    "a model, in the script's own words": (
        "cannot read: [Errno 2] No such file or directory: 'a.h5'\n",
        None,
    ),
    "a model that was to be saved": (
        raised("FileNotFoundError: [Errno 2] No such file or directory: 'model.h5'", OWN + KERAS),
        None,
    ),
    "what TensorFlow was to write": (
        raised(
            "FileNotFoundError: [Errno 2] No such file or directory: 'logs/events'", OWN + KERAS
        ),
        None,
    ),
    "a temporary file": (
        raised("FileNotFoundError: [Errno 2] No such file or directory: '/tmp/x/a.csv'"),
        None,
    ),
}


@pytest.mark.parametrize(("stderr", "path"), FILES.values(), ids=FILES)
def test_missing_data_is_no_failure_but_a_missing_model_is(stderr: str, path: str | None) -> None:
    said = f"needs {path}, which is not there: put it beside the script"
    assert reason(stderr) == (said if path else None)


PYTHONS = {
    "walrus": ("3.7", "if (a := 1) < 0:\n    raise ValueError(a)\n", "Python 3.8 or newer"),
    "positional": ("3.7", "def f(a, /, b): pass\n", "Python 3.8 or newer"),
    "debugging f-string": ("3.7", "x = 1\nprint(f'{x=}')\n", "Python 3.8 or newer"),
    "match": ("3.9", "match 1:\n    case 1:\n        pass\n", "Python 3.10 or newer"),
    "except*": ("3.10", "try:\n    pass\nexcept* ValueError:\n    pass\n", "Python 3.11 or newer"),
    "type": ("3.11", "type X = int\n", "Python 3.12 or newer"),
    "generic": ("3.11", "def f[T](x: T) -> T: return x\n", "Python 3.12 or newer"),
    "quotes in an f-string": ("3.11", "d = {}\nf'{d.get('a')}'\n", "Python 3.12 or newer"),
    "Python 2's print": ("3.10", "print 'hello'\n", "Python 2"),
    "Python 2's except": ("3.8", "try: pass\nexcept ValueError, e: pass\n", "Python 2"),
    "a notebook's line": ("3.10", "!pip install x\n", "a notebook"),
    "list[int]": ("3.8", "def f(x: list[int]) -> dict[int, int]: pass\n", "Python 3.9 or newer"),
    "a union": ("3.9", "def f(x: int | None): pass\n", "Python 3.10 or newer"),
    "a union of a class": ("3.9", "class A: pass\nx: 'A'\ny = A | str\n", "Python 3.10 or newer"),
    "dictionaries": ("3.8", "{} | {}\n", "Python 3.9 or newer"),
    "tomllib": ("3.10", "import tomllib\n", "Python 3.11 or newer"),
    "zoneinfo": ("3.8", "import zoneinfo\n", "Python 3.9 or newer"),
    "typing": ("3.7", "from typing import Literal\n", "Python 3.8 or newer"),
    "typing, 3.6": ("3.6", "from typing import Literal\n", "Python 3.8 or newer"),
    "functools": ("3.8", "import functools\nfunctools.cache\n", "Python 3.9 or newer"),
    "removeprefix": ("3.8", "'ab'.removeprefix('a')\n", "Python 3.9 or newer"),
    "zip": ("3.9", "zip([], [], strict=True)\n", "Python 3.10 or newer"),
    "distutils": ("3.12", "import distutils\n", "Python 3.11 or older"),
    "imp": ("3.13", "import imp\n", "Python 3.11 or older"),
    "collections": ("3.10", "import collections\ncollections.Mapping\n", "Python 3.9 or older"),
    "xrange": ("3.9", "xrange(3)\n", "Python 2"),
    "izip": ("3.9", "from itertools import izip\n", "Python 2"),
    "long": ("3.9", "x = 10L\n", "Python 2"),
    "next": ("3.9", "iter([]).next()\n", "Python 2"),
    "unparse": ("3.8", "import ast\nast.unparse\n", "Python 3.9 or newer"),
    "a part of a newer module": (
        "3.8",
        "from importlib.resources import files\n",
        "Python 3.9 or newer",
    ),
    "a method of a class": (
        "3.6",
        "import datetime\ndatetime.datetime.fromisoformat('2020-01-01')\n",
        "Python 3.7 or newer",
    ),
    "an argument": (
        "3.9",
        "import dataclasses\ndataclasses.field(kw_only=True)\n",
        "Python 3.10 or newer",
    ),
    "an argument within the library": (
        "3.6",
        "import subprocess\nsubprocess.run(['true'], capture_output=True)\n",
        "Python 3.7 or newer",
    ),
    "an option of logging": (
        "3.7",
        "import logging\nlogging.basicConfig(force=True)\n",
        "Python 3.8 or newer",
    ),
    "an f-string of many lines": ("3.11", "f'{\n    1\n}'\n", "Python 3.12 or newer"),
    "a starred return": ("3.7", "def f(x): return 1, *x\n", "Python 3.8 or newer"),
    "Windows": ("3.10", "import winreg\n", "Windows"),
}


@pytest.mark.parametrize(("version", "source", "wanted"), PYTHONS.values(), ids=PYTHONS)
def test_a_python_that_cannot_run_a_script_says_nothing(
    tmp_path: Path, version: str, source: str, wanted: str
) -> None:
    script = tmp_path / "mine.py"
    script.write_text(source, "utf-8")
    command = [interpreter(version), "-S", "-E", str(script)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    said = reason(done.stderr)
    assert said is not None
    assert said.startswith(f"needs {wanted}: "), said


@pytest.mark.parametrize("version", ["3.7", "3.10", "3.13"])
@pytest.mark.parametrize(
    ("source", "line"), [("a b c\n", "1: a b c"), ("if 1:\n  x = 1\n y = 2\n", "3: y = 2")]
)
def test_what_no_python_reads_is_a_syntax_error_with_its_place(
    tmp_path: Path, version: str, source: str, line: str
) -> None:
    script = tmp_path / "mine.py"
    script.write_text(source, "utf-8")
    done = subprocess.run([interpreter(version), str(script)], capture_output=True, text=True)
    said = reason(done.stderr) or ""
    assert re.match(r"(Syntax|Indentation)Error: .+ \(mine\.py, line ", said), said
    assert said.endswith(f"(mine.py, line {line})")


@pytest.mark.parametrize("version", ["3.7", "3.10", "3.13"])
@pytest.mark.parametrize("main", [True, False])
def test_a_file_of_another_encoding_is_no_evidence_and_is_told_with_the_remedy(
    tmp_path: Path, version: str, main: bool
) -> None:
    """Each Python has other words for it, and 3.13 another line if the script is its own."""
    (tmp_path / "mine.py").write_bytes(b"import os\n\nx = 'caf\xe9'\n")
    (tmp_path / "other.py").write_text("import mine\n", "utf-8")
    script = tmp_path / ("mine.py" if main else "other.py")
    done = subprocess.run([interpreter(version), str(script)], capture_output=True, text=True)
    said = reason(done.stderr) or ""
    assert re.match(r"SyntaxError: mine\.py, line \d is not UTF-8, and no coding line", said), said
    assert said.endswith("save the file as UTF-8, or begin it with # -*- coding: latin-1 -*-")


def test_an_installed_file_of_another_encoding_is_no_fault_of_the_script() -> None:
    said = "SyntaxError: Non-UTF-8 code starting with '\\xe9' in file {} on line 3, but no encoding"
    assert reason(said.format("/repro/my.py")) is not None
    assert reason(said.format("/venv/lib/python3.9/site-packages/keras/a.py")) is None


HERE = "{}.{}".format(*sys.version_info)
READ = {
    "nothing wrong": b"import tensorflow as tf\n",
    "another encoding, which it names": b"#!/usr/bin/python\n# coding=latin-1\nx = 'caf\xe9'\n",
    "Python 2": b"print 'x'\n",
    "Python 2, a number": b"x = 10L\n",
    "a notebook's line": b"!pip install x\n",
    "an older Python": b"x = [(yield 1) for y in 'z']\n",
    "a newer Python": b"x = t'{y}'\n" if sys.version_info < (3, 14) else b"",
}


@pytest.mark.parametrize("source", READ.values(), ids=READ)
def test_what_some_python_may_read_is_left_to_the_run(source: bytes) -> None:
    assert syntax.find_error(source, [HERE]) is None


UNREAD = {
    "a parenthesis": (b"import os\ndef (\n", 2, "SyntaxError: "),
    "what this Python has long had": (b"def f(a, /, b c): pass\n", 1, "SyntaxError: "),
    "a return": (b"x = 1\nreturn x\n", 2, "SyntaxError: 'return' outside function"),
    "a break": (b"break\n", 1, "SyntaxError: 'break' outside loop"),
    "an indent": (b"x = 1\n  y = 2\n", 2, "IndentationError: unexpected indent: y = 2"),
    "another encoding": (b"x = '\xff'\n", 1, "SyntaxError: "),
    "another encoding, in a comment": (
        b"import os\n# caf\xe9\n",
        2,
        "SyntaxError: byte 0xe9 is not UTF-8, and no coding line names its encoding: save the file"
        " as UTF-8, or begin it with # -*- coding: latin-1 -*-",
    ),
    "UTF-16": ("x = 1\n".encode("utf-16"), 1, "SyntaxError: the file is UTF-16: save it as UTF-8"),
}


@pytest.mark.parametrize(("source", "line", "says"), UNREAD.values(), ids=UNREAD)
def test_what_no_python_reads_is_found_before_anything_runs(
    source: bytes, line: int, says: str
) -> None:
    found = syntax.find_error(source, ["3.7", HERE])
    assert found is not None
    assert found.lineno == line
    assert syntax.describe(found).startswith(says)
    assert syntax.find_error(source, ["3.7", "3.99"]) is None, "a newer Python may read it"


def test_what_tensorflow_cannot_run_is_evidence() -> None:
    message = "TypeError: 'type' object is not subscriptable"
    inside = OWN + KERAS.replace("h()", "def g(x: list[int])")
    assert reason(raised(message, inside)) is None
    assert reason(raised("ModuleNotFoundError: No module named 'distutils'", OWN + KERAS)) is None
    syntax = KERAS.replace(", in g", "") + "      ^\nSyntaxError: invalid syntax"
    assert reason(raised(syntax)) is None


def test_a_type_error_of_the_scripts_own_is_evidence() -> None:
    own = OWN.replace("go()", "x = kind[3]")
    assert reason(raised("TypeError: 'type' object is not subscriptable", own)) is None


def test_tests_that_all_failed_for_a_package_need_it() -> None:
    def told(causes: list[str]) -> str:
        blocks = [
            f"{'=' * 70}\nERROR: test_{n} (__main__.T)\n{'-' * 70}\n{raised(cause)}\n"
            for n, cause in enumerate(causes)
        ]
        return "".join(blocks) + f"{'-' * 70}\nRan 2 tests in 0.1s\n\nFAILED (errors=2)\n"

    lacking = "ModuleNotFoundError: No module named 'sklearn'"
    assert (reason(told([lacking, lacking])) or "").startswith("needs scikit-learn,")
    assert reason(told([lacking, "ValueError: 3"])) is None


def test_a_program_that_went_on_without_it_fails_for_what_it_says() -> None:
    survived = "ERROR:root:no sklearn\n" + missing("sklearn")
    assert reason(survived + "\nFAILED: it learns nothing\n") is None
    assert classify(Execution(exit_code=0, errors=missing("sklearn"))).verdict is Verdict.PASS


SITE = "/environment/lib/python3.10/site-packages"


def steps(*frames: tuple[str, str]) -> str:
    return "".join(f'  File "{file}", line 1, in <module>\n    {line}\n' for file, line in frames)


IMPORTS = ("/repro/random.py", "import tensorflow as tf")
HIDING = {
    "a library imports it": (
        "AttributeError: partially initialized module 'tensorflow' has no attribute 'reduce_sum'",
        [
            IMPORTS,
            (f"{SITE}/tensorflow/context.py", "import copy, random as r"),
            ("/repro/random.py", "x"),
        ],
        "random.py, which hides the module random",
    ),
    "Python's library imports it": (
        "AttributeError: module 'tensorflow' has no attribute '__version__'",
        [
            ("/usr/lib/python3.10/tempfile.py", "from random import Random"),
            ("/repro/random.py", "x"),
        ],
        "random.py, which hides the module random",
    ),
    "it imports itself": (
        "AttributeError: partially initialized module 'tensorflow' has no attribute 'reduce_sum'",
        [
            ("/repro/tensorflow.py", "import tensorflow as tf"),
            ("/repro/tensorflow.py", "tf.reduce_sum"),
        ],
        "tensorflow.py, which hides the module tensorflow",
    ),
    "a folder": (
        "KeyError: 'x'",
        [(f"{SITE}/keras/io.py", "import utils.text"), ("/repro/utils/__init__.py", "d['x']")],
        "utils/__init__.py, which hides the module utils",
    ),
    "it lacks a name": (
        "ImportError: cannot import name 'Random' from 'random' (/repro/random.py)",
        [IMPORTS, ("/usr/lib/python3.10/tempfile.py", "from random import Random as _Random")],
        "random.py, which hides the module random",
    ),
    "it is no package": (
        "ModuleNotFoundError: No module named 'tensorflow.keras'; 'tensorflow' is not a package",
        [("/repro/tensorflow.py", "from tensorflow.keras import layers")],
        "tensorflow.py, which hides the module tensorflow",
    ),
    "a helper of the script": (
        "KeyError: 'x'",
        [("/repro/my.py", "import helper"), ("/repro/helper.py", "d['x']")],
        None,
    ),
    "a function that a library calls": (
        "KeyError: 'x'",
        [("/repro/my.py", "fit()"), (f"{SITE}/keras/fit.py", "call()"), ("/repro/my.py", "d['x']")],
        None,
    ),
    "a test that pytest imports": (
        "KeyError: 'x'",
        [
            (f"{SITE}/_pytest/pathlib.py", "mod = import_module(name)"),
            ("/repro/test_a.py", "d['x']"),
        ],
        None,
    ),
    "a library's own lack": (
        f"ImportError: cannot import name 'a' from 'keras.utils' ({SITE}/keras/utils.py)",
        [
            ("/repro/my.py", "import keras"),
            (f"{SITE}/keras/__init__.py", "from keras.utils import a"),
        ],
        None,
    ),
    "a helper that lacks a name": (
        "ImportError: cannot import name 'a' from 'helper' (/repro/helper.py)",
        [("/repro/my.py", "from helper import a")],
        None,
    ),
}


@pytest.mark.parametrize(("message", "frames", "file"), HIDING.values(), ids=HIDING)
def test_a_file_that_hides_a_module_says_nothing_about_tensorflow(
    message: str, frames: list[tuple[str, str]], file: str | None
) -> None:
    said = reason(raised(message, steps(*frames)))
    assert said == (f"needs another name for {file}" if file else None)


def test_the_patterns_can_be_read() -> None:
    for file, name in (
        ("packages", "asks"),
        ("packages", "refuses"),
        ("packages", "network"),
        ("programs", "network"),
    ):
        assert all(re.compile(pattern) for pattern in table(file)[name])
    for name in ("syntax", "messages"):
        for rule in table("python")[name]:
            assert set(rule) <= {"said", "source", "needs"}
            assert all(re.compile(rule[key]) for key in rule if key != "needs")
