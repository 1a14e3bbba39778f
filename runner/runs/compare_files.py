"""Finds which files in `out/` differ between the cells of two runs or releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Optional

from attrs import evolve, frozen

from runner.cells import left_files
from runner.model import KeptFile, Result
from runner.runs import contents, kept_files
from runner.runs.compare import ComparedCell, kind_of_change
from runner.runs.logs import RunFiles

MOST_COMPARED = 64 << 20
"""Bytes of all files together that are compared value by value; the others by their hash alone."""


@frozen(kw_only=True)
class FileDifference:
    """A file that two cells left differently, or that one of them did not leave."""

    where: ComparedCell
    name: str
    """Its path below `out/`."""
    before: Optional[KeptFile]
    after: Optional[KeptFile]
    content: Optional[contents.Difference] = None
    """None for what cannot be compared by its content."""
    incomplete: bool = False
    """Whether one of the cells left more than could be kept."""

    @property
    def kind(self) -> str:
        """`changed`, `came` or `went`."""
        return kind_of_change(self.before, self.after)


@frozen(kw_only=True)
class FileComparison:
    differences: tuple[FileDifference, ...] = ()
    equal: int = 0
    """How many files are equal, byte by byte."""
    close: int = 0
    """How many others have the same values within the tolerance."""


def compare_files(
    both: Mapping[ComparedCell, tuple[Result, Result]],
    folders: tuple[RunFiles, RunFiles],
    tolerance: Optional[float] = None,
) -> FileComparison:
    """Compare what the cells left, where both were judged. `folders` are those of their runs."""
    judged = {
        where: pair for where, pair in both.items() if all(r.outcome.verdict.judged for r in pair)
    }
    every = [each for where, pair in judged.items() for each in _pairs(where, *pair)]
    unequal = [each for each in every if not _is_equal(each)]
    comparer = _Comparer(folders, tolerance)
    differences = tuple(filter(None, map(comparer.compared, unequal)))
    return FileComparison(
        differences=differences,
        equal=len(every) - len(unequal),
        close=len(unequal) - len(differences),
    )


def _pairs(where: ComparedCell, before: Result, after: Result) -> Iterator[FileDifference]:
    old, new = ({file.name: file for file in result.files} for result in (before, after))
    incomplete = any(left_files.is_incomplete(result.notes) for result in (before, after))
    for name in sorted({**old, **new}):
        yield FileDifference(
            where=where,
            name=name,
            before=old.get(name),
            after=new.get(name),
            incomplete=incomplete,
        )


def _is_equal(pair: FileDifference) -> bool:
    one, other = pair.before, pair.after
    return one is not None and other is not None and one.sha256 == other.sha256


class _Comparer:
    """Compares contents until `MOST_COMPARED` is reached."""

    def __init__(self, folders: tuple[RunFiles, RunFiles], tolerance: Optional[float]) -> None:
        self._folders, self._tolerance = folders, tolerance
        self._room = MOST_COMPARED

    def compared(self, pair: FileDifference) -> Optional[FileDifference]:
        """The same with what differs in its content; None if its values agree."""
        if pair.before is None or pair.after is None:
            return pair
        one, other = map(self._content, self._folders, (pair.before, pair.after))
        if one is None or other is None:
            return pair
        try:
            content = contents.find_difference(pair.name, one, other, self._tolerance)
        except contents.UnreadableError:
            return pair
        return None if content is None else evolve(pair, content=content)

    def _content(self, folder: RunFiles, file: KeptFile) -> Optional[bytes]:
        if self._room < 0 or file.size > contents.MOST_BYTES:
            return None
        content = kept_files.content_of(folder, file, contents.MOST_BYTES)
        self._room -= len(content or b"")
        return content
