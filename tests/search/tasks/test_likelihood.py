"""Trainings of sequence models that copy: what is scored, and that controls are what they claim."""

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from graft.models.networks.sequence.made import masks
from graft.models.networks.sequence.shape import SequenceShape
from graft.models.shaped import pack
from graft.models.surgery import shuffle, transplant
from graft.search.run.seeds import Draws, Role, stream
from graft.search.tasks.base import Examples, Phase, Request, fit
from graft.search.tasks.likelihood import Likelihood, exactly, missed, nats
from graft.simulators.registry import find, lattice
from graft.simulators.spins.exact import iid
from graft.simulators.spins.watched import Watched, watch
from graft.spaces.plan import Block, Plan, Recipe

SYSTEM, T, SITES = "ising-3x3@2", 2.0, 9
EVERY = np.array(list(product((0, 1), repeat=SITES)), np.uint8)
SHAPE = SequenceShape("made", (3, 3), 2, "snake", 1, 16)


def states(n: int, seed: int) -> np.ndarray:
    model = lattice("ising-3x3")
    return model.index(iid(model, T, n, np.random.default_rng(seed))).reshape(n, -1)


@dataclass(frozen=True)
class Told:
    """What these trainings need to know of a study."""

    target: str = SYSTEM
    symmetries: str = "all"
    shape: SequenceShape = SHAPE
    seed: int = 0

    def system(self, name: str) -> Watched:
        found = find(name)
        assert isinstance(found, Watched)
        return found


def unlabelled(index: np.ndarray) -> Examples:
    return Examples(index, np.zeros((len(index), 0)))


def phase(test: Examples | None = None, reference: float = 0.0) -> Phase:
    task = Likelihood(Told())
    task.reference = reference
    return Phase(task, 0, Role.PLANS, unlabelled(states(1200, 1)), 200, {}, test)


def test_exact_probabilities_are_probabilities() -> None:
    assert np.exp(exactly(SYSTEM, EVERY)).sum() == pytest.approx(1, abs=1e-12)
    ratio = exactly(SYSTEM, EVERY[:1]) - exactly(SYSTEM, EVERY[1:2])
    energies = lattice("ising-3x3").energy(EVERY[:2].reshape(-1, 3, 3).astype(np.int8) * 2 - 1)
    assert ratio.item() == pytest.approx((energies[1] - energies[0]) / T)


def test_uniform_guessing_misses_all_information() -> None:
    uniform = SequenceShape("linear", (3, 3)).build()  # no couplings, no fields
    seen = states(500, 2)
    assert missed(uniform, Examples(seen, exactly(SYSTEM, seen))) == pytest.approx(1, abs=1e-6)
    assert nats(uniform, seen) == pytest.approx(SITES * np.log(2))


def test_missed_information_is_the_divergence_over_that_of_chance() -> None:
    """Against the sum over all 512 states, which no sample enters."""
    model = fit(phase(), Request(Plan(Recipe(rate=1e-2, batch=50, epochs=5)), 0))[0].network
    with torch.inference_mode():
        log_p = model.log_prob(torch.from_numpy(EVERY)).double().numpy()
    exact = exactly(SYSTEM, EVERY)[:, 0]
    weight = np.exp(exact)
    wanted = (weight * (exact - log_p)).sum() / ((weight * exact).sum() + SITES * np.log(2))
    seen = states(40_000, 3)
    found = missed(model, Examples(seen, exactly(SYSTEM, seen)))
    assert 0 < wanted < 0.2 and found == pytest.approx(wanted, rel=0.1)


def test_the_search_reads_the_likelihood_and_the_proof_what_is_exact() -> None:
    seen = states(2000, 4)
    plan = Request(Plan(Recipe(rate=1e-2, batch=50, epochs=5)), 3)
    searched, judged = phase(reference=5.0), phase(Examples(seen, exactly(SYSTEM, seen)))
    model, (_, held) = fit(searched, plan)[0].network, Draws.of(0, Role.PLANS, 3).rows(1200, 200)
    assert searched.errors(plan)[0] == pytest.approx(np.exp(nats(model, searched.pool.inputs[held]) - 5.0))
    assert judged.errors(plan)[0] == pytest.approx(missed(model, judged.test))  # type: ignore[arg-type]
    assert searched.errors(plan) == searched.errors(plan)
    assert phase().digest(plan) != phase(reference=1.0).digest(plan)


@dataclass(frozen=True)
class Here:
    """Data sets in one folder."""

    folder: Path
    actors: int = 1

    def place(self, name: str) -> Path:
        return self.folder / name

    def count(self, done: int, wanted: int) -> None:
        """Tell nobody."""


def test_rows_are_put_in_order_by_random_numbers_that_no_shard_has(ray_actors: object, tmp_path: Path) -> None:
    found = Likelihood(Told()).examples(SYSTEM, Role.POOL, 3000, Here(tmp_path))
    seen = watch(lattice("ising-3x3"), T, 3000, (0, Role.POOL), tmp_path / "pool")
    as_watched = lattice("ising-3x3").index(seen.states).reshape(3000, -1)
    assert (found.inputs == as_watched[stream(0, Role.ORDER, Role.POOL).permutation(3000)]).all()
    shards = [np.random.default_rng(np.random.SeedSequence([0, Role.POOL, k])).permutation(3000) for k in range(50)]
    assert not any((found.inputs == as_watched[order]).all() for order in shards)


def test_trainings_on_rows_in_their_former_order_are_not_taken_for_todays() -> None:
    assert phase().digest(Request(Plan(Recipe()), 0)) != "6812d33429d5d47a"


def test_shuffling_moves_only_what_takes_part() -> None:
    generator = torch.Generator().manual_seed(0)
    source, target = SHAPE.build(), SHAPE.build()
    with torch.no_grad():
        source.blocks[0].weight.copy_(torch.arange(81.0).view(9, 9) + 1).mul_(source.blocks[0].mask)
    copied = transplant(target, {"s": source}, [Block("s")] * 3)
    hidden = {name: mask for name, mask in target.named_buffers() if name.endswith("mask")}
    shuffle(copied, generator, masks(target, (1, 2, 3)))
    for name, mask in hidden.items():
        before, after = (dict(one.named_parameters())[name[:-4] + "weight"] for one in (source, target))
        assert torch.equal(before[mask == 0], after[mask == 0])
        assert not torch.equal(before[mask > 0], after[mask > 0])
        assert torch.equal(before[mask > 0].sort().values, after[mask > 0].sort().values)


def test_masks_are_told_for_the_copied_blocks_alone() -> None:
    model = SHAPE.build()
    told = masks(model, (1, 3))
    assert len(told) == len(transplant(SHAPE.build(), {"s": model}, [Block("s"), Block(), Block("s")])) == 4
    assert [one is None for one in told] == [False, True, False, True]


def test_the_couplings_of_a_hotter_lattice_help_a_colder_one_that_was_hardly_watched() -> None:
    """The logits of T = 4, doubled, are nearly those of T = 2: what the whole study is about."""
    hot = lattice("ising-3x3")
    many = hot.index(iid(hot, 4.0, 40_000, np.random.default_rng(5))).reshape(-1, SITES)
    source = Phase(Likelihood(Told("ising-3x3@4", "none")), 0, Role.SOURCE_NETWORK, unlabelled(many), 10)
    base, _ = fit(source, Request(Plan(Recipe(rate=1e-2, batch=200, epochs=5)), 0))
    seen = states(4000, 6)
    little = Phase(
        Likelihood(Told(symmetries="none")), 0, Role.PLANS, unlabelled(states(160, 7)), 10,
        {"hot": pack(base.network, SHAPE)}, Examples(seen, exactly(SYSTEM, seen)),
    )  # fmt: skip
    doubled = (Block("hot", scale=2.0), Block("hot"), Block("hot", scale=2.0))
    copied = Plan(Recipe(rate=3e-3, batch=50, epochs=10), doubled)
    direct = min(
        little.errors(Request(Plan(Recipe(rate=rate, batch=50, epochs=30, initial_scale=0.1)), 0))[0]
        for rate in (3e-3, 1e-2, 3e-2)
    )
    assert little.errors(Request(copied, 0))[0] < 0.85 * direct


def test_states_that_only_can_be_read_are_learned_from() -> None:
    """As Ray hands them over; torch would warn, and a warning is an error here."""
    seen = states(300, 8)
    seen.flags.writeable = False
    judged = replace(phase(Examples(seen, exactly(SYSTEM, seen))), pool=unlabelled(seen), validation=50)
    assert 0 < judged.errors(Request(Plan(Recipe(rate=1e-2, batch=50, epochs=2)), 0))[0] < 1
