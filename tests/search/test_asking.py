"""A finished run is asked only what its kind can answer."""

from pathlib import Path

import pytest
from graft.search.asking import ask

from graft.search.run.folder import Run
from graft.search.study import resolve
from graft.spaces.errors import InputError


@pytest.mark.parametrize(
    ("study", "what", "temperatures", "sweeps", "told"),
    [
        ("film10-film8", "inputs.csv", "1,2", 0, "holds none; allowed: neither"),
        ("film10-film8", "inputs.csv", "", 500, "holds none; allowed: neither"),
        ("film10-film8", "inputs.csv", "", 0, "holds no champion"),
        ("films-8-10-12-14", "ising-8x8", "", 0, "holds no champion"),
        ("dcl-transfer", "ising-8x8", "", 0, "predicts nothing"),
        ("dcl-ising", "ising-8x8", "", 0, "holds no learned energy yet"),
    ],
)
def test_each_kind_of_run(tmp_path: Path, study: str, what: str, temperatures: str, sweeps: int, told: str) -> None:
    Run(tmp_path).begin(resolve(study))
    with pytest.raises(InputError, match=told):
        ask(tmp_path, what, "", temperatures, sweeps)
