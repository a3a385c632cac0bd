"""Any film: absorbing layers, oblique incidence, either polarization. The fast kernel is held to it."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graft.simulators.optics.layers import thicknesses, wavelengths
from graft.spaces.errors import InputError, choice, number


def reflectance_transmittance(
    index: ArrayLike,
    thickness_nm: ArrayLike,
    wavelength_nm: ArrayLike,
    *,
    angle_deg: float = 0.0,
    polarization: str = "s",
    ambient: float = 1.0,
    substrate: ArrayLike = 1.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reflectance and transmittance of any film: absorbing layers, oblique incidence, either polarization.

    Amplitudes are composed interface by interface from the substrate (Parratt, Phys. Rev. 95, 359 (1954); Airy's sums
    for each layer). Only decaying exponentials occur, so opaque layers give T = 0 rather than an overflow.

    Args:
        index: n + ik of each layer, shape (layers,) or (layers, wavelengths).
        thickness_nm: Shape (batch, layers), or (layers,) for a batch of one.
        wavelength_nm: Vacuum wavelengths, shape (wavelengths,).
        angle_deg: Angle of incidence in the ambient, in [0, 90).
        polarization: ``"s"`` (electric field parallel to the layers) or ``"p"``.
        ambient: Real refractive index in front; where it absorbs, R and T are not defined.
        substrate: Index n + ik behind: one number, or shape (wavelengths,).

    Returns:
        R and T, float64, each of shape (batch, wavelengths). T is the flux that enters the substrate.

    Raises:
        InputError: If an argument is out of range or shapes do not match.
    """
    choice("polarization", polarization, ("s", "p"))
    number("angle_deg", angle_deg, 0)
    if angle_deg >= 90:
        raise InputError(f"angle_deg is {angle_deg!r}; allowed: at least 0 and below 90")
    number("ambient", ambient, 0, above=True)
    thickness, wavelength = thicknesses(thickness_nm), wavelengths(wavelength_nm)
    layers = indices("index", index, wavelength.size)
    behind = indices("substrate", [substrate], wavelength.size)
    if len(layers) != thickness.shape[1]:
        raise InputError(
            f"index has {len(layers)} layers, thickness_nm has {thickness.shape[1]}; allowed: the same number"
        )
    front = np.full((1, wavelength.size), complex(ambient))
    media = np.concatenate([front, layers, behind])
    return _compose(media**2, thickness, wavelength, np.sin(np.radians(angle_deg)), polarization)


def _compose(
    permittivity: NDArray[np.complex128],
    thickness: NDArray[np.float64],
    wavelength: NDArray[np.float64],
    sine: float,
    polarization: str,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """R and T of media listed from ambient to substrate, permittivity of shape (layers + 2, wavelengths)."""
    # Normal component of the wave vector over k0: the root that decays. At exact grazing in some medium p-waves are
    # 0 / 0, whose limit is finite: stay a little beside it.
    normal = np.sqrt(permittivity - permittivity[0] * sine**2)
    normal = np.where(normal.imag < 0, -normal, normal)
    normal = np.where(np.abs(normal) < 1e-7, 1e-7, normal)
    admittance = normal if polarization == "s" else permittivity / normal
    shape = (len(thickness), wavelength.size)
    reflected, transmitted = np.zeros(shape, complex), np.ones(shape, complex)
    for j in range(thickness.shape[1], -1, -1):
        # Tangential electric field at the interface of media j and j + 1.
        total = admittance[j] + admittance[j + 1]
        r, t = (admittance[j] - admittance[j + 1]) / total, 2 * admittance[j] / total
        if j < thickness.shape[1]:
            step = np.exp(2j * np.pi * normal[j + 1] / wavelength * thickness[:, j : j + 1])
            transmitted = transmitted * step
            reflected = reflected * step**2
        around = 1 + r * reflected
        reflected, transmitted = (r + reflected) / around, t * transmitted / around
    flux = admittance[-1].real / admittance[0].real
    return np.abs(reflected) ** 2, flux * np.abs(transmitted) ** 2


def indices(field: str, index: object, width: int) -> NDArray[np.complex128]:
    """Refractive indices n + ik, one row of ``width`` wavelengths for each medium.

    Args:
        field: What the user called them.
        index: Shape (layers,) or (layers, width).
        width: Number of wavelengths.

    Raises:
        InputError: If the shape is another, or a value is not finite, has negative n or k, or is 0.
    """
    try:
        array = np.array(index, dtype=np.complex128)
    except (TypeError, ValueError) as error:
        raise InputError(f"{field} is not an array of numbers; allowed: n + ik with k at least 0") from error
    if array.ndim not in (1, 2) or array.size == 0 or (array.ndim == 2 and array.shape[1] != width):
        raise InputError(f"{field} has shape {array.shape}; allowed: (layers,) or (layers, {width} wavelengths)")
    if not np.isfinite(array).all() or (array.real < 0).any() or (array.imag < 0).any() or (array == 0).any():
        raise InputError(
            f"{field} has a value that is no index; allowed: finite n + ik, n and k at least 0, not both 0"
        )
    rows = array[:, None] if array.ndim == 1 else array
    return np.broadcast_to(rows, (len(rows), width))
