"""Finds the scripts in an issue, a gist, a link or a file, and the failure that it reports."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from attrs import frozen

from runner.cells.signature import reported
from runner.cli import log
from runner.errors import UsageError
from runner.github import address, issue_scripts, links
from runner.github.issue_scripts import Block
from runner.machine.files import open_regular
from runner.report.text import shortened

if TYPE_CHECKING:
    from runner.github.client import Client

MOST_BYTES = 256 << 10
"""The largest Markdown file, in bytes; an issue has at most a quarter of that."""


@frozen(kw_only=True)
class Source:
    """The scripts of a source that the user named."""

    name: str
    """The name for the saved files."""
    blocks: tuple[Block, ...]
    reported: str = ""
    """The signature of the failure that the source reports; "" if there is none."""
    installed: tuple[str, ...] = ()
    """Requirements for the packages that its shell commands install, besides TensorFlow."""


def read_source(named: str) -> Source:
    """The source that the user named. Raises `UsageError`, and `GithubError` if GitHub refuses."""
    file, issue = Path(named), address.reference(named)
    if file.is_file():
        return _of_texts(file.stem, [text_of(file)])
    if issue is not None:
        name = f"issue-{issue.repo.replace('/', '-')}-{issue.number}"
        return _of_texts(name, client().thread(issue))
    if links.is_link(named):
        return _of_link(links.parse_link(named))
    raise UsageError(
        f"--from-issue {shortened(named, 200)}: neither a file nor an issue",
        remedy="use OWNER/NAME#N, the address of an issue, a gist or a file, or a Markdown file",
    )


def is_source(named: str) -> bool:
    """Whether a SCRIPT must be fetched first, because it is a link or an issue."""
    return links.is_link(named) or (
        address.reference(named) is not None and not Path(named).exists()
    )


def spelled_address(path: Path) -> str:
    """The address that the user wrote: `Path` turns `https://` into `https:/`."""
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*):/+", r"\1://", str(path))


def _of_link(link: links.LinkedScript) -> Source:
    if link.gist:
        contents = client().gist_files(link.gist)
        found = (block for each in contents.items() for block in _of_file(*each))
        return Source(name=safe_name(link.name), blocks=tuple(found))
    from runner.github import download

    text = download.download_text(link.url)
    if link.kind == ".ipynb" and text.lstrip()[:1] != "{":
        raise UsageError(
            f"{link.url} is not a notebook; perhaps it is a page that asks you to sign in",
            remedy="download the notebook (File, Download .ipynb), and name the file",
        )
    blocks = _of_file(f"{link.name}{link.kind}", text)
    about = text if link.kind == ".md" else ""
    return Source(
        name=safe_name(link.name),
        blocks=blocks,
        reported=reported.reported_failure(about),
        installed=issue_scripts.shell_installs(about).packages,
    )


def _of_file(name: str, text: str) -> tuple[Block, ...]:
    """The blocks of a file: a script is one, a Markdown text may have several, others have none."""
    if name.endswith(".md"):
        return issue_scripts.script_blocks(text, name)
    if not name.endswith((".py", ".ipynb")) or not text.strip():
        return ()
    kind = "notebook" if name.endswith(".ipynb") else "py"
    return (Block(source=text.rstrip() + "\n", label=kind, line=1, name=name, place=name),)


def _of_texts(name: str, texts: list[str]) -> Source:
    """The source made from the texts of an issue: its description and its comments."""
    places = ["", *(f"comment {number}" for number in range(1, len(texts)))]
    failures = filter(None, map(reported.reported_failure, texts))
    return Source(
        name=safe_name(name),
        blocks=tuple(
            block
            for text, place in zip(texts, places)
            for block in issue_scripts.script_blocks(text, place)
        ),
        reported=next(failures, ""),
        installed=issue_scripts.shell_installs(texts[0]).packages if texts else (),
    )


def safe_name(name: str) -> str:
    """`name` as a file name without characters that are special in a shell."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:80] or "script"


def text_of(file: Path) -> str:
    """The text of a Markdown file. Raises `UsageError` if it is longer than an issue can be."""
    with open_regular(file, follow_links=True) as opened:
        return read_bounded(opened, str(file))


def read_bounded(opened: BinaryIO, name: str) -> str:
    """The text of an open file; `name` is for messages. Raises `UsageError` like `text_of`."""
    content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UsageError(f"{name} is too long for an issue: over {MOST_BYTES >> 10} KiB")
    return content.decode("utf-8-sig", "replace")


def client() -> Client:
    """A client for GitHub. A public issue needs no token, but a token allows more requests."""
    from runner.github import token
    from runner.github.client import Client

    api_url = address.api_base(os.environ.get("GITHUB_API_URL") or address.PUBLIC)
    secret = token.find_token(os.environ, address.token_host(api_url))
    return Client(api_url=api_url, token=secret, say=log.print_note)
