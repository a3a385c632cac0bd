"""Initial weights: drawn from a generator, and an output that begins at the constant that suits its loss best."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from graft.models.linear_part import LinearPart
from graft.models.surgery import blocks_of
from graft.spaces.plan import Recipe

Anew = Callable[[], nn.Module]
"""Builds a network, its weights drawn from PyTorch's own generator."""
PROBES = 4
"""Rows on which it is tried whether the output follows the head's bias."""
HALVINGS = 60
"""Of the interval in which the constant for Huber's loss is sought: more than float64 can tell."""


def initialise(
    network: nn.Module,
    recipe: Recipe,
    generator: torch.Generator,
    inputs: Tensor,
    outputs: Tensor,
    anew: Anew | None = None,
) -> None:
    """Draw all weights of a network anew as its recipe says, and set where its output begins.

    Args:
        network: With ordered blocks, the last of them the head; on the CPU.
        recipe: Its ``initial_scale``, ``head`` and ``loss``.
        generator: Draws the weights.
        inputs: (examples, inputs), standardised: what it will be trained on.
        outputs: (examples, ...).
        anew: As of `draw_weights`.
    """
    draw_weights(network, recipe.initial_scale, generator, anew)
    for part in _linear_parts(network):
        part.fit(inputs, outputs, recipe.loss)
    set_head(network, recipe, inputs, outputs)


def draw_weights(network: nn.Module, scale: float, generator: torch.Generator, anew: Anew | None = None) -> None:
    """Draw all weights anew by PyTorch's rules, weights (not biases) of linear maps and the like times ``scale``.

    For linear layers that is U(-a, a) with a = 1/sqrt(fan in) for weights and biases alike, drawn here from an explicit
    generator, block after block, so that a block's initial weights do not depend on what other blocks become. Any
    other layer (convolution, normalisation) draws by its own ``reset_parameters`` from a seed of that generator. What
    has no such rule (bare parameters, weights of parametrised layers, an attention's projections) is taken from
    another network that is built from a seed of it.

    Args:
        network: Written to.
        scale: Factor on weights.
        generator: Draws.
        anew: Builds the network again, from PyTorch's own generator. None: what has no rule stays as it was built.
    """
    drawn: set[int] = set()
    for layer in network.modules():
        own = dict(layer.named_parameters(recurse=False))
        if isinstance(layer, nn.Linear) and "weight" in own:  # a parametrised one has it elsewhere
            bound = layer.in_features**-0.5
            with torch.no_grad():
                layer.weight.uniform_(-bound, bound, generator=generator).mul_(scale)
                if layer.bias is not None:
                    layer.bias.uniform_(-bound, bound, generator=generator)
        elif callable(reset := getattr(layer, "reset_parameters", None)) and not is_parametrized(layer):
            with seeded(draw_seed(generator)), torch.no_grad():
                reset()
                for name, weight in own.items():
                    if name.startswith("weight") and weight.dim() > 1:
                        weight.mul_(scale)
        else:
            continue
        drawn |= set(map(id, own.values()))
    left = {name: weight for name, weight in network.named_parameters() if id(weight) not in drawn}
    if left and anew is not None:
        with seeded(draw_seed(generator)):
            other = anew()
        with torch.no_grad():
            theirs = dict(other.named_parameters())
            for name, weight in left.items():
                weight.copy_(theirs[name] * (scale if "weight" in name and weight.dim() > 1 else 1.0))
            for (name, into), (_, values) in zip(network.named_buffers(), other.named_buffers(), strict=True):
                if ".parametrizations." in name:  # an orthogonal layer keeps there where its weights began
                    into.copy_(values)


def draw_seed(generator: torch.Generator) -> int:
    """Draw a seed for PyTorch's own generator."""
    return int(torch.randint(2**62, (1,), generator=generator))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, PyTorch's own generator, from which layers draw that take none (dropout), starts from this seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def set_head(network: nn.Module, recipe: Recipe, inputs: Tensor, outputs: Tensor) -> None:
    """Let the output begin where the recipe says; arguments as of `initialise`."""
    if recipe.head == "constant":
        exact, rows = outputs.cpu().flatten(1), inputs.cpu()
        with torch.no_grad():
            beside = sum((part(rows) for part in _linear_parts(network)), torch.zeros_like(exact))
        start_head(network, rows[:PROBES], best_constant(recipe.loss, exact, beside=beside))


def _linear_parts(network: nn.Module) -> list[LinearPart]:
    """What a network adds to its blocks that is linear in its inputs."""
    return [part for part in network.modules() if isinstance(part, LinearPart)]


def best_constant(loss: str, outputs: Tensor, weights: Tensor | None = None, beside: Tensor | float = 0.0) -> Tensor:
    """The prediction, the same for every example, whose loss on these examples is lowest.

    Args:
        loss: ``mse`` (its constant is the mean), ``l1`` (the median), ``relative-l1`` (the median weighted by
            1 / |exact|, Eq. 1 of Qu et al. 2018), ``huber`` (where the clipped residuals sum to zero) or
            ``cross-entropy`` (log frequencies of the classes; one never seen counts as half an example).
        outputs: (examples, outputs), exact.
        weights: (examples,), positive: how much each example counts. None: all alike.
        beside: (examples, outputs), what is predicted beside that constant (of no classes).

    Returns:
        (outputs,), of the outputs' type.
    """
    exact, left = outputs.double(), outputs.double() - beside
    counted = torch.ones(len(exact), dtype=torch.float64, device=exact.device) if weights is None else weights.double()
    counted = counted[:, None].expand_as(exact)
    match loss:
        case "mse":
            found = (counted * left).sum(0) / counted.sum(0)
        case "cross-entropy":
            seen = (counted * exact).sum(0)
            found = (seen.clamp(min=0.5) / seen.sum()).log()
        case "huber":
            found = _huber_centre(left, counted)
        case "relative-l1":
            found = _median(left, counted / exact.abs())
        case _:
            found = _median(left, counted)
    return found.to(outputs.dtype)


def start_head(network: nn.Module, inputs: Tensor, constant: Tensor) -> None:
    """Let the output of a network begin at a constant: its last layer gets that bias, and weights of zero.

    Weights of zero, because random ones add noise to the constant, which training must first unlearn. A copied network
    that was taught a constant brings none, and was certified for that alone (docs/results/fair-arms.md). A network
    whose output does not follow that bias one to one (something comes after it, or there is none) stays as it was.

    Args:
        network: With ordered blocks, the last of them the head.
        inputs: (examples, inputs), standardised: a few rows on which it is tried.
        constant: (outputs,).
    """
    last = _last_layer(network)
    bias = getattr(last, "bias", None)
    if last is None or not isinstance(bias, Tensor) or bias.shape != constant.shape:
        return
    training = network.training
    network.eval()
    with torch.no_grad():
        drawn, before = bias.clone(), network(inputs)
        bias.add_(1.0)
        follows = torch.allclose(network(inputs) - before, torch.ones_like(before), atol=1e-3)
        if follows:
            for weights in last.parameters(recurse=False):
                weights.zero_()
        bias.copy_(constant if follows else drawn)
    network.train(training)


def _last_layer(network: nn.Module) -> nn.Module | None:
    """The last layer of the head that has parameters of its own."""
    layers = [layer for layer in blocks_of(network)[-1].modules() if list(layer.parameters(recurse=False))]
    return layers[-1] if layers else None


def _median(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted median of each column: half of the weight at most lies on either side; between two, their middle."""
    ordered, places = values.sort(dim=0)
    share = weights.gather(0, places).cumsum(0) / weights.sum(0)
    lower = (share < 0.5 - 1e-12).sum(0, keepdim=True).clamp(max=len(values) - 1)
    upper = (share <= 0.5 + 1e-12).sum(0, keepdim=True).clamp(max=len(values) - 1)
    return ((ordered.gather(0, lower) + ordered.gather(0, upper)) / 2)[0]


def _huber_centre(values: Tensor, weights: Tensor) -> Tensor:
    """Where the derivative of Huber's loss (threshold 1, as `torch.nn.functional.smooth_l1_loss`) vanishes."""
    low, high = values.min(0).values, values.max(0).values
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = (weights * (middle - values).clamp(-1, 1)).sum(0) > 0
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return (low + high) / 2
