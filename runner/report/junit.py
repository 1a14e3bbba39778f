"""junit.xml for CI systems: environments are test suites, cells are test cases.

The XML is written as text, cell by cell, because a tree of 100,000 elements takes several times as
long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import escape
from typing import Optional

from runner.grid import Column
from runner.model import Result, Verdict
from runner.report import style, text
from runner.report.context import Context

MOST_LINES = 30
MOST_MESSAGE = 500

ELEMENTS = {Verdict.SKIP: "skipped", Verdict.ERROR: "error", Verdict.PASS: None}
"""Every other outcome is a `failure` whose type is the outcome."""


def render(context: Context) -> str:
    """XML in the schema of Jenkins' xUnit plugin, which GitLab and GitHub's reporters read too."""
    suites = [_suite(context, column) for column in context.grid.columns]
    whole = _element("testsuites", ' name="tfmatrix"' + _sums(list(context.grid.results)), suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{whole}\n'


def _element(tag: str, attributes: str, children: Sequence[str], indent: str = "") -> str:
    if not children:
        return f"{indent}<{tag}{attributes} />"
    inside = "\n".join(children)
    return f"{indent}<{tag}{attributes}>\n{inside}\n{indent}</{tag}>"


def _attribute(name: str, value: str) -> str:
    quoted = escape(value, quote=False).replace('"', "&quot;")
    return f' {name}="{quoted}"'


@lru_cache(maxsize=4096)  # thousands of cells share few names
def _named(name: str, value: str) -> str:
    return _attribute(name, text.clean(value))


def _suite(context: Context, column: Column) -> str:
    cells = [row[column.index] for row in context.grid.cells]
    results = [cell for cell in cells if cell is not None]
    along = f"{context.run.info.along} {column.value}, " if column.value else ""
    release = text.tensorflow_words(column.tensorflow)
    name = f"{release}, {along}Python {column.python}, {column.device}"
    cases = [_case(context, result) for result in results]
    return _element("testsuite", _named("name", name) + _sums(results), cases, "  ")


def _sums(results: Sequence[Result]) -> str:
    elements = Counter(map(_tag, results))
    return (
        f' tests="{len(results)}" failures="{elements["failure"]}" errors="{elements["error"]}"'
        f' skipped="{elements["skipped"]}" time="{sum(r.seconds for r in results):.3f}"'
    )


def _tag(result: Result) -> Optional[str]:
    """The element's tag. An inferred cell counts as skipped, because it did not run."""
    return "skipped" if result.inferred else ELEMENTS.get(result.outcome.verdict, "failure")


def _case(context: Context, result: Result) -> str:
    attributes = _named("classname", f"{result.repro}.{result.environment}")
    attributes += _named("name", result.case) + f' time="{result.seconds:.3f}"'
    children = [*_ending(context, result), *_flaky(result)]
    return _element("testcase", attributes, children, "    ")


def _ending(context: Context, result: Result) -> Iterator[str]:
    tag = _tag(result)
    if tag is None:
        return
    kind = "inferred" if result.inferred else result.outcome.verdict.value
    attributes = _attribute("message", _message(result)) + _attribute("type", kind)
    log = context.log(result) if tag == "failure" else ""
    end = escape("\n".join(text.log_lines(log, MOST_LINES)), quote=False)
    yield f"      <{tag}{attributes}" + (f">{end}</{tag}>" if end else " />")


def _message(result: Result) -> str:
    outcome, label = result.outcome, style.WORDS[result.outcome.verdict].label
    if result.inferred:
        return text.shortened(f"not measured, {text.inferred_text(result)}: {label}", MOST_MESSAGE)
    return text.shortened(outcome.signature or outcome.reason or label, MOST_MESSAGE)


def _flaky(result: Result) -> Iterator[str]:
    """The note that a cell is flaky, as output: a test case has no better place for it."""
    if result.votes:
        share = " of ".join(result.votes.split("/"))
        yield f"      <system-out>flaky: {share} attempts said this</system-out>"
