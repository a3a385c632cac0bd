"""Roughly how long trainings take: a few steps, measured on this machine."""

import math
import time

import torch

from graft.models.train import Training, train
from graft.search.run.seeds import torch_stream
from graft.search.tasks.base import Task
from graft.spaces.plan import Recipe

STEPS = 40
AROUND = 20.0
"""Seconds for all of a run that is no training: starting Ray, simulating, figures, MLflow."""


def seconds_per_step(task: Task, recipe: Recipe) -> float:
    """Time of one optimiser step of a task's network on one thread of this machine."""
    inputs, outputs = task.any_rows(recipe.batch * STEPS)
    network = task.network(recipe, inputs.shape[1:], outputs.shape[1:])
    generator = torch_stream(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        took = []
        for epochs in (1, 1):
            began = time.perf_counter()
            train(
                Training(
                    network,
                    inputs,
                    outputs if outputs.shape[-1] else None,
                    Recipe(1e-6, batch=recipe.batch, epochs=epochs, loss=recipe.loss, optimiser=recipe.optimiser),
                    generator,
                    loss=task.loss(),
                    augment=task.augment(),
                )
            )
            took.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(threads)
    return took[-1] / STEPS


def seconds_per_training(task: Task, recipe: Recipe, rows: int) -> float:
    """Time of one training on that many rows."""
    return seconds_per_step(task, recipe) * recipe.epochs * math.ceil(rows / recipe.batch)
