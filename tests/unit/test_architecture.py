"""Dependencies point one way. Walks the imports as text, so a late import counts too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "runner"

# Lowest first: a module may import from its own layer's packages and from layers below.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset(
        {
            "agent",
            "errors",
            "pool",
            "forkable",
            "issue_scripts",
            "letters",
            "model",
            "owner",
            "temporary",
            "pip_settings",
            "processes",
            "tolerance",
        }
    ),
    frozenset(
        {"alone", "claims", "clean", "paths", "remembered", "signature", "serial", "variants"}
    ),
    frozenset(
        {
            "config",
            "catalogue",
            "specifier",
            "interpreters",
            "render",
            "plan",
            "compare",
            "causes",
            "history",
            "search",
            "requirement",
            "room",
        }
    ),
    frozenset({"resolve", "locks", "sizes", "upstream"}),
    frozenset({"bases", "cuda_check", "disk", "engines", "host", "movable", "wheels"}),
    frozenset(
        {"classify", "confirmed", "grid", "events", "snapshot", "store", "session", "journal"}
    ),
    frozenset(
        {
            "archive",
            "inventory",
            "majority",
            "measure",
            "merge",
            "modes",
            "outliers",
            "pins",
            "report",
            "results",
            "retention",
            "live",
            "tasks",
        }
    ),
    frozenset({"constraints", "pins_words", "site"}),
    frozenset({"pipeline", "publish", "doctor", "display", "github"}),
    frozenset({"cluster", "exploring", "workers", "workload"}),
    frozenset({"cli"}),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def unit(module: Path) -> str:
    """`runner/report/html.py` → `report`."""
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


MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if unit(path) not in ("__init__", "__main__")
)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(module: Path) -> None:
    here = LEVEL[unit(module)]
    for name in imported(module) - {unit(module)}:
        assert LEVEL[name] <= here, f"{module.name} (layer {here}) imports {name} ({LEVEL[name]})"


def test_units_of_one_layer_do_not_import_in_a_circle() -> None:
    edges = {name: set() for name in LEVEL}
    for module in MODULES:
        edges[unit(module)] |= imported(module) - {unit(module)}
    while edges:
        leaves = {name for name, targets in edges.items() if not targets & set(edges)}
        assert leaves, f"a circle among {sorted(edges)}"
        edges = {name: targets for name, targets in edges.items() if name not in leaves}


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
    assert all(user.startswith("engines/docker") for user in users), users


def test_the_docker_folder_is_no_package() -> None:
    """An __init__.py there would hide the Docker SDK from everyone who runs in the checkout."""
    assert not (ROOT / "docker" / "__init__.py").exists()


def test_the_agent_needs_the_standard_library_only() -> None:
    tree = ast.parse((PACKAGE / "agent.py").read_text("utf-8"))
    names = {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    roots = {name.split(".")[0] for name in names}
    assert roots.isdisjoint({"runner", "attrs", "click", "docker", "pydantic", "rich", "yaml"})
