"""Sends requests to GitHub, waits for its rate limits, and reports an error in one line."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import islice
from typing import Optional, TypeVar
from urllib.parse import urlsplit

from attrs import define, field, frozen
from github import Auth, BadAttributeException, Github, GithubException
from github.Issue import Issue as RemoteIssue
from github.Requester import Requester

from runner import __version__
from runner.github import errors, limits
from runner.github.address import Issue
from runner.github.bounds import Bounds, TooMuchError, connections
from runner.github.comment import Comment
from runner.github.errors import Access
from runner.report.text import clean

T = TypeVar("T")
TIMEOUT = 30
"""How long to wait for an answer, in seconds."""
MOST_COMMENTS = 200
"""At most this many comments of an issue are searched for scripts."""
NOT_GITHUB = (
    *(AssertionError, RuntimeError, ValueError, TypeError, LookupError, AttributeError),
    BadAttributeException,
)
"""PyGithub raises these for an answer that names another host, which it never follows with a
token, and for an answer that is not JSON or does not have GitHub's form."""


@frozen(kw_only=True)
class Clock:
    """The clock; tests replace it, because they cannot wait."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


@define
class Client:
    """A client of one GitHub server, with the rights of the token's user; without a token, with
    the rights of everybody."""

    api_url: str
    token: Optional[str]
    say: Callable[[str], None]
    clock: Clock = Clock()
    bounds: Bounds = field(factory=Bounds)
    _github: Github = field(init=False)
    _waited: float = field(default=0.0, init=False)
    _least: float = field(default=1.0, init=False)

    def __attrs_post_init__(self) -> None:
        Requester.injectConnectionClasses(*connections(self.bounds))
        self._github = Github(
            auth=Auth.Token(self.token) if self.token else None,
            base_url=self.api_url,
            timeout=TIMEOUT,
            user_agent=f"tfmatrix/{__version__}",
            per_page=100,
            lazy=True,
            retry=0,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )

    def issue_text(self, issue: Issue) -> str:
        """The text of the issue, by its author."""
        return self._ask(f"reading {issue}", lambda: self._issue(issue).body or "", Access.READ)

    def thread(self, issue: Issue) -> list[str]:
        """The text of the issue, then the comments, up to the limit."""

        def read_thread() -> list[str]:
            remote = self._issue(issue)
            texts = [remote.body or ""]
            if remote.comments:
                texts += (each.body or "" for each in islice(remote.get_comments(), MOST_COMMENTS))
            return texts

        return self._ask(f"reading {issue}", read_thread, Access.READ)

    def gist_files(self, identity: str) -> dict[str, str]:
        """The files of a gist, by name."""

        def read_gist() -> dict[str, str]:
            files = self._github.get_gist(identity).files
            return {name: file.content or "" for name, file in files.items()}

        return self._ask(f"reading the gist {identity}", read_gist, Access.READ)

    def permission(self, repo: str, user: str) -> str:
        """The permission of a user: `admin`, `write`, `read` or `none`."""
        return self._ask(
            f"asking what {user} may do in {repo}",
            lambda: self._github.get_repo(repo).get_collaborator_permission(user),
        )

    def comment_text(self, issue: Issue, number: int) -> str:
        """The text of a comment; `number` is the comment's id, not its position in the issue."""
        return self._ask(
            f"reading comment {number} on {issue}",
            lambda: self._issue(issue).get_comment(number).body or "",
        )

    def login(self) -> str:
        """The name of the user who writes comments with this token."""
        try:
            return self._ask("asking whose token it is", lambda: self._github.get_user().login)
        except errors.ForbiddenError:
            return self._app_login()

    def comments(self, issue: Issue) -> list[Comment]:
        """All comments of an issue, the oldest first."""
        return self._ask(
            f"reading the comments of {issue}",
            lambda: [
                Comment(
                    id=each.id, author=each.user.login if each.user else "", body=each.body or ""
                )
                for each in self._issue(issue).get_comments()
            ],
        )

    def create(self, issue: Issue, body: str) -> str:
        """Post a comment; returns its address."""
        return self._ask(
            f"commenting on {issue}",
            lambda: _address(issue, self._issue(issue).create_comment(body).html_url),
        )

    def update(self, issue: Issue, comment: Comment, body: str) -> str:
        """Replace the text of a comment; returns its address."""

        def edit_comment() -> str:
            remote = self._issue(issue).get_comment(comment.id)
            remote.edit(body)
            return _address(issue, remote.html_url)

        return self._ask(f"updating the comment on {issue}", edit_comment)

    def _issue(self, issue: Issue) -> RemoteIssue:
        return self._github.get_repo(issue.repo).get_issue(issue.number)

    def _app_login(self) -> str:
        """The user's name for a workflow's token, which only the GraphQL API tells it."""
        query = "query { viewer { login } }"

        def ask_for_app() -> str:
            _, answer = self._github.requester.graphql_query(query, {})
            return str(answer["data"]["viewer"]["login"])

        login = self._ask("asking whose token it is", ask_for_app)
        return login if login.endswith("[bot]") else f"{login}[bot]"

    def _ask(self, what: str, call: Callable[[], T], access: Access = Access.WRITE) -> T:
        while True:
            try:
                return self.bounds.within_the_deadline(call)
            except TooMuchError as error:
                raise errors.GithubError(
                    f"{what}: {self._host} sends an answer without end: {error}",
                    remedy="check the network and --api-url, then run the same command again",
                ) from None
            except GithubException as error:
                self._wait_or_raise(error, what, access)
            except OSError as error:
                raise errors.unreachable(error, what, self._host, access) from None
            except NOT_GITHUB as error:
                raise errors.GithubError(
                    f"{what}: {self._host} does not answer as GitHub does ({type(error).__name__})",
                    remedy="check --api-url; GitHub Enterprise's is https://HOST/api/v3",
                ) from None

    def _wait_or_raise(self, error: GithubException, what: str, access: Access) -> None:
        headers = error.headers or {}
        seconds = limits.seconds_to_wait(
            error.status, headers, errors.message(error.data), self.clock.now()
        )
        if seconds is None:
            errors.raise_refusal(error.status, error.data, what, self.token or "", access)
        # Each wait is longer, as GitHub's manual asks. So a server that always says 0 is given up.
        seconds, self._least = max(seconds, self._least), self._least * 2
        self._waited += seconds
        until = datetime.fromtimestamp(self.clock.now() + min(seconds, 10**8), timezone.utc)
        if self._waited > limits.MOST_WAIT:
            raise errors.GithubError(
                f"{what}: GitHub's rate limit is reached until {until:%H:%M} UTC",
                remedy="run the same command then; with a token the limit is higher",
            )
        self.say(
            f"{what}: GitHub's rate limit; waiting {seconds:.0f} s, until {until:%H:%M:%S} UTC"
        )
        self.clock.sleep(seconds)

    @property
    def _host(self) -> str:
        return urlsplit(self.api_url).netloc


def _address(issue: Issue, url: object) -> str:
    """A comment's address in GitHub's answer, checked because it is printed."""
    parts = urlsplit(url) if isinstance(url, str) and url == clean(url) and " " not in url else None
    return str(url) if parts and parts.scheme in ("http", "https") and parts.netloc else str(issue)
