"""Surgery: what is copied is exact, what is not stays as it was, and what cannot be copied changes nothing."""

import pytest
import torch
from torch import nn

from graft.models.initialise import draw_weights
from graft.models.networks.mlp import MLP
from graft.models.surgery import blocks_of, copy_span, shuffle, transplant
from graft.models.train import Training, train
from graft.spaces.errors import InputError
from graft.spaces.plan import Block, Recipe, Span


def network(seed: int, inputs: int = 3, outputs: int = 2, depth: int = 2, width: int = 5) -> MLP:
    made = MLP(inputs, outputs, depth=depth, width=width)
    draw_weights(made, 1.0, torch.Generator().manual_seed(seed))
    return made


def state(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("span", Span.every(3), ids=str)
def test_a_span_is_copied_exactly_and_the_rest_is_left(span: Span) -> None:
    target, source = network(0), network(1)
    before, theirs = state(target), state(source)
    copied = copy_span(target, source, span)
    inside = [name for name in before if span.first <= int(name.split(".")[1]) + 1 <= span.last]
    for name, tensor in target.state_dict().items():
        assert torch.equal(tensor, theirs[name] if name in inside else before[name]), name
    assert same(state(source), theirs)
    assert [view.data_ptr() for view in copied] == [target.state_dict()[name].data_ptr() for name in inside]
    assert [view.shape for view in copied] == [theirs[name].shape for name in inside]


def test_a_factor_scales_what_is_copied_and_nothing_else() -> None:
    target, source = network(0), network(1)
    before, theirs = state(target), state(source)
    copy_span(target, source, Span(2, 3), scale=0.7)
    for name, tensor in target.state_dict().items():
        assert torch.equal(tensor, before[name] if name.startswith("blocks.0") else theirs[name] * 0.7), name
    assert same(state(source), theirs)


def test_copies_share_no_memory_with_their_source() -> None:
    target, source = network(0), network(1)
    copy_span(target, source, Span(1, 3))
    theirs = state(source)
    with torch.no_grad():
        for parameter in target.parameters():
            parameter.add_(1)
    assert same(state(source), theirs)


@pytest.mark.parametrize(("ours", "theirs"), [(4, 6), (6, 4)])
def test_of_a_first_layer_of_other_width_the_overlapping_columns_are_copied(ours: int, theirs: int) -> None:
    target, source = network(0, inputs=ours), network(1, inputs=theirs)
    before = state(target)
    copied = copy_span(target, source, Span(1, 1), overlap=True)
    assert [tuple(view.shape) for view in copied] == [(5, 4), (5,)]
    weight, bias = target.blocks[0][0].weight, target.blocks[0][0].bias  # type: ignore[index]
    assert torch.equal(weight[:, :4], source.blocks[0][0].weight[:, :4])  # type: ignore[index]
    assert torch.equal(weight[:, 4:], before["blocks.0.0.weight"][:, 4:])
    assert torch.equal(bias, source.blocks[0][0].bias)  # type: ignore[index]


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(("ours", "theirs"), [(4, 6), (6, 4), (4, 4)])
def test_fresh_columns_are_neither_scaled_nor_shuffled(ours: int, theirs: int, shuffled: bool) -> None:
    target, source = network(0, inputs=ours), network(1, inputs=theirs)
    before, own = state(target), state(source)
    copied = transplant(target, {"film": source}, (Block("film", scale=0.5), Block(), Block()))
    if shuffled:
        shuffle(copied, torch.Generator().manual_seed(4))
    now = state(target)
    weight, values = now["blocks.0.0.weight"], own["blocks.0.0.weight"][:, :4] * 0.5
    assert torch.equal(weight[:, 4:], before["blocks.0.0.weight"][:, 4:])
    assert torch.equal(weight[:, :4], values) != shuffled
    assert torch.equal(weight[:, :4].flatten().sort().values, values.flatten().sort().values)
    assert torch.equal(now["blocks.0.0.bias"].sort().values, (own["blocks.0.0.bias"] * 0.5).sort().values)
    assert all(torch.equal(now[name], before[name]) for name in now if not name.startswith("blocks.0"))


@pytest.mark.parametrize(
    ("source", "span", "message"),
    [
        (network(1, width=6), Span(1, 2), "block 1 0.weight: target (5, 3), source (6, 3); allowed: "),
        (network(1, outputs=4), Span(1, 3), "block 3 weight: target (2, 5), source (4, 5); allowed: "),
        (network(1, inputs=4), Span(1, 2), "block 1 0.weight: target (5, 3), source (5, 4); allowed: "),
        (network(1, inputs=2), Span(1, 1), "block 1 0.weight: target (5, 3), source (5, 2); allowed: "),
        (network(1), Span(1, 4), "span (1, 4) lies outside the network; allowed: blocks 1 to 3"),
        (network(1, depth=1), Span(1, 3), "span (1, 3) lies outside the network; allowed: blocks 1 to 2"),
        (network(1, depth=3), Span(1, 3), "block 3 differs: target has ['weight', 'bias'], source ['0.weight', "),
    ],
    ids=["width", "outputs", "more inputs", "fewer inputs", "span", "shallow source", "head onto hidden"],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(source: MLP, span: Span, message: str) -> None:
    target = network(0)
    before = state(target)
    with pytest.raises(InputError) as refused:
        copy_span(target, source, span)
    assert str(refused.value).startswith(message)
    assert same(state(target), before)


def test_a_module_without_blocks_is_refused() -> None:
    with pytest.raises(InputError, match=r"^Linear has no blocks; allowed: "):
        blocks_of(nn.Linear(2, 2))


@pytest.mark.parametrize("span", [Span(1, 1), Span(2, 3), Span(1, 3)], ids=str)
def test_shuffling_keeps_the_values_and_loses_their_places(span: Span) -> None:
    def control(seed: int) -> MLP:
        made = network(0)
        shuffle(copy_span(made, network(1), span), torch.Generator().manual_seed(seed))
        return made

    shuffled, plain = control(4), network(0)
    copy_span(plain, network(1), span)
    before = state(plain)
    moved = []
    for name, tensor in shuffled.state_dict().items():
        assert torch.equal(tensor.flatten().sort().values, before[name].flatten().sort().values)
        moved += [int(name.split(".")[1]) + 1] if not torch.equal(tensor, before[name]) else []
    assert set(moved) == set(range(span.first, span.last + 1))
    assert same(state(control(4)), state(shuffled))
    assert not same(state(control(5)), state(shuffled))


def test_transplanting_carries_out_each_blocks_decision() -> None:
    target, one, two = network(0), network(1), network(2)
    before = state(target)
    copied = transplant(target, {"one": one, "two": two}, (Block("one", rate=0.0), Block(), Block("two", scale=0.5)))
    now = state(target)
    parts = [f"blocks.{part}.{layer}" for part in ("0.0", "2") for layer in ("weight", "bias")]
    assert [view.data_ptr() for view in copied] == [target.state_dict()[name].data_ptr() for name in parts]
    for layer in ("weight", "bias"):
        assert torch.equal(now[f"blocks.0.0.{layer}"], one.state_dict()[f"blocks.0.0.{layer}"])
        assert torch.equal(now[f"blocks.1.0.{layer}"], before[f"blocks.1.0.{layer}"])
        assert torch.equal(now[f"blocks.2.{layer}"], two.state_dict()[f"blocks.2.{layer}"] * 0.5)
    trained = {name: parameter.requires_grad for name, parameter in target.named_parameters()}
    assert trained == {name: not name.startswith("blocks.0") for name in trained}


def test_no_decisions_change_nothing() -> None:
    target = network(0)
    assert transplant(target, {}, ()) == [] == transplant(target, {}, (Block(),) * 3)
    assert same(state(target), state(network(0)))


def test_frozen_weights_are_the_same_after_training_and_all_others_are_not() -> None:
    target, source = network(0), network(1)
    plan = (Block("film", rate=0.0, scale=1.5), Block("film"), Block())
    transplant(target, {"film": source}, plan)
    before = state(target)
    inputs = torch.randn(20, 3, generator=torch.Generator().manual_seed(2))
    recipe = Recipe(batch=5, epochs=3, loss="mse", decay=0.1)
    train(Training(target, inputs, inputs[:, :2].abs() + 0.5, recipe, torch.Generator().manual_seed(3), blocks=plan))
    for name, tensor in target.state_dict().items():
        assert torch.equal(tensor, before[name]) == name.startswith("blocks.0"), name


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ((Block("flim"), Block(), Block()), "unknown source 'flim' (did you mean 'film'?); allowed: film"),
        ((Block("film"),), "the plan has 1 blocks, the network 3; allowed: one decision a block"),
    ],
)
def test_decisions_that_cannot_be_carried_out_are_refused(blocks: tuple[Block, ...], message: str) -> None:
    with pytest.raises(InputError) as refused:
        transplant(network(0), {"film": network(1)}, blocks)
    assert str(refused.value) == message
