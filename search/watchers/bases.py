"""Sequence models trained once on plenty of states, then only read."""

from numpy.typing import NDArray

from models.mlp import fresh
from models.sequence.chain import Autoregressive
from models.sequence.shape import SequenceShape
from models.shaped import pack
from models.train import prepare_process
from search.dcl.watcher import group, learn_from
from search.seeds import Draws, Role
from search.transfer.bases import HELD, Base
from search.transfer.objective import Examples
from search.watchers.objective import WatcherTask, exactly, missed, nats
from spaces.plan import Recipe

START = Recipe(rate=1e-2, batch=100, epochs=30)
"""Of the linear-logistic baseline. On 8,000 states of a glass more epochs, slower ones and decay came within 5 %."""


def train_base(
    name: str, system: str, states: Examples, shape: SequenceShape, recipe: Recipe, seed: int, symmetries: str
) -> Base:
    """Train a base network: 80 % of the states train it, 10 % judge it, 10 % stay unused, as in a transfer study.

    Args:
        name: What plans call it.
        system: What was watched.
        states: Index (states, sites).
        shape: Of the network.
        recipe: How it is trained.
        seed: The study's.
        symmetries: Under which batches are shown.

    Raises:
        NonFiniteLoss: If training diverges.
    """
    prepare_process()
    draws = Draws.of(seed, Role.BASE, 0)
    held = max(1, int(HELD * len(states)))
    learned, judged = draws.rows(len(states) - held, held)
    model = shape.build()
    fresh(model, recipe.initial_scale, draws.weights)
    learn_from(model, states.inputs[learned], recipe, draws, group(symmetries, shape.shape, shape.q))
    kept = states.inputs[judged]
    return Base(name, pack(model, shape), missed(model, Examples(kept, exactly(system, kept))), recipe)


def linear(task: WatcherTask, index: int) -> tuple[Autoregressive, NDArray]:
    """Train the linear-logistic baseline on what seed ``index`` of a task may learn from.

    Returns:
        The model, and the numbers of the validation rows.
    """
    prepare_process()
    draws = Draws.of(task.seed, task.role, index)
    learned, held = draws.rows(len(task.pool), task.validation)
    model = SequenceShape("linear", task.shape.shape, task.shape.q, task.shape.order).build()
    learn_from(model, task.pool.inputs[learned], START, draws, task.group)
    return model, held


def reference(task: WatcherTask) -> float:
    """Nats a state of the linear-logistic baseline on validation rows, in terms of which the searches report."""
    model, held = linear(task, 0)
    return nats(model, task.pool.inputs[held])
