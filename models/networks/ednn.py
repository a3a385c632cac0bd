"""Extensive deep neural networks: an energy that is a sum over tiles (Mills et al. 2019, arXiv:1708.06686)."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from graft.models import tiles
from graft.models.networks.mlp import layer
from graft.models.networks.sequence.chain import channels, encode
from graft.spaces.errors import InputError
from graft.spaces.settings import Count, Settings, Truth, Whole, settings

CHUNK = 2**16


class EDNN(nn.Module):
    """The same perceptron looks at every tile, and the energy is the sum of what it says.

    States are **index tensors** (batch, rows, columns), values 0 .. q-1, of any size that the tiles cover. What tiles
    are and how they are numbered is said in `graft.models.tiles`. As training asks for energies of hundreds of units,
    outputs are in units of ``scale`` from ``offset`` (each per tile), which `centre` sets.

    Args:
        q: Values of a spin.
        focus: Side f of a tile without its context.
        context: Sites c around it; the energy of a tile may depend on these too.
        widths: Hidden layers (ReLU); (32, 64) in Sprague et al. 2021, with f = 2 and c = 1.

    Attributes:
        rest: A number for each different tile besides, if there is one (see `tile_residual`): shaped as its `table`.
    """

    scale: Tensor
    offset: Tensor
    rest: Tensor | None

    def __init__(self, q: int = 2, focus: int = 2, context: int = 1, widths: Sequence[int] = (32, 64)) -> None:
        super().__init__()
        self.q, self.focus, self.context = q, focus, context
        self.sites = (focus + 2 * context) ** 2
        before = [self.sites * channels(q), *widths]
        hidden = [layer(a, b, "relu") for a, b in zip(before, before[1:], strict=False)]
        self.blocks = nn.ModuleList([*hidden, layer(before[-1], 1)])
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("offset", torch.zeros(()))
        self.register_buffer("rest", None)

    def centre(self, energies: Tensor, shape: Sequence[int]) -> None:
        """Make the outputs' unit and zero those of these energies (states,) of lattices of this shape."""
        count = (shape[0] // self.focus) * (shape[1] // self.focus)
        self.scale.copy_(energies.std().clamp_min(1e-6) / count**0.5)
        self.offset.copy_(energies.mean() / count)

    def forward(self, index: Tensor) -> Tensor:
        """Energies (batch,)."""
        count = index[0].numel() // self.focus**2 * len(index)
        if count >= self.q**self.sites <= tiles.MOST_CODES:  # each different tile once is the least work
            table = self.with_rest(self.of_tiles(tiles.every(self.q, self.focus, self.context)))
            return table[tiles.codes(index, self.q, self.focus, self.context)].sum(1)
        return self.of_cut(index)

    def of_cut(self, index: Tensor) -> Tensor:
        """Energies (batch,), tile by tile."""
        energies = self.of_tiles(tiles.cut(index, self.focus, self.context)).sum(1)
        if self.rest is None:
            return energies
        return energies + tiles.read(self.rest, tiles.codes(index, self.q, self.focus, self.context)).sum(1)

    def with_rest(self, table: Tensor) -> Tensor:
        """A table of what the perceptron says, and the numbers besides."""
        return table if self.rest is None else table + self.rest

    def of_tiles(self, index: Tensor) -> Tensor:
        """What the perceptron says of each tile, (..., sites of a tile) to (...)."""
        x = encode(index, self.q, self.scale.dtype).flatten(-2)
        for block in self.blocks:
            x = block(x)
        return x.squeeze(-1) * self.scale + self.offset

    def table(self) -> NDArray[np.float64]:
        """Energies of all tiles, float64 (codes,), by code: sum_k index_k q^k, k row by row, top left k = 0.

        Raises:
            InputError: If they are more than 2^24.
        """
        everything = tiles.every(self.q, self.focus, self.context)
        with torch.inference_mode():
            return self.with_rest(torch.cat([self.of_tiles(part).double() for part in everything.split(CHUNK)])).numpy()


class PlacedLinear(nn.Module):
    """A linear map of its own for each place, (batch, places, before) to (batch, places, after)."""

    def __init__(self, places: int, before: int, after: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(places, before, after))
        self.bias = nn.Parameter(torch.empty(places, 1, after))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As `nn.Linear` at each place."""
        bound = self.weight.shape[1] ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return torch.baddbmm(self.bias, x.transpose(0, 1), self.weight).transpose(0, 1)


class PlacedEDNN(EDNN):
    """A perceptron of its own for each tile: for couplings that differ from place to place.

    Locality carries over, so local updates do as well. What cannot: another size of lattice, and averaging over
    symmetries of the lattice; the flip of all spins remains.

    Args:
        shape: Rows and columns, the only ones that it can be used on.
        q: Values of a spin.
        focus: Side of a tile without its context.
        context: Sites around it.
        widths: Hidden layers.
    """

    def __init__(
        self, shape: Sequence[int], q: int = 2, focus: int = 2, context: int = 1, widths: Sequence[int] = (32, 64)
    ) -> None:
        super().__init__(q, focus, context, widths)
        tiles.fits(shape, focus, context)
        places = (shape[0] // focus) * (shape[1] // focus)
        before = [self.sites * channels(q), *widths]
        hidden = [
            nn.Sequential(PlacedLinear(places, a, b), nn.ReLU()) for a, b in zip(before, before[1:], strict=False)
        ]
        self.blocks = nn.ModuleList([*hidden, PlacedLinear(places, before[-1], 1)])
        self.shape, self.places = tuple(shape), places

    def forward(self, index: Tensor) -> Tensor:
        """Energies (batch,).

        Raises:
            InputError: If the states are of another size.
        """
        if index.shape[1:] != self.shape:
            given, own = (" x ".join(map(str, shape)) for shape in (index.shape[1:], self.shape))
            raise InputError(f"states of {given}; allowed: {own}, the lattice whose couplings this network has learned")
        return self.of_cut(index)

    def table(self) -> NDArray[np.float64]:
        """Energies of all tiles at each place, float64 (tiles, codes); tiles row by row, codes as in `EDNN.table`.

        Raises:
            InputError: If they are more than 2^24 at one place.
        """
        everything = tiles.every(self.q, self.focus, self.context)
        with torch.inference_mode():
            parts = [
                self.of_tiles(part.unsqueeze(1).expand(-1, self.places, -1)).double().T
                for part in everything.split(CHUNK // self.places + 1)
            ]
            return self.with_rest(torch.cat(parts, 1)).numpy()


@settings("ednn")
class EDNNShape(Settings):
    """Everything needed to build an EDNN again.

    Attributes:
        q: Values of a spin.
        focus: Side of a tile without its context.
        context: Sites around it.
        widths: Hidden layers.
        lattice: Rows and columns of a network whose weights differ from tile to tile; None for one that is the same
            everywhere.
        settled: Whether it has a number for each different tile besides.
    """

    q: Annotated[Whole, Field(ge=2, le=255)] = 2
    focus: Count = 2
    context: Annotated[Whole, Field(ge=0)] = 1
    widths: tuple[Count, ...] = (32, 64)
    lattice: tuple[Whole, ...] | None = None
    settled: Truth = False

    def __post_init__(self) -> None:
        if self.lattice is not None:
            tiles.fits(self.lattice, self.focus, self.context)

    def build(self) -> EDNN:
        """A network of this shape, weights still PyTorch's own."""
        size = (self.q, self.focus, self.context, self.widths)
        network = EDNN(*size) if self.lattice is None else PlacedEDNN(self.lattice, *size)
        if self.settled:
            codes = tiles.codes_of(self.q, self.focus, self.context)
            network.rest = torch.zeros(network.places, codes) if isinstance(network, PlacedEDNN) else torch.zeros(codes)
        return network
