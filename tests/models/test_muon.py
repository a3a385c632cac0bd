"""Muon steps matrices along the orthogonal part of their momentum, and everything else as AdamW does."""

import pytest
import torch
from torch import Tensor, nn

from graft.models.muon import COEFFICIENTS, MOMENTUM, Muon, orthogonal
from graft.models.networks.cnn import Classifier
from graft.models.optimiser import Optimiser
from graft.spaces.plan import Recipe


def drawn(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (1, 5), (5, 1)])
def test_an_update_keeps_its_directions_and_loses_their_lengths(shape: tuple[int, int]) -> None:
    matrix = drawn(2, *shape)
    left, _, right = torch.linalg.svd(matrix[0], full_matrices=False)
    inside = left.mT @ orthogonal(matrix)[0] @ right.mT  # diagonal where the directions are the same
    torch.testing.assert_close(inside, torch.diag(torch.diag(inside)), rtol=0, atol=1e-4)
    assert 0.6 < torch.diag(inside).min() and torch.diag(inside).max() < 1.3


def test_nothing_comes_of_nothing() -> None:
    assert torch.equal(orthogonal(torch.zeros(1, 3, 4)), torch.zeros(1, 3, 4))


def test_its_steps_are_those_of_the_paper() -> None:
    weights = [drawn(7, 5), drawn(5, 7, seed=4)]
    literal = [weight.double() for weight in weights]
    momenta = [torch.zeros_like(weight) for weight in literal]
    muon, (a, b, c) = Muon(weights, decay=0.3), COEFFICIENTS
    for number in range(20):
        gradients = [drawn(7, 5, seed=10 + number), drawn(5, 7, seed=50 + number)]
        rate = 0.02 / (1 + number)
        muon.step(gradients, rate)
        for place, gradient in enumerate(gradients):
            momenta[place] = MOMENTUM * momenta[place] + (1 - MOMENTUM) * gradient.double()
            update = (1 - MOMENTUM) * gradient.double() + MOMENTUM * momenta[place]
            found = update / (torch.linalg.matrix_norm(update) + 1e-7)
            for _ in range(5):
                found = a * found + (b * found @ found.T + c * (found @ found.T) @ (found @ found.T)) @ found
            literal[place] = (1 - 0.3 * rate) * literal[place] - rate * 0.2 * 7**0.5 * found
    for mine, exact in zip(weights, literal, strict=True):
        torch.testing.assert_close(mine.double(), exact, rtol=1e-4, atol=1e-5)


def test_its_steps_are_those_of_torch_optim_but_for_its_half_precision() -> None:
    ours, theirs = drawn(8, 6), nn.Parameter(drawn(8, 6))
    peer = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    optimiser = Optimiser(Recipe(optimiser="muon", decay=0.1), [ours], 0.02)
    for number in range(10):
        theirs.grad = drawn(8, 6, seed=20 + number)
        optimiser.step([theirs.grad.clone()], 1.0)
        peer.step()
    moved = (theirs.detach() - drawn(8, 6)).norm()
    assert (ours - theirs.detach()).norm() < 0.02 * moved and moved > 0.2


def test_of_a_network_biases_are_stepped_by_adamw_and_matrices_without_a_gradient_stay() -> None:
    weights = [drawn(4, 3), drawn(4, seed=4), drawn(4, 4, seed=5)]
    before = [weight.clone() for weight in weights]
    peer = nn.Parameter(weights[1].clone())
    adamw = torch.optim.AdamW([peer], lr=0.05, weight_decay=0.1, fused=True)
    optimiser = Optimiser(Recipe(optimiser="muon", decay=0.1), weights, 0.05)
    for number in range(5):
        peer.grad = drawn(4, seed=30 + number)
        optimiser.step([drawn(4, 3, seed=40 + number), peer.grad.clone(), None], 1.0)
        adamw.step()
    assert torch.equal(weights[1], peer.detach()) and torch.equal(weights[2], before[2])
    assert not torch.allclose(weights[0], before[0])


def test_stacked_networks_take_each_its_own_steps_kernels_of_convolutions_too() -> None:
    network = Classifier(3, depth=2, width=4, activation="gelu")
    shapes = [weight.shape for weight in network.parameters()]
    assert any(len(shape) == 4 for shape in shapes)
    alone = [[drawn(*shape, seed=100 * k + i) for i, shape in enumerate(shapes)] for k in range(2)]
    stacks = [torch.stack(pair) for pair in zip(*alone, strict=True)]
    recipe = Recipe(optimiser="muon", decay=0.1)
    single = [Optimiser(recipe, weights, 0.02) for weights in alone]
    whole = Optimiser(recipe, stacks, 0.02, [1] * len(shapes))
    for number in range(4):
        slopes = [[drawn(*shape, seed=1000 * number + 100 * k + i) for i, shape in enumerate(shapes)] for k in range(2)]
        for optimiser, gradients in zip(single, slopes, strict=True):
            optimiser.step(gradients, 1.0)
        whole.step([torch.stack(pair) for pair in zip(*slopes, strict=True)], 1.0)
    for place, stack in enumerate(stacks):
        for k in range(2):
            torch.testing.assert_close(stack[k], alone[k][place], rtol=1e-4, atol=1e-5)
