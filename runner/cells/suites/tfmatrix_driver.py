"""Runs pytest in a cell, and tells what came of each test in lines `::test JSON`.

A copy of this file lies in the cell beside the project: `python tfmatrix_driver.py ARGUMENTS`. The
arguments are pytest's own, but for one that names the tests which need not run again. Standard
library and pytest alone, Python 3.6 to 3.13, pytest 3.5 to 9; nothing of tfmatrix is there. It
judges nothing: that is `runner.cells.suites`.
"""

import base64
import inspect
import json
import os
import sys
import traceback
import zlib
from pathlib import Path
from typing import Any, Dict, List, Optional, Set, Tuple

import pytest

DONE = "--tfmatrix-done="
LINE = 60000  # bytes of one line
EXCEPTION, PRINTED = 12000, 8000  # characters kept
MARK = "::observe "
HEAD = "Traceback (most recent call last):\n"
STRICT = "[XPASS(strict)]"
LEFT_OUT = "the project's conftest.py leaves this file out"
PYTEST = tuple(map(int, pytest.__version__.split(".")[:2]))


class Teller:
    """A plugin. The lines go to where standard output went before pytest captured it."""

    def __init__(self, done: Set[str]) -> None:
        self._done = done
        self._out = os.dup(1)
        self._facts: Dict[str, Any] = {}  # of the test under way
        self._test = ""  # under way; "" between tests
        self._collecting = ""
        self._reported = False  # by this process, not by one that a plugin started for the test
        self.interrupted = False  # in the middle of a test: others may be left

    def tell(self, facts: Dict[str, Any]) -> None:
        line = json.dumps(facts)
        for name in ("printed", "more", "text") * 5:
            if len(line) > LINE and facts.get(name):
                facts[name] = cut(facts[name], len(facts[name]) // 4)
                line = json.dumps(facts)
        # Pytest's own line may not be at its end.
        data = ("\n::test %s\n" % line).encode("ascii")
        while data:
            data = data[os.write(self._out, data) :]

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: Any) -> None:
        """A file has one process: pytest-xdist would report the tests of its own processes."""
        if hasattr(config.option, "numprocesses"):
            config.option.numprocesses, config.option.dist, config.option.tx = None, "no", []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: Any) -> Optional[bool]:
        """pytest runs a file that it is told to run, even if the project leaves it out."""
        files = {argument.partition("::")[0] for argument in session.config.args}
        left_out = [file for file in files if is_left_out(session, os.path.join(HERE, file))]
        for file in left_out:
            self.tell({"collected": file, "ended": "skipped", "text": LEFT_OUT})
        session.items = []
        return True if left_out else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: Any, items: List[Any]) -> None:
        done = [item for item in items if name_of(item.nodeid) in self._done]
        if done:
            config.hook.pytest_deselected(items=done)
            items[:] = [item for item in items if name_of(item.nodeid) not in self._done]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector: Any) -> Any:
        self._collecting = name_of(collector.nodeid)
        outcome = yield
        report = outcome.get_result()
        if report.failed or report.skipped:
            call = getattr(report, "call", None)
            text = reason(report) if report.skipped else exception(report, call)
            ended = "skipped" if report.skipped else "error"
            self.tell({"collected": name_of(report.nodeid), "ended": ended, "text": text})

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._facts = {"ended": "passed", "seconds": 0.0}
        self._test, self._reported = name_of(nodeid), False
        self.tell({"start": self._test})

    def pytest_pyfunc_call(self, pyfuncitem: Any) -> None:
        """Before pytest 4.4, a coroutine function passes although nothing of it runs."""
        if PYTEST < (4, 4) and inspect.iscoroutinefunction(pyfuncitem.obj):
            pytest.skip("async def function and no async plugin installed")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, call: Any) -> Any:
        outcome = yield
        self._reported = True
        if call.when == "setup":  # a plugin may run a test that failed once more
            self._facts = {"ended": "passed", "seconds": 0.0}
        self._take(outcome.get_result(), call)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """pytest-forked makes the reports in another process."""
        if not self._reported:
            self._take(report, None)

    def _take(self, report: Any, call: Any) -> None:
        facts = self._facts
        facts["seconds"] = facts.get("seconds", 0.0) + getattr(report, "duration", 0.0)
        printed = [text for name, text in report.sections if "Captured std" in name]
        facts["printed"] = cut("\n".join(printed), PRINTED)
        facts["observed"] = observed(report.sections)
        if facts.get("ended", "passed") in ("passed", "xpassed"):
            facts.update(came_of(report, call))

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._test = ""
        self.tell(dict(self._facts, end=name_of(nodeid)))

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        """A test, or the file, ended the session: `pytest.exit`, KeyboardInterrupt."""
        text = formatted(excinfo.value)
        if self._test:
            self.interrupted = True
            self.tell(dict(self._facts, end=self._test, ended="failed", text=text))
        elif type(excinfo.value).__name__ != "Interrupted":  # by pytest: an error in the file
            self.tell({"collected": self._collecting, "ended": "error", "text": text})

    def pytest_internalerror(self, excinfo: Any) -> None:
        """A hook of the project's conftest.py raised; pytest's own failures are told by it."""
        if is_projects(excinfo.value):
            self.tell({"collected": "", "ended": "error", "text": formatted(excinfo.value)})


def is_left_out(session: Any, file: str) -> bool:
    """Whether `collect_ignore` or a hook of a conftest.py leaves a file out."""
    hook, config = session.config.hook, session.config
    if PYTEST < (7, 0):
        path = type(session.fspath)(file)
        return bool(hook.pytest_ignore_collect(path=path, config=config))
    return bool(hook.pytest_ignore_collect(collection_path=Path(file), config=config))


def name_of(nodeid: str) -> str:
    """Before pytest 4.4 a class and its instance were two nodes: `TestA::()::test_b`."""
    return nodeid.replace("::()::", "::")


def came_of(report: Any, call: Any) -> Dict[str, Any]:
    """What a report says of its test, in pytest's words."""
    expected = getattr(report, "wasxfail", None)
    if report.failed:
        ended = "failed" if report.when == "call" else "error"
        text, more = explained(exception(report, call))
        return {"ended": ended, "when": report.when, "text": text, "more": more}
    if report.skipped and expected is None:
        return {"ended": "skipped", "text": reason(report)}
    if expected is not None:
        return {"ended": "xfailed" if report.skipped else "xpassed", "text": expected}
    return {}


def explained(text: str) -> Tuple[str, str]:
    """What pytest tells of an assertion below its first line shows values as each release writes
    them: it is no part of what happened."""
    start, name, message = text.rpartition("\nAssertionError: ")
    first, _, more = message.partition("\n")
    return (start + name + first, more) if name else (text, "")


def reason(report: Any) -> str:
    """Why something was skipped."""
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return cut(told[9:] if told.startswith("Skipped: ") else told, EXCEPTION)


def exception(report: Any, call: Any) -> str:
    """As Python prints it, without pytest's own frames above the test."""
    error = None if call is None or call.excinfo is None else cause(call.excinfo.value)
    name = type(error).__name__
    if error is None or name == "CollectError":
        return from_pytests_words(str(report.longrepr))
    if name == "Failed" and str(error).startswith(STRICT):
        return from_pytests_words(str(error))
    if name == "DocTestFailure":
        texts = error.example.source, error.example.want, error.got
        example, want, got = (" ".join(text.split()) or "nothing" for text in texts)
        return HEAD + "DocTestFailure: %s: expected %s, got %s" % (example, want, got)
    if name == "FixtureLookupError":
        return HEAD + "FixtureLookupError: fixture '%s' not found" % getattr(error, "argname", "")
    return formatted(error)


def cause(error: Any) -> Any:
    """The exception that pytest or doctest has wrapped."""
    name = type(error).__name__
    if name == "CollectError":  # importing the module failed
        return error.__cause__ or error.__context__ or error
    if name == "MultipleDoctestFailures":
        return cause(error.failures[0])
    return error.exc_info[1] if name == "UnexpectedException" else error


def formatted(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and is_pytests(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace or error.__traceback__)
    return cut("".join(lines), EXCEPTION)


def is_projects(error: BaseException) -> bool:
    """Whether a frame of the exception is in the project's own code."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return any(file != __file__ and file.startswith(HERE + os.sep) for file in files)


def from_pytests_words(text: str) -> str:
    if text.startswith(STRICT):
        return HEAD + "UnexpectedPass: " + text[len(STRICT) :].strip()
    said = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    words = "\n".join(said) or text
    if words.startswith("assert "):
        words = "AssertionError: " + words
    elif words == "Unexpected success":  # of unittest; newer releases of pytest raise it
        words = "Failed: " + words
    return HEAD + cut(words, EXCEPTION)


HERE = os.getcwd()  # before a test changes it
OURS = ["/%s/" % name for name in ("_pytest", "pluggy", "py", "importlib", "unittest")]
OURS.append("/doctest.py")


def is_pytests(file: str) -> bool:
    return file == __file__ or file.startswith("<frozen ") or any(one in file for one in OURS)


def observed(sections: Any) -> Dict[str, Any]:
    """The values in `::observe NAME=JSON` lines that a test printed."""
    values: Dict[str, Any] = {}
    for name, text in sections:
        for line in text.splitlines() if "stdout" in name else ():
            if line.startswith(MARK) and "=" in line:
                key, _, value = line[len(MARK) :].partition("=")
                try:
                    values[key.strip()[:200]] = json.loads(value)
                except ValueError:
                    pass
    return values if len(json.dumps(values)) < LINE // 4 else {}


def cut(text: str, most: int) -> str:
    """Its end, which is what Python and people look at, and a little of its beginning."""
    if len(text) <= most:
        return text
    return text[: most // 5] + "\n…\n" + text[-(most - most // 5) :]


def done_of(arguments: List[str]) -> Set[str]:
    """The tests that need not run again."""
    told = [one[len(DONE) :] for one in arguments if one.startswith(DONE)]
    names: Set[str] = set()
    for text in told:
        names.update(json.loads(zlib.decompress(base64.b64decode(text)).decode("ascii")))
    return names


def main() -> int:
    arguments = [one for one in sys.argv[1:] if not one.startswith(DONE)]
    teller = Teller(done_of(sys.argv[1:]))
    sys.argv[:] = ["pytest", *arguments]
    if os.path.isdir("src"):  # as if the project were installed in place
        sys.path.insert(1, os.path.abspath("src"))
    cache = os.path.join(os.environ.get("TMPDIR", "/tmp"), ".pytest_cache")
    # What libraries say on their way down must not be lost in what pytest has captured.
    before = ["--capture=sys", "-o", "cache_dir=" + cache]
    code = pytest.main(before + arguments, plugins=[teller])
    if not teller.interrupted:
        teller.tell({"done": int(code)})
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
