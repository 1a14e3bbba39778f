"""Finds whether a script may run in a process that has already imported TensorFlow.

Such a process has run the script's prologue: its lines through its import of TensorFlow. A child of
it goes on with the next line. It equals a fresh process only if the prologue does the same in each
run, and if the script does not look at what differs. In any doubt the answer is a reason, and the
script gets a fresh process.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Collection, Sequence
from typing import Optional, Union

from runner.cells import prologues
from runner.cells.prologues import NO_IMPORT, imported, shown

# Modules whose import changes nothing that TensorFlow or a script can notice. TensorFlow itself
# imports most of them.
_HARMLESS = """
    __future__ abc argparse ast base64 bisect collections concurrent contextlib copy csv ctypes
    dataclasses datetime decimal difflib enum errno fractions functools gc getpass glob gzip
    hashlib heapq importlib inspect io itertools json logging math multiprocessing numbers numpy
    operator os pathlib pickle platform pprint queue random re shutil signal socket statistics
    string struct subprocess sys tempfile textwrap threading time timeit traceback types typing
    unittest uuid warnings weakref zipfile zlib
"""
# Facts about its own process that a script may read, and that differ in a forked child.
_SELF_KNOWLEDGE = """
    CLOCK_PROCESS_CPUTIME_ID CLOCK_THREAD_CPUTIME_ID RecursionError StackSummary _getframe clock
    cmdline cpu_times currentframe excepthook extract_stack f_back format_stack freeze
    get_freeze_count get_objects get_referrers getouterframes getrecursionlimit getrlimit getrusage
    guppy memory_full_info memory_info objgraph orig_argv print_stack prlimit process_time
    process_time_ns pympler ru_maxrss set_debug setitimer setrecursionlimit setrlimit stack_info
    thread_time thread_time_ns tracemalloc unfreeze walk_stack
"""
# Modules that the agent has already imported, so that a module of the same name in the script's
# folder would be ignored. tests/engines/test_agent_alone.py compares this with each Python.
_OF_THE_AGENT = """
    abc array atexit binascii bisect bz2 codecs collections contextlib copyreg ctypes encodings enum
    errno fnmatch functools gc genericpath heapq importlib io ipaddress itertools json keyword
    linecache lzma marshal math ntpath operator os pathlib posix posixpath random re reprlib
    resource select selectors shutil signal site socket sre_compile sre_constants sre_parse stat
    struct sys sysconfig tempfile threading time token tokenize traceback types typing urllib
    warnings weakref zipfile zipimport zlib
"""
MOST = 1 << 20
"""The longest script, in characters, that is examined."""

HARMLESS = frozenset(_HARMLESS.split())
SELF_KNOWLEDGE = frozenset(_SELF_KNOWLEDGE.split())
OF_THE_AGENT = frozenset(_OF_THE_AGENT.split())


def forkable(source: str, siblings: Collection[str] = ()) -> Optional[str]:
    """Why `source` may not run in a fork after an import of TensorFlow; None if it may.

    `siblings` are the names of the modules beside it, which replace installed ones of the same
    name. The script's environment variables do not matter: the process that imports TensorFlow is
    started with them too.
    """
    tree = _parsed(source)
    if isinstance(tree, str):
        return tree
    late = OF_THE_AGENT.intersection(siblings)
    if late:
        return f"{min(late)} beside it has the name of a module that the agent needs"
    end = prologues.last_statement(tree, HARMLESS, siblings)
    return _told_of_itself(tree) or (end if isinstance(end, str) else None)


def prologue(source: str, siblings: Collection[str] = ()) -> str:
    """The beginning of `source` that the importing process must run; "" if it need not run any: if
    these lines change nothing, an import of TensorFlow alone serves any script. "" too if `source`
    is not forkable.
    """
    tree = _parsed(source)
    if isinstance(tree, str) or forkable(source, siblings):
        return ""
    if _before_import(tree, HARMLESS, frozenset(siblings)) is None:
        return ""
    end = prologues.last_statement(tree, HARMLESS, siblings)
    return "" if isinstance(end, str) else prologues.text_until(source, end)


def forkable_tests(sources: Sequence[str], siblings: Collection[str] = ()) -> Optional[str]:
    """Why the files that pytest imports before a test runs may not run in a fork, in order of
    import.

    As `forkable`; pytest itself does not matter.
    """
    late = OF_THE_AGENT.intersection(siblings)
    if late:
        return f"{min(late)} beside it has the name of a module that the agent needs"
    reason: Optional[str] = "it has no file"
    for source in sources:
        tree = _parsed(source)
        if isinstance(tree, str):
            return tree
        reason = _before_import(tree, HARMLESS | {"pytest"}, frozenset(siblings))
        if reason != NO_IMPORT:
            return reason
    return reason


def looks_at_itself(source: str) -> Optional[str]:
    """Why a script that uses a module with this `source` may not be forked; None if it may."""
    tree = _parsed(source)
    return tree if isinstance(tree, str) else _told_of_itself(tree)


def imported_anywhere(source: str) -> frozenset[str]:
    """The top-level names that `source` imports anywhere, relative imports included."""
    tree = _parsed(source)
    names: set[str] = set()
    for node in ast.walk(tree) if isinstance(tree, ast.Module) else ():
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(imported(node))
        if isinstance(node, ast.ImportFrom) and node.level:
            names.update((node.module or "").split(".")[:1], (one.name for one in node.names))
    return frozenset(names)


@functools.lru_cache(maxsize=8)
def _parsed(source: str) -> Union[ast.Module, str]:
    """The syntax tree of a script, or the reason why there is
    none. Cached, because it is used often."""
    if len(source) > MOST:
        return "it is too long to be examined"
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "it is not Python that this tool can read"


def _told_of_itself(tree: ast.Module) -> Optional[str]:
    try:
        for node in ast.walk(tree):
            names = [getattr(node, "attr", ""), getattr(node, "id", ""), getattr(node, "name", "")]
            found = SELF_KNOWLEDGE.intersection(name for name in names if isinstance(name, str))
            if found:
                return f"it uses {min(found)}"
            whole = shown(node) if isinstance(node, ast.Attribute) else ""
            if whole in ("os.times", "inspect.stack"):
                return f"it uses {whole}"
            if isinstance(node, ast.ImportFrom) and node.module == "inspect":
                return "it imports from inspect"
            value = node.value if isinstance(node, ast.Constant) else None
            if isinstance(value, str) and "/proc/" in value:
                return "it looks into /proc"
    except RecursionError:
        return "it is nested too deeply"
    return None


def _before_import(
    tree: ast.Module, harmless: frozenset[str], siblings: frozenset[str]
) -> Optional[str]:
    """Why the file may not run from its first line after an import of TensorFlow; None if it may.

    Pytest's files always do."""
    of_tests = "pytest" in harmless
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            for name in imported(statement):
                if name == "tensorflow" and name not in siblings:
                    return None
                if name not in harmless or name in siblings:
                    return prologues.first_import(statement, name)
        elif not (prologues.does_nothing(statement) or (of_tests and _is_for_pytest(statement))):
            return prologues.first_deed(statement)
    return NO_IMPORT


def _is_for_pytest(statement: ast.stmt) -> bool:
    """Whether it is a function that only pytest decorates: a fixture, a hook, a marked test."""
    if not isinstance(statement, ast.FunctionDef):
        return False
    decorators = [
        each.func if isinstance(each, ast.Call) else each for each in statement.decorator_list
    ]
    statement = copy.copy(statement)
    statement.decorator_list = []
    for_pytest = all(shown(each).startswith("pytest.") for each in decorators)
    return for_pytest and prologues.only_defines(statement)
