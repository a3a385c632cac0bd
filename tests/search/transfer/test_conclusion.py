"""What is left behind of a run speaks of the task at hand."""

import numpy as np
import pytest

from graft.search.engine.searched import Direct, by_budget
from graft.search.kinds.transfer.conclusion import best_measured
from graft.search.report import drawing
from graft.search.run.certificate import Comparison
from graft.search.run.shown import Spectra
from graft.search.run.trials import Trial
from graft.search.tasks.regression import predicted
from graft.simulators.registry import find
from graft.spaces.plan import Plan, Recipe, Span
from graft.spaces.ranges import Ranges


@pytest.mark.parametrize(("name", "words"), [("film-8", "transmittance"), ("nano-8", "scattering efficiency")])
def test_spectra_are_named_after_what_was_simulated(name: str, words: str) -> None:
    assert predicted(find(name)) == words
    shown = {"exact": [1.0, 2.0], "direct": [1.1, 2.0], "transfer": [1.0, 2.1], "thickness_nm": [50.0]}
    told = Spectra.read({"output": words, "wavelength_nm": [400.0, 402.0], "films": [shown] * 2})
    figure = drawing.spectra(told, "transfer")
    assert figure.axes[0].get_ylabel() == words
    assert "Film" not in figure.axes[0].get_title(loc="left")


PLAN = Plan.span(Recipe(rate=0.02), 3, "film-10", Span(1, 2))
RIVAL = Plan(Recipe(rate=0.01))


def comparison(direct: float, *same: float | None, certified: bool = False) -> Comparison:
    tested = {"decision": "direct", "reason": "", "relative_reduction": None, "interval": None, "p_value": 1.0}
    tested |= {"p_values": {}, "sign_p_value": 1.0, "plan": PLAN}
    told = {"task": "film-8", "decision": "direct", "plan": PLAN if certified else None, "direct": {"mean": direct}}
    arms = [tested | {"arms": {"direct_same_recipe": {"mean": mean}}} for mean in same]
    return Comparison.read(told | {"candidates": arms})


def test_what_is_handed_over_is_the_certified_plan_or_the_best_direct_learning_that_was_measured() -> None:
    same = PLAN.without_source()
    assert best_measured(comparison(0.05, 0.04, certified=True), RIVAL) == ("candidate", PLAN)
    assert best_measured(comparison(0.05), RIVAL) == ("direct", RIVAL)
    assert best_measured(comparison(0.05, 0.06, None), RIVAL) == ("direct", RIVAL)
    assert best_measured(comparison(0.05, 0.06, 0.04), RIVAL) == ("direct_same_recipe", same)
    assert best_measured(comparison(0.05, 0.05), RIVAL) == ("direct", RIVAL)  # of equals the one that was tuned


def test_direct_learning_by_budget_tells_what_was_best_when() -> None:
    def trial(number: int, *errors: float, state: str = "complete") -> Trial:
        value = float(np.exp(np.log(errors).mean())) if errors else None
        return Trial(number=number, state=state, plan=RIVAL, errors=errors, value=value)

    trials = [trial(0, 0.05, 0.06), trial(1, 0.04, 0.041), trial(2, 0.03, state="failed"), trial(3, 0.02, 0.03)]
    early, late = (Direct(number, RIVAL, 0.0, Ranges(), spent) for number, spent in ((1, 4), (3, 8)))
    told = by_budget(trials, early, late)
    assert [(one.trainings, one.trial, one.seeds) for one in told] == [(2, 1, 2), (4, 1, 2), (8, 3, 2)]
    assert told[-1].error == pytest.approx((0.02 * 0.03) ** 0.5)
    # A search that did not start a trial in the first half has nothing to tell of it.
    assert [one.trainings for one in by_budget(trials, Direct(0, RIVAL, 0.0, Ranges(), 1), late)] == [1, 8]
