"""The examples at the end of each command's help. A test parses all of them."""

from __future__ import annotations

EXAMPLES = {
    "run": (
        ("tfmatrix run", "everything in matrix.yaml"),
        ("tfmatrix run my.py --tf '>=2.4,<2.8'", "a script, on the newest patch of four series"),
        ("tfmatrix run my.py --tf 2.9 --patches all", "on every patch release of 2.9"),
        ("tfmatrix run my.py --tf 2.9 -- --epochs 3", "with arguments for the script"),
        ("tfmatrix run my.py --tf '2.21,nightly'", "on a release and on the newest nightly"),
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
        ("tfmatrix fetch my.py --list", "the files that the script asks for"),
        ("tfmatrix fetch my.py", "download them, as run --data auto does"),
    ),
    "render": (
        ("tfmatrix render --tf 2.9.3", "a Dockerfile that builds without tfmatrix"),
        ("tfmatrix render my.py --device cuda --output images", "for CUDA, in another folder"),
    ),
    "build": (("tfmatrix build --tf '>=2.16'", "download and install now, run later"),),
    "bisect": (
        ("tfmatrix bisect my.py", "back from the newest"),
        ("tfmatrix bisect my.py --good 2.9.3 --bad 2.16.2", "the release that broke it"),
        ("tfmatrix bisect my.py --good 2.21.0 --bad nightly", "the nightly that broke it"),
        ("tfmatrix bisect my.py --good 2.4 --bad 2.8 --on crash", "only a crash counts as bad"),
        (
            "tfmatrix bisect my.py --good 2.4 --bad 'rss_mb>1.2*median(good)'",
            "it takes more memory",
        ),
        (
            "tfmatrix bisect my.py --axis numpy --tf 2.9.0 --good 1.22 --bad 2.0",
            "the numpy that broke it",
        ),
    ),
    "exchange": (
        ("tfmatrix exchange save.py load.py --tf '>=2.4'", "each loads what each saved"),
        (
            "tfmatrix exchange save.py load.py --each .h5 --each .keras",
            "a square for each argument",
        ),
    ),
    "report": (
        ("tfmatrix report", "the grid of the newest run"),
        ("tfmatrix report results/reference --format html > page.html", "another run as a page"),
        ("tfmatrix report --format issue", "the text for a new issue's form"),
    ),
    "pin": (
        ("tfmatrix pin", "the releases that pass everything"),
        (
            "tfmatrix pin --require 'layers-*' --constraints pin.txt",
            "for some cases, with a file for pip -c",
        ),
        ("tfmatrix pin --check 'tensorflow==2.15.*'", "yes or no, by the exit code"),
        ("tfmatrix pin --exchange", "which upgrades keep saved files"),
    ),
    "watch": (("tfmatrix watch my.py --tf '2.15,latest'", "run again when the script changes"),),
    "warm": (
        ("tfmatrix warm --tf '>=2.4'", "import it now in many releases, run later"),
        ("tfmatrix warm my.py --with pandas --memory 8GB", "for a script that needs more"),
        ("tfmatrix warm --stop", "end what was kept"),
    ),
    "history": (("tfmatrix history", "which cells changed from run to run, and why"),),
    "diff": (
        ("tfmatrix diff results/reference latest", "changes since the committed run"),
        ("tfmatrix diff 2.15 2.16", "what differs between two releases of the newest run"),
    ),
    "merge": (("tfmatrix merge shards/* --output report", "one run from many machines' runs"),),
    "attach": (
        ("tfmatrix attach --repo OWNER/NAME --issue 7 --dry-run", "print the comment"),
        ("tfmatrix attach --repo OWNER/NAME --issue 7", "post or update the comment"),
    ),
    "lock": (("tfmatrix lock --tf 2.21.0", "resolve and test the packages of one release"),),
    "releases": (
        ("tfmatrix releases", "all known releases"),
        (
            "tfmatrix releases --pre --format json",
            "release candidates and nightlies too, for a program",
        ),
        ("tfmatrix releases --update --dry-run", "the entries for missing releases"),
    ),
    "bases": (("sudo tfmatrix bases", "python:3.6 to 3.13 without a registry"),),
    "doctor": (("tfmatrix doctor", "what works on this machine"),),
    "clean": (
        ("tfmatrix clean --older-than 30d --dry-run", "things not used for 30 days"),
        ("tfmatrix clean --max-size 20GB", "keep the 20 GB that were used last"),
    ),
    "schema": (("tfmatrix schema > matrix.schema.json", "for completion in an editor"),),
}
"""Verb → its examples: (command, purpose)."""


def epilog(verb: str) -> str:
    """The examples of `verb`, as the last part of its help."""
    examples = EXAMPLES.get(verb, ())
    width = max((len(command) for command, _ in examples), default=0)
    lines = [f"  {command.ljust(width)}  {about}" for command, about in examples]
    return "\n".join(["\b", "Examples:", *lines]) if lines else ""
