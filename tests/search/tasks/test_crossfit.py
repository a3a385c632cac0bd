"""Cross-fitting: each row judged once a repeat, by a fit that learned from none of its group."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from phases import phase

from graft.models.networks.network import Network
from graft.search.run.seeds import Role
from graft.search.tasks.base import Examples, Request
from graft.search.tasks.crossfit import Folds
from graft.spaces.plan import Plan, Recipe

RNG = np.random.default_rng(2)
GROUPS = st.lists(st.integers(0, 9), min_size=5, max_size=40).filter(lambda found: len({*found}) >= 5)


@settings(deadline=None, max_examples=50)
@given(GROUPS, GROUPS, st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_every_row_is_judged_once_a_repeat_and_groups_are_whole(
    locked: list[int], unlocked: list[int], count: int, seed: int
) -> None:
    folds = Folds(seed, count, np.array(locked), np.array(unlocked))
    for repeat in (0, 3):
        fits = [folds.judged(count * repeat + k) for k in range(count)]
        for part, groups in enumerate((folds.locked, folds.unlocked)):
            assert sorted(np.concatenate([one[part] for one in fits])) == list(range(len(groups)))
            inside = [{*groups[one[part]]} for one in fits]
            assert all(inside) and sum(map(len, inside)) == len({*groups})
            assert max(map(len, inside)) - min(map(len, inside)) <= 1
    assert np.array_equal(folds.of(1)[0], folds.of(1)[0])


def test_folds_are_drawn_anew_in_each_repeat() -> None:
    folds = Folds(3, 5, np.arange(40), np.arange(40))
    assert not np.array_equal(folds.of(0)[0], folds.of(1)[0]) and not np.array_equal(*folds.of(0))


def test_a_fit_learns_from_all_rows_that_it_does_not_judge_and_locked_rows_decide() -> None:
    inputs = np.arange(30, dtype=np.float32)[:, None]
    rows = Examples(inputs, 1 + np.hstack([inputs, inputs**2]) / 100, np.arange(30) // 2)
    one = phase(4, Role.CONFIRMATION, rows.first(14), 3, Network(1, 4), test=rows.last(16))
    cut = type(one)(**{**vars(one), "crossed": True, "folds": Folds(4, 4, rows.last(16).groups, rows.first(14).groups)})  # type: ignore[arg-type]
    judged = [cut.rows(fit) for fit in range(4)]
    assert sorted(np.concatenate([test.inputs for _, test in judged])[:, 0]) == list(range(30))
    for fit, (learned, test) in enumerate(judged):
        assert sorted(np.concatenate([learned.inputs, test.inputs])[:, 0]) == list(range(30))
        assert not {*learned.inputs[:, 0] // 2} & {*test.inputs[:, 0] // 2}
        locked, _ = cut.folds.judged(fit)  # type: ignore[union-attr]
        assert (test.inputs[: len(locked)] >= 14).all() and (test.inputs[len(locked) :] < 14).all()
    asked = Request(Plan(Recipe(epochs=2, batch=8, warmup=0, head="constant", activation="tanh")), 2)
    error, told = cut.errors(asked)
    held = len(cut.folds.judged(2)[0])  # type: ignore[union-attr]
    assert error == np.mean(told["by_example"][:held]) and len(told["by_example"]) == len(judged[2][1])
    assert len(cut.whole().rows(0)[0]) == 30 and cut.digest(asked) != one.digest(asked)
