"""Studies of distribution-consistent learning: how they are told from the others, and what is refused."""

import re
from pathlib import Path
from typing import Any

import optuna
import pytest

from graft.search.run.folder import Run
from graft.search.study import opened, registry, reopened, resolve
from graft.search.tasks.distilled.study import DclStudy
from graft.simulators.registry import lattice
from graft.spaces.compute import constraints
from graft.spaces.dcl import first_guesses, suggest
from graft.spaces.errors import InputError

ROOT = Path(__file__).parents[3]
NAMES = [name for name, values in registry().items() if "system" in values]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_registered_studies_survive_their_folder(name: str, scale: str, tmp_path: Path) -> None:
    study = resolve(name, scale)
    Run(tmp_path / "run").begin(study)
    assert isinstance(study, DclStudy) and (study.name, study.scale) == (name, scale) and study.title
    assert reopened(Run(tmp_path / "run").read("study.json")) == study == opened(study.to_dict())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_registered_studies_may_train_what_they_guess_first(name: str, scale: str) -> None:
    study = resolve(name, scale)
    least = study.budget.rungs[0] * study.budget.seconds
    sites = lattice(study.system).sites
    ask = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    for guess in first_guesses(study.choices):
        ask.enqueue_trial(guess)
        plan = suggest(ask.ask(), study.choices)
        assert constraints(plan, least, sites, 3)["optimiser steps"] <= 0, plan.kind
    assert constraints(study.paper, study.budget.seconds, sites, 3)["optimiser steps"] <= 0


def test_the_studies_of_the_paper_are_there() -> None:
    assert {"dcl-ising", "dcl-potts", "dcl-glass", "dcl-ising-16", "dcl-ising-32"} <= set(NAMES)
    ising = resolve("dcl-ising", "paper")
    assert (ising.temperature, ising.larger, ising.paper.width, ising.paper.loss) == (4.0, "ising-16x16", 48, "mse")
    assert set(ising.choices.kinds) == {"linear", "made", "gru", "transformer"} and ising.score == "label-free"


@pytest.mark.parametrize(
    ("system", "larger", "focus"),
    [("ising-8x8", "ising-16x16", 2), ("ising-5x5", "", 1), ("ising-3x3", "", 1), ("ising-8x8", "ising-15x15", 2)],
)
def test_the_papers_tiles_cover_every_lattice_of_the_study(system: str, larger: str, focus: int) -> None:
    study = resolve("dcl-ising", "demo", {"system": system, "larger": larger, "choices.focus": [1]})
    assert study.paper.student.focus == focus


def test_a_file_may_define_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('system = "ising-4x4"\ntemperature = 3\n[choices]\nkinds = ["gru"]\n[demo.budget]\ntrials = 2\n')
    study = resolve(str(file))
    assert isinstance(study, DclStudy) and study.budget.trials == 2 and study.choices.kinds == ("gru",)
    file.write_text('extends = "dcl-ising"\nscore = "exact"\n')
    assert resolve(str(file)).score == "exact"


def test_the_readmes_file_is_a_study_and_hilberts_curve_is_left_out_where_it_does_not_fit(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(# small.toml.*?)```", (ROOT / "docs/guides/energies.md").read_text(), re.DOTALL)
    (tmp_path / "small.toml").write_text(text)
    study = resolve(str(tmp_path / "small.toml"))
    assert (study.system, study.temperature, study.choices.kinds) == ("ising-6x6", 3.0, ("linear", "gru"))
    assert study.usable.orders == ("raster", "snake", "spiral") and "hilbert" in resolve("dcl-ising").usable.orders


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"system": "ising-8"}, "system is 'ising-8'; allowed: two lengths and joined edges"),
        ({"system": "ising-8x8-open"}, "system is 'ising-8x8-open'; allowed: two lengths and joined edges"),
        ({"system": "ising-8x"}, "unknown lattice 'ising-8x' .did you mean 'ising-8x8'"),
        ({"system": "ising-32x32"}, "ising-32x32 has 1024 sites, .* at most 256, and larger = 'ising-32x32'"),
        ({"system": "potts4-8x8", "larger": ""}, "potts4-8x8 has no known levels of energy; allowed: Ising, Potts"),
        (
            {"system": "glass-16x16-0", "larger": "", "symmetries": "flip"},
            "16 x 16 spins of 2 values are too many .* allowed: 12 columns of any .* graft.simulators.spins.sampling",
        ),
        ({"system": "isling-8x8"}, "unknown lattice 'isling-8x8' .did you mean 'ising-8x8'"),
        ({"system": "potts1-8x8", "larger": ""}, "q is 1; allowed: a whole number of at least 2"),
        ({"system": "glass-8x8-0", "larger": ""}, "symmetries is 'all', but couplings of glass-8x8-0 differ"),
        ({"system": "glass-8x8-0", "symmetries": "flip"}, "larger is 'ising-16x16', but couplings of glass-8x8-0"),
        ({"larger": "potts3-16x16"}, "larger is 'potts3-16x16'; allowed: the model of ising-8x8"),
        ({"larger": "ising-16x16-open"}, "larger is 'ising-16x16-open'; allowed: the model of ising-8x8"),
        ({"larger": "ising-J2-16x16"}, "larger is 'ising-J2-16x16'; allowed: the model of ising-8x8"),
        ({"larger": "ising-15x15", "choices.focus": [2]}, "choices.focus is 2; allowed: divisors of the sides of"),
        ({"larger": "ising-2x2"}, "the shorter side of larger is 2; allowed: at least 3, a tile"),
        ({"larger": "ising-256x256"}, "larger has 65536 sites; allowed: at most 16384"),
        (
            {"system": "potts3-8x8", "larger": "potts3-delta-16x16"},
            "larger is 'potts3-delta-16x16'; allowed: the model",
        ),
        (
            {"system": "ising-2x2", "larger": "", "choices.context": [0]},
            "a side of ising-2x2 is 2; allowed: at least 3",
        ),
        ({"temperatures": []}, "temperatures is empty; allowed: a list of at least 1, each a number at least 0.01"),
        (
            {"choices.transformer": [24]},
            "choices.transformer.0. is 24; allowed: a whole number of at least 1 and a multiple of 16",
        ),
        ({"choices.rounds": [30]}, "choices.rounds.0. is 30; allowed: "),
        ({"choices.layers": ["5000"]}, "choices.layers is 5000"),
        ({"choices.augmented": [1]}, "choices.augmented.0. is 1; allowed: true or false"),
        ({"temperature": 0}, "temperature is 0; allowed: a number at least 0.01 and at most 1000"),
        ({"temperature": -1.5}, "temperature is -1.5; allowed: a number at least 0.01 and at most 1000"),
        ({"temperatures": [1.0, 0.0]}, "temperatures.1. is 0.0; allowed: a number at least 0.01"),
        ({"score": "exakt"}, "unknown score 'exakt' .did you mean 'exact'"),
        ({"symmetries": "none", "score": "symmetry"}, "score is 'symmetry' with symmetries 'none'"),
        (
            {"system": "potts3-8x8", "larger": "", "choices.focus": [1, 2]},
            "choices.focus is 2 with context 1 and 3 values; allowed: at most 1",
        ),
        (
            {"system": "potts7-delta-8x8", "larger": "", "choices.focus": [1]},
            "potts7-delta-8x8 has 7 values, too many for a table .*; allowed: at most 6 values",
        ),
        (
            {"system": "potts7-delta-8x8", "larger": "", "choices.focus": [1], "choices.context": [0]},
            "potts7-delta-8x8 has 7 values, too many for a table .*; allowed: at most 6 values",
        ),
        (
            {"choices.focus": [1], "choices.context": [2]},
            "choices.context is 2 with 2 values, too many tiles for a table; allowed: at most 1",
        ),
        ({"choices.context": [4]}, r"choices.focus \+ 2 choices.context is 9; allowed: at most 8"),
        ({"choices.focus": [3], "choices.context": [1]}, "choices.focus is 3; allowed: divisors of the sides"),
        (
            {"system": "ising-6x6", "larger": "", "choices.orders": ["hilbert"]},
            "choices.orders is .'hilbert'.; allowed: orders of ising-6x6",
        ),
        ({"states.watched": 100}, "states.watched is 100; allowed: a whole number of at least 1000"),
        ({"states.held": 5_000_000}, "states.held is 5000000; allowed: less than states.watched"),
        ({"budget.rungs": [0.5]}, "budget.rungs is .0.5.; allowed: increasing shares, the last 1"),
        ({"budget.rungs": [0.5, 0.5, 1.0]}, "budget.rungs is"),
        ({"budget.copies": 1}, "budget.copies is 1"),
        ({"source": "film-8"}, "unknown key in study 'source'|unknown key in study 'sources'"),
    ],
)
def test_what_is_no_such_study_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=f"^({said})"):
        resolve("dcl-ising", "demo", settings)
