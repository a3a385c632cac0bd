"""What a run may use: workers, device, time, MLflow."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """What a run may use.

    Attributes:
        workers: Trainings at a time.
        device: ``cpu`` or ``cuda``.
        devices: GPUs that the trainings share; none of them is split over two.
        search_seconds: How long the searches may take; what they need if infinite.
        uri: MLflow's tracking URI; None for the environment's or a database in the run's folder.
        store: Address (``s3://bucket/...``) of what is generated; None for the run's folder.
    """

    workers: int
    device: str = "cpu"
    devices: int = 0
    search_seconds: float = math.inf
    uri: str | None = None
    store: str | None = None

    @property
    def gpus(self) -> float:
        """Share of a GPU for each training."""
        return 1 / math.ceil(self.workers / max(1, self.devices)) if self.device == "cuda" else 0.0
