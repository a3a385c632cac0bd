"""Spectra by another code, tmm (S. Byrnes, https://pypi.org/project/tmm), stored in film_tmm.json.

    pip install tmm==0.2.0 && python tests/simulators/film_tmm.py > tests/simulators/film_tmm.json

tmm's conventions are ours: n + ik, layers from the ambient to the substrate. The cases are inputs chosen by hand; R
and T are lists over wavelengths. The tests read the file and need no tmm.
"""

import json
import sys
from importlib.metadata import version

import numpy as np


def silica_titania(layers: int, wavelength: float) -> list[float]:
    titania = float(np.sqrt(5.913 + 0.2441 / ((wavelength / 1000) ** 2 - 0.0803)))
    return [titania if j % 2 else float(np.sqrt(2.04)) for j in range(layers)]


GLASSY = [1.38, 2.35, 1.45]
LOSSY = [1.5 + 0.02j, 0.13 + 3.2j, 2.4 + 0.3j]
GRID = [400.0, 455.0, 512.0, 633.0, 798.0]
CASES = [
    {"thickness_nm": [31.5, 66.2, 44.4, 58.1, 69.9, 30.1, 52.7, 47.3], "index": "film"},
    {"thickness_nm": [55.5] * 10, "index": "film"},
    {"thickness_nm": [180.0, 240.0, 33.0, 91.0, 410.0], "index": "film", "ambient": 1.33, "substrate": 1.52},
    {"thickness_nm": [120.0, 75.0, 210.0], "index": GLASSY, "angle_deg": 35.0, "polarization": "s", "substrate": 1.52},
    {"thickness_nm": [120.0, 75.0, 210.0], "index": GLASSY, "angle_deg": 35.0, "polarization": "p", "substrate": 1.52},
    {"thickness_nm": [90.0, 18.0, 40.0], "index": LOSSY, "angle_deg": 0.0, "polarization": "s", "substrate": 1.5},
    {"thickness_nm": [90.0, 18.0, 40.0], "index": LOSSY, "angle_deg": 62.0, "polarization": "s", "substrate": 1.5},
    {"thickness_nm": [90.0, 18.0, 40.0], "index": LOSSY, "angle_deg": 62.0, "polarization": "p", "substrate": 1.5},
    {"thickness_nm": [48.0], "index": [0.13 + 3.2j], "angle_deg": 44.0, "polarization": "p", "ambient": 1.52},
    {
        "thickness_nm": [90.0, 60.0],
        "index": [2.1, 1.4],
        "angle_deg": 25.0,
        "polarization": "p",
        "substrate": 3.9 + 0.05j,
    },
    {"thickness_nm": [300.0], "index": [1.0], "angle_deg": 50.0, "polarization": "s", "ambient": 1.5, "substrate": 1.5},
]


def pair(value: complex) -> list[float]:
    return [complex(value).real, complex(value).imag]


def solved(case: dict) -> dict:
    from tmm import coh_tmm

    thickness, index = case["thickness_nm"], case["index"]
    angle, polarization = case.get("angle_deg", 0.0), case.get("polarization", "s")
    reflectance, transmittance = [], []
    for wavelength in GRID:
        layers = silica_titania(len(thickness), wavelength) if index == "film" else index
        media = [case.get("ambient", 1.0), *layers, case.get("substrate", 1.0)]
        answer = coh_tmm(polarization, media, [np.inf, *thickness, np.inf], np.radians(angle), wavelength)
        reflectance.append(float(answer["R"]))
        transmittance.append(float(answer["T"]))
    plain = case | {"substrate": pair(case.get("substrate", 1.0)), "wavelength_nm": GRID}
    plain["index"] = index if index == "film" else [pair(n) for n in index]
    return plain | {"R": reflectance, "T": transmittance}


if __name__ == "__main__":
    json.dump({"code": f"tmm {version('tmm')}", "cases": [solved(case) for case in CASES]}, sys.stdout, indent=1)
