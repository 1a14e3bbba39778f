"""A script's prologue: its lines through its import of TensorFlow.

The importing process runs the prologue once, and each cell goes on after it. So the prologue may
only do what has the same effect in each run: import installed packages, define names, set
environment variables and seeds, and say which warnings and messages are shown.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterator
from typing import Optional, Union

# Packages that people import before TensorFlow. The agent refuses to fork where an import of one
# leaves a thread.
_PACKAGES = """
    PIL absl cv2 gym gymnasium h5py imageio imblearn joblib keras_applications keras_preprocessing
    matplotlib mpl_toolkits networkx nltk packaging pandas psutil pydot requests scipy seaborn six
    skimage sklearn statsmodels tensorflow_datasets termcolor tqdm transformers yaml
"""
# Packages that import TensorFlow. The agent looks whether they did.
_IMPORTERS = """
    keras stable_baselines tensorflow tensorflow_addons tensorflow_hub
    tensorflow_probability tensorflow_text tf_keras
"""
# What a prologue may call with constants, by full name.
_CALLS = """
    logging.disable matplotlib.use numpy.random.seed numpy.set_printoptions os.environ.pop
    os.environ.setdefault os.environ.update os.putenv os.unsetenv pandas.set_option random.seed
    warnings.filterwarnings warnings.simplefilter
"""
_LONGEST = 60
"""At most this many characters of an expression are shown in a reason."""

PACKAGES = frozenset(_PACKAGES.split())
IMPORTERS = frozenset(_IMPORTERS.split())
CALLS = frozenset(_CALLS.split())
PURE = frozenset({"float", "int", "json.dumps", "str"})
"""Functions whose value depends on their arguments alone."""
CONSTANTS = ("logging.", "numpy.", "warnings.")
"""Modules whose attributes are constants: levels, categories, types."""
NO_IMPORT = "it never imports TensorFlow at its top level"
Import = Union[ast.Import, ast.ImportFrom]


def last_statement(
    tree: ast.Module, harmless: Collection[str], siblings: Collection[str]
) -> Union[ast.stmt, str]:
    """The statement that imports TensorFlow, if all before it may be in a prologue; else why not.

    `harmless`: modules whose import changes nothing. `siblings`: the modules beside the script.
    """
    names = _Names()
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            found = list(imported(statement))
            for name in found:
                known = name in harmless or name in PACKAGES or name in IMPORTERS
                if not known or name in siblings:
                    return first_import(statement, name)
            if IMPORTERS.intersection(found):
                return statement
            names.add_import(statement)
        elif not names.allow(statement):
            return first_deed(statement)
    return NO_IMPORT


def text_until(source: str, statement: ast.stmt) -> str:
    """`source` through the end of `statement`."""
    lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n|$)", source)
    line, column = statement.end_lineno or 1, statement.end_col_offset or 0
    last = lines[line - 1].encode()[:column].decode()
    return "".join([*lines[: line - 1], last])


class _Names:
    """What the names of a prologue stand for, as far as it is known."""

    def __init__(self) -> None:
        self._modules = {name: name for name in ("float", "int", "str")}
        """Name → the full name of the module or function that it stands for."""
        self._values = {name for name in vars(builtins) if name.endswith("Warning")}
        """Names of values that are the same in each run."""

    def add_import(self, statement: Import) -> None:
        for alias in statement.names:
            if isinstance(statement, ast.ImportFrom):
                full = f"{statement.module}.{alias.name}"
            else:
                full = alias.name if alias.asname else alias.name.split(".")[0]
            name = alias.asname or full.rpartition(".")[2]
            self._forget(name)
            self._modules[name] = full

    def allow(self, statement: ast.stmt) -> bool:
        """Whether the statement has the same effect in each run. Remembers the names it sets."""
        if isinstance(statement, ast.Assign):
            return self._allow_assignment(statement)
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            return self._allow_call(statement.value)
        if isinstance(statement, ast.FunctionDef):
            self._forget(statement.name)
        return does_nothing(statement)

    def _allow_assignment(self, statement: ast.Assign) -> bool:
        if not self._is_value(statement.value):
            return False
        for target in statement.targets:
            if isinstance(target, ast.Name) and not target.id.startswith("__"):
                self._forget(target.id)
                self._values.add(target.id)
            elif not self._is_variable(target):
                return False
        return True

    def _is_variable(self, target: ast.expr) -> bool:
        """Whether it is `os.environ["NAME"]`."""
        is_variable = isinstance(target, ast.Subscript) and self._full(target.value) == "os.environ"
        return is_variable and self._is_value(target.slice)  # type: ignore[attr-defined]

    def _allow_call(self, call: ast.Call) -> bool:
        function = call.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call):
            logger = self._full(function.value.func) == "logging.getLogger"
            known = logger and function.attr == "setLevel" and self._has_values(function.value)
        else:
            known = self._full(function) in CALLS and not _draws_seed(call)
        return known and self._has_values(call)

    def _has_values(self, call: ast.Call) -> bool:
        """Whether all arguments are the same in each run."""
        named = all(one.arg and self._is_value(one.value) for one in call.keywords)
        return named and all(map(self._is_value, call.args))

    def _is_value(self, value: ast.expr) -> bool:
        if isinstance(value, ast.Name):
            return value.id in self._values
        if isinstance(value, ast.Attribute):
            return (self._full(value) or "").startswith(CONSTANTS)
        if isinstance(value, ast.Call):
            return self._full(value.func) in PURE and self._has_values(value)
        if isinstance(value, (ast.Tuple, ast.List, ast.Set)):
            return all(map(self._is_value, value.elts))
        if isinstance(value, ast.Dict):
            keys = [key for key in value.keys if key is not None]
            plain = len(keys) == len(value.keys)
            return plain and all(map(self._is_value, [*keys, *value.values]))
        return _is_constant(value)

    def _full(self, expression: ast.expr) -> Optional[str]:
        """The full name of what an expression stands for: `np.random` is `numpy.random`."""
        if isinstance(expression, ast.Name):
            return self._modules.get(expression.id)
        if isinstance(expression, ast.Attribute):
            before = self._full(expression.value)
            return before and f"{before}.{expression.attr}"
        return None

    def _forget(self, name: str) -> None:
        self._modules.pop(name, None)
        self._values.discard(name)


def _draws_seed(call: ast.Call) -> bool:
    """Whether the call would seed a generator with another value in each run."""
    values = [*call.args, *(one.value for one in call.keywords)]
    return not values or any(isinstance(v, ast.Constant) and v.value is None for v in values)


def first_import(statement: Import, name: str) -> str:
    return f"line {statement.lineno} imports {name or 'a sibling'} first"


def first_deed(statement: ast.stmt) -> str:
    return f"line {statement.lineno} {_deed(statement)} before importing TensorFlow"


def _deed(statement: ast.stmt) -> str:
    """What a statement does, in words: `sets os.environ`, `calls np.random.seed`."""
    value = getattr(statement, "value", None)
    target = getattr(statement, "target", None) or next(
        iter(getattr(statement, "targets", ())), None
    )
    if isinstance(target, (ast.Subscript, ast.Attribute)):
        return f"sets {shown(target.value if isinstance(target, ast.Subscript) else target)}"
    if isinstance(value, ast.Call):
        return f"calls {shown(value.func)}"
    return "does something"


def shown(expression: ast.expr) -> str:
    text = " ".join(ast.unparse(expression).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def imported(statement: Import) -> Iterator[str]:
    """The top-level packages that a statement imports, in order; "" for a relative import."""
    if isinstance(statement, ast.ImportFrom):
        yield (statement.module or "").split(".")[0] if not statement.level else ""
    else:
        for alias in statement.names:
            yield alias.name.split(".")[0]


def does_nothing(statement: ast.stmt) -> bool:
    """Whether the statement only defines names: a docstring, a constant or a function."""
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return _is_constant(statement.value)
    if isinstance(statement, ast.Assign):
        names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        plain = len(names) == len(statement.targets) and not any(n.startswith("__") for n in names)
        return plain and _is_constant(statement.value)
    if isinstance(statement, ast.FunctionDef):
        return only_defines(statement)
    return False


def _is_constant(value: ast.expr) -> bool:
    if isinstance(value, (ast.Tuple, ast.List)):
        return all(_is_constant(one) for one in value.elts)
    if isinstance(value, ast.UnaryOp):
        return isinstance(value.operand, ast.Constant)
    return isinstance(value, ast.Constant)


def only_defines(function: ast.FunctionDef) -> bool:
    """Whether a function's decorators, defaults and annotations do
    nothing: they run at its definition."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    annotations = [one.annotation for one in every] + [function.returns]
    defaults = [*arguments.defaults, *(one for one in arguments.kw_defaults if one is not None)]
    return (
        not function.decorator_list
        and not function.name.startswith("__")
        and all(_is_constant(one) for one in defaults)
        and all(one is None or isinstance(one, (ast.Name, ast.Constant)) for one in annotations)
    )
