"""Multilayer films: plane waves through flat layers.

Convention: fields vary as exp(i (k z - omega t)), so an index is n + ik, and k > 0 absorbs. Layers are listed from
the ambient, where the light comes from, to the substrate. Lengths in nm, angles in degrees.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from graft.simulators.base import Grid, Simulator, tensor_field
from graft.simulators.optics import film_kernel, materials
from graft.simulators.optics.layers import thicknesses, wavelengths
from graft.spaces.errors import choice, number, whole

WAVELENGTHS_NM = np.arange(400.0, 800.0, 2.0)
WAVELENGTHS_NM.flags.writeable = False
PAIR = ("SiO2", "TiO2")


def transmittance(
    thickness_nm: ArrayLike,
    wavelength_nm: ArrayLike | None = None,
    *,
    ambient: float = 1.0,
    substrate: float = 1.0,
    first: str = "SiO2",
) -> NDArray[np.float64]:
    """Transmittance of alternating SiO2 and TiO2 layers, lossless, at normal incidence.

    Args:
        thickness_nm: Shape (batch, layers), or (layers,) for a batch of one.
        wavelength_nm: Vacuum wavelengths, shape (wavelengths,); ``WAVELENGTHS_NM`` if not given.
        ambient: Real refractive index in front of the film.
        substrate: Real refractive index behind it.
        first: Material of the layer next to the ambient, ``"SiO2"`` or ``"TiO2"``.

    Returns:
        float64, shape (batch, wavelengths), within [0, 1].

    Raises:
        InputError: If an argument is out of range or has the wrong shape.
    """
    choice("first", first, PAIR)
    number("ambient", ambient, 0, above=True)
    number("substrate", substrate, 0, above=True)
    thickness = thicknesses(thickness_nm)
    wavelength = wavelengths(WAVELENGTHS_NM if wavelength_nm is None else wavelength_nm)
    order = PAIR if first == PAIR[0] else PAIR[::-1]
    index = np.stack([materials.index(material, wavelength) for material in order])
    return film_kernel.propagate(thickness, index, wavelength, float(ambient), float(substrate))


class Film(Simulator):
    """Transmission spectra of a film of random thicknesses: task ``film-N`` of Qu et al. 2018 (arXiv 1809.00972).

    SiO2 and TiO2 alternate, SiO2 first, each U(30, 70) nm thick; 200 wavelengths from 400 to 798 nm. The paper does
    not name the surroundings: air on both sides is our choice.
    """

    version = 1
    positive = True

    def __init__(self, layers: int) -> None:
        """Describe films of ``layers`` layers.

        Raises:
            InputError: If ``layers`` is not a whole number of 1 to 50.
        """
        whole("layers", layers, 1, 50)
        self.layers = layers
        self.name = f"film-{layers}"
        self.grid = Grid("wavelength", "nm", WAVELENGTHS_NM)
        self.schema = pa.schema(
            [
                tensor_field("thickness", layers, "input", "nm", "of each layer, from the ambient to the substrate"),
                tensor_field("transmittance", len(WAVELENGTHS_NM), "output", "1", "at 400 to 798 nm in steps of 2 nm"),
            ]
        )

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Draw ``n`` films: thickness (n, layers) in nm and transmittance (n, 200)."""
        thickness = rng.uniform(30.0, 70.0, (n, self.layers))
        return {"thickness": thickness, "transmittance": transmittance(thickness)}
