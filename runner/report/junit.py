"""junit.xml: environments as suites, cells as test cases, for the CI systems that read it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Optional

from runner.grid import Column
from runner.model import Result, Verdict
from runner.report import style, text
from runner.report.context import Context

MOST_LINES = 30

ELEMENTS = {Verdict.SKIP: "skipped", Verdict.ERROR: "error", Verdict.PASS: None}
"""Every other outcome is a `failure`, with the outcome as its type."""


def render(context: Context) -> str:
    """The schema of Jenkins' xUnit plugin, which GitLab and GitHub's reporters read too."""
    root = ET.Element("testsuites", {"name": "tfmatrix", **_sums(list(context.grid.results))})
    for column in context.grid.columns:
        root.append(_suite(context, column))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(context: Context, column: Column) -> ET.Element:
    cells = [row[column.index] for row in context.grid.cells]
    results = [cell for cell in cells if cell is not None]
    name = f"TensorFlow {column.tensorflow}, Python {column.python}, {column.device}"
    suite = ET.Element("testsuite", {"name": text.clean(name), **_sums(results)})
    suite.extend(_case(context, result) for result in results)
    return suite


def _sums(results: Sequence[Result]) -> dict[str, str]:
    elements = [_element(result.outcome.verdict) for result in results]
    return {
        "tests": str(len(results)),
        "failures": str(elements.count("failure")),
        "errors": str(elements.count("error")),
        "skipped": str(elements.count("skipped")),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }


def _element(verdict: Verdict) -> Optional[str]:
    return ELEMENTS.get(verdict, "failure")


def _case(context: Context, result: Result) -> ET.Element:
    case = ET.Element(
        "testcase",
        classname=text.clean(f"{result.repro}.{result.environment}"),
        name=text.clean(result.case),
        time=f"{result.seconds:.3f}",
    )
    verdict, element = result.outcome.verdict, _element(result.outcome.verdict)
    if element is not None:
        says = result.outcome.signature or result.outcome.reason or style.WORDS[verdict].label
        ending = ET.SubElement(case, element, message=text.clip(says, 500), type=verdict.value)
        if element == "failure":
            ending.text = "\n".join(text.lines(context.log(result), MOST_LINES))
    return case
