"""Loss terms against their literal definitions."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from graft.models.initialise import draw_weights
from graft.models.losses import Batch, relative_l1, supervised
from graft.models.networks.cnn import Restorer
from graft.models.networks.mlp import MLP
from graft.models.surgery import frozen
from graft.models.terms import Feature, LossTerm, Perceptual, adding, find_term, observing, weighted
from graft.models.train import Training, train
from graft.spaces.errors import InputError
from graft.spaces.plan import Recipe, Term

RECIPE = Recipe(rate=0.01, batch=6, epochs=3, activation="tanh")


def network(seed: int, inputs: int = 3, width: int = 8) -> MLP:
    made = MLP(inputs, 2, depth=2, width=width, activation="tanh")
    draw_weights(made, 1.0, torch.Generator().manual_seed(seed))
    return made


def examples(rows: int = 12) -> tuple[Tensor, Tensor]:
    x = torch.randn(rows, 3, generator=torch.Generator().manual_seed(9))
    return x, x[:, :2].abs() + 0.3


def weights(net: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in net.parameters()]


@pytest.mark.parametrize("block", [1, 2, 3])
def test_the_feature_terms_gradient_is_that_of_its_formula(block: int) -> None:
    x, y = examples()
    net, source = network(0).double(), network(1).double()
    x, y = x.double(), y.double()
    term = Feature(frozen(source, net)[0], block)
    with adding([(0.3, term)], net, supervised(relative_l1)) as objective:
        objective(net, Batch(x, y)).backward()  # type: ignore[no-untyped-call]

    literal = copy.deepcopy(net)
    literal.zero_grad()
    mine, theirs = x, x
    for i in range(block):
        mine, theirs = literal.blocks[i](mine), source.blocks[i](theirs)
    loss = relative_l1(literal(x), y) + 0.3 * ((mine - theirs.detach()) ** 2).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    for ours, other in zip(net.parameters(), literal.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, other.grad)


@pytest.mark.parametrize("block", [1, 2])
def test_the_perceptual_terms_gradient_is_that_of_its_formula(block: int) -> None:
    x = 1 + 0.1 * torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(9)).double()
    y = x + 0.05 * torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(8)).double()
    net, source = Restorer(2, 4, "gelu").double(), Restorer(2, 4, "gelu").double()
    draw_weights(net, 1.0, torch.Generator().manual_seed(0))
    draw_weights(source, 1.0, torch.Generator().manual_seed(1))
    with adding([(0.3, Perceptual(frozen(source, net)[0], block))], net, supervised(mse_loss)) as objective:
        objective(net, Batch(x, y)).backward()  # type: ignore[no-untyped-call]

    def shown(image: Tensor) -> Tensor:
        made = source.blocks[0]((image.unsqueeze(1) - 1.0) / 0.1)
        return source.blocks[1](made) if block == 2 else made

    literal = copy.deepcopy(net)
    literal.zero_grad()
    found = literal(x)
    loss = mse_loss(found, y) + 0.3 * ((shown(found) - shown(y).detach()) ** 2).mean()
    loss.backward()
    for ours, other in zip(net.parameters(), literal.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, other.grad)


def test_the_perceptual_term_wants_images_of_images() -> None:
    Perceptual.suits((8, 8), (8, 8))
    with pytest.raises(InputError, match="inputs are 8 and outputs 200; allowed: images of the same shape"):
        Perceptual.suits((8,), (200,))
    with pytest.raises(InputError, match="inputs are 3 and outputs 3; allowed: images"):
        Perceptual.suits((3,), (3,))
    Feature.suits((8,), (200,))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(0, 2**16), st.sampled_from(["adamw", "adam", "sgd"]))
def test_a_term_of_weight_0_changes_nothing(block: int, seed: int, optimiser: str) -> None:
    x, y = examples()
    recipe = Recipe(rate=0.01, batch=5, epochs=2, optimiser=optimiser, activation="tanh")
    found = []
    for terms in ([], [(0.0, Feature(frozen(network(seed + 1), network(seed))[0], block))]):
        net = network(seed)
        loss = train(Training(net, x, y, recipe, torch.Generator().manual_seed(seed), terms=terms, noise=1))
        found.append((loss, weights(net)))
    assert found[0][0] == found[1][0]
    assert all(torch.equal(a, b) for a, b in zip(found[0][1], found[1][1], strict=True))


def test_a_heavy_term_makes_features_those_of_the_source_which_stays_as_it_is() -> None:
    x, y = examples()
    source = network(1)
    before, distances = weights(source), []
    for weight in (0.0, 1.0, 100.0):
        net = network(0)
        terms = [weighted(Term("feature", "film", 2, max(weight, 1e-9)), frozen(source, net)[0])]
        train(Training(net, x, y, Recipe(rate=0.01, batch=6, epochs=40), torch.Generator(), terms=terms))
        with observing(net) as mine, observing(source) as theirs, torch.no_grad():
            net(x), source(x)
        distances.append(float((mine[1] - theirs[1]).square().mean()))
        assert not net._forward_hooks and not any(module._forward_hooks for module in net.modules())
    assert distances[2] < distances[1] < distances[0] and distances[2] < 0.1 * distances[0]
    assert all(torch.equal(a, b) for a, b in zip(before, weights(source), strict=True))


def test_a_source_passes_by_inputs_that_it_does_not_know_and_lacks_those_that_the_target_has_not() -> None:
    x, _ = examples()
    for inputs in (2, 3, 5):
        source = network(1, inputs)
        found, written = frozen(source, network(0))
        known = torch.zeros(len(x), inputs)
        known[:, : min(3, inputs)] = x[:, : min(3, inputs)]
        torch.testing.assert_close(found(x), source(known))
        assert not found.training and not any(parameter.requires_grad for parameter in found.parameters())
        assert len(written) == 6


def test_networks_of_other_widths_have_no_features_in_common() -> None:
    with pytest.raises(InputError, match=r"^block 1 .*; allowed: networks of equal widths$"):
        frozen(network(1, width=9), network(0))


def test_a_block_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match=r"^term feature is about block 4; allowed: blocks 1 to 3$"):
        weighted(Term("feature", "film", 4), network(0))


def test_terms_are_found_by_name_or_as_a_class_of_ones_own() -> None:
    assert find_term("feature") is Feature and find_term("graft.models.terms:Feature") is Feature
    known = "allowed: feature, perceptual"
    with pytest.raises(InputError, match=rf"^unknown term 'featur' \(did you mean 'feature'\?\); {known}$"):
        find_term("featur")
    with pytest.raises(
        InputError, match=r"^term 'nowhere:Near' cannot be imported \(Mod.*; allowed: feature, perceptual, or "
    ):
        find_term("nowhere:Near")
    with pytest.raises(InputError, match="^term 'math:pi' is no loss term; allowed: a subclass of "):
        find_term("math:pi")


def test_a_term_sees_batch_blocks_and_prediction() -> None:
    x, y = examples()
    net = network(0)
    met: list[int] = []

    class Seen(LossTerm):
        def value(self, batch: Batch, made: object) -> Tensor:
            assert isinstance(made, list) and len(made) == 4
            torch.testing.assert_close(made[-1], net(batch.inputs))
            assert made[0].shape == (len(batch.inputs), 8) and batch.outputs.shape == (len(batch.inputs), 2)
            met.append(len(batch.inputs))
            return made[-1].mean()

    train(Training(net, x, y, RECIPE, torch.Generator(), terms=[(1.0, Seen(net, 1))]))
    assert met == [6] * 6
