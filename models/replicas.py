"""Many trainings of one architecture in one step: their weights are stacked, and every operation is done for all.

What a step of a small network costs is the calling of its operations; stacked, they are called once for all networks. A
network may say itself how stacked ones are asked (`graft.models.networks.mlp.MLP.stacked`); any other goes through
`torch.func.vmap`, which knows most modules. One that it does not know, or whose stacked step gives other losses or
gradients than each network's own (dropout, say, which would draw other numbers), trains one by one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from graft.models.losses import LOSS, Batch, NonFiniteLoss, Objective, finite, supervised
from graft.models.meeting import Outcome
from graft.models.optimiser import Optimiser
from graft.models.train import Group, Training, alone, batches, groups, kernels, pulls, rested, schedule
from graft.spaces.plan import Recipe

FEWEST = 3
"""Networks below which a stack gains nothing."""
CLOSE = 1e-3
"""How far a loss or a gradient of the stack may be from the network's own, in shares of its largest entry."""
ROUNDING = 1e-6
"""The same in shares of the network's largest gradient: a bias before a normalisation has none but rounding."""


def train_together(trainings: Sequence[Training]) -> list[Outcome]:
    """Carry out trainings of one `Training.fuse_key`, all in one step if the stack is known to take their own.

    Returns:
        For each the mean loss over the last epoch's batches, or `NonFiniteLoss` if it diverged: the others go on.
    """
    if len(trainings) >= FEWEST:
        for training in trainings:
            rested(training)
        with kernels(trainings[0].network):
            stack = Stack(trainings)
            if stack.agrees():
                return _loop(stack)
    return [_alone(training) for training in trainings]


def _alone(training: Training) -> Outcome:
    try:
        return alone(training)
    except NonFiniteLoss as problem:
        return problem


class Judged(nn.Module):
    """A network and what it is trained on, as one module that gives the loss of a batch."""

    def __init__(self, network: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.network, self.objective = network, objective

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """The loss, one number."""
        return self.objective(self.network, Batch(inputs, outputs))


class Stack:
    """Networks of one architecture, their weights stacked along a first axis.

    Args:
        trainings: Of one `Training.fuse_key`. Their networks stay as they are until `hand_back`.
    """

    def __init__(self, trainings: Sequence[Training]) -> None:
        self.trainings, first = trainings, trainings[0]
        self.objective = first.loss or supervised(LOSS[first.recipe.loss])
        self.sizes = batches(len(first.inputs), first.recipe.batch, first.network)
        self.weights, self.buffers = stack_module_state([training.network for training in trainings])
        self.losses = self._asked(first)

    def _asked(self, first: Training) -> Callable[..., Tensor]:
        """What gives the losses (networks,) of stacked weights, buffers, inputs and outputs."""
        stacked: Callable[..., Tensor] | None = getattr(first.network, "stacked", None)
        if stacked is not None and first.loss is None:
            loss_of, network = vmap(LOSS[first.recipe.loss]), stacked
            return lambda weights, buffers, inputs, outputs: loss_of(network(weights, inputs), outputs)
        judged, places = Judged(first.network, self.objective), _places(first.network)
        return vmap(lambda weights, buffers, *batch: _judge(judged, places, {**weights, **buffers}, batch))

    def batch(self, chosen: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Inputs and outputs (networks, examples, ...) of rows of each training."""
        seen, exact = list[Tensor](), list[Tensor]()
        for training, rows in zip(self.trainings, chosen, strict=True):
            inputs = training.inputs.index_select(0, rows)
            seen.append(inputs if training.augment is None else training.augment(inputs, training.order))
            if training.outputs is not None:
                exact.append(training.outputs.index_select(0, rows))
        inputs = torch.stack(seen)
        return inputs, torch.stack(exact) if exact else inputs

    def agrees(self) -> bool:
        """Whether its losses and gradients of the first rows are those of each network by itself."""
        inputs = torch.stack([training.inputs[: self.sizes[0]] for training in self.trainings])
        exact = [t.outputs[: self.sizes[0]] for t in self.trainings if t.outputs is not None]
        outputs = torch.stack(exact) if exact else inputs
        names = [name for name, weight in self.weights.items() if weight.requires_grad]
        buffers = {name: buffer.clone() for name, buffer in self.buffers.items()}
        try:
            losses = self.losses(self.weights, buffers, inputs, outputs)
            found = torch.autograd.grad(losses.sum(), [self.weights[name] for name in names], allow_unused=True)
        except (RuntimeError, TypeError, ValueError):  # each module that vmap does not know says so in its own way
            return False
        for place, training in enumerate(self.trainings):
            weights = {name: weight.detach().requires_grad_() for name, weight in training.network.named_parameters()}
            state = weights | {name: buffer.clone() for name, buffer in training.network.named_buffers()}
            judged = Judged(training.network, self.objective)
            own = _judge(judged, _places(training.network), state, (inputs[place], outputs[place]))
            theirs = torch.autograd.grad(own, [weights[name] for name in names], allow_unused=True)
            mine = [None if gradient is None else gradient[place] for gradient in found]
            least = ROUNDING * max(float(gradient.detach().abs().max()) for gradient in theirs if gradient is not None)
            if not all(_close(*pair, least) for pair in zip((losses[place], *mine), (own, *theirs), strict=True)):
                return False
        return True

    def hand_back(self) -> None:
        """Write what was learned into each training's network."""
        with torch.no_grad():
            for place, training in enumerate(self.trainings):
                network = training.network
                for name, tensor in (*network.named_parameters(), *network.named_buffers()):
                    tensor.copy_((self.weights | self.buffers)[name][place])


def _places(network: nn.Module) -> dict[str, str]:
    """Where each tensor of a network's state sits: the name of every place, and the first name of what is there.

    A module that is reached by two names, as blocks cut out of a network are, is one place: PyTorch's own way of tying
    weights would fill it twice, and hand back what it was filled with.
    """
    found, first = dict[str, str](), dict[int, str]()
    for path, module in network.named_modules():
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            place = f"{path}.{name}" if path else name
            found[place] = first.setdefault(id(tensor), place)
    return found


def _judge(judged: Judged, places: Mapping[str, str], state: Mapping[str, Tensor], batch: tuple[Tensor, ...]) -> Tensor:
    """The loss of a batch with other weights and buffers in a network's places."""
    filled = {f"network.{place}": state[name] for place, name in places.items()}
    loss: Tensor = functional_call(judged, filled, batch, tie_weights=False)
    return loss


def _close(mine: Tensor | None, theirs: Tensor | None, least: float) -> bool:
    """Whether two losses or gradients are the same but for rounding, which is at least so large."""
    if mine is None or theirs is None:
        return mine is theirs
    mine, theirs = mine.detach(), theirs.detach()
    near = (mine - theirs).abs().max() <= CLOSE * theirs.abs().max() + least
    return bool(near) or not bool(torch.isfinite(theirs).all())


def _loop(stack: Stack) -> list[Outcome]:
    """Epochs, batches, steps, each of all networks at once."""
    trainings, recipe = stack.trainings, stack.trainings[0].recipe
    held, steppers = list(_held(stack)), _steppers(stack)
    rows, device = len(trainings[0].inputs), trainings[0].inputs.device
    steps, done = recipe.epochs * len(stack.sizes), 0
    outcomes: list[Outcome] = [0.0] * len(trainings)
    for _ in range(recipe.epochs):
        orders = [torch.randperm(rows, generator=t.order).to(device).split(stack.sizes) for t in trainings]
        totals = torch.zeros(len(trainings), device=device)
        for chosen in zip(*orders, strict=True):
            for weight in stack.weights.values():
                weight.grad = None
            losses = stack.losses(stack.weights, stack.buffers, *stack.batch(chosen))
            losses.sum().backward()  # each network's own gradients, for no loss depends on another's weights
            for pull in held:
                pull.add()
            for stepper in steppers:
                stepper.step(done, steps)
            totals += losses.detach()
            done += 1
        outcomes = [
            _so_far(before, total, done, len(stack.sizes)) for before, total in zip(outcomes, totals, strict=True)
        ]
        if not any(isinstance(outcome, float) for outcome in outcomes):
            break
    stack.hand_back()
    return outcomes


def _so_far(before: Outcome, total: Tensor, done: int, count: int) -> Outcome:
    """A training's outcome after one more epoch; that it diverged, and when, is not forgotten."""
    if isinstance(before, NonFiniteLoss):
        return before
    try:
        finite(total, done)
    except NonFiniteLoss as problem:
        return problem
    return float(total) / count


@dataclass(frozen=True)
class Pull:
    """What holds one layer's stacked weights back: how strongly each, to where it started."""

    weights: Tensor
    anchor: Tensor
    strength: Tensor

    def add(self) -> None:
        """Add it to the gradients."""
        assert self.weights.grad is not None
        self.weights.grad.addcmul_(self.weights.detach() - self.anchor, self.strength)


def _held(stack: Stack) -> Iterator[Pull]:
    """The weights that any training pulls back."""
    strengths = dict[str, Tensor]()  # of each weight, 0 where it is not pulled
    for place, training in enumerate(stack.trainings):
        names = _names(training)
        for parameter, _, strength, precise in pulls(training.network, training.blocks, training.precision):
            name = names[id(parameter)]
            each = strengths.setdefault(name, torch.zeros_like(stack.weights[name]))
            each[place] = strength if precise is None else strength * precise
    for name, firm in strengths.items():
        yield Pull(stack.weights[name], stack.weights[name].detach().clone(), firm)


@dataclass
class Stepper:
    """Steps the weights of one rate, decay, schedule and thaw: of all networks where all have those, else of some."""

    recipe: Recipe
    group: Group
    weights: list[tuple[Tensor, int | None]] = field(default_factory=list)
    optimiser: Optimiser | None = None

    def step(self, done: int, steps: int) -> None:
        """Take step number ``done`` of ``steps``, unless it comes before their first."""
        if not self.group.moves(done, steps):
            return
        if self.optimiser is None:
            parts = [weight if place is None else weight[place] for weight, place in self.weights]
            leading = [int(place is None) for _, place in self.weights]
            self.optimiser = Optimiser(self.recipe, parts, self.recipe.rate * self.group.rate, leading)
        found = [
            weight.grad if place is None or weight.grad is None else weight.grad[place]
            for weight, place in self.weights
        ]
        self.optimiser.step(found, schedule(self.recipe, done, steps))


def _steppers(stack: Stack) -> list[Stepper]:
    """Who steps what. Weights that no training moves need no gradient from now on."""
    found = dict[tuple[object, ...], Stepper]()
    keys = defaultdict[str, list[tuple[object, ...] | None]](lambda: [None] * len(stack.trainings))
    for place, training in enumerate(stack.trainings):
        recipe, names = training.recipe, _names(training)
        for group in groups(training.network, training.blocks):
            key = recipe.rate * group.rate, group.thaw, recipe.decay, recipe.schedule, recipe.warmup
            found.setdefault(key, Stepper(recipe, group))
            for parameter in group.weights:
                keys[names[id(parameter)]][place] = key
    for name, weight in stack.weights.items():
        each = keys[name]
        if not any(each):
            weight.requires_grad_(False)
        elif len(set(each)) == 1 and each[0] is not None:
            found[each[0]].weights.append((weight, None))
        else:
            for place, own in enumerate(each):
                if own is not None:
                    found[own].weights.append((weight, place))
    return [stepper for stepper in found.values() if stepper.weights]


def _names(training: Training) -> dict[int, str]:
    """Names of a network's parameters by their identity."""
    return {id(parameter): name for name, parameter in training.network.named_parameters()}
