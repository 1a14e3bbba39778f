"""Finds the last messages of a program that a signal ended."""

from __future__ import annotations

import re
import signal

from attrs import frozen


@frozen
class LastWord:
    """A kind of line that states why a process aborts."""

    name: str
    line: re.Pattern[str]
    example: str


LAST_WORDS = (
    LastWord(
        "glog, to 2.20",
        re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: F \S+:\d+\] (.+)"),
        "2019-01-01 10:00:00.1: F tensorflow/core/x.cc:45] Check failed: a == b (1 vs. 2)",
    ),
    LastWord(
        "absl's log",
        re.compile(r"F\d{4} \d\d:\d\d:\d+\.\d+\s+\d+ \S+:\d+\] (.+)"),
        "F0000 00:00:1741123456.789012   123 tensor_shape.cc:45] Check failed: a == b (1 vs. 2)",
    ),
    LastWord(
        "protobuf",
        re.compile(r"\[libprotobuf FATAL \S+:\d+\] (.+)"),
        "[libprotobuf FATAL google/protobuf/message.cc:45] CHECK failed: file != nullptr",
    ),
    LastWord("what()", re.compile(r"\s+what\(\):\s+(.+)"), "  what():  std::bad_alloc"),
    LastWord(
        "C++ exception",
        re.compile(
            r"(?:terminate called after throwing an instance of|libc\+\+abi: .*type) '(.+)'"
        ),
        "terminate called after throwing an instance of 'std::bad_alloc'",
    ),
    LastWord(
        "assert()",
        re.compile(r"\S.{0,300}: (Assertion [`'].+ failed)\."),
        "python: x.c:12: f: Assertion `n > 0' failed.",
    ),
    LastWord("LLVM", re.compile(r"(LLVM ERROR: .+)"), "LLVM ERROR: out of memory"),
    LastWord(
        "glibc",
        re.compile(
            r"(\*\*\* (?!Check failure).+ \*\*\*.*"
            r"|\w*(?:alloc|chunk|free|tcache|unlink)\w*\(\): .+"
            r"|(?:free|malloc|realloc|munmap_chunk|corrupted)\b.*: .+"
            r"|(?:double free or corruption|invalid fastbin entry"
            r"|corrupted (?:double-linked list|size vs|unsorted chunks))\b.*"
            r"|Fatal (?:error: glibc|glibc error:) .+|FATAL: exception not rethrown"
            r"|The futex facility .+"
            r"|Inconsistency detected by ld\.so: .+)"
        ),
        "free(): invalid pointer",
    ),
    LastWord(
        "libstdc++",
        re.compile(
            r"(terminate called (?:without an active exception|recursively)"
            r"|(?:pure|deleted) virtual method called|libc\+\+abi: .+)"
        ),
        "terminate called without an active exception",
    ),
    LastWord(
        "Python",
        # Faulthandler's names of signals add nothing to the signal itself.
        re.compile(
            r"Fatal Python error: (?!Aborted|Segmentation fault|Floating point exception"
            r"|Illegal instruction|Bus error)(.+)"
        ),
        "Fatal Python error: Cannot recover from stack overflow.",
    ),
)
"""In order of priority: a later kind often only repeats an earlier one."""


def signal_name(number: int) -> str:
    """`SIGABRT` for 6. Numbers are this system's; for the signals that kill they equal Linux's."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_words(text: str) -> str:
    """Why a process aborted, in its own words; "" if it printed no reason."""
    lines = text.split("\n")
    for kind in LAST_WORDS:
        for line in lines:
            match = kind.line.match(line)
            if match:
                return match[1]
    return ""
