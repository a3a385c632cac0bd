"""How many rows are taken for repeats, by chance and rightly: ``python tests/benchmarks/repeats_found.py``.

Seconds; nothing is kept.
"""

import numpy as np

from graft.search.tasks.grouping import repeats


def main() -> None:
    """Print both tables."""
    rng = np.random.default_rng(1)
    print("| rows | columns | tied by chance, uniform | normal |\n|---|---|---|---|")
    for rows in (50, 100, 300, 1000):
        for columns in (1, 2, 3, 5):
            shares = [
                np.mean([sum(map(len, repeats(draw((rows, columns))))) / rows for _ in range(10)])
                for draw in (rng.random, lambda size: rng.normal(size=size))
            ]
            print(f"| {rows} | {columns} | {shares[0]:.2%} | {shares[1]:.2%} |")
    print("\n| noise, of the spread | columns | samples found of 25 measured four times |\n|---|---|---|")
    for noise in (1e-3, 5e-3, 1e-2):
        for columns in (1, 2, 3, 6, 50):
            inputs = np.repeat(rng.random((25, columns)), 4, 0)
            inputs += noise * rng.normal(size=inputs.shape) * inputs.std(0)
            print(f"| {noise:.1%} | {columns} | {sum(len(group) == 4 for group in repeats(inputs))} |")


if __name__ == "__main__":
    main()
