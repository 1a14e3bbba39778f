"""Every `tfmatrix …` in the guides, the example workflow and the action is what the real command
line understands; and the action's shell hands its inputs on as they are."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from runner import cli

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
OWN_WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS = [*sorted((ROOT / "docs").glob("*.yml")), *OWN_WORKFLOWS]
ACTION = ROOT / "action.yml"

FENCE = re.compile(r"^ *```(?:sh|bash|console)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`tfmatrix ([a-z]+)[^`]*`")
VALUES = {"DEVICE": "cpu", "GITHUB_REPOSITORY": "owner/name"}
"""What a variable of the shell stands for where any other value would be refused."""
VARIABLE = re.compile(r"\$\{\{.*?\}\}|\$\{?([A-Za-z_]+)\}?")


def scripts(file: Path) -> Iterator[str]:
    """The shell in a file: a guide's fenced blocks, a workflow's and the action's steps."""
    text = file.read_text("utf-8")
    if file.suffix == ".md":
        yield from FENCE.findall(text)
        return
    document = yaml.safe_load(text)
    jobs = document["jobs"].values() if "jobs" in document else [document["runs"]]
    for job in jobs:
        yield from (step["run"] for step in job.get("steps", []) if "run" in step)


def commands(script: str) -> Iterator[list[str]]:
    """The arguments of each `tfmatrix` in command position."""
    text = re.sub(r"\\\n", " ", script).replace('"${chosen[@]}"', "")
    text = re.sub(r"(?m)(?:^|\s)#.*$", "", text)
    text = VARIABLE.sub(lambda found: VALUES.get(found.group(1) or "", "1"), text)
    for line in re.sub(r'"?\$\(|\)"', "\n", text).splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        words.commenters = ""  # OWNER/NAME#1 is one word
        try:
            found = list(words)
        except ValueError:  # a quote that another line closes
            assert "tfmatrix " not in line, line
            continue
        yield from _split(found)


def _split(words: list[str]) -> Iterator[list[str]]:
    current: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= set(";|&()<>"):
            if current[:1] == ["tfmatrix"]:
                yield current[1:]
            current = []
        else:
            current.append(word)


def found() -> list[tuple[str, list[str]]]:
    files = [*GUIDES, *WORKFLOWS, ACTION, ROOT / "README.md"]
    return [
        (file.name, arguments)
        for file in files
        for script in scripts(file)
        for arguments in commands(script)
    ]


def parse(arguments: list[str]) -> None:
    """Raises click's own error where the command line would refuse it."""
    verb, *rest = arguments
    with click.Context(cli.tfmatrix, **cli.tfmatrix.context_settings) as context:
        command = cli.tfmatrix.get_command(context, verb)
        assert command is not None, f"there is no verb {verb}"
        command.make_context(verb, rest, parent=context)


@pytest.mark.parametrize(
    "arguments", [pytest.param(a, id=f"{name}: {shlex.join(a)}") for name, a in found()]
)
def test_commands_parse(arguments: list[str]) -> None:
    parse(arguments)


def test_the_commands_are_found_and_a_wrong_one_is_refused() -> None:
    verbs = {arguments[0] for _, arguments in found()}
    assert {"run", "plan", "pin", "diff", "merge"} <= verbs
    script = 'x=$(tfmatrix plan --nonsense 1) && tfmatrix pin --check "$SPEC" > out | tfmatrix no\n'
    script += 'pip install "$(tfmatrix pin --format spec)" "$X"\n'
    assert list(commands(script)) == [
        ["plan", "--nonsense", "1"],
        ["pin", "--check", "1"],
        ["no"],
        ["pin", "--format", "spec"],
    ]
    with pytest.raises(click.UsageError):
        parse(["plan", "--nonsense", "1"])


@pytest.mark.parametrize("file", [*GUIDES, ROOT / "README.md"], ids=lambda file: file.name)
def test_verbs_in_sentences_exist(file: Path) -> None:
    unknown = set(INLINE.findall(file.read_text("utf-8"))) - set(cli.VERBS)
    assert not unknown


@pytest.mark.parametrize("file", GUIDES, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", file.read_text("utf-8")):
        assert (file.parent / link).exists(), link


def action() -> dict[str, Any]:
    loaded = yaml.safe_load(ACTION.read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def test_the_workflow_gives_the_action_only_inputs_that_it_has() -> None:
    for file in WORKFLOWS:
        for job in yaml.safe_load(file.read_text("utf-8"))["jobs"].values():
            for step in job.get("steps", []):
                if "/tfmatrix@" in step.get("uses", "") or step.get("uses") == "./":
                    assert set(step["with"]) <= set(action()["inputs"])


def test_no_script_has_an_expression_pasted_into_it() -> None:
    for file in [*WORKFLOWS, ACTION]:
        assert not any("${{" in script for script in scripts(file))


def shell_step(folder: Path, code: int = 0, **inputs: str) -> tuple[int, list[str], dict[str, str]]:
    """The action's shell with a `tfmatrix` that notes its arguments: exit code, these, outputs."""
    stub = folder / "tfmatrix"
    stub.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        f"json.dump(sys.argv[1:], open({str(folder / 'argv')!r}, 'w'))\nsys.exit({code})\n"
    )
    stub.chmod(0o755)
    (step,) = (step for step in action()["runs"]["steps"] if step.get("id") == "run")
    given = {name: field["default"] for name, field in action()["inputs"].items()}
    given.update(inputs)
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "GITHUB_OUTPUT": str(folder / "outputs")}
    for name, value in step["env"].items():
        found = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", value)
        env[name] = given[found.group(1)] if found else sys.executable
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(shell, env=env, cwd=folder, check=False)
    lines = (folder / "outputs").read_text("utf-8").splitlines()
    outputs = dict(line.split("=", 1) for line in lines)
    return done.returncode, json.loads((folder / "argv").read_text("utf-8")), outputs


def test_the_action_hands_its_inputs_on(tmp_path: Path) -> None:
    code, arguments, outputs = shell_step(
        tmp_path,
        script="my script.py",
        matrix="other.yaml",
        tf=">=2.4,<2.8",
        device="cpu,cuda",
        args="--case 'a b' --arg '$(touch pwned)' --arg ''",
        output="out",
    )
    assert code == 0
    assert arguments == [
        *["run", "--engine", "auto", "--output", "out", "--matrix", "other.yaml"],
        *["--tf", ">=2.4,<2.8", "--device", "cpu", "--device", "cuda"],
        *["--case", "a b", "--arg", "$(touch pwned)", "--arg", "", "my script.py"],
    ]
    parse(arguments)
    assert outputs == {"folder": "out", "report": "out/matrix.md", "exit-code": "0"}
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(("fail", "expected"), [("true", 3), ("false", 0)])
def test_the_action_fails_as_the_run_does_unless_told_not_to(
    tmp_path: Path, fail: str, expected: int
) -> None:
    code, arguments, outputs = shell_step(tmp_path, code=3, fail=fail)
    assert code == expected
    assert outputs["exit-code"] == "3"
    parse(arguments)


# The project's own workflows ------------------------------------------------------------------


def test_what_others_wrote_is_pinned_by_commit() -> None:
    used = [
        step["uses"]
        for file in OWN_WORKFLOWS
        for job in yaml.safe_load(file.read_text("utf-8"))["jobs"].values()
        for step in job["steps"]
        if not step.get("uses", "./").startswith(("./", "tfmatrix/tfmatrix@"))
    ]
    used += [step["uses"] for step in action()["runs"]["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", each) for each in used), used


def pull_request(folder: Path, found: str, *, number: str) -> list[list[str]]:
    """The step that opens a pull request, with real git and a `gh` that notes its calls."""
    (file,) = (file for file in OWN_WORKFLOWS if file.name == "releases.yml")
    steps = yaml.safe_load(file.read_text("utf-8"))["jobs"]["update"]["steps"]
    (step,) = (each for each in steps if each.get("name") == "Open a pull request")
    gh = folder / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        f"print(json.dumps(sys.argv[1:]), file=open({str(folder / 'calls')!r}, 'a'))\n"
        f"if sys.argv[1:3] == ['pr', 'list']: print({number!r})\n"
    )
    gh.chmod(0o755)
    (folder / "found.txt").write_text(found, "utf-8")
    env = {
        **os.environ,
        "PATH": f"{gh.parent}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(folder),
        "OUTCOME": "success",
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    subprocess.run(shell, env=env, cwd=folder / "clone", check=True, capture_output=True)
    calls = folder / "calls"
    lines = calls.read_text("utf-8").splitlines() if calls.exists() else []
    return [json.loads(line) for line in lines]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Of a repository with a catalogue."""

    def git(*words: str, cwd: Path = tmp_path) -> None:
        env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        subprocess.run(command, cwd=cwd, env=env, check=True, capture_output=True)

    git("init", "--quiet", "--bare", "origin")
    git("clone", "--quiet", "origin", "clone")
    folder = tmp_path / "clone"
    (folder / "docker").mkdir()
    (folder / "docker" / "releases.yaml").write_text("one\n")
    git("add", ".", cwd=folder)
    git("commit", "--quiet", "--message", "first", cwd=folder)
    git("push", "--quiet", "origin", "HEAD", cwd=folder)
    return folder


@pytest.mark.parametrize(("number", "verb"), [("", "create"), ("7", "edit")])
def test_a_change_becomes_a_pull_request_or_updates_it(
    tmp_path: Path, clone: Path, number: str, verb: str
) -> None:
    (clone / "docker" / "releases.yaml").write_text("one\ntwo\n")
    (clone / "docker" / "new.txt").write_text("a lock\n")
    calls = pull_request(tmp_path, "```\n@everybody closes #1\n", number=number)
    assert [call[:2] for call in calls] == [["pr", "list"], ["pr", verb]]
    body = (tmp_path / "body.md").read_text("utf-8")
    assert "    ```\n    @everybody closes #1\n" in body
    pushed = subprocess.run(
        ["git", "show", "--name-only", "--format=%s", "tensorflow-releases"],
        cwd=tmp_path / "origin",
        capture_output=True,
        text=True,
        check=True,
    )
    assert pushed.stdout.split("\n\n") == [
        "Add what TensorFlow has released",
        "docker/new.txt\ndocker/releases.yaml\n",
    ]


def test_no_change_is_no_pull_request(tmp_path: Path, clone: Path) -> None:
    assert pull_request(tmp_path, "nothing is missing\n", number="") == []
