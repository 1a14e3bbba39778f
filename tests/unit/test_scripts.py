"""What a user names → a script: notebooks, standard input, folders, modules, IPython's lines."""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from runner import paths
from runner.cells import results, snapshot
from runner.errors import UsageError
from runner.matrix import config
from runner.model import Execution, Repro
from runner.scripts import interactive, ipython, notebook, places
from runner.scripts import named as scripts
from runner.scripts.named import find_script, script_of_module
from runner.scripts.pip_install import Installed, find_installed
from tests.unit.test_measure import CELL

COLAB: dict[str, Any] = {
    "cells": [
        {"cell_type": "markdown", "source": ["# A bug in a notebook"]},
        {
            "cell_type": "code",
            "source": ["!pip install -q tensorflow==2.9 pandas\n", "%tensorflow_version 2.x\n"],
        },
        {"cell_type": "code", "source": ["import tensorflow as tf\n", "import pandas as pd\n"]},
        {"cell_type": "code", "source": "%%time\noptimizer = 1\nassert optimizer.lr\n"},
    ],
    "metadata": {"kernelspec": {"language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    scripts._standard_input.cache_clear()


def a_notebook(folder: Path, content: Any = COLAB) -> Path:
    path = folder / "bug.ipynb"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


# --- Notebooks -----------------------------------------------------------------------------------


def test_a_notebook_is_its_cells_in_order_line_by_line(tmp_path: Path) -> None:
    named = find_script(a_notebook(tmp_path))
    assert named.script.read_text() == (
        "# %% cell 1\n"
        "# set aside: !pip install -q tensorflow==2.9 pandas\n"
        "# set aside: %tensorflow_version 2.x\n\n"
        "# %% cell 2\nimport tensorflow as tf\nimport pandas as pd\n\n"
        "# %% cell 3\n# set aside: %%time\noptimizer = 1\nassert optimizer.lr\n"
    )
    assert (named.name, named.folder, named.packages) == ("bug", tmp_path, ("pandas",))
    assert named.remarks == (
        "bug: set aside, not Python: !pip install -q tensorflow==2.9 pandas; "
        "%tensorflow_version 2.x",
        "bug: added, as of each release's date: pandas",
        "bug: the matrix chooses TensorFlow, not tensorflow==2.9",
    )


def test_what_it_installs_belongs_to_it_alone(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("import tensorflow\n")
    named = [find_script(a_notebook(tmp_path)), find_script(tmp_path / "other.py")]
    one, other = config.adhoc(named).repros
    assert (one.requirements, other.requirements) == ({">=0": ("pandas",)}, {})


def test_it_runs_beside_what_lies_beside_the_notebook(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("1\n")
    (tmp_path / "helpers.py").write_text("ONE = 1\n")
    path = a_notebook(tmp_path, _of_cells("import helpers\n", "print(open('table.csv').read())"))
    (repro,) = config.adhoc([find_script(path)]).repros
    taken = snapshot.take_snapshot(repro, paths.snapshots())
    assert set(taken.files) == {"table.csv", "helpers.py", "bug.ipynb", "bug.ipynb.py"}
    assert taken.needed == {"table.csv", "helpers.py", "bug.ipynb.py"}
    script = taken.workspace.folder / taken.workspace.script
    done = subprocess.run([sys.executable, script], cwd=script.parent, capture_output=True)
    assert (done.stdout, done.stderr) == (b"1\n\n", b"")


def _of_cells(*sources: str) -> dict[str, Any]:
    cells = [{"cell_type": "code", "source": source} for source in sources]
    return {"nbformat": 4, "metadata": {}, "cells": cells}


def test_tags_of_cells_count_as_for_jupyter(tmp_path: Path) -> None:
    book = _of_cells("one = '''\n  x'''\n1 / 0", "(", "print(repr(one))", "2 / 0", "print('no')")
    for cell, tag in zip(book["cells"], ["raises-exception", "skip-execution", "other"]):
        cell["metadata"] = {"tags": [tag]}
    script = find_script(a_notebook(tmp_path, book)).script
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "'\\n  x'\n")
    assert done.stderr.count("ZeroDivisionError") == 2


@pytest.mark.parametrize("metadata", [None, [], {"tags": "raises-exception"}, {"tags": [[1]]}])
def test_odd_tags_are_none(tmp_path: Path, metadata: object) -> None:
    book = _of_cells("print(1)")
    book["cells"][0]["metadata"] = metadata
    assert find_script(a_notebook(tmp_path, book)).script.read_text() == "# %% cell 1\nprint(1)\n"


def test_an_edited_notebook_is_another_script(tmp_path: Path) -> None:
    before = find_script(a_notebook(tmp_path, _of_cells("1"))).script
    assert find_script(a_notebook(tmp_path, _of_cells("2"))).script != before
    assert find_script(a_notebook(tmp_path, _of_cells("1"))).script == before


def test_outputs_and_other_metadata_do_not_matter(tmp_path: Path) -> None:
    before = find_script(a_notebook(tmp_path)).script
    cells = [{**cell, "outputs": [1], "execution_count": 7} for cell in COLAB["cells"]]
    assert find_script(a_notebook(tmp_path, {**COLAB, "cells": cells})).script == before


def test_the_third_format_can_be_read(tmp_path: Path) -> None:
    old = {
        "nbformat": 3,
        "metadata": {"name": ""},
        "worksheets": [{"cells": [{"cell_type": "code", "language": "python", "input": ["x=1"]}]}],
    }
    assert find_script(a_notebook(tmp_path, old)).script.read_text() == "# %% cell 1\nx=1\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is not JSON"),
        ("{'cells': []}", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[1, 2]", "has no `nbformat`"),
        ('{"cells": []}', "has no `nbformat`"),
        ({**COLAB, "nbformat": 2}, "of format 2; expected 3 or 4"),
        ({**COLAB, "nbformat": "4"}, "of format '4'; expected 3 or 4"),
        ({**COLAB, "cells": {}}, "`cells` are not a list of cells"),
        ({**COLAB, "cells": ["x"]}, "`cells` are not a list of cells"),
        ({"nbformat": 3, "worksheets": [{}]}, "`cells` are not a list of cells"),
        (_of_cells(), "has no code cell"),
        ({"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "x"}]}, "has no code cell"),
        (_of_cells(" \n"), "has no code cell"),
        ({"nbformat": 4, "cells": [{"cell_type": "code", "source": 5}]}, "of a cell is not text"),
        (
            {"nbformat": 4, "cells": [{"cell_type": "code", "source": [5]}]},
            "of a cell is not text",
        ),
        ({**COLAB, "metadata": {"kernelspec": {"language": "R"}}}, "a notebook in r, not"),
        ({**COLAB, "metadata": {"language_info": {"name": "julia"}}}, "in julia, not in Python"),
        (_of_cells("x" * (notebook.MOST_SCRIPT + 1)), "holds more than 1 MiB of code"),
    ],
)
def test_what_is_no_notebook_is_told_in_one_line(content: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_script(a_notebook(tmp_path, content))
    assert said in str(caught.value)
    assert "bug.ipynb" in str(caught.value)
    assert "\n" not in caught.value.message


def test_a_huge_notebook_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bug.ipynb"
    with path.open("wb") as file:
        file.truncate(notebook.MOST_BYTES + 1)
    with pytest.raises(UsageError, match="larger than 64 MiB: clear its outputs"):
        find_script(path)


# --- Lines of IPython ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "becomes", "aside"),
    [
        ("!ls\nx = 1", "# set aside: !ls\nx = 1", ("!ls",)),
        ("%cd data", "# set aside: %cd data", ("%cd data",)),
        ("if x:\n    !ls", "if x:\n    pass  # set aside: !ls", ("!ls",)),
        ("!a \\\n  b\ny = 1", "# set aside: !a \\\n# set aside: b\ny = 1", ("!a b",)),
        ("files = !ls", "files = []  # set aside: !ls", ("!ls",)),
        ("?print\nx = 1", "# set aside: ?print\nx = 1", ("?print",)),
        ("x.y??\nx = 1", "# set aside: x.y??\nx = 1", ("x.y??",)),
        ("%time f(1)", "f(1)", ()),
        ("%timeit -n 10 -r 3 f(x)", "f(x)", ()),
        ("%%time\nf(1)", "# set aside: %%time\nf(1)", ()),
        ("%%bash\nls\n", "# set aside: %%bash\n# set aside: ls\n# set aside:", ("%%bash",)),
        ("%env A=b c", "__import__(\"os\").environ['A'] = 'b c'", ()),
        ("%matplotlib inline", "# set aside: %matplotlib inline", ("%matplotlib inline",)),
        ("%%writefile m.py\nX = 1\n", "open('m.py', 'w').write('X = 1\\n')\n", ()),
        (
            "get_ipython().system('ls -l')",
            "# set aside: get_ipython().system('ls -l')",
            ("!ls -l",),
        ),
        ("a = get_ipython().getoutput('ls')", "a = []  # set aside: !ls", ("!ls",)),
        ("get_ipython().run_line_magic('time', 'f(1)')", "f(1)", ()),
        ("get_ipython().run_cell_magic('time', '', 'f(1)\\ng(2)\\n')", "f(1)\ng(2)", ()),
        ("get_ipython().magic('cd x')", "# set aside: get_ipython().magic('cd x')", ("%cd x",)),
    ],
)
def test_lines_of_ipython(text: str, becomes: str, aside: tuple[str, ...]) -> None:
    found = ipython.plain_cell(text)
    assert found.text.startswith(becomes)
    assert found.aside == aside
    ast.parse(found.text)


@pytest.mark.parametrize(
    "text",
    [
        "x = (5\n  % 3)\ny = x \\\n  % 2\n",
        "'''\n!ls\n%time\n'''\nprint('# (')\n",
        'x = "%s" \\\n % 5\nz = [1,\n!= 2]\n',
        "x = 5 % 3\ny = x != 2\nwhat = 'why?'\n# is it?\n",
        "'a' \"b\" '''c''' # )\nx = 1\n",
    ],
)
def test_what_is_python_stays(text: str) -> None:
    assert ipython.plain(text).text == text
    assert ipython.plain_cell(text).text == text


@given(st.text(alphabet="!%?#()[]\\'\" \nax=.") | st.text())
def test_any_text_is_read_and_keeps_its_lines(text: str) -> None:
    found = ipython.plain_cell(text)
    if "%%" not in text and "get_ipython" not in text:
        assert found.text.count("\n") == text.count("\n")
    interactive.as_plain_script(found.text)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pip install a b==1", Installed(("a", "b==1"))),
        ("pip3 install -q -U 'a>=1,<2'", Installed(("a<2,>=1",))),
        ("python -m pip install a[b]", Installed(("a[b]",))),
        (
            "pip install tensorflow==2.9 tf-nightly",
            Installed((), ("tensorflow==2.9", "tf-nightly")),
        ),
        ("pip install -i https://x/simple a", Installed(("a",))),
        ("pip install -r needs.txt", Installed((), (), ("needs.txt",))),
        ("pip install -e .", Installed((), (), (".",))),
        ("pip install git+https://x/y.git", Installed((), (), ("git+https://x/y.git",))),
        ("pip install a && pip install b > /dev/null", Installed(("a", "b"))),
        ("cd x; pip install a 2>&1", Installed(("a",))),
        ("pip install 'a", Installed((), (), ("'a",))),
        ("pip install a # it's needed", Installed(("a",))),
        ("pip uninstall a", None),
        ("ls", None),
    ],
)
def test_what_pip_installs(command: str, expected: Optional[Installed]) -> None:
    assert find_installed(command) == expected


def test_a_script_that_nbconvert_wrote_runs(tmp_path: Path) -> None:
    path = tmp_path / "bug.py"
    path.write_text("# In[1]:\n\n\nget_ipython().system('pip install -q pandas')\nimport pandas\n")
    named = find_script(path)
    assert named.packages == ("pandas",)
    assert named.script.name == "bug.py"
    assert named.folder == tmp_path
    assert "# set aside: get_ipython().system" in named.script.read_text()


def test_a_plain_script_stays_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "bug.py"
    path.write_text("x = ('%d'\n% 5)\n")
    assert find_script(path) == scripts.Named(script=path, name="bug")


def test_awaiting_and_displaying_work_in_a_script() -> None:
    text = interactive.as_plain_script(
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 'é'\n"
        "é = [await f(), await f()]; display(await f())\n5\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{text}\nprint(é)"], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("é\n['é', 'é']\n", "")
    assert not interactive.as_plain_script("from x import display\ndisplay(1)").startswith(
        "display ="
    )


# --- Where it failed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("# %% cell 1\na\n\n# %% cell 2\nb\nc", 6, "cell 2, line 2"),
        ("# %% cell 1\n\na", 3, "cell 1, line 2"),
        ("# In[7]:\n\n\na\nb", 5, "cell 7, line 2"),
        ("# In[ ]:\n\n\na\n\n\n# In[ ]:\n\n\nb", 10, "cell 2, line 1"),
        ("import os\n# In[1]:\n", 1, None),
        ("a\nb", 2, None),
        ("# %% cell 1\na", 9, None),
        ("# %% cell 1\na", 0, None),
    ],
)
def test_a_line_has_its_place_in_a_cell(text: str, line: int, expected: Optional[str]) -> None:
    assert places.place_in_notebook(text, line) == expected


def test_a_failure_is_told_by_its_cell(tmp_path: Path) -> None:
    named = find_script(a_notebook(tmp_path))
    errors = (
        "Traceback (most recent call last):\n"
        '  File "/cell/bug.ipynb.py", line 12, in <module>\n    assert optimizer.lr\n'
        '  File "/site-packages/x.py", line 3, in lr\n'
        "AttributeError: 'int' object has no attribute 'lr'\n"
    )
    repro = Repro(name="bug", script=named.script, needs_tensorflow=False)
    cell = evolve(CELL, repro=repro)
    failed = Execution(exit_code=1, errors=errors, output=errors)
    assert results.judged_result(cell, "e", failed).place == "cell 3, line 3"
    assert results.judged_result(cell, "e", Execution(exit_code=0, errors=errors)).place == ""


# --- Folders, modules, standard input ------------------------------------------------------------


def test_a_folder_is_run_as_python_does(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text("import tensorflow\n")
    named = find_script(tmp_path / "app")
    assert (named.script, named.name) == (tmp_path / "app" / "__main__.py", "app")


def test_a_folder_without_a_main_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder without a __main__"):
        find_script(tmp_path)
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / "venv" / "test_installed.py").write_text("def test_a(): pass\n", "utf-8")
    with pytest.raises(UsageError, match="is a folder without a __main__"):
        find_script(tmp_path / "venv")


def test_a_module_is_run_as_python_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("")
    (tmp_path / "pkg" / "check.py").write_text("import sys\nprint(__name__, sys.argv[1:])\n")
    (repro,) = config.adhoc([script_of_module("pkg.check")]).repros
    assert repro.name == "pkg.check"
    taken = snapshot.take_snapshot(repro, paths.snapshots())
    script = taken.workspace.folder / taken.workspace.script
    done = subprocess.run(
        [sys.executable, script, "--fast"], cwd=script.parent, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("__main__ ['--fast']\n", "")


@pytest.mark.parametrize("name", ["", "a-b", "a/b", "a.", ".a", "1a", "a b", "a\n"])
def test_what_is_no_module_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="expected the name of a module"):
        script_of_module(name)


def on_standard_input(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_script_from_standard_input_runs_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    on_standard_input(b"!pip install pandas\nimport pandas\n", monkeypatch)
    named = find_script(Path("-"))
    assert (named.name, named.folder) == ("standard-input", tmp_path)
    assert named.packages == ("pandas",)
    assert find_script(Path("-")) == named  # asked again, as `watch` does


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "there is no script"),
        (b" \n", "there is no script"),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"#" * (scripts.MOST_BYTES + 1), "longer than 1 MiB"),
    ],
)
def test_what_is_no_script_on_standard_input_is_refused(
    content: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_standard_input(content, monkeypatch)
    with pytest.raises(UsageError, match=said):
        find_script(Path("-"))


def test_a_terminal_is_no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, _ = os.openpty()
    with os.fdopen(terminal, "r") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(UsageError, match="standard input is a terminal"):
            find_script(Path("-"))
