"""A run's page on the branch that Pages serves: with a real Git, in a repository on disk."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".github" / "publish_pages.py"

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """GitHub's side: a bare repository at OWNER/NAME.git."""
    place = tmp_path / "server" / "octo" / "Repro.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(place)], check=True)
    return place


def run_folder(tmp_path: Path, run_id: str, page: str = "<p>page</p>") -> Path:
    folder = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    (folder / "matrix.json").write_text(json.dumps({"run": {"id": run_id}}))
    (folder / "index.html").write_text(page)
    return folder


def environment(remote: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(remote.parent),
        "GITHUB_REPOSITORY": "octo/Repro",
        "GITHUB_SERVER_URL": (remote.parents[1]).as_uri(),
        "GITHUB_TOKEN": "a-secret",
        **more,
    }


def publish(folder: Path, remote: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(folder)],
        env=environment(remote, **more),
        capture_output=True,
        text=True,
        check=False,
    )


def git(remote: Path, *words: str) -> str:
    command = ["git", "--git-dir", str(remote), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def files(remote: Path) -> list[str]:
    return git(remote, "ls-tree", "-r", "--name-only", "gh-pages").split()


def test_a_run_has_an_address_that_stays(tmp_path: Path, remote: Path) -> None:
    first = publish(run_folder(tmp_path, "20261122-one", "<p>one</p>"), remote)
    assert (first.returncode, first.stdout) == (0, "https://octo.github.io/Repro/20261122-one/\n")
    second = publish(run_folder(tmp_path, "20261123-two", "<p>two</p>"), remote)
    assert second.returncode == 0, second.stderr
    assert files(remote) == [".nojekyll", "20261122-one/index.html", "20261123-two/index.html"]
    assert git(remote, "show", "gh-pages:20261122-one/index.html") == "<p>one</p>"
    assert git(remote, "rev-list", "--count", "gh-pages").strip() == "2"


def test_what_else_is_on_the_branch_stays(tmp_path: Path, remote: Path) -> None:
    publish(run_folder(tmp_path, "one"), remote)
    work = tmp_path / "work"
    subprocess.run(["git", "clone", "-q", "-b", "gh-pages", str(remote), str(work)], check=True)
    (work / "CNAME").write_text("example.org")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["add", "CNAME"], [*who, "commit", "-qm", "Name"], ["push", "-q"]):
        subprocess.run(["git", "-C", str(work), *words], check=True, capture_output=True)
    publish(run_folder(tmp_path, "two"), remote)
    assert files(remote) == [".nojekyll", "CNAME", "one/index.html", "two/index.html"]


def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("publish_pages", SCRIPT)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_a_job_that_was_faster_loses_nothing(tmp_path: Path, remote: Path) -> None:
    script = module()
    slow, fast = run_folder(tmp_path, "slow"), run_folder(tmp_path, "fast")
    place = tmp_path / "git"
    place.mkdir()
    real = script.Git(str(place), remote.as_uri(), "")
    pushes = []

    class Slow:
        remote = real.remote

        def __call__(self, *words: str) -> str:
            if words[0] == "push":
                pushes.append(words)
                if len(pushes) == 1:
                    assert publish(fast, remote).returncode == 0
            return str(real(*words))

    real("init", "--quiet")
    script.publish(Slow(), "slow", slow / "index.html")
    assert len(pushes) == 2
    assert files(remote) == [".nojekyll", "fast/index.html", "slow/index.html"]


@pytest.mark.parametrize("run_id", ["../up", "a/b", "", ".git", "-x", "a\nb"])
def test_an_id_that_is_no_name_of_a_folder_is_refused(
    run_id: str, tmp_path: Path, remote: Path
) -> None:
    done = publish(run_folder(tmp_path, run_id), remote)
    assert done.returncode == 1
    assert "cannot be the name of a folder" in done.stderr
    assert git(remote, "branch") == ""


def test_a_page_that_is_a_link_is_refused(tmp_path: Path, remote: Path) -> None:
    folder = run_folder(tmp_path, "one")
    (folder / "index.html").unlink()
    (folder / "index.html").symlink_to("/etc/passwd")
    assert "is not a file" in publish(folder, remote).stderr


def test_a_folder_without_a_run_is_refused(tmp_path: Path, remote: Path) -> None:
    assert "holds no run" in publish(tmp_path, remote).stderr


def test_the_token_is_in_no_argument_and_in_no_message(tmp_path: Path, remote: Path) -> None:
    real = shutil.which("git")
    log, binaries = tmp_path / "log", tmp_path / "bin"
    binaries.mkdir()
    (binaries / "git").write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    (binaries / "git").chmod(0o755)
    shutil.rmtree(remote)
    path = f"{binaries}:{os.environ['PATH']}"
    done = publish(run_folder(tmp_path, "one"), remote, PATH=path)
    assert done.returncode == 1
    assert "ls-remote" in log.read_text()
    shown = log.read_text() + done.stdout + done.stderr
    for secret in ("a-secret", "YS1zZWNyZXQ"):
        assert secret not in shown


def test_only_this_server_gets_the_token() -> None:
    found = module().authorization("https://github.com/octo/Repro.git", "t")
    assert found["GIT_CONFIG_KEY_0"] == "http.https://github.com/octo/Repro.git.extraheader"
    assert found["GIT_CONFIG_VALUE_0"] == "Authorization: Basic eC1hY2Nlc3MtdG9rZW46dA=="


@pytest.mark.parametrize(
    ("repository", "given", "url"),
    [
        ("Octo/repro", "", "https://octo.github.io/repro"),
        ("Octo/octo.github.io", "", "https://octo.github.io"),
        ("Octo/repro", "https://example.org/reports/", "https://example.org/reports"),
    ],
)
def test_where_pages_serves_the_branch(repository: str, given: str, url: str) -> None:
    assert module().pages_url(repository, given) == url


@pytest.mark.parametrize("given", ["http://example.org", "https://a b", "https://a)\nx=1"])
def test_another_place_is_an_address(given: str, tmp_path: Path, remote: Path) -> None:
    done = publish(run_folder(tmp_path, "one"), remote, PAGES_URL=given)
    assert "pages-url" in done.stderr
    assert git(remote, "branch") == "", "nothing was pushed"


def test_the_action_publishes_and_says_where(tmp_path: Path, remote: Path) -> None:
    """Its own shell lines, with Git and with a command in tfmatrix' place that shows its words."""
    steps = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"]
    (step,) = [each for each in steps if each.get("id") == "pages"]
    folder, binaries = run_folder(tmp_path, "one"), tmp_path / "bin"
    binaries.mkdir()
    (binaries / "tfmatrix").write_text(
        f'#!/bin/sh\necho "$GITHUB_TOKEN" "$GITHUB_STEP_SUMMARY" "$@" >> {tmp_path}/words\n'
    )
    (binaries / "tfmatrix").chmod(0o755)
    known = environment(
        remote,
        PATH=f"{binaries}:{os.environ['PATH']}",
        PYTHON=sys.executable,
        SOURCE=str(ROOT),
        OUTPUT=str(folder),
        PAGES_URL="",
        GITHUB_OUTPUT=str(tmp_path / "outputs"),
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary"),
    )
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    subprocess.run(command, env=known, check=True)
    page = "https://octo.github.io/Repro/one/"
    assert (tmp_path / "outputs").read_text() == f"page={page}\n"
    assert f"]({page})" in (tmp_path / "summary").read_text()
    assert (tmp_path / "words").read_text() == f"  report --report-url {page} -- {folder}\n"
    assert files(remote) == [".nojekyll", "one/index.html"]
