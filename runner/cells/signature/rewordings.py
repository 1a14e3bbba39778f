"""Messages that Python itself words differently from version to version.

Each rule makes of the wordings the one that says least, because a wording that names more cannot be
made of one that does not. A Python changes with the release, so without these rules an unchanged
failure would look like another one.
"""

from __future__ import annotations

import re

from runner.cells.signature.rule import Substitution


def _abstract(match: re.Match[str]) -> str:
    return f"class {match[1]} with abstract methods {match[2].replace(chr(39), '')}"


REWORDINGS = (
    Substitution(
        "abstract class",
        re.compile(
            r"class (\w+) (?:with|without an implementation for) abstract methods? ([\w', ]+)$"
        ),
        _abstract,
        "3.9 has a singular, 3.12 misses an implementation",
    ),
    Substitution(
        "no attributes of one's own",
        re.compile(r" and no __dict__ for setting new attributes$"),
        "",
        "from 3.13",
    ),
    Substitution(
        "property",
        re.compile(
            r"(?<=AttributeError: )(?:can't (?P<verb>set|delete) attribute '\w+'"
            r"|property '\w+' of '\w+' object has no (?:(?P<setter>setter)|deleter))$"
        ),
        lambda m: f"can't {m['verb'] or ('set' if m['setter'] else 'delete')} attribute",
        "from 3.10 it is named",
    ),
    Substitution(
        "JSON",
        re.compile(r"\bObject of type '(\w+)' is not JSON serializable"),
        r"Object of type \1 is not JSON serializable",
        "3.6 has quotes",
    ),
    Substitution(
        "number", re.compile(r"\b(or )?a real number(?=,| is required)"), r"\1a number", "from 3.10"
    ),
    Substitution(
        "what came instead",
        re.compile(
            r"\b(expected string or bytes-like object|string indices must be integers),"
            r" (?:got|not) '\w+'"
        ),
        r"\1",
        "from 3.11 it is told",
    ),
    Substitution(
        "tuple of types",
        re.compile(r"\barg 2 must be a (type|class), a tuple of (?:types|classes), or a union$"),
        lambda m: f"arg 2 must be a {m[1]} or tuple of {m[1]}{'es' if m[1] == 'class' else 's'}",
        "from 3.10 it may be a union",
    ),
    Substitution(
        "pickle",
        re.compile(r"\bcan't pickle (\S+) objects$"),
        r"cannot pickle '\1' object",
        "to 3.7",
    ),
    Substitution(
        "local object",
        re.compile(r"\bCan't get local object (?=')"),
        "Can't pickle local object ",
        "from 3.13",
    ),
    Substitution(
        "context manager",
        re.compile(r"^TypeError: '\w+' object does not support the context manager protocol.*$"),
        "AttributeError: __enter__",
        "from 3.11 it is of another kind",
    ),
    Substitution(
        "time-out of a socket",
        re.compile(r"^timeout: timed out$"),
        "TimeoutError: timed out",
        "3.9",
    ),
    Substitution(
        "free variable",
        re.compile(
            r"\bcannot access free variable ('\w+') where it is not associated with a value in"
        ),
        r"free variable \1 referenced before assignment in",
        "from 3.11",
    ),
    Substitution(
        "keyword of a built-in function",
        re.compile(r"(?<= is an invalid keyword argument for )\w+\(\)$"),
        "this function",
        "from 3.7 it is named",
    ),
    Substitution(
        "number of items",
        re.compile(r"\bcannot unpack non-iterable (\w+) object$"),
        r"'\1' object is not iterable",
        "3.6 says no more",
    ),
    Substitution(
        "text and number",
        re.compile(r"\bcan only concatenate str \(not '(\w+)'\) to str$"),
        r"must be str, not \1",
        "from 3.7",
    ),
    Substitution(
        "no parameters",
        re.compile(r"\b\w+\(\) takes no arguments$"),
        "object() takes no parameters",
        "3.6 does not name the class",
    ),
    Substitution(
        "two stars",
        re.compile(r"\b(?:type object|\w+\(\)) argument after (?=\*\*? must be )"),
        "argument after ",
        "from 3.9 a class is named",
    ),
    Substitution(
        "float for an integer",
        re.compile(r"\binteger argument expected, got float$"),
        "'float' object cannot be interpreted as an integer",
        "to 3.9",
    ),
    Substitution(
        "division",
        re.compile(r"\binteger modulo by zero$"),
        "integer division or modulo by zero",
        "from 3.11",
    ),
    Substitution("division", re.compile(r"\bfloat modulo by zero$"), "float modulo", "from 3.13"),
    Substitution(
        "division", re.compile(r"\bfloat divmod\(\)$"), "float floor division by zero", "to 3.9"
    ),
    Substitution(
        "index of a class",
        re.compile(r"\btype '\w+' is not subscriptable$"),
        "'type' object is not subscriptable",
        "from 3.12",
    ),
    Substitution(
        "path",
        re.compile(r"\bargument must be str or bytes, not (?=')"),
        "argument must be str, bytes, or os.PathLike object, not ",
        "to 3.7",
    ),
    Substitution(
        "path",
        re.compile(
            r"\bargument should be a str or an os\.PathLike object where __fspath__ returns a str,"
            r" not '(\w+)'$"
        ),
        r"expected str, bytes or os.PathLike object, not \1",
        "from 3.12",
    ),
    Substitution(
        "empty",
        re.compile(r"\b(max|min)\(\) iterable argument is empty$"),
        r"\1() arg is an empty sequence",
        "from 3.12",
    ),
    Substitution(
        "field of a format",
        re.compile(r"\bReplacement index \d+ out of range for positional args tuple$"),
        "tuple index out of range",
        "from 3.8",
    ),
    Substitution(
        "attribute of a built-in class",
        re.compile(r"\bcannot set '\w+' attribute of immutable type (?=')"),
        "can't set attributes of built-in/extension type ",
        "from 3.10",
    ),
    Substitution(
        "literal",
        re.compile(r"\bmalformed node or string(?: on line \d+)?: <_?ast\."),
        "malformed node or string: <ast.",
        "from 3.10 with its line",
    ),
)
