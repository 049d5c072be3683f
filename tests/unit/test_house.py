"""The rules of docs/architecture.md that a reviewer would otherwise have to remember."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 300  # lines in a file of g2's own packages

MAY_IMPORT = {
    "cli": {"cli", "capture", "explain", "rewrite", "check"},
    "capture": {"capture"},
    "explain": {"explain", "capture"},
    "rewrite": {"rewrite", "capture", "explain"},
    "check": {"check", "capture"},
}
# What a room may import besides the standard library.
MAY_DEPEND = {
    "cli": {"click", "platformdirs", "rich"},
    "capture": {"torch", "triton", "numpy"},
    "explain": set[str](),
    "rewrite": {"libcst"},
    "check": {"torch", "triton", "numpy"},
}
# Files that run in the script's own process; nobody else may load these when imported.
IN_A_CHILD = (
    "capture/attach.py",
    "capture/adopt.py",
    "capture/probe/",
    "capture/through/",
    "check/",
)
HEAVY = {"torch", "triton", "numpy"}

SOURCES = sorted(path for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py"))


@dataclass(frozen=True)
class Import:
    """One module that a file imports; `at_load` when importing the file imports it."""

    module: str
    line: int
    level: int
    at_load: bool


def imports(path: Path) -> list[Import]:
    return list(_walk(ast.parse(path.read_text("utf-8")), at_load=True))


def _walk(node: ast.AST, at_load: bool) -> Iterator[Import]:
    match node:
        case ast.Import():
            for alias in node.names:
                yield Import(alias.name, node.lineno, 0, at_load)
        case ast.ImportFrom():
            module = node.module or ""
            if module == "g2":  # `from g2 import cli` means g2.cli
                for alias in node.names:
                    yield Import(f"g2.{alias.name}", node.lineno, node.level, at_load)
            else:
                yield Import(module, node.lineno, node.level, at_load)
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            for child in node.body:
                yield from _walk(child, at_load=False)
            for child in node.orelse:
                yield from _walk(child, at_load)
        case _:
            deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                yield from _walk(child, at_load and not deferred)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = (ROOT / line for line in listed.split("\0") if line)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


every_source = pytest.mark.parametrize("path", SOURCES, ids=name)


@every_source
def test_imports_follow_the_arrows(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    wrong = [
        f"line {found.line}: {found.module}"
        for found in imports(path)
        if found.module.split(".")[0] == "g2"
        and found.module.partition("g2.")[2].split(".")[0] not in MAY_IMPORT[room]
    ]
    assert not wrong, f"g2.{room} may import only {sorted(MAY_IMPORT[room])}"


@every_source
def test_imports_are_absolute(path: Path) -> None:
    assert not [f"line {found.line}" for found in imports(path) if found.level]


@every_source
def test_a_room_depends_only_on_what_it_may(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    allowed = sys.stdlib_module_names | {"g2"} | MAY_DEPEND[room]
    wrong = [
        f"line {found.line}: {found.module}"
        for found in imports(path)
        if not found.level and found.module.split(".")[0] not in allowed
    ]
    assert not wrong, f"g2.{room} may depend only on {sorted(MAY_DEPEND[room])}"


@every_source
def test_torch_is_loaded_only_in_a_child(path: Path) -> None:
    if name(path).startswith(IN_A_CHILD):
        return
    heavy = [
        f"line {found.line}: {found.module}"
        for found in imports(path)
        if found.at_load and found.module.split(".")[0] in HEAVY
    ]
    assert not heavy, "import it inside the function that runs in the child"


@every_source
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) < LONGEST


def test_type_checkers_see_every_room() -> None:
    links = {link.name: link.resolve() for link in (ROOT / ".types" / "g2").iterdir()}
    assert links == {room: ROOT / room for room in MAY_IMPORT}
    assert all(link.is_symlink() for link in (ROOT / ".types" / "g2").iterdir())


def test_the_changelog_has_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_makefile_names_files_that_are_there() -> None:
    named = re.findall(r"[\w.-]+/[\w./-]+\.py\b", (ROOT / "Makefile").read_text("utf-8"))
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_nothing_names_a_place_outside_the_checkout() -> None:
    # Joined here, so that this file does not name them itself.
    outside = ["/".join(["", *parts]) for parts in (["work", ""], ["root", ""], ["opt", "wheels"])]
    outside += [str(path) + "/" for path in (ROOT, Path.home()) if len(path.parts) > 2]
    pattern = re.compile("|".join(rf"(?<![\w.}}/-]){re.escape(place)}" for place in outside))
    found = [
        f"{name(path)}:{text.count(chr(10), 0, hit.start()) + 1}: {hit.group()}"
        for path in tracked()
        for text in [path.read_bytes().decode("utf-8", "replace")]
        for hit in pattern.finditer(text)
    ]
    assert not found


def _loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded when it has run `code`."""
    report = "import sys; print('\\nLOADED', *{name.partition('.')[0] for name in sys.modules})"
    child = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, timeout=120
    )
    assert child.returncode == 0, child.stderr
    return set(child.stdout.rpartition("LOADED")[2].split())


def test_importing_the_command_line_loads_no_torch() -> None:
    loaded = _loaded_after("import g2.cli.app")
    assert "g2" in loaded
    assert not loaded & (HEAVY | {"libcst"})


@pytest.mark.parametrize("argv", [["--help"], ["explain", "--help"], ["--version"]], ids=" ".join)
def test_help_loads_no_torch(argv: list[str]) -> None:
    loaded = _loaded_after(
        "import sys\n"
        f"sys.argv = ['g2', *{argv!r}]\n"
        "from g2.cli.app import main\n"
        "try:\n    code = main()\n"
        "except SystemExit as stop:\n    code = stop.code\n"
        "assert not code, code"
    )
    assert "click" in loaded
    assert not loaded & (HEAVY | {"libcst"})


def test_every_module_of_the_parent_side_loads_without_torch() -> None:
    modules = [
        "g2." + name(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for path in SOURCES
        if not name(path).startswith(IN_A_CHILD) and path.stem != "__main__"
    ]
    loaded = _loaded_after("".join(f"import {module}\n" for module in modules))
    assert not loaded & HEAVY
