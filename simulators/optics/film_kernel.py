"""Transmittance of two alternating lossless films at normal incidence: the innermost loop.

The characteristic matrix of a layer (Macleod, Thin-Film Optical Filters, ch. 2) is
[[cos x, i sin x / n], [i n sin x, cos x]] with x = 2 pi n d / lambda. Its diagonal is real and the rest imaginary,
and so is every product: [[a, i b], [i c, d]] with real a, b, c, d, propagated here from the substrate.

Two facts make it fast. Adding pi to x changes the sign of the whole matrix, which transmittance does not see: x / pi is
reduced to [-1/2, 1/2] by one rounding. And a common factor h of cos x and sin x divides out at the end: a rational
approximation of tan(pi f) = f P(f^2) / Q(f^2) serves for both, with h sin = f P, h cos = Q and h^2 = (f P)^2 + Q^2.
Layers are taken two at a time, in step, because one polynomial alone leaves the processor waiting for its own results.
"""

import numba
import numpy as np
from numpy.typing import NDArray

# Interpolation of tan(pi f) at the 9 Chebyshev nodes of f^2 in [0, 1/4], solved with 60 digits. The angle is right to
# 7e-17, and h stays within [1, 1.08].
P0, P1, P2, P3, P4 = (
    3.141592653589793,
    -4.2599200931198915,
    1.2053434463352541,
    -0.08791130900991703,
    0.0008953320332417126,
)
Q1, Q2, Q3, Q4 = (
    -4.645842813689487,
    2.680004157601326,
    -0.3896960671229376,
    0.01265782299774595,
)


@numba.njit(inline="always", fastmath=True)
def rotations(u: float, v: float) -> tuple[float, float, float, float]:
    """(h sin, h cos) of pi u and of pi v up to sign, evaluated in step."""
    f = u - np.rint(u)
    g = v - np.rint(v)
    y = f * f
    z = g * g
    p = P3 + y * P4
    q = P3 + z * P4
    p = P2 + y * p
    q = P2 + z * q
    p = P1 + y * p
    q = P1 + z * q
    p = P0 + y * p
    q = P0 + z * q
    r = Q3 + y * Q4
    s = Q3 + z * Q4
    r = Q2 + y * r
    s = Q2 + z * s
    r = Q1 + y * r
    s = Q1 + z * s
    r = 1.0 + y * r
    s = 1.0 + z * s
    return f * p, r, g * q, s


@numba.njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def propagate(
    thickness: NDArray[np.float64],
    index: NDArray[np.float64],
    wavelength: NDArray[np.float64],
    ambient: float,
    substrate: float,
) -> NDArray[np.float64]:
    """Transmittance, shape (batch, wavelengths), of films whose layer j has index ``index[j % 2]``.

    Args:
        thickness: Shape (batch, layers), the ambient side first; the unit of ``wavelength``.
        index: Shape (2, wavelengths): of even and of odd layers.
        wavelength: Shape (wavelengths,).
        ambient: Index in front.
        substrate: Index behind.
    """
    batch, layers = thickness.shape
    width = wavelength.size
    half_turns = 2.0 * index / wavelength  # x / (pi d)
    inverse = 1.0 / index
    a, b, c, d = np.empty(width), np.empty(width), np.empty(width), np.empty(width)
    factor = np.empty(width)  # product of the h^2
    out = np.empty((batch, width))
    for row in range(batch):
        for w in range(width):
            a[w] = d[w] = factor[w] = 1.0
            b[w] = c[w] = 0.0
        for last in range(layers - 1, -1, -2):
            below, above = last % 2, 1 - last % 2
            thick = thickness[row, last]
            thin = thickness[row, last - 1] if last > 0 else 0.0  # an odd layer is paired with one of no thickness
            turns1, index1, inverse1 = half_turns[below], index[below], inverse[below]
            turns0, index0, inverse0 = half_turns[above], index[above], inverse[above]
            for w in range(width):
                sin1, cos1, sin0, cos0 = rotations(turns1[w] * thick, turns0[w] * thin)
                factor[w] *= (sin1 * sin1 + cos1 * cos1) * (sin0 * sin0 + cos0 * cos0)
                up = sin1 * index1[w]
                down = sin1 * inverse1[w]
                a1 = cos1 * a[w] - down * c[w]
                c1 = cos1 * c[w] + up * a[w]
                b1 = cos1 * b[w] + down * d[w]
                d1 = cos1 * d[w] - up * b[w]
                up = sin0 * index0[w]
                down = sin0 * inverse0[w]
                a[w] = cos0 * a1 - down * c1
                c[w] = cos0 * c1 + up * a1
                b[w] = cos0 * b1 + down * d1
                d[w] = cos0 * d1 - up * b1
        for w in range(width):
            real = ambient * a[w] + substrate * d[w]
            imaginary = ambient * substrate * b[w] + c[w]
            out[row, w] = 4.0 * ambient * substrate * factor[w] / (real * real + imaginary * imaginary)
    return out
