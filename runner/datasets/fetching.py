"""Downloads data files into the cache, names them by SHA-256, and arranges them as Keras does.

`<cache>/data/<sha256>` is a file, `<sha256 of an address>.json` says which file came from that
address, and `view-<digest>/.keras` is the folder that cells see: hard links to the files.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urljoin, urlsplit

from runner import __version__, paths
from runner.datasets.wanted import DataFile
from runner.errors import TfmatrixError, UsageError, refusal_of
from runner.machine.files import write_atomic

if TYPE_CHECKING:
    import requests

    from runner.machine.bounds import Bounds

MOST_FILES = 50
MOST_BYTES = 2 << 30
"""The limit for all files of a script together."""
SECONDS = 1800.0
"""The limit for all downloads of a script together."""
_MOST_REDIRECTIONS = 5
_SILENCE = 30.0
_CHUNK = 1 << 20

Say = Callable[[str], None]


def fetch(wanted: Sequence[DataFile], say: Say) -> Path:
    """Download what is missing, and return the folder whose `.keras` has all files.

    Raises `TfmatrixError` and `UsageError`.
    """
    from runner.machine.bounds import Bounds

    if len(wanted) > MOST_FILES:
        raise UsageError(f"{len(wanted)} files are asked for; {MOST_FILES} at most are fetched")
    folder = paths.cached_data()
    paths.mark_cache()
    folder.mkdir(parents=True, exist_ok=True)
    bounds = Bounds(
        seconds=SECONDS,
        answers=MOST_FILES * (_MOST_REDIRECTIONS + 1),
        size=MOST_BYTES,
        too_large=f"{MOST_BYTES >> 30} GiB in all are fetched",
    )
    found = [(each, _have(folder, each) or _download(folder, each, bounds, say)) for each in wanted]
    return _view(folder, found)


def _have(folder: Path, wanted: DataFile) -> str:
    """The SHA-256 of the file downloaded earlier, or "" if there is none or it has changed."""
    try:
        known = json.loads(_record(folder, wanted.url).read_text("utf-8"))["sha256"]
        same = _digest(folder / known, "sha256") == known
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return str(known) if same and _is_right(folder / known, wanted.digest) else ""


def _download(folder: Path, wanted: DataFile, bounds: Bounds, say: Say) -> str:
    import requests

    from runner.machine.bounds import TooMuchError

    say(f"fetching {wanted.url}")
    part = folder / f".{secrets.token_hex(8)}"
    try:
        with open(part, "wb") as file:
            bounds.within_the_deadline(lambda: _write(file, wanted.url, bounds))
        if not _is_right(part, wanted.digest):
            raise TfmatrixError(f"{wanted.url} is not the file that {wanted.digest} names")
        known = _digest(part, "sha256")
        part.chmod(0o444)
        part.replace(folder / known)
    except TooMuchError as error:
        raise TfmatrixError(f"{wanted.url} is too much: {error}") from None
    except requests.RequestException as error:
        host = urlsplit(wanted.url).hostname
        raise TfmatrixError(
            f"{wanted.url} could not be fetched: {host} does not answer ({type(error).__name__})",
            remedy="download it by hand into FOLDER/.keras, and use --data FOLDER",
        ) from None
    except OSError as error:
        raise TfmatrixError(f"{wanted.url} could not be kept: {refusal_of(error)}") from None
    finally:
        part.unlink(missing_ok=True)
    write_atomic(_record(folder, wanted.url), json.dumps({"url": wanted.url, "sha256": known}))
    return known


def _write(file: BinaryIO, url: str, bounds: Bounds) -> None:
    for chunk in _content(url, bounds):
        bounds.received(len(chunk))
        file.write(chunk)


def _content(url: str, bounds: Bounds) -> Iterator[bytes]:
    import requests

    with requests.Session() as session:
        session.auth = _no_password
        for _ in range(_MOST_REDIRECTIONS + 1):
            check_address(url)
            headers = {"User-Agent": f"tfmatrix/{__version__}", "Accept-Encoding": "identity"}
            with session.get(
                url, stream=True, allow_redirects=False, timeout=_SILENCE, headers=headers
            ) as answer:
                bounds.answered()
                if answer.is_redirect:
                    url = urljoin(url, answer.headers["Location"])
                    continue
                if answer.status_code != requests.codes.ok:
                    raise TfmatrixError(f"{url}: the answer is {answer.status_code}")
                yield from answer.iter_content(_CHUNK)
                return
    raise TfmatrixError(f"{url} leads from one address to the next")


def _no_password(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from sending the passwords in .netrc."""
    return request


def check_address(url: str) -> None:
    """Raises `TfmatrixError` unless a script may name this address: what a server on this machine
    or in its network says may be for this user alone, and the script could show it."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        raise TfmatrixError(f"{url:.200} is not fetched: it is not https")
    if not _is_public(parts.hostname or ""):
        raise TfmatrixError(
            f"{url:.200} is not fetched: it is an address of this machine or its network",
            remedy="download it by hand into FOLDER/.keras, and use --data FOLDER",
        )


def _is_public(host: str) -> bool:
    """Whether a host may be anywhere; what a name stands for is for its certificate to show."""
    if host.rstrip(".").endswith("localhost"):
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return bool(host)


def _is_right(file: Path, digest: str) -> bool:
    """Whether the file has this MD5 or SHA-256; without a digest, every file is right."""
    if not digest:
        return True
    return _digest(file, "md5" if len(digest) == 32 else "sha256") == digest.lower()


def _digest(file: Path, algorithm: str) -> str:
    found = hashlib.new(algorithm, usedforsecurity=False)
    with open(file, "rb") as content:
        while chunk := content.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _record(folder: Path, url: str) -> Path:
    return folder / f"{hashlib.sha256(url.encode()).hexdigest()}.json"


def _view(folder: Path, found: Sequence[tuple[DataFile, str]]) -> Path:
    """The folder of links to these files. The same files always give the same folder."""
    places = sorted({(place, known) for wanted, known in found for place in wanted.places})
    view = folder / f"view-{hashlib.sha256(repr(places).encode()).hexdigest()[:16]}"
    for place, known in places:
        link = view / ".keras" / place
        link.parent.mkdir(parents=True, exist_ok=True)
        if not (link.exists() and link.samefile(folder / known)):
            link.unlink(missing_ok=True)
            os.link(folder / known, link)
    return view
