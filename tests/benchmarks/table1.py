"""Patterns of sharing beside direct learning, at the paper's scale: one recipe, one seed or more, nothing searched.

Run as ``python tests/benchmarks/table1.py [SEEDS]``; about five minutes of one core for each seed.
"""

import sys

import numpy as np

from graft.models.networks.network import Network
from graft.models.train import prepare_process
from graft.search.run.seeds import Role
from graft.search.tasks.base import Examples, Phase, Request, fit
from graft.search.tasks.joint import SharedTask, SharedTraining, learn
from graft.search.tasks.regression import Alone, Regression
from graft.simulators.registry import find
from graft.spaces.plan import Plan, Recipe
from graft.spaces.sharing import Sharing, weights

TASKS = ("film-8", "film-10", "film-12", "film-14")
RECIPE = Recipe(rate=8e-3, decay=0.25, batch=100, epochs=800, activation="gelu")
WEIGHED = {"weighting": "fixed", "weights": weights(dict(zip(TASKS, (1.93, 4.37, 9.09, 17.5), strict=True)), 1.0)}
PLANS = {
    "everything, told, weighed": Sharing.ends(RECIPE, TASKS, 7, 7, one_hot=True, **WEIGHED),
    "first 2 and last 2, told, weighed": Sharing.ends(RECIPE, TASKS, 7, 2, 2, one_hot=True, **WEIGHED),
    "first 2 (the paper's)": Sharing.ends(RECIPE, TASKS, 7, 2),
    "everything, not told": Sharing.ends(RECIPE, TASKS, 7, 7),
}


def draw(task: str, rows: int, purpose: int) -> Examples:
    simulator = find(task)
    drawn = simulator.draw(rows, np.random.default_rng([purpose, len(task), simulator.inputs]))
    names = {field.metadata[b"role"].decode(): field.name for field in simulator.schema}
    return Examples(drawn[names["input"]].astype(np.float32), drawn[names["output"]].astype(np.float32))


def main(seeds: int) -> None:
    prepare_process()
    pools = {task: draw(task, 450, 1) for task in TASKS}
    tests = {task: draw(task, 2000, 2) for task in TASKS}
    learned = {task: Regression(Alone(task, 0, Network(), RECIPE)) for task in TASKS}
    together = SharedTask(0, Role.REGRET, learned, pools, 50, tests)
    alone = {task: Phase(learned[task], 0, Role.REGRET, pools[task], 50, {}, tests[task]) for task in TASKS}
    print("seed  " + f"{'':36}" + "".join(f"{task:>10}" for task in TASKS), flush=True)
    for seed in range(seeds):
        direct = {task: fit(alone[task], Request(Plan(RECIPE), seed))[1].value for task in TASKS}
        print(f"{seed:4}  {'direct':36}" + "".join(f"{direct[task]:10.2%}" for task in TASKS), flush=True)
        for name, plan in PLANS.items():
            found = learn(together, SharedTraining(plan, seed)).errors
            changes = "".join(f"{found[t]:10.2%}" for t in TASKS)
            changes += "   " + " / ".join(f"{found[t] / direct[t] - 1:+.0%}" for t in TASKS)
            print(f"{seed:4}  {name:36}{changes}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
