"""Any layered sphere, whose shells may absorb. The fast kernel is held to it."""

from typing import NamedTuple

import numpy as np
from general_film import indices
from numpy.typing import ArrayLike, NDArray
from riccati_bessel import riccati_bessel

from graft.simulators.optics.layers import thicknesses, wavelengths
from graft.simulators.optics.nanoparticle import orders_of
from graft.spaces.errors import InputError


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
        thickness_nm: As for `graft.simulators.optics.nanoparticle.scattering_efficiency`.
        wavelength_nm: Vacuum wavelengths, shape (wavelengths,).
        host: Real refractive index outside: one number, or shape (wavelengths,).
        multipoles: As for `graft.simulators.optics.nanoparticle.scattering_efficiency`.

    Raises:
        InputError: If an argument is out of range, shapes do not match, or a particle is too large.
    """
    thickness, wavelength = thicknesses(thickness_nm), wavelengths(wavelength_nm)
    media = indices("index", index, wavelength.size)
    outside = indices("host", [host], wavelength.size)[0]
    if (outside.imag != 0).any() or (outside.real == 0).any():
        raise InputError("host has a value that is no real index above 0; allowed: a host that does not absorb")
    if len(media) != thickness.shape[1]:
        raise InputError(
            f"index has {len(media)} layers, thickness_nm has {thickness.shape[1]}; allowed: the same number"
        )
    radius, wavenumber = np.cumsum(thickness, axis=1), 2 * np.pi * outside.real / wavelength
    relative = media / outside.real
    orders = orders_of(radius, np.abs(relative[0]) * wavenumber, wavenumber, multipoles)
    rows = [_sphere(relative, sphere, wavenumber, int(most)) for sphere, most in zip(radius, orders, strict=True)]
    return Efficiencies(*np.stack(rows, axis=1))


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
