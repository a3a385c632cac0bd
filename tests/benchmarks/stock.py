"""The whole of `graft run film10-film8` as a careful user writes it with stock tools, to hold graft's time against.

Ray Tune with OptunaSearch and ASHA, `nn.Sequential`, PyTorch's AdamW, a pool of processes, SciPy's t-test. From graft
come only the study's numbers (sizes, ranges, trainings, seeds) and the films, row for row those of graft's own run.
Careful: Tune's actors are reused and need not write logs, a trial reports seed by seed so that ASHA can stop it, the
searches start from the study's recipe, threads are pinned, and a gain counts only if the plan beats direct learning,
direct learning with the plan's recipe, and its own weights shuffled, on seeds and films that no search has seen.

    python -P tests/benchmarks/stock.py                      # beside it, as quiet: time graft run film10-film8
    python -P tests/benchmarks/stock.py --set budget.trainings=3 --set rows.source=300       # any size of the study
"""

import time

BEGAN = time.perf_counter()

import argparse  # noqa: E402
import os  # noqa: E402
import tempfile  # noqa: E402
from concurrent.futures import ProcessPoolExecutor  # noqa: E402
from functools import partial  # noqa: E402
from multiprocessing import get_context  # noqa: E402

os.environ |= {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
}

import numpy as np  # noqa: E402
import ray  # noqa: E402
import torch  # noqa: E402
from ray import tune  # noqa: E402
from ray.tune.search.optuna import OptunaSearch  # noqa: E402
from scipy import stats  # noqa: E402
from torch import nn  # noqa: E402

from graft.search.run.seeds import Role, entropy  # noqa: E402
from graft.search.study import resolve, setting  # noqa: E402
from graft.simulators.registry import find  # noqa: E402

ACTIVATION = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}
ARMS = ("direct", "direct, same recipe", "weights shuffled", "transfer")
START = {"rate": 8e-3, "decay": 0.25}
"""What AdamW, with which this script trains, was found by hand to want where the study's own optimiser is another."""
FRESH = {"cut_a": 0, "cut_b": 0, "mode": "fine-tune", "copied_rate": 1.0, "fresh_rate": 1.0, "copied_scale": 1.0}


def films(name, role, rows, study):
    """Thicknesses (rows, layers) and spectra (rows, wavelengths); up to 10,000 rows lie in graft's first shard."""
    drawn = find(name).draw(rows, np.random.default_rng([*entropy(study.seed, role), 0]))
    return [torch.from_numpy(drawn[column]).float() for column in find(name).schema.names]


def relative_l1(found, exact):
    return ((found - exact) / exact).abs().mean()


def train(plan, study, rows, seed, base=None, shuffled=False):
    """A network trained on (inputs, outputs), and the error that it makes of other such rows."""
    torch.manual_seed(seed)
    x, y = rows
    mean, deviation = x.mean(0), x.std(0)
    widths = [x.shape[1], *[study.network.width] * study.network.depth]
    pairs = zip(widths[:-1], widths[1:], strict=True)
    hidden = [nn.Sequential(nn.Linear(*pair), ACTIVATION[plan["activation"]]()) for pair in pairs]
    network = nn.Sequential(*hidden, nn.Sequential(nn.Linear(widths[-1], y.shape[1])))
    cuts, groups = sorted((plan["cut_a"], plan["cut_b"])), []
    for number, block in enumerate(network):
        with torch.no_grad():
            block[0].weight *= plan["initial_scale"]
            copied = base is not None and cuts[0] <= number < cuts[1]
            for mine, theirs in zip(block.parameters(), base[number].parameters(), strict=True) if copied else ():
                theirs = theirs[:, : mine.shape[1]] if mine.dim() == 2 else theirs  # films differ in inputs
                order = torch.randperm(theirs.numel()) if shuffled else torch.arange(theirs.numel())
                mine.copy_(plan["copied_scale"] * theirs.flatten()[order].view_as(theirs))
        frozen = copied and plan["mode"] == "freeze" and cuts != [0, len(network)]
        factor = plan["copied_rate"] if copied else plan["fresh_rate"]
        if not frozen:
            groups.append({"params": [*block.parameters()], "lr": factor * plan["rate"]})
    optimiser = torch.optim.AdamW(groups, weight_decay=plan["decay"], fused=True)
    batches = -(-len(x) // plan["batch"])
    steps = plan["epochs"] * batches
    warmup = min(study.start.warmup, steps // 2)
    parts = [
        torch.optim.lr_scheduler.LinearLR(optimiser, 1 / max(1, warmup), total_iters=warmup),
        torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps - warmup),
    ]
    schedule = torch.optim.lr_scheduler.SequentialLR(optimiser, parts, [warmup])
    inputs = (x - mean) / deviation
    for _ in range(plan["epochs"]):
        for chosen in torch.randperm(len(x)).split(plan["batch"]):
            optimiser.zero_grad()
            relative_l1(network(inputs[chosen]), y[chosen]).backward()
            optimiser.step()
            schedule.step()

    def error(others):
        with torch.inference_mode():
            found = float(relative_l1(network((others[0] - mean) / deviation), others[1]))
        return found if np.isfinite(found) else 10.0

    return network, error


def recipe(trial, study, best=None):
    """What both searches draw; of the plans, the activation is that of the best direct recipe."""
    drawn = {one: trial.suggest_float(one, *getattr(study.ranges, one), log=True) for one in ("rate", "initial_scale")}
    drawn["decay"] = trial.suggest_float("decay", *study.ranges.decay)
    drawn |= {name: trial.suggest_int(name, *getattr(study.ranges, name), log=True) for name in ("batch", "epochs")}
    choices = study.ranges.activation if best is None else (best["activation"],)
    activation = trial.suggest_categorical("activation", choices)
    batches = -(-study.rows.training // drawn["batch"])
    return {**FRESH, "activation": activation, "epochs": min(drawn["epochs"], study.budget.steps // batches)}


def span(trial, study, best):
    """A recipe and what to copy: between two cuts, 0 before the first block."""
    for name in ("cut_a", "cut_b"):
        trial.suggest_int(name, 0, study.blocks)
    trial.suggest_categorical("mode", ("fine-tune", "freeze"))
    for name in ("copied_rate", "fresh_rate", "copied_scale"):
        trial.suggest_float(name, *getattr(study.ranges, name), log=True)
    return {key: value for key, value in recipe(trial, study, best).items() if key not in FRESH}


class Spent(tune.Stopper):
    """Ends a search when so many trainings were reported."""

    def __init__(self, trainings):
        self.left = trainings

    def __call__(self, trial_id, result):
        self.left -= 1
        return False

    def stop_all(self):
        return self.left <= 0


def seed_by_seed(plan, study, pool, base):
    """A trial of Tune."""
    torch.set_num_threads(1)
    errors = []
    for seed in range(study.budget.seeds):
        order = np.random.default_rng(seed).permutation(study.unlocked)
        held, kept = order[: study.rows.validation], order[study.rows.validation :]
        errors.append(train(plan, study, [part[kept] for part in pool], seed, base)[1]([part[held] for part in pool]))
        tune.report({"error": float(np.mean(errors))})


def searched(name, trainings, space, guesses, study, pool, folder, base=None):
    """The best plan (where there is a source network: that copies) of those with most seeds, and how many trainings."""
    spent = Spent(trainings)
    tuner = tune.Tuner(
        tune.with_parameters(seed_by_seed, study=study, pool=pool, base=base),
        tune_config=tune.TuneConfig(
            num_samples=-1,
            search_alg=OptunaSearch(space, metric="error", mode="min", points_to_evaluate=guesses, seed=study.seed),
            scheduler=tune.schedulers.ASHAScheduler(
                metric="error", mode="min", max_t=study.budget.seeds, grace_period=1, reduction_factor=3
            ),
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(name=name, storage_path=folder, verbose=0, stop=spent),
    )
    found = [one for one in tuner.fit() if one.metrics and "error" in one.metrics]
    if base is not None:
        found = [one for one in found if one.config["cut_a"] != one.config["cut_b"]]
    most = max(one.metrics["training_iteration"] for one in found)
    whole = [one for one in found if one.metrics["training_iteration"] == most]
    best = min(whole, key=lambda one: one.metrics["error"])
    return best.config, trainings - spent.left


def begin(*given):
    """Hand a process of the pool what all its trainings share."""
    torch.set_num_threads(1)
    global SHARED
    SHARED = given


def confirmed(job):
    """The error of one arm with one seed on films that no search has seen."""
    arm, seed = job
    study, pool, test, base, direct, best = SHARED
    order = np.random.default_rng(seed).permutation(study.unlocked)[study.rows.validation :]
    plan = direct if arm == "direct" else best | (FRESH if arm == "direct, same recipe" else {})
    return train(plan, study, [part[order] for part in pool], seed, base, arm == "weights shuffled")[1](test)


def main(settings):
    """Search, confirm, tell."""
    study = resolve("film10-film8", "demo", settings)
    budget, seeds = study.budget, study.proof.seeds
    (source,) = study.sources
    pool = [part[: study.unlocked] for part in films(study.target, Role.POOL, study.rows.pool, study)]
    test = films(study.target, Role.TEST, study.rows.test, study)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    with tempfile.TemporaryDirectory() as folder:
        guesses = [study.ranges.guess(study.start) | START | {"activation": one} for one in study.ranges.activation]
        direct, spent = searched(
            "direct", budget.rival * budget.trainings, partial(recipe, study=study), guesses, study, pool, folder
        )
        told = {name: getattr(study.source_training, name) for name in ("rate", "decay", "batch", "epochs")}
        how = {**FRESH, **told, "initial_scale": 1.0, "activation": direct["activation"]}
        base, _ = train(how, study, films(source, Role.SOURCE, study.rows.source, study), study.seed)
        known = {name: direct[name] for name in ("rate", "decay", "batch", "epochs", "initial_scale", "activation")}
        known["epochs"] = max(known["epochs"], study.ranges.epochs[0])
        guesses = [known | FRESH | {"cut_b": last} for last in (study.blocks, study.blocks - 1)]
        best, more = searched(
            "spans", budget.trainings, partial(span, study=study, best=direct), guesses, study, pool, folder, base
        )
    ray.shutdown()
    jobs = [(arm, 1000 + seed) for seed in range(seeds) for arm in ARMS]
    with ProcessPoolExecutor(2, get_context("spawn"), begin, (study, pool, test, base, direct, best)) as processes:
        errors = dict(zip(jobs, processes.map(confirmed, jobs), strict=True))
    found = {arm: np.array([error for (one, _), error in errors.items() if one == arm]) for arm in ARMS}
    transfer = np.log(found["transfer"])
    margins = dict(zip(ARMS, (study.proof.margin, study.proof.margin, 0.0), strict=False))
    p = {arm: stats.ttest_1samp(np.log(found[arm]) + np.log1p(-margin) - transfer, 0, alternative="greater").pvalue
         for arm, margin in margins.items()}  # fmt: skip
    gain = 1 - np.exp(np.mean(transfer - np.log(found["direct"])))
    cuts = sorted((best["cut_a"], best["cut_b"]))
    certified = cuts[0] < cuts[1] and max(p.values()) <= study.proof.alpha
    for arm, values in found.items():
        print(f"{arm}: {100 * values.mean():.2f} %" + (f", p = {p[arm]:.2g}" if arm in p else ""))
    print(f"blocks copied: {f'{cuts[0] + 1} to {cuts[1]}' if cuts[0] < cuts[1] else 'none'}, {best['mode']}")
    print(f"gain {100 * gain:.0f} % on {seeds} seeds: {'transfer' if certified else 'not certified'}")
    print(f"trainings: {spent} direct, 1 source network, {more} spans, {len(jobs)} to confirm")
    print(f"wall time: {time.perf_counter() - BEGAN:.1f} s")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of `graft run`")
    main(dict(setting(one) for one in asked.parse_args().set))
