"""Tells whether pytest runs a file's tests as unittest does; refuses the file if it may not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from runner.errors import UsageError
from runner.machine.files import regular_text
from runner.scripts.pytest_files import parse_module

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_PLAIN = (*_FUNCTIONS, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom)
_TEST_CASES = (
    *("TestCase", "unittest.TestCase", "tf.test.TestCase", "tensorflow.test.TestCase"),
    *("unittest.IsolatedAsyncioTestCase", "IsolatedAsyncioTestCase"),
)
"""Bases that bring no tests of their own, but for TensorFlow's `test_session`."""
_DECORATORS = ("skip", "skipIf", "skipUnless", "expectedFailure", "patch", "object", "dict")
"""Decorators that keep a test's name."""
_BEFORE_TESTS = ("setUp", "setUpClass", "setUpModule")


def check(file: Path, folder: Path, top: Path) -> None:
    """Raises `UsageError` if pytest, in `folder`, would run or judge tests of `file` differently.

    unittest imports the file from `top`.
    """
    module = _module(file)
    check_package(file)
    for node in ast.walk(module):
        if isinstance(node, ast.Name) and node.id == "__test__":
            raise _refused(file, node.lineno, "pytest heeds __test__, unittest does not")
        if isinstance(node, ast.With) and any("subTest" in ast.dump(one) for one in node.items):
            _check_subtest(file, node, module)
    _check_imports(file, module, folder, top)


def check_package(file: Path) -> None:
    """Raises `UsageError` if unittest asks the file itself for its tests."""
    for statement in _module(file).body:
        names = {getattr(statement, "name", "")}
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            names = {each.asname or each.name for each in statement.names}
        if isinstance(statement, ast.Assign):
            names = {getattr(each, "id", "") for each in statement.targets}
        if "load_tests" in names:
            raise _refused(file, statement.lineno, "pytest does not call load_tests")


def check_names(file: Path, names: tuple[str, ...], shown: str) -> None:
    """Raises `UsageError` unless the names may be those of a test case and of one of its tests."""
    classes = _classes(_module(file))
    group = classes.get(names[0]) if names else None
    is_test = all(name.startswith("test") or name == "runTest" for name in names[1:])
    is_case = group is not None and _is_test_case(group, classes, ())
    if names and not (is_case and is_test and len(names) <= 2):
        raise UsageError(
            f"python -m unittest {shown}: {file.name} defines no test {'.'.join(names)} itself",
            remedy="name the whole module, or use the command for pytest: -- pytest FILE::NAME",
        )


def tests_of(file: Path) -> Iterator[tuple[str, str]]:
    """The class and the name of each test.

    Raises `UsageError` if they are known only at run time.
    """
    module = _module(file)
    classes = _classes(module)
    for statement in module.body:
        if isinstance(statement, (ast.If, ast.Try, ast.With, ast.For)) and any(
            isinstance(each, (ast.ClassDef, ast.ImportFrom)) for each in ast.walk(statement)
        ):
            raise _unknown(file, statement.lineno)
        if isinstance(statement, ast.ImportFrom) and any(
            each.name == "*" or (each.name.startswith("Test") and each.name != "TestCase")
            for each in statement.names
        ):
            raise _unknown(file, statement.lineno)
    for group in classes.values():
        if _is_test_case(group, classes, ()):
            yield from ((group.name, test) for test in sorted(_tests(file, group, classes)))


def _classes(module: ast.Module) -> dict[str, ast.ClassDef]:
    return {each.name: each for each in module.body if isinstance(each, ast.ClassDef)}


def _is_test_case(
    group: ast.ClassDef, classes: dict[str, ast.ClassDef], below: tuple[str, ...]
) -> bool:
    """Whether a class may be a test case; one with a base from elsewhere may be."""
    bases = [_dotted(base) for base in group.bases]
    mine = [classes[base] for base in bases if base in classes and base not in below]
    others = [base for base in bases if base not in classes and base != "object"]
    return bool(others) or any(_is_test_case(each, classes, (*below, group.name)) for each in mine)


def _tests(file: Path, group: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> set[str]:
    found: set[str] = set()
    if group.decorator_list and not all(_keeps_names(each) for each in group.decorator_list):
        raise _unknown(file, group.lineno)
    for base in map(_dotted, group.bases):
        if base in classes and classes[base].lineno < group.lineno:
            found |= _tests(file, classes[base], classes)
        elif base not in (*_TEST_CASES, "object"):
            raise _unknown(file, group.lineno)
    for each in group.body:
        is_text = isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
        if not isinstance(each, (*_PLAIN, ast.Pass)) and not is_text:
            raise _unknown(file, each.lineno)
        if isinstance(each, ast.Assign) and _names_a_test(each):
            raise _unknown(file, each.lineno)
        if isinstance(each, _FUNCTIONS) and each.name.startswith("test"):
            if not all(_keeps_names(one) for one in each.decorator_list):
                raise _unknown(file, each.lineno)
            found.add(each.name)
        if isinstance(each, _FUNCTIONS) and each.name == "runTest":
            found.add(each.name)
    if "runTest" in found and len(found) > 1:
        raise _refused(file, group.lineno, "unittest runs runTest too if -k selects no other test")
    return found


def _names_a_test(statement: ast.Assign) -> bool:
    return any(getattr(each, "id", "").startswith("test") for each in statement.targets)


def _keeps_names(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return _dotted(called).rpartition(".")[2] in _DECORATORS


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def _check_subtest(file: Path, block: ast.With, module: ast.Module) -> None:
    """Before pytest 9, a skip in a subtest skips the whole test, even if the next subtest fails."""
    helpers = [
        each
        for each in ast.walk(module)
        if isinstance(each, _FUNCTIONS) and not each.name.startswith(("test", *_BEFORE_TESTS))
    ]
    for place in (block, *helpers):
        for node in ast.walk(place):
            if getattr(node, "attr", getattr(node, "id", "")) in ("skipTest", "SkipTest"):
                line = getattr(node, "lineno", block.lineno)
                raise _refused(file, line, "pytest ends a test at a skip in its subTest")


def _check_imports(file: Path, module: ast.Module, folder: Path, top: Path) -> None:
    """Both import the file's siblings alike if they import the file from the same folder."""
    root = _root(file)
    if root == top:
        return
    inner = root if top in root.parents else top
    if inner == root and top != folder:
        raise _refused(file, 1, f"pytest imports it from {root}, unittest from {top}")
    depth = len(file.parent.relative_to(inner).parts)
    imports = (each for each in ast.walk(module) if isinstance(each, ast.ImportFrom))
    wrong = [each.lineno for each in imports if each.level > depth]
    if top != folder:  # unittest takes the modules of a package for top-level ones
        wrong += _of_siblings(top)
    if wrong:
        said = f"pytest imports it from {root}, unittest from {top}, so that imports differ"
        raise _refused(file, wrong[0], said)


def _of_siblings(top: Path) -> Iterator[int]:
    """The lines that import a module of `top` as a top-level one."""
    names = {each.stem for each in top.iterdir() if each.suffix == ".py" or each.is_dir()}
    for file in sorted(top.rglob("*.py")):
        for node in ast.walk(_module(file)):
            found: list[str] = []
            if isinstance(node, ast.Import):
                found = [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found = [node.module or ""]
            if any(name.partition(".")[0] in names for name in found):
                yield getattr(node, "lineno", 1)


def _root(file: Path) -> Path:
    """The folder from which pytest imports a file: the nearest one that is no package."""
    return next(each for each in file.parents if not (each / "__init__.py").is_file())


def _module(file: Path) -> ast.Module:
    try:
        return parse_module(regular_text(file, errors="replace"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None


def _unknown(file: Path, line: int) -> UsageError:
    return _refused(file, line, "the names of its tests are known only at run time")


def _refused(file: Path, line: int, why: str) -> UsageError:
    return UsageError(
        f"python -m unittest: {file}:{line}: {why}", remedy="use the command for pytest: -- pytest"
    )
