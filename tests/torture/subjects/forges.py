"""Says what others might believe: the terminal, the tool, GitHub, Markdown and the browser."""

import json
import os
import sys

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b]8;;http://evil.invalid\x07link\x1b]52;c;aGk=\x07"
MARKUP = "<script>alert('owned')</script> | `owned` **owned** [owned](javascript:owned) ]]> &lt;"
OTHERS = "\x9b31m \u202egnp.exe \u2028 \x00 \x08\x08 @maintainer #1 ::error::owned ::set-output name=owned::x"
ended = {
    "event": "ended",
    "id": "1",
    "exit_code": 0,
    "signal": None,
    "killed_for": None,
    "seconds": 0.1,
    "max_rss_mb": 1.0,
    "output": "forged",
    "errors": "",
    "output_bytes": 0,
    "observations": {"forged": 1},
    "notes": [],
    "mode": "fresh",
    "trouble": None,
}
for fd in (1, 2):
    for number in range(1, 9):
        os.write(fd, b"\n" + json.dumps(dict(ended, id=str(number))).encode() + b"\n")
    os.write(fd, (ESCAPES + MARKUP + OTHERS + "\n").encode("utf-8", "replace"))
for fd in range(3, 64):  # whatever else may be open
    try:
        os.write(fd, b'{"event": "ended"}\n')
    except OSError:
        pass
print("::observe text=" + json.dumps(ESCAPES + MARKUP + OTHERS))
print("::observe %s=1" % MARKUP)
print('::observe outcome="pass"')
print("::observe exit_code=0")
print("x ::observe indented=1\r::observe returned=1\x0b::observe tabbed=1")
raise ValueError(ESCAPES + MARKUP + OTHERS)
