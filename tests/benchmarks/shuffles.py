"""How much do shuffles of the others' labels differ, beside seeds? A two-way analysis of variance of tiny studies.

    python -P tests/benchmarks/shuffles.py OUT

Of each study the first task is learned beside others whose labels are shuffled in `SHUFFLES` ways, each on the same
`SEEDS` seeds. What is done stays in OUT, and another call goes on with the rest.
"""

import json
import sys
from pathlib import Path

import numpy as np

from graft.search.run.seeds import Role, stream
from graft.search.study import resolve
from graft.search.tasks.joint import SharedTask, SharedTraining, learn
from graft.spaces.plan import Recipe
from graft.spaces.sharing import Sharing

SHUFFLES, SEEDS, STUDIES, TEST = 8, 6, 3, 1000
CASES = {
    "two films": {"tasks": ["film-4", "film-5"], "rows": 60, "width": 32, "epochs": 40, "ends": (2, 1)},
    "three films": {"tasks": ["film-4", "film-5", "film-6"], "rows": 60, "width": 32, "epochs": 40, "ends": (2, 0)},
    "few rows": {"tasks": ["film-6", "film-8"], "rows": 30, "width": 48, "epochs": 60, "ends": (3, 0)},
}
DEPTH = 2


def measured(case: dict, seed: int) -> list[list[float]]:
    """Logarithms of the first task's error, by shuffle and seed."""
    tasks, rows = case["tasks"], case["rows"]
    shape = {"network.depth": DEPTH, "network.width": case["width"], "seed": seed, "tasks": tasks}
    study = resolve("films-8-10-12-14", "demo", shape)
    alone = {name: study.alone(name) for name in tasks}
    drawn = {
        role: {
            name: task.sample(name, n, stream(seed, role, place)) for place, (name, task) in enumerate(alone.items())
        }
        for role, n in ((Role.POOL, rows), (Role.TEST, TEST))
    }
    recipe = Recipe(rate=8e-3, decay=0.1, batch=30, epochs=case["epochs"], activation="gelu", head="constant")
    plan = Sharing.ends(recipe, tasks, DEPTH + 1, *case["ends"], one_hot=True)
    together = SharedTask(seed, Role.CONFIRMATION, alone, drawn[Role.POOL], max(5, rows // 5), drawn[Role.TEST])
    return [
        [float(np.log(learn(together, SharedTraining(plan, i, tasks[0], k)).errors[tasks[0]])) for i in range(SEEDS)]
        for k in range(1, SHUFFLES + 1)
    ]


def told(logs: np.ndarray) -> str:
    """Deviation between shuffles and of seeds within them, with the F statistic of shuffles."""
    beyond = logs - logs.mean(0)
    rest = beyond - beyond.mean(1, keepdims=True)
    between = SEEDS * float(np.square(beyond.mean(1)).sum()) / (SHUFFLES - 1)
    within = float(np.square(rest).sum()) / ((SHUFFLES - 1) * (SEEDS - 1))
    differ = max(between - within, 0.0) / SEEDS
    return f"shuffles differ by {differ**0.5:.3f}, seeds by {within**0.5:.3f}, F = {between / within:.2f}"


def main(out: Path) -> None:
    """Measure what is missing, and tell all."""
    out.mkdir(parents=True, exist_ok=True)
    for name, case in CASES.items():
        for seed in range(STUDIES):
            file = out / f"{name.replace(' ', '-')}-{seed}.json"
            if not file.exists():
                file.write_text(json.dumps(measured(case, seed)))
            print(f"{name}, study {seed}: {told(np.array(json.loads(file.read_text())))}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
