"""Turns the lines that only IPython understands into plain Python, line by line. Pure.

A command for a shell or a notebook becomes a comment in the same place, so that lines keep their
numbers. Magics such as `%time` are removed from the statement that they measure.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence
from typing import Optional

from attrs import define, field, frozen

from runner.scripts.pip_install import Installed, find_installed
from runner.scripts.statements import Statements

ASIDE = "# set aside: "
MEASURING = frozenset(["time", "timeit", "prun", "capture", "memit", "mprun", "lprun"])
"""Magics that measure Python code; the code runs without them."""
_MAYBE = re.compile(
    r"^[ \t]*[!%?]|get_ipython|^[ \t]*[\w., \t]+=[ \t]*[!%]|\?[ \t]*$", re.MULTILINE
)
_ASSIGNED = re.compile(r"([\w., \t]+?)[ \t]*=[ \t]*([!%].*)")
_HELP = re.compile(r"\?{1,2}[\w.]+$|[A-Za-z_][\w.]*\?{1,2}$")
_MAGIC = re.compile(r"(%{1,2})([A-Za-z_]\w*)[ \t]*(.*)", re.DOTALL)
_OPTIONS = re.compile(r"(?:-[nrplsTD]\s*\S+\s+|-[a-zA-Z]\s+|--\S+\s+)*")
_VARIABLE = re.compile(r"([A-Za-z_]\w*)(?:=|\s+)(.+)")


@frozen
class Plain:
    """A text without the parts that only IPython understands."""

    text: str
    aside: tuple[str, ...] = ()
    """The lines that were set aside, unchanged."""
    installed: Installed = field(factory=Installed)


def plain(text: str) -> Plain:
    """`text` as plain Python; unchanged if nothing in it is for IPython."""
    if not _MAYBE.search(text) or (_parses(text) and "get_ipython" not in text):
        return Plain(text)
    return plain_cell(text)


def plain_cell(text: str) -> Plain:
    """The text of one cell as plain Python. `%%bash` on its first line is about the whole cell."""
    reading = _Reading()
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    magic = _MAGIC.match(lines[first].strip())
    if magic and magic[1] == "%%" and magic[2] not in MEASURING:
        return _foreign_cell(lines, first, magic)
    reading.read(lines)
    return reading.plain


def _foreign_cell(lines: Sequence[str], first: int, magic: re.Match[str]) -> Plain:
    """A cell in another language, as comments; `%%writefile` becomes a statement that writes."""
    said = [f"{ASIDE}{line}".rstrip() for line in lines]
    body = "\n".join(lines[first + 1 :])
    if magic[2] in ("writefile", "file") and magic[3].strip():
        appends, name = _file(magic[3])
        said[first] = f"open({name!r}, {'a' if appends else 'w'!r}).write({body!r})"
        return Plain("\n".join(said))
    aside = (lines[first].strip(),)
    commands = [line.strip() for line in lines[first + 1 :]] if magic[2] in ("bash", "sh") else []
    return Plain("\n".join(said), aside, _all_installed(commands))


def _file(words: str) -> tuple[bool, str]:
    """Whether `%%writefile` appends, and to which file."""
    parts = words.split()
    return any(part in ("-a", "--append") for part in parts), parts[-1].strip("'\"")


def _all_installed(commands: Sequence[str]) -> Installed:
    return sum(filter(None, map(find_installed, commands)), Installed())


@define
class _Reading:
    """The lines read so far, and their translations."""

    _done: list[str] = field(factory=list)
    _aside: list[str] = field(factory=list)
    _installed: Installed = field(factory=Installed)
    _statements: Statements = field(factory=Statements)

    @property
    def plain(self) -> Plain:
        return Plain("\n".join(self._done), tuple(self._aside), self._installed)

    def read(self, lines: Sequence[str]) -> None:
        shell = ""
        for line in lines:
            if shell:  # a continued command
                self._done.append(f"{ASIDE}{line.strip()}".rstrip())
                shell += f" {line.strip()}"
            elif self._statements.at_start and line.lstrip().startswith("!"):
                shell = line.strip()
                self._done.append(_commented(line))
            else:
                self._done.append(self._line(line))
            if shell and not shell.endswith("\\"):
                self._command(shell)
                shell = ""
            shell = shell[:-1].rstrip() if shell else ""
        if shell:
            self._command(shell)

    def _line(self, line: str) -> str:
        if not self._statements.at_start:
            self._statements.read(line)
            return line
        indent = line[: len(line) - len(line.lstrip())]
        stripped = (_of_get_ipython(line) or line).strip()
        assigned = _ASSIGNED.match(stripped)
        if stripped.startswith("!"):
            self._command(stripped)
        elif _MAGIC.match(stripped):
            return self._magic(line, stripped)
        elif _HELP.match(stripped):
            self._aside.append(stripped)
        elif assigned:
            self._command(assigned[2])
            return f"{indent}{assigned[1]} = []  {ASIDE}{assigned[2]}"
        else:
            self._statements.read(line)
            return line
        return _commented(line)

    def _magic(self, line: str, stripped: str) -> str:
        found = _MAGIC.match(stripped)
        assert found
        sign, name, rest = found[1], found[2], found[3]
        indent = line[: len(line) - len(line.lstrip())]
        if name in MEASURING:
            code = rest.partition("\n")[2] if sign == "%%" else _OPTIONS.sub("", rest, count=1)
            self._statements.read(code)
            return textwrap.indent(code, indent) if code.strip() else _commented(line)
        if sign == "%%" and "\n" in stripped:
            cell = _foreign_cell(stripped.split("\n"), 0, found)
            self._aside += cell.aside
            self._installed += cell.installed
            return indent + cell.text.partition("\n")[0]
        variable = _VARIABLE.match(rest) if name in ("env", "set_env") else None
        if variable:
            return f'{indent}__import__("os").environ[{variable[1]!r}] = {variable[2].strip()!r}'
        self._command(f"!{name} {rest}" if name == "pip" else stripped, stripped)
        return _commented(line)

    def _command(self, command: str, shown: str = "") -> None:
        self._aside.append(shown or command)
        self._installed += find_installed(command.lstrip("!")) or Installed()


def _commented(line: str) -> str:
    """The line as a comment. In a block it gets a `pass`: it may be the block's only line."""
    indent = line[: len(line) - len(line.lstrip())]
    return f"{indent}pass  {ASIDE}{line.strip()}" if indent else f"{ASIDE}{line.strip()}"


_CALLS = {"system": "!{}", "getoutput": "!{}", "magic": "%{}", "run_line_magic": "%{} {}"}


def _of_get_ipython(line: str) -> Optional[str]:
    """The original line, if nbconvert turned it into a call: `get_ipython().system('…')`."""
    if "get_ipython" not in line:
        return None
    try:
        (statement,) = ast.parse(line.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    call = getattr(statement, "value", None)
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
        return None
    said = _said(call.func.attr, [getattr(each, "value", None) for each in call.args])
    if said and isinstance(statement, ast.Assign):
        return f"{ast.unparse(statement.targets[0])} = {said}"
    return said


def _said(method: str, words: Sequence[object]) -> Optional[str]:
    if not words or not all(isinstance(word, str) for word in words):
        return None
    if method == "run_cell_magic":
        return "%%{} {}\n{}".format(*(*words, "", "")[:3])
    form = _CALLS.get(method)
    return form and form.format(*words, "").strip()


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
