"""One tiny run for each task and kind, by the command line with one worker: what a new house must leave alone.

    python tests/golden/runs.py run OUT [--tree FOLDER] [--module search]    # carries them out with the code in FOLDER
    python tests/golden/runs.py compare OUT OTHER                            # every number of both, on one machine
    python tests/golden/runs.py keep OUT                                     # renews tests/golden/kept.json

Last bits differ between processors, so on one machine two commits are compared in every number, and what the repository
keeps is compared with a tolerance (`test_golden.py`).
"""

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KEPT = HERE / "kept.json"
RECORDS = ("result.json", "certificate.json", "map.json")
NOT_COMPARED = {"cost", "versions", "study", "seconds", "format"}
"""Keys of what is no result: times, versions, and how a study is written down."""
# Keys as they were called when it was written: they are still read, and older commits know no others.
TRANSFER = """
sources = ["film-4"]
target = "film-3"
rows = { source = 300, pool = 60, locked = 6, validation = 12, test = 50 }
network = { depth = 2, width = 12 }
base = { epochs = 6 }
start = { epochs = 12, batch = 21, activation = "gelu" }
ranges = { epochs = [4, 20], batch = [14, 42], activation = ["gelu"] }
budget = { trainings = 14, seeds = 2, steps = 60, map = 2, curve = 1 }
"""
HOLDOUT = """
sources = ["film-3"]
target = "film-3"
mode = "holdout"
rows = { source = 400, pool = 40, locked = 8, validation = 8, test = 50 }
network = { depth = 1, width = 12 }
base = { epochs = 60, rate = 1e-2, batch = 20 }
start = { epochs = 12, batch = 21, activation = "gelu" }
ranges = { epochs = [4, 20], batch = [14, 42], activation = ["gelu"] }
budget = { trainings = 10, seeds = 2, steps = 60, map = 2, curve = 1 }
"""
SHARING = """
tasks = ["film-2", "film-3", "film-4"]
rows = { pool = 40, locked = 4, validation = 8, test = 20 }
network = { depth = 2, width = 6 }
start = { epochs = 4, batch = 15, warmup = 0 }
ranges = { epochs = [1, 6], batch = [14, 28] }
budget = { trainings = 8, seeds = 2, steps = 20, map = 2 }
"""
LIKELIHOOD = """
sources = ["ising-4x4@4", "glass-4x4-1@4"]
target = "ising-4x4@2.5"
symmetries = "flip"
rows = { source = 3000, pool = 2200, locked = 100, validation = 100, test = 2000 }
network = { width = 8 }
base = { epochs = 2, batch = 100, rate = 1e-2 }
start = { epochs = 1, batch = 200 }
ranges = { epochs = [1, 2], batch = [100, 250] }
budget = { trainings = 8, seeds = 2, steps = 60, map = 2 }
"""
DCL = """
system = "ising-4x4"
larger = "ising-8x8"
temperatures = [2.0, 4.0]
paper_width = 4
choices = { kinds = ["linear", "made"], made = [8], focus = [1], layers = ["8"], rounds = [1], rate = [0.02, 0.03] }
states = { watched = 4000, held = 500, wide = 100, level = 4, reference = 200, student = 300 }

[budget]
trials = 3
seconds = 0.2
rungs = [0.5, 1.0]
kind = 0.2
student = 1
taught = 1
copies = 3
sweeps = 200
"""
STUDIES = {"transfer": TRANSFER, "holdout": HOLDOUT, "sharing": SHARING, "likelihood": LIKELIHOOD, "dcl": DCL}


def carry_out(out: Path, tree: Path, module: str, names: list[str]) -> None:
    """Run, map and verify each study."""
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    environment |= {"PYTHONPATH": str(tree.resolve())}
    for name in names:
        folder = out.resolve() / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mine.toml").write_text(STUDIES[name])
        orders = [["run", "mine.toml", "--workers", "1", "--out", "out", "--json"], ["verify", "out"]]
        if name not in ("dcl",):
            orders.append(["map", "mine.toml", "--workers", "1", "--out", "out", "--json"])
        for order in orders:
            command = [sys.executable, "-P", "-m", module, *order]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{name}: graft {' '.join(order)}: {done.stderr[-2000:]}")
        print(name, "done", flush=True)


def flat(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a record by its place in it, but for what is `NOT_COMPARED`."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if key not in NOT_COMPARED:
                yield from flat(entry, f"{where}/{key}")
    elif isinstance(value, list):
        for place, entry in enumerate(value):
            yield from flat(entry, f"{where}/{place}")
    else:
        yield where, value


def told(folder: Path) -> dict[str, Any]:
    """Every value that a run has recorded."""
    paths = [folder / "out" / name for name in RECORDS]
    return {
        f"{path.stem}{where}": value
        for path in paths
        if path.is_file()
        for where, value in flat(json.loads(path.read_text()))
    }


def kept(values: Mapping[str, Any]) -> dict[str, Any]:
    """What does not hang on last bits: decisions, and mean errors of every arm of the certificate."""
    wanted = ("/decision", "/mean", "/test_examples", "/mode", "/metric")
    return {key: value for key, value in values.items() if key.startswith("certificate/") and key.endswith(wanted)}


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any], tolerance: float = 0.0) -> list[str]:
    """Where two records differ, in words."""
    found = [f"{where} is missing in one" for where in sorted(ours.keys() ^ theirs.keys())]
    for where in sorted(ours.keys() & theirs.keys()):
        one, other = ours[where], theirs[where]
        numbers = isinstance(one, float | int) and isinstance(other, float | int)
        if one != other and not (numbers and math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)):
            found.append(f"{where}: {one!r} and {other!r}")
    return found


def main() -> None:
    """Carry out, compare or keep."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=("run", "compare", "keep"))
    options.add_argument("out", type=Path)
    options.add_argument("other", type=Path, nargs="?")
    options.add_argument("--tree", type=Path, default=HERE.parents[1])
    options.add_argument("--module", default="graft")
    options.add_argument("--only", default=",".join(STUDIES))
    asked = options.parse_args()
    names = asked.only.split(",")
    if asked.what == "run":
        carry_out(asked.out, asked.tree, asked.module, names)
    elif asked.what == "compare":
        wrong = {name: differences(told(asked.out / name), told(asked.other / name)) for name in names}
        for name, found in wrong.items():
            print(f"{name}: {len(told(asked.out / name))} values, {len(found)} differ", *found[:20], sep="\n  ")
        sys.exit(any(wrong.values()))
    else:
        renewed = {name: kept(told(asked.out / name)) for name in names}
        KEPT.write_text(json.dumps(json.loads(KEPT.read_text()) | renewed, indent=0) + "\n")


if __name__ == "__main__":
    main()
