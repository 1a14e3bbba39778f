"""Finds the Python scripts in Markdown, as people paste them into issues. Pure.

A real Markdown parser finds the blocks, so fences in lists and quotes, with tildes, or without an
end are read as GitHub reads them. This module decides which blocks are Python, because labels are
not reliable: an issue form of TensorFlow labels the reproduction `shell`, and many people set no
label.
"""

from __future__ import annotations

import ast
import functools
import html
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Optional

from attrs import evolve, frozen

from runner.github.fences import with_fences
from runner.scripts import ipython
from runner.scripts.pip_install import Installed, find_installed

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

PYTHON = frozenset({"py", "py3", "pycon", "python", "python2", "python3", "ipython", "ipython3"})
MOST = 65_536
"""The longest block, in characters, that is tested for Python; it is GitHub's limit."""

_LONGEST_COMMAND = 1000

_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#39|#x27);")
_FILE = re.compile(r"(?<![\w./-])([A-Za-z_]\w*\.py)(?![\w.])")
_TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\):\s*$", re.M)
_TENSORFLOW = re.compile(r"^[ \t]*(?:import|from)[ \t]+(?:tensorflow|keras|tf_keras)\b", re.M)


@frozen(kw_only=True)
class Block:
    """One script of a Markdown text."""

    source: str
    label: str
    """The label of the fence; it is often missing or wrong."""
    line: int
    """The line of the Markdown on which the block starts; the first line is 1."""
    name: str = ""
    """The file name that the issue gives, such as `model.py`; a notebook always has one."""

    place: str = ""
    """The part of the issue, such as `comment 3`; empty for the description."""

    @property
    def is_notebook(self) -> bool:
        return self.name.endswith(".ipynb")


def script_blocks(markdown: str, place: str = "") -> tuple[Block, ...]:
    """The Python blocks in `markdown`, in order: labelled as Python, or valid Python that imports
    TensorFlow or Keras. A traceback is never one.

    `place` names the text if an issue has several. Never raises, for any text.
    """
    text, origins = with_fences(_readable(markdown))
    lines = text.split("\n")
    found = (_block(*code, lines=lines) for code in _code(text))
    return tuple(
        evolve(block, line=origins[min(block.line, len(origins)) - 1], place=place)
        for block in found
        if block is not None
    )


def shell_installs(markdown: str) -> Installed:
    """What the commands in the other blocks install with pip: `$ pip install pandas==1.3`."""
    text, _ = with_fences(_readable(markdown))
    blocks = (content for info, content, line in _code(text) if _block(info, content, line) is None)
    lines = (line.strip().lstrip("$!%> ") for content in blocks for line in content.split("\n"))
    commands = (line for line in lines if "pip" in line and len(line) <= _LONGEST_COMMAND)
    return sum(filter(None, map(find_installed, commands)), Installed())


def hidden_comments(markdown: str) -> tuple[str, ...]:
    """The HTML comments in `markdown` that are blocks of their own; GitHub does not show them."""
    text = markdown.encode("utf-8", "replace").decode("utf-8")
    tokens = _parser(False).parse(text)
    found = (token.content.strip() for token in tokens if token.type == "html_block")
    return tuple(one for one in found if one.startswith("<!--"))


def _readable(markdown: str) -> str:
    text = markdown.encode("utf-8", "replace").decode("utf-8")
    return html.unescape(text) if _is_escaped(text) else text


def _is_escaped(text: str) -> bool:
    """Whether it is the saved source of a web page: it has entities, but
    none of the characters that they stand for."""
    return bool(_ENTITY.search(text)) and "<" not in text and ">" not in text


def _code(text: str, *, inside_html: bool = False) -> Iterator[tuple[str, str, int]]:
    """The label, the content and the first line of each piece of code."""
    for token in _parser(inside_html).parse(text):
        line = token.map[0] + 1 if token.map else 1
        if token.type in ("fence", "code_block"):
            yield token.info, token.content, line
        elif token.type == "html_block" and not token.content.lstrip().startswith("<!--"):
            # GitHub shows a fence right below `<details>` as text, but it was meant as code.
            inner = _code(token.content, inside_html=True)
            yield from ((info, content, line + below - 1) for info, content, below in inner)


@functools.cache
def _parser(inside_html: bool) -> MarkdownIt:
    from markdown_it import (
        MarkdownIt,
    )  # its import takes 0.1 s, which other commands need not spend

    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])
    # The parser needs quadratic time for many link definitions in a row, and they contain no code.
    return parser.disable(["reference", "html_block"] if inside_html else "reference")


def _block(info: str, content: str, line: int, lines: Sequence[str] = ()) -> Optional[Block]:
    label = re.split(r"[\s,{}.]+", info.strip(" {.}"))[0]
    source = _as_script(content)
    wanted = label.lower() in PYTHON or (parses(source) and _TENSORFLOW.search(source))
    if not wanted or not source.strip() or _TRACEBACK.match(source):
        return None
    above = [each for each in lines[max(0, line - 3) : line - 1] if each.strip()]
    named = _name(info, source, above[-1] if above else "")
    return Block(source=source.rstrip() + "\n", label=label, line=line, name=named)


def _name(info: str, source: str, above: str) -> str:
    """The file name of a block: from its fence, its first line, or the line above it."""
    first = source.lstrip().partition("\n")[0]
    for text in (info, first if first.startswith("#") else "", above):
        names = _FILE.findall(text)
        if len(names) == 1:
            return str(names[0])
    return ""


def as_python(source: str) -> str:
    """A block without the lines that only IPython understands."""
    return ipython.plain(source).text


def _as_script(content: str) -> str:
    """The first form of a block that is valid Python; else the block unchanged."""
    plain = content.replace("\r\n", "\n")
    readings = (plain, textwrap.dedent(plain), textwrap.dedent(html.unescape(plain)))
    scripts = [_without_prompts(reading) for reading in readings]
    return next((script for script in scripts if parses(script)), scripts[0])


def _without_prompts(text: str) -> str:
    """The input of a session (lines with `>>>` and `...`), without its output."""
    if not text.lstrip().startswith(">>>"):
        return text
    typed, continues = [], False
    for line in text.split("\n"):
        found = re.match(r"[ \t]*(>>>|\.\.\.)(?: |$)(.*)", line)
        continues = found is not None and (found[1] == ">>>" or continues)
        if found and continues:
            typed.append(found[2])
    return "\n".join(typed) + "\n"


def parses(source: str) -> bool:
    """Whether this Python can parse the text; a script for an older Python may fail here."""
    if len(source) > MOST:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(as_python(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
