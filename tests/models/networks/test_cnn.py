"""Convolutional networks of blocks: images of any size, spans that can be copied, one loop that trains them."""

import pytest
import torch
from torch import nn

from graft.models.initialise import draw_weights, initialise
from graft.models.networks.cnn import Classifier, Restorer
from graft.models.surgery import blocks_of, copy_span
from graft.models.train import Training, predict, train
from graft.spaces.errors import InputError
from graft.spaces.plan import Recipe, Span


def drawn(network: nn.Module, seed: int = 0) -> nn.Module:
    draw_weights(network, 1.0, torch.Generator().manual_seed(seed))
    return network


@pytest.mark.parametrize("side", [5, 16, 33])
def test_images_of_any_size_go_through_the_same_weights(side: int) -> None:
    images = torch.rand(3, side, side, generator=torch.Generator().manual_seed(0))
    assert drawn(Classifier(5, 6, 8))(images).shape == (3, 5)
    assert drawn(Restorer(3, 6))(images).shape == images.shape


def test_the_head_is_the_last_block_and_every_block_has_weights_of_its_own() -> None:
    for network in (Classifier(5, 3, 8), Restorer(3, 8)):
        blocks = blocks_of(network)
        assert len(blocks) == 4 and all(list(block.parameters()) for block in blocks)
        assert sum(len(list(block.parameters())) for block in blocks) == len(list(network.parameters()))


def test_what_is_drawn_depends_on_the_seed_alone() -> None:
    one, same, other = (drawn(Classifier(3, 2, 4), seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["blocks.0.0.weight"], other["blocks.0.0.weight"])


def test_blocks_are_copied_from_a_source() -> None:
    source, target = drawn(Classifier(5, 3, 8), 1), drawn(Classifier(5, 3, 8), 2)
    copy_span(target, source, Span(1, 2))
    theirs, ours = source.state_dict(), target.state_dict()
    assert {name for name in theirs if not torch.equal(theirs[name], ours[name])} == {
        name for name in theirs if name.startswith(("blocks.2.0", "blocks.3"))
    }


def test_a_classifier_learns_where_stripes_lead_and_begins_at_the_frequencies_of_classes() -> None:
    generator = torch.Generator().manual_seed(0)
    kinds = torch.randint(2, (64,), generator=generator)
    stripes = torch.rand(64, 1, 12, generator=generator).expand(64, 12, 12)
    images = torch.where(kinds[:, None, None] > 0, stripes, stripes.transpose(1, 2)).contiguous()
    recipe = Recipe(loss="cross-entropy", head="constant", epochs=15, batch=16, rate=1e-2)
    network, told = Classifier(2, 2, 8), torch.eye(2)[kinds]
    initialise(network, recipe, generator, images, told)
    start = predict(network, images)
    assert torch.allclose(start.softmax(1).mean(0), told.mean(0), atol=1e-5) and float(start.std(0).max()) < 1e-6
    train(Training(network, images, told, recipe, generator))
    assert (predict(network, images).argmax(1) == kinds).float().mean() > 0.95


def test_a_restorer_with_a_head_of_zero_leaves_images_as_they_are_and_learns_to_sharpen() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(24, 16, 16, generator=generator)
    blurred = nn.functional.avg_pool2d(truth[:, None], 3, 1, 1, count_include_pad=False)[:, 0]
    network = drawn(Restorer(2, 8))
    with torch.no_grad():
        for weights in network.blocks[-1].parameters():
            weights.zero_()
    assert torch.equal(predict(network, blurred), blurred)
    train(Training(network, blurred, truth, Recipe(loss="mse", epochs=30, batch=8, rate=1e-2), generator))
    before, after = (float((image - truth).square().mean()) for image in (blurred, predict(network, blurred)))
    assert after < 0.7 * before


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: Classifier(0), "classes is 0"),
        (lambda: Classifier(5, 0), "network.depth is 0"),
        (lambda: Restorer(1, 0), "network.width is 0"),
        (lambda: Classifier(5, activation="rel"), "network.activation"),
    ],
)
def test_bad_sizes_are_refused(build: object, named: str) -> None:
    with pytest.raises(InputError, match=named):
        build()  # type: ignore[operator]
