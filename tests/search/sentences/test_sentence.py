"""The verdict in words: one readable sentence with the plan and the numbers."""

import numpy as np
import pytest

from graft.search.kinds.transfer.sentence import sentence
from graft.search.kinds.transfer.verdict import Candidate, verdict
from graft.search.run.certificate import Comparison, Curve, Kept, Reference
from graft.search.settings import Proof
from graft.search.study import resolve
from graft.spaces.plan import Plan, Recipe, Span

STUDY = resolve("film10-film8", "paper", {"proof.placebos": 0})
NOISE = 1 + 0.01 * np.sin(np.arange(1, 9) * 7.0)
OTHER = 1 + 0.01 * np.sin(np.arange(1, 9) * 3.0)


def comparison(ours: float, plan: Plan | None = None, **arms: float) -> Comparison:
    plan = plan or Plan.span(Recipe(), 7, "film-10", Span(1, 6))
    measured = {
        "direct_same_recipe": (arms.get("same", 0.06) * NOISE[::-1]).tolist(),
        "shuffled": (arms.get("shuffled", 0.07) * NOISE[::-1]).tolist(),
        "candidate": (ours * OTHER).tolist(),
    }
    return verdict((0.05 * NOISE).tolist(), [Candidate(4, plan, measured)], Proof(), "film-8")


def test_transfer_tells_plan_error_reduction_interval_and_seeds() -> None:
    text = sentence(comparison(0.04), None, STUDY, 9)
    assert text.startswith(
        "Transfer: copy layers 1 to 6 of 7 from the network trained on film-10, then fine-tune the whole network. "
    )
    assert "On 2,000 newly simulated examples of film-8 the mean spectrum error falls from 5.00 % (tuned direct" in text
    assert "to 4.00 %, that is by 20 % (interval 19 % to 21 %, p = " in text and "8 fresh seeds)" in text
    assert text.endswith("neither the recipe nor the scale of the copied weights alone explains it.")


def test_transfer_tells_how_much_data_it_is_worth() -> None:
    curve = Curve(rows=(400, 800, 1600), errors=(), candidate_error=0.04, equivalent_rows=1234.4)
    assert sentence(comparison(0.04), curve, STUDY, 9).endswith(
        " Direct learning would need about 1,230 training examples instead of 400."
    )
    assert sentence(comparison(0.04), curve.model_copy(update={"equivalent_rows": None}), STUDY, 9).endswith(
        " Direct learning would need more than 1,600 training examples instead of 400."
    )


def test_direct_tells_the_best_plan_what_it_changes_and_why_not() -> None:
    text = sentence(comparison(0.0495), None, STUDY, 9)
    assert text.startswith(
        "Direct learning: do not transfer. Tuned direct learning has a mean spectrum error of 5.00 %"
    )
    assert "the best plan found (copy layers 1 to 6 of 7 from the network trained on film-10" in text
    assert "changes it by -1 % (interval " in text
    assert text.endswith("is not proved to beat direct learning by more than 2 %.")


def test_a_regressor_that_is_better_than_both_networks_comes_first() -> None:
    ridge = Reference(
        name="ridge regression", chosen={}, cross_validated=0.04, rows=30, mean=0.0391, per_seed=(0.0391,)
    )
    text = sentence(comparison(0.0495), None, STUDY, 9, references=[ridge])
    assert text.startswith("Neither network: on the same rows ridge regression errs by 3.91 %. Direct learning: do not")
    both = ridge.model_copy(update={"pooled": ("cheap.csv",)})
    told = sentence(comparison(0.04), None, STUDY, 9, references=[both])
    assert told.startswith(
        "Neither network: on the same rows ridge regression, with the rows of cheap.csv too, errs by"
    )
    assert "Transfer: copy layers" in told
    worse = ridge.model_copy(update={"mean": 0.0495})  # than one of both, or by less than the margin
    assert sentence(comparison(0.04), None, STUDY, 9, references=[worse]).startswith("Transfer")
    assert sentence(comparison(0.0495), None, STUDY, 9, references=[worse]).startswith("Direct")


def test_harm_is_told_with_its_sign() -> None:
    assert "changes it by +20 % (interval +19 % to +21 %)" in sentence(comparison(0.06), None, STUDY, 9)


def test_a_plan_that_diverged_has_no_number() -> None:
    found = comparison(0.04)
    diverged = Candidate(4, found.candidates[0].plan, {  # type: ignore[arg-type]
        "direct_same_recipe": [0.06] * 8, "shuffled": [0.06] * 8, "candidate": [0.04] * 7 + [None]
    })  # fmt: skip
    text = sentence(verdict((0.05 * NOISE).tolist(), [diverged], Proof(), "film-8"), None, STUDY, 9)
    assert "is candidate diverged" not in text
    assert "diverged on a confirmation seed" in text and "None" not in text and "nan" not in text


@pytest.mark.parametrize(
    ("tried", "said"),
    [(9, "none of the 9 plans of transfer that were tried came near it."), (0, "whether one would help is not known.")],
)
def test_no_plan_at_all(tried: int, said: str) -> None:
    text = sentence(verdict((0.05 * NOISE).tolist(), [], Proof(), "film-8"), None, STUDY, tried)
    assert "on 2,000 newly simulated examples of film-8; " in text and text.endswith(said)


@pytest.mark.parametrize("ours", [0.03, 0.0495, 0.08])
@pytest.mark.parametrize("arms", [{}, {"same": 0.03}, {"shuffled": 0.03}])
def test_it_is_one_line_that_reads(ours: float, arms: dict[str, float]) -> None:
    text = sentence(comparison(ours, **arms), None, STUDY, 9)
    assert text.endswith(".") and len(text.splitlines()) == 1 and 100 < len(text) < 600
    assert not any(
        sign in text for sign in ("{", "}", "_", "None", "nan", "inf", "  ", "..", " ,", "is not proved to be ")
    )
    assert all(text[i - 1] == " " for i, sign in enumerate(text) if sign == "%")


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(Recipe()), "copy nothing"),
        (
            Plan.span(Recipe(), 7, "film-10", Span(2, 2)),
            "copy layer 2 of 7 from the network trained on film-10, then fine-tune the whole network",
        ),
        (
            Plan.span(Recipe(), 7, "film-10", Span(1, 7)),
            "copy layers 1 to 7 of 7, the head included, from the network trained on film-10, then fine-tune the whole "
            "network",
        ),
        (
            Plan.span(Recipe(), 7, "film-12", Span(1, 4), copied_rate=0.0),
            "copy layers 1 to 4 of 7 from the network trained on film-12, keep them frozen and train the rest",
        ),
        (
            Plan.span(Recipe(), 7, "film-12", Span(4, 4), copied_rate=0.0),
            "copy layer 4 of 7 from the network trained on film-12, keep it frozen and train the rest",
        ),
    ],
)
def test_a_plan_in_words(plan: Plan, words: str) -> None:
    assert plan.describe() == words


KEPT = Kept(arm="candidate", plan=Plan(Recipe()), rows=450, error=0.0385)


def test_the_rivals_trainings_and_the_network_in_the_folder_are_told() -> None:
    found = comparison(0.04).model_copy(update={"rival_budget": 48})
    text = sentence(found, None, STUDY, 9, KEPT)
    assert "falls from 5.00 % (direct learning tuned with 48 trainings) to 4.00 %" in text
    assert text.endswith(" The network handed over learned from all 450 unlocked examples and errs by 3.85 % there.")
    found = comparison(0.0495).model_copy(update={"rival_budget": 48})
    text = sentence(found, None, STUDY, 9, KEPT.model_copy(update={"arm": "direct_same_recipe"}))
    assert text.startswith("Direct learning: do not transfer. Direct learning tuned with 48 trainings has a mean")
    assert "learned directly, with the recipe of a plan that was confirmed, from all 450 unlocked examples" in text


def test_a_plan_that_was_behind_in_the_search_is_named_with_how_far() -> None:
    plan = Plan.span(Recipe(), 7, "film-10", Span(1, 6))
    found = verdict((0.05 * NOISE).tolist(), [], Proof(), "film-8")
    dropped = {"trial": 3, "plan": plan, "behind": "direct learning", "by": 0.234}
    told = Comparison.read({**found.to_dict(), "rival_budget": 48, "not_confirmed": [dropped]})
    text = sentence(told, None, STUDY, 9, KEPT.model_copy(update={"arm": "direct"}))
    assert "the best plan found (copy layers 1 to 6 of 7 from the network trained on film-10" in text
    assert "was behind direct learning already in the search, by 23 %. The network handed over learned directly" in text


@pytest.mark.parametrize(
    ("times", "told"),
    [(100.0, "or more than 100 times"), (3.21, "or about 3.2 times"), (None, "")],
)
def test_transfer_tells_how_many_trainings_it_is_worth(times: float | None, told: str) -> None:
    curve = Curve(rows=(400, 800, 1600), errors=(), candidate_error=0.04, equivalent_rows=1234.4)
    found = comparison(0.04).model_copy(update={"times_trainings": times})
    more = f", {told} the trainings of its search" if told else ""
    assert sentence(found, curve, STUDY, 9).endswith(f"about 1,230 training examples instead of 400{more}.")


@pytest.mark.parametrize(
    ("networks", "told"),
    [
        (0, "alone explains it."),
        (1, "This is said of that source network alone."),
        (6, "It holds for any network taught so: 6 that no search has seen took turns."),
    ],
)
def test_transfer_tells_of_which_networks_it_speaks(networks: int, told: str) -> None:
    assert sentence(comparison(0.04), None, STUDY, 9, networks=networks).endswith(told)
