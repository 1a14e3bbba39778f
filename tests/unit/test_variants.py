"""Variants: axes × cases, in matrix.yaml and on the command line; their cells, names and keys."""

from __future__ import annotations

import json
import pickle
import re
from datetime import date
from pathlib import Path
from typing import Optional

import pytest
from attrs import evolve

from runner import cli, serial
from runner.cells.results import skipped_result
from runner.cells.snapshot.record import Snapshot
from runner.engines.base import Workspace
from runner.environments import locks
from runner.errors import MatrixError, UsageError
from runner.grid import build_grid
from runner.matrix import config, plan, variants, vary
from runner.model import Axis, Cell, Device, Environment, Matrix, Release, Run, Variant
from runner.pipeline.cluster import messages
from runner.pipeline.tasks import Measure
from runner.report import markdown
from runner.report.answer import answer
from runner.report.context import Context, plain_command
from runner.runs import journal, merge
from tests.unit import runs

MATRIX = """\
axes:
  keras:
    default: {}
    legacy: { tf: ">=2.16.0", env: { TF_USE_LEGACY_KERAS: "1" } }
  numpy:
    old: { requirements: ["numpy==1.21.6"] }
    new: { requirements: ["numpy==1.23.5"] }
repros:
  - name: mine
    script: script.py
    env: { A: "usual", B: "usual" }
    requirements: { ">=2.9.0": ["numpy<2", "six"] }
    axes: [keras]
    cases: [{ name: one }, { name: two }]
    exclude:
      - { cases: [one], axes: { keras: legacy }, reason: "one has no layers" }
    expect:
      - { axes: { keras: legacy }, outcome: fail, source: "the release notes" }
      - { axes: { keras: default }, outcome: pass, source: "the manual" }
"""


def release(version: str, *pythons: str) -> Release:
    return Release(
        version=version,
        released=date(2022, 5, 16),
        pythons=pythons or ("3.10", "3.9"),
        cpu_requirement=f"tensorflow-cpu=={version}",
        extras=("tf_keras==2.16.*",),
        constraints=("numpy<1.24", "protobuf<3.20"),
        newer=(("numpy", date(2023, 1, 1)), ("keras", date(2023, 1, 1))),
    )


RELEASES = (release("2.15.1"), release("2.16.2"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "script.py").write_text("import tensorflow\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str = MATRIX) -> Matrix:
    return config.parse_matrix(text.encode(), Path("matrix.yaml"))


def cells(text: str = MATRIX) -> list[Cell]:
    return plan.cells(load(text), RELEASES)


def names(planned: list[Cell]) -> list[tuple[str, str]]:
    return [(cell.case.name, cell.target.release.version) for cell in planned]


# Cells ------------------------------------------------------------------------------------


def test_a_case_is_tried_with_each_value(folder: Path) -> None:
    assert names(cells())[::2] == [
        ("one", "2.15.1"),
        ("two", "2.15.1"),
        ("one@keras=legacy", "2.15.1"),
        ("two@keras=legacy", "2.15.1"),
    ]


def test_a_release_that_a_value_is_not_for_is_a_skip_that_says_so(folder: Path) -> None:
    skipped = {(c.case.name, c.target.release.version): c.skip for c in cells() if c.skip}
    assert skipped == {
        ("one@keras=legacy", "2.15.1"): "one has no layers",
        ("one@keras=legacy", "2.16.2"): "one has no layers",
        ("two@keras=legacy", "2.15.1"): "keras=legacy is for TensorFlow >=2.16.0",
    }


def test_axes_multiply(folder: Path) -> None:
    planned = cells(MATRIX.replace("axes: [keras]", "axes: [numpy, keras]"))
    assert [name for name, version in names(planned) if version == "2.16.2"][::2] == [
        "one@numpy=old",
        "one@numpy=old,keras=legacy",
        "one@numpy=new",
        "one@numpy=new,keras=legacy",
    ]


def test_a_variants_variables_come_over_the_repros_own(folder: Path) -> None:
    text = MATRIX.replace('TF_USE_LEGACY_KERAS: "1"', 'A: "mine"')
    found = {cell.case.name: cell.variables for cell in cells(text)}
    assert found["one"] == {"A": "usual", "B": "usual"}
    assert found["one@keras=legacy"] == {"A": "mine", "B": "usual"}


def test_variables_alone_need_no_environment_of_their_own(folder: Path) -> None:
    assert len(plan.targets(cells())) == len(RELEASES)


def test_a_package_stands_in_the_place_of_the_repros_and_names_its_environment(
    folder: Path,
) -> None:
    planned = cells(MATRIX.replace("[keras]", "[numpy]").partition("    exclude:")[0])
    asked = {cell.target.requirements for cell in planned}
    assert asked == {("numpy==1.21.6", "six"), ("numpy==1.23.5", "six")}
    assert planned[0].target.label == "2.15.1-py3.10-cpu-numpy-1.21.6-six"


def test_rules_speak_of_a_value_or_of_all(folder: Path) -> None:
    found = {cell.case.name: cell for cell in cells() if cell.target.release.version == "2.16.2"}
    assert found["one@keras=legacy"].skip == "one has no layers"
    assert found["one"].skip is found["two@keras=legacy"].skip is None
    said = {name: cell.expected.source if cell.expected else "" for name, cell in found.items()}
    assert said["two"] == "the manual"
    assert said["two@keras=legacy"] == "the release notes"


def test_a_python_that_a_release_lacks_is_a_skip_that_says_which_it_has() -> None:
    axis = vary.parse_axis("python=3.9,3.8")
    repro = runs.drawn("2.5\na ✓").repros[0]
    cases = variants.all_combinations(repro.cases, [axis])
    matrix = Matrix(source=Path("m"), tf="", repros=(evolve(repro, cases=cases),))
    planned = plan.cells(matrix, RELEASES)
    ran = {(c.case.name, c.target.python): c.skip for c in planned}
    assert ran["a@python=3.9", "3.9"] is None
    assert "not there for Python 3.8, only for 3.10, 3.9" in (ran["a@python=3.8", "3.8"] or "")


def test_a_name_means_all_variants_and_a_full_name_one(folder: Path) -> None:
    matrix = load()
    assert names(plan.cells(matrix, RELEASES[1:], ["two"])) == [
        ("two", "2.16.2"),
        ("two@keras=legacy", "2.16.2"),
    ]
    assert names(plan.cells(matrix, RELEASES[1:], ["two@keras=legacy"])) == [
        ("two@keras=legacy", "2.16.2")
    ]
    assert len(plan.cells(matrix, RELEASES, ["*@*"])) == 4


def test_cases_are_not_spread_along_an_axis_twice(folder: Path) -> None:
    matrix = load()
    again = variants.all_combinations(matrix.repros[0].cases, matrix.axes[:1])
    assert again == matrix.repros[0].cases


# What it is measured as -------------------------------------------------------------------


def test_a_matrix_with_axes_is_the_same_after_it_was_remembered(folder: Path) -> None:
    matrix = load()
    assert serial.from_json(Matrix, json.loads(json.dumps(serial.plain(matrix)))) == matrix


def test_results_of_two_variants_in_one_environment_are_two(folder: Path) -> None:
    planned = [cell for cell in cells() if cell.case.base_name == "two"][1::2]
    results = [skipped_result(cell, "2.16.2-py3.10-cpu", "") for cell in planned]
    assert [result.variant for result in results] == ["", "keras=legacy"]
    assert len({result.id for result in results}) == 2
    assert len({journal.log_name(result) for result in results}) == 2
    back = [serial.result_from_json(serial.result_to_json(result)) for result in results]
    assert back == results


def test_the_journal_and_a_merge_keep_variants_apart(folder: Path) -> None:
    run = runs.drawn("2.16\ntwo ✓\ntwo@keras=legacy A")
    log = journal.Journal(folder / "run", run)
    for result in run.results:
        log.append(result, "said\n")
    log.close()
    read = journal.read_run(folder / "run")
    assert len(read.results) == 2
    assert len(merge.merge_runs([run, run], "both").run.results) == 2


def test_what_is_exact_is_locked_whatever_its_day_and_the_catalogues_caps() -> None:
    target = plan.target(RELEASES[1], Device.CPU, ("numpy==1.26.4", "protobuf<4", "tf-keras==2.17"))
    asked = locks.lock_request(target)
    assert asked.undated == ("numpy", "tf-keras")
    assert asked.constraints == ("protobuf<3.20", "tensorflow-probability<0.25")
    assert asked.requirements == ("tensorflow-cpu==2.16.2", *target.requirements)
    assert [package for package, _ in asked.newer] == ["keras"]
    assert "# of any day: numpy\n" in locks.lock_header(target)


def test_a_usual_target_is_asked_for_as_before() -> None:
    asked = locks.lock_request(plan.target(RELEASES[1], Device.CPU))
    assert asked.undated == ()
    assert asked.constraints == RELEASES[1].constraints
    assert asked.requirements == ("tensorflow-cpu==2.16.2", "tf_keras==2.16.*")


def test_a_clusters_worker_gets_the_variant(folder: Path) -> None:
    cell = cells()[-1]
    environment = Environment(target=cell.target, requirements="", key="k")
    there = Snapshot(workspace=Workspace(folder=folder, script="script.py"), digest="d")
    task = Measure(environment=environment, cell=cell, snapshot=there, mode="fresh")
    sent = pickle.loads(pickle.dumps(messages.measure_request("link", "plain", task)))
    assert sent.cell.variables == {"A": "usual", "B": "usual", "TF_USE_LEGACY_KERAS": "1"}
    assert sent.cell.case == cell.case


# matrix.yaml ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[keras]", "[kera]", 'repros[0].axes[0]: "kera" is not an axis; did you mean "keras"?'),
        ("[keras]", "[keras, keras]", 'repros[0].axes[1]: "keras" is there twice'),
        ("{ keras: default }", "{ kera: x }", '"kera" is not an axis of this repro; did you mean'),
        (
            "{ keras: default }",
            "{ keras: lagacy }",
            'is not one of its values; did you mean "legacy"?',
        ),
        ("default: {}", "default: {}\n    other: {}", 'nothing, and neither does "default"'),
        (
            "{ requirements: [",
            '{ python: "2", requirements: [',
            '"2" is not a Python version such as',
        ),
        ('["numpy==1.23.5"]', '["tensorflow==2.9"]', "is TensorFlow itself, which the matrix"),
        ("TF_USE_LEGACY_KERAS", "TF-USE", '"TF-USE" is not the name of an environment variable'),
        ("legacy: {", "legacy: { envs: {}, ", 'envs: unknown key; did you mean "env"?'),
        ("default: {}\n    legacy: {", 'legacy: { python: "3.9", ', None),
    ],
)
def test_what_is_wrong_with_axes_is_said_in_one_line(
    folder: Path, old: str, new: str, said: Optional[str]
) -> None:
    text = MATRIX.replace(old, new, 1)
    assert text != MATRIX
    if said is None:  # the value that the rules name is gone
        text = text.replace("{ keras: default }", "{ keras: legacy }")
        load(text)
        return
    with pytest.raises(MatrixError) as caught:
        load(text)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_an_axis_without_values_and_two_that_set_the_same_are_refused(folder: Path) -> None:
    with pytest.raises(MatrixError, match="keras: has no values; give at least one"):
        load("axes:\n  keras: {}\nrepros: [{name: a, script: script.py, axes: [keras]}]\n")
    both = MATRIX.replace("[keras]", "[keras, numpy]").replace(
        'old: { requirements: ["numpy==1.21.6"] }', 'old: { env: { TF_USE_LEGACY_KERAS: "0" } }'
    )
    with pytest.raises(MatrixError, match='"keras" and "numpy" both set TF_USE_LEGACY_KERAS'):
        load(both)


# The command line -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("numpy=1.22.4,", [("numpy=1.22.4", ("numpy==1.22.4",)), ("", ())]),
        ("numpy=<2,>=1.22", [("numpy=<2", ("numpy<2",)), ("numpy=>=1.22", ("numpy>=1.22",))]),
        ("numpy=1.23.*", [("numpy=1.23.*", ("numpy==1.23.*",))]),
    ],
)
def test_packages_vary(text: str, values: list[tuple[str, tuple[str, ...]]]) -> None:
    assert [(v.name, v.requirements) for v in vary.parse_axis(text).values] == values


def test_variables_and_pythons_vary() -> None:
    unset, off = vary.parse_axis("TF_ENABLE_ONEDNN_OPTS=,0").values
    assert (unset.name, unset.env) == ("", {})
    assert (off.name, off.env) == ("TF_ENABLE_ONEDNN_OPTS=0", {"TF_ENABLE_ONEDNN_OPTS": "0"})
    assert [value.python for value in vary.parse_axis("python=3.9,3.10").values] == ["3.9", "3.10"]


@pytest.mark.parametrize(
    "text", ["numpy", "kears", "numpy=,,", "python=3", "tensorflow=2.9", "=1", "numpy=a b", "a b=1"]
)
def test_what_is_no_axis_is_wrong_use(text: str) -> None:
    known = Axis(name="keras", values=(Variant(values={"keras": "x"}),))
    with pytest.raises(UsageError) as caught:
        vary.parse_axis(text, (known,))
    assert len(caught.value.message.splitlines()) == 1


@pytest.mark.parametrize("name", ["pyton", "pyhton", "Python", "pythons"])
def test_python_misspelt_is_no_package(name: str) -> None:
    with pytest.raises(
        UsageError, match=rf"{name}=3\.8,3\.9: did you mean --vary python=3\.8,3\.9"
    ):
        vary.parse_axis(f"{name}=3.8,3.9")
    for package in ("cython", "ipython", "pytest"):
        assert vary.parse_axis(f"{package}=8").values[0].requirements == (f"{package}==8",)


def test_backends_vary() -> None:
    usual, tensorflow, jax = vary.parse_axis("backend=,tensorflow,jax").values
    assert (usual.name, usual.tf) == ("", ())
    assert tensorflow.env == {"KERAS_BACKEND": "tensorflow"}
    assert tensorflow.requirements == ()
    assert jax.env == {"KERAS_BACKEND": "jax"}
    assert jax.requirements == ("jax[cpu]",)
    assert tensorflow.tf == jax.tf == (">=2.16.0",)
    (torch,) = vary.parse_axis("backend=torch==2.5.1+cpu").values
    assert torch.env == {"KERAS_BACKEND": "torch"}
    assert torch.requirements == ("torch==2.5.1+cpu",)
    assert torch.name == "backend=torch==2.5.1+cpu"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("torch", '"torch" is torch with CUDA, several gigabytes: PyPI has no other for Linux'),
        ("torch==2.5.1", '"torch==2.5.1" is torch with CUDA, several gigabytes'),
        ("torch>=2.5.1+cpu", '"torch>=2.5.1+cpu" is not a backend that can be added'),
        ("torch==2.5.1+cu121", '"torch==2.5.1+cu121" is torch with CUDA'),
        ("torch==2.5.1+cpu ; a", '"torch==2.5.1+cpu ; a" is torch with CUDA'),
        ("torchvision==0.1+cpu", '"torchvision==0.1+cpu" is not a backend that can be added'),
        ("cntk", '"cntk" is not a backend that can be added; expected tensorflow, jax or torch=='),
    ],
)
def test_a_backend_that_cannot_be_added_is_wrong_use(value: str, why: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"--vary backend={value}: {why}")):
        vary.parse_axis(f"backend={value}")


def test_plan_shows_variants(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["plan", "script.py", "--tf", "2.9.0", "--vary", "numpy=,1.23.5", "--env", "A=1"]
    assert cli.execute([*command, "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [(cell["case"], cell["variant"], cell["environment"]) for cell in said] == [
        ("default", "", "2.9.0-py3.10-cpu"),
        ("default@numpy=1.23.5", "numpy=1.23.5", "2.9.0-py3.10-cpu-numpy-1.23.5"),
    ]
    assert cli.execute([*command, "--format", "github"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "include": [{"tensorflow": "2.9.0", "device": "cpu"}]
    }


def test_an_axis_of_the_matrix_is_named_and_arguments_keep_variants(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "matrix.yaml").write_text(MATRIX, "utf-8")
    command = ["plan", "script.py", "--tf", "2.16", "--vary", "numpy", "--arg", "x"]
    assert cli.execute([*command, "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [(cell["case"], cell["args"]) for cell in said] == [
        ("default@numpy=old", ["x"]),
        ("default@keras=legacy,numpy=old", ["x"]),
        ("default@numpy=new", ["x"]),
        ("default@keras=legacy,numpy=new", ["x"]),
    ]
    assert cli.execute(["plan", "--tf", "2.16", "--vary", "keras=3.4.0"]) == 2
    assert "matrix.yaml varies keras already" in capsys.readouterr().err


# The grid ---------------------------------------------------------------------------------


def test_a_variant_is_a_row_and_is_compared_along_releases_alone() -> None:
    grid = build_grid(runs.drawn("2.15 2.16 2.17\ntwo ✓ A A\ntwo@keras=legacy ? ✓ ✓"))
    assert [row.case for row in grid.rows] == ["two", "two@keras=legacy"]
    (change,) = (change for step in grid.transitions for change in step.changes)
    assert change.row.case == "two"


def test_pythons_that_cases_vary_share_the_column_of_their_release() -> None:
    run = runs.drawn("2.5\na ✓\na@python=3.9 A", python="3.8")
    (usual, old), (repro,) = run.results, run.repros
    variant = vary.parse_axis("python=3.9").values[0]
    cases = (repro.cases[0], variants.in_variant(repro.cases[0], variant))
    results = (usual, evolve(old, python="3.9", environment="2.5-py3.9-cpu"))
    grid = build_grid(evolve(run, results=results, repros=(evolve(repro, cases=cases),)))
    (column,) = grid.columns
    assert (column.label, column.python, column.pythons) == ("2.5", "3.8", ("3.8", "3.9"))
    assert [grid.mark(row, column).letter for row in grid.rows] == ["", "A"]


def with_pythons(picture: str, *pythons: str) -> Run:
    """A run of case `a`, without and with `python=P` for each of `pythons`, on Python 3.10."""
    run = runs.drawn(picture, python="3.10")
    (repro,) = run.repros
    usual = evolve(repro.cases[0], name="a")
    varied = [vary.parse_axis(f"python={python}").values[0] for python in pythons]
    cases = [variants.in_variant(usual, variant) for variant in varied]
    planned = cases if len(repro.cases) == len(cases) else [usual, *cases]
    return evolve(run, repros=(evolve(repro, cases=tuple(planned)),))


def test_a_python_that_no_release_of_the_run_has_is_told_with_its_reason() -> None:
    known = [release("2.8.0"), release("2.9.0")]
    grid = build_grid(with_pythons("2.8 2.9\na@python=3.11 – –", "3.11"), known)
    why = "2 cells are skipped (tf.function came with TensorFlow 1.14)"
    assert answer(grid) == f"Nothing was judged: {why}."
    grid = build_grid(with_pythons("2.8 2.9\na ✓ ✓\na@python=3.11 – –", "3.11"), known)
    assert answer(grid) == (
        f"a passes on every release from 2.8 to 2.9; with python=3.11 nothing was judged: {why}."
    )


def test_a_python_that_some_releases_of_the_run_have_is_told_for_these() -> None:
    known = [release("2.8.0"), release("2.12.0", "3.11")]
    grid = build_grid(with_pythons("2.8 2.12\na ✓ ✓\na@python=3.11 – ✓", "3.11"), known)
    assert [mark.impossible for mark in grid.marks[1]] == [True, False]


def test_a_release_on_which_only_the_python_is_missing_does_not_vanish() -> None:
    known = [release("2.8.0"), release("2.12.0", "3.11")]
    grid = build_grid(with_pythons("2.8 2.12\na@python=3.11 – ✓", "3.11"), known)
    assert [mark.impossible for mark in grid.marks[0]] == [False, False]
    assert answer(grid) == (
        "a@python=3.11 passes on 2.12, is skipped on 2.8 (tf.function came with TensorFlow 1.14)."
    )


def test_a_run_of_nothing_but_a_variant_for_other_releases_says_so() -> None:
    run = runs.with_legacy_keras(runs.drawn("2.9\na@keras=legacy –"))
    assert answer(build_grid(run)) == (
        "Nothing was judged: 1 cell is skipped (tf.function came with TensorFlow 1.14)."
    )


# Reports ----------------------------------------------------------------------------------


def test_the_report_says_what_a_variant_changes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    matrix = load()
    planned = plan.cells(matrix, RELEASES)
    results = tuple(
        skipped_result(cell, cell.target.label, cell.skip or "broken") for cell in planned
    )
    run = evolve(runs.drawn("2.16\nx ✓"), environments=(), results=results, repros=matrix.repros)
    context = Context(run=run, grid=build_grid(run), logs=lambda _: "")
    said = markdown.render(context)
    assert "- `@keras=legacy`: `TF_USE_LEGACY_KERAS=1`, on TensorFlow `>=2.16.0`\n" in said
    assert "keras=legacy is for TensorFlow" not in said, "there is no such cell"
    assert "`one has no layers`: 1 cell (`one@keras=legacy`; 2.16)" in said
    row = next(row for row in context.grid.rows if row.case == "two@keras=legacy")
    command = "A=usual B=usual TF_USE_LEGACY_KERAS=1 python script.py"
    assert plain_command(context, row) == command
