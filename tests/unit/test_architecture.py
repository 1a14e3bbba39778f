"""Dependencies point one way. Walks the imports as text, so a late import counts too."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "runner"

# Lowest first, as in docs/architecture.md: a package imports what stands above it here.
ORDER = (
    "errors",
    "paths",
    "model",
    "agent",
    "serial",
    "machine",
    "releases",
    "scripts",
    "requirements",
    "datasets",
    "matrix",
    "environments",
    "engines",
    "cells",
    "grid",
    "runs",
    "report",
    "pins",
    "github",
    "pipeline",
    "bisect",
    "upkeep",
    "cli",
)
LEVEL = {name: level for level, name in enumerate(ORDER)}


def unit(module: Path) -> str:
    """`runner/report/html/__init__.py` → `report`."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(module: Path) -> set[str]:
    """The project's own units that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("runner"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {parts[1] for parts in names if parts[0] == "runner" and len(parts) > 1}
    return found - {"__version__"}


def sentence(name: str) -> str:
    """What a room holds, in the words of its own docstring."""
    module = PACKAGE / f"{name}.py"
    source = (module if module.exists() else PACKAGE / name / "__init__.py").read_text("utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0].replace("\n", " ")


def test_the_page_names_every_room_in_order_and_in_its_own_words() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)(?:/|\.py)` \| (.*) \|$", page, re.MULTILINE)
    assert [name for name, _ in rows] == list(ORDER)
    for name, holds in rows:
        if name != "agent":  # the one file has a docstring of its own
            assert holds.startswith(sentence(name)), name


MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if unit(path) not in ("__init__", "__main__")
)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(module: Path) -> None:
    here = LEVEL[unit(module)]
    for name in imported(module) - {unit(module)}:
        assert LEVEL[name] <= here, f"{module.name} of {unit(module)} imports {name}"


def test_every_room_is_in_the_order() -> None:
    assert {unit(module) for module in MODULES} == set(ORDER)


def test_only_the_docker_engine_imports_the_docker_sdk() -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (
            isinstance(node, ast.Import)
            and any(a.name.split(".")[0] == "docker" for a in node.names)
        )
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "docker")
    }
    assert users, "the docker engine imports the Docker SDK"
    assert all(user.startswith("engines/docker/") for user in users), users


def test_the_docker_folder_is_no_package() -> None:
    """An __init__.py there would hide the Docker SDK from everyone who runs in the checkout."""
    assert not (ROOT / "docker" / "__init__.py").exists()


def test_nothing_on_the_host_imports_the_agent() -> None:
    assert [str(path) for path in MODULES if "agent" in imported(path)] == []


@pytest.mark.parametrize("copy", ["machine/removal.py", "engines/variables.py"])
def test_what_the_host_repeats_of_the_agent_is_the_same(copy: str) -> None:
    """Functions by their syntax, constants by their values."""

    def definitions(module: str) -> dict[str, str]:
        body = ast.parse((PACKAGE / module).read_text("utf-8")).body
        functions = {n.name: ast.dump(n) for n in body if isinstance(n, ast.FunctionDef)}
        constants = {
            ast.unparse(n.targets[0]): ast.dump(n.value) for n in body if isinstance(n, ast.Assign)
        }
        return {**functions, **constants}

    agent, repeated = definitions("agent.py"), definitions(copy)
    assert repeated
    assert {name: agent.get(name) for name in repeated} == repeated


def test_the_agent_needs_the_standard_library_only() -> None:
    tree = ast.parse((PACKAGE / "agent.py").read_text("utf-8"))
    names = {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    roots = {name.split(".")[0] for name in names}
    assert roots.isdisjoint({"runner", "attrs", "click", "docker", "pydantic", "rich", "yaml"})
