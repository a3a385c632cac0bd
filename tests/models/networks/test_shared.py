"""Networks that share blocks: who sees which weights, and what one task's path computes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from graft.models.initialise import draw_weights
from graft.models.networks.shared import SharedMLP, stack
from graft.models.train import Training, predict, prepare_process, train
from graft.models.weighting import objective, operation
from graft.spaces.errors import InputError
from graft.spaces.plan import Recipe
from graft.spaces.sharing import ALIGNMENTS, Sharing, divisions

WIDTHS = {"a": 3, "b": 5, "c": 4}
RECIPE = Recipe(rate=0.01, batch=4, epochs=2, activation="tanh", warmup=0)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def built(plan: Sharing, seed: int = 0) -> SharedMLP:
    network = SharedMLP(plan, WIDTHS, outputs=2, depth=2, width=6)
    draw_weights(network, 1.0, torch.Generator().manual_seed(seed))
    return network


def rows(count: int = 7) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(count, width, generator=generator) for width in WIDTHS.values()]


plans = st.builds(
    lambda groups, one_hot, align: Sharing(RECIPE, tuple(WIDTHS), tuple(groups), one_hot, align),
    st.lists(st.sampled_from([*divisions(tuple(WIDTHS)).values(), (("a", "c"), ("b",))]), min_size=3, max_size=3),
    st.booleans(),
    st.sampled_from(ALIGNMENTS),
)


@settings(max_examples=40)
@given(plans)
def test_a_task_sees_its_own_path_and_nothing_of_the_others(plan: Sharing) -> None:
    network, inputs = built(plan), rows()
    together = predict(network, stack(inputs, plan.align))
    for place, task in enumerate(plan.tasks):
        torch.testing.assert_close(predict(network.alone(task), inputs[place]), together[:, place])
    others = [one if place == 1 else one + 1 for place, one in enumerate(inputs)]
    torch.testing.assert_close(predict(network, stack(others, plan.align))[:, 1], together[:, 1])


@settings(max_examples=20)
@given(plans)
def test_tasks_of_one_group_have_one_module_and_no_others_have(plan: Sharing) -> None:
    network = built(plan)
    assert [len(block) for block in network.blocks] == [len(groups) for groups in plan.groups]  # type: ignore[arg-type]
    first = [layer.in_features for layer in network.blocks[0].modules() if isinstance(layer, nn.Linear)]
    told = 3 if plan.one_hot else 0
    assert first == [max(WIDTHS[task] for task in group) + told for group in plan.groups[0]]


@pytest.mark.parametrize("task", WIDTHS)
def test_an_example_changes_its_own_and_shared_blocks_only(task: str) -> None:
    plan = Sharing(RECIPE, tuple(WIDTHS), ((("a", "b"), ("c",)), (("a",), ("b",), ("c",)), (("a", "b", "c"),)))
    network, place = built(plan), list(WIDTHS).index(task)
    network(stack(rows(), "left"))[:, place].sum().backward()
    moved = [
        [any(p.grad is not None and bool(p.grad.any()) for p in module.parameters()) for module in block]  # type: ignore[union-attr]
        for block in network.blocks
    ]
    assert moved == [[task in group for group in groups] for groups in plan.groups]


def test_the_one_hot_is_what_tells_tasks_apart() -> None:
    inputs = torch.ones(1, 3, 5)
    for told in (False, True):
        out = built(Sharing.ends(RECIPE, tuple(WIDTHS), 3, 3, one_hot=told))(inputs)
        assert torch.allclose(out[:, 0], out[:, 2]) is not told


@pytest.mark.parametrize(("align", "row"), [("left", [1, 2, 3, 0, 0]), ("right", [0, 0, 1, 2, 3])])
def test_narrow_inputs_are_padded_on_the_other_side(align: str, row: list[int]) -> None:
    stacked = stack([torch.tensor([[1.0, 2, 3]]), torch.ones(1, 5)], align)
    assert stacked.tolist() == [[row, [1, 1, 1, 1, 1]]]


def test_tasks_need_as_many_examples_each() -> None:
    with pytest.raises(InputError, match=r"^tasks have \[2, 3\] examples; allowed: as many of each$"):
        stack([torch.ones(2, 3), torch.ones(3, 3)], "left")


def test_a_plan_for_another_network_is_refused() -> None:
    plan = Sharing.ends(RECIPE, tuple(WIDTHS), 4, 2)
    with pytest.raises(InputError, match=r"the plan has 4 blocks for a, b, c, the network 3 for a, b, c; allowed: "):
        SharedMLP(plan, WIDTHS, 2, depth=2)
    with pytest.raises(InputError, match="the network 4 for a; allowed: "):
        SharedMLP(plan, {"a": 3}, 2, depth=3)


def test_one_task_by_itself_is_trained_as_the_plain_network_is() -> None:
    (x, *_), generator = rows(12), torch.Generator().manual_seed(2)
    y = torch.rand(12, 2, generator=generator) + 0.2
    plan = Sharing(RECIPE, ("a",), ((("a",),),) * 3)
    together = SharedMLP(plan, WIDTHS, 2, 2, 6)
    draw_weights(together, 1.0, torch.Generator().manual_seed(0))
    plain, order = together.alone("a"), torch.Generator().manual_seed(5)
    train(Training(together, x[:, None], y[:, None], RECIPE, order, loss=objective(together)))
    train(Training(plain, x, y, RECIPE, torch.Generator().manual_seed(5)))
    for ours, theirs in zip(together.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "how", [{}, {"weighting": "uncertainty"}, {"weighting": "surgery", "weights": (1.0, 2.0, 0.5)}]
)
def test_all_tasks_learn_at_once(how: dict[str, object]) -> None:
    x = stack(rows(40), "left")
    y = torch.stack([1.5 + x[:, i, 0].sin()[:, None].expand(-1, 2) * (-1) ** i for i in range(3)], 1)
    plan = Sharing.ends(Recipe(rate=0.01, batch=8, epochs=40, activation="tanh"), tuple(WIDTHS), 3, 2, **how)  # type: ignore[arg-type]
    network = built(plan)
    before = (predict(network, x) - y).abs().mean((0, 2))
    step, order = operation(network, torch.Generator()), torch.Generator().manual_seed(0)
    train(Training(network, x, y, plan.recipe, order, loss=objective(network), step=step))
    assert bool(((predict(network, x) - y).abs().mean((0, 2)) < 0.4 * before).all())
