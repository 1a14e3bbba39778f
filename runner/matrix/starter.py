"""The matrix.yaml that `init` writes: a script, with comments on what can be added."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from runner.matrix import words
from runner.matrix.defaults import defaults

SCHEMA = "https://raw.githubusercontent.com/tfmatrix/tfmatrix/main/matrix.schema.json"
"""For editors that know yaml-language-server; `tfmatrix schema` prints the same."""


def starter_text(script: Path, args: Sequence[str] = ()) -> str:
    """The text. `script`: its name from matrix.yaml's folder. `args`: those of its only case."""
    usual = defaults()
    devices = ", ".join(device.value for device in usual.devices)
    return f"""\
# yaml-language-server: $schema={SCHEMA}
# What `tfmatrix run` runs here. `tfmatrix plan` prints the cells that come of it,
# `tfmatrix schema` what every key takes.

# Which releases: a PEP 440 specifier set (">=2.4,<2.8"), or versions separated by commas.
# Keep the quotes: without them YAML reads 2.10 as the number 2.1.
tf: "{usual.tf}"
patches: {usual.patches} # a series stands for its newest patch release; `all` runs each of them
devices: [{devices}] # add cuda where there is a GPU

# Bounds on one cell, which is a case on a release.
limits:
  timeout: {usual.limits.timeout:g} # seconds
  memory: {usual.limits.memory} # MiB

repros:
  - name: {words.name_like(script.stem)}
    script: {_quoted(script.as_posix())}
{_cases(args)}
    # Packages that it needs besides TensorFlow, as of each release's date:
    # requirements:
    #   ">=0": [pandas]

    # What is said of its cells: `tfmatrix run` exits with 1 where one differs.
    # expect:
    #   - {{ tf: ">=2.4", outcome: pass, source: "the manual" }}
"""


def _cases(args: Sequence[str]) -> str:
    if args:
        given = ", ".join(map(_quoted, args))
        return f"    cases:\n      - name: default\n        args: [{given}]\n"
    return """\
    # Lists of arguments, each a row of the matrix:
    # cases:
    #   - name: small
    #     args: ["--n", "3"]
"""


def _quoted(value: str) -> str:
    """A text quoted in a way that YAML and JSON share."""
    return json.dumps(value, ensure_ascii=False)
