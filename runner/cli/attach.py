"""`tfmatrix attach`: posts a run's report on an issue, or updates its earlier comment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

import click

from runner import paths
from runner.cli import completion, log
from runner.cli.report_url import published
from runner.github import address, attach, token
from runner.github.client import Client
from runner.github.comment import identity
from runner.model import Run
from runner.report import markdown, publish
from runner.runs import journal


@click.command(
    "attach",
    help="Post a run's report as a comment on an issue, or update the earlier comment.\n\n"
    "The token comes from GITHUB_TOKEN, GH_TOKEN or `gh auth token`.",
)
@click.argument("run", required=False, shell_complete=completion.complete_runs)
@click.option("--repo", required=True, metavar="OWNER/NAME", help="Where the issue is.")
@click.option(
    "--issue", required=True, type=click.IntRange(1), help="Number of the issue or pull request."
)
@click.option("--dry-run", is_flag=True, help="Print the comment, and send nothing.")
@click.option(
    "--key",
    metavar="TEXT",
    help="Runs with the same key share a comment. Default: the names of the repros.",
)
@click.option(
    "--api-url",
    metavar="URL",
    envvar="GITHUB_API_URL",
    default=address.PUBLIC,
    help="GitHub Enterprise: https://HOST/api/v3. Or set GITHUB_API_URL.",
)
@published
def command(
    run: Optional[str],
    repo: str,
    issue: int,
    dry_run: bool,
    key: Optional[str],
    api_url: str,
    report_url: str,
) -> None:
    where = address.Issue(repo=address.repository(repo), number=issue)
    api_url = address.api_base(api_url)
    folder = journal.find_run(run, paths.results())
    loaded = journal.read_run(folder, warn=log.print_warning)
    mark, render = identity(loaded, key), _renderer(loaded, folder, report_url)
    if dry_run:
        click.echo(attach.comment_body(mark, render), nl=False)
        log.print_note(f"for {where}; nothing was sent")
        return
    secret = token.require_token(os.environ, address.token_host(api_url))
    client = Client(api_url=api_url, token=secret, say=log.print_note)
    posted = attach.attach(client, where, mark, render)
    log.print_note(f"{'updated' if posted.updated else 'posted'} on {where}")
    log.print_answer(posted.url)


def _renderer(run: Run, folder: Path, page: str) -> attach.Render:
    context = publish.context(run, folder, page)
    return lambda limit: markdown.render(context, limit)
