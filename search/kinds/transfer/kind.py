"""A study from beginning to end, in one folder."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from torch import nn

from graft.models.scaling import Scaling
from graft.models.terms import find_term
from graft.search.engine.cost import cost
from graft.search.engine.searched import Direct, by_budget, searched
from graft.search.engine.trials import importance
from graft.search.estimate import AROUND, seconds_per_step
from graft.search.kinds.base import Kind, Written
from graft.search.kinds.transfer import conclusion, mapping, prospects, regressors, ways
from graft.search.kinds.transfer.confirmation import REFITS
from graft.search.kinds.transfer.ensemble import Ensemble, ensemble
from graft.search.kinds.transfer.pipeline import Confirmed, Pipeline
from graft.search.kinds.transfer.sources import SourceNetwork
from graft.search.kinds.transfer.study import Study
from graft.search.kinds.transfer.verification import checks
from graft.search.prediction import Asked, outputs_only, predict_csv
from graft.search.report.sections import TRANSFER
from graft.search.run.certificate import Curve, Kept, Reference, TransferCertificate
from graft.search.run.folder import Run, write_bytes
from graft.search.run.results import Confirmation, SpanMap, TransferResult
from graft.search.run.shown import Way
from graft.search.settings import LEAST_SEEDS
from graft.search.tasks.base import Exhibit
from graft.spaces.errors import InputError
from graft.spaces.plan import Plan

FAR = 10
"""How many times larger one table's outputs are than another's where it is asked whether they have one unit."""


class Decided(NamedTuple):
    """A run up to its verdict.

    ``direct`` is what plans started from, ``rival`` what candidates had to beat.
    """

    direct: Direct
    rival: Direct
    sources: Mapping[str, SourceNetwork]
    confirmed: Confirmed


def decided(line: Pipeline) -> Decided:
    """All searches, what is confirmed, its errors, and what follows from them."""
    direct = line.baseline()
    sources = line.source_networks(direct.plan.recipe)
    line.plans(direct, sources)
    rival = line.rival(direct)
    return Decided(direct, rival, sources, line.confirm(rival.plan, sources))


class Transfer(Kind[Study, Pipeline, SpanMap]):
    """Which blocks of source networks are worth copying, and is that a gain over direct learning? As of `Kind`."""

    page = TRANSFER
    work = Pipeline

    def measured(self, line: Pipeline) -> Written:
        """Search direct learning and plans, confirm the best, train what is handed over."""
        found = decided(line)
        rival, comparison, curve = found.rival.plan, found.confirmed.comparison, None
        direct, ours = comparison.mean("direct"), comparison.mean("candidate")
        if comparison.helped and line.study.mode == "fresh" and direct is not None and ours is not None:
            curve = line.curve(rival, direct, ours)
        arm, plan = conclusion.best_measured(comparison, rival)
        plans = {"direct": rival, "transfer": plan} if arm == "candidate" else {"direct": plan}
        phase = line.handing_over(found.sources)
        networks = line.champions(phase, plans)
        if found.confirmed.fixed.folds:  # what is handed over learned from every row: its fits say how it errs
            networks["transfer" if arm == "candidate" else "direct"]["error"] = conclusion.error_of(comparison, arm)
        references = regressors.measured(line, len(found.confirmed.arms["direct"]))
        rivals = [(rival, networks["direct"]["data"])] if arm == "candidate" and line.study.mode == "fresh" else []
        best = networks["transfer" if arm == "candidate" else "direct"]
        several = ensemble(line, phase, [(plan, best["data"]), *rivals])
        beside = ways.measured(line, rival, found.sources)
        return partial(_write, line, found, curve, networks, arm, plan, references, several, beside)

    def checks(self, run: Run) -> Mapping[str, Callable[[], str]]:
        """As of `Kind`."""
        return checks(run, self.study)

    def check(self) -> list[str]:
        """Refuse a task that cannot be carried out."""
        study = self.study
        study.learned.check()
        target = study.learned.system(study.target)
        if study.mode == "holdout" and target is not None and target.judging() is not target:
            raise InputError(
                f"mode is 'holdout', but {study.target} shows a few real things at two times, and the pool is of the "
                "first; allowed: 'fresh', which is judged at the other"
            )
        for name in study.terms:
            find_term(name).suits(*study.learned.shapes)
        told = [
            f"outputs of {source.name} are {source.size:.3g} on average, those of {target.name} {target.size:.3g}: is "
            "that one unit? A copied head begins where its source's outputs are"
            for target in filter(None, [study.table(study.target)])
            for source in filter(None, map(study.table, study.sources))
            if study.metric == "relative-l1" and 0 < FAR * min(source.size, target.size) < max(source.size, target.size)
        ]
        if study.target in study.sources:
            same = "its source network learns from other examples of the same task"
            told.append(f"{study.target} is source and target: {same}")
        return told

    def seconds(self, workers: int) -> tuple[float, float]:
        """Rough wall times: of the searches, and of everything else, if all that may be confirmed has to be."""
        study, step = self.study, self._step
        steps = study.start.steps(study.rows.training)
        seeds = REFITS if study.mode == "holdout" else study.proof.seeds
        rest = (
            self._others(workers)
            + step * (seeds * (1 + 4 * study.proof.candidates) + self._handing_over()) * steps / workers
        )
        return self.trainings() * steps * step / workers, rest

    def after(self, workers: int) -> tuple[float, float]:
        """One candidate, confirmed until the second look, what is handed over, and what is measured beside."""
        study = self.study
        looks = study.proof.looks
        seeds = REFITS if study.mode == "holdout" else looks[1] if len(looks) > 1 else study.proof.seeds
        return 5 * seeds + self._handing_over(), self._others(workers)

    @cached_property
    def _step(self) -> float:
        """Seconds of one step of a training, measured once."""
        return seconds_per_step(self.study.learned, self.study.start)

    def _handing_over(self) -> int:
        """Trainings of the learning curve, of what is handed over, and of each way of using a source."""
        study, fresh = self.study, self.study.mode == "fresh"
        ways = 4 * (study.proof.looks[0] if study.proof.looks else study.proof.seeds) if study.terms and fresh else 0
        return study.budget.curve * (2 + 4) * fresh + 2 * study.budget.members + ways

    def _others(self, workers: int) -> float:
        """Seconds of source networks and placebos, and around all trainings."""
        study, teaching = self.study, self.study.source_training
        lessons = [lesson for lesson in study.source_space.lessons().values() if lesson.source in study.taught]
        taught = [len(one.links) * one.epochs * math.ceil(0.8 * one.rows / teaching.batch) for one in lessons]
        based = sum(taught) + min(study.proof.placebos, LEAST_SEEDS) / workers * max(taught, default=0)
        return AROUND + self._step * based * max(1.0, teaching.batch / study.start.batch) ** 0.7

    def trainings(self) -> int:
        """Of direct learning and plans."""
        return (1 + self.study.budget.rival) * self.study.budget.trainings

    def megabytes(self) -> float:
        """Disk that a run will take."""
        return 50 + float(self.study.learned.megabytes())

    @property
    def devices(self) -> tuple[str, ...]:  # type: ignore[override]
        """Where its task can be trained."""
        return tuple(self.study.learned.devices)

    def further(self, run: Run) -> Mapping[str, object] | None:
        """The second stage, if there is one that was not asked for already."""
        fixed = run.record(Confirmation, "confirmation.json")
        return {"looks": fixed.more} if fixed.more and not run.has("more.json") else None

    def mapped(self, line: Pipeline) -> SpanMap:
        """Every span of every source and none."""
        return mapping.drawn(line)

    def map_lines(self, drawn: SpanMap) -> Iterator[str]:
        """The best span, and how many help and harm."""
        cells = [(cell.change, cell) for cell in drawn.cells if cell.change is not None]
        if not cells:
            raise RuntimeError("every span diverged on a seed")
        change, best = min(cells, key=lambda one: one[0])
        counts = {said: sum(cell.verdict == said for _, cell in cells) for said in ("helps", "undecided", "harms")}
        yield f"best span ({best.n1}, {best.n2}): {change:+.0%} error; of {len(cells)} spans {counts}"

    def opened(self, data: bytes) -> tuple[nn.Module, Scaling | None]:
        """As its task opens it."""
        return self.study.learned.opened(data)

    def predict(self, folder: Path, asked: Asked) -> str:
        """Outputs for a file of inputs."""
        task = self.study.learned
        task.predicts(folder)
        outputs_only(folder, asked)
        return predict_csv(folder, asked, self.opened)


def _learned_from(line: Pipeline, confirmed: Confirmed) -> int:
    """Rows from which what is handed over has learned: all of the pool where they were cross-fitted."""
    return line.study.rows.pool if confirmed.fixed.folds else len(line.pool)


def _write(
    line: Pipeline,
    found: Decided,
    curve: Curve | None,
    networks: Mapping[str, Exhibit],
    arm: str,
    plan: Plan,
    references: Sequence[Reference],
    several: Ensemble | None,
    beside: Mapping[str, Way],
) -> TransferCertificate:
    """Everything the folder says of a finished run; the certificate last, for it vouches for the rest."""
    best = networks["transfer" if arm == "candidate" else "direct"]
    kept = Kept(arm=arm, plan=plan, rows=_learned_from(line, found.confirmed), error=best["error"])
    if several is not None:
        kept = kept.model_copy(update={"ensemble": several.told})
    run, confirmed, searches = line.run, found.confirmed, {"baseline": line.baseline_search, "plans": line.plans_search}
    baseline = searched(line.baseline_search, line.study.budget.steps)
    values = {
        "format": 1,
        "protocol": 3,
        "study": line.study.to_dict(),
        "data": line.task.data_cards(run.path("data")),
        "bases": [one.card() for one in found.sources.values()],
        "baseline": baseline,
        "direct_by_budget": by_budget(baseline.trials, found.direct, found.rival),
        "plans": searched(line.plans_search, line.study.budget.steps),
        "confirmation": {**confirmed.fixed.to_dict(), "seeds": len(confirmed.arms["direct"]), "arms": confirmed.arms},
        "beside": prospects.told(run, confirmed.arms),
        "placebos": [one.card() for one in confirmed.placebos.values()],
        "networks": [one.card() for one in confirmed.networks.values()],
        "handed_over": kept,
        "examples": conclusion.examples_gained(curve, line.task.scale),
        **({"regressors": references} if references else {}),
        **({"ways": beside} if beside else {}),
        "priors": run.read("priors.json"),
        "importance": {name: importance(search.study) for name, search in searches.items()},
        **line.shown(networks),
    }
    result = TransferResult.read(values)
    run.write("result.json", result)
    spent = cost(run, searches, line.spent, line.resources.workers)
    run.write("cost.json", spent)
    certified = conclusion.certificate(line.study, result, confirmed.comparison, spent)
    write_bytes(run.path("model", "network.safetensors"), best["data"])
    if several is not None:
        several.write(run)
    run.write("model/card.json", conclusion.champion_card(line.study, line.task, certified, best, plan, line.pool))
    run.write("certificate.json", certified)
    return certified
