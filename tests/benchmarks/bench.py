"""What graft is as fast as: every figure a ratio to its peer or limit, measured in the same run, on one thread.

    make bench                                                          # all of them, held against bench.json
    python tests/benchmarks/bench.py --only film --only step/6          # by the beginning of their names
    python tests/benchmarks/bench.py --json tests/benchmarks/bench.json # renews what later runs are held against

Each figure is the median of several rounds in which both take turns. Times are processor time: others may use the
machine. With ``--against FILE`` a ratio that is a third lower than there ends with exit code 1. A peer that is not
installed is said (`pip install -e ".[bench]"` brings them all).
"""

import os

if __name__ == "__main__":  # before what starts threads is imported
    os.environ |= {f"{pool}_NUM_THREADS": "1" for pool in ("OMP", "MKL", "OPENBLAS", "NUMBA")}

import argparse  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Mapping, Sequence  # noqa: E402
from importlib.metadata import PackageNotFoundError, version  # noqa: E402
from pathlib import Path  # noqa: E402

import torch  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
from figures import films, screens, sequences, shards, spheres, spins, starts, steps  # noqa: E402
from figures.beside import Figure, Measured, measure  # noqa: E402

from graft.spaces.errors import InputError, unknown  # noqa: E402

FIGURES = tuple(
    figure for part in (films, spheres, screens, spins, steps, sequences, shards, starts) for figure in part.FIGURES
)
WORSE = 2 / 3
"""Of the ratio that is on record, below which a figure has become worse."""
PACKAGES = ("torch", "numpy", "numba", "pyarrow", "tmm", "tmm-fast", "scattnlay", "miepython", "pyturb")
HEAD = "| figure | graft | peer, in the same run | ratio (lowest to highest round) | goal |\n|---|---|---|---|---|"


def chosen(beginnings: Sequence[str]) -> list[Figure]:
    """Those figures whose names begin so; all if nothing is asked for.

    Raises:
        InputError: If none does.
    """
    for one in beginnings:
        if not any(figure.name.startswith(one) for figure in FIGURES):
            raise unknown("figure", one, [figure.name for figure in FIGURES])
    return [figure for figure in FIGURES if figure.name.startswith(tuple(beginnings) or "")]


def row(figure: Figure, found: Measured) -> str:
    """A line of the table."""
    gap = "" if found.gap is None else f", {found.gap:.0e} apart"
    ends = f"{rounded(found.ratios[0])} to {rounded(found.ratios[-1])}"
    goal = f"{figure.goal:g}" + ("" if found.ratio >= figure.goal else ", missed")
    speeds = [f"{rounded(speed)} {figure.unit}/s" for speed in (found.ours, found.theirs)]
    return (
        f"| {figure.name} | {speeds[0]} | {figure.peer}: {speeds[1]}{gap} | {rounded(found.ratio)} ({ends}) | {goal} |"
    )


def rounded(value: float) -> str:
    """Three digits, thousands apart."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def worse(ratios: Mapping[str, float], before: Mapping[str, float]) -> list[str]:
    """A line for each figure whose ratio is a third lower than before."""
    return [
        f"{name}: {rounded(ratio)}, on record {rounded(before[name])}"
        for name, ratio in ratios.items()
        if name in before and ratio < WORSE * before[name]
    ]


def record(found: Mapping[str, tuple[Figure, Measured]], rounds: int, seconds: float) -> dict[str, object]:
    """What is kept, with what it was measured with."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        "rounds": rounds,
        "seconds": seconds,
        "versions": versions,
        "figures": {
            name: {
                "ratio": float(f"{one.ratio:.4g}"),
                "rounds": [float(f"{ratio:.4g}") for ratio in one.ratios],
                "graft": float(f"{one.ours:.4g}"),
                "peer": float(f"{one.theirs:.4g}"),
                "unit": f"{figure.unit}/s",
                "goal": figure.goal,
            }
            for name, (figure, one) in found.items()
        },
    }


def main(words: Sequence[str] | None = None) -> int:
    """Print the table; 0, or 1 if a figure became worse."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", action="append", default=[], metavar="NAME", help="the beginning of a figure's name")
    options.add_argument("--against", type=Path, metavar="FILE", help="a record of an earlier run")
    options.add_argument("--json", type=Path, metavar="FILE", help="where this one is recorded")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=0.3, help="of a round, for each of the two, at least")
    asked = options.parse_args(words)
    try:
        figures = chosen(asked.only)
    except InputError as problem:
        options.error(str(problem))
    kept = json.loads(asked.against.read_text())["figures"] if asked.against else {}
    found = {}
    print(HEAD, flush=True)
    for figure in figures:
        if figure.possible:
            measured = measure(figure, asked.rounds, asked.seconds)
            found[figure.name] = (figure, measured)
            print(row(figure, measured), flush=True)
        else:
            print(
                f"| {figure.name} | not measured | {figure.package} is not installed | | {figure.goal:g} |", flush=True
            )
    if asked.json:
        asked.json.write_text(json.dumps(record(found, asked.rounds, asked.seconds), indent=1) + "\n")
    ratios = {name: one.ratio for name, (_, one) in found.items()}
    lines = worse(ratios, {name: one["ratio"] for name, one in kept.items()})
    print("\n".join(["", "A third worse than on record:", *lines] if lines else []))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
