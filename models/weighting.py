"""How the losses of several tasks become one step: equal, fixed, learned, or by surgery on their gradients."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from graft.models.losses import LOSS, Batch, Loss, Objective, supervised
from graft.models.networks.shared import SharedMLP
from graft.models.train import Step

Combined = Callable[[Tensor], Tensor]


def per_task(loss_of: Loss, prediction: Tensor, wanted: Tensor) -> Tensor:
    """Loss of each task (tasks,) from (batch, tasks, outputs)."""
    return torch.stack([loss_of(prediction[:, i], wanted[:, i]) for i in range(prediction.shape[1])])


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


def objective(network: SharedMLP) -> Objective:
    """One number for a batch of all tasks, (batch, tasks, ...): their losses, weighed as the network's plan says."""
    plan, loss_of = network.plan, LOSS[network.plan.recipe.loss]
    combined = uncertainty(network.log_scale) if plan.weighting == "uncertainty" else fixed(_weights(network))
    return supervised(lambda prediction, wanted: combined(per_task(loss_of, prediction, wanted)))


def operation(network: SharedMLP, generator: torch.Generator) -> Step | None:
    """The step of a plan that asks for surgery on the gradients of its tasks; None of any other.

    Args:
        network: Trained.
        generator: Draws the order in which tasks meet.
    """
    if network.plan.weighting != "surgery":
        return None
    weights, loss_of, parameters = _weights(network), LOSS[network.plan.recipe.loss], list(network.parameters())

    def operate(trained: nn.Module, batch: Batch) -> Tensor:
        losses = weights * per_task(loss_of, trained(batch.inputs), batch.outputs)
        surgery(losses, parameters, generator)
        return losses.mean()

    return operate


def _weights(network: SharedMLP) -> Tensor:
    """The fixed weight of each task."""
    plan = network.plan
    return torch.tensor(plan.weights or (1.0,) * len(plan.tasks), device=next(network.parameters()).device)
