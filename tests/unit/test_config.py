"""matrix.yaml: what is accepted, what each mistake is answered with, and that nothing escapes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Optional

import attrs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import MatrixError, UsageError
from runner.matrix import config
from runner.matrix.defaults import MOST_BYTES, defaults
from runner.matrix.problems import MOST_SHOWN
from runner.model import (
    Case,
    Device,
    Exclusion,
    Expectation,
    Limits,
    Matrix,
    Repro,
    Rule,
    Verdict,
)
from runner.scripts.named import find_script

ROOT = Path(__file__).parents[2]
BAD = ROOT / "tests" / "bad_matrices"
SCRIPT = BAD / "script.py"

FULL = """\
schema: 1
tf: [">=1.12", "<2.16"]
patches: all
devices: [cpu, cuda]
images: {"3.10": "localhost:5000/python:3.10-slim@sha256:%s"}
limits: &limits {timeout: 90.5, memory: 2048}
repros:
  - name: keras-batchnorm
    script: ./script.py
    about: >
      Does it
      learn?
    limits: {<<: *limits, timeout: 60}
    files: [data.csv, helpers/]
    env: {TF_ENABLE_ONEDNN_OPTS: "0"}
    requirements: {">=2.4": ["tensorflow-probability==0.12.2"]}
    cases:
      - name: layers-positives
        args: [layers-positives, "--steps", "5"]
        about: As in the article.
      - name: keras-function
    exclude:
      - {tf: "<1.14", cases: ["*-function"], device: cpu, reason: tf.function is younger}
    expect:
      - {tf: "==1.12.*", cases: ["layers-*"], outcome: pass, signature: "x", source: line 12}
  - name: plain
    script: script.py
""" % ("0" * 64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "script.py").write_text("")
    (tmp_path / "data.csv").write_text("")
    (tmp_path / "helpers").mkdir()
    return tmp_path


def load(text: str, folder: Path) -> Matrix:
    return config.parse_matrix(text.encode(), folder / "matrix.yaml")


def problems(text: str, folder: Path) -> list[str]:
    with pytest.raises(MatrixError) as caught:
        load(text, folder)
    return [line.replace(f"{folder}/", "") for line in str(caught.value).splitlines()]


# --- What is accepted ------------------------------------------------------------------------


def test_every_key_arrives_in_the_records(folder: Path) -> None:
    matrix = load(FULL, folder)
    assert matrix == Matrix(
        source=folder / "matrix.yaml",
        tf=">=1.12,<2.16",
        patches="all",
        devices=(Device.CPU, Device.CUDA),
        images={"3.10": "localhost:5000/python:3.10-slim@sha256:" + "0" * 64},
        repros=(
            Repro(
                name="keras-batchnorm",
                script=folder / "script.py",
                about="Does it learn?",
                limits=Limits(timeout=60.0, memory=2048),
                files=(Path("data.csv"), Path("helpers")),
                env={"TF_ENABLE_ONEDNN_OPTS": "0"},
                requirements={">=2.4": ("tensorflow-probability==0.12.2",)},
                cases=(
                    Case(
                        name="layers-positives",
                        args=("layers-positives", "--steps", "5"),
                        about="As in the article.",
                    ),
                    Case(name="keras-function"),
                ),
                exclusions=(
                    Exclusion(
                        rule=Rule(tf="<1.14", cases=("*-function",), device=Device.CPU),
                        reason="tf.function is younger",
                    ),
                ),
                expectations=(
                    Expectation(
                        rule=Rule(tf="==1.12.*", cases=("layers-*",)),
                        verdict=Verdict.PASS,
                        source="line 12",
                        signature="x",
                    ),
                ),
            ),
            Repro(
                name="plain",
                script=folder / "script.py",
                limits=Limits(timeout=90.5, memory=2048),
            ),
        ),
    )


def test_the_least_that_is_accepted_gets_the_defaults(folder: Path) -> None:
    matrix = load("repros: [{name: mine, script: script.py}]", folder)
    assert matrix.tf == ">=1.12"
    assert matrix.devices == (Device.CPU,)
    assert matrix.repros[0].cases == (Case(name="default"),)
    assert matrix.repros[0].limits == Limits()


def test_defaults_of_the_data_file_are_those_of_the_records() -> None:
    standard = defaults()
    assert standard.limits == Limits()
    fields = attrs.fields_dict(Matrix)
    assert standard.patches == fields["patches"].default
    assert standard.devices == fields["devices"].default


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('">=2.4,<2.8"', ">=2.4,<2.8"),
        ('"1.15, 2.9.3"', "1.15,2.9.3"),
        ('["2.9", "2.10"]', "2.9,2.10"),
        ('[">=2.4", "<2.8"]', ">=2.4,<2.8"),
        ("2.9.3", "2.9.3"),
        ("==2.4.*", "==2.4.*"),
        ("latest", "latest"),
    ],
)
def test_tf_is_a_specifier_set_or_versions(written: str, read: str, folder: Path) -> None:
    matrix = load(f"tf: {written}\nrepros: [{{name: mine, script: script.py}}]", folder)
    assert matrix.tf == read


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(folder: Path) -> None:
    text = "\ufefftf: '2.9.3'\r\nrepros:\r\n  - {name: mine, script: script.py}\r\n"
    assert load(text, folder).tf == "2.9.3"


def test_scripts_are_named_as_they_are_reached_from_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "matrix.yaml").write_text("repros: [{name: mine, script: ./script.py}]")
    monkeypatch.chdir(folder)
    assert config.load_matrix(Path("matrix.yaml")).repros[0].script == Path("script.py")


def test_the_shipped_matrix_is_accepted() -> None:
    assert config.load_matrix(ROOT / "matrix.yaml").repros


# --- What is refused -------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.yaml")))
def test_bad_matrix(
    name: str, golden: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(MatrixError) as caught:
        config.load_matrix(Path(f"{name}.yaml"))
    assert caught.value.exit_code == 2
    golden(BAD / f"{name}.txt", f"{caught.value}\n")


def test_no_file_says_what_to_do_instead(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No such file.*\n.*tfmatrix run my\.py"):
        config.load_matrix(tmp_path / "matrix.yaml")


def test_a_folder_is_no_matrix(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        config.load_matrix(tmp_path)


@pytest.mark.timeout(10)
def test_a_matrix_that_nobody_writes_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "matrix.yaml")
    with pytest.raises(UsageError, match="it is not a regular file"):
        config.load_matrix(tmp_path / "matrix.yaml")


def test_a_matrix_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (folder / "real.yaml").write_text("repros: [{name: r, script: s.py}]\n")
    (folder / "s.py").write_text("import tensorflow\n")
    (folder / "link.yaml").symlink_to("real.yaml")
    assert config.load_matrix(folder / "link.yaml").repros[0].name == "r"


def test_a_huge_file_is_refused_unread(folder: Path) -> None:
    with pytest.raises(MatrixError, match=r"matrix\.yaml:1:1: .*1 MiB is the most"):
        config.parse_matrix(b"#" * (MOST_BYTES + 1), folder / "matrix.yaml")


def test_all_problems_are_told_in_the_order_of_the_file(folder: Path) -> None:
    text = FULL.replace("patches:", "patchs:").replace('"5"', "5").replace("outcome", "outcom")
    lines = [int(line.split(":")[1]) for line in problems(text, folder)]
    assert len(lines) == 3
    assert lines == sorted(lines)


def test_more_problems_than_one_reads_are_counted(folder: Path) -> None:
    keys = "".join(f"key{n}: x\n" for n in range(MOST_SHOWN + 5))
    found = problems(keys + "repros: [{name: mine, script: script.py}]", folder)
    assert len(found) == MOST_SHOWN + 1
    assert found[-1] == f"matrix.yaml:{MOST_SHOWN + 1}:1: and 5 more problems from here"


def test_a_mistake_in_one_repro_hides_none_in_another(folder: Path) -> None:
    text = """
repros:
  - {name: one, script: script.py, abuot: x}
  - {name: two, script: missing.py}
  - {name: three, script: script.py, exclude: [{cases: [nine], reason: x}]}
"""
    assert [line.split(":")[1] for line in problems(text, folder)] == ["3", "4", "5"]


def test_the_example_of_the_style_guide(folder: Path) -> None:
    text = FULL.replace("- name: keras-function", "- nmae: keras-function")
    assert problems(text, folder) == [
        'matrix.yaml:21:9: repros[0].cases[1].nmae: unknown key; did you mean "name"?'
    ]


# --- Whatever comes --------------------------------------------------------------------------

PIECES = [
    *("- ", ": ", "\n", "  ", "{", "}", "[", "]", ",", '"', "'", "|", ">", "&a ", "*a", "<<: "),
    *("!!python/name:os.system ", "!!set ", "? ", "%YAML 1.1\n", "---\n", "...\n", "#", "\t"),
    *("2.10", "010", "1:30", "yes", "~", ".inf", "0x1F", "2019-01-01", "1e999", "\\x00", "\u2028"),
    *("tf", "repros", "name", "script", "cases", "args", "limits", "timeout", "exclude", "cpu"),
    *(">=2.4", "==1.12", "*", "[!a]*", "../", "/", "script.py", "\u0000", "é", "\ud7ff", "😀"),
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid matrix with slices cut, copied elsewhere, and pieces of YAML put in."""
    text = FULL
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        middle = draw(
            st.one_of(
                st.sampled_from(PIECES),
                st.text(max_size=5),
                st.just(""),
                st.just(text[end : end + 60]),
            )
        )
        text = text[:start] + middle + text[end:]
    return text


def judged(content: bytes, path: Path) -> None:
    """A matrix, or an error every line of which begins with a position in the file."""
    try:
        matrix = config.parse_matrix(content, path)
    except MatrixError as error:
        last = content.count(b"\n") + content.count(b"\r") + 2 + content.count(b"\xe2\x80") * 2
        for line in str(error).split("\n"):
            found = re.match(re.escape(str(path)) + r":(\d+):(\d+): \S", line)
            assert found, line
            assert 1 <= int(found[1]) <= last + content.count(b"\xc2\x85")
            assert line.isprintable()
    else:
        assert matrix.repros


@given(mutated())
@settings(max_examples=100, deadline=None)
def test_mutations_of_a_matrix_are_accepted_or_answered(text: str) -> None:
    judged(text.encode("utf-8", "surrogatepass"), SCRIPT.with_name("matrix.yaml"))


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_accepted_or_answered(content: bytes) -> None:
    judged(content, SCRIPT.with_name("matrix.yaml"))


_SHAPES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["script.py", "cpu", ">=2.4", "one", "pass"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["tf", "repros", "name", "script", "cases", "args", "limits", "exclude", "expect"]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=25,
)


@given(_SHAPES)
@settings(max_examples=60, deadline=None)
def test_any_shape_is_accepted_or_answered(data: object) -> None:
    judged(yaml.safe_dump(data).encode(), SCRIPT.with_name("matrix.yaml"))


# --- For editors -----------------------------------------------------------------------------


def test_the_committed_json_schema_is_up_to_date(golden: Callable[[Path, str], None]) -> None:
    golden(ROOT / "matrix.schema.json", json.dumps(config.json_schema(), indent=2) + "\n")


def test_every_key_is_described() -> None:
    schema = config.json_schema()
    for section in (schema, *schema["$defs"].values()):
        for key, value in section.get("properties", {}).items():
            assert value.get("description"), key


# --- Scripts named on the command line -------------------------------------------------------


def adhoc(*scripts: Path, args: Sequence[str] = (), matrix: Optional[Matrix] = None) -> Matrix:
    return config.adhoc([find_script(script) for script in scripts], args, matrix)


def test_a_script_of_ones_own_gets_the_defaults(folder: Path) -> None:
    matrix = adhoc(folder / "script.py")
    assert matrix.tf == ">=1.12"
    assert matrix.repros == (Repro(name="script", script=folder / "script.py"),)


def test_arguments_make_one_case(folder: Path) -> None:
    matrix = adhoc(folder / "script.py", args=["--steps", "5"])
    assert matrix.repros[0].cases == (Case(name="default", args=("--steps", "5")),)


def test_names_are_made_from_any_file_name_and_differ(folder: Path) -> None:
    names = ["My Script!.py", "my script.py", "été", "..py"]
    for name in names:
        (folder / name).write_text("")
    matrix = adhoc(*(folder / name for name in names))
    assert [repro.name for repro in matrix.repros] == ["my-script", "my-script-2", "ete", "script"]


def test_a_script_named_twice_is_run_once(folder: Path) -> None:
    matrix = adhoc(folder / "script.py", folder / "helpers" / ".." / "script.py")
    assert len(matrix.repros) == 1


def test_a_script_of_the_matrix_keeps_its_entries(folder: Path) -> None:
    known = load(FULL, folder)
    (folder / "other.py").write_text("")
    matrix = adhoc(folder / "script.py", folder / "other.py", matrix=known)
    assert matrix.repros[:2] == known.repros
    assert matrix.repros[2].name == "other"
    assert (matrix.tf, matrix.images) == (known.tf, known.images)


def test_arguments_take_the_place_of_declared_cases(folder: Path) -> None:
    repro = adhoc(folder / "script.py", args=["x"], matrix=load(FULL, folder)).repros[0]
    assert [case.args for case in repro.cases] == [("x",)]
    assert (repro.expectations, repro.exclusions) == ((), ())
    assert repro.env == {"TF_ENABLE_ONEDNN_OPTS": "0"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dangling.py", r"dangling\.py is a link to a file that is not there"),
        ("scirpt.py", r'there is no file .*scirpt\.py; did you mean "script\.py"\?'),
        ("helpers", "is a folder"),
        ("mine.ipynb", "there is no notebook"),
        ("x" * 300, "there is no file"),
    ],
)
def test_what_is_no_script_is_refused(name: str, said: str, folder: Path) -> None:
    (folder / "dangling.py").symlink_to("gone.py")
    with pytest.raises(UsageError, match=said):
        adhoc(folder / name)


def test_a_script_lies_in_the_folder_of_the_matrix_links_followed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "mine", tmp_path / "secret.py"
    folder.mkdir()
    elsewhere.write_text("import tensorflow\n")
    (folder / "link.py").symlink_to(elsewhere)
    (folder / "real.py").write_text("import tensorflow\n")
    (folder / "inside.py").symlink_to("real.py")
    os.mkfifo(folder / "pipe.py")
    content = "repros: [{{name: a, script: {}}}]"
    assert config.parse_matrix(content.format("inside.py").encode(), folder / "matrix.yaml").repros
    for script, said in (("link.py", "lies outside"), ("pipe.py", "is not a regular file")):
        with pytest.raises(MatrixError, match=said):
            config.parse_matrix(content.format(script).encode(), folder / "matrix.yaml")
    (folder / "matrix.yaml").write_text(content.format("real.py"))
    assert config.load_matrix(folder / "matrix.yaml").repros
    (folder / "real.py").unlink()
    (folder / "real.py").symlink_to(elsewhere)
    with pytest.raises(MatrixError, match="lies outside"):
        config.load_matrix(folder / "matrix.yaml")
