"""The wheelhouse over HTTP, for image builds, which do not see this machine's folders.

On the loopback interface only, and under an address that nobody else can guess: an index may be
private. A build that cannot reach it, as one on another machine, does without.
"""

from __future__ import annotations

import html
import os
import secrets
import shutil
import threading
import zlib
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

from runner.environments.wheels.wheel_cache import Wheelhouse

_PORTS = range(20_000, 32_000)
"""Below those that systems hand out."""
_TRY = "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('%s', timeout=5)"


class Server(ThreadingHTTPServer):
    """Answers until the process ends."""

    daemon_threads = True

    def __init__(self, house: Wheelhouse, port: int, word: str) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.house = house
        self.word = word
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{self.word}/"

    def settings(self) -> str:
        """Shell lines that have uv look here too, where here can be reached."""
        return (
            f'if python3 -c "{_TRY % self.address}" 2> /dev/null; then\n'
            f'  export UV_FIND_LINKS="${{UV_FIND_LINKS:+$UV_FIND_LINKS,}}{self.address}"\n'
            '  export NO_PROXY="${NO_PROXY:+$NO_PROXY,}127.0.0.1"\n'
            '  export no_proxy="${no_proxy:+$no_proxy,}127.0.0.1"\n'
            "fi\n"
        )


@lru_cache(maxsize=4)
def serving(house: Wheelhouse) -> Server:
    """The server of `house`, started when first asked for. Raises `OSError`.

    Its address is the same from run to run where it can be: installers keep what they unpack by it.
    """
    word = _word(house.folder / ".word")
    with suppress(OSError):
        return Server(house, _PORTS[zlib.crc32(word.encode()) % len(_PORTS)], word)
    return Server(house, 0, word)


def _word(file: Path) -> str:
    """Made once, and known to this user only."""
    with suppress(OSError):
        kept = file.read_text("ascii").strip()
        if kept:
            return kept
    word = secrets.token_hex(16)
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as kept_in:
        kept_in.write(f"{word}\n")
    return word


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        top, _, name = unquote(self.path).lstrip("/").partition("/")
        with suppress(OSError):  # whoever asked has hung up
            if not secrets.compare_digest(top.encode(), self.server.word.encode()):
                self.send_error(404)
                return
            hashes = self.server.house.hashes()
            if not name:
                self._page(hashes)
            elif name in hashes:
                self._file(self.server.house.folder / name)
            else:
                self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a build's own log says what it fetched."""

    def _page(self, hashes: Mapping[str, str]) -> None:
        links = (
            f'<a href="{quote(name)}#sha256={sha256}">{html.escape(name)}</a><br>\n'
            for name, sha256 in sorted(hashes.items())
        )
        body = f"<!DOCTYPE html>\n<title>wheels</title>\n{''.join(links)}".encode()
        self._head("text/html; charset=utf-8", len(body), "no-cache")
        self.wfile.write(body)

    def _file(self, path: Path) -> None:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            self._head("application/octet-stream", size, "max-age=31536000, immutable")
            shutil.copyfileobj(file, self.wfile, 1 << 20)

    def _head(self, kind: str, size: int, keep: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.send_header("Cache-Control", keep)
        self.end_headers()
