"""Riccati-Bessel functions of complex argument."""

import numpy as np
from numpy.typing import NDArray

Four = tuple[NDArray[np.complex128], NDArray[np.complex128], NDArray[np.complex128], NDArray[np.complex128]]


def riccati_bessel(z: NDArray[np.complex128], orders: int) -> Four:
    """Functions psi = z j and xi = z h1 (Bohren and Huffman, section 4.3) without their exponential growth and decay.

    psi goes by ratios of neighbouring orders, downward (Miller's recurrence, which no range of numbers limits), xi
    upward: in the upper half plane each is stable in its direction.

    Args:
        z: Arguments of non-negative imaginary part, not 0, any shape.
        orders: Highest order.

    Returns:
        psi and psi' times exp(-Im z), xi and xi' times exp(Im z), for orders 1 to ``orders``, shape (orders, *z.shape).
    """
    largest = float(np.abs(z).max(initial=0.0))
    start = int(max(orders, largest) + 8 * np.cbrt(largest) + 20)
    ratio = np.zeros((start + 2, *z.shape), np.complex128)  # psi of order l over psi of order l - 1
    for order in range(start, 0, -1):
        ratio[order] = 1 / ((2 * order + 1) / z - ratio[order + 1])
    fade, decay = np.exp(-2 * z.imag), np.expm1(-2 * z.imag)
    sine = np.sin(z.real) * (1 + fade) / 2 - 0.5j * np.cos(z.real) * decay
    cosine = np.cos(z.real) * (1 + fade) / 2 + 0.5j * np.sin(z.real) * decay
    psi, xi = (np.empty((orders + 1, *z.shape), np.complex128) for _ in range(2))
    # Near a zero of the sine the first order is the exact one, elsewhere the zeroth.
    first = sine / z - cosine
    near = np.abs(first) > np.abs(sine)
    psi[0] = sine
    psi[1] = np.where(near, first, sine * ratio[1])
    wave = np.exp(1j * z.real)
    xi[0], xi[1] = -1j * wave, -1j * wave / z - wave
    for order in range(2, orders + 1):
        psi[order] = psi[order - 1] * ratio[order]
        xi[order] = (2 * order - 1) / z * xi[order - 1] - xi[order - 2]
    down = np.arange(1, orders + 1).reshape(-1, *[1] * z.ndim) / z
    return psi[1:], psi[:-1] - down * psi[1:], xi[1:], xi[:-1] - down * xi[1:]
