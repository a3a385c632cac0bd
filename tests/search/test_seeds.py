"""Seeds: one number fixes everything, and no two purposes share any."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.search.run.seeds import Draws, Role, entropy, number, sequence


def test_roles_are_part_of_the_record_and_never_renumbered() -> None:
    assert {role.name: role.value for role in Role} == {
        "POOL": 1, "BASELINE": 2, "PLANS": 3, "CONFIRMATION": 4, "TEST": 5, "REGRET": 6, "SOURCE": 7,
        "SOURCE_NETWORK": 8, "CURVE": 9, "BASELINE_SAMPLER": 10, "PLANS_SAMPLER": 11, "TRUTH": 12, "PLACEBO": 13,
        "ORDER": 14, "FOLDS": 15, "SEEINGS": 16, "WAYS": 17,
    }  # fmt: skip


def fingerprint(draws: Draws) -> tuple[float, ...]:
    rest = [
        float(torch.rand((), generator=g, dtype=torch.float64)) for g in (draws.weights, draws.order, draws.shuffle)
    ]
    return float(draws.split.random()), *rest


def test_the_same_seed_draws_the_same_and_any_other_does_not() -> None:
    places = [(study, role, index) for study in (0, 1) for role in Role for index in (0, 1, 2)]
    found = [fingerprint(Draws.of(*place)) for place in places]
    assert found == [fingerprint(Draws.of(*place)) for place in places]
    numbers = [value for one in found for value in one]
    assert len(set(numbers)) == len(numbers)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.data())
def test_rows_are_split_without_loss_or_overlap(seed: int, unlocked: int, data: st.DataObject) -> None:
    validation = data.draw(st.integers(1, unlocked - 1))
    learned, held = Draws.of(seed, Role.PLANS, 0).rows(unlocked, validation)
    assert len(held) == validation
    assert sorted([*learned, *held]) == list(range(unlocked))


def test_the_split_is_redrawn_with_each_seed() -> None:
    held = [Draws.of(0, Role.PLANS, index).rows(200, 20)[1].tolist() for index in range(4)]
    assert len({tuple(sorted(rows)) for rows in held}) == 4


def test_data_sets_and_trainings_draw_from_their_own_roots() -> None:
    assert entropy(3, Role.TEST) == (3, 5)
    assert sequence(3, Role.TEST, 2).entropy == [3, 5, 2]
    assert number(np.random.SeedSequence([3, 5, 2])) == number(sequence(3, Role.TEST, 2)) < 2**32
