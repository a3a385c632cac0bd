"""What layered particles and films are described by, checked once: thicknesses and wavelengths."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graft.simulators.optics.materials import positive
from graft.spaces.errors import InputError


def thicknesses(thickness_nm: ArrayLike) -> NDArray[np.float64]:
    """One stack of layers or a batch of them, as shape (batch, layers).

    Raises:
        InputError: If the shape is another, or a value is not a finite number above 0.
    """
    thickness = positive("thickness_nm", thickness_nm)
    if thickness.ndim not in (1, 2):
        raise InputError(f"thickness_nm has shape {thickness.shape}; allowed: (layers,) or (batch, layers)")
    return np.ascontiguousarray(np.atleast_2d(thickness))


def wavelengths(wavelength_nm: ArrayLike) -> NDArray[np.float64]:
    """Wavelengths as shape (wavelengths,).

    Raises:
        InputError: If the shape is another, or a value is not a finite number above 0.
    """
    wavelength = positive("wavelength_nm", wavelength_nm)
    if wavelength.ndim > 1:
        raise InputError(f"wavelength_nm has shape {wavelength.shape}; allowed: (wavelengths,)")
    return np.ascontiguousarray(np.atleast_1d(wavelength))
