"""Spectra per second of film kernels in one run on one thread: read the ratios, not the absolute numbers.

python tests/benchmarks/film_speed.py [spectra]
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graft.simulators.optics import materials
from graft.simulators.optics.film import PAIR, WAVELENGTHS_NM, transmittance

sys.path.insert(0, str(Path(__file__).parents[1] / "simulators" / "optics"))
from general_film import reflectance_transmittance  # noqa: E402

LAYERS = 8
INDEX = np.stack([materials.index(PAIR[j % 2], WAVELENGTHS_NM) for j in range(LAYERS)])


def complex_matrices(thickness: NDArray[np.float64]) -> NDArray[np.float64]:
    """The textbook's 2 x 2 matrices, vectorised over films and wavelengths."""
    product = np.broadcast_to(np.eye(2, dtype=complex), (len(thickness), len(WAVELENGTHS_NM), 2, 2))
    for j in range(LAYERS):
        phase = 2 * np.pi * INDEX[j] * thickness[:, j : j + 1] / WAVELENGTHS_NM
        layer = np.empty((*phase.shape, 2, 2), complex)
        layer[..., 0, 0] = layer[..., 1, 1] = np.cos(phase)
        layer[..., 0, 1] = -1j * np.sin(phase) / INDEX[j]
        layer[..., 1, 0] = -1j * np.sin(phase) * INDEX[j]
        product = product @ layer
    return 4 / np.abs(product.sum(axis=(-1, -2))) ** 2


def general(thickness: NDArray[np.float64]) -> NDArray[np.float64]:
    """The general kernel."""
    return reflectance_transmittance(INDEX, thickness, WAVELENGTHS_NM)[1]


def by_tmm(thickness: NDArray[np.float64]) -> NDArray[np.float64]:
    """The package tmm, one wavelength at a time."""
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


def rate(kernel: Callable[[NDArray[np.float64]], NDArray[np.float64]], films: NDArray[np.float64]) -> float:
    """Best of five, in spectra per second; the first call compiles."""
    kernel(films[:2])
    best = min(_seconds(kernel, films) for _ in range(5))
    return len(films) / best


def _seconds(kernel: Callable[[NDArray[np.float64]], NDArray[np.float64]], films: NDArray[np.float64]) -> float:
    start = time.process_time()  # not the clock on the wall: others may use this machine
    kernel(films)
    return time.process_time() - start


def main(spectra: int) -> None:
    """Print a table."""
    films = np.random.default_rng(0).uniform(30, 70, (spectra, LAYERS))
    kernels = [
        ("transmittance", transmittance, spectra),
        ("reflectance_transmittance", general, spectra // 20),
        ("numpy, complex 2 x 2", complex_matrices, spectra // 20),
    ]
    try:
        import tmm  # noqa: F401

        kernels.append(("tmm", by_tmm, 10))
    except ImportError:
        print("tmm is not installed: left out")
    exact = complex_matrices(films[:10])
    print(f"{LAYERS} layers x {len(WAVELENGTHS_NM)} wavelengths, float64")
    print(f"{'kernel':28}{'spectra/s':>12}{'ratio':>9}{'max |dT|':>12}")
    fastest = rate(transmittance, films)
    for name, kernel, count in kernels:
        speed = fastest if kernel is transmittance else rate(kernel, films[:count])
        gap = np.abs(kernel(films[:10]) - exact).max()
        print(f"{name:28}{speed:12,.0f}{speed / fastest:9.2g}{gap:12.1e}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
