"""Studies of transfer between sequence models: what they are, and what they refuse."""

from typing import Any

import pytest

from graft.search.kinds.transfer.states import LikelihoodStudy
from graft.search.study import registry, resolve
from graft.simulators.registry import find
from graft.simulators.spins.watched import Watched
from graft.spaces.errors import InputError
from graft.spaces.plan import OWN
from graft.spaces.transfer import first_guesses
from graft.spaces.words import describe_source

TINY = {"sources": ["ising-4x4@4", "ising-4x4@8"], "target": "ising-4x4@2.5", "symmetries": "all"}


def study(**settings: Any) -> LikelihoodStudy:
    found = resolve("dcl-transfer", "demo", TINY | settings)
    assert isinstance(found, LikelihoodStudy)
    return found


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_the_study_is_registered_and_is_itself_again_after_json(scale: str) -> None:
    found = resolve("dcl-transfer", scale)
    assert isinstance(found, LikelihoodStudy) and "dcl-transfer" in registry()
    assert LikelihoodStudy.from_dict(found.to_dict()) == found
    assert found.rows.pool == 10_000
    assert {found.source_training.activation, found.start.activation, *found.ranges.activation} == {OWN}


def test_a_watched_system_is_a_simulator_by_name() -> None:
    found = find("potts3-4x4@1.5")
    assert isinstance(found, Watched) and (found.model.q, found.temperature) == (3, 1.5)


def test_blocks_are_the_linear_term_the_layers_and_the_head() -> None:
    assert study(**{"network.depth": 3}).blocks == 5
    assert study(**{"network.linear_term": False}).blocks == 2
    assert study(**{"network.kind": "gru", "network.width": 8}).blocks == 3


def test_copied_weights_are_first_tried_at_the_ratio_of_temperatures() -> None:
    found = study(**{"ranges.copied_scale": [0.5, 3.0]})
    assert found.scales == (4 / 2.5, 8 / 2.5)
    guesses = first_guesses(found.ranges, found.start, found.source_space, found.blocks)
    assert guesses[0]["copied_scale"] == 1.0
    by_source = {guess["source"]: guess["copied_scale"] for guess in guesses[1:]}
    assert by_source == {"ising-4x4@4": 1.6, "ising-4x4@8": 3.0}  # the second is cut off at the range's end


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"target": "ising-4x4@0"}, "temperature"),
        ({"target": "ising-4x4@warm"}, "'ising-4x4@warm' has no temperature; allowed: a number after the @"),
        ({"target": "isnig-4x4@2"}, "unknown lattice 'isnig-4x4' "),
        ({"sources": ["ising-8x8@4"]}, "source ising-8x8@4 and target ising-4x4@2.5; allowed: lattices of one shape"),
        ({"sources": ["potts3-4x4@4"]}, "lattices of one shape and alphabet"),
        ({"sources": ["film-8"]}, "film-8 is no watched system; allowed beside ising-4x4@2.5: LATTICE@TEMPERATURE"),
        (
            {"sources": ["glass-4x4-0@4"]},
            "couplings of glass-4x4-0@4 differ from bond to bond; allowed: 'flip', 'none'",
        ),
        ({"target": "ising-4x4-open@2", "symmetries": "all"}, "edges of ising-4x4-open@2 are open; allowed: 'flip'"),
        ({"mode": "holdout"}, "allowed with watched systems: 'fresh'"),
        ({"metric": "relative-l1"}, "metric"),
        ({"start.activation": "gelu"}, "allowed: 'own', for the kind says it"),
        ({"network.kind": "linear"}, "network.kind is 'linear', one block, which is no choice"),
        ({"network.kind": "grue"}, "'grue'"),
        (
            {"target": "potts3-64x64@2.5", "sources": ["potts3-64x64@4"]},
            "64 x 64 spins of 3 values are too many to be solved exactly",
        ),
        ({"symmetries": "every"}, "symmetries"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as refused:
        study(**settings)
    assert words in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("film-10", "film-10"),
        ("film-10@5000x30", "film-10 (5,000 examples, 30 epochs)"),
        ("ising-8x8@2.5", "ising-8x8 at T = 2.5"),
        ("ising-8x8@2.5@5000x30", "ising-8x8 at T = 2.5 (5,000 examples, 30 epochs)"),
    ],
)
def test_base_networks_are_named_in_words(name: str, words: str) -> None:
    assert describe_source(name) == words
