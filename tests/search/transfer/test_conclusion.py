"""What is left behind of a run speaks of the task at hand."""

import pytest

from search.report import drawing
from search.transfer.conclusion import predicted
from simulators.registry import find


@pytest.mark.parametrize(("name", "words"), [("film-8", "transmittance"), ("nano-8", "scattering efficiency")])
def test_spectra_are_named_after_what_was_simulated(name: str, words: str) -> None:
    assert predicted(find(name)) == words
    shown = {"exact": [1.0, 2.0], "direct": [1.1, 2.0], "transfer": [1.0, 2.1], "thickness_nm": [50.0]}
    figure = drawing.spectra({"output": words, "wavelength_nm": [400.0, 402.0], "films": [shown] * 2}, "transfer")
    assert figure.axes[0].get_ylabel() == words
    assert "Film" not in figure.axes[0].get_title(loc="left")
