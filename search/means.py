"""What a run may use: workers, device, time, MLflow."""

from dataclasses import dataclass

SHARES = (0.35, 0.75)
"""Of the minutes allowed, those after which the baseline search and the plan search start no more trials."""


@dataclass(frozen=True)
class Means:
    """What a run may use.

    Attributes:
        workers: Trainings at a time.
        device: ``cpu`` or ``cuda``.
        minutes: About how long the run may take; None for as long as its budget needs.
        uri: MLflow's tracking URI; None for the environment's or a database in the run's folder.
    """

    workers: int
    device: str = "cpu"
    minutes: float | None = None
    uri: str | None = None

    @property
    def gpus(self) -> float:
        """Share of a GPU for each training."""
        return 1 / self.workers if self.device == "cuda" else 0.0
