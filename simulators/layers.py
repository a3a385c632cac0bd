"""What layered particles and films are described by, checked once: thicknesses, wavelengths, indices."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.materials import positive
from spaces.refusal import Refusal


def thicknesses(thickness_nm: ArrayLike) -> NDArray[np.float64]:
    """One stack of layers or a batch of them, as shape (batch, layers).

    Raises:
        Refusal: If the shape is another, or a value is not a finite number above 0.
    """
    thickness = positive("thickness_nm", thickness_nm)
    if thickness.ndim not in (1, 2):
        raise Refusal(f"thickness_nm has shape {thickness.shape}; allowed: (layers,) or (batch, layers)")
    return np.ascontiguousarray(np.atleast_2d(thickness))


def wavelengths(wavelength_nm: ArrayLike) -> NDArray[np.float64]:
    """Wavelengths as shape (wavelengths,).

    Raises:
        Refusal: If the shape is another, or a value is not a finite number above 0.
    """
    wavelength = positive("wavelength_nm", wavelength_nm)
    if wavelength.ndim > 1:
        raise Refusal(f"wavelength_nm has shape {wavelength.shape}; allowed: (wavelengths,)")
    return np.ascontiguousarray(np.atleast_1d(wavelength))


def indices(field: str, index: object, width: int) -> NDArray[np.complex128]:
    """Refractive indices n + ik, one row of ``width`` wavelengths for each medium.

    Args:
        field: What the user called them.
        index: Shape (layers,) or (layers, width).
        width: Number of wavelengths.

    Raises:
        Refusal: If the shape is another, or a value is not finite, has negative n or k, or is 0.
    """
    try:
        array = np.array(index, dtype=np.complex128)
    except (TypeError, ValueError) as error:
        raise Refusal(f"{field} is not an array of numbers; allowed: n + ik with k at least 0") from error
    if array.ndim not in (1, 2) or array.size == 0 or (array.ndim == 2 and array.shape[1] != width):
        raise Refusal(f"{field} has shape {array.shape}; allowed: (layers,) or (layers, {width} wavelengths)")
    if not np.isfinite(array).all() or (array.real < 0).any() or (array.imag < 0).any() or (array == 0).any():
        raise Refusal(f"{field} has a value that is no index; allowed: finite n + ik, n and k at least 0, not both 0")
    rows = array[:, None] if array.ndim == 1 else array
    return np.broadcast_to(rows, (len(rows), width))
