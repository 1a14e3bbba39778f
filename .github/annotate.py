"""Prints one `::error` for each row of a matrix.json that holds a cell other than expected.

python annotate.py results/latest/matrix.json
"""

import json
import sys
from collections import defaultdict
from pathlib import Path


def escaped(text):
    """`text` as GitHub's workflow commands want it: nothing in it starts another command."""
    for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(character, code)
    return text


def annotations(matrix):
    """A line for each row, in the order of the matrix."""
    rows = defaultdict(list)
    for cell in matrix["cells"]:
        if cell["unexpected"] or cell["outcome"] == "error":
            rows[cell["repro"], cell["case"]].append(cell)
    for (repro, case), cells in rows.items():
        where = ", ".join(dict.fromkeys(cell["tensorflow"] for cell in cells))
        said = " ".join((cells[0]["signature"] or cells[0]["reason"] or "").split())[:200]
        outcomes = "/".join(dict.fromkeys(cell["outcome"] for cell in cells))
        yield f"::error::{escaped(f'{repro} {case}: {outcomes} on {where}: {said}')}"


if __name__ == "__main__":
    for line in annotations(json.loads(Path(sys.argv[1]).read_text("utf-8"))):
        print(line)
