"""The optimiser takes PyTorch's own steps, to the last bit, without what its classes import."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from graft.models.optimiser import Optimiser
from graft.spaces.plan import OPTIMISERS, Recipe

CLASSES = {
    "adamw": lambda groups, decay: torch.optim.AdamW(groups, weight_decay=decay, fused=True),
    "adam": lambda groups, decay: torch.optim.Adam(groups, weight_decay=decay, fused=True),
    "sgd": lambda groups, decay: torch.optim.SGD(groups, momentum=0.9, weight_decay=decay, fused=True),
}


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", CLASSES)
def test_its_steps_are_those_of_torch_optim(name: str, decay: float) -> None:
    draws = torch.Generator().manual_seed(3)
    ours = [nn.Parameter(torch.randn(7, 5, generator=draws)), nn.Parameter(torch.randn(9, generator=draws))]
    theirs = [nn.Parameter(weight.detach().clone()) for weight in ours]
    late = [None, torch.randn(9, generator=draws)]  # a weight that had no gradient yet is left alone, decay included
    first = [] if name == "sgd" else [late]  # which their SGD does not survive
    each = [*first, *([torch.randn(weight.shape, generator=draws) for weight in ours] for _ in range(30))]
    optimiser = Optimiser(Recipe(optimiser=name, decay=decay), ours, 0.01)
    peer = CLASSES[name]([{"params": theirs, "lr": 0.01}], decay)
    for number, gradients in enumerate(each):
        factor = 1.0 - number / 40
        optimiser.step(gradients, factor)
        peer.param_groups[0]["lr"] = 0.01 * factor
        for weight, gradient in zip(theirs, gradients, strict=True):
            weight.grad = None if gradient is None else gradient.clone()
        peer.step()
        for mine, other in zip(ours, theirs, strict=True):
            assert torch.equal(mine, other), number


@pytest.mark.parametrize("name", OPTIMISERS)
def test_complex_weights_are_stepped_as_two_real_ones(name: str) -> None:
    draws = torch.Generator().manual_seed(4)
    ours = torch.randn(6, dtype=torch.complex64, generator=draws)
    theirs = nn.Parameter(ours.clone())
    optimiser = Optimiser(Recipe(optimiser=name, decay=0.1), [ours], 0.02)
    sort = {"adamw": torch.optim.AdamW, "muon": torch.optim.AdamW, "adam": torch.optim.Adam}.get(name)
    peer = (
        sort([theirs], lr=0.02, weight_decay=0.1)
        if sort
        else torch.optim.SGD([theirs], lr=0.02, momentum=0.9, weight_decay=0.1)
    )
    for _ in range(10):
        theirs.grad = torch.randn(6, dtype=torch.complex64, generator=draws)
        optimiser.step([theirs.grad.clone()], 1.0)
        peer.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-6)


def test_no_weight_is_stepped_where_none_has_a_gradient() -> None:
    weight = torch.ones(3)
    Optimiser(Recipe(decay=0.1), [weight], 0.1).step([None], 1.0)
    assert torch.equal(weight, torch.ones(3))


def test_a_training_does_not_import_the_compiler_of_torch() -> None:
    code = (
        "import sys, torch; from graft.models.networks.mlp import MLP; from graft.models.train import Training, train;"
        "from graft.spaces.plan import Recipe; x = torch.rand(20, 3);"
        "train(Training(MLP(3, 2, 1, 4), x, x[:, :2] + 1, Recipe(epochs=2, batch=10), torch.Generator()));"
        "print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
