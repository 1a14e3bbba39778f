"""Runs to look at: small, and with one of everything that the page shows."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from runner.model import Case, Repro, Run, Verdict
from tests.unit import runs

FAILURES: dict[str, runs.Failure] = {
    "A": (Verdict.FAIL, "KeyError: 'x'"),
    "B": (Verdict.CRASH, "SIGSEGV in libtensorflow.so"),
}


def small() -> Run:
    """Passes, two ways to fail, a skip, an error; nothing that folds but 2.5 and 2.6."""
    return runs.drawn(
        """
        1.15 2.4 2.5 2.6 2.7 2.8
        one   ✓   ✓   ✓   ✓   A   A
        two   –   ✓   ✓   ✓   ✓   B
        three ✓   !   ✓   ✓   A≠  ✓
        """,
        FAILURES,
        observations={
            ("one", version): {"loss": loss, "constructor": 1, "list": [loss, 1.0]}
            for version, loss in [("1.15", 0.5), ("2.4", 0.5), ("2.5", 0.25), ("2.6", 0.25)]
        },
    )


def two_devices() -> Run:
    cpu = runs.drawn("2.4 2.5 2.6\none ✓ A A\ntwo ✓ ✓ ✓", FAILURES)
    cuda = runs.drawn("2.4 2.5 2.6\none ✓ ✓ B\ntwo – – –", FAILURES, device="cuda")
    return evolve(
        cpu, environments=cpu.environments + cuda.environments, results=cpu.results + cuda.results
    )


def adaptive() -> Run:
    return runs.drawn("2.4 2.5 2.6 2.7\none ✓ ✓≈ ✓≈ ✓\ntwo ✓3/5 ✓ A2/3 A", FAILURES)


def long_names() -> Run:
    """A case whose name has no place to break, and more releases than a screen is wide."""
    names = ["a_case_with_a_name_that_is_rather_long_and_never_breaks", "x" * 90]
    lines = [" ".join(runs.SERIES), *(f"{name} {'✓ ' * 26}" for name in names)]
    return evolve(
        runs.drawn("\n".join(lines)),
        repros=(
            Repro(
                name="script",
                script=Path("script.py"),
                cases=tuple(Case(name=name, about="y" * 200) for name in names),
            ),
        ),
    )
