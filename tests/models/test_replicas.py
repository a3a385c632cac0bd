"""Networks that are trained together end where each ends by itself."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from graft.models import replicas
from graft.models.initialise import draw_weights
from graft.models.losses import NonFiniteLoss
from graft.models.networks.cnn import Classifier
from graft.models.networks.mlp import MLP
from graft.models.replicas import Stack, train_together
from graft.models.train import Training, alone, prepare_process
from graft.spaces.plan import OPTIMISERS, Block, Recipe

ROWS, K = 23, 3


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def trainings(
    build: Callable[[], nn.Module], recipes: Sequence[Recipe], blocks: Sequence[Sequence[Block]] = ((), (), ())
) -> list[Training]:
    """Each with weights, rows and an order of its own."""
    found = []
    for seed in range(K):
        network = build()
        draw_weights(network, 1.0, drawn(seed))
        x = torch.rand(ROWS, 4, generator=drawn(10 + seed))
        y = 1 + torch.stack([x.sum(1), x.prod(1)], 1)
        found.append(Training(network, x, y, recipes[seed], drawn(20 + seed), blocks[seed]))
    return found


def again(training: Training) -> Training:
    """The same from its beginning."""
    order = torch.Generator()
    order.set_state(training.order.get_state())
    return replace(training, network=deepcopy(training.network), order=order)


def same(together: Sequence[Training], seen: Callable[[], None] = lambda: None) -> None:
    """Carry them out together and each by itself, and compare losses and all that networks hold."""
    assert len({training.fuse_key for training in together}) == 1 and together[0].fuse_key is not None
    copies = [again(training) for training in together]
    losses = train_together(together)
    for training, copy, loss in zip(together, copies, losses, strict=True):
        assert loss == pytest.approx(alone(copy), rel=2e-3)
        for (name, mine), theirs in zip(
            training.network.state_dict().items(), copy.network.state_dict().values(), strict=True
        ):
            torch.testing.assert_close(mine, theirs, rtol=5e-3, atol=2e-4, msg=name)


@pytest.fixture
def stacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many networks each stack held that was trained: what follows is no comparison of a thing with itself."""
    found: list[int] = []
    loop = replicas._loop

    def counted(stack: Stack) -> list[float | ArithmeticError]:
        found.append(len(stack.trainings))
        return loop(stack)

    monkeypatch.setattr(replicas, "_loop", counted)
    return found


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh"])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_perceptrons_of_recipes_that_differ_in_numbers(optimiser: str, activation: str, stacked: list[int]) -> None:
    rates, decays = (3e-3, 1e-2, 5e-3), (0.0, 0.1, 0.0)
    recipes = [
        Recipe(rate=rate, decay=decay, epochs=5, batch=8, optimiser=optimiser, warmup=number, activation=activation)
        for number, (rate, decay) in enumerate(zip(rates, decays, strict=True))
    ]
    same(trainings(lambda: MLP(4, 2, 2, 8, activation), recipes))
    assert stacked == [K]


@pytest.mark.parametrize("sort", ["its own", "vmap"])
def test_a_linear_part_and_either_way_to_ask_a_stack(
    sort: str, stacked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    if sort == "vmap":
        monkeypatch.delattr(MLP, "stacked")
    same(trainings(lambda: MLP(4, 2, 2, 8, "gelu", linear=True), [Recipe(epochs=4, batch=8, loss="mse")] * K))
    assert stacked == [K]


def test_blocks_that_are_frozen_slower_or_pulled_back_in_some(stacked: list[int]) -> None:
    recipe = Recipe(rate=1e-2, epochs=5, batch=8, warmup=0)
    blocks = [
        [Block("another", rate=0.0), Block("another", rate=0.3, pull=0.5), Block()],
        [Block(), Block(), Block()],
        [Block("another", rate=0.5, pull=0.1), Block(), Block(rate=2.0)],
    ]
    made = trainings(lambda: MLP(4, 2, 2, 8, "gelu"), [recipe] * K, blocks)
    before = made[0].network.blocks[0][0].weight.clone()
    same(made)
    assert torch.equal(made[0].network.blocks[0][0].weight, before) and stacked == [K]


def test_blocks_that_thaw_at_different_times_or_not_at_all(stacked: list[int]) -> None:
    recipe = Recipe(rate=1e-2, epochs=5, batch=8, warmup=0)
    blocks = [
        [Block("another", thaw=0.8), Block("another", thaw=0.4), Block()],
        [Block("another", thaw=0.8), Block("another"), Block()],
        [Block(), Block(), Block()],
    ]
    same(trainings(lambda: MLP(4, 2, 2, 8, "gelu"), [recipe] * K, blocks))
    assert stacked == [K]


def test_priors_of_their_own(stacked: list[int]) -> None:
    recipe = Recipe(rate=1e-2, epochs=4, batch=8, warmup=0)
    blocks = [[Block("another", pull=0.5, prior="fisher"), Block(), Block()]] * 2 + [[Block(), Block(), Block()]]
    made = trainings(lambda: MLP(4, 2, 2, 8, "gelu"), [recipe] * K, blocks)
    for training in made[:2]:
        precision = deepcopy(training.network)
        for weight in precision.parameters():
            weight.data = torch.rand(weight.shape, generator=drawn(7))
        made[made.index(training)] = replace(training, precision=precision)
    same(made)
    assert stacked == [K]


def test_a_block_that_is_frozen_in_all_gets_no_gradient(stacked: list[int]) -> None:
    blocks = [[Block("another", rate=0.0), Block(), Block()]] * K
    same(trainings(lambda: MLP(4, 2, 2, 8, "gelu"), [Recipe(epochs=3, batch=8)] * K, blocks))
    assert stacked == [K]


class Pictures(nn.Module):
    """Convolutions with batch normalisation: buffers change while it trains."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Sequential(nn.Conv1d(1, 3, 3, padding=1, bias=False), nn.BatchNorm1d(3), nn.ReLU())
        self.blocks = nn.ModuleList([first, nn.Linear(12, 2)])

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks[1](self.blocks[0](x[:, None]).flatten(1))


def test_convolutions_and_their_running_statistics(stacked: list[int]) -> None:
    same(trainings(Pictures, [Recipe(epochs=4, batch=8, rate=3e-3)] * K))
    assert stacked == [K]


class Cut(nn.Module):
    """Modules that are reached by names of their own and as blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.head = nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.Linear(6, 2)
        self.blocks = nn.ModuleList([nn.ModuleList([self.first, self.norm]), self.head])

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.norm(self.first(x))))


class Tied(nn.Module):
    """Two modules of a block with one weight."""

    def __init__(self) -> None:
        super().__init__()
        twice = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
        twice[2].weight = twice[0].weight
        self.blocks = nn.ModuleList([twice, nn.Linear(4, 2)])

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks[1](self.blocks[0](x))


@pytest.mark.parametrize("build", [Cut, Tied])
def test_modules_of_two_names_and_weights_of_two_modules(build: Callable[[], nn.Module], stacked: list[int]) -> None:
    made = trainings(build, [Recipe(epochs=4, batch=8, rate=3e-3)] * K)
    held = [list(training.network.parameters()) for training in made]
    same(made)
    assert stacked == [K]
    for training, before in zip(made, held, strict=True):  # nothing that a stack had put in was left in its place
        assert all(mine is theirs for mine, theirs in zip(training.network.parameters(), before, strict=True))


def test_classifiers_of_images_are_stacked(stacked: list[int]) -> None:
    made = []
    for seed in range(K):
        network = Classifier(3, 2, 4, "gelu")
        draw_weights(network, 1.0, drawn(seed))
        images = torch.rand(ROWS, 8, 8, generator=drawn(10 + seed))
        kinds = torch.eye(3)[torch.randint(3, (ROWS,), generator=drawn(30 + seed))]
        recipe = Recipe(epochs=3, batch=8, rate=3e-3, loss="cross-entropy")
        made.append(Training(network, images, kinds, recipe, drawn(20 + seed)))
    same(made)
    assert stacked == [K]


def test_what_is_drawn_for_each_batch_is_drawn_by_each_training(stacked: list[int]) -> None:
    def noisy(inputs: Tensor, draws: torch.Generator) -> Tensor:
        return inputs + 0.1 * torch.randn(inputs.shape, generator=draws)

    made = trainings(lambda: MLP(4, 2, 2, 8, "gelu"), [Recipe(epochs=4, batch=8)] * K)
    same([replace(training, augment=noisy) for training in made])
    assert stacked == [K]


class Dropping(MLP):
    """Draws numbers of its own."""

    def __init__(self) -> None:
        super().__init__(4, 2, 2, 8, "gelu")
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.dropout(x))


class Recurrent(nn.Module):
    """A unit that vmap does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.GRU(1, 4, batch_first=True), nn.Linear(4, 2)])

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks[1](self.blocks[0](x[..., None])[0][:, -1])


class Secret(nn.Module):
    """Keeps a tensor that is neither parameter nor buffer, another in each network."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(4, 3), nn.Linear(3, 2)])
        self.secret = torch.rand(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks[1](self.blocks[0](x) * self.secret)


@pytest.mark.parametrize("build", [Dropping, Recurrent, Secret])
def test_what_cannot_be_stacked_is_trained_one_by_one(build: Callable[[], nn.Module], stacked: list[int]) -> None:
    made = [replace(one, noise=5) for one in trainings(build, [Recipe(epochs=2, batch=8)] * K)]
    same(made)
    assert stacked == []


def test_one_that_diverges_fails_alone(stacked: list[int]) -> None:
    made = trainings(lambda: MLP(4, 2, 2, 8, "relu"), [Recipe(epochs=6, batch=8)] * K)
    made[1] = replace(made[1], recipe=replace(made[1].recipe, rate=1e30, warmup=0))
    copies = [again(training) for training in made]
    first, problem, third = train_together(made)
    assert stacked == [K] and isinstance(problem, NonFiniteLoss)
    with pytest.raises(NonFiniteLoss) as raised:
        alone(copies[1])
    assert str(problem).split(" at ")[1] == str(raised.value).split(" at ")[1]
    assert [first, third] == [pytest.approx(alone(copies[0]), rel=1e-3), pytest.approx(alone(copies[2]), rel=1e-3)]


def test_the_same_bits_twice() -> None:
    made = trainings(lambda: MLP(4, 2, 2, 8, "gelu"), [Recipe(epochs=4, batch=8)] * K)
    copies = [again(training) for training in made]
    assert train_together(made) == train_together(copies)
    for one, other in zip(made, copies, strict=True):
        assert all(map(torch.equal, one.network.parameters(), other.network.parameters()))


def test_what_has_gradients_terms_or_a_width_of_its_own_has_no_key() -> None:
    (one, *_) = trainings(lambda: MLP(4, 2, 2, 8), [Recipe(epochs=2, batch=8)] * K)
    assert one.fuse_key is not None
    assert replace(one, step=lambda network, batch: batch.inputs.sum()).fuse_key is None
    assert replace(one, recipe=replace(one.recipe, batch=2**22)).fuse_key is None
