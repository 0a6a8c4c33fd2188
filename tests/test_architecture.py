"""The house rules that a machine can check; ARCHITECTURE.md and CONTRIBUTING.md give their reasons.

Everything here reads the source as text or as a syntax tree, so that a lazy import counts like any other. Only the last two
tests import the package.
"""

from __future__ import annotations

import ast
import importlib
import io
import pkgutil
import re
import tokenize
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pytest

import souviens
from souviens import formats

SOURCE = Path(souviens.__path__[0])

# Top to bottom. A module may import its own layer and every layer below it; layers on one line do not see each other.
# bundle and memory are planned; their place is decided.
LAYERS = (
    ("doors",),
    ("__init__",),  # the public names
    ("port",),
    ("bundle", "memory"),
    ("recall",),
    ("index",),
    ("encode", "vault", "formats"),
    ("delivery",),
    ("rowstore",),
    ("jsonspan",),
    ("grants",),
    ("merge",),
    ("records",),
    ("canon",),
    ("errors",),
)
# Modules that are part of another and bear an underscore: imported by that one alone.
PARTS = {
    "_container": "delivery",
    "_jsonflaws": "jsonspan",
    "_jsonsample": "jsonspan",
    "_jsonwindow": "jsonspan",
    "__main__": "doors",
}

MOST_LINES, LONG_FUNCTION, SELF_EXPLAINING, LINES_PER_BROAD_EXCEPT = 600, 60, 5, 1_000
FORBIDDEN = re.compile(r"(manager|handler|service|engine|processor|factory|helper|util)s?$", re.IGNORECASE)
NETWORK = {"socket", "ssl", "http", "httpx", "requests", "aiohttp", "urllib", "urllib3", "ftplib", "smtplib", "telnetlib", "xmlrpc"}
NOT_NETWORK = {"urllib.parse"}  # takes an address apart, calls nobody
# Where a module other than a door may touch the environment, and why.
ENVIRONMENT = {"souviens.encode.install": "hands the environment on to the child process that converts the model"}


class Import(NamedTuple):
    """What one statement names ("souviens.vault.keys", "httpx.Client") and its line. lazy: in a function, or for types alone."""

    target: str
    line: int
    lazy: bool


class Module:
    """One source file. name: dotted, "souviens" for the package itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = ".".join(("souviens", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)

    def __repr__(self) -> str:
        return str(self.path.relative_to(SOURCE.parent))

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def piece(self) -> str:
        """The piece of the house it belongs to: the second step of its name, "__init__" for the package itself."""
        step = [*self.name.split("."), "__init__"][1]
        return PARTS.get(step, step)

    @cached_property
    def imports(self) -> list[Import]:
        blocks = [n for n in ast.walk(self.tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test)]
        lazy = {id(node) for block in (*self.functions, *blocks) for node in ast.walk(block)}
        return [
            Import(target, node.lineno, id(node) in lazy)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for target in self._targets(node)
        ]

    def _targets(self, node: ast.Import | ast.ImportFrom) -> list[str]:
        if isinstance(node, ast.Import):
            return [alias.name for alias in node.names]
        base = node.module or ""
        if node.level:
            package = self.name.split(".")[: None if self.is_package else -1]
            base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
        return [f"{base}.{alias.name}" for alias in node.names]

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    @cached_property
    def comments(self) -> dict[int, str]:
        """Line -> comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


MODULES = [Module(path) for path in sorted(SOURCE.rglob("*.py"))]
BY_NAME = {module.name: module for module in MODULES}
RANK = {piece: rank for rank, pieces in enumerate(LAYERS) for piece in pieces}
each_module = pytest.mark.parametrize("module", MODULES, ids=repr)


def imported(module: Module) -> Iterator[tuple[Module, Import]]:
    """The modules of the house that a module imports: `from souviens import formats` is formats, not the package."""
    for found in module.imports:
        target = found.target
        while target and target not in BY_NAME:
            target = target.rpartition(".")[0]
        if target and target != module.name:
            yield BY_NAME[target], found


# --- directions -------------------------------------------------------------------------------------------------------


@each_module
def test_every_module_has_a_layer(module: Module) -> None:
    assert module.piece in RANK, f"{module}: give it a place in LAYERS, and in ARCHITECTURE.md"


@each_module
def test_imports_go_down_only(module: Module) -> None:
    wrong = [
        f"{module}:{found.line} imports {other.name}"
        for other, found in imported(module)
        if other.piece != module.piece and RANK[other.piece] <= RANK[module.piece]
    ]

    assert not wrong, "\n".join(wrong)


def test_the_rules_that_matter_most_follow_from_the_layers() -> None:
    # Said once more in words, so that nobody moves a layer without seeing what it was for.
    assert RANK["formats"] == RANK["vault"], "formats and vault never see each other"
    assert RANK["index"] < RANK["vault"], "the vault never sees the index"
    assert all(RANK["doors"] < rank for piece, rank in RANK.items() if piece != "doors"), "nothing sees a door"


def format_of(module: Module) -> str:
    """The format a module is part of; "" outside `formats`, and for what formats share (`formats._…`)."""
    steps = module.name.split(".")
    return steps[2] if steps[1:2] == ["formats"] and len(steps) > 2 and not steps[2].startswith("_") else ""


@each_module
def test_a_format_never_imports_another(module: Module) -> None:
    own = format_of(module)
    wrong = [
        f"{module}:{found.line} imports {other.name}"
        for other, found in imported(module)
        if own and format_of(other) not in ("", own)
    ]

    assert not wrong, "\n".join(wrong)


@each_module
def test_a_part_is_imported_by_its_whole_alone(module: Module) -> None:
    wrong = [
        f"{module}:{found.line} imports {other.name}"
        for other, found in imported(module)
        if other.name.rpartition(".")[2] in PARTS and other.piece != module.piece
    ]

    assert not wrong, "\n".join(wrong)


def test_no_import_cycles() -> None:
    # Lazy imports are left out here alone: one inside a function cannot stop a module from loading. They count for layers.
    graph = {m.name: {other.name for other, found in imported(m) if not found.lazy} for m in MODULES}
    done: set[str] = set()
    cycles: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            cycles.append(" -> ".join((*path[path.index(name) :], name)))
        elif name not in done:
            for other in sorted(graph[name]):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())

    assert not cycles, "\n".join(cycles)


# --- what only some may do --------------------------------------------------------------------------------------------


@each_module
def test_only_encode_and_doors_reach_the_network(module: Module) -> None:
    wrong = [
        f"{module}:{found.line} imports {found.target}"
        for found in module.imports
        if found.target.split(".")[0] in NETWORK and ".".join(found.target.split(".")[:2]) not in NOT_NETWORK
    ]

    assert module.piece in ("encode", "doors") or not wrong, "\n".join(wrong)


@each_module
def test_only_doors_read_the_environment(module: Module) -> None:
    reads = [
        f"{module}:{node.lineno}"
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"))
        or (isinstance(node, ast.alias) and node.name in ("environ", "environb", "getenv"))
    ]

    assert module.piece == "doors" or module.name in ENVIRONMENT or not reads, "\n".join(reads)


@each_module
def test_the_environment_is_never_read_at_import(module: Module) -> None:
    within = {id(node) for function in module.functions for node in ast.walk(function)}
    at_import = [
        f"{module}:{node.lineno}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv") and id(node) not in within
    ]

    assert not at_import, "\n".join(at_import)


# --- size and care ----------------------------------------------------------------------------------------------------


@each_module
def test_no_file_is_too_long(module: Module) -> None:
    assert module.text.count("\n") <= MOST_LINES


@each_module
def test_a_long_function_says_why(module: Module) -> None:
    silent = [
        f"{module}:{function.lineno} {function.name}: {function.end_lineno - first + 1} lines and no comment"
        for function in module.functions
        if function.end_lineno is not None
        for first in [min([function.lineno, *(d.lineno for d in function.decorator_list)])]
        if function.end_lineno - first + 1 > LONG_FUNCTION
        if not any(line in module.comments for line in range(first - 1, function.end_lineno + 1))
    ]

    assert not silent, "\n".join(silent)


def broad_excepts(module: Module) -> Iterator[ast.ExceptHandler]:
    """`except:`, `except Exception:`, `except BaseException:`, alone or in a tuple."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(type is None or (isinstance(type, ast.Name) and type.id in ("Exception", "BaseException")) for type in caught):
                yield node


def test_broad_excepts_are_rare() -> None:
    places = [f"{module}:{node.lineno}" for module in MODULES for node in broad_excepts(module)]
    lines = sum(module.text.count("\n") for module in MODULES)

    assert len(places) <= lines / LINES_PER_BROAD_EXCEPT, places


@each_module
def test_a_broad_except_says_why(module: Module) -> None:
    # One that ends by raising what it caught swallows nothing: it cleans up, and its body says what.
    silent = [
        f"{module}:{node.lineno}"
        for node in broad_excepts(module)
        if not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
        if not any(line in module.comments for line in range(node.lineno - 1, (node.end_lineno or node.lineno) + 1))
    ]

    assert not silent, "\n".join(silent)


@each_module
def test_names_are_domain_words(module: Module) -> None:
    classes = [node.name for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    wrong = [name for name in (*module.name.split("."), *classes) if FORBIDDEN.search(name)]

    assert not wrong, "\n".join(wrong)


@each_module
def test_public_functions_have_docstrings(module: Module) -> None:
    # Those of a few lines are left out: their name and types say it all, and a docstring would say it again.
    silent = [
        f"{module}:{node.lineno} {node.name}"
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
        if not module.path.stem.startswith("_") or module.is_package
        if ast.get_docstring(node) is None and (node.end_lineno or node.lineno) - node.body[0].lineno >= SELF_EXPLAINING
    ]

    assert not silent, "\n".join(silent)


@each_module
def test_every_module_says_what_it_is(module: Module) -> None:
    assert ast.get_docstring(module.tree), f"{module}: no docstring"


# --- names that others rely on ----------------------------------------------------------------------------------------


def test_every_public_name_exists() -> None:
    listed = getattr(souviens, "__all__", None)

    assert listed, "souviens.__all__ lists the public names"
    assert len(set(listed)) == len(listed)
    assert [name for name in listed if not hasattr(souviens, name)] == []


READING = ("READER", "identify", "plan", "sidecars", "cut", "read", "locations", "traces")
WRITING = ("CARRIES", "CANNOT", "write")


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(formats.__path__) if not m.name.startswith("_")])
def test_every_format_has_the_seam(name: str) -> None:
    module = importlib.import_module(f"souviens.formats.{name}")
    reads, writes = hasattr(module, "read"), hasattr(module, "write")

    assert isinstance(module.NAME, str)
    assert isinstance(module.TITLE, str)
    assert reads or writes, "a format can be read, or written, or both"
    assert [part for part in READING if reads and not hasattr(module, part)] == []
    assert [part for part in WRITING if writes and not hasattr(module, part)] == []
