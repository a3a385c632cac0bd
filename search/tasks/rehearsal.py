"""A network of a user's own, tried in full before anything is written: built, drawn, trained, saved, opened again."""

from dataclasses import replace

import numpy as np

from graft.models.train import train
from graft.search.run.seeds import Draws, Role
from graft.search.tasks.base import Examples, Task
from graft.spaces.errors import InputError
from graft.spaces.plan import Plan

ROWS = 8


def rehearse(task: Task, name: str) -> None:
    """Refuse a network that cannot be trained, or is another one once it was saved and opened.

    Args:
        task: Builds it.
        name: What the user calls it by.

    Raises:
        InputError: With what was raised, and by which step.
    """
    examples = Examples(*(part.numpy() for part in task.any_rows(ROWS)))
    recipe = replace(task.study.start, epochs=1, batch=ROWS, warmup=0)
    step = "drawn"
    try:
        training, fitted = task.to_train(Plan(recipe), examples, Draws.of(0, Role.BASELINE, 0), {})
        step = "trained"
        train(training)
        step = "asked"
        found = task.predict(fitted, examples.tensors()[0])
        step = "saved"
        data = task.pack(fitted)
        step = "opened again"
        again = task.predict(task.unpack(data), examples.tensors()[0])
    except Exception as problem:  # whatever a user's module raises
        said = " ".join(str(problem).split())
        raise InputError(
            f"network {name} cannot be {step}: {type(problem).__name__}: {said}; allowed: a network that can be drawn, "
            "trained, saved and opened"
        ) from problem
    if not np.allclose(found, again, rtol=1e-4, atol=1e-6, equal_nan=True):
        raise InputError(
            f"network {name} predicts otherwise once it was saved and opened again; allowed: one whose parameters and "
            "buffers are all that it is"
        )
