"""States learned from, each kind of model, beside a plain torch loop as in a tutorial.

Graft draws symmetries anew for every batch, and its models have a linear term; the plain loops have neither.
"""

from collections.abc import Callable
from functools import partial

import torch
from figures.beside import Figure, Pair, Side
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from graft.models.distil import distil
from graft.models.networks.ednn import EDNNShape
from graft.models.networks.sequence.fit import fit
from graft.models.networks.sequence.shape import SequenceShape
from graft.models.symmetries import Symmetries
from graft.spaces.plan import Recipe

BATCH = 250
SYMMETRIES = Symmetries.of(("translations", "reflections", "rotations", "colours"), (8, 8))
Job = Callable[[Tensor], object]


def ours(shape: SequenceShape) -> Job:
    """The one training loop, symmetries drawn anew for every batch."""
    model, generator = shape.build(), torch.Generator().manual_seed(0)
    return lambda states: fit(model, states, Recipe(batch=BATCH, epochs=1), generator, symmetries=SYMMETRIES)


def plain(network: nn.Module) -> Job:
    """A data loader, BCEWithLogitsLoss and Adam, as in a tutorial; no linear term, no symmetries."""
    optimiser, loss_of = torch.optim.Adam(network.parameters()), nn.BCEWithLogitsLoss()

    def job(states: Tensor) -> None:
        for (rows,) in DataLoader(TensorDataset(states.float()), batch_size=BATCH, shuffle=True):
            optimiser.zero_grad()
            loss_of(network(2 * rows - 1), rows).backward()
            optimiser.step()

    return job


def shifted(spins: Tensor) -> Tensor:
    """What each site sees of the one before it, (batch, sites, 1)."""
    return torch.cat([torch.zeros_like(spins[:, :1]), spins[:, :-1]], 1).unsqueeze(2)


class Recurrent(nn.Module):
    """nn.GRU and a linear head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(1, width, batch_first=True), nn.Linear(width, 1)

    def forward(self, spins: Tensor) -> Tensor:
        """Logits (batch, sites)."""
        return self.head(self.gru(shifted(spins))[0]).squeeze(2)


class MaskedLinear(nn.Linear):
    """A linear layer whose weights are multiplied by a mask in every pass."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        """As of nn.Linear."""
        return nn.functional.linear(x, self.weight * self.mask, self.bias)


def masked(width: int) -> nn.Module:
    """MADE of one hidden layer (Germain et al. 2015); of none, logistic regression of each site on those before it."""
    sites = torch.arange(64)
    if not width:
        return MaskedLinear((sites[:, None] > sites).float())
    degrees = torch.arange(width) % 63
    first, last = (degrees[:, None] >= sites).float(), (sites[:, None] > degrees).float()
    return nn.Sequential(MaskedLinear(first), nn.ReLU(), MaskedLinear(last))


class Attending(nn.Module):
    """nn.TransformerEncoder with a causal mask, places learned."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        heads, inner = width // 16, 2 * width
        layer = nn.TransformerEncoderLayer(width, heads, inner, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.read, self.head = nn.Linear(1, width), nn.Linear(width, 1)
        self.places = nn.Parameter(torch.zeros(64, width))
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(64))

    def forward(self, spins: Tensor) -> Tensor:
        """Logits (batch, sites)."""
        return self.head(self.encoder(self.read(shifted(spins)) + self.places, self.mask, is_causal=True)).squeeze(2)


def extensive(focus: int, batch: int) -> Job:
    """An EDNN on labels."""
    network, generator = EDNNShape(focus=focus).build(), torch.Generator().manual_seed(0)
    recipe = Recipe(batch=batch, epochs=1)
    return lambda states: distil(network, states.view(-1, 8, 8), states.float().sum(1), recipe, generator)


def plain_extensive(batch: int) -> Job:
    """Tiles by circular padding and unfold, a perceptron on every one of them."""
    network = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 1))
    optimiser, loss_of = torch.optim.Adam(network.parameters()), nn.MSELoss()

    def job(states: Tensor) -> None:
        pairs = TensorDataset(2 * states.float().view(-1, 1, 8, 8) - 1, states.float().sum(1))
        for rows, labels in DataLoader(pairs, batch_size=batch, shuffle=True):
            padded = nn.functional.pad(rows, (1, 1, 1, 1), mode="circular")
            tiles = nn.functional.unfold(padded, 4, stride=2).transpose(1, 2)
            optimiser.zero_grad()
            loss_of(network(tiles).sum((1, 2)), labels).backward()
            optimiser.step()

    return job


def learning(job: Job, rows: int) -> Side:
    """One pass over random states (rows, sites)."""
    states = torch.randint(2, (rows, 64), dtype=torch.uint8)
    return Side(lambda _: job(states), rows)


def sequence(shape: SequenceShape, peer: Callable[[], nn.Module], rows: int) -> Pair:
    """A sequence model and its plain loop."""
    return Pair(learning(ours(shape), rows), learning(plain(peer()), rows))


def energies() -> Pair:
    """An extensive network, tiles of four sites a side, and its plain loop."""
    return Pair(learning(extensive(2, 4000), 16_000), learning(plain_extensive(4000), 16_000))


MODELS = (
    ("GRU 32", SequenceShape("gru", (8, 8), width=32), partial(Recurrent, 32), 500),
    ("GRU 128", SequenceShape("gru", (8, 8), width=128), partial(Recurrent, 128), 500),
    ("MADE 512", SequenceShape("made", (8, 8), width=512), partial(masked, 512), 5000),
    ("transformer 2 x 32", SequenceShape("transformer", (8, 8), depth=2, width=32), partial(Attending, 2, 32), 500),
    ("linear", SequenceShape("linear", (8, 8)), partial(masked, 0), 20_000),
)
FIGURES = (
    *(
        Figure(f"sequence/{name}", "states", "plain torch loop, batch 250", 1, partial(sequence, shape, peer, rows))
        for name, shape, peer, rows in MODELS
    ),
    Figure("sequence/EDNN f=2", "states", "plain torch loop, batch 4,000", 1, energies),
)
