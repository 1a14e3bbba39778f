"""The benchmark's arithmetic, its pages, and what it runs inside an environment."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from pathlib import Path
from urllib.request import Request, urlopen
from xml.etree import ElementTree

import pytest

from bench import (
    aims,
    coverage,
    index,
    loops,
    opening,
    plot,
    rounds,
    scale,
    stages,
    studies,
    table,
    works,
)
from bench.floor import ONCE, Parts, bound
from bench.records import (
    Answer,
    Bench,
    Comparison,
    Coverage,
    Figures,
    Growth,
    Place,
    Point,
    Sample,
    Series,
)
from bench.timing import BenchError
from runner.engines.base import Phase
from runner.matrix import config
from runner.model import Release
from runner.releases import catalogue, specifier

PLACES = (
    Place(version="1.15.5", python=Path("/envs/a/bin/python"), image="tfmatrix:a"),
    Place(version="2.9.3", python=Path("/envs/b/bin/python"), image="tfmatrix:b"),
)


def series(name: str, *seconds: float) -> Series:
    return Series(contestant=name, samples=tuple(Sample(seconds=each) for each in seconds))


COMPARISON = Comparison(
    work="light",
    title="A light script",
    releases=("1.15.5", "2.9.3"),
    cases=5,
    series=(
        series(studies.SHELL, 40.0, 44.0, 41.0),
        series(studies.DOCKER_RUN, 50.0, 50.0, 50.0),
        series(studies.LOCAL, 11.0, 10.0, 12.0),
        series(studies.DOCKER, 12.5, 12.5, 12.5),
        series(studies.FLOOR, 10.0, 10.0, 10.0),
    ),
)
GROWTH = Growth(
    title="More cases",
    along="cases",
    points=tuple(
        Point(contestant=name, size=size, sample=Sample(seconds=size / 10 + start))
        for start, name in ((1.0, studies.FLOOR), (2.0, studies.LOCAL))
        for size in (1, 10, 100)
    ),
)
BENCH = Bench(
    command="python -m bench",
    started="2026-01-01T00:00:00Z",
    finished="2026-01-01T00:20:00Z",
    version="0.1.0",
    host={"processor": "a processor", "cores": 2, "memory_mb": 8192, "system": "Linux"},
    left_out=("docker run: no daemon answers",),
    comparisons=(COMPARISON,),
    growths=(GROWTH,),
    figures=(Figures(title="Simulated", rows=(("planned", "1.00 s"),)),),
    coverages=(
        Coverage(
            title="How many releases answer",
            releases=("1.15.5", "2.0.4", "2.9.3"),
            answers=(
                Answer(contestant="uv run", version="1.15.5", first=3.0, cause="it is too new"),
                Answer(contestant="uv run", version="2.0.4", first=2.0, cause="it is too new"),
                Answer(contestant="uv run", version="2.9.3", first=20.0, again=4.0),
                Answer(contestant="docker run", version="1.15.5"),
                Answer(contestant="docker run", version="2.0.4", cause="no official image"),
                Answer(contestant="docker run", version="2.9.3"),
            ),
        ),
    ),
    aims=tuple(aims.of_sides(COMPARISON)),
)


# --- Order, and what stands for all ----------------------------------------------------------


def test_every_round_has_everyone_once_and_each_begins_with_another() -> None:
    names = ["a", "b", "c", "d"]
    taken = [rounds.order(names, number) for number in range(4)]
    assert all(sorted(one) == names for one in taken)
    assert [one[0] for one in taken] == names


@pytest.mark.parametrize(
    ("most", "expected"), [(1, [9]), (2, [0, 9]), (4, [0, 3, 6, 9]), (10, list(range(10)))]
)
def test_what_stands_for_all_is_spread_evenly(most: int, expected: list[int]) -> None:
    assert rounds.spread(range(10), most) == expected


def test_sizes_end_with_what_there_is() -> None:
    assert rounds.sizes(26, (1, 8)) == [1, 8, 26]
    assert rounds.sizes(4, (1, 8)) == [1, 4]


# --- The floor -------------------------------------------------------------------------------


def test_the_floor_is_all_work_over_the_cores() -> None:
    parts = [Parts(3.0, (1.0, 1.0)), Parts(4.0, (0.5, 0.5)), Parts(2.0, (1.0,))]
    assert bound(parts, 2) == pytest.approx(13.0 / 2)


def test_the_floor_is_no_lower_than_one_import_and_one_case() -> None:
    assert bound([Parts(3.0, (1.0, 2.0))], 2) == pytest.approx(5.0)


def test_one_import_serves_every_case(tmp_path: Path) -> None:
    """With a stand-in for TensorFlow: the least work is one import and a fork per case."""
    (tmp_path / "tensorflow.py").write_text("print('imported', file=open('imports', 'a'))\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, time, tensorflow\n"
        "print(sys.argv[1:], __name__, file=open('ran', 'a'))\n"
        "raise SystemExit(sys.argv[1] == 'bad')\n"
    )
    command = [sys.executable, str(ONCE), repr(time.monotonic()), str(script), "good", "bad"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}
    )
    said = json.loads(done.stdout)
    assert (tmp_path / "imports").read_text() == "imported\n"
    assert (tmp_path / "ran").read_text() == "['good'] __main__\n['bad'] __main__\n"
    assert said["import"] > 0
    assert [seconds > 0 for seconds in said["cases"]] == [True, True]


# --- What was promised -----------------------------------------------------------------------


def test_shares_of_the_speed_up_that_the_floor_allows() -> None:
    share, faster = aims.of_sides(COMPARISON)
    assert share.measured == pytest.approx(100 * 10 / 11)
    assert share.met
    assert faster.measured == pytest.approx(4.0)
    assert not faster.met


def test_nothing_is_promised_of_what_was_left_out() -> None:
    local = Comparison(
        work="", title="", releases=("2.9.3",), cases=1, series=COMPARISON.series[2:3]
    )
    assert list(aims.of_sides(local)) == []
    assert list(aims.of_whole(local)) == []


def test_fewer_simulated_cells_keep_no_promise() -> None:
    figures = {"all": 1.0, "peak_mb": 10.0}
    assert list(aims.of_simulated(10_000, figures)) == []
    assert [aim.met for aim in aims.of_simulated(100_000, figures)] == [True, True]


# --- Pages -----------------------------------------------------------------------------------


def test_the_table_tells_medians_spread_and_ratios() -> None:
    page = table.render(BENCH)
    assert "| tfmatrix, local | 11.00 s | 10.00 – 12.00 | 1100 ms | 1.10 |  |" in page
    assert "- docker run: no daemon answers" in page
    assert "**missed**" in page
    assert "| 100 | 11.00 s | 12.00 s |" in page


def test_the_table_tells_how_many_releases_answered_and_why_others_did_not() -> None:
    page = table.render(BENCH)
    assert "|  | right cells of 3 | from nothing, median | again, median | no answer |" in page
    assert "| uv run | 1 | 20.00 s | 4.00 s | it is too new: 1.15.5, 2.0.4 |" in page
    assert "| docker run | 2 |  |  | no official image: 2.0.4 |" in page


def test_pictures_are_well_formed_and_name_everyone() -> None:
    bars, growth = (ElementTree.fromstring(draw(BENCH)) for draw in (plot.bars, plot.growth))
    assert {one.contestant for one in COMPARISON.series} <= set(bars.itertext())
    assert {studies.FLOOR, studies.LOCAL} <= set(growth.itertext())


@pytest.mark.parametrize(("least", "expected"), [(0.3, 0.5), (1, 1), (11, 20), (60, 100)])
def test_ticks_are_round_numbers(least: float, expected: float) -> None:
    assert plot.nice(least) == pytest.approx(expected)


# --- What is run -----------------------------------------------------------------------------


def test_the_works_are_what_tfmatrix_reads(tmp_path: Path) -> None:
    for make, cases in ((works.shipped, works.shipped_cases()), (works.light, ("a", "b"))):
        work = make(PLACES, cases, tmp_path)
        (repro,) = config.load_matrix(work.matrix).repros
        assert [case.args for case in repro.cases] == [(name,) for name in work.cases]
        assert repro.script.read_text() == work.script.read_text()


def test_tox_has_an_environment_per_release_and_a_command_per_case(tmp_path: Path) -> None:
    work = works.light(PLACES, ("a", "b"), tmp_path)
    lines = loops.tox_ini(work)
    assert "env_list = tf1_15_5, tf2_9_3" in lines
    assert [line.split()[-1] for line in lines if "python" in line] == ["a", "b", "a", "b"]


# --- What people type instead ------------------------------------------------------------------


def newest(series: str) -> Release:
    (release,) = specifier.select(catalogue.load_releases(), series, "latest")
    return release


@pytest.mark.parametrize(
    ("printed", "cause"),
    [
        ("error: No interpreter found for Python 3.6 in managed installations", "no such Python"),
        (
            "RuntimeError: failed to query /bin/python3.6 with code 1 err: SyntaxError",
            "the tool does not know this Python",
        ),
        ("  x No solution found when resolving", "no wheel for this Python"),
        ("  x Failed to build `h5py==2.10.0`", "a dependency does not build"),
        ("TypeError: Descriptors cannot be created directly.", "protobuf is too new"),
        ("AttributeError: module 'numpy' has no attribute 'object'", "NumPy is too new"),
        ("ModuleNotFoundError: No module named 'distutils'", "a package is missing or too new"),
        ("ended after 1800 s", "it took too long"),
        ("first\nlast | word\n\n", "last / word"),
        ("", "it printed nothing"),
    ],
)
def test_why_a_command_gave_no_answer(printed: str, cause: str) -> None:
    assert coverage.cause_of(printed) == cause


def test_what_is_typed_for_a_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "tox_program", lambda: Path("tox"))
    monkeypatch.setattr(coverage, "python", lambda release: release.pythons[0])
    release = newest("2.9")
    typed = {name: make(release, tmp_path) for name, make in coverage.TYPISTS.items()}
    words = {name: " ".join(one.command) for name, one in typed.items()}
    assert "--python 3.10 --with tensorflow==2.9.3 " in words["uv run --with tensorflow==V"]
    assert f"--exclude-newer {release.as_of}" in words["uv run --exclude-newer DAY"]
    assert "tensorflow==2.9.3" in (tmp_path / "tox.ini").read_text()
    lock = (tmp_path / "requirements.txt").read_text()
    assert "numpy==" in lock
    assert "--with-requirements" in words["uv run, our locks"]
    assert all(str(tmp_path) in "".join(one.variables.values()) for one in typed.values())


def test_an_answer_is_right_only_with_the_version_that_was_asked_for(tmp_path: Path) -> None:
    release = newest("2.9")

    def says(version: str, end: int = 0) -> coverage.Typist:
        text = f"import sys; print('hello it from {version}'); sys.exit({end})"
        return lambda release, folder: coverage.Typed(
            command=[sys.executable, "-c", text], variables={}
        )

    right = coverage.answer("a", says("2.9.3"), tmp_path, release)
    assert not right.cause
    assert right.first is not None
    assert right.again is not None
    wrong = coverage.answer("a", says("2.10.1"), tmp_path, release)
    assert (wrong.cause, wrong.again) == ("hello it from 2.10.1", None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "said",
    [
        "failed to write to file `a`: No space left on device (os error 28)",
        "to fix it: make room: tfmatrix clean; or leave out what does not fit: --max-disk",
    ],
)
def test_a_full_disk_is_no_fault_of_a_release(said: str, tmp_path: Path) -> None:
    text = f"import sys; sys.exit({said!r})"
    with pytest.raises(BenchError, match="disk is full"):
        coverage.answer(
            "a",
            lambda release, folder: coverage.Typed(
                command=[sys.executable, "-c", text], variables={}
            ),
            tmp_path,
            newest("2.9"),
        )
    assert list(tmp_path.iterdir()) == []


def test_official_images_are_counted_from_the_catalogue() -> None:
    chosen = specifier.select(catalogue.load_releases(), ">=1.12", "latest")
    found = [coverage.image(release) for release in chosen]
    there = [one.version for one in found if not one.cause]
    assert there == [release.version for release in chosen if release.image]
    assert 0 < len(there) < len(chosen)


# --- The stages of an environment ------------------------------------------------------------


def test_what_a_child_uses_is_counted_while_it_runs_and_afterwards() -> None:
    spins = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ninput()"
    before = stages.Usage.now()
    with subprocess.Popen(
        (sys.executable, "-c", spins), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin
        assert child.stdout
        child.stdout.readline()
        running = stages.Usage.now().since(before)
        child.stdin.close()
    ended = stages.Usage.now().since(before)
    assert 0.45 <= running.processor <= ended.processor


def test_a_stage_lasts_until_the_next_one_begins() -> None:
    diary = stages.Diary()
    for phase in ("creating", "installing", "downloading", "downloading", "installing"):
        diary.hear(Phase(what=phase))
    diary.begin("")
    names = [name for name, _ in diary.stages]
    assert names == ["creating", "looking", "downloading", "installing"]


def test_the_stages_of_all_releases_are_added() -> None:
    used = {"seconds": 1.25, "processor": 2.0, "written": 3_000_000}
    lines = [
        json.dumps({"release": release, "stage": stage, "used": used})
        for release in ("1.15.5", "2.9.3")
        for stage in ("compiling", "checking")
    ]
    found = stages.figures(lines, ("1.15.5", "2.9.3"))
    assert ("compile to bytecode", "2.5", "4.0", "6") in found.rows
    assert found.rows[-1] == ("together", "5.0", "8.0", "12")


# --- The index that counts -------------------------------------------------------------------


def test_the_index_passes_on_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tmp_path / "real"
    (real / "files").mkdir(parents=True)
    (real / "simple").mkdir()
    (real / "files" / "thing-1.0-py3-none-any.whl").write_bytes(b"0123456789")
    (real / "simple" / "thing").write_text('<a href="../files/thing-1.0-py3-none-any.whl#x">')
    monkeypatch.setenv("PIP_INDEX_URL", (real / "simple").as_uri() + "/")
    with index.serving(tmp_path / "kept") as server:
        page = urlopen(f"{server.url}thing").read().decode()
        file = page.split('"')[1].split("#")[0]
        address = server.url.replace("/simple/", file)
        part = Request(address, headers={"Range": "bytes=-3"})
        assert urlopen(part).read() == b"789"
        for _ in range(2):
            assert urlopen(address).read() == b"0123456789"
        assert server.fetched == {"thing-1.0-py3-none-any.whl": 2}
        assert server.bytes == 23
        assert server.passed_on == 2


def test_an_address_survives_the_way_there_and_back() -> None:
    url = "https://files.example.org/packages/a%2Bb/thing-1.0+cpu-py3-none-any.whl"
    assert index.there(index.here(url)) == url
    assert index.there(index.here(url) + ".metadata") == f"{url}.metadata"


def test_the_guide_has_the_calculated_table() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text("utf-8")
    large = list(scale.main())[-len(scale.MACHINES) :]
    assert [row for row in large if row not in guide] == []


# --- Opening ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["10000", "25x", "x4", "0x4", "25x400x2", "²x4", ""])
def test_the_size_of_a_page_is_releases_and_cases(size: str) -> None:
    assert opening.size("25x400") == (25, 400)
    with pytest.raises(ArgumentTypeError, match="is not RELEASESxCASES, such as 25x400"):
        opening.size(size)


def test_a_simulated_page_holds_each_cell(tmp_path: Path) -> None:
    page = opening.simulated_page(27, 2, tmp_path).read_text("utf-8")
    assert "2 cases × 27 environments, 54 cells" in page
    with pytest.raises(SystemExit, match="999 releases: there are only"):
        opening.simulated_page(999, 2, tmp_path / "more")


def test_the_times_of_a_page_are_told_in_seconds() -> None:
    times = [{"loaded": milliseconds} for milliseconds in (900.0, 500.0, 600.0)]
    assert list(opening.table(times)) == [
        "  seconds       minimum   median  maximum",
        "  loaded           0.50     0.60     0.90",
    ]
