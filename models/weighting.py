"""How the losses of several tasks become one step: equal, fixed, learned, or by surgery on their gradients."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from graft.models.losses import Batch, Objective
from graft.models.networks.joined import Joined
from graft.models.train import Step

Combined = Callable[[Tensor], Tensor]


def fixed(weights: Tensor) -> Combined:
    """The mean of losses times constant ``weights`` (tasks,); equal weighting is all ones."""
    return lambda losses: (weights * losses).mean()


def uncertainty(log_scale: Tensor) -> Combined:
    """Homoscedastic uncertainty, Kendall et al. 2018 (arXiv:1705.07115), for absolute errors.

    The likelihood is Laplace's with scale b = exp(s) for each task, so the loss is L / b + log b instead of the
    Gaussian L / (2 sigma^2) + log sigma of their Eq. 7. ``log_scale`` s (tasks,) is trained like a weight of the
    network (the recipe's decay pulls it toward equal weights).
    """
    return lambda losses: (losses * torch.exp(-log_scale) + log_scale).mean()


def project(gradients: Tensor, generator: torch.Generator) -> Tensor:
    """PCGrad, Algorithm 1 of Yu et al. 2020 (arXiv:2001.06782): take out of each gradient what conflicts with others.

    Args:
        gradients: (tasks, parameters).
        generator: Draws the order in which each task meets the others.

    Returns:
        The projected gradients, (tasks, parameters).
    """
    projected = gradients.clone()
    squares = (gradients * gradients).sum(1)
    for i, own in enumerate(projected):
        for j in torch.randperm(len(gradients), generator=generator).tolist():
            along = torch.dot(own, gradients[j])
            if j != i and along < 0 and squares[j] > 0:  # one too small to be squared takes nothing out
                own -= along / squares[j] * gradients[j]
    return projected


def surgery(losses: Tensor, parameters: Sequence[nn.Parameter], generator: torch.Generator) -> None:
    """Leave the mean of the projected gradients of ``losses`` (tasks,) in ``parameters``."""
    rows = []
    for loss in losses:
        found = torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True)
        rows.append(torch.cat([gradient.reshape(-1) for gradient in found]))
    mean = project(torch.stack(rows), generator).mean(0)
    for parameter, part in zip(parameters, mean.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter).clone()


def objective(network: Joined, own: Objective | None = None) -> Objective:
    """One number for a batch of all tasks, (batch, tasks, ...): their losses, weighed as the network's plan says.

    Args:
        network: Trained.
        own: What a task makes small of a network, if not the recipe's loss of what that predicts.
    """
    weighed = network.plan.weighting == "uncertainty"
    combined = uncertainty(network.log_scale) if weighed else fixed(_weights(network))
    return lambda _, batch: combined(network.losses(batch, own))


def operation(network: Joined, generator: torch.Generator, own: Objective | None = None) -> Step | None:
    """The step of a plan that asks for surgery on the gradients of its tasks; None of any other.

    Args:
        network: Trained.
        generator: Draws the order in which tasks meet.
        own: As of `objective`.
    """
    if network.plan.weighting != "surgery":
        return None
    weights, parameters = _weights(network), list(network.parameters())

    def operate(_: nn.Module, batch: Batch) -> Tensor:
        losses = weights * network.losses(batch, own)
        surgery(losses, parameters, generator)
        return losses.mean()

    return operate


def _weights(network: Joined) -> Tensor:
    """The fixed weight of each task."""
    plan = network.plan
    return torch.tensor(plan.weights or (1.0,) * len(plan.tasks), device=next(network.parameters()).device)
