"""One target under atheris: `python -m tests.fuzz.one TARGET FOLDER [libFuzzer's options]`."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found,unused-ignore]

with atheris.instrument_imports(include=["runner"]):
    from tests.fuzz import guard
    from tests.fuzz.targets import SEEDS, TARGETS


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    corpus, work = folder / "corpus", folder / "work"
    corpus.mkdir()
    work.mkdir()
    for number, seed in enumerate(SEEDS[name]):
        (corpus / str(number)).write_bytes(seed)

    def check(data: bytes) -> None:
        with guard.only_in(work):
            TARGETS[name](data, work)

    atheris.Setup([sys.argv[0], *sys.argv[3:], str(corpus)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
