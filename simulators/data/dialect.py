"""Text that holds a table: encoding, separator, decimal sign, comments and units are found, and told to the user."""

import csv
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graft.spaces.errors import InputError

SUFFIXES = (".csv", ".tsv", ".txt", ".dat")
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
"""In the order in which they are preferred, where a file could be read with several."""
COMMENTS = ("#", "%", "//")
MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "--")
"""What stands in a cell that has no value, in small letters."""
PROBED = 50
"""Lines that are looked at to find the separator."""
LONGEST = 12
"""Characters of a unit, at most."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?|nan", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Text:
    """A table of text.

    Attributes:
        header: Names of the columns, units in brackets; empty where the file begins with numbers.
        rows: The cells of each row, decimal commas made points.
        lines: The number of each row's line in the file, from 1.
        told: What was found and may surprise, in words.
    """

    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]
    told: tuple[str, ...] = ()


def number(cell: str) -> float | None:
    """The number that a cell holds; None if it holds none. Unlike in Python, 1_000 is none."""
    return float(cell) if _NUMBER.fullmatch(cell) else None


def text(path: str | Path) -> Text:
    """Read a table of text; ``-`` is standard input.

    Raises:
        InputError: If it is no text, or two rows of it have different numbers of cells.
    """
    where = "standard input" if str(path) == "-" else str(path)
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else Path(path).read_bytes()
    except OSError as problem:
        raise InputError(f"{where}: {problem.strerror}; allowed: a file that can be read") from None
    decoded, encoding = _decoded(data, where)
    told = [] if encoding == "utf-8" else [f"encoding {encoding}"]
    lines = [(i, line) for i, line in enumerate(decoded.splitlines(), 1) if line.strip()]
    table = [(i, line) for i, line in lines if not line.lstrip().startswith(COMMENTS)]
    if not table:
        raise InputError(f"{where} is empty; allowed: a header and one example a line")
    separator = _separator([line for _, line in table[:PROBED]])
    if separator != ",":
        told.append(f"columns separated by {SEPARATORS[separator]}")
    cells = _split(table, separator, where)
    title = [i for i, row in cells[:1] if len(row) == 1 and len(cells) > 1 and len(cells[1][1]) > 1]
    if title:
        told.append(f"line {title[0]} as a title")
        cells = cells[1:]
    comma = separator != "," and _commas([row for _, row in cells[1:PROBED]])
    if comma:
        told.append("decimal commas")
        cells = [(i, [cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell for cell in row]) for i, row in cells]
    header, rows, more = _headed(cells, lines, separator, where)
    for line, row in rows:
        wanted, first = (len(header), "header") if header else (len(rows[0][1]), "first line")
        if len(row) != wanted:
            raise InputError(f"{where}, line {line} has {len(row)} cells; allowed: {wanted}, as its {first} has")
    header, kept, dropped = _without_index(header, [row for _, row in rows])
    return Text(tuple(header), kept, [line for line, _ in rows], (*told, *more, *dropped))


def _decoded(data: bytes, where: str) -> tuple[str, str]:
    candidates = ["utf-8-sig", "cp1252"] if b"\0" not in data else []
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        candidates = ["utf-16"]
    for encoding in candidates:
        try:
            return data.decode(encoding), encoding.removesuffix("-sig")
        except UnicodeDecodeError:
            continue
    raise InputError(f"{where} is no text; allowed: a table in UTF-8, UTF-16 with its mark, or Windows-1252")


def _separator(lines: Sequence[str]) -> str:
    """The separator by which most lines have one and the same number of cells, more than one."""
    best, agreed = ",", 0
    for separator in SEPARATORS:
        counts = Counter(len(_cells(line, separator)) for line in lines)
        same = max((times for count, times in counts.items() if count > 1), default=0)
        if same > agreed:
            best, agreed = separator, same
    return best


def _cells(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]


def _split(table: Sequence[tuple[int, str]], separator: str, where: str) -> list[tuple[int, list[str]]]:
    try:
        return [(i, _cells(line, separator)) for i, line in table]
    except csv.Error as problem:
        raise InputError(f"{where}: {problem}; allowed: cells separated by {SEPARATORS[separator]}") from None


def _commas(rows: Sequence[Sequence[str]]) -> bool:
    """Whether some cells have decimal commas, and none a decimal point."""
    cells = [cell for row in rows for cell in row]
    return any(map(_COMMA.fullmatch, cells)) and not any("." in cell and number(cell) is not None for cell in cells)


def _headed(
    cells: list[tuple[int, list[str]]], lines: Sequence[tuple[int, str]], separator: str, where: str
) -> tuple[list[str], list[tuple[int, list[str]]], list[str]]:
    """The header, the rows below it, and what was found: a header behind a comment sign, a line of units."""
    first, told = cells[0][0], list[str]()
    if all(number(cell) is not None for cell in cells[0][1]):
        before = [line for i, line in lines if i < first]
        named = _cells(before[-1].lstrip().lstrip("#%/").lstrip(), separator) if before else []
        if len(named) != len(cells[0][1]) or all(number(cell) is not None for cell in named):
            return [], cells, told
        return named, cells, ["the header stands behind a comment sign"]
    header, rows = cells[0][1], cells[1:]
    if len(rows) > 1 and len(rows[0][1]) == len(header) and _units(rows[0][1], rows[1][1]):
        units = [cell.strip("[]()") for cell in rows[0][1]]
        header = [f"{name} [{one}]" if one else name for name, one in zip(header, units, strict=True)]
        told.append(f"line {rows[0][0]} as units")
        rows = rows[1:]
    return header, rows, told


def _units(row: Sequence[str], following: Sequence[str]) -> bool:
    """Whether a row holds units: words below the header, numbers under them."""
    words = [cell for cell in row if cell and number(cell) is None]
    dimensionless = all(cell in ("", "1", "-") for cell in row if cell not in words)
    short = all(len(cell) <= LONGEST for cell in words)
    return bool(words) and dimensionless and short and all(number(cell) is not None for cell in following)


def _without_index(header: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]], list[str]]:
    """The table without a first column that only counts its rows, and without a last one that is empty."""
    told = list[str]()
    if header and rows and not header[0]:
        counted = [number(row[0]) for row in rows]
        if any(counted == list(range(start, start + len(rows))) for start in (0, 1)):
            header, rows = header[1:], [row[1:] for row in rows]
            told.append("the first column, which counts the rows, is left out")
    if len(header) > 1 and not header[-1] and not any(row[-1] for row in rows):
        header, rows = header[:-1], [row[:-1] for row in rows]
    return header, rows, told
