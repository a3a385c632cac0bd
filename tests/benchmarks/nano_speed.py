"""Spectra per second of Mie codes for layered spheres in one run on one thread: read the ratios.

python tests/benchmarks/nano_speed.py [spectra]      (pip install scattnlay==2.4 adds it to the table)
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from film_speed import rate
from numpy.typing import NDArray

from graft.simulators.optics import materials
from graft.simulators.optics.film import PAIR, WAVELENGTHS_NM
from graft.simulators.optics.nanoparticle import scattering_efficiency

sys.path.insert(0, str(Path(__file__).parents[1] / "simulators" / "optics"))
from general_sphere import efficiencies  # noqa: E402

LAYERS = 8
INDEX = np.stack([materials.index(PAIR[j % 2], WAVELENGTHS_NM) for j in range(LAYERS)])
WATER = materials.index("water", WAVELENGTHS_NM)


def general(thickness: NDArray[np.float64]) -> NDArray[np.float64]:
    """The general form."""
    return efficiencies(INDEX, thickness, WAVELENGTHS_NM, host=WATER).scattering


def by_scattnlay(thickness: NDArray[np.float64]) -> NDArray[np.float64]:
    """The package scattnlay (C++), all wavelengths of a particle in one call."""
    from scattnlay import scattnlay

    relative = np.ascontiguousarray((INDEX / WATER).T, complex)
    sizes = [np.outer(2 * np.pi * WATER / WAVELENGTHS_NM, np.cumsum(particle)) for particle in thickness]
    return np.stack([scattnlay(size, relative)[2] for size in sizes])


def main(spectra: int) -> None:
    """Print a table."""
    particles = np.random.default_rng(0).uniform(30, 70, (spectra, LAYERS))
    kernels: list[tuple[str, Callable[[NDArray[np.float64]], NDArray[np.float64]], int]] = [
        ("scattering_efficiency", scattering_efficiency, spectra),
        ("efficiencies", general, max(2, spectra // 100)),
    ]
    try:
        import scattnlay  # noqa: F401

        kernels.append(("scattnlay", by_scattnlay, max(2, spectra // 100)))
    except ImportError:
        print("scattnlay is not installed: left out")
    exact = general(particles[:5])
    print(f"{LAYERS} layers x {len(WAVELENGTHS_NM)} wavelengths, float64")
    print(f"{'code':28}{'spectra/s':>12}{'ratio':>9}{'max |dQ|':>12}")
    fastest = rate(scattering_efficiency, particles)
    for name, kernel, count in kernels:
        speed = fastest if kernel is scattering_efficiency else rate(kernel, particles[:count])
        gap = np.abs(kernel(particles[:5]) - exact).max()
        print(f"{name:28}{speed:12,.0f}{speed / fastest:9.2g}{gap:12.1e}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
