"""Repeat the tests of each row with other draws, and print the docs' table of faults.

Each repeat has its own moment to kill, place to damage, number of bytes that fit on the disk. What was done is kept,
so that the whole can be spread over days; ``--row`` picks some rows.

    python tests/faults/repeat.py --times 10
    python tests/faults/repeat.py --times 10 --row 3 --row 12
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROWS = {
    1: "kill -9 of an actor that generates shards",
    2: "a shard that always kills its actor",
    3: "kill -9 of a search, then run again",
    4: "MLflow's server gone for 30 s",
    5: "MLflow's server gone for good",
    6: "four processes at a new MLflow database",
    7: "a shard cut off anywhere",
    8: "a bit flipped in a shard or manifest",
    9: "a full disk",
    10: "a loss that is no number: some trials, all trials",
    11: "more CPUs or GPUs asked than there are",
    12: "SIGINT, SIGTERM",
    13: "two searches in one folder",
    14: "another time zone, another number of actors",
    15: "a pickle in place of weights, data, Tune's state",
    16: "names such as ../../x",
    17: "token and passwords",
    18: "kill -9 of a trial's worker",
}


class Repeats:
    """A pytest plugin: a row's tests, each that has a `draw` with the draws of ``numbers``, and what came of them."""

    def __init__(self, row: int, numbers: list[int]) -> None:
        self.row, self.numbers = row, numbers
        self.failed: dict[int | None, list[str]] = {}
        self.passed: set[int | None] = set()

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """One test for each repeat; one that leaves nothing to chance runs once."""
        if "draw" in metafunc.fixturenames:
            metafunc.parametrize("draw", self.numbers, ids=[f"draw{n}" for n in self.numbers], indirect=True)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Other rows' tests are left out; by hand, for pytest's ``-k`` also looks at the names of files."""
        items[:] = [item for item in items if f"row_{self.row:02}_" in item.name]

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note how each ended."""
        match = re.search(r"draw(\d+)", report.nodeid)
        number = int(match[1]) if match else None
        if report.failed:
            self.failed.setdefault(number, []).append(report.nodeid.split("::")[-1])
        elif report.when == "call" and report.passed:
            self.passed.add(number)


def repeat(row: int, numbers: list[int]) -> dict[str, Any]:
    """Run a row's tests: which repeats held, and what failed."""
    plugin = Repeats(row, numbers)
    arguments = [str(Path(__file__).parent), "-q", "-p", "no:cacheprovider", "--no-header"]
    if pytest.main(arguments, plugins=[plugin]) == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    held = [number for number in numbers if number in plugin.passed and number not in plugin.failed]
    return {"row": row, "done": numbers, "held": held, "failed": sum(plugin.failed.values(), [])}


def table(found: list[dict[str, Any]]) -> str:
    """The docs' table."""
    lines = ["| row | fault | repeats | held |", "|---|---|---|---|"]
    for row, fault in ROWS.items():
        entries = [entry for entry in found if entry["row"] == row]
        done, held = ({n for entry in entries for n in entry[key]} for key in ("done", "held"))
        if done:
            lines.append(f"| {row} | {fault} | {len(done)} | {len(held)} |")
        lines += [f"|  | failed: {name} | | |" for entry in entries for name in entry["failed"]]
    return "\n".join(lines)


def main() -> int:
    """Repeat what is missing, and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--times", type=int, default=10)
    options.add_argument("--row", type=int, action="append", choices=ROWS, help="default: all")
    options.add_argument("--kept", type=Path, default=Path("runs/faults.jsonl"), help="what was done so far")
    asked = options.parse_args()
    asked.kept.parent.mkdir(parents=True, exist_ok=True)
    found = [json.loads(line) for line in asked.kept.read_text().splitlines()] if asked.kept.exists() else []
    for row in asked.row or ROWS:
        done = {number for entry in found if entry["row"] == row for number in entry["done"]}
        missing = [number for number in range(asked.times) if number not in done]
        if missing:
            found.append(repeat(row, missing))
            with asked.kept.open("a") as file:
                file.write(json.dumps(found[-1]) + "\n")
    print(table(found))
    return int(any(entry["failed"] for entry in found))


if __name__ == "__main__":
    sys.exit(main())
