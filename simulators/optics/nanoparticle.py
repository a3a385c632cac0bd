"""Layered spheres: a core and concentric shells in a plane wave (Mie theory).

Convention: fields vary as exp(i (k z - omega t)), so an index is n + ik, and k > 0 absorbs. The first thickness is the
radius of the core, the others are those of the shells, from the inside out. Lengths in nm. An efficiency is a cross
section over pi R^2, with R the outer radius.
"""

import math

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from graft.simulators.base import Grid, Simulator, tensor_field
from graft.simulators.optics import materials, nanoparticle_kernel
from graft.simulators.optics.film import PAIR, WAVELENGTHS_NM
from graft.simulators.optics.layers import thicknesses, wavelengths
from graft.spaces.errors import InputError, whole

MOST = 100
"""Multipoles that can be summed: enough for size parameters up to about 80."""


def scattering_efficiency(
    thickness_nm: ArrayLike, wavelength_nm: ArrayLike | None = None, *, multipoles: int = 18
) -> NDArray[np.float64]:
    """Scattering efficiency of spheres of alternating SiO2 and TiO2, lossless, in water; the core is SiO2.

    Args:
        thickness_nm: Radius of the core and thicknesses of the shells, shape (batch, layers), or (layers,) for a
            batch of one.
        wavelength_nm: Vacuum wavelengths, shape (wavelengths,); those of the films if not given.
        multipoles: Orders summed at least; a larger particle gets as many as its size parameter x at the shortest
            wavelength asks for, x + 4.05 x^(1/3) + 2 (Wiscombe, Appl. Opt. 19, 1505 (1980)).

    Returns:
        sigma_sca / (pi R^2), float64, shape (batch, wavelengths).

    Raises:
        InputError: If an argument is out of range or has the wrong shape, or a particle is too large.
    """
    thickness = thicknesses(thickness_nm)
    wavelength = wavelengths(WAVELENGTHS_NM if wavelength_nm is None else wavelength_nm)
    index = np.stack([materials.index(material, wavelength) for material in (*PAIR, "water")])
    wavenumber = 2 * np.pi * index / wavelength
    radius = np.cumsum(thickness, axis=1)
    orders = orders_of(radius, wavenumber[0], wavenumber[2], multipoles)
    return nanoparticle_kernel.scatter(radius, wavenumber, orders)


def orders_of(
    radius: NDArray[np.float64], core: NDArray[np.float64], host: NDArray[np.float64], multipoles: int
) -> NDArray[np.int64]:
    """Choose how many multipoles to sum for each particle, given wavenumbers in core and host.

    Raises:
        InputError: If ``multipoles`` is out of range, or they are more than numbers of this kind can hold.
    """
    whole("multipoles", multipoles, 1, MOST)
    size = radius[:, -1] * host.max()
    orders = np.maximum(multipoles, np.ceil(size + 4.05 * np.cbrt(size) + 2)).astype(np.int64)
    row = int(orders.argmax())
    if orders[row] > MOST:
        raise InputError(
            f"thickness_nm[{row}] makes a particle of size parameter {size[row]:.3g}; "
            f"allowed: at most about 80, for which {MOST} multipoles suffice"
        )
    # chi of order l at a small argument z is (2 l - 1)!! / z^l.
    odd = np.array([math.lgamma(2 * n + 1) - n * math.log(2) - math.lgamma(n + 1) for n in orders.tolist()])
    exponent = (odd - orders * np.log(radius[:, 0] * core.min())) / math.log(10)
    row = int(exponent.argmax())
    if exponent[row] > 250:
        raise InputError(
            f"thickness_nm[{row}, 0] is {radius[row, 0]:.3g}; allowed: a core not that much smaller than its particle "
            f"and the wavelength ({orders[row]} multipoles overflow there)"
        )
    return orders


class Nanoparticle(Simulator):
    """Scattering spectra of a layered sphere of random thicknesses: the nanoparticles of Qu et al. 2018.

    ``nano-N`` has N layers, the core included: SiO2 and TiO2 alternate from an SiO2 core outward, the radius of the
    core and the thickness of each shell are U(30, 70) nm, the host is water; 200 wavelengths from 400 to 798 nm.

    Qu et al. (arXiv 1809.00972) say no more than "8-layer core-shell nanoparticles", SiO2 and TiO2, 30 to 70 nm and
    "scattering cross-section". That the core counts as a layer and is SiO2, that the host is water, and that the cross
    section is divided by pi R^2 is our inference from the public code of the same group's earlier work (Peurifoy et al.
    2018, Science Advances 4, eaar4206; github.com/iguanaus/ScatterNet, ``spherical_T_matrix/total_cs.m`` and
    ``scatter_sim_0_gen_single_spect.m``).
    """

    version = 1
    positive = True

    def __init__(self, layers: int) -> None:
        """Describe particles of ``layers`` layers.

        Raises:
            InputError: If ``layers`` is not a whole number of 1 to 20.
        """
        whole("layers", layers, 1, 20)
        self.layers = layers
        self.name = f"nano-{layers}"
        self.grid = Grid("wavelength", "nm", WAVELENGTHS_NM)
        described = "sigma_sca / (pi R^2) at 400 to 798 nm in steps of 2 nm"
        self.schema = pa.schema(
            [
                tensor_field("thickness", layers, "input", "nm", "radius of the core, then of each shell outward"),
                tensor_field("scattering_efficiency", len(WAVELENGTHS_NM), "output", "1", described),
            ]
        )

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Draw ``n`` particles: thickness (n, layers) in nm and scattering efficiency (n, 200)."""
        thickness = rng.uniform(30.0, 70.0, (n, self.layers))
        return {"thickness": thickness, "scattering_efficiency": scattering_efficiency(thickness)}
