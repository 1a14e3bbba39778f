"""One sentence that says in which releases it happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from runner import grid
from runner.cells.silent import NO_TENSORFLOW
from runner.model import UNPREPARED, Case, Limits, Repro, Run, Verdict
from runner.releases import catalogue, specifier
from runner.report.answer import answer, sentences
from runner.report.controls import remarks
from runner.report.transitions import change_in_words
from tests.unit import runs

KEY_ERROR: dict[str, runs.Failure] = {
    "A": (Verdict.FAIL, "KeyError: 'x'"),
    "B": (Verdict.FAIL, "ValueError: no"),
}


def said(picture: str, failures: dict[str, runs.Failure] = KEY_ERROR) -> str:
    return answer(grid.build_grid(runs.drawn(picture, failures)))


EXAMPLES = [
    # One script: no name, failures first.
    ("2.4 2.5 2.6\ndefault ✓ A A", "Fails from 2.5 on (KeyError: 'x'); passes on 2.4."),
    ("2.4 2.5 2.6\ndefault A A ✓", "Fails on 2.4 to 2.5 (KeyError: 'x'); passes on 2.6."),
    ("2.4 2.5 2.6\ndefault ✓ ✓ ✓", "Passes on every release from 2.4 to 2.6."),
    ("2.4 2.5\ndefault A A", "Fails on every release from 2.4 to 2.5 (KeyError: 'x')."),
    ("2.4\ndefault ✓", "Passes on 2.4."),
    (
        "2.4 2.5 2.6 2.7\ndefault A ✓ A B",
        "Fails on 2.4 and 2.6 (KeyError: 'x'); fails on 2.7 (ValueError: no); passes on 2.5.",
    ),
    (
        "2.4 2.5 2.6\ndefault ✓ ! A",
        "Fails on 2.6 (KeyError: 'x'); passes on 2.4; could not be measured on 2.5 "
        "(the disk is full).",
    ),
    (
        "2.4 2.5 2.6\ndefault ✓ ! ✓",
        "Passes on 2.4 and 2.6; could not be measured on 2.5 (the disk is full).",
    ),
    (
        "2.4 2.5 2.6\ndefault C T M",
        "Crashes on 2.4 (SIGSEGV); is stopped after 90 s on 2.5; needs over 700 MiB on 2.6.",
    ),
    (  # Of many outcomes the pass is never the one that is left out.
        "2.4 2.5 2.6 2.7 2.8 2.9\ndefault A B C T M ✓",
        "Fails on 2.4 (KeyError: 'x'); fails on 2.5 (ValueError: no); crashes on 2.6 (SIGSEGV); "
        "is stopped after 90 s on 2.7; passes on 2.9; and 1 more outcome.",
    ),
    # A few cases: each way of behaving in a clause.
    ("2.4 2.5 2.6\na ✓ A A", "a fails from 2.5 on (KeyError: 'x'), passes on 2.4."),
    ("2.4 2.5\na ✓ A\nb ✓ A", "Both cases fail on 2.5 (KeyError: 'x'), pass on 2.4."),
    ("2.4\na ✓\nb ✓\nc ✓", "All 3 cases pass on 2.4."),
    (
        "2.4 2.5\na ✓ A\nb ✓ ✓\nc ✓ A",
        "a and c fail on 2.5 (KeyError: 'x'), pass on 2.4; b passes on every release from 2.4 to "
        "2.5.",
    ),
    (
        "2.4 2.5\nfit-a ✓ A\nfit-b ✓ A\nrun ✓ ✓",
        "fit-* (2) fail on 2.5 (KeyError: 'x'), pass on 2.4; run passes on every release from "
        "2.4 to 2.5.",
    ),
    # Many ways: where they turn, how many, why.
    (
        "2.4 2.5 2.6\na ✓ A A\nb ✓ A B\nc ✓ A A\nd ✓ B B\ne ✓ ✓ ✓",
        "From 2.5 on 4 of 5 cases fail (none on 2.4), 2 of them with KeyError: 'x'.",
    ),
    (
        "2.4 2.5 2.6\na ✓ K K\nb A K K\nc B K K\nd ✓ ✓ ✓",
        "From 2.5 on 3 of 4 cases fail (2 on 2.4), because keras.backend has no "
        "set_learning_phase.",
    ),
    (
        "2.4 2.5 2.6\na A ✓ ✓\nb A ✓ ✓\nc B ✓ ✓\nd ✓ ✓ ✓\ne C ✓ ✓",
        "From 2.5 on all 5 cases pass; on 2.4, 4 fail, 2 of them with KeyError: 'x'.",
    ),
    (
        "2.4 2.5\na ✓ A\nb ✓ A\nc A A\nd A B\ne – !",
        "On 2.5, all 4 cases fail (2 on 2.4), 3 of them with KeyError: 'x'; "
        "1 case could not be judged there.",
    ),
    (
        "2.4 2.5\na ✓ A\nb ✓ A\nc A A\nd A B\ne ! –\nf – –",
        "On 2.5, all 4 cases fail (2 on 2.4), 3 of them with KeyError: 'x'; "
        "2 cases are skipped there.",
    ),
    (
        "2.4 2.5 2.6\na ✓ ✓ ✓\nb ✓ A ✓\nc ✓ A B\nd B B B\ne ! – !\nf A ✓ A",
        "Of 6 cases, 1 passes on every release from 2.4 to 2.6, 3 on some, 1 on none and "
        "1 could not be judged; the largest change is from 2.5 to 2.6: 3 of 5 cases.",
    ),
    (
        "2.4\na ✓\nb A\nc B\nd C\ne –",
        "On 2.4, of 5 cases 1 passes, 3 fail and 1 is skipped.",
    ),
    # What could not be judged is not claimed.
    (
        "2.4 2.5 2.6\na ✓ A –\nb ✓ A –\nc ✓ B –\nd A B –\ne ✓ ✓ –",
        "On 2.5, 4 of 5 cases fail (1 on 2.4), 2 of them with KeyError: 'x'; "
        "nothing could be judged on 2.6.",
    ),
    (
        "2.4 2.5 2.6\na ✓ A !\nb ✓ A B\nc ✓ A A\nd ✓ B B\ne ✓ ✓ ✓",
        "From 2.5 on 4 of 5 cases fail (none on 2.4), 2 of them with KeyError: 'x'; "
        "1 cell there could not be judged.",
    ),
    # Nothing judged: why.
    ("2.4 2.5\na ? ?", "Nothing was measured."),
    (
        "2.4 2.5\na ! !",
        "Nothing was judged: 2 cells could not be measured (the disk is full).",
    ),
    (
        "2.4 2.5\na – !",
        "Nothing was judged: 1 cell is skipped (tf.function came with TensorFlow 1.14), "
        "1 cell could not be measured (the disk is full).",
    ),
    # Variants.
    (
        "2.15 2.16\na ✓ A\na@keras=legacy – ✓",
        "a fails on 2.16 (KeyError: 'x'), passes on 2.15; with keras=legacy it ends as on 2.15.",
    ),
    (
        "2.15 2.16\na ✓ A\na@keras=legacy – A",
        "a fails on 2.16 (KeyError: 'x'), passes on 2.15; with keras=legacy it ends as without it.",
    ),
    (
        "2.15 2.16\na ✓ A\na@keras=legacy – B",
        "a fails on 2.16 (KeyError: 'x'), passes on 2.15; with keras=legacy it fails on 2.16 "
        "(ValueError: no).",
    ),
    (
        "2.15 2.16\na ✓ A\nb ✓ A\na@keras=legacy – ✓\nb@keras=legacy – ✓",
        "Both cases fail on 2.16 (KeyError: 'x'), pass on 2.15; with keras=legacy both end as "
        "on 2.15.",
    ),
    (
        "2.15 2.16\na ✓ A\na@keras=legacy – !",
        "a fails on 2.16 (KeyError: 'x'), passes on 2.15; with keras=legacy nothing was judged: "
        "1 cell could not be measured (the disk is full).",
    ),
    (
        "2.15 2.16 2.17\na ✓ A A\nb ✓ A A\na@keras=legacy – ✓ A\nb@keras=legacy – ✓ ✓",
        "Both cases fail from 2.16 on (KeyError: 'x'), pass on 2.15; with keras=legacy 1 of 2 "
        "ends as on 2.15.",
    ),
    (
        "2.15 2.16 2.17\na ✓ A A\na@keras=legacy – ✓ !",
        "a fails from 2.16 on (KeyError: 'x'), passes on 2.15; with keras=legacy it ends as on "
        "2.15 where it could be judged.",
    ),
]


@pytest.mark.parametrize(
    ("picture", "reasons", "sentence"),
    [
        ("2.4\ndefault T", ["it hangs: it has used no processor time for 31 s"], "Hangs on 2.4."),
        (
            "2.4 2.5\ndefault T T",
            ["it hangs: it has used no processor time for 31 s", "still running after 120 s"],
            "Is stopped after at most 120 s on every release from 2.4 to 2.5.",
        ),
        ("2.4\ndefault T", ["still running after 120 s"], "Is stopped after 120 s on 2.4."),
        (
            "2.4\ndefault D",
            ["killed for disk, over 64 MiB written"],
            "Fails on 2.4 (killed for disk, over 64 MiB written).",
        ),
    ],
)
def test_the_limit_that_was_exceeded_is_named(
    picture: str, reasons: list[str], sentence: str
) -> None:
    run = runs.drawn(
        picture, {"D": (Verdict.FAIL, "killed for disk"), "T": (Verdict.TIMEOUT, "timeout")}
    )
    told = tuple(
        evolve(each, outcome=evolve(each.outcome, reason=reason))
        for each, reason in zip(run.results, reasons)
    )
    assert answer(grid.build_grid(evolve(run, results=told))) == sentence


@pytest.mark.parametrize(("picture", "words"), EXAMPLES, ids=[words for _, words in EXAMPLES])
def test_the_grammar(picture: str, words: str) -> None:
    failures: dict[str, runs.Failure] = {
        **KEY_ERROR,
        "C": (Verdict.CRASH, "SIGSEGV"),
        "T": (Verdict.TIMEOUT, "timeout"),
        "M": (Verdict.OOM, "out of memory"),
        "K": (
            Verdict.FAIL,
            "AttributeError: module 'keras.backend' has no attribute 'set_learning_phase'",
        ),
    }
    run = runs.with_legacy_keras(runs.drawn(picture, failures))
    limited = evolve(run.repros[0], limits=Limits(timeout=90, memory=700))
    whole = answer(grid.build_grid(evolve(run, repros=(limited,))))
    assert whole == words


KNOWN = tuple(
    release
    for release in catalogue.load_releases()
    if release.series in ("2.4", "2.5", "2.6", "2.7", "2.8", "2.9")
)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        ("2.8.1 2.9.3\ndefault A ✓", "Fails on 2.8.1 (KeyError: 'x'); passes on 2.9."),
        ("2.4.4 2.9.3\ndefault ✓ ✓", "Passes on both 2.4 and 2.9."),
        (
            "2.4.4 2.6.5 2.7.4 2.9.3\ndefault ✓ A A A",
            "Fails on 2.6 to 2.7 and 2.9 (KeyError: 'x'); passes on 2.4.",
        ),
        ("2.5.3 2.6.5 2.7.4\ndefault ✓ A A", "Fails on 2.6 to 2.7 (KeyError: 'x'); passes on 2.5."),
        ("2.7.4 2.8.4 2.9.3\ndefault ✓ A A", "Fails from 2.8 on (KeyError: 'x'); passes on 2.7."),
    ],
)
def test_no_release_is_named_that_was_not_run(picture: str, words: str) -> None:
    """An old patch stands for itself, a gap is no range, and `on` reaches the newest or nothing."""
    assert answer(grid.build_grid(runs.drawn(picture, KEY_ERROR), KNOWN)) == words


def test_a_package_is_named_with_its_major_version_where_that_changed() -> None:
    lacks = (
        "AttributeError: module 'tensorflow.keras.backend' has no attribute 'set_learning_phase'"
    )
    run = runs.drawn(
        "2.15 2.16 2.17\na ✓ K K\nb ✓ K K\nc A K K\nd B K K\ne ✓ ✓ ✓",
        {**KEY_ERROR, "K": (Verdict.FAIL, lacks)},
    )
    versions = {"2.15.0": "2.15.0", "2.16.0": "3.3.3", "2.17.0": "3.5.0"}
    environments = tuple(
        evolve(each, packages=(f"keras=={versions[each.tensorflow]}",)) for each in run.environments
    )
    assert answer(grid.build_grid(evolve(run, environments=environments))) == (
        "From 2.16 on 4 of 5 cases fail (2 on 2.15), because Keras 3 has no set_learning_phase."
    )


def test_none_passing_everywhere_reads_well() -> None:
    assert said("2.4 2.5\na ✓ A\nb A ✓\nc A A\nd A B").startswith(
        "Of 4 cases, none passes on every release from 2.4 to 2.5, 2 pass on some and 2 on none;"
    )


def test_a_summary_does_not_claim_a_pass_where_a_case_was_not_judged() -> None:
    assert "on every release from 2.4 to 2.5 that could be judged" in said(
        "2.4 2.5\na ✓ –\nb ✓ A\nc A ✓\nd B B"
    )


def several(*pictures: str) -> Run:
    """A run with a repro for each picture."""
    drawn = [runs.drawn(picture, KEY_ERROR) for picture in pictures]
    return evolve(
        drawn[0],
        repros=tuple(evolve(r.repros[0], name=f"repro{n}") for n, r in enumerate(drawn)),
        results=tuple(
            evolve(result, repro=f"repro{n}") for n, r in enumerate(drawn) for result in r.results
        ),
    )


def test_each_repro_has_a_sentence_of_its_own() -> None:
    run = several("2.4 2.5\ndefault ✓ A", "2.4 2.5\na ✓ ✓\nb ✓ ✓")
    assert sentences(grid.build_grid(run)) == [
        "repro0: fails on 2.5 (KeyError: 'x'); passes on 2.4.",
        "repro1: both cases pass on every release from 2.4 to 2.5.",
    ]


def test_a_repros_sentence_counts_its_own_cases_alone() -> None:
    ways = "2.4 2.5\na ✓ A\nb A ✓\nc A A\nd A B"
    first, second = sentences(grid.build_grid(several(ways, ways)))
    assert "2 of 4" in first or "3 of 4" in first
    assert first.replace("repro0", "repro1") == second


def test_more_repros_than_are_told_are_counted() -> None:
    run = several(*["2.4\na ✓"] * 5)
    assert sentences(grid.build_grid(run), most=2)[2:] == ["3 more repros in the grid."]


def test_each_device_has_a_clause() -> None:
    cpu, cuda = (
        runs.drawn(f"2.4 2.5\na {glyphs}", KEY_ERROR, device=device)
        for device, glyphs in (("cpu", "✓ ✓"), ("cuda", "✓ A"))
    )
    both = evolve(
        cpu, environments=cpu.environments + cuda.environments, results=cpu.results + cuda.results
    )
    assert answer(grid.build_grid(both)) == (
        "On cpu, a passes on every release from 2.4 to 2.5; "
        "on cuda, a fails on 2.5 (KeyError: 'x'), passes on 2.4."
    )


def test_devices_that_behave_alike_share_a_clause() -> None:
    cpu, cuda, other = (
        runs.drawn(f"2.4 2.5\na ✓ {last}", KEY_ERROR, device=device)
        for device, last in (("cpu", "A"), ("cuda", "A"), ("tpu", "✓"))
    )
    every = evolve(
        cpu,
        environments=cpu.environments + cuda.environments + other.environments,
        results=cpu.results + cuda.results + other.results,
    )
    assert answer(grid.build_grid(every)) == (
        "On cpu and cuda, a fails on 2.5 (KeyError: 'x'), passes on 2.4; "
        "on tpu, a passes on every release from 2.4 to 2.5."
    )


def test_an_environment_that_could_not_be_made_says_its_cause() -> None:
    run = runs.drawn("2.4 2.5\na ! !\nb ✓ !")
    told = tuple(
        evolve(each, outcome=evolve(each.outcome, reason=f"{UNPREPARED}no wheel fits"))
        if each.outcome.verdict is Verdict.ERROR
        else each
        for each in run.results
    )
    assert answer(grid.build_grid(evolve(run, results=told))) == (
        "a could not be measured on any release from 2.4 to 2.5 (no wheel fits); "
        "b passes on 2.4, could not be measured on 2.5 (no wheel fits)."
    )


PYTHONS = {"2.7": "3.8", "2.8": "3.10"}


@pytest.mark.parametrize(
    ("cases", "words"),
    [
        ("aaa", "2.8 fails on Python 3.8 too"),
        ("ppp", "2.8 passes on Python 3.8 as 2.7 does: the change is Python's, not TensorFlow's"),
        (
            "pa",
            "one passes on 2.8 with Python 3.8 as on 2.7: the change is Python's, not "
            "TensorFlow's; two fails on 2.8 with Python 3.8 too",
        ),
        (
            "aaap",
            "3 of the 4 cases fail on 2.8 with Python 3.8 too; four passes on 2.8 with Python 3.8 "
            "as on 2.7: the change is Python's, not TensorFlow's",
        ),
        ("aa?", "one and two fail on 2.8 with Python 3.8 too"),
    ],
)
def test_a_control_names_its_case_where_it_is_not_all_that_change(cases: str, words: str) -> None:
    """Each letter is a case: how its control ended, or `?` where it has none."""
    names = ["one", "two", "three", "four"][: len(cases)]
    drawn = [
        runs.drawn(
            "\n".join([version, *(f"{name} {glyph}" for name in names)]), KEY_ERROR, python=p
        )
        for (version, p), glyph in zip(PYTHONS.items(), "✓A")
    ]
    ends = {"a": "A", "p": "✓"}
    controls = tuple(
        runs.result(f"{name}@python=3.8", "2.8", ends[case], KEY_ERROR, variant="python=3.8")
        for name, case in zip(names, cases)
        if case != "?"
    )
    run = evolve(
        drawn[0],
        environments=drawn[0].environments + drawn[1].environments,
        results=drawn[0].results + drawn[1].results,
        controls=controls,
    )
    built = grid.build_grid(run)
    assert list(remarks(built, built.rows)) == [words]


def test_names_and_messages_go_through_the_quote() -> None:
    repro = Repro(name="r", script=Path("r.py"), cases=(Case(name="a"), Case(name="b")))
    run = evolve(runs.drawn("2.4 2.5\na ✓ A\nb ✓ ✓", KEY_ERROR), repros=(repro,))
    assert answer(grid.build_grid(run), lambda text: f"<{text}>") == (
        "<a> fails on 2.5 (<KeyError: 'x'>), passes on 2.4; <b> passes on every release from 2.4 "
        "to 2.5."
    )


def test_an_answer_is_bounded_however_wild_the_behaviour() -> None:
    glyphs = " ".join(f"X{n}" for n in range(60))
    versions = " ".join(f"2.{n}" for n in range(60))
    failures: dict[str, runs.Failure] = {
        f"X{n}": (Verdict.FAIL, f"E{n}: " + "long " * 500) for n in range(60)
    }
    assert len(said(f"{versions}\na {glyphs}", failures)) < 1_000


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        ("2.4 2.5\na ✓ A\nb ✓ A\nc ✓ ✓", "2 of 3 cases change, ✓ → A"),
        ("2.4 2.5\na ✓ A", "the case changes, ✓ → A"),
        ("2.4 2.5\na ✓ A\nb ✓ A\nc A B", "3 of 3 cases change, 2 × ✓ → A, 1 × A → B"),
        ("2.4 2.5 2.6\na ✓ ! A", "the case changes, ✓ → A; not judged on 2.5"),
    ],
)
def test_a_transition_in_words(picture: str, words: str) -> None:
    (transition,) = grid.build_grid(runs.drawn(picture, KEY_ERROR)).transitions
    assert change_in_words(transition) == words


def test_a_transition_says_where_python_changed_too() -> None:
    old, new = runs.drawn("2.7\na ✓", python="3.8"), runs.drawn("2.8\na A", python="3.10")
    both = evolve(
        old, environments=old.environments + new.environments, results=old.results + new.results
    )
    (transition,) = grid.build_grid(both).transitions
    assert change_in_words(transition) == "the case changes, ✓ → A; Python 3.8 → 3.10 too"


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (
            "2.4 2.5 2.6\na ✓ ✓≈ ✓",
            "a passes on every release from 2.4 to 2.6; 1 of 3 cells is inferred, not measured.",
        ),
        (
            "2.4 2.5\na ✓3/5 ✓",
            "a passes on every release from 2.4 to 2.5; 1 cell is flaky (3/5 attempts agree).",
        ),
        (
            "2.4 2.5 2.6\na ✓2/3 ✓≈ A3/5",
            "a fails on 2.6 (KeyError: 'x'), passes on 2.4 to 2.5; 1 of 3 cells is inferred, not "
            "measured; 2 cells are flaky (2/3 and 3/5 attempts agree).",
        ),
    ],
)
def test_what_was_not_measured_or_not_always_so_is_said_with_the_answer(
    picture: str, words: str
) -> None:
    assert said(picture) == words


def test_an_inferred_cell_supports_no_claim_of_a_summary() -> None:
    words = said("2.4 2.5 2.6\na ✓ ✓≈ ✓\nb ✓ A A\nc A ✓ ✓\nd B B≈ B")
    assert "1 passes on every release from 2.4 to 2.6 that was measured" in words
    assert "2 of 12 cells are inferred, not measured" in words


def observed(cases: str, values: dict[tuple[str, str], dict[str, float]]) -> str:
    lines = [f"{case} ✓ ✓ ✓ ✓" for case in cases]
    run = runs.drawn("\n".join(["2.6 2.7 2.8 2.9", *lines]), observations=values)
    return answer(grid.build_grid(run))


def series(case: str, **named: list[float]) -> dict[tuple[str, str], dict[str, float]]:
    return {
        (case, f"2.{6 + at}"): {name: values[at] for name, values in named.items()}
        for at in range(4)
    }


EVERYWHERE = "on every release from 2.6 to 2.9"


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"loss": [1, 1, 1, 1]}, ""),
        ({"loss": [1, 1, 1.00001, 1]}, ""),
        ({"loss": [1, 1, 1, 2]}, ", but loss differs from 2.9 on"),
        ({"loss": [1, 2, 2, 2], "mean": [1, 3, 3, 3]}, ", but loss and mean differ from 2.7 on"),
        ({"loss": [1, 2, 2, 1]}, ", but loss changes at 2.7 and 2.9"),
        (
            {"loss": [1, 2, 2, 2], "mean": [1, 1, 3, 3]},
            ", but loss differs from 2.7 on and mean differs from 2.8 on",
        ),
        (
            {"a": [1, 2, 2, 2], "b": [1, 1, 3, 3], "c": [1, 1, 1, 2]},
            ", but 3 observed values change",
        ),
    ],
)
def test_passing_everywhere_with_other_values_is_not_all_the_same(
    named: dict[str, list[float]], words: str
) -> None:
    assert observed("a", series("a", **named)) == f"a passes {EVERYWHERE}{words}."


def test_values_that_change_in_some_of_the_cases_say_in_how_many() -> None:
    assert observed("ab", series("b", loss=[1, 1, 2, 2])) == (
        f"Both cases pass {EVERYWHERE}, but in 1 of them loss differs from 2.8 on."
    )


@pytest.mark.parametrize(
    ("versions", "losses", "words"),
    [
        ("2.6 2.10", [1, 2], ", but loss changes between 2.6 and 2.10"),
        ("2.6 2.7 2.10", [1, 2, 2], ", but loss changes at 2.7"),
        ("2.6 2.10 2.11", [1, 2, 2], ", but loss changes between 2.6 and 2.10"),
        ("2.6 2.7 2.10", [1, 2, 1], ", but loss changes at 2.7 and between 2.7 and 2.10"),
        ("2.19 2.20 2.21", [1, 2, 2], ", but loss differs from 2.20 on"),
        ("2.18 2.19 2.20", [1, 2, 2], ", but loss changes at 2.19"),
    ],
)
def test_no_change_is_claimed_of_a_release_that_did_not_run(
    versions: str, losses: list[float], words: str
) -> None:
    known = catalogue.load_releases()
    names = [specifier.select(known, series)[0].version for series in versions.split()]
    values = {("a", version): {"loss": loss} for version, loss in zip(names, losses)}
    run = runs.drawn(f"{' '.join(names)}\na {' '.join('✓' for _ in names)}", observations=values)
    said = answer(grid.build_grid(run, known))
    assert said.endswith(f"{words}."), said


@pytest.mark.parametrize(
    ("cases", "words"),
    [
        ("ab", "in 1 of them loss differs from 2.9 on and in the other mean differs from 2.9 on"),
        ("abc", "in 1 of them loss differs from 2.9 on and in 1 of them mean differs from 2.9 on"),
    ],
)
def test_values_that_change_in_different_cases_are_not_said_of_one(cases: str, words: str) -> None:
    changed = {**series("a", loss=[1, 1, 1, 2]), **series("b", mean=[1, 1, 1, 2])}
    who = "Both" if len(cases) == 2 else "All 3"
    assert observed(cases, changed) == f"{who} cases pass {EVERYWHERE}, but {words}."


def test_values_that_change_with_the_outcome_are_no_news() -> None:
    run = runs.drawn("2.6 2.7\na ✓ A", KEY_ERROR, observations=series("a", loss=[1, 2, 2, 2]))
    assert answer(grid.build_grid(run)) == "a fails on 2.7 (KeyError: 'x'), passes on 2.6."


@pytest.mark.parametrize("glyphs", ["! !", "✓ !"])
def test_a_reason_keeps_the_remedy_at_its_end(glyphs: str) -> None:
    run = runs.drawn(f"2.20 2.21\na {glyphs}")
    reason = f"{'KeyError: ' + 'x' * 40}, and {NO_TENSORFLOW}"
    results = [
        evolve(each, outcome=evolve(each.outcome, reason=reason))
        if each.outcome.verdict is Verdict.ERROR
        else each
        for each in run.results
    ]
    said = answer(grid.build_grid(evolve(run, results=tuple(results))))
    assert "--allow-no-tensorflow judges it anyway" in said
