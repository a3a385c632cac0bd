"""Layered spheres: a core and concentric shells in a plane wave (Mie theory).

Convention: fields vary as exp(i (k z - omega t)), so an index is n + ik, and k > 0 absorbs. The first thickness is the
radius of the core, the others are those of the shells, from the inside out. Lengths in nm. An efficiency is a cross
section over pi R^2, with R the outer radius.
"""

import math
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from simulators import materials, nanoparticle_kernel
from simulators.base import Grid, Simulator, tensor_field
from simulators.film import PAIR, WAVELENGTHS_NM
from simulators.layers import indices, thicknesses, wavelengths
from simulators.riccati_bessel import riccati_bessel
from spaces.refusal import Refusal, whole

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
        Refusal: If an argument is out of range or has the wrong shape, or a particle is too large.
    """
    thickness = thicknesses(thickness_nm)
    wavelength = wavelengths(WAVELENGTHS_NM if wavelength_nm is None else wavelength_nm)
    index = np.stack([materials.index(material, wavelength) for material in (*PAIR, "water")])
    wavenumber = 2 * np.pi * index / wavelength
    radius = np.cumsum(thickness, axis=1)
    orders = _orders(radius, wavenumber[0], wavenumber[2], multipoles)
    return nanoparticle_kernel.scatter(radius, wavenumber, orders)


class Efficiencies(NamedTuple):
    """Cross sections over pi R^2, each of shape (batch, wavelengths)."""

    scattering: NDArray[np.float64]
    absorption: NDArray[np.float64]
    extinction: NDArray[np.float64]


def efficiencies(
    index: ArrayLike,
    thickness_nm: ArrayLike,
    wavelength_nm: ArrayLike,
    *,
    host: float | ArrayLike = 1.0,
    multipoles: int = 18,
) -> Efficiencies:
    """Scattering, absorption and extinction of any layered sphere; shells may absorb.

    Extinction comes from the forward amplitude and absorption from the flux through the surface, so that the one is
    not rounded away against the other where little is absorbed, and their balance is a check.

    Args:
        index: n + ik of core and shells, shape (layers,) or (layers, wavelengths).
        thickness_nm: As for `scattering_efficiency`.
        wavelength_nm: Vacuum wavelengths, shape (wavelengths,).
        host: Real refractive index outside: one number, or shape (wavelengths,).
        multipoles: As for `scattering_efficiency`.

    Raises:
        Refusal: If an argument is out of range, shapes do not match, or a particle is too large.
    """
    thickness, wavelength = thicknesses(thickness_nm), wavelengths(wavelength_nm)
    media = indices("index", index, wavelength.size)
    outside = indices("host", [host], wavelength.size)[0]
    if (outside.imag != 0).any() or (outside.real == 0).any():
        raise Refusal("host has a value that is no real index above 0; allowed: a host that does not absorb")
    if len(media) != thickness.shape[1]:
        raise Refusal(f"index has {len(media)} layers, thickness_nm has {thickness.shape[1]}; allowed: the same number")
    radius, wavenumber = np.cumsum(thickness, axis=1), 2 * np.pi * outside.real / wavelength
    relative = media / outside.real
    orders = _orders(radius, np.abs(relative[0]) * wavenumber, wavenumber, multipoles)
    rows = [_sphere(relative, sphere, wavenumber, int(most)) for sphere, most in zip(radius, orders, strict=True)]
    return Efficiencies(*np.stack(rows, axis=1))


def _orders(
    radius: NDArray[np.float64], core: NDArray[np.float64], host: NDArray[np.float64], multipoles: int
) -> NDArray[np.int64]:
    """Multipoles to sum for each particle, given wavenumbers in core and host.

    Raises:
        Refusal: If ``multipoles`` is out of range, or they are more than numbers of this kind can hold.
    """
    whole("multipoles", multipoles, 1, MOST)
    size = radius[:, -1] * host.max()
    orders = np.maximum(multipoles, np.ceil(size + 4.05 * np.cbrt(size) + 2)).astype(np.int64)
    row = int(orders.argmax())
    if orders[row] > MOST:
        raise Refusal(
            f"thickness_nm[{row}] makes a particle of size parameter {size[row]:.3g}; "
            f"allowed: at most about 80, for which {MOST} multipoles suffice"
        )
    # chi of order l at a small argument z is (2 l - 1)!! / z^l.
    odd = np.array([math.lgamma(2 * n + 1) - n * math.log(2) - math.lgamma(n + 1) for n in orders.tolist()])
    exponent = (odd - orders * np.log(radius[:, 0] * core.min())) / math.log(10)
    row = int(exponent.argmax())
    if exponent[row] > 250:
        raise Refusal(
            f"thickness_nm[{row}, 0] is {radius[row, 0]:.3g}; allowed: a core not that much smaller than its particle "
            f"and the wavelength ({orders[row]} multipoles overflow there)"
        )
    return orders


def _sphere(
    relative: NDArray[np.complex128], radius: NDArray[np.float64], wavenumber: NDArray[np.float64], orders: int
) -> NDArray[np.float64]:
    """Scattering, absorption and extinction of one particle, shape (3, wavelengths).

    The fast kernel's shell matrices with xi = psi + i chi in place of chi: where z = k r is complex, psi grows outward
    like exp(Im z) and xi decays, and with these two factors taken out nothing overflows however opaque a shell is.

    Args:
        relative: Index of each layer over that of the host, shape (layers, wavelengths).
        radius: Outer radius of each layer, shape (layers,).
        wavenumber: In the host, shape (wavelengths,).
        orders: Multipoles summed.
    """
    k = relative * wavenumber
    inner, outer = k[1:] * radius[:-1, None], k * radius[:, None]
    psi_a, dpsi_a, xi_a, dxi_a = riccati_bessel(inner, orders)
    psi_b, dpsi_b, xi_b, dxi_b = riccati_bessel(outer, orders)
    fade = np.exp(-2 * (outer[1:] - inner).imag)
    # u and its slope over k (TE) and times k (TM) are continuous: shape (polarization, orders, wavelengths).
    weight = np.stack([relative, 1 / relative])[:, :, None]
    u = np.stack([psi_b[:, 0]] * 2)
    slope = dpsi_b[:, 0] * weight[:, 0]
    for j in range(1, len(radius)):
        a, b, du = j - 1, j, slope / weight[:, j]
        # A factor exp(Im z_b - Im z_a) / i of the whole matrix is left out: only ratios matter.
        u, du = (
            (psi_b[:, b] * dxi_a[:, a] - fade[a] * xi_b[:, b] * dpsi_a[:, a]) * u
            + (fade[a] * xi_b[:, b] * psi_a[:, a] - psi_b[:, b] * xi_a[:, a]) * du,
            (dpsi_b[:, b] * dxi_a[:, a] - fade[a] * dxi_b[:, b] * dpsi_a[:, a]) * u
            + (fade[a] * dxi_b[:, b] * psi_a[:, a] - dpsi_b[:, b] * xi_a[:, a]) * du,
        )
        slope = du * weight[:, j]
    x = wavenumber * radius[-1]
    psi, dpsi, xi, dxi = riccati_bessel(x[None] + 0j, orders)
    below = u * dxi[:, 0] - slope * xi[:, 0]
    mie = (u * dpsi[:, 0] - slope * psi[:, 0]) / below
    flux = (u * slope.conj()).imag / np.abs(below) ** 2
    share = 2 * (2 * np.arange(1, orders + 1)[:, None] + 1) / x**2
    return np.stack([(share * part).sum(axis=(0, 1)) for part in (np.abs(mie) ** 2, flux, mie.real)])


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
            Refusal: If ``layers`` is not a whole number of 1 to 20.
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
