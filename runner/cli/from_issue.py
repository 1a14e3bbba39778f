"""`tfmatrix run --from-issue`: a stranger's script, chosen, saved, and kept in the sandbox."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Optional, TypeVar

import click

from runner.cli import log
from runner.errors import UsageError
from runner.github import address, issue_scripts
from runner.github.issue_scripts import Block
from runner.report.text import count, shortened
from runner.runs import journal

F = TypeVar("F", bound=Callable[..., Any])

FOLDER = Path("repro")
MOST_BYTES = 256 << 10
"""Of a Markdown file; an issue has a quarter of it at most."""
TRUST = "--unsandboxed-i-trust-this-script"


def options(command: F) -> F:
    """What `run` takes besides, for a script from an issue."""
    for option in reversed(
        (
            click.option(
                "--from-issue",
                metavar="ISSUE",
                help="Run a script from OWNER/NAME#N or a Markdown FILE, in the Docker sandbox.",
            ),
            click.option(
                "--block", type=click.IntRange(1), help="Which of the issue's scripts, from 1."
            ),
            click.option(
                "--force", is_flag=True, help="Let the issue's script replace another in repro/."
            ),
            click.option(
                TRUST,
                "unsandboxed",
                is_flag=True,
                help="Let the issue's script run as you, with your files and your network, "
                "where the engine is no sandbox.",
            ),
        )
    ):
        command = option(command)
    return command


def choose(engine: str, selection: dict[str, Any]) -> str:
    """The engine to use; with `--from-issue`, `selection` then names the script it saved.

    Takes its own options out of `selection`. Raises `UsageError`.
    """
    source, block = selection.pop("from_issue"), selection.pop("block")
    force, unsandboxed = selection.pop("force"), selection.pop("unsandboxed")
    if source is None:
        if block or force or unsandboxed:
            raise UsageError(f"--block, --force and {TRUST} need --from-issue")
        return engine
    if selection["scripts"]:
        raise UsageError("--from-issue brings its own script: name no other")
    engine = sandboxed(engine, unsandboxed)
    name, markdown = read_source(source)
    number, chosen = choose_block(issue_scripts.blocks(markdown), source, block)
    selection["scripts"] = (save_script(_own_folder(f"{name}-{number}"), chosen.source, force),)
    return engine


def sandboxed(engine: str, unsandboxed: bool) -> str:
    """What `--engine` means for a script that nobody vouched for: docker, or nothing."""
    if unsandboxed:
        return engine
    if engine not in ("auto", "docker"):
        raise UsageError(
            f"the {engine} engine is no sandbox: a script from an issue would run as you",
            remedy=f"leave --engine out, or, once you have read the script, add {TRUST}",
        )
    return "docker"


def read_source(source: str) -> tuple[str, str]:
    """How scripts from `source` are named, and its Markdown."""
    file, issue = Path(source), address.reference(source)
    if file.is_file():
        return _safe(file.stem), _text(file)
    if issue is None:
        raise UsageError(
            f"--from-issue {shortened(source, 200)}: neither a file nor an issue",
            remedy="OWNER/NAME#N, the address of an issue on github.com, or a Markdown file",
        )
    return _safe(f"issue-{issue.repo.replace('/', '-')}-{issue.number}"), _fetch(issue)


def choose_block(found: Sequence[Block], source: str, wanted: Optional[int]) -> tuple[int, Block]:
    """The block asked for, the only one, or the one that the user chooses; with its number."""
    if not found:
        raise UsageError(f"there is no Python code block in {shortened(source, 200)}")
    if wanted is not None and wanted > len(found):
        raise UsageError(f"there is no block {wanted}; there are:\n{listed(found)}")
    if wanted is None and len(found) > 1:
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError(f"choose one with --block:\n{listed(found)}")
        log.warn(listed(found))
        wanted = click.prompt("Which block", type=click.IntRange(1, len(found)), err=True)
    number = wanted or 1
    return number, found[number - 1]


def listed(found: Sequence[Block]) -> str:
    """A line a block: its number, where it is, and how it starts."""
    return "\n".join(f"  {n}  {_described(block)}" for n, block in enumerate(found, 1))


def _own_folder(name: str) -> Path:
    """Where the script is saved: what lies beside a script goes along with it, so nothing does."""
    folder = FOLDER / name
    if folder.is_symlink() or (folder.is_dir() and _strangers(folder, f"{name}.py")):
        raise UsageError(
            f"{folder} holds other files, which the issue's script could read",
            remedy="move them away, or remove the folder",
        )
    return folder / f"{name}.py"


def _strangers(folder: Path, script: str) -> bool:
    """Whether anything lies there but the script; Python's caches do not count."""
    return any(each.name not in (script, "__pycache__") for each in folder.iterdir())


def save_script(path: Path, source: str, force: bool) -> Path:
    """Write the script, but never over another one unless told so."""
    there = path.read_text("utf-8", errors="replace") if path.is_file() else None
    if there == source:
        return path
    if path.exists() and not (force and path.is_file()):
        raise UsageError(
            f"{path} is there already and holds something else",
            remedy=f"--force replaces it; or run it as it is: tfmatrix run {path} --engine docker",
        )
    journal.write_file(path, source)
    log.say(f"saved {path}")
    return path


def _described(block: Block) -> str:
    lines = [line for line in block.source.split("\n") if line.strip()]
    label = f", labelled {shortened(block.label, 20)!r}" if block.label else ""
    odd = "" if issue_scripts.parses(block.source) else ", not Python as it stands"
    return f"line {block.line}, {count(len(lines), 'line')}{label}{odd}: {shortened(lines[0], 60)}"


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:80] or "script"


def _text(file: Path) -> str:
    with open(file, "rb") as opened:
        content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UsageError(f"{file} is too long for an issue: over {MOST_BYTES >> 10} KiB")
    return content.decode("utf-8-sig", "replace")


def _fetch(issue: address.Issue) -> str:
    """A public issue needs no token, but with one there is more to ask for."""
    from runner.github import token
    from runner.github.client import Client

    api_url = address.api_base(os.environ.get("GITHUB_API_URL") or address.PUBLIC)
    secret = token.find_token(os.environ, address.token_host(api_url))
    return Client(api_url=api_url, token=secret, say=log.say).issue_text(issue)
