"""Letters for signatures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runner.grid.letters import legend, letter, letters


def test_letters_follow_first_appearance() -> None:
    seen = ["SIGSEGV", None, "ValueError: x", "SIGSEGV", "timeout"]
    assert letters(seen) == {"SIGSEGV": "A", "ValueError: x": "B", "timeout": "C"}


def test_after_z_come_two_letters() -> None:
    assert [letter(n) for n in (0, 25, 26, 51, 52, 701, 702)] == [
        "A",
        "Z",
        "AA",
        "AZ",
        "BA",
        "ZZ",
        "AAA",
    ]


def test_the_legend_reads_in_the_order_of_the_letters() -> None:
    signatures = [f"exit {n}" for n in range(30)]
    explained = legend(letters(signatures))
    assert list(explained)[:2] == ["A", "B"]
    assert list(explained)[-1] == "AD"
    assert list(explained.values()) == signatures


@given(st.lists(st.none() | st.sampled_from([f"s{n}" for n in range(40)])))
def test_equal_signatures_and_no_others_share_a_letter(signatures: list[str | None]) -> None:
    assigned = letters(signatures)
    assert set(assigned) == {s for s in signatures if s is not None}
    assert len(set(assigned.values())) == len(assigned)
    assert legend(assigned) == {name: s for s, name in assigned.items()}
