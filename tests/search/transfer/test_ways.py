"""The best plan of each way of using a source, and what is put together where a way was not tried."""

from dataclasses import replace

from graft.search.kinds.transfer.ways import BEGINNING, BOTH, LOSS, NEITHER, best_of_each, way
from graft.search.run.trials import Trial
from graft.spaces.plan import Plan, Recipe, Span, Term

RIVAL = Plan(Recipe(rate=0.02))
COPIED = Plan.span(Recipe(rate=0.01), 4, "film-10", Span(1, 3))
HINTED = Plan(Recipe(rate=0.03), (), (Term("feature", "film-10", 2, 0.5),))
TOGETHER = replace(COPIED, terms=HINTED.terms, recipe=Recipe(rate=0.005))


def trial(number: int, plan: Plan, value: float, state: str = "complete") -> Trial:
    return Trial(number=number, state=state, plan=plan, errors=(value,), value=value)


def test_a_plan_goes_one_of_four_ways() -> None:
    assert [way(plan) for plan in (RIVAL, COPIED, HINTED, TOGETHER)] == [NEITHER, BEGINNING, LOSS, BOTH]


def test_the_best_of_each_way_is_taken_and_complete_trials_come_first() -> None:
    worse = replace(COPIED, recipe=Recipe(rate=0.1))
    trials = [
        trial(0, worse, 0.05, "pruned"),
        trial(1, COPIED, 0.06),
        trial(2, replace(COPIED, recipe=Recipe(rate=0.2)), 0.07),
        trial(3, HINTED, 0.08),
        trial(4, TOGETHER, 0.05),
        trial(5, replace(HINTED, recipe=Recipe(rate=0.3)), 0.01, "failed"),
    ]
    found = best_of_each(trials, RIVAL)
    assert list(found) == [NEITHER, BEGINNING, LOSS, BOTH]
    assert found == {NEITHER: RIVAL, BEGINNING: COPIED, LOSS: HINTED, BOTH: TOGETHER}


def test_what_was_not_tried_is_put_together() -> None:
    both = best_of_each([trial(0, COPIED, 0.05), trial(1, HINTED, 0.06)], RIVAL)[BOTH]
    assert both == replace(COPIED, terms=HINTED.terms)
    halves = best_of_each([trial(0, TOGETHER, 0.05)], RIVAL)
    assert halves[BEGINNING] == replace(TOGETHER, terms=()) and halves[LOSS].terms == TOGETHER.terms
    assert not halves[LOSS].copied and halves[LOSS].recipe == TOGETHER.recipe


def test_too_few_trials_tell_nothing() -> None:
    assert best_of_each([trial(0, COPIED, 0.05)], RIVAL) == {} == best_of_each([], RIVAL)
