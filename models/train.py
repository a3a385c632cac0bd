"""The one training loop."""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graft.models.initialise import seeded
from graft.models.losses import LOSS, Batch, Objective, finite, supervised
from graft.models.meeting import hand_over
from graft.models.optimiser import Optimiser
from graft.models.surgery import blocks_of
from graft.models.terms import Weighted, adding
from graft.spaces.errors import InputError
from graft.spaces.plan import Block, Recipe

Callback = Callable[[int, float], None]
Augment = Callable[[Tensor, torch.Generator], Tensor]
"""Other inputs for which the outputs of a batch hold as well."""
Step = Callable[[nn.Module, Batch], Tensor]
"""Leaves in a network the gradients that a batch asks for, and returns the loss."""
WIDEST = 2**23
"""Weights times examples of a step up to which a CPU gains by doing several networks' steps as one."""


@dataclass(frozen=True)
class Training:
    """One training, complete: `train` carries it out.

    Attributes:
        network: A module with ordered blocks, its weights already initialised (and copied); trained in place.
        inputs: (examples, ...), standardised: (examples, inputs), or (examples, tasks, inputs) of several tasks.
            Of any type; read batch by batch and never copied as a whole, so that they may fill the memory.
        outputs: (examples, ...), as the network gives them. None if there is nothing to predict but the inputs.
        recipe: Optimiser, rate, schedule, loss, batch, epochs.
        order: Draws the order of examples, one permutation an epoch, and what ``augment`` draws.
        blocks: Decisions for each block; their rates multiply the recipe's, their pull holds copied weights back.
        loss: What is made small; by default the recipe's loss.
        terms: What is added to that.
        step: How gradients are made where they are not simply those of ``loss`` and ``terms``.
        noise: Seed of what layers draw by themselves (dropout). None: PyTorch's own generator goes on.
        augment: Applied to the inputs of every batch, each time anew.
        precision: A network of the same shape that holds, in the place of each weight, the precision with which a
            block of prior ``fisher`` pulls at it.
    """

    network: nn.Module
    inputs: Tensor
    outputs: Tensor | None
    recipe: Recipe
    order: torch.Generator
    blocks: Sequence[Block] = ()
    loss: Objective | None = None
    terms: Sequence[Weighted] = ()
    step: Step | None = None
    noise: int | None = None
    augment: Augment | None = None
    precision: nn.Module | None = None

    @property
    def fuse_key(self) -> Hashable:
        """What trainings have in common that can be carried out as one; None: nothing, this one is carried out alone.

        Alone are those with gradients or terms of their own, and networks so wide that a CPU gains nothing.
        """
        recipe, device = self.recipe, self.inputs.device.type
        weights = tuple((name, weight.shape, weight.requires_grad) for name, weight in self.network.named_parameters())
        if self.step is not None or self.terms or not gains(self.network, recipe, device):
            return None
        given = [self.inputs] if self.outputs is None else [self.inputs, self.outputs]
        rows = tuple((one.shape, one.dtype, one.device) for one in given)
        # Frozen running statistics stay: one mode for all.
        frozen = [block.rate == 0 for block in self.blocks] if any(True for _ in self.network.buffers()) else []
        learned = recipe.loss if self.loss is None else self.loss
        return (
            str(self.network), weights, rows, learned, recipe.batch, recipe.epochs, recipe.optimiser, tuple(frozen),
        )  # fmt: skip


def gains(network: nn.Module, recipe: Recipe, device: str) -> bool:
    """Whether steps of a network are faster where several such networks take them as one."""
    return device != "cpu" or recipe.batch * sum(weight.numel() for weight in network.parameters()) <= WIDEST


def train(training: Training, on_epoch: Callback | None = None) -> float:
    """Carry out a training.

    Args:
        training: What is trained, on what, and how.
        on_epoch: Called with (epoch from 1, mean loss over the epoch's batches).

    Returns:
        The mean loss over the last epoch's batches.

    Raises:
        NonFiniteLoss: As soon as an epoch's loss is not a finite number.
        InputError: If there are no examples, inputs and outputs differ in length, or precisions are asked for and
            there are none.
    """
    rows = len(training.inputs)
    wanted = rows if training.outputs is None else len(training.outputs)
    if rows == 0 or rows != wanted:
        raise InputError(f"training rows: {rows} inputs, {wanted} outputs; allowed: as many of each, at least one")
    met = hand_over(training) if on_epoch is None else None
    return alone(training, on_epoch) if met is None else met


def alone(training: Training, on_epoch: Callback | None = None) -> float:
    """Carry out a training by itself; arguments as of `train`."""
    loss, network = training.loss or supervised(LOSS[training.recipe.loss]), training.network
    noise = nullcontext() if training.noise is None else seeded(training.noise)
    with noise, still(training), kernels(network), adding(training.terms, network, loss) as objective:
        return _loop(training, training.step or descent(objective), on_epoch)


def _loop(training: Training, step: Step, on_epoch: Callback | None) -> float:
    """Epochs, batches, steps."""
    network, recipe, inputs, outputs = training.network, training.recipe, training.inputs, training.outputs
    grouped = list(groups(network, training.blocks))
    optimisers = [Optimiser(recipe, group.weights, recipe.rate * group.rate) for group in grouped]
    moved = [weight for group in grouped for weight in group.weights]
    held = list(pulls(network, training.blocks, training.precision))
    sizes = batches(len(inputs), recipe.batch, network)
    steps = recipe.epochs * len(sizes)
    done, mean = 0, math.nan
    for epoch in range(1, recipe.epochs + 1):
        order = torch.randperm(len(inputs), generator=training.order).to(inputs.device)
        total = torch.zeros((), device=inputs.device)
        for chosen in order.split(sizes):
            for weight in moved:
                weight.grad = None
            seen = inputs.index_select(0, chosen)
            if training.augment is not None:
                seen = training.augment(seen, training.order)
            loss = step(network, Batch(seen, seen if outputs is None else outputs.index_select(0, chosen)))
            # Straight to the gradients, which is one operation; as part of the loss it would round otherwise.
            for tensor, anchor, strength, precise in held:
                assert tensor.grad is not None
                away = tensor.detach() - anchor
                tensor.grad.add_(away if precise is None else away * precise, alpha=strength)
            factor = schedule(recipe, done, steps)
            for optimiser, group in zip(optimisers, grouped, strict=True):
                if group.moves(done, steps):
                    optimiser.step([weight.grad for weight in group.weights], factor)
            total += loss.detach()
            done += 1
        mean = float(total) / len(sizes)
        finite(total, done)
        if on_epoch is not None:
            on_epoch(epoch, mean)
    return mean


def rested(training: Training) -> list[nn.Module]:
    """Make a network ready to be trained; its frozen blocks, which drop out nothing and keep their statistics."""
    training.network.train()
    frozen = [
        part for part, block in zip(blocks_of(training.network), training.blocks, strict=False) if block.rate == 0
    ]
    for module in frozen:
        module.eval()
    return frozen


@contextmanager
def still(training: Training) -> Iterator[None]:
    """Inside, the network is ready to be trained, and its frozen blocks get no gradients."""
    weights = [weight for module in rested(training) for weight in module.parameters() if weight.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


@contextmanager
def kernels(network: nn.Module) -> Iterator[None]:
    """Inside, PyTorch's own kernels on a CPU, unless a network convolves: for that oneDNN's are the faster ones.

    A GELU of 50 x 96 numbers takes 5 us forth and 7 us back by PyTorch's kernel, 18 and 39 us by oneDNN's, which looks
    up each call anew: a quarter of a step of six such layers.
    """
    convolves = any(isinstance(module, nn.modules.conv._ConvNd) for module in network.modules())
    before = bool(torch.backends.mkldnn.enabled)
    torch.backends.mkldnn.set_flags(before and convolves, _fp32_precision=None)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(before, _fp32_precision=None)  # type: ignore[no-untyped-call]


def descent(objective: Objective) -> Step:
    """The gradients of one number."""

    def step(network: nn.Module, batch: Batch) -> Tensor:
        loss = objective(network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    return step


def schedule(recipe: Recipe, step: int, steps: int) -> float:
    """Factor on the rate at ``step`` of ``steps``: linear warm-up, then cosine to zero or constant."""
    warmup = min(recipe.warmup, steps // 2)
    if step < warmup:
        return (step + 1) / warmup
    if recipe.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def predict(network: nn.Module, inputs: Tensor, batch: int = 4096) -> Tensor:
    """Outputs (examples, outputs) of ``network`` for standardised ``inputs`` (examples, inputs)."""
    network.eval()
    with torch.inference_mode():
        return torch.cat([network(rows) for rows in inputs.split(batch)])


def prepare_process() -> None:
    """One thread, denormals flushed: what every process that trains sets first, so that results agree between them."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def batches(rows: int, batch: int, network: nn.Module) -> list[int]:
    """Sizes of an epoch's batches: as few as ``batch`` examples at most allow, and as equal as they can be.

    A small rest would step as far as a whole batch does, on a much noisier gradient: 450 rows at a batch of 88 err by
    2.52 % with a rest of 10 (the network of Qu et al. 2018 for 8-layer films), at a batch of 90 by 2.05 %. Batch
    normalisation learns nothing from one example, so there each batch has two, if there are two.
    """
    count = -(-rows // batch)
    if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules()):
        count = max(1, min(count, rows // 2))
    size, more = divmod(rows, count)
    return [size + 1] * more + [size] * (count - more)


@dataclass(frozen=True)
class Group:
    """Weights that are trained alike: the factor on their rate, and the share of the steps before their first one."""

    rate: float
    thaw: float
    weights: list[nn.Parameter]

    def moves(self, step: int, steps: int) -> bool:
        """Whether step number ``step`` of ``steps``, from 0, trains them."""
        return step >= self.thaw * steps


def groups(network: nn.Module, blocks: Sequence[Block]) -> Iterator[Group]:
    """The weights that are trained."""
    ours = blocks_of(network)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for number, module in enumerate(ours):
        rate, thaw = (blocks[number].rate, blocks[number].thaw) if blocks else (1.0, 0.0)
        if rate > 0:
            groups.setdefault((rate, thaw), []).extend(module.parameters())
    members = {id(p) for module in ours for p in module.parameters()}
    outside = [p for p in network.parameters() if id(p) not in members]
    if outside:
        groups.setdefault((1.0, 0.0), []).extend(outside)
    if not groups:
        raise InputError("every block is frozen; allowed: at least one block with a rate above 0")
    yield from (Group(*how, weights) for how, weights in groups.items())


def pulls(
    network: nn.Module, blocks: Sequence[Block], precision: nn.Module | None
) -> Iterator[tuple[Tensor, Tensor, float, Tensor | None]]:
    """(parameter, where it started, strength, precision of each weight) for every trained one that is pulled back."""
    fisher = [number for number, block in enumerate(blocks, 1) if block.prior == "fisher"]
    if fisher and precision is None:
        raise InputError(f"block {fisher[0]} has the prior 'fisher'; allowed: 'flat' where no precision is given")
    ours = blocks_of(network)
    held = ours if precision is None else blocks_of(precision)
    for module, precise, block in zip(ours, held, blocks, strict=False):
        if block.pull > 0 and block.rate > 0:
            for parameter, exact in zip(module.parameters(), precise.parameters(), strict=True):
                if parameter.requires_grad:
                    each = exact.detach() if block.prior == "fisher" else None
                    yield parameter, parameter.detach().clone(), block.pull, each
