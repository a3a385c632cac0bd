"""Optical materials: refractive indices of lossless media in the visible.

Convention: fields vary as exp(i (k z - omega t)), so an index is n + ik, and k > 0 absorbs.

The permittivities are those of Peurifoy et al. 2018, Science Advances 4, eaar4206. That they carry over to
Qu et al. 2018 (arXiv 1809.00972), the same group's next work, is our inference: that paper names no values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graft.spaces.errors import InputError, choice


def positive(field: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return ``values`` as a float64 array of lengths: not empty, finite, above zero.

    Raises:
        InputError: Naming the first element that is not such a number.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{field} is not an array of numbers; allowed: finite numbers above 0") from error
    if array.size == 0:
        raise InputError(f"{field} is empty (shape {array.shape}); allowed: at least one number above 0")
    bad = np.argwhere(~(np.isfinite(array) & (array > 0)))
    if len(bad):
        place = tuple(int(i) for i in bad[0])
        where = field + (str(list(place)) if place else "")
        raise InputError(f"{where} is {array[place]}; allowed: finite numbers above 0")
    return array


@dataclass(frozen=True)
class Material:
    """A lossless medium.

    Attributes:
        name: As in the registry below.
        permittivity: Relative permittivity as a function of the vacuum wavelength in micrometres.
        shortest_nm: Shortest wavelength at which the formula is used.
    """

    name: str
    permittivity: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    shortest_nm: float

    def index(self, wavelength_nm: ArrayLike) -> NDArray[np.float64]:
        """Refractive index at vacuum wavelengths in nm; same shape as the wavelengths.

        Raises:
            InputError: If a wavelength is not finite or too short for the formula.
        """
        wavelength = positive("wavelength_nm", wavelength_nm)
        if wavelength.min() < self.shortest_nm:
            raise InputError(
                f"wavelength_nm of {wavelength.min():g} is too short for {self.name}; "
                f"allowed: at least {self.shortest_nm:g} nm"
            )
        return np.sqrt(self.permittivity(wavelength / 1000))


def _silica(wavelength_um: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.full_like(wavelength_um, 2.04)


def _titania(wavelength_um: NDArray[np.float64]) -> NDArray[np.float64]:
    # Ordinary ray of rutile, with a pole at 283 nm: hence the shortest wavelength below.
    return 5.913 + 0.2441 / (wavelength_um**2 - 0.0803)


def _water(wavelength_um: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.full_like(wavelength_um, 1.77)


MATERIALS: Mapping[str, Material] = MappingProxyType(
    {
        "SiO2": Material("SiO2", _silica, 100.0),
        "TiO2": Material("TiO2", _titania, 300.0),
        "water": Material("water", _water, 100.0),
    }
)


def index(material: str, wavelength_nm: ArrayLike) -> NDArray[np.float64]:
    """Refractive index of a named material at vacuum wavelengths in nm.

    Raises:
        InputError: If the material is unknown or a wavelength cannot be used.
    """
    choice("material", material, MATERIALS)
    return MATERIALS[material].index(wavelength_nm)
