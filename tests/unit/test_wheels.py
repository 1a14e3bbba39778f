"""`--with ./FOLDER` and `--with FILE.whl`: what a user's own package asks for, and its lock."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import evolve

from runner import cli, paths
from runner.cli import local_packages
from runner.engines.docker import wheel_build
from runner.engines.docker.wheel_build import BuiltWheel
from runner.environments import locks, notes, render, resolve, sources
from runner.environments.resolve import LockRequest
from runner.errors import PrepareError, UsageError
from runner.matrix import plan
from runner.model import Device, Environment, Target
from runner.releases import catalogue
from runner.requirements import wheels
from runner.requirements.asked import Asked
from runner.requirements.wheels import LocalWheel

REQUIRES = [
    "einops>=0.3",
    "tensorflow>=2.4,<2.16",
    'dataclasses ; python_version < "3.7"',
    'pytest-mock>=3 ; extra == "test"',
    'mock ; python_version < "3.8" and extra == "test"',
    'sphinx ; extra == "docs"',
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def written(
    folder: Path, name: str = "Mine-0.1-py3-none-any.whl", requires: Sequence[str] = REQUIRES
) -> Path:
    """A wheel of that name with some metadata."""
    lines = ["Metadata-Version: 2.1", "Name: Mine", "Version: 0.1", "Requires-Python: >=3.8"]
    lines += [f"Requires-Dist: {each}" for each in requires]
    lines += ["Provides-Extra: test", "Provides-Extra: docs", ""]
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("Mine-0.1.dist-info/METADATA", "\n".join(lines))
    return folder / name


def kept(folder: Path, name: str = "Mine-0.1-py3-none-any.whl") -> LocalWheel:
    return wheels.keep(written(folder, name))


def target(*requirements: str, version: str = "2.9.3") -> Target:
    (release,) = (each for each in catalogue.load_releases() if each.version == version)
    return evolve(plan.target(release, Device.CPU), requirements=requirements)


# -- what is asked for ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "is_one"),
    [
        ("./mine", True),
        (".", True),
        ("../mine[test]", True),
        ("/srv/mine", True),
        ("~/mine", True),
        ("dist/mine", True),
        ("mine-0.1-py3-none-any.whl", True),
        ("mine-0.1.tar.gz", True),
        ("mine", False),
        ("mine[test]>=1.0", False),
        ("mine @ https://example.org/mine.whl", False),
        ("mine ; python_version < '3.8'", False),
    ],
)
def test_a_path_is_told_from_a_requirement(word: str, is_one: bool) -> None:
    assert wheels.is_path(word) is is_one


def test_a_wheel_asks_for_what_its_metadata_says(tmp_path: Path) -> None:
    wheel = kept(tmp_path)
    asked = wheels.asked_by(wheel)
    assert asked.packages == (
        wheel.requirement,
        "einops>=0.3",
        'dataclasses; python_version < "3.7"',
    )
    assert [bound.requirement for bound in asked.tensorflow] == ["tensorflow<2.16,>=2.4"]
    assert [bound.requirement for bound in asked.python] == [">=3.8"]


def test_an_extra_adds_its_requirements(tmp_path: Path) -> None:
    asked = wheels.asked_by(kept(tmp_path), ["Test"])
    assert asked.packages[-2:] == ("pytest-mock>=3", 'mock; python_version < "3.8"')
    with pytest.raises(UsageError, match="mine has no extra 'gpu'; there are: docs, test"):
        wheels.asked_by(kept(tmp_path), ["gpu"])


@pytest.mark.parametrize(
    ("tags", "python"),
    [
        ("py3-none-any", [">=3.8"]),
        ("py2.py3-none-any", [">=3.8"]),
        ("cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64", [">=3.8", "==3.10.*"]),
        ("cp38-abi3-linux_x86_64", [">=3.8", ">=3.8"]),
    ],
)
def test_compiled_parts_are_for_some_pythons(tags: str, python: list[str], tmp_path: Path) -> None:
    asked = wheels.asked_by(kept(tmp_path, f"Mine-0.1-{tags}.whl"))
    assert [bound.requirement for bound in asked.python] == python


def test_the_requirement_names_no_folder_and_leads_back_to_the_wheel(tmp_path: Path) -> None:
    wheel = kept(tmp_path)
    assert str(tmp_path) not in wheel.requirement
    assert wheels.among(["einops", wheel.requirement]) == (wheel,)
    shutil.rmtree(paths.wheels())
    with pytest.raises(PrepareError, match=r"Mine-0\.1-py3-none-any\.whl is no longer in"):
        wheel.content()


# -- its lock, its image --------------------------------------------------------------------------


@pytest.fixture
def asked_of_uv(monkeypatch: pytest.MonkeyPatch) -> list[LockRequest]:
    """The questions; each has the same answer."""
    asked: list[LockRequest] = []
    answer = f"einops==0.6.0 \\\n    --hash=sha256:{'1' * 64}\n"

    def resolved(request: LockRequest) -> str:
        asked.append(request)
        return answer

    monkeypatch.setattr(resolve, "resolve_lock", resolved)
    return asked


def test_the_index_is_asked_for_all_but_the_wheel(
    tmp_path: Path, asked_of_uv: list[LockRequest]
) -> None:
    wheel = kept(tmp_path)
    made = locks.environment(target("einops", "mine>=7", wheel.requirement))
    (request,) = asked_of_uv[-1:]
    assert request.requirements == ("tensorflow-cpu==2.9.3", "einops")
    assert "mine" in request.left_out
    assert made.packages == ("einops==0.6.0", "mine==0.1")
    assert made.id.startswith("2.9.3-py3.10-cpu-einops-mine-")
    assert f"mine is {wheel.file_name}, SHA-256 {wheel.sha256[:12]}…" in notes.notes_on(made)


def test_another_content_is_another_environment(
    tmp_path: Path, asked_of_uv: list[LockRequest]
) -> None:
    one = locks.environment(target(kept(tmp_path).requirement))
    again = locks.environment(target(wheels.keep(written(tmp_path)).requirement))
    other = wheels.keep(written(tmp_path, requires=["einops"]))
    assert one.key == again.key != locks.environment(target(other.requirement)).key


def test_installers_get_the_wheel_from_this_machine_alone(
    tmp_path: Path, asked_of_uv: list[LockRequest]
) -> None:
    wheel = kept(tmp_path)
    made = locks.environment(target("einops", wheel.requirement))
    assert "mine==" not in locks.without_wheels(made)
    line = f"mine @ {wheel.path.as_uri()} --hash=sha256:{wheel.sha256}"
    assert line in locks.with_wheels(made).splitlines()
    assert f"{wheel.sha256} {wheel.file_name} \\" in made.dockerfile
    (built,) = [step for step in made.dockerfile.split("\nRUN ") if "/mnt/local/*.whl" in step]
    assert built.startswith("--network=none")
    assert "secret" not in built
    wheels.write_all(made.target.requirements, tmp_path / "local")
    content = (tmp_path / "local" / wheel.file_name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == wheel.sha256


def test_the_wheel_joins_the_source_distributions_that_are_built(
    tmp_path: Path,
) -> None:
    wheel = kept(tmp_path)
    old = target(wheel.requirement, version="1.15.5")
    lock = locks.committed_path(target(version="1.15.5"))
    assert lock is not None
    built = sources.distributions_in_lock(locks.lock_lines(lock.read_text("utf-8")))
    text = render.dockerfile(old, sources=built)
    assert "/mnt/built/*.whl /mnt/local/*.whl" in text
    assert text.count("sha256sum --check") == 2


# -- folders -----------------------------------------------------------------------------


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The names of the files of each build, which makes a wheel of their number."""
    asked: list[tuple[str, ...]] = []

    def build(project: dict[str, Path], tools: list[str], *_: object) -> BuiltWheel:
        asked.append(tuple(sorted(project)))
        made = written(tmp_path, requires=[f"einops>={len(asked)}", *tools])
        return BuiltWheel(file_name=made.name, content=made.read_bytes())

    monkeypatch.setattr(wheel_build, "build_wheel", build)
    return asked


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name, text in {
        "pyproject.toml": "[build-system]\nrequires = ['flit-core']\n",
        "mine/__init__.py": "",
        "dist/mine-0.0.whl": "old",
        "build/lib/gone.py": "old",
        "mine.egg-info/PKG-INFO": "old",
        ".env": "TOKEN=1",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def asked_for(*words: str) -> Asked:
    return local_packages.asked_by(words)


def test_a_folder_is_built_once_until_it_changes(
    project: Path, builds: list[tuple[str, ...]]
) -> None:
    first = asked_for("./project", "einops")
    assert builds == [("mine/__init__.py", "pyproject.toml")]
    assert first.packages[1:] == ("einops>=1", "flit-core", "wheel")
    assert asked_for("./project") == first
    assert len(builds) == 1
    (project / "mine" / "__init__.py").write_text("answer = 42\n")
    assert asked_for("./project").packages[1] == "einops>=2"
    shutil.rmtree(paths.wheels())
    assert asked_for("./project").packages[1] == "einops>=3"


def test_a_project_that_names_no_tools_is_built_as_pip_does(
    project: Path, builds: list[tuple[str, ...]]
) -> None:
    (project / "pyproject.toml").write_text("[project]\nname = 'mine'\n")
    assert "setuptools>=40.8.0" in asked_for("./project").packages


def test_without_docker_nothing_is_built_on_this_machine(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PrepareError("no Docker daemon answers")

    monkeypatch.setattr(wheel_build, "build_wheel", refuse)
    Path("my.py").write_text("import tensorflow\n")
    assert cli.execute(["plan", "my.py", "--with", "./project"]) == 2
    said = capsys.readouterr().err
    assert "tfmatrix: project must be built: no Docker daemon answers" in said
    assert "`pip wheel --no-deps --wheel-dir dist project`" in said
    assert "--with dist/NAME.whl" in said
    assert not (project / "mine.egg-info" / "SOURCES.txt").exists()


def test_the_wheels_tensorflow_and_python_limit_the_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path)
    Path("my.py").write_text("import tensorflow\n")
    word = "./Mine-0.1-py3-none-any.whl"
    assert cli.execute(["plan", "my.py", "--with", word, "--tf", "2.1,2.4,2.9,2.16"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2].partition("-cpu")[0] for line in lines[1:-1]] == [
        "2.4.4-py3.8",
        "2.9.3-py3.10",
    ]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("./none", "--with ./none: there is no such folder or file"),
        ("./empty", "--with empty: it has neither a pyproject.toml nor a setup.py"),
        ("./wrong.whl", "wrong.whl is not the name of a wheel, such as mine-0.1-py3-none-any.whl"),
        (
            "./text-0.1-py3-none-any.whl",
            ".whl is not a wheel: it has no metadata",
        ),
        ("./mac-0.1-cp310-cp310-macosx_11_0_arm64.whl", "is not for Linux on x86-64"),
        ("./two-0.1-cp39.cp310-none-linux_x86_64.whl", "is for several Pythons"),
        ("./evil-0.1-1$(id)-py3-none-any.whl", "is not the name of a wheel"),
        ("./mine-0.1.tar.gz", "unpack the source distribution, and name its folder"),
        ("./broken", "broken/pyproject.toml is not TOML"),
        ("./tools", "tools/pyproject.toml: build-system.requires is not a list of texts"),
    ],
)
def test_what_is_no_package_is_one_line(
    word: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for name, text in (
        ("broken/pyproject.toml", "[[["),
        ("tools/pyproject.toml", "[build-system]\nrequires = 'flit'\n"),
        ("wrong.whl", "text"),
        ("text-0.1-py3-none-any.whl", "text"),
        ("mine-0.1.tar.gz", "text"),
        ("evil-0.1-1$(id)-py3-none-any.whl", "text"),
        ("my.py", "import tensorflow\n"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    for name in (
        "mac-0.1-cp310-cp310-macosx_11_0_arm64.whl",
        "two-0.1-cp39.cp310-none-linux_x86_64.whl",
    ):
        written(tmp_path, name, requires=())
    assert cli.execute(["plan", "my.py", "--with", word]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.startswith("tfmatrix: ")


def test_an_environment_of_the_release_alone_is_as_before() -> None:
    usual = target()
    made = Environment(target=usual, requirements="a==1 \\\n    --hash=sha256:0\n", key="0")
    assert locks.with_wheels(made) == locks.for_installers(made.requirements)


def test_a_cluster_does_not_have_the_wheel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], asked_of_uv: list[LockRequest]
) -> None:
    written(tmp_path)
    Path("my.py").write_text("import tensorflow\n")
    word = "./Mine-0.1-py3-none-any.whl"
    words = ["run", "my.py", "--with", word, "--tf", "2.9", "--cluster", "local:1"]
    assert cli.execute(words) == 2
    assert "--with a folder or a wheel is for cells on this machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("./mine", "is a folder or a file; add it on the command line: --with ./FOLDER"),
        (f"mine @ file:mine-0.1-py3-none-any.whl#sha256={'0' * 64}", "is a package of one machine"),
    ],
)
def test_a_matrix_names_no_package_of_a_machine(
    value: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my.py").write_text("import tensorflow\n")
    Path("matrix.yaml").write_text(
        "tf: [2.9.3]\nrepros:\n  - name: mine\n    script: my.py\n"
        f'    requirements: {{">=2": ["{value}"]}}\n'
    )
    assert cli.execute(["plan"]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "tool",
    [
        "--no-binary=:all:",
        "evil\n--no-binary :all:",
        "-r /run/secrets/settings",
        "evil @ https://example.org/evil-1.0.tar.gz",
        "evil @ file:///mnt/evil",
        "git+https://example.org/evil",
        "./evil",
        "(" * 5000,
    ],
)
def test_no_tool_of_a_build_is_an_option_or_an_address(
    tool: str, tmp_path: Path, builds: list[tuple[str, ...]]
) -> None:
    """pip reads them in a file, in a stage with the network and the secrets of the index."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "pyproject.toml").write_text(
        f"[build-system]\nrequires = ['wheel', {json.dumps(tool)}]\n", "utf-8"
    )
    with pytest.raises(UsageError):
        local_packages.asked_by(["./theirs"])
    assert builds == []
