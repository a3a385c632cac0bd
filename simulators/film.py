"""Multilayer films: plane waves through flat layers.

Convention: fields vary as exp(i (k z - omega t)), so an index is n + ik, and k > 0 absorbs. Layers are listed from
the ambient, where the light comes from, to the substrate. Lengths in nm, angles in degrees.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from simulators import film_kernel, materials
from simulators.base import Grid, Simulator, tensor_field
from simulators.layers import indices, thicknesses, wavelengths
from spaces.refusal import Refusal, choice, number, whole

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
        Refusal: If an argument is out of range or has the wrong shape.
    """
    choice("first", first, PAIR)
    number("ambient", ambient, 0, above=True)
    number("substrate", substrate, 0, above=True)
    thickness = thicknesses(thickness_nm)
    wavelength = wavelengths(WAVELENGTHS_NM if wavelength_nm is None else wavelength_nm)
    order = PAIR if first == PAIR[0] else PAIR[::-1]
    index = np.stack([materials.index(material, wavelength) for material in order])
    return film_kernel.propagate(thickness, index, wavelength, float(ambient), float(substrate))


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
        Refusal: If an argument is out of range or shapes do not match.
    """
    choice("polarization", polarization, ("s", "p"))
    number("angle_deg", angle_deg, 0)
    if angle_deg >= 90:
        raise Refusal(f"angle_deg is {angle_deg!r}; allowed: at least 0 and below 90")
    number("ambient", ambient, 0, above=True)
    thickness, wavelength = thicknesses(thickness_nm), wavelengths(wavelength_nm)
    layers = indices("index", index, wavelength.size)
    behind = indices("substrate", [substrate], wavelength.size)
    if len(layers) != thickness.shape[1]:
        raise Refusal(
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
            Refusal: If ``layers`` is not a whole number of 1 to 50.
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
