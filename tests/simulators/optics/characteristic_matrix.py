"""The textbook's formula, one wavelength and one film at a time, with complex 2 x 2 matrices.

Born and Wolf, Principles of Optics, 7th ed., section 1.6; Macleod, Thin-Film Optical Filters, chapter 2. Slow on
purpose. Fields vary as exp(i (k z - omega t)). Thick absorbing layers overflow here.
"""

import cmath
from collections.abc import Sequence

import numpy as np


def characteristic_matrix(
    index: Sequence[complex],
    thickness: Sequence[float],
    wavelength: float,
    angle_deg: float = 0.0,
    polarization: str = "s",
    ambient: float = 1.0,
    substrate: complex = 1.0,
) -> tuple[float, float]:
    """R and T."""
    sine = ambient * np.sin(np.radians(angle_deg))

    def cosine(n: complex) -> complex:
        root = cmath.sqrt(1 - (sine / n) ** 2)
        return -root if (n * root).imag < 0 else root

    def admittance(n: complex) -> complex:
        return n * cosine(n) if polarization == "s" else n / cosine(n)

    product = np.eye(2, dtype=complex)
    for n, d in zip(index, thickness, strict=True):
        phase = 2 * np.pi * n * d * cosine(n) / wavelength
        eta = admittance(n)
        product = product @ np.array(
            [[np.cos(phase), -1j * np.sin(phase) / eta], [-1j * eta * np.sin(phase), np.cos(phase)]]
        )
    front, behind = admittance(complex(ambient)), admittance(complex(substrate))
    b, c = product @ np.array([1, behind])
    reflectance = abs((front * b - c) / (front * b + c)) ** 2
    transmittance = 4 * front.real * behind.real / abs(front * b + c) ** 2
    return float(reflectance), float(transmittance)
