"""A finished run is asked only what its kind can answer."""

from pathlib import Path

import pytest

from graft.search.kinds.registry import kind_of
from graft.search.prediction import Asked
from graft.search.run.folder import Run
from graft.search.study import reopened, resolve
from graft.spaces.errors import InputError


@pytest.mark.parametrize(
    ("study", "asked", "told"),
    [
        ("film10-film8", Asked("inputs.csv", temperatures=(1, 2)), "holds none; allowed: neither"),
        ("film10-film8", Asked("inputs.csv", sweeps=500), "holds none; allowed: neither"),
        ("film10-film8", Asked("inputs.csv"), "holds no champion"),
        ("films-8-10-12-14", Asked("ising-8x8"), "holds no champion"),
        ("films-8-10-12-14", Asked("ising-8x8", sweeps=500), "holds none; allowed: neither"),
        ("dcl-transfer", Asked("ising-8x8"), "predicts nothing"),
        ("dcl-ising", Asked("ising-8x8"), "holds no learned energy yet"),
        ("dcl-ising", Asked("ising-8x8", "film-8"), "--task is 'film-8'; allowed: nothing"),
    ],
)
def test_each_kind_of_run(tmp_path: Path, study: str, asked: Asked, told: str) -> None:
    run = Run(tmp_path)
    run.begin(resolve(study))
    with pytest.raises(InputError, match=told):
        kind_of(reopened(run.read("study.json"))).predict(tmp_path, asked)
