"""The steps of .github/workflows/triage.yml as they stand, run by bash with a recorded event.

What GitHub does around them is done here: the conditions of the jobs, a token of each job's own
permissions, the artifact between them. The issue's script runs in the real agent.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import define, field

from tests.unit.github_server import Fake, serving
from tests.unit.test_triage import event

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/triage.yml").read_text("utf-8"))
TOKENS = {"measure": "ghp_measure0123456789", "post": "ghp_post0123456789"}
SCRIPT = "import sys\n\nraise KeyError('from the issue')\n"
BODY = f"It fails: `$(touch hacked)`; touch hacked\n\n```python\n{SCRIPT}```\n"


@define
class Machine:
    """One run of the workflow; each job begins in an empty folder."""

    folder: Path
    fake: Fake
    event: Path
    outputs: dict[str, dict[str, str]] = field(factory=dict)
    artifact: Path = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.artifact = self.folder / "artifact"
        rights = {name: set(job["permissions"].values()) for name, job in jobs().items()}
        self.fake.tokens = {
            TOKENS[name]: {"read", *(["write"] if "write" in values else [])}
            for name, values in rights.items()
        }

    def run(self) -> dict[str, bool]:
        """Which jobs ran, and whether they went well."""
        done: dict[str, bool] = {}
        for name, job in jobs().items():
            if self._wanted(name, job["if"], done):
                done[name] = self._job(name, job)
        return done

    def _wanted(self, name: str, condition: str, done: dict[str, bool]) -> bool:
        """What the two conditions in the file say."""
        if name == "post":
            assert "needs.measure.outputs.allowed == 'true'" in condition
            return self.outputs.get("measure", {}).get("allowed") == "true"
        comment = json.loads(self.event.read_text("utf-8"))["comment"]
        (members,) = re.findall(r"fromJSON\('(\[.*?\])'\)", condition)
        starts = comment["body"].startswith("/tfmatrix")
        return starts and comment["author_association"] in json.loads(members)

    def _job(self, name: str, job: dict[str, Any]) -> bool:
        place = self.folder / name
        (place / "temp/tfmatrix/bin").mkdir(parents=True)
        (place / "work").mkdir()
        wrapper(place / "temp/tfmatrix/bin/python", f'exec "{sys.executable}" "$@"')
        wrapper(
            place / "temp/bin/tfmatrix",
            f'exec "{sys.executable}" -m tests.engines.triage_tfmatrix "$@"',
        )
        well = True
        for step in job["steps"]:
            if "uses" in step:
                self._use(step, place / "work", well)
            elif well:
                well = self._step(name, step, place)
        return well

    def _use(self, step: dict[str, Any], work: Path, well: bool) -> None:
        if "upload-artifact" in step["uses"]:
            assert well or step["if"].startswith("always()")
            if (work / step["with"]["path"]).exists():
                shutil.copytree(work / step["with"]["path"], self.artifact, symlinks=True)
        elif "download-artifact" in step["uses"] and self.artifact.exists():
            shutil.copytree(self.artifact, work / step["with"]["path"], symlinks=True)

    def _step(self, name: str, step: dict[str, Any], place: Path) -> bool:
        output = place / "output"
        output.touch()
        given = {
            key: value.replace("${{ github.token }}", TOKENS[name])
            for key, value in step.get("env", {}).items()
        }
        assert "${{" not in step["run"], "an expression in a shell's text"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=place / "work",
            env={**self._environment(place, output), **given},
            capture_output=True,
            text=True,
            timeout=300,
        )
        told = [line.partition("=") for line in output.read_text().splitlines()]
        self.outputs.setdefault(name, {}).update({key: value for key, _, value in told})
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode == 0

    def _environment(self, place: Path, output: Path) -> dict[str, str]:
        return {
            "PATH": f"{place / 'temp/bin'}:{os.environ['PATH']}",
            "HOME": str(place),
            "PYTHONPATH": str(ROOT),
            "TFMATRIX_CACHE": str(place / "cache"),
            "RUNNER_TEMP": str(place / "temp"),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_EVENT_PATH": str(self.event),
            "GITHUB_API_URL": self.fake.url,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "o/n",
            "GITHUB_RUN_ID": "123",
        }


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = WORKFLOW["jobs"]
    return found


def wrapper(path: Path, command: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving() as fake:
        fake.permissions = {"member": "write"}
        fake.issue_body = BODY
        yield fake


def machine(tmp_path: Path, fake: Fake, **changes: Any) -> Machine:
    changes = {"body": BODY, "comment": "/tfmatrix --tf 2.14,2.15\n\nplease", **changes}
    return Machine(folder=tmp_path, fake=fake, event=event(tmp_path, **changes))


def test_a_member_gets_the_matrix_as_a_comment(tmp_path: Path, fake: Fake) -> None:
    made = machine(tmp_path, fake)
    assert made.run() == {"measure": True, "post": True}
    (body,) = fake.bodies()
    assert "`KeyError: 'from the issue'`" in body
    assert "Requested by `member`; measured by [this run]" in body
    assert "https://github.com/o/n/actions/runs/123" in body
    assert not list(tmp_path.rglob("hacked")), "text of the issue reached a shell"
    writes = {secret for verb, _, secret in fake.asked if verb != "GET"}
    assert writes == {f"token {TOKENS['post']}"}


def test_the_job_that_runs_the_script_cannot_write(tmp_path: Path) -> None:
    assert "write" not in jobs()["measure"]["permissions"].values()
    assert WORKFLOW["permissions"] == {}
    (measure,) = [step for step in jobs()["measure"]["steps"] if step.get("name") == "Measure"]
    assert "env" not in measure
    assert "secrets" not in (ROOT / ".github/workflows/triage.yml").read_text("utf-8")


@pytest.mark.parametrize(
    ("changes", "ran"),
    [
        ({"association": "NONE"}, {}),
        ({"association": "CONTRIBUTOR"}, {}),
        ({"comment": "I tried /tfmatrix"}, {}),
        ({"author": "stranger"}, {"measure": False}),
    ],
)
def test_nobody_else_starts_it(
    tmp_path: Path, fake: Fake, changes: dict[str, str], ran: dict[str, bool]
) -> None:
    assert machine(tmp_path, fake, **changes).run() == ran
    assert fake.comments == []
    assert not (tmp_path / "artifact").exists()


def test_an_edit_meanwhile_is_said(tmp_path: Path, fake: Fake) -> None:
    fake.issue_body = BODY.replace("KeyError", "ValueError")
    assert machine(tmp_path, fake).run() == {"measure": True, "post": True}
    (body,) = fake.bodies()
    assert "**The issue was edited since" in body
    assert "`KeyError: 'from the issue'`" in body, "what the member saw is what ran"


def test_a_command_that_is_not_understood_is_answered(tmp_path: Path, fake: Fake) -> None:
    made = machine(tmp_path, fake, comment="/tfmatrix --engine local")
    assert made.run() == {"measure": False, "post": True}
    assert "--engine is not an option" in fake.bodies()[0]


def test_an_issue_without_a_script_is_answered(tmp_path: Path, fake: Fake) -> None:
    fake.issue_body = "no script"
    assert machine(tmp_path, fake, body="no script").run() == {"measure": True, "post": True}
    assert "there is no Python code block" in fake.bodies()[0]
