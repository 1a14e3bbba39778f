"""Signatures: the same failure has the same one, another failure another.

`signatures/` holds what real programs wrote to standard error, one folder for each cause:
`RELEASE.exit1.txt` (or `.signal6.txt`) as recorded, with neutral paths and the middle of long
stacks left out, and `signature.txt`, which all of the folder must have.
"""

from __future__ import annotations

import re
from pathlib import Path
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.cells.signature import (
    crash_signature,
    exception_signature,
    exit_signature,
    noise,
    normalise,
)
from runner.cells.signature.crashes import LAST_WORDS
from runner.cells.signature.cuts import CUTS
from runner.cells.signature.line import LONGEST
from runner.cells.signature.noise import MOST, NOISE
from runner.cells.signature.rewordings import REWORDINGS
from runner.cells.signature.spellings import SPELLINGS
from runner.cells.signature.wrappers import WRAPPERS

FOLDER = Path(__file__).parent / "signatures"
CAUSES = sorted(path for path in FOLDER.iterdir() if path.is_dir())
RECORDED = sorted(FOLDER.glob("*/*.*.txt"))
TRACEBACK = 'Traceback (most recent call last):\n  File "repro.py", line 3, in <module>\n    f()\n'


ABSOLUTE = re.compile(r"(?<=[ \"'(])/\w+/\w+")
NEUTRAL = re.compile(r"/home/user$|/usr/lib$|/tmp/(?:tmp\w{8}|__autograph_generated_file\w+)$")


def expected(cause: Path) -> str:
    return (cause / "signature.txt").read_text(encoding="utf-8").rstrip("\n")


def judged(recorded: Path) -> str:
    ending = recorded.name.split(".")[-2]
    stderr = recorded.read_text(encoding="utf-8")
    number = int(re.sub(r"\D", "", ending))
    return (
        crash_signature(number, stderr)
        if ending.startswith("signal")
        else exit_signature(number, stderr)
    )


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_recorded_failures_of_one_cause_have_its_signature(recorded: Path) -> None:
    assert judged(recorded) == expected(recorded.parent)


def test_causes_have_different_signatures() -> None:
    signatures = {expected(cause): cause.name for cause in CAUSES}
    assert len(signatures) == len(CAUSES)


def test_every_cause_was_recorded_and_nothing_of_the_machine_with_it() -> None:
    assert {path.parent for path in RECORDED} == set(CAUSES)
    for path in RECORDED:
        found = ABSOLUTE.findall(path.read_text(encoding="utf-8"))
        assert [name for name in found if not NEUTRAL.match(name)] == [], path


def raised(message: str) -> str:
    return f"{TRACEBACK}{message}\n"


SAME = {
    "decimals without a point": ("ValueError: loss 1e-07", "ValueError: loss 3.2e-05"),
    "percentages": ("AssertionError: 41% of them", "AssertionError: 43% of them"),
    "what id() says": ("ValueError: id=140234567890112", "ValueError: id=140734567890512"),
    "a module's name before the kind": (
        "tensorflow.python.framework.errors_impl.NotFoundError: no file",
        "NotFoundError: no file",
        "__main__.main.<locals>.NotFoundError: no file",
    ),
    "addresses": (
        "ValueError: <Foo object at 0x7f0c11d2> of <function g at 0x7f0c11d3a5e0>",
        "ValueError: <Foo object at 0x7fffffffffff> of <function g at 0x55d0c7>",
    ),
    "the name of the machine": (
        "NotFoundError: Op type not registered 'Foo' in binary running on vm. Make it",
        "NotFoundError: Op type not registered 'Foo' in binary running on a7.example.org. Make it",
    ),
    "temporary names": (
        "OSError: No file at /tmp/tmpab12_xyz/model.h5",
        "OSError: No file at /var/tmp/tmpzzzzzzzz/run/model.h5",
    ),
    "a temporary name as a file's own": (
        "OSError: No file at /tmp/tmpab12_xyz",
        "OSError: No file at /tmp/tmp01234567",
    ),
    "lines of files": (
        "TypeError: bad call at /home/user/a/x.py:12, see (y.py, line 7)",
        "TypeError: bad call at /opt/x.py:9000, see (y.py, line 812)",
    ),
    "numbered operations": (
        "ValueError: placeholder tensor 'conv2d_1_input' of op dense_2/BiasAdd_4:0",
        "ValueError: placeholder tensor 'conv2d_input' of op dense/BiasAdd:0",
    ),
    "shapes": (
        "ValueError: got shape (None, 28, 28, 1)",
        "ValueError: got shape [?,28,28,1]",
        "ValueError: got shape [null, 28, 28, 1]",
        "ValueError: got shape TensorShape([None, 28, 28, 1])",
        "ValueError: got shape TensorShape([Dimension(None), Dimension(28), Dimension(28), "
        "Dimension(1)])",
    ),
    "data types": (
        "TypeError: wanted float32, not int32",
        "TypeError: wanted <dtype: 'float32'>, not tf.int32",
    ),
    "numpy's scalars": ("ValueError: (0.5, True)", "ValueError: (np.float32(0.5), np.True_)"),
    "an attribute of a module, with a guess": (
        "AttributeError: module 'tensorflow' has no attribute 'Session'",
        "AttributeError: module 'tensorflow' has no attribute 'Session'. Did you mean: 'version'?",
        "AttributeError: module 'tensorflow_core._api.v2' has no attribute 'Session'",
        "AttributeError: partially initialized module 'tensorflow' has no attribute 'Session' "
        "(most likely due to a circular import)",
    ),
    "a module of Keras": (
        "AttributeError: module 'tensorflow.keras.layers' has no attribute 'X'",
        "AttributeError: module 'tensorflow._api.v1.keras.layers' has no attribute 'X'",
        "AttributeError: module 'tensorflow.python.keras.api._v1.keras.layers' has no attribute "
        "'X'",
        "AttributeError: module 'tensorflow_core.keras.layers' has no attribute 'X'",
        "AttributeError: module 'keras.api._v2.keras.layers' has no attribute 'X'",
        "AttributeError: module 'keras.api._tf_keras.keras.layers' has no attribute 'X'",
        "AttributeError: module 'keras._tf_keras.keras.layers' has no attribute 'X'",
    ),
    "a name to import": (
        "ImportError: cannot import name 'Foo'",
        "ImportError: cannot import name 'Foo' from 'tensorflow.keras' (/home/user/__init__.py)",
        "ImportError: cannot import name 'Foo' from partially initialized module 'tensorflow' "
        "(most likely due to a circular import) (/home/user/__init__.py)",
    ),
    "a module to import": (
        "ImportError: No module named 'tensorflow.contrib'",
        "ModuleNotFoundError: No module named 'tensorflow.contrib'",
    ),
    "a method's name": (
        "TypeError: __init__() got an unexpected keyword argument 'x'",
        "TypeError: Dense.__init__() got an unexpected keyword argument 'x'",
        "TypeError: main.<locals>.Dense.__init__() got an unexpected keyword argument 'x'. "
        "Did you mean 'y'?",
    ),
    "a local variable": (
        "UnboundLocalError: local variable 'y_1' referenced before assignment",
        "UnboundLocalError: cannot access local variable 'y_1' where it is not associated with a "
        "value",
    ),
    "a layer's input": (
        "ValueError: Input 0 of layer dense_1 is incompatible with the layer: : expected ndim=2",
        'ValueError: Input 0 of layer "dense" is incompatible with the layer: expected ndim=2',
        "ValueError: Input 0 is incompatible with layer dense_3: expected ndim=2",
    ),
    "roots": (
        "errors_impl.InvalidArgumentError: bad value 3\n\t [[{{node x}}]]",
        "errors_impl.InvalidArgumentError: 2 root error(s) found.\n"
        "  (0) Invalid argument: bad value 3\n\t [[node x (defined at x.py:3) ]]\n\t [[y]]\n"
        "  (1) Invalid argument: bad value 3\n\t [[node x (defined at x.py:3) ]]\n"
        "0 successful operations.\n0 derived errors ignored.",
        "errors_impl.InvalidArgumentError: Graph execution error:\n\n2 root error(s) found.\n"
        "  (0) CANCELLED:  Function was cancelled before it was started\n"
        "  (1) INVALID_ARGUMENT:  bad value 3\n\t [[{{node x}}]]\n"
        "0 successful operations.\n0 derived errors ignored. [Op:__inference_f_12]",
    ),
}

H5PY_MISSING = (
    "unable to open file: name = '/tmp/x.h5', errno = 2, "
    "error message = 'No such file or directory', flags = 0, o_flags = 0"
)
SAME.update(
    {
        "measured values": (
            "AssertionError: accuracy 0.4062 is too low",
            "AssertionError: accuracy 0.8438 is too low",
            "AssertionError: accuracy 9.5e-07 is too low",
        ),
        "arrays of measured values": (
            "AssertionError: got [0.1 0.2]",
            "AssertionError: got [0.5, -1.25, 3.]",
        ),
        "matrices of measured values": (
            "AssertionError: got [[0.1 0.2]\n [0.3 0.4]]",
            "AssertionError: got [[0.5, 0.25], [0.125, 3.]]",
        ),
        "clocks": (
            "AssertionError: at 2026-11-28 05:01:54.123, not later",
            "AssertionError: at 2026-11-28T15:01:54+01:00, not later",
            "AssertionError: at Sat Nov  8 05:01:54 2026, not later",
            "AssertionError: at 23:59:59, not later",
        ),
        "durations": ("AssertionError: took 85s", "AssertionError: took 7s"),
        "random names": (
            "OSError: no run e3c914a8663341238216ffd0462893f2",
            "OSError: no run 640754c6-fe06-43bc-acd9-8b4b8c058460",
        ),
        "processes": ("RuntimeError: process 12086 died", "RuntimeError: process 3412 died"),
        "what id() says in another part": (
            "KeyError: 139879074266176",
            "KeyError: 140234567890112",
        ),
        "sets": (
            "ValueError: unexpected {'a', 'b', 'c'} in {1: {'x', 'y'}}",
            "ValueError: unexpected {'c', 'a', 'b'} in {1: {'y', 'x'}}",
        ),
        "notes": (
            "ValueError: bad shape",
            "ValueError: bad shape\nwhile training the second layer",
            "ValueError: bad shape\nwhile training the second layer\nin epoch 3",
        ),
        "a file that h5py does not find": (
            f"OSError: Unable to open file ({H5PY_MISSING})",
            f"FileNotFoundError: [Errno 2] Unable to synchronously open file ({H5PY_MISSING})",
        ),
        "an object that h5py does not find": (
            "KeyError: \"Unable to open object (object 'a' doesn't exist)\"",
            "KeyError: \"Unable to synchronously open object (object 'a' doesn't exist)\"",
        ),
        "a config of Keras 3": (
            "TypeError: Unrecognized keyword arguments: ['foo']",
            "TypeError: <class 'keras.src.models.Functional'> could not be deserialized "
            "properly. Please ensure that components are explicitly deserialized.\n\n"
            "config={'module': 'keras', 'config': {'units': 2}}.\n\nException encountered: "
            "Error when deserializing class 'InputLayer' using config={'a': 1}.\n\n"
            "Exception encountered: Unrecognized keyword arguments: ['foo']",
        ),
        "arguments behind the message": (
            "ValueError: Layer 'dense' expects 1 input(s), but it received 2 input tensors",
            "ValueError: Layer 'dense' expects 1 input(s), but it received 2 input tensors. Inputs "
            "received: [<tf.Tensor 'a:0' shape=(2,) dtype=float32>, <tf.Tensor 'b:0' shape=(2,)>]",
        ),
    }
)

DIFFERENT = {
    "ranks": ("RuntimeError: process 0 of 4 died", "RuntimeError: process 1 of 4 died"),
    "steps": ("AssertionError: 3 after 10 steps", "AssertionError: 3 after 20 steps"),
    "digests": ("ValueError: 12345678901234567890123456789012", "ValueError: 1"),
    "tolerances": ("AssertionError: rtol=1e-05", "AssertionError: rtol=1e-07"),
    "large integers": ("ValueError: seed 123456789012345", "ValueError: seed 123456789012346"),
    "shapes": ("ValueError: got [2,3]", "ValueError: got [2,4]", "ValueError: got [?,3]"),
    "values": ("AssertionError: 5 != 25", "AssertionError: 5 != 125"),
    "versions": (
        "ImportError: it needs Python 3.8",
        "ImportError: it needs Python 3.10",
        "ImportError: it needs numpy>=1.20",
        "ImportError: it needs version 1.20.1",
        "OSError: no libcudart.so.11.0",
    ),
    "what is not a number": (
        "AssertionError: loss is nan",
        "AssertionError: loss is 0.5",
        "AssertionError: [0.5 nan]",
        "AssertionError: [0.5 0.25]",
    ),
    "items within braces": (
        "ValueError: {'a', 'b'}",
        "ValueError: {'a', 'c'}",
        "ValueError: {'a'}",
    ),
    "order within brackets": ("ValueError: ['a', 'b']", "ValueError: ['b', 'a']"),
    "what a variable and its package are called": (
        "AssertionError: python=3.8, numpy=1.21: expected 2, got 3",
        "AssertionError: python=3.8, numpy=1.21: expected 2, got 4",
    ),
    "kinds": ("ValueError: x", "TypeError: x", "ValueError"),
    "names in a program": (
        "NameError: name 'x_1' is not defined",
        "NameError: name 'x_2' is not defined",
        "KeyError: 'layer_1'",
        "KeyError: 'layer_2'",
    ),
    "files": ("OSError: no /tmp/a/x.h5", "OSError: no /tmp/a/y.h5"),
    "layers": (
        "ValueError: Input 0 of layer dense is incompatible with the layer: expected ndim=2",
        "ValueError: Input 0 of layer conv2d is incompatible with the layer: expected ndim=2",
        "ValueError: Input 1 of layer dense is incompatible with the layer: expected ndim=2",
    ),
    "modules": (
        "AttributeError: module 'tensorflow' has no attribute 'keras'",
        "AttributeError: module 'keras' has no attribute 'keras'",
        "AttributeError: module 'tensorflow.compat.v1' has no attribute 'keras'",
    ),
    "arrays that differ": (
        "AssertionError: \nNot equal to tolerance rtol=1e-05, atol=0\n\n"
        "Mismatched elements: 1 / 3 (33%)\n x: array([1])",
        "AssertionError: \nNot equal to tolerance rtol=1e-05, atol=0\n\n"
        "x and y nan location mismatch:\n x: array([1])",
        "AssertionError: \nNot equal to tolerance rtol=1e-05, atol=0\n\n"
        "(shapes (2,), (3,) mismatch)\n x: array([1])",
    ),
}


@pytest.mark.parametrize("messages", SAME.values(), ids=SAME)
def test_the_same_in_other_words_has_one_signature(messages: tuple[str, ...]) -> None:
    assert len({exception_signature(raised(message)) for message in messages}) == 1


@pytest.mark.parametrize("messages", DIFFERENT.values(), ids=DIFFERENT)
def test_something_else_has_another_signature(messages: tuple[str, ...]) -> None:
    assert len({exception_signature(raised(message)) for message in messages}) == len(messages)


STRUCTURES = {
    "no traceback": ("loss is 0.7\n", None),
    "a traceback without its end": (TRACEBACK, None),
    "no message": (raised("StopIteration"), "StopIteration"),
    "a bare assertion": (
        'Traceback (most recent call last):\n  File "x.py", line 3, in <module>\n'
        "    assert moved == 5\n           ^^^^^^^^^^\nAssertionError\n",
        "AssertionError: assert moved == 5",
    ),
    "a bare assertion of many lines": (
        'Traceback (most recent call last):\n  File "x.py", line 3, in <module>\n'
        "    assert (moved ==\nAssertionError\n",
        "AssertionError",
    ),
    "an exception while handling another": (
        raised("KeyError: 'a'")
        + "\nDuring handling of the above exception, another exception occurred:\n\n"
        + raised("RuntimeError: no a"),
        "RuntimeError: no a",
    ),
    "a syntax error": (
        '  File "x.py", line 2\n    print "x"\n            ^\nSyntaxError: invalid syntax\n',
        "SyntaxError: invalid syntax",
    ),
    "a thread's exception before": (
        "Exception in thread Thread-1 (f):\n" + raised("KeyError: 1") + raised("ValueError: 2"),
        "ValueError: 2",
    ),
    "a thread's exception after": (
        raised("ValueError: 2") + "Exception in thread Thread-1:\n" + raised("KeyError: 1"),
        "ValueError: 2",
    ),
    "a thread's chained exceptions after": (
        raised("ValueError: 2")
        + "Exception in thread Thread-1:\n"
        + raised("KeyError: 1")
        + "\nDuring handling of the above exception, another exception occurred:\n\n"
        + raised("OSError: 1"),
        "ValueError: 2",
    ),
    "a thread's exception alone": (
        "Exception in thread Thread-1:\n" + raised("KeyError: 1"),
        "KeyError: 1",
    ),
    "an ignored exception after": (
        raised("ValueError: 2") + "Exception ignored in: <f at 0x1>\n" + raised("KeyError: 1"),
        "ValueError: 2",
    ),
    "an ignored exception alone": ("Exception ignored in: <f>\n" + raised("KeyError: 1"), None),
    "log lines within": (
        'Traceback (most recent call last):\n  File "x.py", line 3, in <module>\n'
        "2024-01-01 00:00:00.123456: W tensorflow/core/x.cc:1] Local rendezvous is aborting\n"
        "    f()\nW0000 00:00:1741000000.123456    16 x.cc:1] again\nValueError: 2\n"
        "I0000 00:00:1741000000.123456    16 x.cc:1] closed\n",
        "ValueError: 2",
    ),
    "a traceback in the message": (
        raised(
            "ImportError: Traceback (most recent call last):\n"
            '  File "x.py", line 1, in g\n    import _x\n'
            "ImportError: libcublas.so.9.0: cannot open shared object file\n\n\n"
            "Failed to load the native TensorFlow runtime.\n\nSee https://…"
        ),
        "ImportError: libcublas.so.9.0: cannot open shared object file",
    ),
    "colours": (
        raised("ValueError: \x1b[1mred\x1b[0m and \x1b[31;1mblue"),
        "ValueError: red and blue",
    ),
    "an announced message": (
        raised("ValueError: Bad weights:\n\n  3 of 4"),
        "ValueError: Bad weights: 3 of 4",
    ),
    "an exception group": (
        "  + Exception Group Traceback (most recent call last):\n"
        '  |   File "x.py", line 12, in <module>\n  |     f()\n'
        "  | ExceptionGroup: several (2 sub-exceptions)\n"
        "  +-+---------------- 1 ----------------\n    | ValueError: a\nsecond line\n"
        "    +---------------- 2 ----------------\n"
        "    | Exception Group Traceback (most recent call last):\n"
        '    |   File "x.py", line 7, in <module>\n'
        "    | ExceptionGroup: inner (1 sub-exception)\n"
        "    +-+---------------- 1 ----------------\n"
        '      | Traceback (most recent call last):\n      |   File "x.py", line 2, in f\n'
        "      | TypeError: b\n      +------------------------------------\n",
        "ExceptionGroup: several (2 sub-exceptions) [ValueError: a; TypeError: b]",
    ),
}


@pytest.mark.parametrize(("stderr", "signature"), STRUCTURES.values(), ids=STRUCTURES)
def test_the_exception_that_ended_the_program_is_found(stderr: str, signature: str | None) -> None:
    assert exception_signature(stderr) == signature


EXITS = {
    "an exception": (1, raised("ValueError: x"), "ValueError: x"),
    "a word from the program": (
        1,
        "step 1\nloss 0.73 is too high\n",
        "exit 1: loss <decimal> is too high",
    ),
    "another code": (3, "cannot go on\n", "exit 3: cannot go on"),
    "another code after a traceback": (3, raised("ValueError: x"), "exit 3: ValueError: x"),
    "nothing": (2, "", "exit 2"),
    "a warning, and nothing": (1, "/a/x.py:3: FutureWarning: old\n  f(1)\n", "exit 1"),
    "a deprecation, and nothing": (
        1,
        "WARNING:tensorflow:From x.py:1: f (from y) is deprecated\nInstructions for updating:\n"
        "Use g instead.\n",
        "exit 1",
    ),
    "log lines alone": (4, "2024-01-01 00:00:00.1: I tensorflow/x.cc:3] hello\n", "exit 4"),
    "a traceback that has lost its start": (1, "of many words\nValueError: x\n", "ValueError: x"),
    "where, and no what": (1, "\t [[{{node a_1}} = A[T=DT_INT32](b)]]\n", "exit 1: [[a]]"),
}


@pytest.mark.parametrize(("code", "stderr", "signature"), EXITS.values(), ids=EXITS)
def test_an_exit_is_told_by_its_exception_or_its_last_words(
    code: int, stderr: str, signature: str
) -> None:
    assert exit_signature(code, stderr) == signature


LOGGED = "ERROR:root:no cache, go on\n" + raised("KeyError: 'cache'")
IN_FUNCTION = TRACEBACK.replace("<module>", "load")
SAID = {
    "after an exception that was logged": LOGGED + "\nthe model cannot be saved\n",
    "after one that was caught in a function": IN_FUNCTION
    + "ValueError: no\nthe model cannot be saved\n",
    "after one whose message is over": raised("KeyError: 'cache'") + "the model cannot be saved\n",
    "after a thread's": "Exception in thread Thread-1:\n"
    + IN_FUNCTION
    + "ValueError: no\nthe model cannot be saved\n",
    "with log lines behind it": LOGGED
    + "the model cannot be saved\n2024-01-01 00:00:00.1: I tensorflow/x.cc:3] bye\n",
    "and no traceback": "the model cannot be saved\n",
}


@pytest.mark.parametrize("stderr", SAID.values(), ids=SAID)
def test_the_text_of_an_exit_is_why_the_program_ended(stderr: str) -> None:
    assert exit_signature(1, stderr) == "exit 1: the model cannot be saved"


def test_a_text_of_many_lines_is_told_as_a_whole() -> None:
    first = exit_signature(1, LOGGED + "conv differs\nin the last bit\n")
    assert first == "exit 1: conv differs in the last bit"
    assert exit_signature(1, LOGGED + "dense differs\nin the last bit\n") != first
    listed = exit_signature(1, LOGGED + "\nFAILED:\n  conv differs\n  dense differs\n")
    assert listed == "exit 1: FAILED: conv differs dense differs"


def test_a_verdict_is_the_text_of_an_exit_whatever_was_raised() -> None:
    survived = raised("ValueError: shapes differ")
    assert (
        exit_signature(1, survived + "FAILED: it is not saved\n")
        == "exit 1: FAILED: it is not saved"
    )


NO_EXIT_TEXT = {
    "a second paragraph": raised("ValueError: three\n\nand more"),
    "a message of many lines": (
        'Traceback (most recent call last):\n  File "x.py", line 3, in <module>\n'
        '    raise ValueError("three\\nand more")\nValueError: three\nand more\n'
    ),
    "roots": raised(
        "InvalidArgumentError: bad\n\t [[{{node x}}]]\n0 successful operations.\n"
        "0 derived errors ignored."
    ),
    "a library's": raised(
        "ImportError: libx.so: no such file\n\n\nFailed to load the native TensorFlow runtime."
    ),
}


@pytest.mark.parametrize("stderr", NO_EXIT_TEXT.values(), ids=NO_EXIT_TEXT)
def test_what_belongs_to_a_message_is_no_text_of_an_exit(stderr: str) -> None:
    assert not exit_signature(1, stderr).startswith("exit")


PRINTED = {
    "what failed": ("loads: ok\nsaves: FAILED\ntrains: ok\n", "exit 1: saves: FAILED"),
    "all that failed": ("loads: FAILED\nsaves: FAILED\n", "exit 1: loads: FAILED; saves: FAILED"),
    "the last words, where none say that": ("step 1\nno luck\n", "exit 1: no luck"),
    "no observations": ("no luck\n::observe loss=3\n", "exit 1: no luck"),
    "no log lines": (
        "no luck\n2024-01-01 00:00:00.1: I tensorflow/x.cc:3] bye\n",
        "exit 1: no luck",
    ),
    "that nothing failed": ("0 failed\nall done\n", "exit 1: all done"),
}


@pytest.mark.parametrize(("output", "signature"), PRINTED.values(), ids=PRINTED)
def test_where_standard_error_is_silent_the_output_counts(output: str, signature: str) -> None:
    assert exit_signature(1, "", output) == signature


def test_standard_error_comes_first() -> None:
    assert exit_signature(1, "no luck\n", "saves: FAILED\nno luck\n") == "exit 1: no luck"


CRASHES = {
    "nothing said": (11, "loading\n", "SIGSEGV"),
    "faulthandler": (11, "Fatal Python error: Segmentation fault\n\nThread 0x7f:\n", "SIGSEGV"),
    "another fatal error": (6, "Fatal Python error: init_fs\n", "SIGABRT: init_fs"),
    "glog": (
        6,
        "2024-01-01 00:00:00.123456: F tensorflow/core/framework/tensor_shape.cc:357] "
        "Check failed: d < dims() (4 vs. 1)\nAborted\n",
        "SIGABRT: Check failed: d < dims() (4 vs. 1)",
    ),
    "absl's log": (
        6,
        "F0000 00:00:1795363207.259843   16349 tensor_shape.cc:362] "
        "Check failed: d < dims() (4 vs. 1) \n*** Check failure stack trace: ***\n"
        "    @     0x7f8c0eace564  absl::lts_20250814::log_internal::LogMessage::SendToLog()\n",
        "SIGABRT: Check failed: d < dims() (4 vs. 1)",
    ),
    "memory": (
        6,
        "terminate called after throwing an instance of 'std::bad_alloc'\n"
        "  what():  std::bad_alloc\n",
        "SIGABRT: std::bad_alloc",
    ),
    "a C++ exception without words": (
        6,
        "terminate called after throwing an instance of 'Foo'\n",
        "SIGABRT: Foo",
    ),
    "heap": (6, "double free or corruption (out)\n", "SIGABRT: double free or corruption (out)"),
    "old heap": (
        6,
        "*** Error in `python': free(): invalid pointer: 0x00007f5a1c2d3e4f ***\n",
        "SIGABRT: *** Error in 'python': free(): invalid pointer: 0x… ***",
    ),
    **{
        line: (6, f"loading\n{line}\nFatal Python error: Aborted\n", f"SIGABRT: {line}")
        for line in (
            "corrupted double-linked list",
            "corrupted size vs. prev_size",
            "corrupted size vs. prev_size while consolidating",
            "malloc_consolidate(): invalid chunk size",
            "free(): double free detected in tcache 2",
            "munmap_chunk(): invalid pointer",
            "Fatal glibc error: malloc.c:2599 (sysmalloc): assertion failed",
            "terminate called without an active exception",
            "terminate called recursively",
            "pure virtual method called",
        )
    },
    "an unknown signal": (250, "", "signal 250"),
}


@pytest.mark.parametrize(("number", "stderr", "signature"), CRASHES.values(), ids=CRASHES)
def test_a_crash_is_told_by_its_signal_and_last_words(
    number: int, stderr: str, signature: str
) -> None:
    assert crash_signature(number, stderr) == signature


@pytest.mark.parametrize("kind", [*NOISE, *LAST_WORDS], ids=lambda kind: kind.name)
def test_lines_match_their_examples(kind: object) -> None:
    assert kind.line.match(kind.example)  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=lambda wrapper: wrapper.name)
def test_wrappers_match_their_examples(wrapper: object) -> None:
    example = wrapper.example.replace("\\n", "\n")  # type: ignore[attr-defined]
    assert wrapper.start.match(example)  # type: ignore[attr-defined]


def test_a_long_message_ends_at_a_word() -> None:
    signature = exception_signature(raised("ValueError: " + "word " * 200))
    assert signature is not None
    assert signature.endswith("word …")
    assert len(signature) <= LONGEST


PIECES = st.sampled_from(
    [
        *(rule.name for rule in (*CUTS, *SPELLINGS, *REWORDINGS)),
        *(
            "[",
            "(",
            "]",
            ")",
            "?",
            "None",
            "1,",
            "2",
            "_1",
            "/",
            ".",
            ":",
            "'",
            '"',
            "`",
            "{{node ",
        ),
        *(
            "}}",
            "[[",
            "]]",
            "tensor ",
            "op '",
            "name=",
            "x_1",
            "/tmp/tmpabcdefgh",
            "/usr/lib/x.py:3",
        ),
        *("[Op:", " at 0x7f", "0x7f00aabbcc", "tf.", "float32", "<dtype: 'int32'>", "Dimension("),
        *(
            "TensorShape(",
            "Input 0 of layer x_1",
            " is incompatible with the layer:",
            "np.float32(",
        ),
        *("tensorflow_core", "._api.v2", "'keras", ".api._v2.keras", " (defined at ", " = A[T=1]"),
        *(
            "cannot import name ",
            " from ",
            ". Did you mean",
            "No module named ",
            ", line 3",
            "id=3 ",
        ),
        *(
            "\n",
            "\t",
            " ",
            "\r",
            "\x1b[1m",
            "\x00",
            "\u2028",
            "…",
            "é",
            "word",
            "a.b() got ",
            "a/b_1/c",
        ),
    ]
)
MESSAGES = st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join) | st.text(max_size=400)
OUTPUTS = st.lists(
    MESSAGES
    | st.sampled_from(
        [
            TRACEBACK,
            "\nTraceback (most recent call last):\n",
            "\nin user code:\n",
            "ValueError: ",
            "    ",
            "\n",
            "Graph execution error:\n",
            "  + Exception Group Traceback (most recent call last):\n",
            "  +-+---------------- 1 ----------------\n",
            "\nException in thread x\n",
            "Detected at node x defined at (most recent call last):\n",
            "2 root error(s) found.\n  (0) ",
        ]
    ),
    max_size=12,
).map("".join)


@given(MESSAGES)
def test_normalising_again_changes_nothing(message: str) -> None:
    once = normalise(message)
    assert normalise(once) == once


@given(OUTPUTS, st.integers(0, 255))
def test_any_text_has_a_signature_of_one_line(stderr: str, number: int) -> None:
    printed = exit_signature(number, "", stderr)
    for signature in (
        exit_signature(number, stderr),
        crash_signature(number, stderr),
        exception_signature(stderr),
        printed,
    ):
        if signature is not None:
            assert signature == " ".join(signature.split())
            assert len(signature) <= LONGEST
            assert not {category(character) for character in signature} & {"Cc", "Cs", "Zl", "Zp"}
    assert exit_signature(number, stderr)
    assert crash_signature(number, stderr)


@given(
    st.integers(0x10000, 2**48),
    st.integers(1, 10**6),
    st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=8, max_size=8),
    st.integers(1, 999),
)
def test_addresses_lines_temporary_names_and_counters_change_nothing(
    address: int, line: int, name: str, counter: int
) -> None:
    def told(address: int, line: int, name: str, counter: int) -> str | None:
        return exception_signature(
            f'Traceback (most recent call last):\n  File "/tmp/tmp{name}.py", line {line}, in f\n'
            f"    g()\nValueError: <A object at {address:#x}> in /tmp/tmp{name}/model.h5, see "
            f"repro.py:{line} (x.py, line {line}), op 'dense_{counter}/MatMul' [Op:A_{counter}]\n"
        )

    assert told(address, line, name, counter) == told(0x7F0000000000, 1, "abcdefgh", 7)


HOSTILE = (
    *(
        "[",
        "(1, ",
        "a/",
        "/a",
        "a.",
        "a_1/",
        "1:",
        "'{{node ",
        "[[{{node ",
        "0x7f",
        " ",
        "\n",
        "\x1b[",
    ),
    *("in user code:\n", "Graph execution error:\n", TRACEBACK, "  (0) ", "A.<locals>."),
    *('  File "x", line 3\n', "Detected at node x (most recent call last):\n"),
    "  + Exception Group Traceback (most recent call last):\n",
    "ValueError: in user code:\n\n    ValueError: x\n",
    *("{", "{a, ", "}", "0.5 ", "[0.5, ", "version ", "FAILED x.py::t[", "::a", "1 failed "),
    *("FAIL: a (b)\n", "FAIL: a (", "=" * 70 + "\n", "____ a ____\n", "E   A: b\n", "FAILED\n"),
    "Ran 1 test in 0s\n\nFAILED (failures=1)\n",
    "'x' could not be deserialized properly.",
)


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("head", ["", raised("ValueError: "), TRACEBACK + "ValueError: "])
def test_hostile_output_is_read_without_delay(piece: str, head: str) -> None:
    """With catastrophic backtracking this would not end, but run into the tests' time limit."""
    stderr = head + piece * (MOST // 8 // len(piece))
    assert exit_signature(1, stderr)
    assert exit_signature(1, "", stderr)
    assert exit_signature(1, "", f"{stderr}\nRan 1 test in 0s\n\nFAILED (f\n== 1 failed in 1s ==\n")
    assert crash_signature(6, stderr)


def test_only_the_tail_is_read() -> None:
    end = raised("ValueError: x")
    assert exception_signature(end + "\n" * MOST) is None
    assert exception_signature(raised("KeyError: 1") + "z\n" * MOST + end) == "ValueError: x"


LINES = st.sampled_from(
    [
        *(kind.example for kind in NOISE),
        *("/a/x.py:3: FutureWarning: old", "  np.x()", "Instructions for updating:", "Use y."),
        *(
            "",
            "\t",
            '  File "x.py", line 3',
            "    go()",
            "ValueError: no",
            "plain",
            "\x1b[1mx\x1b[0m",
        ),
    ]
)


@given(st.lists(LINES).map("\n".join))
def test_what_is_told_fast_is_what_each_rule_says(text: str) -> None:
    kept, second = [], re.compile("(?!)")
    for line in text.split("\n"):
        follows = next((b for a, b in noise._TWO_LINES if a.match(line)), None)
        noisy = any(kind.line.match(line) for kind in NOISE)
        if follows is None and not second.match(line) and not noisy:
            kept.append(line)
        second = follows or re.compile("(?!)")
    assert noise.without_noise(text) == kept


@given(st.text() | st.lists(LINES).map("\n".join))
def test_a_text_is_clean_whether_or_not_that_was_told_fast(text: str) -> None:
    alone = noise.clean(text)
    assert noise.clean("\x7f" + text) == alone
    assert noise.clean(alone) == alone
