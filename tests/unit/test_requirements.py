"""What scripts, requirements files and projects ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.errors import UsageError
from runner.requirements import file, project, script
from runner.requirements.asked import Asked, read_requirements

METADATA = """\
# /// script
# requires-python = ">=3.7"
# dependencies = [
#   "tensorflow==2.9.3",
#   "pandas",
#   "scikit-learn>=1",
# ]
# ///
import pandas
"""


def of(text: str) -> Asked:
    return script.read_script_text(text, "my.py")


# In the script ----------------------------------------------------------------------------------


def test_inline_metadata_names_packages_and_a_python() -> None:
    asked = of(METADATA)
    assert asked.packages == ("pandas", "scikit-learn>=1")
    assert [each.requirement for each in asked.python] == [">=3.7"]
    assert asked.tensorflow == ()
    assert asked.notes == (
        "my.py: tensorflow==2.9.3 is set aside, for the matrix varies TensorFlow",
    )


@pytest.mark.parametrize("text", [METADATA.replace("\n", "\r\n"), "﻿" + METADATA])
def test_windows_lines_and_a_byte_order_mark_change_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "my.py").write_bytes(text.encode())
    assert script.read_script(tmp_path / "my.py") == of(METADATA)


@pytest.mark.parametrize(
    "text",
    ["import tensorflow\n", "# /// pyproject\n# x = 1\n# ///\n", "# /// script\n# x = 1\n", ""],
)
def test_a_script_without_metadata_asks_for_nothing(text: str) -> None:
    assert of(text) == Asked()


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("# dependencies = [", "my.py, block `# /// script` is not TOML"),
        ("# dependencies = 'pandas'", "my.py: dependencies is not a list of texts"),
        ("# dependencies = ['pandas >> 1']", '"pandas >> 1" is not a requirement'),
        ("# dependencies = ['x @ https://e.org/x.whl']", "has a URL"),
        ("# requires-python = 3.8", "my.py: requires-python is 3.8; expected a specifier"),
        ("# requires-python = 'three'", "requires-python is 'three'"),
        ("# x = 1\n# ///\n\n# /// script\n# y = 1", "my.py has 2 blocks"),
    ],
)
def test_wrong_metadata_is_one_line(block: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        of(f"# /// script\n{block}\n# ///\n")
    assert said in raised.value.message
    assert "\n" not in raised.value.message


# TensorFlow among them --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "exact", ["tensorflow==2.9.3", "tensorflow-cpu===2.9", "tf_nightly==2.9,!=2.8", "TensorFlow==1"]
)
def test_one_tensorflow_is_set_aside_and_said_so(exact: str) -> None:
    asked = read_requirements([exact], "r.txt")
    assert (asked.packages, asked.tensorflow) == ((), ())
    assert "is set aside" in asked.notes[0]


@pytest.mark.parametrize(
    "several", ["tensorflow>=2.4,<2.10", "tensorflow==2.9.*", "tensorflow~=2.4"]
)
def test_a_range_of_tensorflows_bounds_the_releases(several: str) -> None:
    (bound,) = read_requirements([several], "r.txt").tensorflow
    assert bound.source == "r.txt"
    assert bound.requirement.startswith("tensorflow")


def test_tensorflow_without_a_version_says_nothing() -> None:
    assert read_requirements(["tensorflow", "tensorflow[and-cuda]"], "r.txt") == Asked()


def test_packages_that_only_begin_like_tensorflow_are_packages() -> None:
    asked = read_requirements(["tensorflow-probability==0.12", "tensorflow_text"], "r.txt")
    assert asked.packages == ("tensorflow-probability==0.12", "tensorflow_text")


# Files -----------------------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "requirements.txt") -> Path:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
        return tmp_path / name

    return write


def test_a_requirements_file_is_read_as_pip_does(written: Callable[..., Path]) -> None:
    written("six\n", "more/base.txt")
    written("numpy<2\ntensorflow<2.16\n", "more/caps.txt")
    asked = file.read_file(
        written(
            "# what it needs\n"
            "pandas >=1.3 ; python_version < '3.12'  # a remark\n"
            "scikit-learn==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
            "-r more/base.txt\n"
            "-cmore/caps.txt\n"
            "--extra-index-url https://example.org\n"
            "tensorflow==2.9.3\n\n"
        )
    )
    assert asked.packages == ('pandas>=1.3; python_version < "3.12"', "scikit-learn==1.0", "six")
    assert asked.constraints == ("numpy<2",)
    assert [each.requirement for each in asked.tensorflow] == ["tensorflow<2.16"]
    assert [each.source for each in asked.tensorflow] == ["caps.txt:2"]
    said = "\n".join(asked.notes)
    assert "requirements.txt:9: tensorflow==2.9.3 is set aside" in said
    assert "the hashes of 1 requirements are not used" in said
    assert "--extra-index-url is not used" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("six\nno thing\n", 'requirements.txt:2: "no thing" is not a requirement'),
        ("https://example.org/x.whl\n", 'requirements.txt:1: "https://example.org/x.whl" is a URL'),
        (
            "-r https://example.org/r.txt\n",
            'requirements.txt:1: "https://example.org/r.txt" is a U',
        ),
        ("x @ git+https://example.org/x\n", "has a URL"),
        ("-e .\n", 'requirements.txt:1: "-e ." is a folder or a file'),
        ("./mine\n", '"./mine" is a folder or a file'),
        ("-r gone.txt\n", "gone.txt cannot be read: No such file"),
        ("-r requirements.txt\n", "requirements.txt includes requirements.txt, which includes it"),
        ("six\0\n", "is not a requirements file: it holds zeros"),
    ],
)
def test_a_wrong_requirements_file_is_one_line(
    written: Callable[..., Path], text: str, said: str
) -> None:
    with pytest.raises(UsageError) as raised:
        file.read_file(written(text))
    assert said in raised.value.message
    assert "\n" not in raised.value.message


def test_a_binary_file_is_no_requirements_file(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is not UTF-8 text"):
        file.read_file(tmp_path / "r.txt")


# Projects --------------------------------------------------------------------------------------

PROJECT = """\
[project]
name = "Mine"
requires-python = ">=3.8"
dependencies = ["pandas", "tensorflow>=2.4"]
[project.optional-dependencies]
test = ["pytest>=7"]
all = ["mine[test]", "scipy"]
[dependency-groups]
lint = ["ruff"]
dev = ["ipython", {include-group = "lint"}]
"""


@pytest.fixture
def folder(written: Callable[..., Path]) -> Path:
    return written(PROJECT, "pyproject.toml").parent


@pytest.mark.parametrize(
    ("names", "packages"),
    [
        ("", ("pandas",)),
        ("[test]", ("pandas", "pytest>=7")),
        ("[all]", ("pandas", "scipy", "pytest>=7")),
        ("[Dev]", ("pandas", "ipython", "ruff")),
        ("[test, lint]", ("pandas", "pytest>=7", "ruff")),
    ],
)
def test_a_project_has_dependencies_extras_and_groups(
    folder: Path, names: str, packages: tuple[str, ...]
) -> None:
    asked = project.read_project(f"{folder}{names}")
    assert asked.packages == packages
    assert [each.requirement for each in asked.tensorflow] == ["tensorflow>=2.4"]
    assert [each.requirement for each in asked.python] == [">=3.8"]


def test_dependencies_that_setuptools_reads_from_a_file_are_read(
    written: Callable[..., Path],
) -> None:
    written("pandas\n")
    path = written(
        '[project]\nname = "x"\ndynamic = ["dependencies"]\n'
        '[tool.setuptools.dynamic]\ndependencies = {file = ["requirements.txt"]}\n',
        "pyproject.toml",
    )
    assert project.read_project(str(path.parent)).packages == ("pandas",)


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        (PROJECT, "[doc]", "has no extra or group 'doc'; there are: all, dev, lint, test"),
        (PROJECT, "[", "expected a folder, or one with extras"),
        ("[tool.poetry]\n", "", "has neither [project] nor [dependency-groups]"),
        ("[project\n", "", "is not TOML"),
        ("project = 1\n", "", "project is not a table"),
        (
            '[project]\ndynamic = ["dependencies"]\n',
            "",
            "only a build of the project can tell",
        ),
        ('[dependency-groups]\na = [{include-group = "a"}]\n', "[a]", "cannot include a"),
        ("[dependency-groups]\na = [1]\n", "[a]", "the group a is not a list of requirements"),
    ],
)
def test_a_wrong_project_is_one_line(
    written: Callable[..., Path], text: str, names: str, said: str
) -> None:
    path = written(text, "pyproject.toml")
    with pytest.raises(UsageError) as raised:
        project.read_project(f"{path.parent}{names}")
    assert said in raised.value.message
    assert "\n" not in raised.value.message


def test_a_folder_without_a_project_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pyproject\.toml cannot be read: No such file"):
        project.read_project(str(tmp_path))
