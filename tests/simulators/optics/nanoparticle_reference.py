"""Efficiencies of layered spheres by two other ways, stored in nanoparticle_reference.json.

    pip install scattnlay==2.4 mpmath==1.4.1
    python tests/simulators/nanoparticle_reference.py > tests/simulators/nanoparticle_reference.json

The first is scattnlay (Ladutenko et al., Comput. Phys. Commun. 214, 225 (2017)), in double precision. The second writes
down the boundary conditions of each order at every interface, two equations for each, and solves them as one system of
linear equations with 150 decimal digits (opaque shells cost up to 100 of them). Conventions are ours: n + ik, layers
from the core outward. The cases are inputs chosen by hand; efficiencies are lists over wavelengths. The tests read the
file and need neither package.
"""

import json
import sys
from importlib.metadata import version

import numpy as np

WATER = 1.77**0.5
GRID = [400.0, 455.0, 512.0, 633.0, 798.0]
CASES = [
    {"thickness_nm": [50.0], "index": "nano"},
    {"thickness_nm": [31.5, 66.2, 44.4, 58.1, 69.9, 30.1, 52.7, 47.3], "index": "nano"},
    {"thickness_nm": [70.0] * 8, "index": "nano"},
    {"thickness_nm": [30.0 + 2 * j for j in range(20)], "index": "nano", "wavelength_nm": [400.0, 633.0]},
    {"thickness_nm": [250.0, 0.5, 400.0], "index": [2.0, 1.2, 1.6], "host": 1.0},
    {"thickness_nm": [60.0, 15.0, 30.0], "index": [1.43, 0.13 + 3.2j, 1.6 + 0.02j], "host": 1.33},
    {"thickness_nm": [3.0, 2.0], "index": [0.2 + 1.9j, 2.4 + 1e-9j], "host": 1.5},
    {"thickness_nm": [300.0, 900.0, 40.0], "index": [1.5, 0.2 + 6j, 2.4 + 0.3j], "host": 1.0, "wavelength_nm": [633.0]},
]


def silica_titania(layers: int, wavelength: float) -> list[float]:
    titania = float(np.sqrt(5.913 + 0.2441 / ((wavelength / 1000) ** 2 - 0.0803)))
    return [titania if j % 2 else float(np.sqrt(2.04)) for j in range(layers)]


def by_scattnlay(x: list[float], m: list[complex]) -> list[float]:
    from scattnlay import scattnlay

    _, extinction, scattering, absorption, *_ = scattnlay(np.array(x), np.array(m, complex))
    return [float(q) for q in (scattering, absorption, extinction)]


def by_equations(index: list[complex], radius: list[float], wavelength: float, host: float) -> list[float]:
    import mpmath as mp

    mp.mp.dps = 150
    k = [2 * mp.pi * mp.mpmathify(n) / mp.mpf(wavelength) for n in (*index, host)]
    x = k[-1] * radius[-1]
    scattering = extinction = mp.mpf(0)
    order = 0
    while True:
        order += 1
        orders = [coefficient(k, radius, order, polarization) for polarization in ("TE", "TM")]
        scattering += 2 * (2 * order + 1) / x**2 * sum(abs(a) ** 2 for a in orders)
        extinction += 2 * (2 * order + 1) / x**2 * sum(a.real for a in orders)
        if order > x and max(abs(a) for a in orders) < mp.mpf(10) ** -25:
            return [float(q) for q in (scattering, extinction - scattering, extinction)]


def coefficient(k: list, radius: list[float], order: int, polarization: str):
    """The Mie coefficient, from one linear system: psi in the core, psi and chi in each shell, psi - a xi outside."""
    import mpmath as mp

    def pair(function, z):
        def at(n):
            return mp.sqrt(mp.pi * z / 2) * function(n + mp.mpf(1) / 2, z)

        return at(order), at(order - 1) - order * at(order) / z

    layers = len(radius)
    matrix, known = mp.zeros(2 * layers), mp.zeros(2 * layers, 1)
    for j in range(layers):
        # Columns: psi of layer 0, then psi and chi of each shell, last the outgoing wave.
        for medium, sign in ((j, 1), (j + 1, -1)):
            z = k[medium] * radius[j]
            weight = k[medium] if polarization == "TE" else 1 / k[medium]
            psi, chi = pair(mp.besselj, z), pair(mp.bessely, z)
            rows = [(psi[0], chi[0]), (weight * psi[1], weight * chi[1])]
            for i, (regular, irregular) in enumerate(rows):
                if medium == layers:
                    matrix[2 * j + i, 2 * layers - 1] = regular + 1j * irregular
                    known[2 * j + i] = regular
                else:
                    matrix[2 * j + i, max(2 * medium - 1, 0)] = sign * regular
                    if medium:
                        matrix[2 * j + i, 2 * medium] = sign * irregular
    return mp.lu_solve(matrix, known)[2 * layers - 1]


def solved(case: dict) -> dict:
    thickness, host = case["thickness_nm"], case.get("host", WATER)
    radius, grid = np.cumsum(thickness).tolist(), case.get("wavelength_nm", GRID)
    found: dict[str, list] = {"scattnlay": [], "digits": []}
    for wavelength in grid:
        index = silica_titania(len(thickness), wavelength) if case["index"] == "nano" else case["index"]
        size = [2 * np.pi * host * r / wavelength for r in radius]
        found["scattnlay"].append(by_scattnlay(size, [n / host for n in index]))
        found["digits"].append(by_equations(index, radius, wavelength, host))
    plain = case | {"wavelength_nm": grid, "host": host}
    if case["index"] != "nano":
        plain["index"] = [[complex(n).real, complex(n).imag] for n in case["index"]]
    kinds = ("scattering", "absorption", "extinction")
    return plain | {
        way: {kind: list(values) for kind, values in zip(kinds, zip(*rows, strict=True), strict=True)}
        for way, rows in found.items()
    }


if __name__ == "__main__":
    codes = {"scattnlay": f"scattnlay {version('scattnlay')}", "digits": f"mpmath {version('mpmath')}, 150 digits"}
    json.dump({"code": codes, "cases": [solved(case) for case in CASES]}, sys.stdout, indent=1)
