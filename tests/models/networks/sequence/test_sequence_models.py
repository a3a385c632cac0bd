"""Sequence models: probabilities that sum to one, and no look into the future."""

import itertools
import json

import pytest
import torch
from torch import Tensor

from graft.models.initialise import draw_weights
from graft.models.networks.sequence.chain import Autoregressive, encode
from graft.models.networks.sequence.made import LookBack
from graft.models.networks.sequence.shape import SequenceShape
from graft.models.surgery import copy_span
from graft.spaces.dcl import KINDS
from graft.spaces.errors import InputError
from graft.spaces.plan import Span


def model(kind: str, q: int = 2, seed: int = 0, **options: object) -> Autoregressive:
    made = SequenceShape(kind, (3, 3), q, width=32, **options).build()  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(seed)
    draw_weights(made, 1.5, generator)
    with torch.no_grad():  # a linear term that starts at zero would hide its mistakes
        for term in made.modules():
            if isinstance(term, LookBack):
                for weight in term.parameters():
                    weight.copy_(torch.randn(weight.shape, generator=generator))
    return made.eval()


def every_state(q: int) -> Tensor:
    return torch.tensor(list(itertools.product(range(q), repeat=9)), dtype=torch.uint8)


VARIANTS = [
    *((kind, q, depth, depth == 1) for kind in KINDS[:-1] for q in (2, 3) for depth in (1, 2)),
    ("linear", 2, 1, True),
    ("linear", 3, 1, True),
]


@pytest.mark.parametrize(("kind", "q", "depth", "term"), VARIANTS)
def test_probabilities_of_all_states_sum_to_one(kind: str, q: int, depth: int, term: bool) -> None:
    with torch.no_grad():
        logs = model(kind, q, depth=depth, linear_term=term, order="spiral").double().log_prob(every_state(q))
    assert logs.dtype == torch.float64 and logs.shape == (q**9,)
    assert float(logs.exp().sum()) == pytest.approx(1, abs=1e-12)
    assert float(logs.std()) > 0.1


@pytest.mark.parametrize(("kind", "q", "depth", "term"), VARIANTS)
def test_a_logit_knows_no_later_site_and_all_earlier_ones(kind: str, q: int, depth: int, term: bool) -> None:
    net = model(kind, q, depth=depth, linear_term=term)
    x = encode(torch.randint(q, (16, 9), generator=torch.Generator().manual_seed(1)), q).requires_grad_()
    for site in range(9):
        (gradient,) = torch.autograd.grad(net.logits(x)[:, site].sum(), x)
        seen = gradient.abs().sum((0, 2))
        assert float(seen[site:].sum()) == 0
        assert bool((seen[:site] > 0).all())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["raster", "snake", (8, 0, 7, 1, 6, 2, 5, 3, 4)])
def test_a_conditional_changes_with_sites_read_before_it_only(kind: str, order: str | tuple[int, ...]) -> None:
    net = model(kind, order=order)
    state = torch.randint(2, (1, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        before = net.conditionals(state)[0]
        for t, site in enumerate(net.order.tolist()):
            other = state.clone()
            other[0, site] = 1 - other[0, site]
            changed = net.conditionals(other)[0] != before
            assert not bool(changed[:t].any()) and bool(changed[t])


@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_and_a_cube_are_lattices_too(kind: str) -> None:
    for shape in [(9,), (2, 2, 2)]:
        net = SequenceShape(kind, shape, width=16).build().double()
        states = torch.tensor(list(itertools.product(range(2), repeat=net.sites)))
        assert float(net.log_prob(states).detach().exp().sum()) == pytest.approx(1, abs=1e-12)


def test_the_linear_model_is_its_formula() -> None:
    net = model("linear")
    state = torch.randint(2, (1, 9), generator=torch.Generator().manual_seed(5))
    weight, bias = (parameter.detach().tolist() for parameter in net.parameters())
    spins = [2 * int(state[0, i]) - 1 for i in net.order]
    total = torch.tensor(0.0, dtype=torch.float64)
    for t, spin in enumerate(spins):
        logit = bias[t] + sum(weight[t][i] * spins[i] for i in range(t))
        total -= torch.log1p(torch.exp(torch.tensor(-spin * logit, dtype=torch.float64)))
    assert float(net.log_prob(state).detach()) == pytest.approx(float(total), rel=1e-5)


def test_a_fresh_linear_term_says_nothing() -> None:
    net = SequenceShape("linear", (3, 3), q=3).build()
    draw_weights(net, 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(net.log_prob(every_state(3)[:5]), torch.full((5,), -9 * torch.log(torch.tensor(3.0))))


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_are_ordered_and_can_be_copied(kind: str) -> None:
    target, source = model(kind, seed=0, depth=2), model(kind, seed=1, depth=2)
    blocks = len(target.blocks)
    assert blocks == {"linear": 1, "gru": 4, "made": 4, "transformer": 5}[kind]
    states = every_state(2)
    for span in Span.every(blocks):
        copied = copy_span(model(kind, seed=0, depth=2), source, span)
        assert sum(view.numel() for view in copied) > 0
    copy_span(target, source, Span(1, blocks))
    assert torch.equal(target.log_prob(states), source.log_prob(states))


@pytest.mark.parametrize("kind", ["gru", "made", "transformer"])
def test_dropout_acts_in_training_only(kind: str) -> None:
    net, states = model(kind, dropout=0.5), every_state(2)[:8]
    assert torch.equal(net(states), net(states))
    net.train()
    assert not torch.equal(net(states), net(states))


def test_initial_weights_come_from_the_generator() -> None:
    for kind in KINDS:
        first, again, other = (model(kind, seed=seed).log_prob(every_state(2)) for seed in (0, 0, 1))
        assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_shape_survives_json() -> None:
    for order in ("spiral", tuple(range(9))):
        shape = SequenceShape("made", (3, 3), 3, order, depth=2, width=7, dropout=0.1, linear_term=False)
        assert SequenceShape.from_dict(json.loads(json.dumps(shape.to_dict()))) == shape


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "grue"}, r"unknown sequence.kind 'grue' \(did you mean 'gru'\?\)"),
        ({"q": 1}, r"sequence.q is 1; allowed: a whole number of at least 2"),
        ({"depth": 5}, r"sequence.depth is 5; allowed: a whole number of at least 1 and at most 4"),
        ({"kind": "transformer", "width": 40}, r"sequence.width is 40; allowed for a transformer: multiples of 16"),
        ({"dropout": 1.0}, r"sequence.dropout is 1.0"),
        ({"order": "hilbert"}, r"order hilbert of 3 x 3 sites"),
        ({"order": (1, 2)}, r"order of 2 numbers"),
    ],
)
def test_what_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        SequenceShape(**{"kind": "gru", "shape": (3, 3)} | options)  # type: ignore[arg-type]
