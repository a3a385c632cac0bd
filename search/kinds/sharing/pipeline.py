"""The phases of a run on several tasks; each finds what is done already and does the rest."""

import math
from collections.abc import Mapping
from functools import partial
from zlib import crc32

from graft.models.losses import away_from_zero, of_order_one, varying
from graft.search.engine.budget import SearchBudget, affordable
from graft.search.engine.sampler import NumberedGP, Sampling
from graft.search.engine.search import Search, Space
from graft.search.engine.searched import Direct, settled
from graft.search.engine.work import Work
from graft.search.kinds.sharing import confirmation, verdict
from graft.search.kinds.sharing.study import SharingStudy
from graft.search.kinds.transfer.phases import PLANS, catching_up, direct_budget, direct_search
from graft.search.kinds.transfer.study import Budget
from graft.search.proof.confirmation import Arms, decide
from graft.search.run.results import Round
from graft.search.run.seeds import Role, entropy
from graft.search.run.trials import Trial
from graft.search.tasks.base import Examples, Phase, Request
from graft.search.tasks.joint import SharedTask
from graft.simulators.data.shards import generate
from graft.simulators.registry import find
from graft.spaces import sharing
from graft.spaces.plan import Plan
from graft.spaces.ranges import shortened
from graft.spaces.sharing import Sharing

ALLOWED = "another task: several learned together are judged by a relative error"


class SharingPipeline(Work):
    """One run of a study of several tasks; arguments as of `Work`."""

    study: SharingStudy

    def examples(self, task: str, role: Role, rows: int) -> Examples:
        """Rows of one task, generated if they are not there yet: each task has data sets and a seed of its own."""
        simulator = find(task)
        data = generate(
            simulator,
            (*entropy(self.study.seed, role), crc32(simulator.name.encode())),
            rows,
            self.place(f"{role.name.lower()}-{simulator.name}"),
            actors=self.resources.workers,
            progress=self.progress.count,
        )
        found = Examples(data.inputs(), data.outputs())
        away_from_zero(found.outputs, f"{task} ({role.name.lower()})", ALLOWED)
        return found

    def prepare(self) -> None:
        """The pool of each task less its locked rows; search sees nothing else."""
        rows = self.study.rows
        with self.phase("data", (rows.pool + rows.test) * len(self.study.tasks)):
            self.pools = {
                task: self.examples(task, Role.POOL, rows.pool).first(rows.pool - rows.locked)
                for task in self.study.tasks
            }
            for task, pool in self.pools.items():
                varying(pool.outputs, f"{task} (pool)")
                of_order_one(pool.outputs, f"{task} (pool)", ALLOWED)
            self.judges()  # what they refuse is refused before anything was searched

    def judges(self) -> dict[str, Examples]:
        """Newly simulated examples of each task, which no search reads."""
        return {task: self.examples(task, Role.TEST, self.study.rows.test) for task in self.study.tasks}

    def alone(self, role: Role, judges: Mapping[str, Examples] | None = None) -> dict[str, Phase]:
        """What the trainings of each task by itself share."""
        study, device = self.study, self.resources.device
        return {
            name: Phase(study.alone(name), study.seed, role, pool,
                        study.rows.validation, {}, judges[name] if judges else None, device)
            for name, pool in self.pools.items()
        }  # fmt: skip

    def together(self, role: Role, judges: Mapping[str, Examples] | None = None) -> SharedTask:
        """What the trainings of all tasks together share: the same seeds, rows and judges."""
        rows, network = self.study.rows, self.study.network
        return SharedTask(
            self.study.seed,
            role,
            self.pools,
            rows.validation,
            network.depth,
            network.width,
            judges,
            self.resources.device,
        )

    def baselines(self) -> dict[str, Direct]:
        """Search the recipe of direct learning for each task, each with the budget that the plans get for all."""
        self.searches: dict[str, Search] = {}
        found = {}
        for number, (task, shared) in enumerate(self.alone(Role.BASELINE).items(), 1):
            phase = baseline_phase(task)
            until = self._until(number / len(self.study.tasks))
            search = self.searches[phase] = self._direct_search(phase, self.study.budget, until)
            self.explore(search, shared, f"{task} alone")
            found[task] = settled(self.run, search, f"direct-{phase}.json")
        return found

    def rivals(self, direct: Mapping[str, Direct]) -> dict[str, Direct]:
        """Go on with each of those searches until it has had its own budget and that of the shared search besides."""
        found = {}
        for task, shared in self.alone(Role.BASELINE).items():
            phase, budget = baseline_phase(task), catching_up(self.study.budget, direct[task])
            search = self.searches[phase] = self._direct_search(phase, budget, times=budget.rival)
            self.explore(search, shared, f"{task} alone, gone on with", f"rival-{phase}")
            found[task] = settled(self.run, search, f"rival-{phase}.json")
        return found

    def _direct_search(self, phase: str, budget: Budget, until: float = math.inf, times: int = 1) -> Search:
        study = self.study
        return direct_search(
            self.journal,
            phase,
            study.seed,
            direct_budget(budget, until, times),
            study.start,
            study.ranges,
            study.rows.training,
            study.budget.steps,
            self.closed(phase),
        )

    def reference(self, direct: Mapping[str, Direct]) -> dict[str, list[float | None]]:
        """Errors of tuned direct learning on the seeds of the plan search, where no task may be made worse."""
        seeds, tasks = range(self.study.budget.seeds), self.alone(Role.PLANS)
        asked = {f"{t}/{i}": (tasks[t], Request(one.plan, i)) for i in seeds for t, one in direct.items()}
        with self.phase("direct learning on the plans' seeds", len(asked)):
            errors = self.measure("reference", asked)
        return {task: [errors[f"{task}/{i}"] for i in seeds] for task in direct}

    def plans(self, direct: Mapping[str, Direct]) -> Search:
        """Search the plans of sharing, from the middle of the tuned recipes and with all of their ranges."""
        study, rows, steps = self.study, self.study.rows.training, self.study.budget.steps
        start = sharing.middle([one.plan.recipe for one in direct.values()])
        errors = {task: one.error for task, one in direct.items()}
        ranges = sharing.around([one.ranges for one in direct.values()])
        budget, seeds = min(study.budget.trainings, *(one.spent for one in direct.values())), study.budget.seeds
        suggest = partial(sharing.suggest, start=start, errors=errors, blocks=study.blocks, weightings=study.weighting)
        space = Space(
            partial(shortened, space=suggest, rows=rows, steps=steps),
            ranges,
            sharing.first_guesses(ranges, start, study.blocks, study.weighting),
            partial(sharing.constraints, rows=rows, steps=steps),
            read=Sharing.from_dict,
        )
        self.searches["plans"] = Search(
            self.journal,
            "plans",
            space,
            SearchBudget(budget, seeds, affordable(PLANS, budget, seeds), self._until(2)),
            Sampling(study.seed, Role.PLANS_SAMPLER, NumberedGP),
            on_close=self.closed("plans"),
        )
        self.explore(self.searches["plans"], self.together(Role.PLANS), "all tasks together")
        return self.searches["plans"]

    def confirm(self, baselines: Mapping[str, Plan], reference: confirmation.Reference) -> list[Round]:
        """Confirm the best plan, and again without the tasks it is not proved to help, until all that are left are.

        Each round is fixed in the folder before it starts, and has seeds of its own.

        Returns:
            What was fixed of each round, with its errors; none if no plan survived the search, or the best
            is ``not_confirmed``, for it was clearly behind direct learning there.
        """
        plans = [Trial.read(told) for told in self.searches["plans"].records()]
        trial = confirmation.chosen(plans, reference)
        self.not_confirmed = None if trial is None else confirmation.clearly_behind(trial, plans, reference)
        left: list[str] | None = list(self.study.tasks) if trial and not self.not_confirmed else None
        rounds: list[Round] = []
        while left:
            number = len(rounds) + 1
            file = f"confirmation-{number}.json"
            if not self.run.has(file):
                assert trial is not None
                self.run.write(file, confirmation.protocol(trial, left, number, reference, self.study))
            rounds.append(self.confirmed(Round.read(self.run.read(file)), baselines))
            left = verdict.remaining(rounds[-1])
        return rounds

    def confirmed(self, fixed: Round, baselines: Mapping[str, Plan]) -> Round:
        """Measure one round, look after look, until each of its tasks is decided."""
        number, judges = fixed.round, self.judges()
        alone, together = self.alone(Role.CONFIRMATION, judges), self.together(Role.CONFIRMATION, judges)

        def measured(wanted: Mapping[str, int]) -> Arms:
            asked = confirmation.trainings(fixed, wanted, baselines, alone, together)
            with self.phase(f"confirmation {number}" if number > 1 else "confirmation", len(asked)):
                return confirmation.arms(fixed, wanted, self.measured(f"confirmation-{number}", asked))

        further = self.run.has("more.json") and number in self.run.read("more.json")["rounds"]
        _, arms = decide(verdict.course(fixed), measured, further)
        found = fixed.model_copy(update={"arms": confirmation.by_arm(arms)})
        return found.model_copy(update={"seeds": found.longest})


def baseline_phase(task: str) -> str:
    """The phase that searches one task's recipe of direct learning; also a part of paths."""
    return f"baseline-{find(task).name}"
