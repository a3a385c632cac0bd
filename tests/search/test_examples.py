"""The studies of real measurements in the repository: read, told apart, and as their sources published them."""

from pathlib import Path

import numpy as np

from graft.search.study import resolve

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_meat_is_two_tables_of_one_instrument_and_its_repeats_stay_together() -> None:
    study = resolve(str(EXAMPLES / "tecator" / "tecator-fat-protein.toml"))
    fat, protein = study.tables
    assert (fat.rows, protein.rows, fat.outputs, protein.outputs) == (140, 75, ("fat [%]",), ("protein [%]",))
    assert fat.inputs == protein.inputs and len(fat.inputs) == 100 and fat.left_out == ()
    assert study.mode == "holdout" and protein.groups and study.ranges.linear == (True,)
    seen = study.scenario("protein.csv").draw(75, np.random.default_rng(0))["inputs"]
    assert all(np.allclose(seen[group[0]], seen[list(group)], rtol=1e-2) for group in protein.groups)
    assert "The data can be redistributed as long as this permission note is attached." in " ".join(
        (EXAMPLES / "tecator" / "README.md").read_text().replace("\n> ", " ").split()
    )
