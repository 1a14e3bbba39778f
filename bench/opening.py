"""How long Chromium takes to open index.html.

    python -m bench.opening SIZE [SIZE …] [--rounds N] [--also PAGE] [--whole]

SIZE is RELEASESxCASES, such as 25x400 (10,000 cells) or 82x500: a run of as many cells that nobody
ran (`bench.simulate`) is reported, and its page loaded from the file. Each page is loaded N times,
all in turn, each time in a browser context of its own. `--also`: a page to compare with, such as
one that an older version wrote. `--whole`: by a link that opens the whole grid, which is folded
away otherwise. Prints for each page its bytes, its elements, and for each time the minimum, the
median and the maximum in seconds since the navigation began:

- first paint: the first text or picture is on the screen (first contentful paint);
- loaded: the end of the page's load event, so all of its HTML is read and its script has run;
- answers: the browser has drawn a frame after that, and runs what is asked of it.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench import simulate
from runner import report
from runner.matrix import plan
from runner.model import Case, Matrix, Release, Repro
from runner.releases import catalogue, specifier
from runner.report import publish
from runner.runs import journal

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMES = """async () => {
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  const answers = performance.now();
  const paint = await new Promise((done) => new PerformanceObserver((list) => {
    const [first] = list.getEntriesByName("first-contentful-paint");
    if (first) done(first.startTime);
  }).observe({ type: "paint", buffered: true }));
  const loaded = performance.getEntriesByType("navigation")[0].loadEventEnd;
  return { "first paint": paint, loaded, answers };
}"""
ELEMENTS = "() => document.querySelectorAll('*').length"


def main(
    sizes: Sequence[tuple[int, int]], rounds: int, also: Sequence[Path], *, whole: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        pages = {str(page): page.resolve() for page in also}
        for releases, cases in sizes:
            name = f"{releases}x{cases}"
            pages[name] = simulated_page(releases, cases, Path(folder) / name)
        times: dict[str, list[Mapping[str, float]]] = defaultdict(list)
        view = "#whole=1" if whole else ""
        for _ in range(rounds):
            for name, page in pages.items():
                times[name].append(_opened(browser, page.as_uri() + view, TIMES))
        for name, page in pages.items():
            elements = _opened(browser, page.as_uri(), ELEMENTS)
            print(f"{name}: {page.stat().st_size:,} bytes, {elements:,} elements")
            print("\n".join(table(times[name])))


def simulated_page(releases: int, cases: int, folder: Path) -> Path:
    """Makes a run of one script with these many releases and cases in the folder."""
    repro = Repro(name="layers", script=Path("layers.py"), cases=tuple(_cases(cases)))
    matrix = Matrix(source=Path("matrix.yaml"), tf=">=1.12", repros=(repro,))
    simulate.journal_cells(folder, matrix, plan.cells(matrix, _releases(releases)), sync=False)
    publish.write(journal.read_run(folder), folder)
    return folder / report.REPORTS["html"].file


def _cases(count: int) -> Iterator[Case]:
    for number in range(count):
        yield Case(name=f"tests/test_layers.py::test_layer[{number}]", args=(str(number),))


def _releases(count: int) -> Sequence[Release]:
    """Of each series the newest; if that is too few, all."""
    every = catalogue.load_releases()
    newest, known = (specifier.select(every, ">=1.12", each) for each in ("latest", "all"))
    if count > len(known):
        raise SystemExit(f"{count} releases: there are only {len(known)}")
    return (newest if count <= len(newest) else known)[:count]


def table(times: Iterable[Mapping[str, float]]) -> Iterator[str]:
    """The lines of one page. `times` are milliseconds by name, for each time it was opened."""
    yield f"  {'seconds':12}{'minimum':>9}{'median':>9}{'maximum':>9}"
    for name, every in _transposed(times).items():
        values = (value / 1000 for value in (min(every), median(every), max(every)))
        yield f"  {name:12}" + "".join(f"{value:9.2f}" for value in values)


def _transposed(times: Iterable[Mapping[str, float]]) -> Mapping[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for each in times:
        for name, value in each.items():
            found[name].append(value)
    return found


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


def _opened(browser: Any, address: str, asked: str) -> Any:
    """What the script `asked` says in the page, when that has been loaded."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        tab = context.new_page()
        tab.goto(address)
        return tab.evaluate(asked)
    finally:
        context.close()


def size(text: str) -> tuple[int, int]:
    """`25x400`: 25 releases, 400 cases."""
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not RELEASESxCASES, such as 25x400")
    return int(found[1]), int(found[2])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="+", type=size, metavar="SIZE")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--also", action="append", type=Path, default=[], metavar="PAGE")
    parser.add_argument("--whole", action="store_true")
    asked = parser.parse_args()
    main(asked.sizes, asked.rounds, asked.also, whole=asked.whole)
