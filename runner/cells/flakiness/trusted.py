"""Which failures of forked children are trusted: those that fresh processes showed."""

from __future__ import annotations

import re

from attrs import frozen

from runner.cells.flakiness.confirmations import Confirmations

_WITHOUT_TEXT = re.compile(
    r"exit \d+(: [\w.]+)?|[\w.]+|killed for \w+|failed tests? .*|SystemExit: the process ended .*",
    re.DOTALL,
)
"""Without a message, such as an exit code or the name of an error: two edits may share it by
chance."""


@frozen(kw_only=True)
class Trusted:
    """The trusted signatures of a script in an environment.

    A fresh process with the same files must have shown a signature in the same environment. After
    an edit, two of them do as well: one with the files as they are now, in any environment, and one
    with the files of an earlier edit, in this environment.
    """

    store: Confirmations
    environment: str
    files: str
    """The script's name and the digest of its files."""
    script: str
    """The path of the script, which stays the same when it is edited; "" if it has none, so that no
    edit counts."""
    suite: str = ""
    """The file of a suite, each of whose tests has signatures of its own."""

    def signatures(self, test: str = "") -> frozenset[str]:
        if not self.script:
            return self.shown(test)
        edited = self._stored(self._edits, test) & self._stored(self._files, test)
        return self.shown(test) | {one for one in edited if not _WITHOUT_TEXT.fullmatch(one)}

    def shown(self, test: str = "") -> frozenset[str]:
        """What fresh processes with the same files showed in the environment."""
        return self._stored(self._exact, test)

    def confirm(self, signature: str, test: str = "") -> None:
        """Remember that a fresh process has shown the signature."""
        for key in (self._exact, self._edits, self._files) if self.script else (self._exact,):
            self.store.confirm(key + self.suite, _start(test) + signature)

    def _stored(self, key: str, test: str) -> frozenset[str]:
        stored, start = self.store.signatures(key + self.suite), _start(test)
        return frozenset(one.removeprefix(start) for one in stored if one.startswith(start))

    @property
    def _exact(self) -> str:
        return f"{self.environment}:{self.files}"

    @property
    def _edits(self) -> str:
        return f"edits:{self.environment}:{self.script}"

    @property
    def _files(self) -> str:
        return f"files:{self.files}"


def _start(test: str) -> str:
    return f"{test}: " if test else ""
