"""Teaching an extensive network (EDNN) what a sequence model has learned, on random and on actively chosen states."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graft.models import tiles
from graft.models.distil import distil
from graft.models.initialise import draw_weights
from graft.models.networks.ednn import EDNN, EDNNShape
from graft.models.networks.tile_residual import settled
from graft.search.run.seeds import Draws
from graft.search.tasks.distilled.spread import (
    Energy,
    Index,
    coupling_unit,
    inverse_temperatures,
    random_states,
    spread_by_tiles,
)
from graft.search.tasks.distilled.watcher import NAMES, tensor
from graft.simulators.spins.tiles import Tiles
from graft.spaces.dcl import Student
from graft.spaces.plan import Recipe

REACH = (0.3, 0.6)
"""Share of `BETAS` at which a student chooses states, of a quiet teacher and of a noisy one: in the Ising model T = 5.6
and 2.8. Further from random states a teacher errs more and more (0.2 J in the ground state, whatever its kind), and a
sum over tiles carries further than it does; nearer, a teacher's noise can be drawn out. Measured at 0.2 to 1.4."""
NOISE = 0.3
"""Of a noisy teacher: what no sum over tiles says of its energies of random states, in `spread.coupling_unit`.
Estimated too high where tiles are many for the states."""
METHOD = f"as near as noise allows ({REACH[0]:g} to {REACH[1]:g}, {NOISE:g}), then settled"
"""How students are taught, told beside what they learned: errors of another way are not reused."""
AT_ONCE = 50_000
"""States whose tiles are looked up together."""
PASSED_ON = 1 / 3
"""Share of random states in an active round; the rest the student's own Monte Carlo chooses."""


class Taught:
    """A student's energies, read from the table of its tiles.

    Args:
        table: Energies by code, (codes,), or (tiles, codes) where weights differ from tile to tile.
        student: What it is.
        shape: Rows and columns of the lattice that it was taught on.
        q: Values of a spin.
        network: It itself, if still known.
        built: What builds that.
    """

    def __init__(
        self,
        table: NDArray,
        student: Student,
        shape: tuple[int, ...],
        q: int,
        network: EDNN | None = None,
        built: EDNNShape | None = None,
    ) -> None:
        self.table, self.student, self.shape, self.q, self.network, self.built = (
            table,
            student,
            shape,
            q,
            network,
            built,
        )

    def __call__(self, index: Index) -> NDArray[np.float64]:
        """Energies (states,) of index arrays (states, sites)."""
        rows, one = tensor(index).view(-1, *self.shape), self.student
        parts = [tiles.table_energy(self.table, part, self.q, one.focus, one.context) for part in rows.split(AT_ONCE)]
        return np.concatenate(parts)

    def laid(self, shape: tuple[int, ...]) -> Tiles:
        """The energy laid over a lattice of any size that its tiles cover, for Monte Carlo."""
        return Tiles(self.table, (shape[0], shape[1]), self.student.focus, self.student.context, self.q)

    def zeroed(self) -> "Taught":
        """In the gauge in which random states have energy 0 on average, on lattices of any size.

        All tiles are equally likely in a random state.
        """
        table = self.table - self.table.mean(-1, keepdims=True)
        return Taught(table, self.student, self.shape, self.q)

    def symmetrised(self, symmetries: str = "all") -> "Taught":
        """The same, its table averaged over the symmetries of a tile: what averaging all images of a state comes to.

        Args:
            symmetries: That may be used, as a study names them. Where tiles differ from place to place, only colours
                are a symmetry.
        """
        one = self.student
        names = [
            name for name in NAMES[symmetries] if name != "translations" and (self.table.ndim == 1 or name == "colours")
        ]
        rows = [tiles.symmetrised(row, self.q, one.focus, one.context, names) for row in np.atleast_2d(self.table)]
        return Taught(rows[0] if self.table.ndim == 1 else np.stack(rows), one, self.shape, self.q)


def student_shape(student: Student, shape: tuple[int, ...], q: int, uniform: bool) -> EDNNShape:
    """The shape of a student; its weights differ from tile to tile where couplings do."""
    return EDNNShape(q, student.focus, student.context, student.widths, None if uniform else shape)


def reach(noise: float) -> float:
    """The share of `BETAS` at which a student chooses states, by the noise of its teacher in the unit of `NOISE`."""
    near, far = REACH
    return float(np.clip(far * noise / NOISE, near, far))


def teach(
    student: Student,
    teacher: Energy,
    shape: tuple[int, ...],
    q: int,
    states: int,
    epochs: int,
    draws: Draws,
    uniform: bool = True,
) -> Taught:
    """Train a student on its teacher's energies: of random states first, then of states that it chooses itself.

    In each active round a third of the states is random and the others are drawn by Monte Carlo with the student's own
    energy at inverse temperatures of both signs, so that it meets its own mistakes, the nearer to random states the
    less noise the teacher has (`reach`); what the network leaves is solved exactly in the end (`tile_residual`).
    Without active rounds the network stays as it is, as in the paper. Nobody asks for the Hamiltonian.

    Args:
        student: Shape, rounds, rate, batch.
        teacher: Energies (states,) of index arrays (states, sites).
        shape: Rows and columns.
        q: Values of a spin.
        states: In each round.
        epochs: Over them.
        draws: Random states and weights.
        uniform: Whether one network serves all tiles.

    Raises:
        NonFiniteLoss: If training diverges.
        InputError: If the tiles are too many for a table, or do not fit the lattice.
    """
    tiles.codes_of(q, student.focus, student.context)
    built, sites = student_shape(student, shape, q, uniform), int(np.prod(shape))
    network = built.build()
    draw_weights(network, 1.0, draws.shuffle)
    recipe = Recipe(rate=student.rate, batch=student.batch, epochs=epochs, loss="mse", optimiser="adam")
    given, told, betas = list[Tensor](), list[NDArray[np.float64]](), np.zeros(0)
    for number in range(student.rounds + 1):
        chosen = 0 if number == 0 else states - round(PASSED_ON * states)
        index = random_states(states - chosen, sites, q, draws.split)
        if chosen:
            taught = Taught(network.table(), student, shape, q)
            index = np.concatenate([index, spread_by_tiles(taught.laid(shape), betas, chosen, draws.split)])
        given.append(tensor(index).view(-1, *shape))
        told.append(teacher(index))
        distil(network, given[-1], torch.from_numpy(told[-1]), recipe, draws.shuffle, centred=number > 0)
        if number == 0 and student.rounds:
            noise = settled(network, built, given[0], told[0]).missed / coupling_unit(told[0], sites)
            betas = reach(noise) * inverse_temperatures(told[0], sites)
    if student.rounds:
        network, built, _ = settled(network, built, torch.cat(given), np.concatenate(told))
    return Taught(network.table(), student, shape, q, network, built)
