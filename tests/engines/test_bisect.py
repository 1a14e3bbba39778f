"""`tfmatrix bisect` and `run --explore adaptive` from end to end: command line, pipeline, journal,
and real processes, which are told a version instead of importing TensorFlow."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from runner import cli, engines, paths
from runner.engines.base import Channel, Workspace
from runner.engines.local.pipe import PipeChannel
from runner.environments import locks
from runner.model import Environment, Limits, Result, Run, Target
from runner.runs import journal
from tests.engines.plain import AGENT, PlainEngine

SCRIPT = """
import os, pathlib, sys
version = tuple(map(int, os.environ["PRETENDED"].split(".")))
print("::observe loss=%s" % (0.25 if version < (2, 11, 0) else 0.75))
if version >= (2, 9, 1):
    raise ValueError("broken since 2.9.1")
if (2, 5, 0) <= version < (2, 7, 0):
    sys.exit(125)
if version < (2, 4, 0):
    raise RuntimeError("too old")
"""


class Pretending(PlainEngine):
    """Tells its processes which release they are to take themselves for."""

    interrupts = 0
    """Which cell is stopped by Ctrl-C; 0: none."""

    def start_agent(
        self, environment: Environment, workspace: Workspace, limits: Limits
    ) -> Channel:
        self.opened.append(environment.id)
        if len(self.opened) == self.interrupts:
            raise KeyboardInterrupt
        variables = {
            "PATH": os.environ["PATH"],
            "PRETENDED": environment.target.release.version,
        }
        return PipeChannel([sys.executable, str(AGENT)], root=str(workspace.folder), env=variables)


class Desk:
    """A folder to give commands in."""

    def __init__(self, folder: Path, engine: Pretending, capsys: pytest.CaptureFixture[str]):
        self.folder, self.engine, self._capsys = folder, engine, capsys
        self.said, self.noted = "", ""

    def script(self, text: str) -> None:
        (self.folder / "my.py").write_text(text, "utf-8")

    def give(self, *arguments: str) -> int:
        code = cli.execute([arguments[0], "my.py", "--allow-no-tensorflow", *arguments[1:]])
        self.said, self.noted = self._capsys.readouterr()
        return code

    @property
    def folder_of_run(self) -> Path:
        """The newest: what `bisect` leaves is not `latest`."""
        runs = (folder for folder in paths.results().iterdir() if not folder.is_symlink())
        return max(runs, key=lambda folder: (folder / journal.HEAD).stat().st_mtime_ns)

    @property
    def run(self) -> Run:
        return journal.read_run(self.folder_of_run)

    def results(self) -> dict[str, Result]:
        return {result.tensorflow: result for result in self.run.results}


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    engine = Pretending()

    def lock(target: Target, images: object = None) -> Environment:
        packages = f"numpy==1.{target.release.parsed.minor}\nsix==1.0\n"
        return Environment(target=target, requirements=packages, key=f"{target.release.version}")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(engines, "choose", lambda name, say, *_: engine)
    monkeypatch.setattr(locks, "environment", lock)
    desk = Desk(tmp_path, engine, capsys)
    desk.script(SCRIPT)
    return desk


def test_the_first_bad_release_is_found_among_the_patches(desk: Desk) -> None:
    assert desk.give("bisect", "--good", "2.4", "--bad", "2.21") == 0
    assert desk.said.startswith(
        'The first bad release is 2.9.1: 2.9.0 passes, 2.9.1 fails with "ValueError: broken since'
    )
    lines = [line.split() for line in desk.said.splitlines()]
    assert ["outcome", "pass", "fail"] in lines
    assert ["loss", "0.25", "0.25"] in lines
    assert not any(line[:1] in (["numpy"], ["six"]) for line in lines)  # same in both
    assert "tfmatrix run my.py --allow-no-tensorflow --tf 2.9.0,2.9.1" in desk.said


def test_what_was_looked_at_is_a_run_like_any_other(desk: Desk) -> None:
    desk.give("bisect", "--good", "2.4", "--bad", "2.21")
    run = desk.run
    assert run.info.finished
    assert {"2.4.4", "2.21.0", "2.9.0", "2.9.1"} <= desk.results().keys()
    assert len(run.results) < 12
    assert {e.tensorflow for e in run.environments} == desk.results().keys()
    assert cli.execute(["report", desk.folder_of_run.name]) == 0
    matrix = json.loads((desk.folder_of_run / "matrix.json").read_text("utf-8"))
    assert len(matrix["cells"]) == len(run.results)


def test_it_leaves_the_latest_run_alone_and_its_report_says_what_it_found(desk: Desk) -> None:
    assert desk.give("run", "--tf", "2.8") == 0
    latest = (paths.results() / "latest").resolve()
    assert desk.give("bisect", "--good", "2.8", "--bad", "2.9", "--patches", "latest") == 0
    assert (paths.results() / "latest").resolve() == latest
    assert desk.folder_of_run.name.startswith("bisect-")
    report = (desk.folder_of_run / "matrix.md").read_text("utf-8")
    assert "The first bad series is 2.9: 2.8.4 passes, 2.9.3 fails" in report
    assert re.search(r"numpy +1\.8 +1\.9", report)
    page = (desk.folder_of_run / "index.html").read_text("utf-8")
    assert "The first bad series is 2.9: 2.8.4 passes, 2.9.3 fails" in page
    assert f"report: {desk.folder_of_run}" in desk.noted


def test_nothing_is_measured_twice(desk: Desk) -> None:
    assert desk.give("bisect", "--good", "2.4", "--bad", "2.21") == 0
    said, opened = desk.said, len(desk.engine.opened)
    assert desk.give("bisect", "--good", "2.4", "--bad", "2.21") == 0
    assert desk.said.partition("bad is:")[0] == said.partition("bad is:")[0]
    assert "in 0 runs" in desk.said
    assert len(desk.engine.opened) == opened


def test_what_a_run_measured_is_known_and_steers_the_search(desk: Desk) -> None:
    assert desk.give("run", "--tf", ">=2.4") == 0
    opened = len(desk.engine.opened)
    assert desk.give("bisect", "--good", "2.4", "--bad", "2.21") == 0
    assert desk.said.startswith("The first bad release is 2.9.1")
    assert len(desk.engine.opened) - opened == 2, "2.9.0 and 2.9.1 alone"
    assert "18 of " in desk.noted
    assert "are known already" in desk.noted


def test_known_answers_that_contradict_the_first_bad_are_told(desk: Desk) -> None:
    desk.script(
        "import os\n"
        "version = os.environ['PRETENDED']\n"
        "assert not version.startswith(('2.6', '2.12', '2.13'))\n"
    )
    assert desk.give("run", "--tf", ">=2.4,<2.14", "--patches", "latest") == 0
    assert desk.give("bisect", "--good", "2.4", "--bad", "2.13", "--format", "json") == 0
    told = json.loads(desk.said)
    assert told["found"]["first"] == "2.6.0"
    assert told["found"]["contradicting"] == ["2.7.4", "2.8.4", "2.9.3", "2.10.1", "2.11.1"]
    assert told["remarks"][0] == (
        "The results do not fit a single change: 2.7.4, 2.8.4, 2.9.3, 2.10.1 and 2.11.1 are good "
        "although newer than 2.6.0."
    )


@pytest.mark.parametrize(
    ("arguments", "first"),
    [([], "2.9.1"), (["--bad", "2.21"], "2.9.1"), (["--good", "2.7"], "2.9.1")],
    ids=["no end", "the bad end", "the good end"],
)
def test_ends_that_are_not_named_are_looked_for(
    desk: Desk, arguments: list[str], first: str
) -> None:
    assert desk.give("bisect", *arguments) == 0
    assert desk.said.startswith(f"The first bad release is {first}: 2.9.0 passes")
    assert len(desk.run.results) < 14


def test_where_nothing_behaves_otherwise_it_says_so(desk: Desk) -> None:
    desk.script("print('fine')\n")
    assert desk.give("bisect") == 1
    assert re.match(r"all \d+ releases looked at are good, 1\.12\.3 to 2\.21\.0: no", desk.said)


def test_releases_of_parallel_branches_are_compared_by_version(desk: Desk) -> None:
    """2.4.4 is younger than 2.5.0."""
    desk.script(SCRIPT.replace("version >= (2, 9, 1)", "version >= (2, 5, 0)"))
    assert desk.give("bisect", "--good", "2.4", "--bad", "2.8") == 0
    assert desk.said.startswith("The first bad release is 2.5.0: 2.4.4 passes")
    assert "2.4.4 came out later than 2.5.0" in desk.said


def test_environments_that_differ_show_their_packages(desk: Desk) -> None:
    arguments = ("--good", "2.8", "--bad", "2.9", "--patches", "latest")
    assert desk.give("bisect", *arguments) == 0
    assert ["numpy", "1.8", "1.9"] in [line.split() for line in desk.said.splitlines()]
    assert "six" not in desk.said


def test_what_cannot_be_judged_leaves_a_range(desk: Desk) -> None:
    assert desk.give("bisect", "--bad", "2.3", "--good", "2.8") == 0
    assert "The first good release is 2.4.0" in desk.said
    desk.script(SCRIPT.replace('RuntimeError("too old")', "SystemExit(0)").replace("9, 1", "7, 0"))
    assert desk.give("bisect", "--good", "2.4", "--bad", "2.8") == 0
    assert (
        "The first bad release is 2.7.0 or one before it that could not be judged, 2.5.0 … 2.6"
        in (desk.said)
    )


def test_bad_can_be_one_signature_or_an_observation(desk: Desk) -> None:
    arguments = ("--good", "2.2", "--bad", "2.10", "--on", "signature:since 2.9.1")
    assert desk.give("bisect", *arguments) == 0
    assert desk.said.startswith("The first bad release is 2.9.1")
    arguments = ("--good", "2.9", "--bad", "2.14", "--on", "observation:loss>0.5")
    assert desk.give("bisect", *arguments) == 0
    assert desk.said.startswith("The first bad release is 2.11.0")
    assert "loss = 0.75" in desk.said


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["--good", "2.9", "--bad", "2.12"], 1, '2.9.3 fails with "ValueError: broken'),
        (["--good", "2.4", "--bad", "2.8"], 1, "2.8.4 passes, so it is not bad"),
        (["--good", "2.6", "--bad", "2.12"], 3, "give another release as --good"),
    ],
    ids=["the good end is bad", "the bad end is good", "an end cannot be judged"],
)
def test_ends_that_are_not_as_they_were_said_to_be(
    desk: Desk, arguments: list[str], code: int, part: str
) -> None:
    assert desk.give("bisect", *arguments) == code
    assert part in desk.said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--good", "2.12", "--bad", "2.8"],
            '2.12.1 fails with "ValueError: broken since 2.9.1", and 2.8.4 passes:'
            " the ends are swapped; did you mean --good 2.8.4 --bad 2.12.1?",
        ),
        (
            ["--good", "2.12"],
            '2.12.1 fails with "ValueError: broken since 2.9.1", so it is not good;'
            " did you mean --bad 2.12.1?",
        ),
        (["--bad", "2.8"], "2.8.4 passes, so it is not bad; did you mean --good 2.8.4?"),
    ],
)
def test_ends_with_each_others_names_are_named_right(
    desk: Desk, arguments: list[str], said: str
) -> None:
    assert desk.give("bisect", *arguments) == 1
    assert desk.said.strip() == said
    assert desk.give("bisect", *said.rstrip("?").split("did you mean ")[1].split()) == 0
    assert desk.said.startswith("The first bad release is 2.9.1")


def test_a_release_that_cannot_be_measured_is_no_evidence(desk: Desk) -> None:
    desk.engine.broken = frozenset({"2.9.0", "2.8.4"})
    assert desk.give("bisect", "--good", "2.7", "--bad", "2.10") == 3
    assert desk.said.startswith("The first bad release is 2.9.1 or one before it")
    assert "2.8.4 … 2.9.0 (2 releases)" in desk.said


def test_a_flaky_script_is_judged_by_several_runs(desk: Desk) -> None:
    """Bad from 2.9.1 on, but every second run of a bad release passes."""
    flaky = SCRIPT.replace(
        "if version >= (2, 9, 1):",
        "seen = pathlib.Path('FOLDER', os.environ['PRETENDED'] + '.seen')\n"
        "seen.write_text((seen.read_text() if seen.exists() else '') + 'x')\n"
        "if version >= (2, 9, 1) and len(seen.read_text()) % 2 == 0:",
    ).replace("FOLDER", str(desk.folder))
    desk.script(flaky)
    assert desk.give("bisect", "--good", "2.8", "--bad", "2.10", "--repeat", "1/3") == 0
    assert desk.said.startswith("The first bad release is 2.9.1")
    assert "bad in 1 of 2 runs" in desk.said
    assert "bad in 0 of 3 runs" in desk.said
    assert "bad is: any failure in 1 of 3 runs;" in desk.said
    bad = desk.results()["2.9.1"]
    assert (bad.outcome.verdict.value, bad.votes) == ("fail", "1/2")
    assert "bad in 1 of 2 runs" in bad.outcome.reason
    assert bad.log is not None
    assert "broken since" in (desk.folder_of_run / bad.log).read_text("utf-8")


def test_two_bugs_in_one_row_are_told_apart(desk: Desk) -> None:
    """The bad end fails otherwise than the first bad release: whoever asked meant that."""
    other = 'if version >= (2, 19, 0):\n    raise KeyError("another bug")\n'
    desk.script(SCRIPT.replace("if version >= (2, 9, 1):", other + "if version >= (2, 9, 1):"))
    assert desk.give("bisect", "--good", "2.8", "--bad", "2.21") == 0
    assert desk.said.startswith("The first bad release is 2.9.1")
    assert "2.21.0 fails for another reason, \"KeyError: 'another bug'\"" in desk.said
    arguments = ("--good", "2.8", "--bad", "2.21", "--on", "signature:another bug")
    assert desk.give("bisect", *arguments) == 0
    assert desk.said.startswith("The first bad release is 2.19")
    assert "another reason" not in desk.said


def test_other_programs_get_the_answer_as_json(desk: Desk) -> None:
    arguments = ("--good", "2.8", "--bad", "2.9", "--patches", "latest", "--format", "json")
    assert desk.give("bisect", *arguments) == 0
    told = json.loads(desk.said)
    assert told["found"] == {
        "kind": "bad",
        "axis": "tensorflow",
        "before": "2.8.4",
        "first": "2.9.3",
        "first_series": "2.9",
        "unknown": [],
        "contradicting": [],
        "packages": {"numpy": ["1.8", "1.9"]},
        "git_versions": ["", ""],
        "compare": "https://github.com/tensorflow/tensorflow/compare/v2.8.4...v2.9.3",
        "blame": None,
        "again": "tfmatrix run my.py --allow-no-tensorflow --tf 2.8.4,2.9.3",
    }
    assert [(one["tensorflow"], one["bad"]) for one in told["looked_at"]] == [
        ("2.8.4", False),
        ("2.9.3", True),
    ]
    assert told["looked_at"][1]["signature"] == "ValueError: broken since 2.9.1"
    assert desk.give("bisect", "--good", "2.4", "--bad", "2.8", "--format", "json") == 1
    told = json.loads(desk.said)
    assert told["found"] is None
    assert told["sentence"] == "2.8.4 passes, so it is not bad: no release to find"


def test_what_may_come_next_is_prepared_while_a_release_runs(desk: Desk) -> None:
    desk.give("bisect", "--good", "2.7", "--bad", "2.21")
    assert set(desk.engine.made) > set(desk.engine.opened)


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (["--remeasure"], "3 releases; the same command without --remeasure continues from there"),
        (["--repeat", "3"], "1 release; the same command begins anew, as it compares repeated"),
    ],
)
def test_an_interrupted_search_says_how_to_go_on(
    desk: Desk, capsys: pytest.CaptureFixture[str], options: list[str], advice: str
) -> None:
    desk.engine.interrupts = 4
    with pytest.raises(KeyboardInterrupt):
        desk.give("bisect", "--good", "2.4", "--bad", "2.21", *options)
    assert f"measured and kept in {desk.folder_of_run}: {advice}" in capsys.readouterr().err


def test_an_interrupted_search_keeps_what_it_measured(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.engine.interrupts = 4
    with pytest.raises(KeyboardInterrupt):
        desk.give("bisect", "--good", "2.4", "--bad", "2.21")
    where = f"measured and kept in {desk.folder_of_run}"
    assert f"{where}: 3 releases; the same command continues from" in capsys.readouterr().err
    kept = desk.results()
    assert len(kept) == 3
    assert (desk.folder_of_run / "matrix.md").is_file()
    assert desk.give("bisect", "--good", "2.4", "--bad", "2.21") == 0
    assert desk.said.startswith("The first bad release is 2.9.1")
    assert all(desk.results()[version].cached for version in kept)


def test_adaptive_measures_less_and_shows_the_same(desk: Desk) -> None:
    assert desk.give("run", "--tf", ">=2.0", "--fresh") == 0
    full = {v: (r.outcome.verdict, r.outcome.signature) for v, r in desk.results().items()}
    opened = len(desk.engine.opened)
    assert desk.give("run", "--tf", ">=2.0", "--remeasure", "--explore", "adaptive") == 0
    results = desk.results()
    assert {v: (r.outcome.verdict, r.outcome.signature) for v, r in results.items()} == full
    measured = [result for result in results.values() if not result.inferred]
    assert len(desk.engine.opened) - opened == len(measured) < len(results)
    assert f"{len(measured)} of {len(results)} cells measured" in desk.noted


def test_adaptive_goes_by_what_is_known_already(desk: Desk) -> None:
    """A row that was measured but for two releases: both lie where it does not change."""
    assert desk.give("run", "--tf", ">=2.0,!=2.13.*,!=2.19.*") == 0
    opened = len(desk.engine.opened)
    assert desk.give("run", "--tf", ">=2.0", "--explore", "adaptive") == 0
    assert len(desk.engine.opened) == opened
    results = desk.results()
    assert [version for version, one in results.items() if one.inferred] == ["2.13.1", "2.19.1"]
    assert all(one.cached for one in results.values() if not one.inferred)


def test_with_little_disk_no_environment_is_made_twice(desk: Desk) -> None:
    arguments = ("--tf", ">=2.0", "--explore", "adaptive", "--keep-environments", "none")
    assert desk.give("run", *arguments) == 0
    assert sorted(set(desk.engine.made)) == sorted(desk.engine.made)
    assert any(result.inferred for result in desk.results().values())


def test_a_cell_that_no_neighbour_agrees_with_is_measured_once_more(desk: Desk) -> None:
    """2.6 fails once and never again; 2.9 always does."""
    desk.script(
        "import os, pathlib\n"
        "version = os.environ['PRETENDED']\n"
        f"flag = pathlib.Path({str(desk.folder)!r}, version + '.flag')\n"
        "if version.startswith('2.9') or (version.startswith('2.6') and not flag.exists()):\n"
        "    flag.touch()\n"
        "    raise ValueError('odd')\n"
    )
    assert desk.give("run", "--tf", ">=2.4,<2.13") == 0
    results = desk.results()
    assert {version: one.attempts for version, one in results.items() if one.attempts > 1} == {
        "2.6.5": 2,
        "2.9.3": 2,
    }
    assert (results["2.6.5"].outcome.verdict.value, results["2.6.5"].votes) == ("fail", "1/2")
    assert (results["2.9.3"].outcome.verdict.value, results["2.9.3"].votes) == ("fail", "")
    opened = len(desk.engine.opened)
    assert desk.give("run", "--tf", ">=2.4,<2.13") == 0
    assert len(desk.engine.opened) == opened, "it is not confirmed again"
    assert desk.results()["2.6.5"].votes == "1/2"


def test_an_inferred_cell_says_so_and_is_never_an_answer_later(desk: Desk) -> None:
    desk.give("run", "--tf", ">=2.9", "--explore", "adaptive")
    inferred = [result for result in desk.results().values() if result.inferred]
    assert inferred
    for result in inferred:
        before, after = result.inferred if isinstance(result.inferred, tuple) else ("", "")
        assert {before, after} <= {r.environment for r in desk.results().values() if not r.inferred}
        assert (result.attempts, result.log, result.unexpected) == (0, None, False)
    opened = set(desk.engine.opened)
    desk.give("run", "--tf", ">=2.9")
    assert not any(result.inferred for result in desk.results().values())
    assert {r.environment for r in inferred} == set(desk.engine.opened) - opened
