"""What a script prints: `--fail-on`, and outputs compared between releases."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import pytest
from attrs import evolve

from runner import cli
from runner.bisect import criteria
from runner.cells import modes, printed, results
from runner.cells.classify import classify
from runner.cells.printed import compared_lines, output_digest, with_match
from runner.errors import UsageError
from runner.matrix import config
from runner.matrix.selection import NOTHING_AHEAD, select
from runner.model import Execution, Repro, Verdict
from tests.unit import index_server
from tests.unit.test_measure import CELL

WARNING = "WARNING:tensorflow:Layer dense is casting an input tensor from dtype float64"
OUTPUT = f"hello\n{WARNING} to float32\nbye\n"


def passing(output: str = OUTPUT, **facts: Any) -> Execution:
    return Execution(exit_code=0, output=output, imported=True, **facts)


# --- --fail-on -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fail_on", "line"),
    [
        ("is casting", f"{WARNING} to float32"),
        ("/^hel+o$/", "hello"),
        ("/(?i)HELLO/", "hello"),
        ("hel+o", None),
        ("/^casting/", None),
        ("hello\nWARNING", None),
        ("/", None),
    ],
)
def test_a_pass_that_prints_it_is_a_fail(fail_on: str, line: Optional[str]) -> None:
    execution = with_match(passing(), fail_on)
    assert execution.matched == line
    outcome = classify(execution)
    assert outcome.verdict is (Verdict.PASS if line is None else Verdict.FAIL)
    assert (outcome.signature or "").startswith("printed: " if line else "")


def test_the_same_line_with_other_decimals_is_the_same_failure() -> None:
    one, other = (classify(with_match(passing(f"loss: {n}\n"), "loss")) for n in ("0.251", "0.252"))
    assert one.signature == other.signature


def test_what_fails_for_itself_keeps_its_signature_and_tells_the_line() -> None:
    failed = with_match(evolve(passing(), exit_code=1, errors="ValueError: no\n"), "casting")
    assert classify(failed).signature == classify(evolve(failed, matched=None)).signature
    assert results.judged_result(CELL, "e", failed).matched == f"{WARNING} to float32"


def test_more_than_is_kept_is_no_pass() -> None:
    cut = "hello\n… 5000 bytes left out …\nbye\n"
    assert classify(with_match(passing(cut), "casting")).verdict is Verdict.ERROR
    assert classify(with_match(passing(cut), "hello")).verdict is Verdict.FAIL


def test_what_was_not_measured_stays_so() -> None:
    lost = Execution(trouble="the disk is full")
    assert with_match(lost, "x") is lost
    assert with_match(passing(), "") == passing()


def test_such_cells_have_processes_of_their_own(tmp_path: Path) -> None:
    script = tmp_path / "a.py"
    script.write_text("import tensorflow\n")
    assert modes.choose_mode(Repro(name="a", script=script), "auto").name == "fork"
    assert modes.choose_mode(Repro(name="a", script=script, fail_on="x"), "auto").name == "fresh"


def chosen(script: Path, **options: Any) -> Repro:
    asked: dict[str, Any] = {"tf": "2.9", "patches": None, "devices": (), "cases": (), "args": ()}
    asked.update({"timeout": None, "memory": None, "matrix_file": None}, **options)
    return select(scripts=[script], **asked).matrix.repros[0]


def test_the_option_replaces_what_matrix_yaml_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text("import tensorflow\n")
    text = "repros: [{name: a, script: a.py, fail_on: casting}]\n"
    (tmp_path / "matrix.yaml").write_text(text)
    assert config.load_matrix(tmp_path / "matrix.yaml").repros[0].fail_on == "casting"
    assert chosen(Path("a.py")).fail_on == "casting"
    assert chosen(Path("a.py"), fail_on="/x/").fail_on == "/x/"


@pytest.mark.parametrize("verb", ["run", "plan", "bisect"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is nothing to look for"),
        (" ", "is nothing to look for"),
        ("/(/", "is not a regular expression: missing )"),
        ("/*/", "is not a regular expression: nothing to repeat"),
    ],
)
def test_what_is_no_pattern_is_told_in_a_line(
    verb: str,
    text: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text("import tensorflow\n")
    assert cli.execute([verb, "a.py", "--fail-on", text]) == 2
    assert f'--fail-on: "{text}" {said}' in capsys.readouterr().err


def test_bisect_by_what_is_printed() -> None:
    criterion = criteria.parse_criterion("output:casting")
    said = results.judged_result(CELL, "e", with_match(passing(), "casting"))
    other = results.judged_result(CELL, "e", with_match(passing("bye\n"), "casting"))
    lost = results.judged_result(CELL, "e", Execution(trouble="the disk is full"))
    assert [criterion.judge(each) for each in (said, other, lost)] == [True, False, None]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bad", "output:"], "is nothing to look for"),
        (["--bad", "output:/(/"], "is not a regular expression"),
        (["--on", "output:"], "is nothing to look for"),
        (
            ["--bad", "output:x", "--on", "fail"],
            "--bad output:… and --on both say what",
        ),
        (
            ["--on", "output:x", "--fail-on", "y"],
            "--fail-on and --on output:… both say what",
        ),
    ],
)
def test_wrong_use_of_bisect(
    options: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text("import tensorflow\n")
    assert cli.execute(["bisect", "a.py", *options]) == 2
    assert said in capsys.readouterr().err


def test_a_pattern_is_checked_before_anything_runs() -> None:
    with pytest.raises(UsageError, match="--on output"):
        criteria.parse_criterion("output:/[/")


# --- --nightly -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "last"),
    [
        ((), None),
        (("tf-nightly",), "2.99.0.dev20261101"),
        (("tensorflow", "tensorflow-cpu"), "2.99.0rc0"),
        (("tensorflow", "tensorflow-cpu", "tf-nightly"), "2.99.0rc0"),
    ],
)
def test_the_newest_ahead_is_the_last_column(
    offered: tuple[str, ...],
    last: Optional[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a.py").write_text("import tensorflow\n")
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    with index_server.serving() as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        for name in ("tensorflow", "tensorflow-cpu", "tf-nightly"):
            index.add(name, "2.21.0")
        for name in offered:
            index.add(name, "2.99.0.dev20261101" if name == "tf-nightly" else "2.99.0rc0")
        options: dict[str, Any] = {"devices": (), "cases": (), "args": (), "patches": None}
        options.update(timeout=None, memory=None, matrix_file=None)
        found = select(scripts=[tmp_path / "a.py"], tf="2.9.3", nightly=True, **options)
    assert [r.version for r in found.releases] == ["2.9.3", *([last] if last else [])]
    assert (NOTHING_AHEAD in found.remarks) is (last is None)


# --- Compared between releases -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("loss: 0.251\n", "loss: 0.3e-4\n"),
        ("at 0x7f00 in /home/a/x.py:12\n", "at 0x8f11 in /work/x.py:7\n"),
        ("a  b\n\n", "a b\n"),
        ("x\n2024-01-02 10:11:12.123456: I tensorflow/core/cpu_feature.cc:1] AVX\n", "x\n"),
        ("x\n2024-01-02 10:11:12.123456: W external/x/cuda.cc:1] no GPU\n", "x\n"),
        (
            "x\nTo enable them in other operations, rebuild TensorFlow with AVX.\n",
            "x\n",
        ),
        ("[1. 2.5]\n", "[3.25 4.]\n"),
        ("x\nI0000 00:00:1700000000.123456     123 port.cc:153] oneDNN\n", "x\n"),
        ("x\n1/1 [==============================] - 0s 2ms/step - loss: 1\n", "x\n1/1 ━━ 0s\n"),
        ("x\n::observe a=1\n", "x\n::observe a=2\n"),
    ],
)
def test_what_is_aside(one: str, other: str) -> None:
    assert list(compared_lines(one)) == list(compared_lines(other))
    assert output_digest(one) == output_digest(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (OUTPUT, "hello\nbye\n"),
        ("float32\n", "float64\n"),
        ("KerasTensor(type_spec)\n", "<KerasTensor shape=(1,)>\n"),
        ("a\nb\n", "b\na\n"),
    ],
)
def test_what_is_a_difference(one: str, other: str) -> None:
    assert output_digest(one) != output_digest(other)


def test_names_keep_their_digits_and_numbers_leave_the_comma() -> None:
    (line,) = compared_lines("tf.Tensor(-0.5, shape=(), dtype=int32) conv2d_12 = 1,024.5: 3e-4\n")
    assert line == "tf.Tensor(#, shape=(), dtype=int32) conv2d_12 = #: #"


def test_nothing_printed_has_no_digest() -> None:
    assert output_digest("") == output_digest("\n \n") == ""
    assert results.judged_result(CELL, "e", passing("")).printed == ""
    assert results.judged_result(CELL, "e", passing()).printed == printed.output_digest(OUTPUT)
