"""Exact solutions of models of spins, to which anything learned or sampled is held.

What is exact here, and up to what size: thermodynamics of any couplings by transfer matrix (11 columns of spins -1
and 1), of three equal colours (8 columns) and of the Ising torus of any size by Kaufman's formula; ground states;
numbers of states by energy; independent samples. Test sets uniform in energy come from a random walk.
"""

from graft.simulators.spins.exact.counting import density_of_states
from graft.simulators.spins.exact.ground import ground_state
from graft.simulators.spins.exact.independent import iid
from graft.simulators.spins.exact.multicanonical import uniform_in_energy
from graft.simulators.spins.exact.thermodynamics import entropy, heat_capacity, internal_energy, log_partition

__all__ = [
    "density_of_states",
    "entropy",
    "ground_state",
    "heat_capacity",
    "iid",
    "internal_energy",
    "log_partition",
    "uniform_in_energy",
]
