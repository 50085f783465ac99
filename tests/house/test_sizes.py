"""The rooms stay small: functions, modules, and the docstring that says what a module is for."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("evidence", "custody", "transcode", "ingest", "portal", "dockline")
MODULES = sorted(
    path
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
    if "migrations/versions" not in path.as_posix() and "node_modules" not in path.parts
)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_there_are_modules_to_look_at() -> None:
    assert len(MODULES) > 30


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_is_under_400_lines_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") < 400
    assert not text.strip() or ast.get_docstring(ast.parse(text)), "a module begins with a paragraph about itself"


def test_no_function_is_over_60_lines() -> None:
    long = [name for path in MODULES for name, lines in functions(path) if lines > 60]
    assert not long, long


def test_nine_functions_in_ten_are_under_30_lines() -> None:
    sizes = [lines for path in MODULES for _, lines in functions(path)]
    assert statistics.quantiles(sizes, n=10)[8] <= 30
    assert statistics.median(sizes) <= 12
