"""The verdict for each task: is it learned better together with the others, or alone?

As for transfer, three arms must be beaten on the same seeds, here by each task for itself:

- ``direct``: the task learned alone with its own tuned recipe;
- ``direct_same_recipe``: the task learned alone with the shared plan's recipe, for a better recipe is not sharing;
- ``shuffled``: the plan itself, but every *other* task's labels shuffled among its examples. Network, weights,
  updates, inputs and the kind of output are all the same; only what the others know of how inputs make outputs is
  gone. So it tells knowledge from whatever else training together does (noise on the gradients, more rows in each
  step, the mean spectrum). Whole spectra are shuffled, not single values: values out of order would make a control
  that is easily beaten.

Several shuffles take turns over the seeds (as many as the study's ``proof.placebos``): a task may by chance be learned
better beside some labels that say nothing than beside others, on any seeds, so what the others know must beat the
shuffles by more than these differ. The arm is measured where everything else is beaten, and from then on.

Capacity needs no arm: a task's path through the shared network is a network of the size it has alone.
"""

from collections.abc import Collection, Mapping, Sequence

from graft.search.kinds.sharing.confirmation import flat
from graft.search.proof.claims import SEED_BY_SEED, Claim, Errors, Rival, summary, tested
from graft.search.proof.confirmation import Arms, Course, Settled, one_by_one, replayed
from graft.search.proof.looks import Looks
from graft.search.run.certificate import Candidate, Comparison
from graft.search.run.results import Round

ARMS = ("direct", "direct_same_recipe", "shuffled")
Found = Mapping[str, Settled]
"""What was found of each task, and after how many seeds."""


def course(one: Round) -> Course[str, Found]:
    """How a round goes on: each task's arms end as soon as the task is decided."""

    def arms(task: str, controlled: bool) -> Collection[str]:
        names = (*ARMS[:-1], *(ARMS[-1:] if controlled else ()), "candidate")
        return [f"{arm}/{task}" for arm in names]

    def claim(task: str, errors: Arms) -> Claim:
        held = {arm: errors[f"{arm}/{task}"] for arm in (*ARMS, "candidate") if f"{arm}/{task}" in errors}
        return _claim(task, held, one)

    looks = Looks(one.looks, one.more, one.alpha)
    return one_by_one(looks, one.tasks, arms, claim, bool(one.placebos), SEED_BY_SEED[one.scale])


def judged(one: Round) -> dict[str, Candidate]:
    """One round of confirmation: whether each task is better off, Holm over the tasks.

    Args:
        one: What was fixed, with errors by arm (those of `ARMS`, and ``candidate``) and task, seed by seed.

    Returns:
        For each task an entry as in the certificate: ``decision`` is ``transfer`` where sharing is proved to help.

    Raises:
        RivalDiverged: If tuned direct learning has no finite error on a seed.
        ValueError: If the protocol asks for other seeds or arms than were measured.
    """
    held = {task: {arm: told[task] for arm, told in one.arms.items() if task in told} for task in one.arms["candidate"]}
    compare = SEED_BY_SEED[one.scale]
    if one.looks:
        found = replayed(course(one), flat(one))
        findings = [found[task].finding for task in held]
    else:  # protocol 2 and before
        findings = tested([_claim(task, errors, one) for task, errors in held.items()], one.alpha, compare=compare)
    names = ("decision", "reason", "relative_reduction", "interval", "p_value", "p_values", "sign_p_value")
    fixed = {"round": one.round, "trial": one.trial, "plan": one.plan}
    return {
        task: Candidate.read(
            finding.told(*names)
            | {"arms": {arm: summary(errors, compare.scale) for arm, errors in held[task].items()}}
            | fixed
        )
        for task, finding in zip(held, findings, strict=True)
    }


def _claim(task: str, errors: Mapping[str, Errors], one: Round) -> Claim:
    """What has to be shown of a task."""
    margin, by = one.margin, f"by more than {one.margin:.0%}"
    shuffled = "learning together with the others' labels shuffled"
    more = " by more than shuffles differ" if one.placebos else ""
    rivals = {
        "direct": Rival(
            errors["direct"], margin, f"not proved to beat direct learning {by}", "the direct baseline", needed=True
        ),
        "direct_same_recipe": Rival(
            errors["direct_same_recipe"],
            margin,
            f"not proved to beat direct learning with the plan's recipe {by}",
            "direct learning with the plan's recipe",
        ),
    }
    if "shuffled" in errors:
        rivals["shuffled"] = Rival(
            errors["shuffled"],
            0.0,
            f"not proved to beat {shuffled}{more}: it is not what the others know that helps",
            shuffled,
            networks=one.placebos,
        )
    return Claim(task, errors["candidate"], rivals, "learning together")


def comparisons(tasks: Sequence[str], rounds: Sequence[Round]) -> list[Comparison]:
    """The certificate's comparisons from every round of confirmation: of each task, the last round it was in.

    Tasks that a round does not prove to be helped leave, and the others are confirmed without them on fresh seeds.
    What is certified is the group of the last round, if all of it was helped. Each round has its share of the level,
    which is split equally over the rounds there could be, so that all of them together err at the study's at most.

    Args:
        tasks: Of the study.
        rounds: Each with its errors.
    """
    entries: dict[str, Candidate] = {}
    left: list[str] = []
    for one in rounds:
        found = judged(one)
        left = _helped(one, found)
        entries |= found
    if len(left) == 1 or (rounds and left != list(rounds[-1].tasks)):
        others = [entries[task].decision for task in rounds[-1].tasks]
        alone = {"decision": "direct", "reason": "helped, but no other task is left to share with"}
        if "undecided" in others:
            alone = {"decision": "undecided", "reason": "helped, but no other task is proved to be, to share with"}
        entries |= {task: entries[task].model_copy(update=alone) for task in left}
    return [_entry(task, entries.get(task)) for task in tasks]


def remaining(one: Round) -> list[str] | None:
    """The tasks to confirm next after a round, or None if that round was the last."""
    left = _helped(one, judged(one))
    return left if 1 < len(left) < len(one.tasks) else None


def undecided(one: Round) -> bool:
    """Whether a round has left a task open."""
    return any(found.decision == "undecided" for found in judged(one).values())


def _helped(one: Round, found: Mapping[str, Candidate]) -> list[str]:
    """The tasks that a round proves to be helped."""
    return [task for task in one.tasks if found[task].decision == "transfer"]


def _entry(task: str, found: Candidate | None) -> Comparison:
    """One comparison of the certificate."""
    if found is None:
        nothing = {"relative_reduction": 0.0, "interval": None, "p_value": 1.0, "candidates": ()}
        arms = dict.fromkeys((*ARMS, "candidate"))
        return Comparison.read({"task": task, "decision": "direct", "plan": None, **arms, **nothing})
    told = {name: getattr(found, name) for name in ("decision", "relative_reduction", "interval", "p_value", "round")}
    plan = found.plan if found.decision == "transfer" else None
    arms = {arm: found.arms.get(arm) for arm in (*ARMS, "candidate")}
    return Comparison.read({"task": task, "plan": plan, **told, **arms, "candidates": (found,)})
