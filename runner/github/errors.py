"""The errors that GitHub answers with, each with its remedy."""

from __future__ import annotations

import enum
from typing import Any, NoReturn

from runner.errors import TfmatrixError
from runner.report.text import shortened


class Access(enum.Enum):
    """What the request does with an issue; an error while reading names only reading."""

    READ = "read"
    WRITE = "write"


WRITE = (
    "a token that may write issues there: the scope `repo` (`public_repo` for public ones), "
    "`Issues: write` of a fine-grained one, or `permissions: issues: write` in a workflow"
)
LOGIN = "gh auth login, or a valid GITHUB_TOKEN"
READ = "a token that may read there: the scope `repo`, or `Issues: read` of a fine-grained one"
FILE = "another issue, or its text in a Markdown file"
REMEDIES = {
    Access.WRITE: {
        401: ("the token is not accepted", LOGIN),
        403: ("the token may not do this", WRITE),
        404: ("there is no such issue, or the token may not see it", "check the name; or " + WRITE),
        410: ("the issue was deleted, or the repository has none", "another --repo or --issue"),
    },
    Access.READ: {
        401: ("the token is not accepted", LOGIN + "; public issues are read without any"),
        403: ("the token may not read this", READ),
        404: ("there is no such issue, or it is private", "check the name; or " + READ),
        410: ("it was deleted", FILE),
    },
}
NO_CONNECTION = {
    Access.WRITE: "the same command then updates what was posted",
    Access.READ: "or take the script from a file",
}


class GithubError(TfmatrixError):
    """GitHub refused a request, or did not answer."""


class ForbiddenError(GithubError):
    """The token is valid, but lacks the right for this request."""


class TooLongError(GithubError):
    """A comment is longer than GitHub allows."""


def raise_refusal(status: int, data: Any, what: str, token: str, access: Access) -> NoReturn:
    """Raise the error for an answer with `status`; `what` names the action. It never contains the
    token."""
    said = shortened(message(data).replace(token, "***") if token else message(data), 300)
    if status == 422 and "too long" in said.lower():
        raise TooLongError(f"{what}: {said}")
    meaning, remedy = REMEDIES[access].get(
        status, ("GitHub did not do it", "the same command, later")
    )
    kind = ForbiddenError if status == 403 else GithubError
    raise kind(f"{what}: {meaning} ({status}{': ' if said else ''}{said})", remedy=remedy)


def message(data: Any) -> str:
    """GitHub's own message, with its messages about single fields."""
    if not isinstance(data, dict):
        return ""
    errors = data.get("errors")
    words = [data.get("message"), *map(_word, errors if isinstance(errors, list) else [])]
    return "; ".join(str(word) for word in words if word)


def unreachable(error: OSError, what: str, host: str, access: Access) -> GithubError:
    """The error for a failed connection. It names only the kind of requests' `error`, whose text
    may contain a proxy's password."""
    kind = type(error).__name__
    why = {
        "SSLError": "its certificate cannot be verified",
        "ProxyError": "the proxy does not let through",
        "ConnectTimeout": "it does not answer in time",
        "ReadTimeout": "it does not answer in time",
    }.get(kind, "no connection")
    return GithubError(
        f"{what}: {host} cannot be reached: {why} ({kind})",
        remedy=f"check the network and HTTPS_PROXY; {NO_CONNECTION[access]}",
    )


def _word(error: Any) -> Any:
    return error.get("message") or error.get("code") if isinstance(error, dict) else error
