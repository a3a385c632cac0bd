import numpy as np
import pytest

from graft.simulators.optics.materials import MATERIALS, index


@pytest.mark.parametrize(
    ("name", "wavelength_nm", "permittivity"),
    [("SiO2", 633.0, 2.04), ("water", 633.0, 1.77), ("TiO2", 500.0, 5.913 + 0.2441 / (0.25 - 0.0803))],
)
def test_published_permittivities(name, wavelength_nm, permittivity):
    assert index(name, wavelength_nm) ** 2 == pytest.approx(permittivity, rel=1e-15)


@pytest.mark.parametrize("name", MATERIALS)
def test_normal_dispersion(name):
    n = index(name, np.linspace(300, 2000, 100))
    assert n.dtype == np.float64 and (n >= 1).all() and (np.diff(n) <= 0).all()
