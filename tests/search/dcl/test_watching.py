"""Watching and teaching on small lattices where the truth is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from graft.models.energies import gauged
from graft.models.networks.sequence.fit import log_probabilities
from graft.search.run.seeds import Draws, Role
from graft.search.study import resolve
from graft.search.tasks.distilled import scores
from graft.search.tasks.distilled.objective import ExactStates, Watching, WatchTask, learn, score, split
from graft.search.tasks.distilled.spread import random_states, spread
from graft.search.tasks.distilled.teaching import NOISE, REACH, Taught, reach, teach
from graft.search.tasks.distilled.watcher import Energies, group, most_seen, tensor, watch
from graft.simulators.registry import lattice
from graft.simulators.spins.exact import iid
from graft.spaces.dcl import Student, Watch, linear

MODEL = lattice("ising-4x4")
RNG = np.random.default_rng(0)
SEEN = MODEL.index(iid(MODEL, 4.0, 30_000, RNG)).reshape(-1, 16)
ALL = group("all", (4, 4), 2)


def exact(index: np.ndarray) -> np.ndarray:
    return MODEL.energy(MODEL.states(index.reshape(-1, 4, 4)))


def watched(plan: Watch, seconds: float) -> Energies:
    return Energies(watch(plan, SEEN, (4, 4), 2, seconds, Draws.of(0, Role.PLANS, 0), ALL), 4.0, ALL, 8)


def test_the_same_draws_give_the_same_bits_and_others_do_not() -> None:
    plan = Watch("made", width=8, dropout=0.2, rate=1e-2)
    one, same = (watch(plan, SEEN, (4, 4), 2, 0.05, Draws.of(0, Role.PLANS, 0), ALL) for _ in range(2))
    other = watch(plan, SEEN, (4, 4), 2, 0.05, Draws.of(0, Role.PLANS, 1), ALL)
    first, second, third = (log_probabilities(model, tensor(SEEN[:50])) for model in (one, same, other))
    assert (first == second).all() and not (first == third).any()


def test_a_linear_start_is_worth_more_than_the_compute_it_takes() -> None:
    cold = Watch("gru", width=8, rate=5e-3)
    errors = {}
    for plan in (cold, replace(cold, warm=True)):
        held = log_probabilities(watched(plan, 0.6).model, tensor(SEEN[-5000:]))
        errors[plan.warm] = scores.likelihood(held)
    assert errors[True] < errors[False] - 0.05


def test_energies_averaged_over_the_whole_group_are_symmetric_and_others_are_not() -> None:
    plain = watched(linear(), 0.1)
    assert ALL is not None
    averaged = Energies(plain.model, 4.0, ALL, len(ALL))
    index = random_states(20, 16, 2, RNG)
    image = ALL.image(tensor(index), 77).numpy()
    np.testing.assert_allclose(averaged(index), averaged(image), atol=1e-3)
    assert np.abs(Energies(plain.model, 4.0)(index) - Energies(plain.model, 4.0)(image)).max() > 0.01
    assert scores.inconsistency(plain.images(index, 8)) > 0.01


def test_a_student_that_asks_for_states_learns_all_energies_and_one_that_does_not_only_those_near_zero() -> None:
    """Exact energies as teacher: what is left is the student's own error."""
    model = lattice("ising-6x6")

    def teacher(index: np.ndarray) -> np.ndarray:
        return model.energy(model.states(index.reshape(-1, 6, 6)))

    wide = spread(teacher, 500, 36, 2, np.random.default_rng(1))
    found = []
    for rounds in (0, 2):
        student = Student(1, 1, (16, 16), rounds, 2e-2, 128)
        taught = teach(student, teacher, (6, 6), 2, 2000 * 3 // (rounds + 1), 8, Draws.of(0, Role.PLANS, 0))
        found.append(scores.agreement(teacher(wide), taught(wide)))
    assert found[1] < 0.6 * found[0] and found[1] < 2.0


def test_a_quiet_teacher_is_asked_about_states_near_to_random_ones_and_a_noisy_one_about_others() -> None:
    """Noise that no sum over tiles can say: each state has its own."""
    key = np.random.default_rng(2).normal(0, 100, 16)
    widest = []
    for amplitude in (0.02, 3.0):
        asked = []

        def teacher(index: np.ndarray, amplitude: float = amplitude, asked: list[np.ndarray] = asked) -> np.ndarray:
            asked.append(exact(index))
            return 100 * (exact(index) + amplitude * np.cos(index @ key))  # in any unit

        teach(Student(1, 1, (8, 8), 2, 2e-2, 64), teacher, (4, 4), 2, 3000, 8, Draws.of(0, Role.PLANS, 0))
        widest.append([float(np.std(energies)) for energies in asked])
    (quiet_random, *quiet), (noisy_random, *noisy) = widest
    assert quiet_random == noisy_random == pytest.approx(np.sqrt(32), rel=0.05)
    assert all(quiet_random < near < 0.8 * far for near, far in zip(quiet, noisy, strict=True))


def test_how_far_a_teacher_is_asked_follows_its_noise_within_bounds() -> None:
    near, far = REACH
    assert [reach(0), reach(NOISE * near / far), reach(NOISE), reach(9.0)] == [near, pytest.approx(near), far, far]
    assert near < reach(0.8 * NOISE) == pytest.approx(0.8 * far)


def test_a_symmetrised_student_is_symmetric_also_where_its_weights_differ_from_place_to_place() -> None:
    flip = group("flip", (4, 4), 2)
    alike = teach(Student(1, 1, (4,), 0), exact, (4, 4), 2, 300, 1, Draws.of(0, Role.PLANS, 0))
    # What a study does not allow is not averaged over, though one network serves all places.
    assert not np.allclose(alike.symmetrised("flip").table, alike.symmetrised("all").table)
    assert np.array_equal(alike.symmetrised("none").table, alike.table)
    index = random_states(30, 16, 2, RNG)
    for student, uniform, symmetries in ((Student(1, 1, (4,), 0), True, ALL), (Student(2, 1, (4,), 0), False, flip)):
        taught = teach(student, exact, (4, 4), 2, 300, 1, Draws.of(0, Role.PLANS, 0), uniform)
        image = symmetries.image(tensor(index), len(symmetries) - 1).numpy()  # type: ignore[union-attr]
        np.testing.assert_allclose(taught.symmetrised()(index), taught.symmetrised()(image), atol=1e-9)
        assert np.abs(taught(index) - taught(image)).max() > 1e-3


def test_the_proof_compares_what_it_says() -> None:
    settings = {"system": "ising-4x4", "larger": "", "states.student": 300, "budget.student": 1, "budget.copies": 4,
                "states.watched": 30_000, "paper_width": 4}  # fmt: skip
    study = resolve("dcl-ising", "demo", settings)
    states = random_states(400, 16, 2, RNG)
    known = ExactStates(states, gauged(exact(states), exact(states)), states)
    task = WatchTask(study, Role.CONFIRMATION, SEEN, states[:50], known, proof=True)
    training = Watching(linear(Student(1, 1, (8,), 1)), 3, 0.1, True)
    learned = learn(task, training)
    found = task.proved(training, learned)
    assert learned.taught is not None
    energies = learned.energies(states)
    assert found["teacher"] == pytest.approx(scores.over_levels(gauged(energies, energies), known.exact))
    assert found["student_symmetrised"] == known.error(learned.taught.symmetrised())
    assert set(task.proved(Watching(study.paper, 3, 0.1, True), learned)) == {"teacher", "student"}
    assert task.digest(training) != task.digest(replace(training, index=4))


@pytest.mark.parametrize("name", ["likelihood", "symmetry", "exact"])
def test_the_search_makes_small_what_it_was_told_to(name: str) -> None:
    found = {"likelihood": 3.0, "symmetry": 0.5, "agreement": 0.2, "exact": 0.7}
    assert score(resolve("dcl-ising", "demo", {"score": name}), found) == found[name]
    assert score(resolve("dcl-ising", "demo"), found) == pytest.approx(4 * 3.0 + 0.5 + 0.2)


def test_on_a_uniform_lattice_one_student_serves_all_places_whatever_symmetries_are_used() -> None:
    settings = {"system": "ising-4x4", "larger": "", "states.student": 300, "budget.student": 1, "symmetries": "none"}
    study = resolve("dcl-ising", "demo", settings | {"states.watched": 30_000})
    known = ExactStates(SEEN[:20], gauged(exact(SEEN[:20]), exact(SEEN[:20])), SEEN[:20])
    task = WatchTask(study, Role.PLANS, SEEN, SEEN[:20], known)
    learned = learn(task, Watching(linear(Student(1, 1, (8,), 1)), 0, 0.1, True))
    assert learned.taught is not None and learned.taught.table.ndim == 1
    assert learned.taught.zeroed().laid((8, 8)).sites == 64


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("seconds", [0.02, 0.5, 30.0])
def test_no_more_states_are_fetched_than_are_looked_at(warm: bool, seconds: float) -> None:
    """Training on the states that `most_seen` allows is training on all of them."""
    plan = Watch("made", width=8, warm=warm, linear_term=True, batch=50)
    most = most_seen(plan, seconds, (4, 4), 2)
    if seconds > 1:
        assert most > len(SEEN)
        return
    some, whole = (
        watch(plan, index, (4, 4), 2, seconds, Draws.of(0, Role.PLANS, 0), None) for index in (SEEN[:most], SEEN)
    )
    for one, other in zip(some.parameters(), whole.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_is_kept_of_a_file_is_one_stretch_of_time_with_a_margin() -> None:
    for seed in range(20):
        rows, held = split(1000, 100, 30, Draws.of(0, Role.PLANS, seed))
        assert np.array_equal(held, np.arange(held[0], held[0] + 100))
        assert len(set(rows)) == len(rows) >= 840 and not set(rows) & set(held)
        assert min(np.abs(rows - held[0]).min(), np.abs(rows - held[-1]).min()) > 30
        assert not np.array_equal(rows, np.sort(rows))
    rows, held = split(1000, 100, 10_000, Draws.of(0, Role.PLANS, 0))
    assert len(rows) >= 450
    free, _ = split(1000, 100, 0, Draws.of(0, Role.PLANS, 0))
    assert np.array_equal(free, Draws.of(0, Role.PLANS, 0).rows(1000, 100)[0])


def test_a_lower_likelihood_is_an_error_of_energies() -> None:
    """E' = E + d with d of deviation 0.1 J at T = 4: the KL divergence says so again."""
    rng = np.random.default_rng(0)
    energy, shift = rng.normal(0, 3, 200_000), rng.normal(0, 0.1, 200_000)
    weight = np.exp(-energy / 4)
    log_p, log_q = (-(e / 4) - np.log(np.exp(-e / 4).mean()) for e in (energy, energy + shift))
    divergence = float((weight * (log_p - log_q)).sum() / weight.sum())
    assert scores.in_energy(4.0, 40 + divergence, 40.0) == pytest.approx(0.1, rel=0.03)
    assert scores.in_energy(4.0, 39.9, 40.0) == 0


def test_what_a_student_says_survives_its_table() -> None:
    taught = teach(Student(2, 1, (4,), 0), exact, (4, 4), 2, 300, 1, Draws.of(0, Role.PLANS, 0))
    index = random_states(30, 16, 2, RNG)
    assert taught.network is not None
    with torch.inference_mode():
        direct = taught.network(tensor(index).view(-1, 4, 4)).numpy()
    np.testing.assert_allclose(taught(index), direct, atol=1e-4)
    np.testing.assert_allclose(taught.laid((4, 4)).energy(index), taught(index), atol=1e-9)
    assert isinstance(taught.zeroed(), Taught)
