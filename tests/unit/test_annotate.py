"""The action's annotations: one a row, and nothing in a text starts a command of its own."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[2] / ".github/annotate.py"


def annotated(*cells: dict[str, Any]) -> list[str]:
    spec = importlib.util.spec_from_file_location("annotate", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.annotations({"cells": cells}))


def cell(tensorflow: str, **changes: Any) -> dict[str, Any]:
    plain = {"repro": "my", "case": "a", "outcome": "pass", "signature": None, "reason": ""}
    return {**plain, "tensorflow": tensorflow, "unexpected": False, **changes}


def test_a_row_is_one_line_and_as_expected_is_none() -> None:
    failed = {"outcome": "fail", "signature": "ValueError: no", "unexpected": True}
    said = annotated(cell("2.8.4"), cell("2.9.3", **failed), cell("2.10.1", **failed))
    assert said == ["::error::my a: fail on 2.9.3, 2.10.1: ValueError: no"]


def test_what_could_not_be_measured_counts() -> None:
    assert annotated(cell("2.9.3", outcome="error", reason="disk full")) == [
        "::error::my a: error on 2.9.3: disk full"
    ]


def test_a_signature_starts_no_command() -> None:
    (said,) = annotated(
        cell("2.9.3", outcome="fail", unexpected=True, signature="100%\n::set-output name=x::y")
    )
    assert "\n" not in said
    assert said.endswith("100%25 ::set-output name=x::y")
