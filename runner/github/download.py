"""Downloads one file: over https, with few redirections, and limits on time and size."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from runner import __version__
from runner.github import address
from runner.github.bounds import Bounds, TooMuchError
from runner.github.errors import GithubError

if TYPE_CHECKING:
    import requests

MOST_BYTES = 16 << 20
MOST_REDIRECTIONS = 5
SECONDS = 60.0
"""The limit for the whole download; half of that without any data ends it too."""


def download_text(url: str) -> str:
    """The text at `url`. The request carries no token. Raises `GithubError`."""
    import requests

    bounds = Bounds(seconds=SECONDS, answers=MOST_REDIRECTIONS + 1, size=MOST_BYTES)
    try:
        return bounds.within_the_deadline(lambda: _followed(url, bounds)).decode("utf-8-sig")
    except TooMuchError as error:
        raise GithubError(f"{url} cannot be read: {error}") from None
    except (requests.RequestException, OSError) as error:
        host = urlsplit(url).hostname
        raise GithubError(
            f"{url} cannot be read: {host} does not answer ({type(error).__name__})",
            remedy="download the file yourself, and name it",
        ) from None
    except UnicodeDecodeError:
        raise GithubError(f"{url} is not UTF-8 text") from None


def _followed(url: str, bounds: Bounds) -> bytes:
    import requests

    with requests.Session() as session:
        session.auth = _no_password
        for _ in range(MOST_REDIRECTIONS + 1):
            _check(url)
            answer = session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=SECONDS / 2,
                headers={"User-Agent": f"tfmatrix/{__version__}"},
            )
            bounds.answered()
            if answer.is_redirect:
                url = redirect_target(url, answer.headers["Location"])
                continue
            if answer.status_code != requests.codes.ok:
                raise GithubError(f"{url} cannot be read: the answer is {answer.status_code}")
            return _body(answer, bounds)
    raise GithubError(f"{url} cannot be read: it redirects too often")


def _no_password(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from sending the passwords in .netrc."""
    return request


def redirect_target(url: str, location: str) -> str:
    """The address to which an answer redirects. Raises `GithubError` if another machine's answer
    redirects to a server on this machine, which may trust everybody here."""
    to = urljoin(url, location)
    if _is_here(to) and not _is_here(url):
        raise GithubError(f"{to:.200} is not followed: that is this machine")
    return to


def _is_here(url: str) -> bool:
    return address.is_loopback("http", urlsplit(url).hostname)


def _check(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not address.is_loopback(parts.scheme, parts.hostname):
        raise GithubError(f"{url:.200} is not followed: it is not https")


def _body(answer: requests.Response, bounds: Bounds) -> bytes:
    found = []
    for chunk in answer.iter_content(1 << 16):
        bounds.received(len(chunk))
        found.append(chunk)
    return b"".join(found)
