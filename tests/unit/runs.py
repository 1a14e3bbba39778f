"""Builders of runs for tests: a run is drawn as the grid that it should become."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Optional

from attrs import evolve

from runner.model import (
    Case,
    EnvironmentInfo,
    Json,
    KeptFile,
    Outcome,
    Repro,
    Result,
    Run,
    RunInfo,
    Variant,
    Verdict,
    saved_by,
)

SERIES = [f"1.{minor}" for minor in range(12, 16)] + [
    f"2.{minor}" for minor in range(22)
]  # the 26 that there are

GLYPHS = {"✓": Verdict.PASS, "–": Verdict.SKIP, "!": Verdict.ERROR}

REASONS = {Verdict.SKIP: "tf.function came with TensorFlow 1.14", Verdict.ERROR: "the disk is full"}

Failure = tuple[Verdict, Optional[str]]


def with_files(run: Run, *files: tuple[str, str, int]) -> Run:
    """The run as if its first cell had left these files: name, path in the run's folder, size."""
    left = [KeptFile(name=n, path=path, size=size, sha256="0" * 64) for n, path, size in files]
    first, *rest = run.results
    return evolve(run, results=(evolve(first, files=tuple(left)), *rest))


def drawn(
    picture: str,
    failures: Optional[Mapping[str, Failure]] = None,
    *,
    device: str = "cpu",
    python: str = "3.8",
    observations: Optional[Mapping[tuple[str, str], Mapping[str, Json]]] = None,
    **info: Any,
) -> Run:
    """A run of one repro from a picture: releases in the first line, then a case per line.

    `✓ – !` are outcomes, `?` is no result at all, and a letter is looked up in `failures`, or fails
    with a signature of its own. After these `≠` says that it was not expected, `≈` that it was
    inferred from the nearest cells without that sign, and `3/5` how many attempts said so.
    """
    header, *lines = [line.split() for line in picture.strip().splitlines()]
    results = [
        result(case, version, glyph, failures or {}, device=device, python=python, **more)
        for case, *glyphs in lines
        for version, glyph, more in zip(header, glyphs, _sources(header, glyphs, device, python))
        if glyph != "?"
    ]
    if observations:
        results = [_observed(r, observations) for r in results]
    cases = tuple(Case(name=line[0], args=(line[0],)) for line in lines)
    repro = Repro(name="script", script=Path("script.py"), cases=cases)
    environments = tuple(environment(version, device, python) for version in header)
    return Run(
        info=head(**info), environments=environments, results=tuple(results), repros=(repro,)
    )


def square(picture: str, failures: Optional[Mapping[str, Failure]] = None) -> Run:
    """A run of `exchange`: the rows of the picture are named by the releases that saved."""
    run = drawn(picture, failures)
    (repro,) = run.repros
    names = {case.name: saved_by(full(case.name)) for case in repro.cases}
    cases = tuple(evolve(case, name=names[case.name], args=(".h5",)) for case in repro.cases)
    loads = evolve(repro, cases=cases, saved_by="save")
    results = tuple(evolve(each, case=names[each.case]) for each in run.results)
    return evolve(run, results=results, repros=(loads,))


def with_legacy_keras(run: Run) -> Run:
    """The same, where `case@keras=legacy` is a variant that exists from 2.16 on."""
    (repro,) = run.repros
    legacy = Variant(
        name="keras=legacy",
        values={"keras": "legacy"},
        tf=(">=2.16.0",),
        env={"TF_USE_LEGACY_KERAS": "1"},
    )
    cases = tuple(
        evolve(case, variant=legacy) if case.name.endswith("@keras=legacy") else case
        for case in repro.cases
    )
    return evolve(run, repros=(evolve(repro, cases=cases),))


def result(
    case: str,
    version: str,
    glyph: str,
    failures: Mapping[str, Failure] = {},
    *,
    repro: str = "script",
    device: str = "cpu",
    python: str = "3.8",
    **more: Any,
) -> Result:
    shown, unexpected, inferred, agreed, attempts = _signs(glyph)
    verdict, signature = _outcome(shown, failures)
    place = full(version)
    fields: dict[str, Any] = {
        "environment": f"{place}-py{python}-{device}",
        "exit_code": {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.SKIP: 125}.get(verdict),
        "log": f"logs/{case}-{place}-{device}.txt",
        "unexpected": unexpected,
        "expected": "pass" if unexpected else None,
        "seconds": 1.25,
        "max_rss_mb": 321.0,
        "agreed": agreed,
        "attempts": attempts,
    }
    if inferred:
        nothing = {"exit_code": None, "log": None, "seconds": 0.0, "max_rss_mb": 0.0, "attempts": 0}
        fields.update(nothing, inferred=True)
    return Result(
        repro=repro,
        case=case,
        tensorflow=place,
        python=python,
        device=device,
        outcome=Outcome(verdict=verdict, signature=signature, reason=REASONS.get(verdict, "")),
        **{**fields, **more},
    )


def _signs(glyph: str) -> tuple[str, bool, bool, int, int]:
    """`A≠3/5` → what it shows, whether unexpected, whether inferred, agreed, attempts."""
    found = re.fullmatch(r"(.+?)(≠?)(≈?)(?:(\d+)/(\d+))?", glyph)
    assert found, glyph
    return (
        found[1],
        bool(found[2]),
        bool(found[3]),
        int(found[4] or 0),
        int(found[5] or 1),
    )


def _sources(
    header: Sequence[str], glyphs: Sequence[str], device: str, python: str
) -> Iterator[dict[str, Any]]:
    """For each glyph, where an inferred one is from."""
    seen = [at for at, glyph in enumerate(glyphs) if not _signs(glyph)[2]]
    for at, glyph in enumerate(glyphs):
        if not _signs(glyph)[2]:
            yield {}
            continue
        near = [max(n for n in seen if n < at), min(n for n in seen if n > at)]
        yield {"inferred": tuple(f"{full(header[n])}-py{python}-{device}" for n in near)}


def environment(version: str, device: str = "cpu", python: str = "3.8") -> EnvironmentInfo:
    place = full(version)
    packages = (f"absl-py==1.{len(place)}.0", "numpy==1.23.5", f"tensorflow-cpu=={place}")
    return EnvironmentInfo(
        id=f"{place}-py{python}-{device}",
        tensorflow=place,
        python=python,
        device=device,
        engine="docker",
        key=sha256(f"{place} {device} {python}".encode("utf-8", "surrogatepass")).hexdigest(),
        image=f"tfmatrix:{place}-py{python}-{device}",
        packages=packages,
        released="2022-11-21",
    )


def head(**more: Any) -> RunInfo:
    fields: dict[str, Any] = {
        "id": "20261122-160000-ab12",
        "started": "2026-11-22T16:00:00Z",
        "finished": "2026-11-22T16:04:00Z",
        "engine": "docker",
        "tool_version": "0.1.0",
        "command": "tfmatrix run script.py",
        "host": {"system": "Linux", "machine": "x86_64", "cpus": 2},
    }
    return RunInfo(**{**fields, **more})


def logs(path: str) -> str:
    """The output of any cell."""
    return f'loading\nTraceback (most recent call last):\n  File "{path}"\nValueError: no\n'


def full(version: str) -> str:
    """`2.9` → `2.9.0`; whatever names a patch already stays."""
    return f"{version}.0" if version.count(".") == 1 else version


def _outcome(glyph: str, failures: Mapping[str, Failure]) -> Failure:
    if glyph in GLYPHS:
        return GLYPHS[glyph], None
    return failures.get(glyph, (Verdict.FAIL, f"Error{glyph}: what {glyph} says"))


def _observed(cell: Result, observations: Mapping[tuple[str, str], Mapping[str, Json]]) -> Result:
    for (case, version), values in observations.items():
        if cell.case == case and cell.tensorflow == full(version):
            return evolve(cell, observations=values)
    return cell


def wide(cases: int = 18, releases: Sequence[str] = SERIES) -> Run:
    """As large as a matrix of everything is: made up, for looks only."""
    failures: dict[str, Failure] = {
        "A": (Verdict.FAIL, "StatisticsFrozen: the moving mean and variance never moved"),
        "B": (
            Verdict.FAIL,
            "InvalidArgumentError: You must feed a value for placeholder tensor "
            "'conv2d_input' with dtype float and shape [?,28,28,1]",
        ),
        "C": (Verdict.FAIL, "ValueError: tf.function-decorated function tried to create variables"),
        "D": (Verdict.FAIL, "AttributeError: module 'keras' has no attribute 'set_learning_phase'"),
        "E": (Verdict.CRASH, "SIGABRT: Check failed: size >= 0 (-1 vs. 0)"),
        "F": (Verdict.TIMEOUT, "timeout"),
    }
    lines = [" ".join(releases)]
    for number in range(cases):
        name = f"case-{number:02d}-{('layers', 'keras-shape', 'keras-dynamic', 'fit')[number % 4]}"
        lines.append(" ".join([name, *(_made_up(number, index) for index in range(len(releases)))]))
    return drawn("\n".join(lines), failures)


def _made_up(number: int, index: int) -> str:
    kind = number % 4
    if kind == 0:
        return "✓" if index < 20 or number < 4 else "D≠" if number == 8 else "D"
    if kind == 1:
        return "A" if index < 4 else "✓" if index < 20 else "D"
    if kind == 2:
        return "–" if index < 2 else "B" if index < 8 + number // 6 else "✓" if index < 22 else "C"
    if (number, index) == (7, 12):
        return "!"
    return "E" if index == 9 and number > 10 else "F" if index > 23 else "✓"


HOSTILE = (
    "@octocat",
    "fixes #1, GH-2 and torvalds/linux#3",
    "| a | b |\n|---|---|",
    "\\| escaped \\\\|",
    "```\n</details><img src=x onerror=alert(1)>",
    "`tick` ``two`` ```three```",
    "</script><script>alert(1)</script>",
    "<!-- --> <b>bold</b> &lt;i&gt; &amp;",
    "https://example.com www.example.com me@example.com",
    "**bold** _em_ ~~gone~~ [link](http://x.y) ![image](http://x.y)",
    "\x1b[31mred\x1b[0m \x07 \x00 \u202eright to left \ud800 \u2028",
    "# heading\n- [ ] task\n1. one\n> quote\n---",
    "$(rm -rf ~) `id` ; && || > /dev/null",
    "]]> <![CDATA[ <?php ?>",
    "0123456789abcdef0123456789abcdef01234567",
    " ",
    "",
)


def hostile() -> Run:
    """A run in which everything that a stranger can choose is an attack."""
    cases = tuple(Case(name=text or "default", args=(text,), about=text) for text in HOSTILE)
    results = [
        result(
            case.name,
            version,
            glyph,
            {"A": (Verdict.FAIL, text), "B": (Verdict.SKIP, None), "C": (Verdict.ERROR, None)},
            repro="</table> @repro",
            observations={text: text, "n": index},
            expected=text,
            unexpected=True,
            log=text,
        )
        for text, case in zip(HOSTILE, cases)
        for index, (version, glyph) in enumerate([("2.15", "✓"), ("2.16", "A"), ("2.17", "B")])
    ]
    results = [
        evolve(r, outcome=evolve(r.outcome, reason=HOSTILE[i % len(HOSTILE)]))
        for i, r in enumerate(results)
    ]
    repro = Repro(name="</table> @repro", script=Path("x | y.py"), cases=cases)
    environments = tuple(
        evolve(environment(version), packages=HOSTILE, image=HOSTILE[2], key=HOSTILE[0])
        for version in ("2.15", "2.16", "2.17")
    )
    return Run(
        info=head(command=" ".join(HOSTILE), host={"system": HOSTILE[0], "processor": HOSTILE[3]}),
        environments=environments,
        results=tuple(results),
        repros=(repro,),
    )
