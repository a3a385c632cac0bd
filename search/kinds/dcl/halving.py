"""Successive halving on epochs: a trial reports after each budget, and goes on only among the best of its kind."""

from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from graft.search.engine.search import Search
from graft.search.run.scale import logs


def falls_behind(score: float, reached: Sequence[float], factor: int) -> bool:
    """Whether a trial with this score stops at its rung: not among the best ``1 / factor`` of all that reached it.

    The asynchronous rule of Li et al. 2020 (ASHA, arXiv:1810.05934): nobody waits for a rung to fill, so the first
    to arrive always go on.

    Args:
        score: Of the trial at this rung; small is good.
        reached: Scores of all others that have reached it.
        factor: Of reduction.
    """
    kept = max(1, (len(reached) + 1) // factor)
    return sum(other < score for other in reached) >= kept


class Rungs(Search):
    """A search whose trials report one score for each rung, the last of which counts, instead of one for each seed.

    ``rules.seeds`` is the number of rungs, ``rules.trainings`` that of pipelines: how many of their trainings go on,
    only the race knows.
    """

    factor = 2
    unit = "pipelines"
    _ended = 0

    @property
    def used(self) -> int:
        """Pipelines started; what a constraint kept from being trained costs nothing."""
        return self._ended + len(self.live)

    def score(self, errors: Sequence[float]) -> float:
        """The logarithm of the last rung's score."""
        return float(logs(errors[-1]))

    def shown(self, value: float) -> str:
        """A score: what it counts has no unit worth a name, for T times the likelihood holds the unknown entropy."""
        return f"score {value:.3f}"

    def _note(self, trial: FrozenTrial) -> dict[str, Any]:
        told = super()._note(trial)
        self._ended += bool(told["errors"]) or told["state"] == "failed"
        return told

    def _verdict(self, trial: int, errors: Sequence[float]) -> TrialState | None:
        if len(errors) >= self.rules.seeds:
            return TrialState.COMPLETE
        live = self.live[trial].trial
        if not errors or live is None or "stopped" in live.user_attrs:
            return TrialState.PRUNED if errors else None
        rung, group = len(errors) - 1, self.family(self.live[trial].plan)
        reached = [held[rung] for number, held in self._told(group) if number != trial and len(held) > rung]
        if not falls_behind(errors[rung], reached, self.factor):
            return None
        live.set_user_attr("stopped", rung)  # others may arrive before it is closed, and the rule be kinder then
        return TrialState.PRUNED

    def _told(self, group: str | None) -> list[tuple[int, list[float]]]:
        """Every trial of that family with its scores so far."""
        found: list[tuple[int, list[float]]] = []
        for trial in self._trials():
            attrs: dict[str, Any] = trial.user_attrs
            if "plan" in attrs and self.family(self.read(attrs["plan"])) == group:
                found.append((trial.number, list(attrs.get("errors", []))))
        return found
