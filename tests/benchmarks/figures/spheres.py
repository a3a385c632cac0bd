"""Spectra of spheres: graft's kernel beside two Mie codes."""

import os

import numpy as np
from figures.beside import Figure, Pair, Side
from numpy.typing import NDArray

from graft.simulators.optics import materials
from graft.simulators.optics.film import PAIR, WAVELENGTHS_NM
from graft.simulators.optics.nanoparticle import scattering_efficiency

LAYERS = 8
INDEX = np.stack([materials.index(PAIR[j % 2], WAVELENGTHS_NM) for j in range(LAYERS)])
WATER = materials.index("water", WAVELENGTHS_NM)
Floats = NDArray[np.float64]


def by_scattnlay(thickness: Floats) -> Floats:
    """The package scattnlay (C++), all wavelengths of a particle in one call."""
    from scattnlay import scattnlay

    relative = np.ascontiguousarray((INDEX / WATER).T, complex)
    sizes = [np.outer(2 * np.pi * WATER / WAVELENGTHS_NM, np.cumsum(particle)) for particle in thickness]
    return np.stack([scattnlay(size, relative)[2] for size in sizes])


def by_miepython(thickness: Floats) -> Floats:
    """The package miepython, compiled, all wavelengths of a homogeneous sphere in one call."""
    os.environ["MIEPYTHON_USE_JIT"] = "1"  # read when it is imported
    import miepython

    relative = (INDEX[0] / WATER).astype(complex)
    sizes = 2 * np.pi * WATER / WAVELENGTHS_NM * thickness
    return np.stack([miepython.efficiencies_mx(relative, size)[1] for size in sizes])


def beside(code, thickness: Floats, few: int) -> Pair:
    """Graft's kernel on all particles, another code on the first few of them."""
    gap = np.abs(code(thickness[:5]) - scattering_efficiency(thickness[:5])).max()
    return Pair(
        Side(lambda _: scattering_efficiency(thickness), len(thickness)),
        Side(lambda _: code(thickness[:few]), few),
        float(gap),
    )


def layered() -> Floats:
    """Radius of the core and thicknesses of the shells in nm."""
    return np.random.default_rng(0).uniform(30, 70, (1000, LAYERS))


def homogeneous() -> Floats:
    """Radii in nm, of the sizes that the layered ones have."""
    return layered().sum(1, keepdims=True)


FIGURES = (
    Figure(
        "sphere/scattnlay", "spectra", "scattnlay, 8 layers", 50, lambda: beside(by_scattnlay, layered(), 10),
        "scattnlay",
    ),
    Figure(
        "sphere/miepython", "spectra", "miepython, compiled, 1 layer", 1,
        lambda: beside(by_miepython, homogeneous(), 100), "miepython",
    ),
)  # fmt: skip
