"""The verdict for several tasks: every arm, every task, every round."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graft.search.kinds.sharing.conclusion import best_measured
from graft.search.kinds.sharing.confirmation import (
    arms,
    by_arm,
    changes,
    chosen,
    clearly_behind,
    protocol,
    trainings,
)
from graft.search.kinds.sharing.sentence import sentence
from graft.search.kinds.sharing.verdict import ARMS, comparisons, course, judged, remaining, undecided
from graft.search.kinds.transfer.verdict import verdict as one_task
from graft.search.proof.claims import RivalDiverged
from graft.search.proof.confirmation import decide
from graft.search.run.certificate import Comparison
from graft.search.run.evidence import Entry
from graft.search.run.results import Round
from graft.search.run.trials import Trial
from graft.search.settings import Proof
from graft.search.study import resolve
from graft.search.tasks.joint import SharedTraining
from graft.spaces.plan import Plan, Recipe
from graft.spaces.sharing import Sharing
from graft.spaces.words import describe_layers

TASKS = ("film-8", "film-10", "film-12", "film-14")
PLAN = Sharing.ends(Recipe(rate=4e-3), TASKS, 7, 2, 1, one_hot=True, weighting="fixed", weights=(2.0, 1.0, 0.6, 0.4))
SEEDS = 8
ALPHA = 0.05 / 3


def measured(ratios: Mapping[str, Mapping[str, float]], seed: int = 0, noise: float = 0.02) -> dict[str, Any]:
    """Errors by arm and task: each arm's true error is the candidate's times a ratio (1.2 where none is named)."""
    rng = np.random.default_rng(seed)
    tasks = list(ratios)
    found: dict[str, Any] = {arm: {} for arm in (*ARMS, "candidate")}
    for task in tasks:
        for arm in (*ARMS, "candidate"):
            ratio = 1.0 if arm == "candidate" else ratios[task].get(arm, 1.2)
            found[arm][task] = (0.05 * ratio * np.exp(rng.normal(0, noise, SEEDS))).tolist()
    return found


def of_arms(arms: dict[str, Any], number: int = 1, margin: float = 0.02, alpha: float = ALPHA) -> Round:
    tasks = tuple(arms["candidate"])
    return Round(
        round=number, tasks=tasks, trial=5, plan=PLAN.only(tasks), seeds=SEEDS, first_seed=0, margin=margin,
        alpha=alpha, arms=arms,
    )  # fmt: skip


def rounded(number: int, ratios: Mapping[str, Mapping[str, float]]) -> Round:
    return of_arms(measured(ratios, number), number)


GOOD: dict[str, dict[str, float]] = {task: {} for task in TASKS}


def test_a_task_is_helped_only_if_all_three_arms_are_beaten() -> None:
    arms = measured({"film-8": {}, "film-10": {"direct": 1.0}, "film-12": {"direct_same_recipe": 1.0},
                     "film-14": {"shuffled": 1.0}})  # fmt: skip
    found = judged(of_arms(arms))
    assert [found[task].decision for task in TASKS] == ["transfer", "direct", "direct", "direct"]
    assert "beat direct learning by more than 2%" in found["film-10"].reason
    assert "the plan's recipe" in found["film-12"].reason
    assert "labels shuffled" in found["film-14"].reason


def test_a_gain_within_the_margin_is_none() -> None:
    found = judged(of_arms(measured({task: {"direct": 1.015} for task in TASKS}, noise=0.002)))
    assert all(one.decision == "direct" for one in found.values())
    found = judged(of_arms(measured({task: {"direct": 1.03} for task in TASKS}, noise=0.002)))
    assert all(one.decision == "transfer" for one in found.values())


def test_one_task_is_judged_as_the_certificate_of_transfer_judges() -> None:
    from graft.search.kinds.transfer.verdict import Candidate

    held = measured({"film-8": {"direct": 1.1, "shuffled": 1.03}})
    ours = judged(of_arms(held, alpha=0.05))["film-8"]
    errors = {arm: held[arm]["film-8"] for arm in (*ARMS[1:], "candidate")}
    theirs = one_task(held["direct"]["film-8"], [Candidate(1, Plan(Recipe()), errors)], Proof(), "film-8")
    for key in ("decision", "relative_reduction", "interval", "p_value"):
        assert getattr(ours, key) == getattr(theirs, key)


def test_p_values_are_adjusted_over_the_tasks() -> None:
    alone = [judged(of_arms(measured({task: {}}, seed)))[task].p_value for seed, task in enumerate(TASKS)]
    together: dict[str, Any] = {arm: {} for arm in (*ARMS, "candidate")}
    for seed, task in enumerate(TASKS):
        for arm, held in measured({task: {}}, seed).items():
            together[arm] |= held
    adjusted = [one.p_value for one in judged(of_arms(together)).values()]
    order = np.argsort(alone)
    assert adjusted[order[0]] == pytest.approx(4 * alone[order[0]])
    assert all(a >= b for a, b in zip(adjusted, alone, strict=True))


def test_by_chance_no_task_is_said_to_be_helped_more_often_than_the_level_says() -> None:
    null = {task: {"direct": 1.02, "direct_same_recipe": 1.02, "shuffled": 1.0} for task in TASKS}
    wrong = sum(
        any(one.decision == "transfer" for one in judged(of_arms(measured(null, seed), alpha=0.05)).values())
        for seed in range(300)
    )
    assert wrong <= 20  # 15 are expected at most; three arms to be beaten make it far less


def test_what_is_confirmed_at_once_needs_one_round() -> None:
    found = comparisons(TASKS, [rounded(1, GOOD)])
    assert [one.task for one in found] == list(TASKS)
    assert all(one.decision == "transfer" and one.plan == PLAN for one in found)
    assert remaining(rounded(1, GOOD)) is None


def test_a_task_that_is_harmed_leaves_and_the_others_are_confirmed_without_it() -> None:
    first = rounded(1, GOOD | {"film-8": {"direct": 0.8}})
    left = remaining(first)
    assert left == list(TASKS[1:])
    second = rounded(2, {task: {} for task in left})
    found = {one.task: one for one in comparisons(TASKS, [first, second])}
    assert found["film-8"].decision == "direct" and found["film-8"].plan is None
    assert found["film-8"].round == 1 and found["film-8"].relative_reduction < 0
    for task in left:
        assert found[task].plan.tasks == tuple(left) and found[task].round == 2


def test_nothing_is_certified_that_was_not_confirmed_as_it_will_be_used() -> None:
    first = rounded(1, GOOD | {"film-8": {"direct": 0.8}})
    assert all(one.decision == "direct" for one in comparisons(TASKS, [first])[:1])
    # A folder without the second round certifies nobody: the group of three was never trained.
    assert not [one for one in comparisons(TASKS, [first]) if one.decision == "transfer"]


def test_one_task_alone_shares_with_nobody() -> None:
    first = rounded(1, {task: ({} if task == "film-14" else {"direct": 1.0}) for task in TASKS})
    assert remaining(first) is None
    found = comparisons(TASKS, [first])
    assert all(one.decision == "direct" for one in found)
    assert found[3].candidates[0].reason == "helped, but no other task is left to share with"


def test_no_plan_no_sharing() -> None:
    found = comparisons(TASKS, [])
    assert [one.decision for one in found] == ["direct"] * 4 and all(one.candidates == () for one in found)
    assert "no plan survived the search" in sentence(found, 2000, "error")


def test_divergence_fails_a_task_but_never_helps_one() -> None:
    held = measured(GOOD)
    held["shuffled"]["film-8"][3] = None
    held["candidate"]["film-10"][0] = None
    found = judged(of_arms(held))
    assert [found[task].decision for task in TASKS] == ["direct", "direct", "transfer", "transfer"]
    assert "others' labels shuffled diverged" in found["film-8"].reason
    assert found["film-10"].reason == "learning together diverged on a confirmation seed"
    held["direct"]["film-12"][1] = None
    with pytest.raises(RivalDiverged, match="^film-12: the direct baseline diverged"):
        judged(of_arms(held))


def trial(number: int, ratios: Mapping[str, float], state: str = "complete") -> Trial:
    by_task = tuple({task: REFERENCE[task][i] * ratio for task, ratio in ratios.items()} for i in range(2))
    value = math.exp(float(np.mean(np.log([error for one in by_task for error in one.values()]))))
    return Trial(number=number, state=state, value=value, by_task=by_task, plan=PLAN, errors=())  # type: ignore[arg-type]


REFERENCE: dict[str, list[float]] = {"film-8": [0.02, 0.03], "film-14": [0.2, 0.21]}


def test_a_plan_that_makes_no_task_worse_is_preferred() -> None:
    lopsided, harmless = trial(0, {"film-8": 1.1, "film-14": 0.5}), trial(1, {"film-8": 0.95, "film-14": 0.9})
    better = trial(2, {"film-8": 0.8, "film-14": 0.7}, "pruned")
    assert chosen([lopsided, harmless, better], REFERENCE) == harmless
    assert chosen([lopsided, better], REFERENCE) == lopsided
    assert chosen([better], REFERENCE) is None
    assert changes(lopsided, REFERENCE) == pytest.approx({"film-8": 1.1, "film-14": 0.5})


def test_a_round_is_fixed_with_seeds_and_a_share_of_the_level_of_its_own() -> None:
    study = resolve("films-8-10-12-14", "paper")
    reference: dict[str, list[float | None]] = {task: [0.1, 0.1] for task in TASKS}
    by_task = (dict.fromkeys(TASKS, 0.08), dict.fromkeys(TASKS, 0.07))
    one = Trial(number=4, state="complete", plan=PLAN, by_task=by_task, errors=(), value=None)  # type: ignore[arg-type]
    fixed = [protocol(one, TASKS[n - 1 :], n, reference, study) for n in (1, 2, 3)]
    assert [f.alpha for f in fixed] == [0.05 / 3] * 3
    assert [f.tasks for f in fixed] == [TASKS[n:] for n in (0, 1, 2)]
    assert [f.first_seed for f in fixed] == [0, 24, 48]  # more than the last look of a round has
    assert all((f.looks, f.more) == ((4, 6, 8, 12), (16, 24)) for f in fixed)
    assert fixed[1].plan == PLAN.only(TASKS[1:])
    once = replace(study, proof=replace(study.proof, looks=(), more=()))
    (seeds,) = protocol(one, TASKS, 1, reference, once).looks
    assert study.proof.seeds <= seeds <= study.proof.most_seeds


def test_every_training_of_a_round_finds_its_place_among_the_arms() -> None:
    plan = PLAN.only(("film-8", "film-14"))
    fixed = Round(
        round=2, tasks=("film-8", "film-14"), trial=5, plan=plan, looks=(4,), first_seed=12, margin=0.02, alpha=ALPHA,
        placebos=3,
    )  # fmt: skip
    alone: Any = {"film-8": "alone 8", "film-14": "alone 14"}
    together: Any = "together"
    wanted = course(fixed).wanted(4, None, {"film-14"})
    assert wanted == {f"{arm}/{task}": 4 for task in fixed.tasks for arm in (*ARMS, "candidate")
                      if (arm, task) != ("shuffled", "film-8")}  # fmt: skip
    asked = trainings(fixed, wanted, {task: Plan(Recipe()) for task in TASKS}, alone, together)
    assert len(asked) == 4 * (1 + 2 * 2 + 1)
    for seed, shuffle in ((12, 4), (13, 5), (14, 6), (15, 4)):  # round 2 has shuffles of its own
        task, one = asked[f"shuffled/film-14/{seed}"]
        assert task == "together" and isinstance(one, SharedTraining)
        assert (one.index, one.intact, one.shuffle) == (seed, "film-14", shuffle)
    assert asked["direct_same_recipe/film-8/12"][1].plan == Plan(PLAN.recipe)
    entries = {
        key: Entry(error=float(i), by_task={"film-8": i + 0.1, "film-14": i + 0.2}) for i, key in enumerate(asked)
    }
    entries["candidate/13"] = Entry(error=None)
    found = by_arm(arms(fixed, {name: 2 for name in wanted}, entries))
    assert found["candidate"]["film-14"] == (entries["candidate/12"].by_task["film-14"], None)
    assert found["direct"]["film-8"] == tuple(entries[f"direct/film-8/{seed}"].error for seed in (12, 13))


def looked(
    ratios: Mapping[str, Mapping[str, float]], more: bool = False, noise: float = 0.02, placebos: int = 8
) -> tuple[Round, list[dict[str, int]]]:
    """A round as a study fixes it, of errors as `measured`; and what each look wanted."""
    rng, asked, tasks = np.random.default_rng(5), list[dict[str, int]](), tuple(ratios)
    held = {
        f"{arm}/{task}": 0.05 * (1.0 if arm == "candidate" else ratios[task].get(arm, 1.2))
        * np.exp(rng.normal(0, noise, 24))
        for task in tasks for arm in (*ARMS, "candidate")
    }  # fmt: skip
    fixed = Round(
        round=1, tasks=tasks, trial=5, plan=PLAN.only(tasks), looks=(4, 6, 8, 12), more=(16, 24), first_seed=0,
        margin=0.02, alpha=ALPHA, placebos=placebos,
    )  # fmt: skip

    def measured(wanted: Mapping[str, int]) -> dict[str, Any]:
        asked.append(dict(wanted))
        return {name: tuple(held[name][:seeds].tolist()) for name, seeds in wanted.items()}

    _, found = decide(course(fixed), measured, more)
    return fixed.model_copy(update={"arms": by_arm(found)}), asked


def test_a_round_ends_task_by_task_and_shuffles_are_measured_where_all_else_is_beaten() -> None:
    one, asked = looked({"film-8": {}, "film-10": {"direct": 0.9}, "film-12": {"direct": 1.02}, "film-14": {}})
    found = judged(one)
    assert [found[task].decision for task in TASKS] == ["transfer", "direct", "undecided", "transfer"]
    began = next(wanted for wanted in asked if "shuffled/film-8" in wanted)
    assert "shuffled/film-8" not in asked[0] and began["shuffled/film-8"] == began["direct/film-8"]
    assert "film-10" not in one.arms["shuffled"] and "film-12" not in one.arms["shuffled"]
    lengths = {task: len(one.arms["candidate"][task]) for task in TASKS}
    assert lengths["film-12"] == 12 and lengths["film-10"] < 12 and max(lengths["film-8"], lengths["film-14"]) <= 8
    assert all(len(one.arms["direct"][task]) == length for task, length in lengths.items())
    told = {entry.task: entry for entry in comparisons(TASKS, [one])}
    assert told["film-12"].decision == "undecided" and told["film-12"].shuffled is None
    assert remaining(one) == ["film-8", "film-14"] and undecided(one)


def test_the_others_knowledge_must_beat_shuffles_by_more_than_these_differ() -> None:
    ratios: dict[str, dict[str, float]] = {"film-8": {"shuffled": 1.03}, "film-10": {"shuffled": 1.03}}
    turns, same = (looked(ratios, placebos=k)[0] for k in (8, 0))
    assert all(one.decision == "transfer" for one in judged(same).values())  # as if there were no such control
    found = judged(turns)["film-8"]
    assert found.decision == "undecided" and "by more than shuffles differ" in found.reason
    assert found.p_values["shuffled"] > found.p_values["direct"]
    text = sentence(comparisons(turns.tasks, [turns]), 2000, "error")
    assert text.startswith("Undecided: until more is known, learn film-8 and film-10 each alone; no sharing is proved")


def test_one_task_that_is_helped_waits_for_another_that_is_open() -> None:
    one, _ = looked({"film-8": {}, "film-12": {"direct": 1.02}})
    told = comparisons(one.tasks, [one])
    assert [entry.decision for entry in told] == ["undecided", "undecided"] and remaining(one) is None
    assert "no other task is proved to be, to share with" in told[0].candidates[0].reason
    further, _ = looked({"film-8": {}, "film-12": {"direct": 1.02}}, more=True)
    assert further.longest in (16, 24) and judged(further)["film-8"] == judged(one)["film-8"]
    alone, _ = looked({"film-8": {}, "film-10": {"direct": 0.9}})
    assert [entry.decision for entry in comparisons(alone.tasks, [alone])] == ["direct", "direct"]


def test_the_verdict_in_words() -> None:
    first = rounded(1, GOOD | {"film-8": {"direct": 0.8}})
    text = sentence(comparisons(TASKS, [first, rounded(2, {task: {} for task in TASKS[1:]})]), 2000, "error")
    assert text.startswith(
        "Sharing: learn film-10, film-12 and film-14 together and share layers 1 to 2 and 7 of 7 (the head included) "
        "among all, the network told its task by a one-hot, losses weighed 1:0.6:0.4. On 2,000 newly simulated"
    )
    assert text.endswith("Learn film-8 alone (not proved to beat direct learning by more than 2 %).")
    partly = Sharing(Recipe(), TASKS, ((TASKS[:2], TASKS[2:]), (TASKS,)))
    assert partly.describe() == (
        "share layer 2 of 2 (the head included) among all, share layer 1 among film-8 and film-10 and among film-12 "
        "and film-14"
    )
    assert describe_layers([1]) == "layer 1" and describe_layers([1, 2, 3, 5, 6]) == "layers 1 to 3 and 5 to 6"


def nothing(task: str, **more: Any) -> Comparison:
    return Comparison.read({"task": task, "decision": "direct", "plan": None, **more})


def test_what_is_learned_alone_is_the_better_of_two_direct_recipes_that_were_measured() -> None:
    rival = Plan(Recipe(rate=0.01))
    plan = Sharing.ends(Recipe(rate=0.02), ("film-2", "film-3"), 3, 2, 0)

    def told(direct: float, same: float | None) -> Comparison:
        arms = {"direct": {"mean": direct}, "direct_same_recipe": {"mean": same}}
        test = {"decision": "direct", "reason": "", "relative_reduction": None, "interval": None, "p_value": 1.0}
        test |= {"p_values": {}, "sign_p_value": 1.0}
        return nothing("film-2", candidates=[{"arms": arms, "plan": plan, **test}])

    assert best_measured(told(0.05, 0.04), rival) == ("direct_same_recipe", plan.alone)
    for one in (told(0.05, 0.05), told(0.05, 0.06), told(0.05, None), nothing("film-2")):
        assert best_measured(one, rival) == ("direct", rival)


def test_a_plan_that_the_search_shows_behind_in_every_task_is_not_confirmed() -> None:
    def trial(number: int, a: float, b: float) -> Trial:
        noise = ((1.0, 1.02, 0.98), (1.01, 0.99, 1.0), (0.99, 1.0, 1.02))[number % 3]
        by_task = [{"a": a * n, "b": b * n} for n in noise]
        told = {"number": number, "state": "complete", "value": (a * b) ** 0.5, "by_task": by_task}
        return Trial.read(told | {"plan": PLAN, "errors": ()})

    reference = {"a": [0.050, 0.051, 0.049], "b": [0.10, 0.099, 0.101]}
    far, one_sided, near = trial(0, 0.07, 0.14), trial(1, 0.07, 0.09), trial(2, 0.0502, 0.1)
    found = clearly_behind(far, [far, trial(3, 0.08, 0.15)], reference)
    assert found is not None and found.trial == 0 and found.plan == far.plan
    assert found.behind == {"a": pytest.approx(0.4, abs=0.01), "b": pytest.approx(0.4, abs=0.01)}
    assert clearly_behind(one_sided, [one_sided, far], reference) is None  # one task is helped, and the other may leave
    assert clearly_behind(near, [near, far], reference) is None
    assert clearly_behind(far, [far, trial(3, 0.08, 0.15)], reference | {"a": [None, 0.05, 0.05]}) is None
    text = sentence([nothing(task) for task in "ab"], 9, "error", None, found)
    assert "clearly behind direct learning already in the search (a by 40 %, b by 40 %)" in text
