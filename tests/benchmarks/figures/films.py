"""Spectra of films: graft's kernel beside the textbook's matrices in NumPy and two packages."""

import numpy as np
from figures.beside import Figure, Pair, Side
from numpy.typing import NDArray

from graft.simulators.optics import materials
from graft.simulators.optics.film import PAIR, WAVELENGTHS_NM, transmittance

LAYERS = 8
INDEX = np.stack([materials.index(PAIR[j % 2], WAVELENGTHS_NM) for j in range(LAYERS)])
Floats = NDArray[np.float64]


def drawn(films: int) -> Floats:
    """Thicknesses in nm, (films, layers)."""
    return np.random.default_rng(0).uniform(30, 70, (films, LAYERS))


def by_numpy(thickness: Floats) -> Floats:
    """The textbook's complex 2 x 2 matrices, vectorised over films and wavelengths."""
    product = np.broadcast_to(np.eye(2, dtype=complex), (len(thickness), len(WAVELENGTHS_NM), 2, 2))
    for j in range(LAYERS):
        phase = 2 * np.pi * INDEX[j] * thickness[:, j : j + 1] / WAVELENGTHS_NM
        layer = np.empty((*phase.shape, 2, 2), complex)
        layer[..., 0, 0] = layer[..., 1, 1] = np.cos(phase)
        layer[..., 0, 1] = -1j * np.sin(phase) / INDEX[j]
        layer[..., 1, 0] = -1j * np.sin(phase) * INDEX[j]
        product = product @ layer
    return 4 / np.abs(product.sum(axis=(-1, -2))) ** 2


def by_tmm(thickness: Floats) -> Floats:
    """The package tmm, which takes one film and one wavelength at a time."""
    from tmm import coh_tmm

    columns = [[1.0, *column, 1.0] for column in INDEX.T.tolist()]
    return np.array(
        [
            [
                coh_tmm("s", media, [np.inf, *film, np.inf], 0, wavelength)["T"]
                for media, wavelength in zip(columns, WAVELENGTHS_NM, strict=True)
            ]
            for film in thickness.tolist()
        ]
    )


def by_tmm_fast(thickness: Floats) -> Floats:
    """The package tmm_fast, all films and wavelengths in one call; lengths in metres."""
    from tmm_fast import coh_tmm

    films = len(thickness)
    media = np.ones((films, LAYERS + 2, len(WAVELENGTHS_NM)), complex)
    media[:, 1:-1] = INDEX
    depth = np.full((films, LAYERS + 2), np.inf)
    depth[:, 1:-1] = 1e-9 * thickness
    return np.asarray(coh_tmm("s", media, depth, np.zeros(1), 1e-9 * WAVELENGTHS_NM)["T"])[:, 0]


def beside(kernel, films: int) -> Pair:
    """Graft's kernel and another, which does not get more films than it can do in a moment."""
    many, few = drawn(5000), drawn(films)
    return Pair(
        Side(lambda _: transmittance(many), len(many)),
        Side(lambda _: kernel(few), films),
        float(np.abs(kernel(few[:10]) - transmittance(few[:10])).max()),
    )


FIGURES = (
    Figure("film/numpy", "spectra", "complex 2 x 2 matrices in NumPy", 1, lambda: beside(by_numpy, 200)),
    Figure("film/tmm", "spectra", "tmm", 5000, lambda: beside(by_tmm, 5), "tmm"),
    Figure("film/tmm_fast", "spectra", "tmm_fast", 100, lambda: beside(by_tmm_fast, 200), "tmm_fast"),
)
