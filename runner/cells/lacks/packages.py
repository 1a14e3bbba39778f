"""Finds a package that environments have only on request."""

from __future__ import annotations

import functools
import re
from typing import Optional

from runner.cells.lacks import data
from runner.cells.signature import Raised
from runner.model import package_name

_KINDS = ("ModuleNotFoundError", "ImportError")
_MISSING = re.compile(r"No module named '?([\w.]+)'?(?:; .*)?$")
_PLUGIN = re.compile(r'^Error importing plugin "[\w.]+": ')
"""What pytest puts before the text of an exception, for a plugin of `-p` or `pytest_plugins`."""
_FIXTURE = re.compile(r"fixture '([\w.-]+)' not found")
_ASYNC = re.compile(
    r"async def functions are not natively|(async def|coroutine) function and no async"
)
"""What pytest says of a coroutine function if no plugin can run it."""
_LIBRARY = re.compile(r"(lib[\w+-]+\.so[.\d]*): cannot open shared object file")


def find_need(raised: Raised) -> Optional[str]:
    """The package, with the option that adds it. A missing module of TensorFlow itself is
    evidence."""
    line = raised.message.split("\n", 1)[0]
    fixture = _FIXTURE.match(line) if raised.kind == "FixtureLookupError" else None
    if fixture:
        return _of_fixture(fixture[1])
    if raised.kind == "Failed" and _ASYNC.match(line):
        return "needs a plugin of pytest for async tests: --with pytest-asyncio"
    if raised.kind not in _KINDS:
        return None
    missing = _MISSING.match(_PLUGIN.sub("", line))
    if missing:
        return _of_module(missing[1], raised.source)
    library = _LIBRARY.match(line)
    if library and not data.through_tensorflow(raised.files[-1:]):
        return f"needs {library[1]}, a system library that is not in the environments"
    return _refused(raised.message) or _asked_for(raised.message)


def _refused(message: str) -> Optional[str]:
    """A package that refuses to be imported because it was made for another TensorFlow."""
    text = " ".join(message.split())
    for pattern in data.patterns("packages", "refuses"):
        found = pattern.search(text)
        if found:
            package = package_name(found[1].replace(" ", "-"))
            return f"needs another version of {package}: this one wants TensorFlow {found[2]}"
    return None


def _of_fixture(name: str) -> str:
    """The plugin of pytest that provides a fixture which the project does not define."""
    package = data.table("packages")["fixtures"].get(name)
    if package is not None:
        return _with(package)
    return f"needs the fixture {name}: name the package that brings it: --with NAME"


_IMPORTED = re.compile(r"(?:from ([\w.]+) import (\w+)|import ([\w.]+))")


def _of_module(module: str, source: str = "") -> Optional[str]:
    """`source`: the line that imports it, which may name a part of it that a package brings."""
    top = module.partition(".")[0]
    found = _IMPORTED.match(source)
    whole = (found[3] or f"{found[1]}.{found[2]}") if found else module
    package = (_package(whole) if whole.startswith(f"{module}.") else None) or _package(module)
    if package is not None:
        return _with(package)
    standard = module in data.table("library")["modules"]
    if "." in module or standard or top in data.table("packages")["own"]:
        return None
    if module in _same_name():
        return _with(module.replace("_", "-"))
    return f"needs the module {module}: put it beside the script, or name its package: --with NAME"


def package_of(module: str) -> Optional[str]:
    """The package that contains a module, if known."""
    top = module.partition(".")[0]
    named = _package(module) or _package(top)
    return named or (top.replace("_", "-") if top in _same_name() else None)


def _asked_for(message: str) -> Optional[str]:
    """A package that a library asks for in its own message."""
    text = " ".join(message.split())
    own = {package_name(module) for module in data.table("packages")["own"]}
    for pattern in data.patterns("packages", "asks"):
        found = pattern.search(text)
        if found and package_name(found[1]) not in own:
            return _with(_package(found[1]) or found[1])
    return None


def find_need_in(said: str) -> Optional[str]:
    """A package of which a program says that it is to be installed."""
    known = {package_name(name) for name in data.table("packages")["packages"].values()}
    known |= {package_name(name) for name in (*_same_name(), "opencv-python")}
    for name in _INSTALL.findall(said):
        package = _package(name) or name
        if package_name(package) in known:
            return _with(package)
    return None


_INSTALL = re.compile(
    r"\b[Ii]nstall (?:the )?(?:package |module |library )?[`'\"]?([A-Za-z][\w.-]*\w)"
)


def _package(module: str) -> Optional[str]:
    """The package that contains a module; for a dotted name, by its longest known part."""
    known: dict[str, str] = data.table("packages")["packages"]
    parts = module.split(".")
    names = (".".join(parts[:size]) for size in range(len(parts), 0, -1))
    if "." in module and parts[0] in known and module not in known:
        return None  # its package is installed, but lacks this part
    return next((known[name] for name in names if name in known), None)


@functools.cache
def _same_name() -> frozenset[str]:
    return frozenset(data.table("packages")["same_name"].split())


def _with(package: str) -> str:
    return f"needs {package}, which is not in the environments: --with {package}"
