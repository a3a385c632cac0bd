"""What a linear part or whitened inputs do: ``python tests/benchmarks/linear_parts.py OUT.jsonl TABLE OUTPUT``.

Five-fold cross-validation of the rows of a table by networks of six hidden layers of 200: as they are, beside a ridge
regression that stays as it is (`LinearPart`) or is trained further, with inputs whitened (eigenvalues of the
covariance raised by a share of the largest), with both. What is on record is not trained again.
"""

import argparse
import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graft.models.initialise import initialise
from graft.models.losses import METRICS
from graft.models.networks.mlp import MLP
from graft.models.regressors import FOLDS, folds
from graft.models.scaling import Scaling
from graft.models.train import Training, predict, prepare_process, train
from graft.search.tasks.grouping import numbered, repeats
from graft.simulators.data.table import read
from graft.spaces.plan import Recipe


@dataclass(frozen=True)
class Variant:
    """A network: its linear part (``none``, ``kept``, ``trained``, ``alone``), and how far inputs are whitened."""

    part: str
    share: float | None = None


VARIANTS = [Variant(part) for part in ("alone", "none", "kept", "trained")]
VARIANTS += [Variant("none", share) for share in (1e-8, 1e-7, 1e-6, 1e-5, 1e-4)]
RATES, EPOCHS, BATCH = (3e-4, 1e-3, 5e-3), 200, 30


def whitening(rows: Tensor, share: float) -> Tensor:
    """The symmetric map that gives rows (examples, inputs) equal variances in all directions, nearly."""
    values, vectors = torch.linalg.eigh(rows.double().T @ rows.double() / len(rows))
    found = vectors @ torch.diag((values.clamp(min=0) + share * values[-1]).rsqrt()) @ vectors.T
    return (found / (rows.double() @ found).var(0, unbiased=False).mean().sqrt()).float()


def fold(inputs: np.ndarray, outputs: np.ndarray, judged: np.ndarray, variant: Variant, rate: float) -> np.ndarray:
    """Deviations on the rows judged, of a network that learned from the others."""
    x, y, asked = (torch.tensor(part) for part in (inputs[~judged], outputs[~judged], inputs[judged]))
    scaling = Scaling.of(x)
    x, asked = scaling(x), scaling(asked)
    if variant.share is not None:
        mixed = whitening(x, variant.share)
        x, asked = x @ mixed, asked @ mixed
    network = MLP(x.shape[1], y.shape[1], 6, 200, "gelu", linear=variant.part != "none")
    recipe = Recipe(rate=rate, epochs=EPOCHS, batch=BATCH, head="constant")
    initialise(network, recipe, torch.Generator().manual_seed(0), x, y)
    if variant.part == "trained":
        network.requires_grad_(True)
    if variant.part != "alone":
        train(Training(network, x, y, recipe, torch.Generator().manual_seed(1)))
    return METRICS["relative-l1"].deviations(predict(network, asked).numpy(), outputs[judged])


def error(inputs: np.ndarray, outputs: np.ndarray, groups: np.ndarray, variant: Variant, rate: float) -> float:
    """The mean deviation, each row judged by a network that did not learn from it or from its repeats."""
    parts = folds(groups)
    off = [fold(inputs, outputs, parts == part, variant, rate) for part in range(FOLDS)]
    return float(np.concatenate(off).mean())


def main() -> None:
    """Carry out what is missing and print all."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("out", type=Path)
    options.add_argument("table", type=Path)
    options.add_argument("output")
    asked = options.parse_args()
    prepare_process()
    found = read(asked.table, [asked.output])
    order = np.random.default_rng(0).permutation(len(found.inputs))
    groups = numbered(len(order), repeats(found.inputs))[order]
    inputs, outputs = (part[order].astype(np.float32) for part in (found.inputs, found.outputs))
    asked.out.touch()
    done = dict(map(json.loads, asked.out.read_text().splitlines()))
    for variant, rate in product(VARIANTS, RATES):
        name = f"{variant.part}, whitened {variant.share}, rate {rate:g}"
        if name not in done:
            done[name] = error(inputs, outputs, groups, variant, rate)
            with asked.out.open("a") as file:
                file.write(json.dumps([name, done[name]]) + "\n")
        print(f"{name}: {done[name]:.2%}", flush=True)


if __name__ == "__main__":
    main()
