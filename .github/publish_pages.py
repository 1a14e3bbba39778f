"""Puts a run's index.html on the branch that GitHub Pages serves, in a folder named by the run.

python -I publish_pages.py RUN-FOLDER

Earlier runs stay where they are, so links to a run and to its cells stay valid. Prints the address
of the page. Writes Git's objects directly: no file of the branch is checked out.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BRANCH = "gh-pages"
TRIES = 5
AUTHOR = "github-actions[bot]"
EMAIL = "41898282+github-actions[bot]@users.noreply.github.com"


class Refused(Exception):
    """Git's own words, or ours."""


def main(folder):
    repository = os.environ["GITHUB_REPOSITORY"]
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    run_id, page = run_to_publish(Path(folder))
    site = pages_url(repository, os.environ.get("PAGES_URL", ""))
    with tempfile.TemporaryDirectory() as place:
        git = Git(place, f"{server}/{repository}.git", os.environ.get("GITHUB_TOKEN", ""))
        git("init", "--quiet")
        publish(git, run_id, page)
    return f"{site}/{run_id}/"


def run_to_publish(folder):
    """The run's id, and the path of its page."""
    page = folder / "index.html"
    try:
        run_id = json.loads((folder / "matrix.json").read_text("utf-8"))["run"]["id"]
    except (OSError, ValueError, KeyError, TypeError):
        raise Refused(f"{folder} holds no run: it has no readable matrix.json") from None
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}", str(run_id)):
        raise Refused(f"{folder}: the id of the run cannot be the name of a folder")
    if page.is_symlink() or not page.is_file():
        raise Refused(f"{page} is not a file")
    return run_id, page.resolve()


def pages_url(repository, given):
    """Where GitHub serves the branch; `given` is another place, such as a domain of one's own."""
    if given:
        if not re.fullmatch(r"https://[0-9A-Za-z._~:/@%+-]+", given):
            raise Refused(f"pages-url: {given!r} is no address such as https://example.org/reports")
        return given.rstrip("/")
    owner, name = repository.split("/", 1)
    site = f"{owner}.github.io".lower()
    return f"https://{site}" if name.lower() == site else f"https://{site}/{name}"


class Git:
    """Git in a repository of its own; the token is in no argument."""

    def __init__(self, folder, remote, token):
        self.remote = remote
        self._folder = folder
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
            **{f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER") for what, text in ME},
            **(authorization(remote, token) if token else {}),
            "GIT_TERMINAL_PROMPT": "0",
        }

    def __call__(self, *words):
        done = subprocess.run(
            ["git", *words],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Refused(f"git {words[0]}: {done.stderr.strip()[-500:]}")
        return done.stdout.strip()


ME = (("NAME", AUTHOR), ("EMAIL", EMAIL))


def authorization(remote, token):
    login = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{remote}.extraheader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {login}",
    }


def publish(git, run_id, page):
    """Again on top of the new state where another job was faster."""
    for attempt in range(TRIES):
        try:
            git("push", "--quiet", git.remote, f"{commit(git, run_id, page)}:refs/heads/{BRANCH}")
        except Refused as error:
            if attempt + 1 == TRIES or "rejected" not in str(error):
                raise
        else:
            return


def commit(git, run_id, page):
    """The branch with this page in it."""
    parent = newest(git)
    git("read-tree", *([parent] if parent else ["--empty"]))
    for name, path in ((f"{run_id}/index.html", page), (".nojekyll", os.devnull)):
        blob = git("hash-object", "-w", "--no-filters", str(path))
        git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
    before = ["-p", parent] if parent else []
    return git("commit-tree", git("write-tree"), *before, "-m", f"Report of {run_id}")


def newest(git):
    """The branch's commit, fetched; empty where there is no such branch yet."""
    if not git("ls-remote", "--heads", git.remote, BRANCH):
        return ""
    git("fetch", "--quiet", "--depth", "1", git.remote, f"refs/heads/{BRANCH}")
    return git("rev-parse", "FETCH_HEAD")


if __name__ == "__main__":
    try:
        print(main(sys.argv[1]))
    except Refused as error:
        advice = "; the job needs `permissions: contents: write`" if "push" in str(error) else ""
        sys.exit(f"tfmatrix: pages: {error}{advice}")
