"""Task weighting against the formulas of the papers, coded literally."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graft.models.losses import Batch, relative_l1
from graft.models.networks.joined import per_task
from graft.models.networks.shared import SharedMLP
from graft.models.train import descent
from graft.models.weighting import fixed, objective, operation, project, surgery, uncertainty
from graft.spaces.plan import Recipe
from graft.spaces.sharing import Sharing

TASKS = ("a", "b")


def network(**how: object) -> SharedMLP:
    torch.manual_seed(0)
    plan = Sharing.ends(Recipe(activation="tanh"), TASKS, 2, 1, **how)  # type: ignore[arg-type]
    return SharedMLP(plan, {"a": 2, "b": 2}, outputs=3, depth=1, width=4)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(5, 2, 2, generator=generator), torch.rand(5, 2, 3, generator=generator) + 0.3


def test_each_task_has_its_own_loss() -> None:
    prediction, wanted = torch.rand(4, 2, 3), torch.rand(4, 2, 3) + 0.5
    found = per_task(relative_l1, prediction, wanted).tolist()
    assert found == pytest.approx([float(relative_l1(prediction[:, i], wanted[:, i])) for i in range(2)])


def test_fixed_weights_are_factors_of_a_mean() -> None:
    assert float(fixed(torch.tensor([6.0, 0.5]))(torch.tensor([0.1, 0.4]))) == pytest.approx((0.6 + 0.2) / 2)


def test_uncertainty_is_the_likelihood_of_laplace_and_is_best_where_scale_is_error() -> None:
    losses, scale = torch.tensor([0.02, 0.3]), torch.tensor([-1.0, 0.5], requires_grad=True)
    literal = sum(L * math.exp(-s) + s for L, s in zip([0.02, 0.3], [-1.0, 0.5], strict=True)) / 2
    assert float(uncertainty(scale)(losses).detach()) == pytest.approx(literal)
    best = losses.log().requires_grad_()
    uncertainty(best)(losses).backward()
    torch.testing.assert_close(best.grad, torch.zeros(2), atol=1e-7, rtol=0)


# Smaller numbers have squares that are no numbers any more, and the formula of the oracle divides by those.
entries = st.floats(-3, 3).map(lambda value: value if abs(value) > 1e-100 else 0.0)
gradients = st.lists(st.lists(entries, min_size=4, max_size=4), min_size=2, max_size=2).map(
    lambda rows: torch.tensor(rows, dtype=torch.float64)
)


@given(gradients)
def test_surgery_on_two_tasks_is_the_papers_projection(rows: torch.Tensor) -> None:
    a, b = rows
    projected = project(rows, torch.Generator().manual_seed(0))
    if float(a @ b) >= 0:
        assert torch.equal(projected, rows)
    else:
        torch.testing.assert_close(projected[0], a - (a @ b) / (b @ b) * b)
        torch.testing.assert_close(projected[1], b - (a @ b) / (a @ a) * a)
        assert float(projected[0] @ b) == pytest.approx(0, abs=1e-9)


def test_a_gradient_too_small_to_be_squared_takes_nothing_out() -> None:
    rows = torch.tensor([[0.0, 1.0], [0.0, -1e-30]])
    assert project(rows, torch.Generator().manual_seed(0)).tolist() == [[0.0, 1.0], [0.0, 0.0]]


def test_surgery_meets_the_others_in_random_order_and_as_they_were() -> None:
    rows = torch.tensor([[1.0, 0.0], [-1.0, 0.3], [-1.0, -1.0]], dtype=torch.float64)

    def literal(order: list[int]) -> torch.Tensor:
        own = rows[0].clone()
        for j in order:
            if j and float(own @ rows[j]) < 0:
                own -= (own @ rows[j]) / (rows[j] @ rows[j]) * rows[j]
        return own

    allowed = {tuple(round(v, 9) for v in literal(order).tolist()) for order in ([1, 2], [2, 1])}
    found = {
        tuple(round(v, 9) for v in project(rows, torch.Generator().manual_seed(seed))[0].tolist()) for seed in range(20)
    }
    assert found == allowed and len(allowed) == 2


def test_without_conflict_surgery_is_the_plain_gradient_and_own_blocks_keep_theirs() -> None:
    plain, operated = network(), network(weighting="surgery", weights=(1.0, 1.0))
    operated.load_state_dict(plain.state_dict())
    x, y = batch()
    y = y[:, :1].expand(-1, 2, -1)  # the same task twice
    x = x[:, :1].expand(-1, 2, -1)
    for task in (0, 1):  # equal heads, so that both pull alike
        for name, value in operated.blocks[1][0].named_parameters():  # type: ignore[index]
            operated.blocks[1][task].load_state_dict({name: value.detach()}, strict=False)  # type: ignore[index]
    plain.load_state_dict(operated.state_dict())
    step = operation(operated, torch.Generator().manual_seed(0))
    assert step is not None and operation(plain, torch.Generator()) is None
    torch.testing.assert_close(step(operated, Batch(x, y)), descent(objective(plain))(plain, Batch(x, y)))
    for ours, theirs in zip(operated.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_surgery_leaves_the_mean_of_what_it_projected() -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    parameter = torch.nn.Parameter(x.detach())
    losses = torch.stack([(parameter * torch.tensor([1.0, 1.0])).sum(), (parameter * torch.tensor([-1.0, 0.5])).sum()])
    surgery(losses, [parameter], torch.Generator().manual_seed(0))
    wanted = project(torch.tensor([[1.0, 1.0], [-1.0, 0.5]]), torch.Generator().manual_seed(0)).mean(0)
    torch.testing.assert_close(parameter.grad, wanted)


@pytest.mark.parametrize("how", [{"weighting": "fixed", "weights": (3.0, 1.0)}, {}])
def test_the_weights_of_a_plan_reach_the_gradient(how: dict[str, object]) -> None:
    net, (x, y) = network(**how), batch()
    loss = objective(net)(net, Batch(x, y))
    loss.backward()
    losses = per_task(relative_l1, net(x), y).detach()
    weights = torch.tensor(how.get("weights", (1.0, 1.0)))
    assert float(loss.detach()) == pytest.approx(float((weights * losses).mean()))
    assert all(parameter.grad is not None for parameter in net.parameters())
