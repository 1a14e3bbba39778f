"""Examples for each verb, shown at the end of its help. A test parses them all."""

from __future__ import annotations

EXAMPLES = {
    "run": (
        ("tfmatrix run", "everything in matrix.yaml"),
        ("tfmatrix run my.py --tf '>=2.4,<2.8'", "a script, on the newest patch of four series"),
        ("tfmatrix run my.py --tf 2.9 --patches all", "on every patch release of 2.9"),
        ("tfmatrix run my.py --tf 2.9 -- --epochs 3", "what follows -- goes to the script"),
        ("tfmatrix run my.py --tf '2.21,nightly'", "on a release, and on the newest nightly"),
        ("tfmatrix run my.py --vary TF_ENABLE_ONEDNN_OPTS=,0", "with and without a variable"),
    ),
    "init": (
        ("tfmatrix init my.py", "a matrix.yaml that runs my.py"),
        ("tfmatrix init my.py -- --epochs 3", "with arguments"),
    ),
    "plan": (
        ("tfmatrix plan --case 'layers-*'", "the cells of some cases"),
        ("tfmatrix plan --format github", "one job per release, for GitHub Actions"),
    ),
    "fetch": (
        ("tfmatrix fetch my.py --list", "what the script asks for"),
        ("tfmatrix fetch my.py", "the same fetched, as run --data auto does"),
    ),
    "render": (
        ("tfmatrix render --tf 2.9.3", "a Dockerfile that builds without tfmatrix"),
        ("tfmatrix render my.py --device cuda --output images", "the CUDA images, elsewhere"),
    ),
    "build": (("tfmatrix build --tf '>=2.16'", "download and install now, run later"),),
    "bisect": (
        ("tfmatrix bisect my.py", "back from the newest"),
        ("tfmatrix bisect my.py --good 2.9.3 --bad 2.16.2", "the release that broke it"),
        ("tfmatrix bisect my.py --good 2.21.0 --bad nightly", "the nightly that did"),
        ("tfmatrix bisect my.py --good 2.4 --bad 2.8 --on crash", "only a crash counts as bad"),
        (
            "tfmatrix bisect my.py --axis numpy --tf 2.9.0 --good 1.22 --bad 2.0",
            "the numpy that broke it",
        ),
    ),
    "report": (
        ("tfmatrix report", "the newest run's grid again"),
        ("tfmatrix report results/reference --format html > page.html", "another, as a page"),
        ("tfmatrix report --format issue", "a new issue: its form, filled in"),
    ),
    "pin": (
        ("tfmatrix pin", "what passes everything"),
        (
            "tfmatrix pin --require 'layers-*' --constraints pin.txt",
            "of some cases; its packages",
        ),
        ("tfmatrix pin --check 'tensorflow==2.15.*'", "yes or no, by the exit code"),
    ),
    "watch": (("tfmatrix watch my.py --tf '2.15,latest'", "again whenever the script changes"),),
    "history": (("tfmatrix history", "which cells changed from run to run, and why"),),
    "diff": (("tfmatrix diff results/reference latest", "since the committed run"),),
    "merge": (("tfmatrix merge shards/* --output report", "one run of many machines' runs"),),
    "attach": (
        ("tfmatrix attach --repo OWNER/NAME --issue 7 --dry-run", "what would be posted"),
        ("tfmatrix attach --repo OWNER/NAME --issue 7", "posted, or what was posted updated"),
    ),
    "lock": (("tfmatrix lock --tf 2.21.0", "one release's packages again, and proved to work"),),
    "releases": (
        ("tfmatrix releases", "what there is"),
        (
            "tfmatrix releases --pre --format json",
            "release candidates and nightlies too, for a program",
        ),
        ("tfmatrix releases --update --dry-run", "the entries of what is missing"),
    ),
    "bases": (("sudo tfmatrix bases", "python:3.6 to 3.13 without a registry"),),
    "doctor": (("tfmatrix doctor", "what works here"),),
    "clean": (
        ("tfmatrix clean --older-than 30d --dry-run", "what has not been used for a month"),
        ("tfmatrix clean --max-size 20GB", "the least recently used, until 20 GB are left"),
    ),
    "schema": (("tfmatrix schema > matrix.schema.json", "for an editor that completes"),),
}
"""Verb → commands, each with what it is for."""


def epilog(verb: str) -> str:
    """The examples of `verb` as the end of its help."""
    examples = EXAMPLES.get(verb, ())
    width = max((len(command) for command, _ in examples), default=0)
    lines = [f"  {command.ljust(width)}  {about}" for command, about in examples]
    return "\n".join(["\b", "Examples:", *lines]) if lines else ""
