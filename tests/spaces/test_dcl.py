"""Pipelines of distribution-consistent learning as plain values, and the space of them."""

import json
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.spaces.compute import STEPS, constraints, states_for, step_seconds
from graft.spaces.dcl import (
    KINDS,
    Choices,
    Student,
    Watch,
    family,
    first_guesses,
    hidden,
    linear,
    most_focus,
    paper,
    suggest,
)
from graft.spaces.errors import InputError


def drawn(seed: int, choices: Choices) -> Watch:
    sampler = optuna.samplers.RandomSampler(seed)
    return suggest(optuna.create_study(sampler=sampler).ask(), choices)


@given(st.integers(0, 10_000))
def test_whatever_is_drawn_is_allowed_and_survives_json(seed: int) -> None:
    choices = Choices()
    plan = drawn(seed, choices)
    assert Watch.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    assert plan.kind in KINDS and choices.rate[0] <= plan.rate <= choices.rate[1]
    if plan.kind != "linear":
        assert plan.width in getattr(choices, plan.kind) and plan.depth <= choices.depth
    assert plan.linear_term or plan.kind != "linear"


def test_every_kind_is_guessed_once_and_a_guess_fixes_all_that_is_drawn() -> None:
    choices = Choices(dropout=0.0)
    guesses = first_guesses(choices)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    for guess in guesses:
        study.enqueue_trial(guess)
    plans = [suggest(study.ask(), choices) for _ in guesses]
    assert [plan.kind for plan in plans] == list(KINDS)
    assert all(plan.linear_term and plan.augmented and plan.order == "snake" for plan in plans)
    assert [plan.warm for plan in plans] == [False, True, True, True]
    assert [t.params.keys() == guess.keys() for t, guess in zip(study.trials, guesses, strict=True)] == [True] * 4


def test_a_guess_stays_within_choices_that_exclude_the_usual_one() -> None:
    choices = Choices(kinds=("gru",), orders=("spiral",), augmented=(False,), rate=(1e-4, 2e-4), gru=(7,))
    (guess,) = first_guesses(choices)
    assert guess["order"] == "spiral" and guess["augmented"] is False
    assert guess["gru_rate"] == 2e-4 and guess["gru_width"] == 7


def test_the_papers_recipe_is_the_papers() -> None:
    plan = paper()
    assert (plan.kind, plan.width, plan.depth, plan.loss, plan.linear_term) == ("gru", 378, 1, "mse", False)
    assert plan.dropout == pytest.approx(0.1)  # their 0.9 is a probability to keep
    assert (plan.student.focus, plan.student.context, plan.student.widths, plan.student.rounds) == (2, 1, (32, 64), 0)
    assert paper(64, 200).width == 64 and paper(64, 200).batch == 200


def test_the_baseline_is_linear_and_shares_the_student() -> None:
    assert linear(Student(rounds=1)).student.rounds == 1 and linear().kind == "linear"


@pytest.mark.parametrize("kind", KINDS)
def test_equal_compute_means_fewer_states_for_a_larger_network(kind: str) -> None:
    small, large = (Watch(kind, width=width) for width in (16, 64))
    states = [states_for(plan, 10, 64, 2) for plan in (small, large)]
    assert states[0] > states[1] if kind != "linear" else states[0] == states[1]
    assert all(count % plan.batch == 0 for count, plan in zip(states, (small, large), strict=True))
    assert step_seconds(small, 256, 2) > step_seconds(small, 64, 2) and step_seconds(small, 64, 3) > 0
    assert states_for(small, 20, 64, 2) == pytest.approx(2 * states[0], abs=small.batch)


def test_reference_speeds_are_met_within_a_third() -> None:
    """States a second and core, measured 2026-11-21 (tests/benchmarks/watching_speed.py), batches of 250."""
    measured = {
        ("linear", 1, 1): 338_000, ("made", 128, 1): 139_000, ("made", 512, 1): 63_500, ("made", 256, 2): 64_800,
        ("gru", 32, 1): 6600, ("gru", 64, 1): 4400, ("gru", 128, 1): 1820, ("gru", 32, 2): 4300,
        ("transformer", 16, 1): 11_800, ("transformer", 64, 1): 2380, ("transformer", 32, 2): 2930,
    }  # fmt: skip
    for (kind, width, depth), speed in measured.items():
        assert 250 / step_seconds(Watch(kind, width=width, depth=depth), 64, 2) == pytest.approx(speed, rel=1 / 3), kind


def test_a_training_of_too_few_steps_is_not_started() -> None:
    plan = Watch("gru", width=96)
    seconds = STEPS * step_seconds(plan, 64, 2)
    assert constraints(plan, 1.01 * seconds, 64, 2)["optimiser steps"] < 0
    assert constraints(plan, 0.99 * seconds, 64, 2)["optimiser steps"] > 0


def test_kinds_race_among_themselves() -> None:
    assert family(Watch("made", width=3)) == family(Watch("made")) != family(Watch("gru"))


def test_the_papers_tiles_are_as_large_as_a_table_holds() -> None:
    assert [paper(q=q).student.focus for q in (2, 3)] == [2, 1] and most_focus(3, 2) == 0


def test_layers_are_written_with_hyphens() -> None:
    assert hidden("32-64") == (32, 64) and hidden("5") == (5,)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Watch("grru"), "unknown watch.kind 'grru' .did you mean 'gru'"),
        (lambda: Watch(order="snail"), "unknown watch.order 'snail'"),
        (lambda: Watch("made", loss="mse"), "watch.loss is 'mse' with kind 'made'; allowed: 'likelihood', or kind"),
        (lambda: Watch("gru", depth=5), "watch.depth is 5; allowed: .* at most 4"),
        (lambda: Watch(dropout=1.0), "watch.dropout is 1.0"),
        (lambda: Watch(augmented=1), "watch.augmented is 1; allowed: true or false"),  # type: ignore[arg-type]
        (lambda: Watch("linear", warm=True), "watch.warm is true without a linear term to start from; allowed: false"),
        (lambda: Watch("gru", linear_term=False, warm=True), "watch.warm is true without a linear term"),
        (lambda: Watch(rate=0), "watch.rate is 0; allowed: a number above 0"),
        (lambda: Student(focus=0), "student.focus is 0"),
        (lambda: Student(context=-1), "student.context is -1"),
        (lambda: Student(widths=()), "student.widths is empty"),
        (lambda: Student(rounds=-1), "student.rounds is -1"),
        (lambda: Choices(kinds=()), "choices.kinds is empty"),
        (lambda: Choices(kinds=("lstm",)), "unknown choices.kinds.0. 'lstm'"),
        (lambda: Choices(layers=("32,64",)), "choices.layers has '32,64'; allowed: widths such as '32-64'"),
        (lambda: Choices(rate=(1e-2, 1e-3)), r"choices.rate\[1\] is 0.001"),
        (lambda: Watch.from_dict({"knid": "gru"}), "unknown key in watch 'knid' .did you mean 'kind'"),
        (lambda: Watch.from_dict({"student": {"focsu": 2}}), "unknown key in watch.student 'focsu'"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"^{said}"):
        make()
