"""The phases of a run on several tasks; each finds what is done already and does the rest."""

import math
from collections.abc import Mapping
from functools import partial

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
from graft.search.run.scale import Scale
from graft.search.run.seeds import Role
from graft.search.tasks.base import Examples, Phase, Request, Task
from graft.search.tasks.joint import SharedTask
from graft.spaces import sharing
from graft.spaces.plan import Plan
from graft.spaces.ranges import Ranges, shortened
from graft.spaces.sharing import Sharing


class SharingPipeline(Work[SharingStudy]):
    """One run of a study of several tasks; arguments as of `Work`."""

    def examples(self, task: str, role: Role, rows: int) -> Examples:
        """Rows of one task, the same each time: each task has data and random numbers of its own."""
        return self.tasks[task].beside(role, rows, self)

    def prepare(self) -> None:
        """The pool of each task less its locked rows; search sees nothing else."""
        study, rows = self.study, self.study.rows
        self.tasks: dict[str, Task] = {name: study.alone(name) for name in study.tasks}
        with self.phase("data", (rows.pool + rows.test) * len(study.tasks)):
            self.pools = {}
            for name, task in self.tasks.items():
                pool = self.examples(name, Role.POOL, rows.pool).first(rows.pool - rows.locked)
                task.admit(pool, f"{name} (pool)")
                self.tasks[name] = task.knowing(pool, self.calls, self.run)
                self.pools[name] = self.tasks[name].of_target(pool)
            self.tests()  # what they refuse is refused before anything was searched

    def tests(self) -> dict[str, Examples]:
        """Newly drawn examples of each task, which no search reads."""
        rows = self.study.rows.test
        return {name: task.of_test(self.examples(name, Role.TEST, rows)) for name, task in self.tasks.items()}

    def alone(self, role: Role, tests: Mapping[str, Examples] | None = None) -> dict[str, Phase]:
        """What the trainings of each task by itself share."""
        study, device = self.study, self.resources.device
        return {
            name: Phase(self.tasks[name], study.seed, role, pool,
                        study.rows.validation, {}, tests[name] if tests else None, device)
            for name, pool in self.pools.items()
        }  # fmt: skip

    def together(self, role: Role, tests: Mapping[str, Examples] | None = None) -> SharedTask:
        """What the trainings of all tasks together share: the same seeds, rows and tests."""
        study = self.study
        return SharedTask(study.seed, role, self.tasks, self.pools, study.rows.validation, tests, self.resources.device)

    @property
    def scale(self) -> Scale:
        """On which the tasks' errors are averaged and compared."""
        return self.study.learned.scale

    def baselines(self) -> dict[str, Direct]:
        """Search the recipe of direct learning for each task, each with the budget that the plans get for all."""
        self.searches: dict[str, Search] = {}
        found = {}
        for number, (task, shared) in enumerate(self.alone(Role.BASELINE).items(), 1):
            phase = self.study.phase_of(task)
            until = self.until(self.study.budget.share(number / len(self.study.tasks)))
            search = self.searches[phase] = self._direct_search(phase, self.study.budget, until)
            self.explore(search, shared, f"{task} alone")
            found[task] = settled(self.run, search, f"direct-{phase}.json")
        return found

    def rivals(self, direct: Mapping[str, Direct]) -> dict[str, Direct]:
        """Go on with each of those searches until it has had its own budget and that of the shared search besides."""
        found = {}
        for task, shared in self.alone(Role.BASELINE).items():
            phase, budget = self.study.phase_of(task), catching_up(self.study.budget, direct[task])
            search = self.searches[phase] = self._direct_search(phase, budget, times=budget.rival)
            self.explore(search, shared, f"{task} alone, gone on with", f"rival-{phase}")
            found[task] = settled(self.run, search, f"rival-{phase}.json")
        return found

    def _direct_search(
        self, phase: str, budget: Budget, until: float = math.inf, times: int = 1
    ) -> Search[Plan, Ranges]:
        study = self.study
        return direct_search(
            self.journal,
            phase,
            study.seed,
            direct_budget(budget, until, times, self.scale),
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

    def plans(self, direct: Mapping[str, Direct]) -> Search[Sharing, Ranges]:
        """Search the plans of sharing, from the middle of the tuned recipes and with all of their ranges."""
        study, rows, steps = self.study, self.study.rows.training, self.study.budget.steps
        start = sharing.middle([one.plan.recipe for one in direct.values()])
        errors = {task: one.error for task, one in direct.items()}
        ranges = sharing.around([one.ranges for one in direct.values()])
        trainings, seeds = min(study.budget.trainings, *(one.spent for one in direct.values())), study.budget.seeds
        finalists, until = affordable(PLANS, trainings, seeds), self.until(study.budget.share(2))
        blocks, weighting, told = study.blocks, study.weighting, self.tasks[study.tasks[0]].told
        suggest = partial(sharing.suggest, start=start, errors=errors, blocks=blocks, weightings=weighting, told=told)
        space = Space(
            Sharing,
            partial(shortened, space=suggest, rows=rows, steps=steps),
            ranges,
            sharing.first_guesses(ranges, start, blocks, weighting, told),
            partial(sharing.constraints, rows=rows, steps=steps),
        )
        self.searches["plans"] = Search(
            self.journal,
            "plans",
            space,
            SearchBudget(trainings, seeds, finalists, until, scale=self.scale),
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
        plans = self.searches["plans"].records()
        trial = confirmation.chosen(plans, reference, self.scale)
        self.not_confirmed = None if trial is None else confirmation.clearly_behind(trial, plans, reference, self.scale)
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
        number, tests = fixed.round, self.tests()
        alone, together = self.alone(Role.CONFIRMATION, tests), self.together(Role.CONFIRMATION, tests)

        def measured(wanted: Mapping[str, int]) -> Arms:
            asked = confirmation.trainings(fixed, wanted, baselines, alone, together)
            with self.phase(f"confirmation {number}" if number > 1 else "confirmation", len(asked)):
                return confirmation.arms(fixed, wanted, self.measured(f"confirmation-{number}", asked))

        further = self.run.has("more.json") and number in self.run.read("more.json")["rounds"]
        _, arms = decide(verdict.course(fixed), measured, further)
        found = fixed.model_copy(update={"arms": confirmation.by_arm(arms)})
        return found.model_copy(update={"seeds": found.longest})
