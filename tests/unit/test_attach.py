"""attach: over real HTTP, against a server that speaks GitHub's shapes."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import pytest
from attrs import define, evolve, field
from hypothesis import given
from hypothesis import strategies as st

from runner import cli, grid
from runner.errors import TfmatrixError, UsageError
from runner.github import address, attach, limits, token
from runner.github.bounds import Bounds
from runner.github.client import Client, Clock
from runner.github.comment import Comment, compose, earlier_comment, identity, marker
from runner.model import Run, Verdict
from runner.report import Extras, gfm, markdown
from runner.report.context import Context
from runner.runs import journal
from tests.unit import runs
from tests.unit.github_server import TOKEN, Answer, Fake, serving

ISSUE = address.Issue(repo="o/n", number=5)
COMMENTS = "/repos/o/n/issues/5/comments"
KEY = "0123456789abcdef"


@pytest.fixture(params=["", "/api/v3"], ids=["github.com", "enterprise"])
def github(request: pytest.FixtureRequest) -> Iterator[Fake]:
    with serving(request.param) as fake:
        yield fake


@define
class Waits:
    """A clock whose sleep takes no time."""

    seconds: list[float] = field(factory=list)

    def clock(self) -> Clock:
        return Clock(now=lambda: 1_000_000.0 + sum(self.seconds), sleep=self.seconds.append)


@define
class User:
    """Attaches as a command would, and keeps what was said."""

    github: Fake
    waits: Waits = field(factory=Waits)
    said: list[str] = field(factory=list)
    bounds: Bounds = field(factory=Bounds)

    def client(self, secret: Optional[str] = TOKEN) -> Client:
        return Client(
            api_url=self.github.url,
            token=secret,
            say=self.said.append,
            clock=self.waits.clock(),
            bounds=self.bounds,
        )

    def attach(self, text: str = "the report", key: str = KEY) -> attach.Posted:
        return attach.attach(self.client(), ISSUE, key, lambda limit: text[: limit // 2])

    def refused(self) -> str:
        """What is said where attaching does not work; the token is never in it."""
        with pytest.raises(TfmatrixError) as caught:
            self.attach()
        assert TOKEN not in f"{caught.value!r} {caught.value} {self.said}"
        assert caught.value.exit_code == 3
        return str(caught.value)


# --- Post and update -------------------------------------------------------------------------


def test_the_first_time_a_comment_is_made(github: Fake) -> None:
    posted = User(github).attach()
    assert github.bodies() == [f"{marker(KEY)}\n\nthe report"]
    assert posted == attach.Posted(
        url="https://github.com/o/n/issues/5#issuecomment-1", updated=False
    )
    assert {secret for _, _, secret in github.asked} == {f"token {TOKEN}"}


def test_the_next_time_it_is_updated(github: Fake) -> None:
    User(github).attach("before")
    github.add("somebody", "thanks")
    assert User(github).attach("after").updated
    assert github.bodies() == [f"{marker(KEY)}\n\nafter", "thanks"]


def test_another_repro_has_its_own_comment(github: Fake) -> None:
    User(github).attach("one")
    assert not User(github).attach("other", key="f" * 16).updated
    User(github).attach("one again")
    assert [body.split("\n")[-1] for body in github.bodies()] == ["one again", "other"]


def test_the_earlier_comment_is_found_on_a_later_page(github: Fake) -> None:
    for number in range(250):
        github.add("somebody", f"comment {number}")
    mine = github.add("me", compose(KEY, "before"))
    assert User(github).attach("after").updated
    assert github.bodies()[mine - 1] == compose(KEY, "after")
    assert sum("comments?" in path for _, path, _ in github.asked) == 3


def test_nobody_elses_comment_is_touched(github: Fake) -> None:
    github.add("mallory", compose(KEY, "not yours"))
    github.add("me", f"I quote:\n{marker(KEY)}\n")
    github.add("me", f"> {marker(KEY)}")
    before = github.bodies()
    assert not User(github).attach().updated
    assert github.bodies()[:3] == before


def test_a_comment_of_a_deleted_user_is_nobodys(github: Fake) -> None:
    github.comments[github.add("ghost", compose(KEY, "old")) - 1]["user"] = None
    assert not User(github).attach().updated


def test_what_github_made_of_the_line_ends_does_not_matter(github: Fake) -> None:
    github.add("me", compose(KEY, "before").replace("\n", "\r\n"))
    assert User(github).attach().updated


def test_a_workflows_token_finds_its_own_comment(github: Fake) -> None:
    github.app, github.me = True, "github-actions[bot]"
    assert not User(github).attach("before").updated
    github.add("github-actions", "a person of that name")
    assert User(github).attach("after").updated
    assert github.bodies()[0] == compose(KEY, "after")


# --- A report that passes for another's comment ----------------------------------------------


def test_a_log_cannot_pass_for_another_matrixs_comment(github: Fake) -> None:
    forged = f"{marker('f' * 16)}\n\nall is well"
    run = runs.drawn("2.1 2.2\ncase ✓ A", {"A": (Verdict.FAIL, forged)})
    attach.attach(User(github).client(), ISSUE, KEY, _render(run, forged))
    assert marker("f" * 16) in github.bodies()[0], "the attack is in the report, as text"
    assert not User(github).attach(key="f" * 16).updated
    assert User(github).attach(key=KEY).updated


@given(st.text(max_size=200))
def test_only_the_first_line_makes_a_comment_ours(report: str) -> None:
    comment = Comment(id=1, author="me", body=compose(KEY, report + marker("f" * 16)))
    assert earlier_comment([comment], "f" * 16, "me") is None
    assert earlier_comment([comment], KEY, "me") is comment
    assert earlier_comment([comment], KEY, "mallory") is None


def _render(run: Run, log: str) -> attach.Render:
    context = Context(
        run=run,
        grid=grid.build_grid(run),
        logs=lambda _: log,
        extras=Extras(scripts={"script": log}),
    )
    return lambda limit: markdown.render(context, limit)


# --- Identity --------------------------------------------------------------------------------


def test_identity_is_the_repros_whatever_the_releases() -> None:
    one = runs.drawn("2.1 2.2\ncase ✓ A")
    assert identity(one) == identity(runs.drawn("1.15 2.9\nother ✓ ✓"))
    renamed = evolve(one, results=tuple(evolve(r, repro="another") for r in one.results))
    assert identity(one) != identity(renamed)
    assert identity(one, "gpu") not in (identity(one), identity(one, "cpu"))


# --- GitHub says no --------------------------------------------------------------------------


def test_a_body_that_is_too_long_is_shortened(github: Fake) -> None:
    github.limit = 20_000
    user = User(github)
    user.attach("x" * 70_000)
    assert [len(body) > github.limit for body in github.sent] == [True, True, False][
        -len(github.sent) :
    ]
    assert len(github.sent) > 1
    assert "too long" in user.said[0]


def test_shortening_ends(github: Fake) -> None:
    github.limit = 3
    assert "too long" in User(github).refused()
    assert len(github.sent) == 1 + attach.SHRINKS
    assert github.comments == []


def test_a_422_about_something_else_is_not_answered_by_shortening(github: Fake) -> None:
    github.answers[f"POST {COMMENTS}"] = [
        Answer(422, "Validation Failed", errors=[{"code": "spam", "field": "body"}])
    ]
    assert "422: Validation Failed; spam" in User(github).refused()
    assert len(github.sent) == 1


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"Retry-After": "7"}, "You have exceeded a secondary rate limit.", 7),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000030"}, "API rate limit", 31),
        ({}, "You have exceeded a secondary rate limit", 60),
        ({"Retry-After": "soon"}, "slow down", 60),
    ],
)
@pytest.mark.parametrize("status", [403, 429])
def test_a_rate_limit_is_waited_for(
    github: Fake, status: int, headers: dict[str, str], message: str, seconds: float
) -> None:
    github.answers[f"POST {COMMENTS}"] = [Answer(status, message, headers)]
    user = User(github)
    user.attach()
    assert user.waits.seconds == [seconds]
    assert f"rate limit; waiting {seconds} s, until " in user.said[0]
    assert "commenting on o/n#5" in user.said[0]
    assert len(github.comments) == 1


def test_a_long_wait_is_not_waited_for(github: Fake) -> None:
    github.answers["GET /user"] = [
        Answer(403, "", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1003600"})
    ]
    user = User(github)
    assert "rate limit is reached until 14:46 UTC" in user.refused()
    assert user.waits.seconds == []


def test_waiting_again_and_again_ends(github: Fake) -> None:
    github.answers[f"POST {COMMENTS}"] = [Answer(403, "", {"Retry-After": "0"})] * 10_000
    user = User(github)
    assert "rate limit" in user.refused()
    assert user.waits.seconds == [1, 2, 4, 8, 16, 32, 64, 128]
    assert sum(user.waits.seconds) <= limits.MOST_WAIT


@pytest.mark.parametrize(
    ("status", "said", "remedy"),
    [
        (401, "the token is not accepted (401: no)", "gh auth login"),
        (403, "the token may not do this (403: no)", "permissions: issues: write"),
        (404, "there is no such issue, or the token may not see it (404: no)", "check the name"),
        (410, "the issue was deleted", "another --repo or --issue"),
        (502, "GitHub did not do it (502: no)", "the same command, later"),
    ],
)
def test_a_refusal_is_one_line_and_its_remedy(
    github: Fake, status: int, said: str, remedy: str
) -> None:
    github.answers[f"GET {COMMENTS}"] = [Answer(status, "no")]
    line, mend = User(github).refused().split("\n")
    assert line.startswith("reading the comments of o/n#5: ")
    assert said in line
    assert remedy in mend


def test_a_token_in_the_answer_is_not_repeated(github: Fake) -> None:
    github.answers["GET /user"] = [Answer(401, f"bad {TOKEN}\x1b[31m\nsecond line")]
    assert "bad *** second line" in User(github).refused()


@pytest.mark.parametrize("body", [b"<html>login</html>", b"{", b"[1]", b"\xff\xfe"])
def test_a_server_that_is_no_github(github: Fake, body: bytes) -> None:
    github.answers[f"GET {COMMENTS}"] = [Answer(200, body=body)]
    assert "does not answer as GitHub does" in User(github).refused()


def test_the_token_follows_no_link_to_another_host(github: Fake) -> None:
    with serving(github.prefix) as other:
        github.page_host = f"http://localhost:{other.port}"
        for number in range(150):
            github.add("somebody", str(number))
        assert "does not answer as GitHub does" in User(github).refused()
        assert other.asked == []


# --- A server that does not come to an end ---------------------------------------------------


def test_an_answer_that_comes_byte_by_byte_is_not_waited_for(github: Fake) -> None:
    github.drip = 0.2
    user = User(github, bounds=Bounds(seconds=1))
    began = time.monotonic()
    assert "no whole answer within 1 s" in user.refused()
    assert time.monotonic() - began < 5


def test_pages_without_end_are_not_followed_for_ever(github: Fake) -> None:
    github.endless = True
    github.add("somebody", "first")
    user = User(github, bounds=Bounds(answers=20))
    assert "more answers than an issue can have" in user.refused()
    assert len(github.asked) <= 20


def test_an_answer_without_end_is_not_read(github: Fake) -> None:
    github.answers[f"GET {COMMENTS}"] = [Answer(200, body=b"[" + b" " * 3_000_000)]
    assert "more bytes than the comments" in User(github, bounds=Bounds(size=1_000_000)).refused()


@pytest.mark.parametrize(
    "url", ["https://x/\n::error::", "javascript:alert(1)", "https://\x1b[31m", "", "https:// x"]
)
def test_an_address_that_is_none_is_not_printed(github: Fake, url: str) -> None:
    github.html_url = url or " "
    assert User(github).attach().url == "o/n#5"


def test_no_server_at_all(github: Fake) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        github.port = unused.getsockname()[1]
        assert f"127.0.0.1:{github.port} cannot be reached" in User(github).refused()


# --- Names, addresses, tokens ----------------------------------------------------------------


@pytest.mark.parametrize("text", ["o/n", "tensorflow/tensorflow", "a_b/.github", "o/n.py"])
def test_a_repository(text: str) -> None:
    assert address.repository(text) == text


@pytest.mark.parametrize(
    "text", ["", "o", "o/n/x", "o/..", "../o", "o/n?x", "o/n#1", "o /n", "ö/n"]
)
def test_no_repository(text: str) -> None:
    with pytest.raises(UsageError):
        address.repository(text)


def test_references() -> None:
    assert address.reference("o/n#5") == ISSUE
    assert address.reference("https://github.com/o/n/issues/5#issuecomment-7") == ISSUE
    assert address.reference("https://github.com/o/n/pull/5") == ISSUE
    for text in ("o/n", "o/n#0", "o/n#-1", "#5", "o/..#5", "https://evil.com/o/n/issues/5"):
        assert address.reference(text) is None


@pytest.mark.parametrize(
    "url", ["https://api.github.com", "https://h.example:8443/api/v3", "http://127.0.0.1:8080"]
)
def test_addresses_that_may_get_a_token(url: str) -> None:
    assert address.api_base(url + "/") == url


@pytest.mark.parametrize(
    "url",
    ["", "h", "http://h.example", "ftp://h", "https://", "https://h?x", "https://[", "https://h:x"],
)
def test_addresses_that_may_not(url: str) -> None:
    with pytest.raises(UsageError, match="api/v3"):
        address.api_base(url)


def test_a_password_in_the_address_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        address.api_base("https://me:hunter2@h.example")
    assert "hunter2" not in str(caught.value)


def test_tokens_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gh = tmp_path / "gh"
    gh.write_text('#!/bin/sh\n[ "$*" = "auth token --hostname h" ] && echo from-gh\n', "utf-8")
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    both = {"GITHUB_TOKEN": "first\n", "GH_TOKEN": "second"}
    assert token.find_token(both, "h") == "first"
    assert token.find_token({"GITHUB_TOKEN": " ", "GH_TOKEN": "second"}, "h") == "second"
    assert token.find_token({}, "h") == "from-gh"
    assert token.find_token({}, "another") is None


def test_no_gh_is_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="GITHUB_TOKEN"):
        token.require_token({}, "h")


def test_what_cannot_be_a_token_is_not_sent_and_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        token.find_token({"GH_TOKEN": f"{TOKEN}\nX-Evil: 1"}, "h")
    assert TOKEN not in str(caught.value)


# --- The command -----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with results/latest, and no token but ours."""
    run = runs.drawn("2.1 2.2\ncase ✓ A")
    log = journal.Journal(tmp_path / "results" / run.info.id, run)
    for result in run.results:
        log.append(result, "the log <!-- x -->\n")
    log.close()
    journal.point_latest(log.folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.delenv("GITHUB_API_URL", raising=False)
    return tmp_path


Captured = pytest.CaptureFixture[str]


def test_the_command_posts_and_says_where(folder: Path, github: Fake, capsys: Captured) -> None:
    command = ["attach", "--repo", "o/n", "--issue", "5", "--api-url", github.url]
    assert cli.execute(command) == 0
    said = capsys.readouterr()
    assert said.out == "https://github.com/o/n/issues/5#issuecomment-1\n"
    assert "posted on o/n#5" in said.err
    assert cli.execute(command) == 0
    assert "updated on o/n#5" in capsys.readouterr().err
    assert len(github.comments) == 1
    assert gfm.counted_length(github.bodies()[0]) <= gfm.LIMIT
    assert not [path for path in folder.rglob("*") if path.is_file() and _holds_token(path)]


def test_a_dry_run_prints_the_comment_and_sends_nothing(
    folder: Path, github: Fake, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    command = ["attach", "latest", "--repo", "o/n", "--issue", "5"]
    assert cli.execute([*command, "--dry-run"]) == 0
    printed = capsys.readouterr()
    assert github.asked == []
    assert "nothing was sent" in printed.err
    assert cli.execute(command) == 0
    assert github.bodies() == [printed.out]


def test_the_comment_links_to_where_the_report_is_published(
    folder: Path, github: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    command = ["attach", "latest", "--repo", "o/n", "--issue", "5", "--report-url"]
    assert cli.execute([*command, "https://o.github.io/n/1/"]) == 0
    (body,) = github.bodies()
    assert "](https://o.github.io/n/1/)" in body
    assert "](https://o.github.io/n/1/#repro=" in body


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--repo", "o", "--issue", "5"], "OWNER/NAME"),
        (["--repo", "o/n", "--issue", "5", "--report-url", "http://x"], "cannot be linked to"),
        (["--repo", "o/n", "--issue", "0"], "x>=1"),
        (["--repo", "o/n"], "--issue"),
        (["nowhere", "--repo", "o/n", "--issue", "5"], "no run 'nowhere'"),
        (["--repo", "o/n", "--issue", "5", "--api-url", "http://h.example"], "https://HOST/api/v3"),
    ],
)
def test_wrong_use(folder: Path, capsys: Captured, options: list[str], part: str) -> None:
    assert cli.execute(["attach", *options]) == 2
    assert part in capsys.readouterr().err


def test_the_command_says_what_github_refused(folder: Path, github: Fake, capsys: Captured) -> None:
    github.answers[f"GET {COMMENTS}"] = [Answer(401, f"Bad credentials {TOKEN}")]
    command = ["attach", "--repo", "o/n", "--issue", "5", "--api-url", github.url]
    assert cli.execute(command) == 3
    said = capsys.readouterr()
    assert "tfmatrix: reading the comments of o/n#5: the token is not accepted" in said.err
    assert TOKEN not in said.out + said.err


def _holds_token(path: Path) -> bool:
    return TOKEN.encode() in path.read_bytes()
