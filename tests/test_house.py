"""The house: who may know whom, and what every file owes its reader."""

import ast
import re
import sys
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("spaces", "models", "simulators", "search", "cluster")
KNOWS = {
    "spaces": set(),
    "models": {"spaces"},
    "simulators": {"spaces", "cluster"},
    "cluster": {"spaces"},
    "search": {"spaces", "models", "simulators", "cluster"},
}
ARROWS = {
    "run": set(),
    "settings": set(),
    "proof": {"run", "settings"},
    "engine": {"run"},
    "tasks": {"run", "settings"},
    "tracking": {"run"},
    "report": {"run", "proof", "settings"},
    "kinds": {"run", "settings", "proof", "engine", "tasks", "report", "champion", "prediction", "estimate"},
}
"""What the rooms of the search may know of each other, however far."""
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
IDS = [str(path.relative_to(ROOT)) for path in FILES]


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@cache
def imported(path: Path) -> set[str]:
    """Dotted names that a file imports, wherever in it; ours without their prefix."""
    found: set[str] = set()
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix("graft.") for name in found}


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def who_imports(name: str) -> set[str]:
    """Modules that import ``name`` or anything in it."""
    return {module(path) for path in FILES if any(one == name or one.startswith(f"{name}.") for one in imported(path))}


def room(name: str) -> str:
    """A folder or file of a package: ``search.kinds``, ``models.train``."""
    return ".".join(name.split(".")[:2])


@cache
def known() -> dict[str, set[str]]:
    """Which rooms each room imports something of."""
    ours = {room(module(path)) for path in FILES}
    arrows: dict[str, set[str]] = {name: set() for name in ours}
    for path in FILES:
        mine = room(module(path))
        arrows[mine] |= {room(name) for name in imported(path)} & ours - {mine}
    return arrows


def reached(start: str) -> set[str]:
    """Every room that a room knows, through others too."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = known()[waiting.pop()] - found
        found |= new
        waiting += new
    return found


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_a_room_knows_only_the_rooms_that_it_may(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert tops(path) & set(ROOMS) <= KNOWS[package] | {package}


def test_no_room_knows_itself_through_others() -> None:
    assert [name for name in sorted(known()) if name in reached(name)] == []


@pytest.mark.parametrize("name", ARROWS)
def test_the_arrows_of_the_search_hold_through_others_too(name: str) -> None:
    within = {other for other in reached(f"search.{name}") if other.startswith("search.")}
    assert within <= {f"search.{other}" for other in ARROWS[name]}


def test_the_question_is_known_to_those_who_choose_it_alone() -> None:
    choosing = {"search.study", "search.commands", "search.doctor", "search.session", "search.api"}
    assert {room(name) for name in who_imports("search.kinds")} - {"search.kinds"} == choosing


def test_only_graft_is_imported() -> None:
    """A user's own ``models.py`` or ``search.py`` must never be taken for ours."""
    bare = re.compile(rf"^\s*(from|import) ({'|'.join(ROOMS)})\b", re.M)
    inside = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "graft").glob("*.py")]
    assert [str(path) for path in inside if bare.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name == "spaces"], ids=lambda p: p.name)
def test_the_vocabulary_needs_the_standard_library_and_pydantic_only(path: Path) -> None:
    assert tops(path) <= set(sys.stdlib_module_names) | {"spaces", "pydantic"}


@pytest.mark.parametrize("stranger", ["ray", "mlflow", "optuna", "matplotlib"])
def test_training_knows_none_of_those_that_search_uses(stranger: str) -> None:
    assert not {name for name in who_imports(stranger) if name.split(".")[0] in ("models", "spaces")}


def test_simulators_know_neither_torch_nor_the_search() -> None:
    for stranger in ("torch", "mlflow", "optuna", "matplotlib"):
        assert not {name for name in who_imports(stranger) if name.startswith("simulators")}, stranger


def test_simulators_know_of_the_cluster_its_pool_only() -> None:
    told = {name for path in FILES if module(path).startswith("simulators.") for name in imported(path)}
    assert {room(name) for name in told if name.split(".")[0] == "cluster"} == {"cluster.pool"}


def test_ray_is_known_to_the_cluster_and_tune_to_one_file() -> None:
    assert {name for name in who_imports("ray") if not name.startswith("cluster.")} == {"search.engine.ray"}
    assert who_imports("ray.tune") == {"search.engine.ray"}


def test_every_generator_of_a_study_comes_from_one_maker() -> None:
    raw = re.compile(r"default_rng\(|SeedSequence\(|manual_seed\(")
    inside = [path for path in FILES if module(path).startswith("search.")]
    assert {module(path) for path in inside if raw.search(path.read_text(encoding="utf-8"))} == {"search.run.seeds"}


@pytest.mark.parametrize(
    ("name", "owner"), [("mlflow", "search.tracking.view"), ("matplotlib", "search.report.drawing")]
)
def test_one_file_each_knows_mlflow_and_matplotlib(name: str, owner: str) -> None:
    assert who_imports(name) == {owner}


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_imports_are_absolute(path: Path) -> None:
    relative = [node.lineno for node in ast.walk(TREES[path]) if isinstance(node, ast.ImportFrom) and node.level]
    assert relative == []


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_no_file_is_longer_than_500_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_what_is_public_says_what_it_is(path: Path) -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    public = [node for node in TREES[path].body if isinstance(node, kinds) and not node.name.startswith("_")]
    assert [node.name for node in public if not ast.get_docstring(node)] == []
    assert ast.get_docstring(TREES[path]), "the module itself"


def defined(path: Path) -> set[str]:
    """Names of what a file defines: functions, classes, arguments, variables, attributes."""
    found: set[str] = set()
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
    return found


def told(path: Path) -> set[str]:
    """Names in single backticks, in the docstrings of a file."""
    texts = [node.value.value for node in ast.walk(TREES[path]) if isinstance(node, ast.Expr) and is_text(node.value)]
    return {name for text in texts for name in re.findall(r"(?<![`\w])`([A-Za-z_][\w.]*)`(?!`)", text)}


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_names_that_docstrings_refer_to_exist() -> None:
    """In full (`graft.models.surgery.transplant`) a name is where it says; a short one is defined in this house."""
    homes = {module(path).removesuffix(".__init__"): defined(path) for path in FILES}
    known = set().union(*homes.values()) | {part for home in homes for part in home.split(".")}

    def exists(name: str, path: Path) -> bool:
        first, *rest = name.split(".")
        if first in ROOMS and rest:
            home = next(home for home in sorted(homes, key=len, reverse=True) if f"{name}.".startswith(f"{home}."))
            return name == home or name.removeprefix(f"{home}.").split(".")[0] in homes[home]
        strangers = {part for one in imported(path) for part in one.split(".") if one.split(".")[0] not in ROOMS}
        return first in strangers or {first, *rest} <= known

    assert [
        (module(path), name) for path in FILES for name in told(path) if not exists(name.removeprefix("graft."), path)
    ] == []


def test_what_has_no_type_becomes_no_more() -> None:
    """`Any` is for what a file holds and for libraries without types."""
    names = [node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.Name)]
    assert sum(node.id == "Any" for node in names) <= 100


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "base_utils"}
    names = {
        part
        for path in [*FILES, *(ROOT / "tests").rglob("*.py")]
        for part in path.relative_to(ROOT).with_suffix("").parts
    }
    assert not names & drawers


def test_tests_need_no_packages_and_have_names_of_their_own() -> None:
    files = [path for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert [name for name, count in Counter(path.name for path in files).items() if count > 1] == []
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_every_room_is_linked_into_the_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["setuptools"]["packages"]["find"]["include"] == ["graft*"]
    assert {path.name for path in (ROOT / "graft").iterdir() if path.is_symlink()} == set(ROOMS)
    assert all((ROOT / "graft" / name).resolve() == ROOT / name for name in ROOMS)
    folders = {path.parent for path in FILES}
    assert [str(path) for path in folders if not (path / "__init__.py").is_file()] == []
