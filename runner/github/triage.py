"""Triage in a comment, in GitHub Actions: `python -m runner.github.triage check|measure|post`.

`check` and `measure` are one job. `check` asks GitHub whether the command's author may write to the
repository, with a token that may only read. `measure` has no token and runs the issue's script in
the Docker sandbox. `post` is another job with a token that may write: it runs nothing from the
issue, and treats the files of the first job as a stranger's. docs/triage.md describes the whole.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional

from attrs import frozen

from runner import serial
from runner.errors import TfmatrixError, UsageError
from runner.github import address, attach, token, triage_command
from runner.github.address import Issue
from runner.github.client import Client
from runner.github.comment import identity_named
from runner.machine import files
from runner.report import gfm, markdown, publish, text
from runner.runs import journal

MEMBERS = ("OWNER", "MEMBER", "COLLABORATOR")
"""The associations with a repository, in GitHub's events, whose authors may start a run."""
WRITERS = ("admin", "write")
"""The permissions, in GitHub's API, with which a user may start a run."""
FOLDER = Path("tfmatrix-triage")
"""The files that the first job gives to the second."""
RUN, SAID, ISSUE = "run", "said.txt", "issue.md"
MOST_EVENT, MOST_FILES, MOST_BYTES = 8 << 20, 20_000, 256 << 20
SAID_LINES = 20


@frozen(kw_only=True)
class Event:
    """The facts in the event of a comment."""

    issue: Issue
    body: str
    """The text of the issue at the time of the comment."""
    comment: str
    author: str
    association: str


def read_event(path: Path) -> Event:
    """The facts in an event. Raises `UsageError` if it is not a comment on an issue."""
    try:
        data: Any = serial.parse(files.read_regular(path, MOST_EVENT))
        issue, comment = data["issue"], data["comment"]
        repo = address.repository(data["repository"]["full_name"])
        return Event(
            issue=Issue(repo=repo, number=int(issue["number"])),
            body=issue["body"] or "",
            comment=str(comment["body"]),
            author=str(comment["user"]["login"]),
            association=str(comment["author_association"]),
        )
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise UsageError(f"{path} is not a comment event: {error!r:.200}") from None


def check(event: Event, client: Client) -> None:
    """Raises `UsageError` unless the author may write to the repository.

    The event says so, and GitHub must confirm it now.
    """
    if event.association not in MEMBERS:
        raise UsageError(f"{event.author} is not a member: {event.association}")
    permission = client.permission(event.issue.repo, event.author)
    if permission not in WRITERS:
        raise UsageError(f"{event.author} may not write to {event.issue.repo}: {permission}")


def measure(event: Event, folder: Path) -> int:
    """Runs the issue's script from the event in the sandbox; returns the exit code.

    All output goes to `folder`, because a line in a workflow's log may be a command.
    """
    command = triage_command.parse_command(event.comment)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ISSUE).write_text(event.body, "utf-8")
    arguments = [*command.arguments, "--from-issue", str(folder / ISSUE), "--engine", "docker"]
    with (folder / SAID).open("wb") as said:
        done = subprocess.run(
            ["tfmatrix", *arguments, "--output", str(folder / RUN)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=without_tokens(os.environ),
            check=False,
        )
    return done.returncode


def without_tokens(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment variables for the script, without the workflow's secrets."""
    hidden = (*token.VARIABLES, "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    return {name: value for name, value in environ.items() if name not in hidden}


def post_report(event: Event, folder: Path, client: Client, address_of_run: str) -> str:
    """Posts or updates the report after checking the received files; returns the comment's
    address."""
    try:
        command = triage_command.parse_command(event.comment)
        refuse_odd_files(folder)
        render = _report(folder)
        verb = command.verb
    except TfmatrixError as error:
        verb, render = "run", _problem(str(error))
    note = _note(event, client, address_of_run)
    return attach.attach(
        client,
        event.issue,
        identity_named(f"triage {verb}"),
        lambda limit: note + render(limit - gfm.counted_length(note)),
    ).url


def refuse_odd_files(folder: Path) -> None:
    """Raises `UsageError` if the folder is too large or has more than plain files and folders."""
    number, size = 0, 0
    for place, folders, names in os.walk(folder, onerror=_unreadable):
        for name in (*folders, *names):
            facts = os.lstat(Path(place, name))
            number, size = number + 1, size + facts.st_size
            if not (stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode)):
                raise UsageError("the results contain something that is not a plain file")
            if number > MOST_FILES or size > MOST_BYTES:
                raise UsageError("the results are too large for a report")


def _unreadable(error: OSError) -> None:
    raise UsageError("there are no results: the run did not end") from error


def _report(folder: Path) -> Callable[[int], str]:
    """The report, rendered here from the run's records. The other job's Markdown is not used."""
    if not (folder / RUN / journal.HEAD).exists():
        return _problem(_said(folder))
    run = journal.read_run(folder / RUN)
    context = publish.context(run, folder / RUN)
    return lambda limit: markdown.render(context, limit)


def _said(folder: Path) -> str:
    try:
        return files.read_regular(folder / SAID, 1 << 20).decode("utf-8", "replace")
    except OSError:
        return "there are no results"


def _problem(said: str) -> Callable[[int], str]:
    shown = gfm.fence(text.log_lines(said, SAID_LINES, 300) or ["no reason is known"], "text")
    return lambda _: f"Nothing was measured:\n\n{shown}\n"


def _note(event: Event, client: Client, address_of_run: str) -> str:
    """The line that names the command's author, and says whether the issue has changed since."""
    said = f"Requested by {gfm.code_span(event.author)}; measured by {address_of_run}.\n\n"
    if _plain(client.issue_text(event.issue)) != _plain(event.body):
        said += (
            "**The issue was edited since then; this report is about its text at that time.**\n\n"
        )
    return said


def _plain(body: str) -> str:
    return body.replace("\r\n", "\n").strip()


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Run one step of the workflow; an error is one line."""
    try:
        return _step(arguments[0] if arguments else "", environ)
    except TfmatrixError as error:
        print(f"::error::{json.dumps(str(error))[1:-1].replace('%', '%25')}")
        return error.exit_code


def _step(name: str, environ: Mapping[str, str]) -> int:
    event = read_event(Path(environ["GITHUB_EVENT_PATH"]))
    if name == "check":
        check(event, _client(environ))
        with open(environ["GITHUB_OUTPUT"], "a", encoding="utf-8") as outputs:
            outputs.write("allowed=true\n")
        return 0
    if name == "measure":
        print(f"tfmatrix ended with {measure(event, FOLDER)}")  # the other job reports the result
        return 0
    if name == "post":
        check(event, _client(environ))
        print(post_report(event, FOLDER, _client(environ), _address_of_run(environ)))
        return 0
    raise UsageError(f"no step is called {name!r:.40}; there are check, measure and post")


def _client(environ: Mapping[str, str]) -> Client:
    api_url = address.api_base(environ.get("GITHUB_API_URL") or address.PUBLIC)
    secret: Optional[str] = token.require_token(environ, address.token_host(api_url))
    return Client(api_url=api_url, token=secret, say=lambda line: print(line, file=sys.stderr))


def _address_of_run(environ: Mapping[str, str]) -> str:
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (environ.get(name, "") for name in names)
    return f"[this run]({server}/{repository}/actions/runs/{run})" if run.isdigit() else "hand"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
