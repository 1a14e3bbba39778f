"""`tfmatrix run --from-comment`: repeats the run of a report in a comment, in the sandbox."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional, TypeVar

import click

from runner.cli import from_issue, issue_source, log
from runner.errors import UsageError
from runner.github import address, reported
from runner.github.joined import Files
from runner.model import Run
from runner.report import block, publish
from runner.report.block import Block
from runner.report.text import shortened

F = TypeVar("F", bound=Callable[..., Any])

OWN_CHOICE = ("scripts", "modules", "matrix_file", "args", "vary", "env", "packages")
"""The options that a comment sets itself."""


def options(command: F) -> F:
    """Adds the option `--from-comment`."""
    return click.option(
        "--from-comment",
        metavar="COMMENT",
        help="Repeat the run of a report in the Docker sandbox, and compare the results. COMMENT "
        "is a comment's address on GitHub, a FILE with its Markdown, or - for standard input.",
    )(command)


def choose(engine: str, selection: dict[str, Any]) -> tuple[str, Optional[Block]]:
    """The engine to use, and the block of the comment, if there is one.

    `selection` then names the matrix that was made from the comment. Raises `UsageError`.
    """
    source = selection.pop("from_comment")
    if source is None:
        return from_issue.choose(engine, selection), None
    force, unsandboxed = selection.pop("force"), selection.pop("unsandboxed")
    if selection.pop("from_issue") or selection.pop("blocks"):
        raise UsageError("--from-comment cannot be used with --from-issue or --block")
    if any(selection.get(name) for name in OWN_CHOICE):
        raise UsageError(
            "--from-comment has its own script, cases, variables and packages: name no others",
            remedy="use only --tf, --device and --case to choose among its cells",
        )
    engine = from_issue.sandbox_engine(engine, unsandboxed)
    name, markdown = read_comment(source)
    told = reported.read_block(markdown, source)
    selection["matrix_file"] = _saved(name, markdown, told, force)
    selection["allow_no_tensorflow"] |= told.allow_no_tensorflow
    return engine, told


def read_comment(source: str) -> tuple[str, str]:
    """A name for the comment at `source`, and its Markdown."""
    if source == "-":
        return "comment", issue_source.read_bounded(sys.stdin.buffer, "standard input")
    if Path(source).is_file():
        return issue_source.safe_name(Path(source).stem), issue_source.text_of(Path(source))
    found = address.comment(source)
    if found is None:
        raise UsageError(
            f"--from-comment {shortened(source, 200)}: neither a file nor a comment",
            remedy="use https://github.com/OWNER/NAME/issues/N#issuecomment-M, a Markdown file,"
            " or -",
        )
    issue, number = found
    name = issue_source.safe_name(f"comment-{issue.repo.replace('/', '-')}-{number}")
    return name, issue_source.client().comment_text(issue, number)


def _saved(name: str, markdown: str, told: Block, force: bool) -> Path:
    """Save the comment's matrix.yaml, and each script in its own folder beside it; returns the
    path of the matrix."""
    places = {}
    for number, (repro, source) in enumerate(reported.scripts_shown(markdown, told).items(), 1):
        script = f"{_stem(repro)}.py"
        folder = from_issue.FOLDER / issue_source.safe_name(f"{name}-{number}")
        from_issue.save_files(folder, Files(script=script, contents={script: source}), force)
        places[repro] = f"{folder.name}/{script}"
    matrix = from_issue.FOLDER / f"{name}.yaml"
    from_issue.save_one_file(matrix, reported.matrix_text(told, places), force)
    return matrix


def _stem(repro: str) -> str:
    """A file name without odd characters, so that other scripts can import it as a module."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", repro).strip("-.") or "script"


def conclude(told: Block, run: Run, folder: Path, code: int) -> int:
    """Say whether the results are the same; returns `code`, or 1 if it is 0 and they differ."""
    same, sentence = reported.compare_blocks(
        told, block.block_contents(publish.context(run, folder))
    )
    log.print_warning(sentence)
    return code or int(not same)
