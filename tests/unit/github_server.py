"""A GitHub on 127.0.0.1: the few REST answers that comments need, and whatever a test makes it say.

Shapes and headers are those of GitHub's REST manual (issues, comments, rate limits, pagination).
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional
from urllib.parse import parse_qs, urlsplit

from attrs import define, field

TOKEN = "ghp_0123456789abcdefSECRET"
LIMIT = 65_536


@define
class Answer:
    """What a test makes the server say once, instead of what it would have said."""

    status: int
    message: str = ""
    headers: dict[str, str] = field(factory=dict)
    errors: Any = None
    body: Optional[bytes] = None


@define
class Fake:
    """The repository o/n with one issue, and what was asked of it."""

    prefix: str = ""
    me: str = "me"
    limit: int = LIMIT
    app: bool = False
    """The token is a workflow's: it has no user to ask for."""
    issue_body: str = ""
    gist: dict[str, str] = field(factory=dict)
    """The files of every gist."""
    page_host: str = ""
    """What the links to further pages name as the host, where not this server."""
    comments: list[dict[str, Any]] = field(factory=list)
    asked: list[tuple[str, str, Optional[str]]] = field(factory=list)
    """Verb, path with its query, and the token it came with."""
    sent: list[str] = field(factory=list)
    answers: dict[str, list[Answer]] = field(factory=dict)
    """`VERB /path` below the prefix → what to say next, before anything ordinary."""
    tokens: dict[str, set[str]] = field(factory=dict)
    """Token → what it may do, `read` or `write`; where there are none, any token may do all."""
    permissions: dict[str, str] = field(factory=dict)
    """User → what they may do in o/n."""
    drip: float = 0.0
    """Seconds between two bytes of an answer."""
    endless: bool = False
    """Each page of comments has the first one alone, and names a next page."""
    html_url: Optional[str] = None
    """The address of a new comment, where not GitHub's own."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    def add(self, author: str, body: str) -> int:
        number = len(self.comments) + 1
        self.comments.append(
            {
                "id": number,
                "body": body,
                "user": {"login": author, "id": 1, "url": f"{self.url}/users/{author}"},
                "url": f"{self.url}/repos/o/n/issues/comments/{number}",
                "html_url": self.html_url
                or f"https://github.com/o/n/issues/5#issuecomment-{number}",
            }
        )
        return number

    def bodies(self) -> list[str]:
        return [comment["body"] for comment in self.comments]

    def answer(
        self, verb: str, path: str, query: dict[str, list[str]], sent: Any
    ) -> tuple[int, Any, dict[str, str]]:
        user = re.fullmatch(r"/repos/o/n/collaborators/([^/]+)/permission", path)
        if user:
            return 200, {"permission": self.permissions.get(user[1], "none")}, {}
        if verb == "POST" and path == "/graphql":
            return 200, {"data": {"viewer": {"login": self.me}}}, {}
        if path == "/user":
            if self.app:
                return 403, {"message": "Resource not accessible by integration"}, {}
            return 200, {"login": self.me, "id": 1, "url": f"{self.url}/user"}, {}
        if path.startswith("/gists/") and self.gist:
            files = {name: {"filename": name, "content": text} for name, text in self.gist.items()}
            return 200, {"id": path[7:], "files": files, "url": f"{self.url}{path}"}, {}
        if path == "/repos/o/n/issues/5":
            return 200, self._issue(), {}
        if path == "/repos/o/n/issues/5/comments":
            return self._list(query) if verb == "GET" else self._write(None, sent)
        found = re.fullmatch(r"/repos/o/n/issues/comments/(\d+)", path)
        if found and int(found[1]) <= len(self.comments):
            comment = self.comments[int(found[1]) - 1]
            return (200, comment, {}) if verb == "GET" else self._write(comment, sent)
        return 404, {"message": "Not Found"}, {}

    def _issue(self) -> dict[str, Any]:
        url = f"{self.url}/repos/o/n/issues/5"
        count = len(self.comments)
        return {"number": 5, "id": 50, "url": url, "body": self.issue_body, "comments": count}

    def _list(self, query: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        size, page = int(query["per_page"][0]), int(query.get("page", ["1"])[0])
        if self.endless:
            after = f"http://127.0.0.1:{self.port}{self.prefix}/repositories/1/issues/5/comments"
            return (
                200,
                self.comments[:1],
                {"Link": f'<{after}?per_page={size}&page={page + 1}>; rel="next"'},
            )
        shown = self.comments[(page - 1) * size : page * size]
        if page * size >= len(self.comments):
            return 200, shown, {}
        host = self.page_host or f"http://127.0.0.1:{self.port}"
        after = f"{host}{self.prefix}/repositories/1/issues/5/comments?per_page={size}&page="
        return 200, shown, {"Link": f'<{after}{page + 1}>; rel="next"'}

    def _write(
        self, comment: Optional[dict[str, Any]], sent: Any
    ) -> tuple[int, Any, dict[str, str]]:
        if len(sent["body"]) > self.limit:
            said = f"body is too long (maximum is {self.limit} characters)"
            errors = [{"resource": "IssueComment", "code": "unprocessable", "message": said}]
            return 422, {"message": "Validation Failed", "errors": errors}, {}
        if comment is None:
            return 201, self.comments[self.add(self.me, sent["body"]) - 1], {}
        comment["body"] = sent["body"]
        return 200, comment, {}


class Handler(BaseHTTPRequestHandler):
    fake: Fake
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        sent = json.loads(self.rfile.read(length) or b"null")
        parts = urlsplit(self.path)
        root = self.fake.prefix.removesuffix("/v3")
        path = parts.path.removeprefix(self.fake.prefix if self.fake.prefix in parts.path else root)
        path = re.sub("^/repositories/1/", "/repos/o/n/", path)
        self.fake.asked.append((self.command, self.path, self.headers.get("Authorization")))
        if sent and "body" in sent:
            self.fake.sent.append(sent["body"])
        prepared = self.fake.answers.get(f"{self.command} {path}")
        if not self._may(path):
            self._reply(403, {"message": "Resource not accessible by integration"}, {})
        elif not parts.path.startswith(root):
            self._reply(404, {"message": "Not Found"}, {})
        elif prepared:
            said = prepared.pop(0)
            errors = {} if said.errors is None else {"errors": said.errors}
            self._reply(said.status, {"message": said.message, **errors}, said.headers, said.body)
        else:
            self._reply(*self.fake.answer(self.command, path, parse_qs(parts.query), sent))

    do_GET = do_POST = do_PATCH = _serve

    def _may(self, path: str) -> bool:
        """Whether the request's token may do it; asking for its own name is reading."""
        if not self.fake.tokens:
            return True
        secret = (self.headers.get("Authorization") or "").rpartition(" ")[2]
        wanted = "read" if self.command == "GET" or path == "/graphql" else "write"
        return wanted in self.fake.tokens.get(secret, set())

    def _reply(
        self, status: int, data: Any, headers: dict[str, str], body: Optional[bytes] = None
    ) -> None:
        content = json.dumps(data).encode() if body is None else body
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not self.fake.drip:
            self.wfile.write(content)
            return
        with suppress(OSError):
            for byte in content:
                self.wfile.write(bytes([byte]))
                time.sleep(self.fake.drip)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(prefix: str = "") -> Iterator[Fake]:
    """A server of its own for a `with` block."""
    fake = Fake(prefix=prefix)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_", (Handler,), {"fake": fake}))
    server.daemon_threads = True
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
