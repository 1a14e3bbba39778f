"""`/tfmatrix` under an issue: who may, what is understood, and what is believed afterwards."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import UsageError
from runner.github import triage, triage_command
from runner.github.client import Client
from runner.runs import journal
from tests.unit import runs
from tests.unit.github_server import Fake, serving

READ_ONLY, WRITING = "ghp_readonly0123456789", "ghp_writing0123456789"
BODY = "It fails:\r\n\r\n```python\r\nimport sys\r\n```\r\n"


def event(folder: Path, **changes: Any) -> Path:
    """As GitHub sends it, with what a test changes; much is left out that nobody reads."""
    comment = {
        "id": 77,
        "body": changes.get("comment", "/tfmatrix"),
        "author_association": changes.get("association", "MEMBER"),
        "user": {"login": changes.get("author", "member")},
    }
    issue = {"number": 5, "title": "It $(fails)", "body": changes.get("body", BODY)}
    repository = {"full_name": changes.get("repo", "o/n")}
    data = {"action": "created", "issue": issue, "comment": comment, "repository": repository}
    path = folder / "event.json"
    path.write_text(json.dumps(data), "utf-8")
    return path


# --- What is understood ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comment", "arguments"),
    [
        ("/tfmatrix", ["run"]),
        ("  /tfmatrix  \nthanks!", ["run"]),
        ("/tfmatrix run", ["run"]),
        ("/tfmatrix --tf >=2.4,<2.8", ["run", "--tf", ">=2.4,<2.8"]),
        ("/tfmatrix --tf='2.9.3,2.10,nightly'", ["run", "--tf", "2.9.3,2.10,nightly"]),
        ("/tfmatrix --tf `2.15.*` --block 2", ["run", "--tf", "2.15.*", "--block", "2"]),
        ("/tfmatrix bisect", ["bisect"]),
        (
            "/tfmatrix bisect --good 2.9.3 --bad=2.16.0rc0",
            ["bisect", "--good", "2.9.3", "--bad", "2.16.0rc0"],
        ),
    ],
)
def test_what_is_understood(comment: str, arguments: list[str]) -> None:
    assert triage_command.parse_command(comment).arguments == arguments


@pytest.mark.parametrize(
    "comment",
    [
        *("", "tfmatrix", "/tfmatrixx", "please /tfmatrix", "/tfmatrix help"),
        *("/tfmatrix --tf", "/tfmatrix --tf 2.9 --tf 2.10", "/tfmatrix --tf $(id)"),
        *("/tfmatrix --tf 2.9;id", "/tfmatrix --tf -- --output", "/tfmatrix --output /etc"),
        *("/tfmatrix --engine local", "/tfmatrix --unsandboxed-i-trust-this-script"),
        *("/tfmatrix other.py", "/tfmatrix --block 0", "/tfmatrix --block 100"),
        *("/tfmatrix bisect --tf 2.9", "/tfmatrix run --good 2.9", "/tfmatrix --tf 2.9\u2028"),
        "/tfmatrix --tf " + "2.9," * 200,
    ],
)
def test_what_is_not(comment: str) -> None:
    if comment.startswith("/tfmatrix --tf 2.9\u2028"):
        assert triage_command.parse_command(comment).arguments == ["run", "--tf", "2.9"]
        return
    with pytest.raises(UsageError) as caught:
        triage_command.parse_command(comment)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=100))
def test_whatever_is_written_only_known_words_come_out(text: str) -> None:
    try:
        arguments = triage_command.parse_command(f"/tfmatrix {text}").arguments
    except UsageError:
        return
    assert set(arguments[1::2]) <= {"--tf", "--block", "--good", "--bad"}
    assert not any(set(value) & set("$`;&|\\\"'()\n -") for value in arguments[2::2])


# --- Who may ---------------------------------------------------------------------------------


def permitted(fake: Fake, secret: str = READ_ONLY) -> Client:
    fake.tokens = {READ_ONLY: {"read"}, WRITING: {"read", "write"}}
    fake.permissions = {"member": "write", "owner": "admin", "reader": "read"}
    return Client(api_url=fake.url, token=secret, say=print)


@pytest.mark.parametrize(
    ("author", "association", "said"),
    [
        ("member", "MEMBER", ""),
        ("owner", "OWNER", ""),
        ("member", "NONE", "member is not a member: NONE"),
        ("member", "CONTRIBUTOR", "is not a member"),
        ("reader", "COLLABORATOR", "reader may not write to o/n: read"),
        ("stranger", "MEMBER", "stranger may not write to o/n: none"),
    ],
)
def test_both_the_event_and_github_must_say_so(
    tmp_path: Path, author: str, association: str, said: str
) -> None:
    found = triage.read_event(event(tmp_path, author=author, association=association))
    with serving() as fake:
        if not said:
            triage.check(found, permitted(fake))
            return
        with pytest.raises(UsageError, match=said):
            triage.check(found, permitted(fake))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"issue": {}}', "[" * 100_000, "nope"])
def test_what_is_no_event(tmp_path: Path, content: str) -> None:
    (tmp_path / "event.json").write_text(content)
    with pytest.raises(UsageError, match="is not a comment event"):
        triage.read_event(tmp_path / "event.json")


def test_no_token_goes_along() -> None:
    environ = {"GITHUB_TOKEN": "x", "GH_TOKEN": "x", "ACTIONS_RUNTIME_TOKEN": "x", "PATH": "/bin"}
    assert triage.without_tokens(environ) == {"PATH": "/bin"}


# --- What is believed of what comes back --------------------------------------------------------


def measured(folder: Path) -> Path:
    """What the first job hands over."""
    run = runs.drawn("2.15 2.16\nfit ✓ A")
    log = journal.Journal(folder / triage.RUN, run)
    for result in run.results:
        log.append(result, "")
    log.close()
    (folder / triage.SAID).write_text("saved\n")
    return folder


def posted(tmp_path: Path, folder: Path, fake: Fake, **changes: Any) -> str:
    fake.issue_body = changes.pop("now", BODY)
    found = triage.read_event(event(tmp_path, **changes))
    triage.post_report(found, folder, permitted(fake, WRITING), "[this run](https://x.y/1)")
    return fake.bodies()[-1]


def test_the_report_is_posted_and_then_updated(tmp_path: Path) -> None:
    folder = measured(tmp_path / "out")
    with serving() as fake:
        text = posted(tmp_path, folder, fake)
        assert "Requested by `member`; measured by [this run](https://x.y/1)." in text
        assert "`fit` fails " in text
        assert "was edited" not in text
        posted(tmp_path, folder, fake)
        assert len(fake.comments) == 1


def test_an_issue_that_was_edited_meanwhile_is_noticed(tmp_path: Path) -> None:
    with serving() as fake:
        text = posted(tmp_path, measured(tmp_path / "out"), fake, now=BODY + "and more")
    assert "**The issue was edited since" in text


def test_line_ends_are_no_edit(tmp_path: Path) -> None:
    with serving() as fake:
        text = posted(tmp_path, measured(tmp_path / "out"), fake, now=BODY.replace("\r", ""))
    assert "was edited" not in text


def test_a_command_that_is_not_understood_is_answered(tmp_path: Path) -> None:
    with serving() as fake:
        text = posted(tmp_path, tmp_path / "none", fake, comment="/tfmatrix --engine local")
    assert "Nothing was measured" in text
    assert "--engine is not an option" in text


def test_what_the_command_line_said_is_quoted(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / triage.SAID).write_text("choose one with --block:\n```\n@octocat <img>\n")
    with serving() as fake:
        text = posted(tmp_path, folder, fake)
    assert "````text\nchoose one with --block:\n```\n@octocat <img>\n````" in text


def test_nothing_was_handed_over(tmp_path: Path) -> None:
    with serving() as fake:
        text = posted(tmp_path, tmp_path / "none", fake)
    assert "there are no results" in text


@pytest.mark.parametrize("odd", ["link", "pipe", "large", "folder link"])
def test_odd_files_are_refused(tmp_path: Path, odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = measured(tmp_path / "out")
    if odd == "link":
        (folder / triage.RUN / "logs" / "x.txt").symlink_to("/etc/passwd")
    elif odd == "folder link":
        (folder / triage.RUN / "scripts").symlink_to("/etc")
    elif odd == "pipe":
        os.mkfifo(folder / "pipe")
    else:
        monkeypatch.setattr(triage, "MOST_BYTES", 10)
    with serving() as fake:
        text = posted(tmp_path, folder, fake)
    assert "Nothing was measured" in text
    assert "fit" not in text


def test_a_forged_run_is_no_report(tmp_path: Path) -> None:
    folder = measured(tmp_path / "out")
    (folder / triage.RUN / journal.HEAD).write_text('{"schema": 1, "run": "<script>"}')
    (folder / triage.RUN / "matrix.md").write_text("@octocat **made up**")
    with serving() as fake:
        text = posted(tmp_path, folder, fake)
    assert "Nothing was measured" in text
    assert "made up" not in text


def test_the_token_of_the_first_job_cannot_post(tmp_path: Path) -> None:
    found = triage.read_event(event(tmp_path))
    with serving() as fake:
        fake.issue_body = BODY
        with pytest.raises(Exception, match="may not do this"):
            triage.post_report(found, measured(tmp_path / "out"), permitted(fake), "x")
        assert fake.comments == []


def test_an_error_is_one_annotation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"GITHUB_EVENT_PATH": str(tmp_path / "none\n::set-output name=x::y")}
    assert triage.main(["check"], environ) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("::error::")
