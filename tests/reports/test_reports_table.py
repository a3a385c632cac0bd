"""The page of public reports: each row names a test that is there, and no report stands twice."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(
    r"^\| \[([^\]#]+)#(\d+)\]\(https://github\.com/([^)]+)/issues/(\d+)\) \|.*\| `([^`]+)` \|$", re.MULTILINE
)
FEWEST = 60


def rows() -> list[tuple[str, ...]]:
    return ROW.findall((ROOT / "docs/results/reports.md").read_text())


@cache
def defined(file: str) -> set[str]:
    found = ast.walk(ast.parse((ROOT / "tests" / file).read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef)}


def test_each_report_is_held_by_a_test() -> None:
    found = rows()
    assert len(found) >= FEWEST
    for repository, number, linked, same, test in found:
        file, _, name = test.partition("::")
        assert (repository, number) == (linked, same) and name in defined(file), test


def test_each_line_of_the_tables_is_a_row_and_no_report_stands_twice() -> None:
    text = (ROOT / "docs/results/reports.md").read_text()
    assert text.count("\n| [") == len(rows()) == len({row[:2] for row in rows()})
