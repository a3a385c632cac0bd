"""What tasks of images have in common: how much disk they take, and what their errors depend on."""

import math

from graft.search.tasks.base import Task


class Pictured(Task):
    """A task whose networks are the study's and whose examples are single-precision images."""

    def megabytes(self) -> float:
        """Disk that a run's data will take."""
        rows = self.study.rows
        each = 4 * sum(math.prod(shape) for shape in self.shapes) / 1e6
        return each * (rows.source * len(self.study.taught) + 11 * rows.pool + rows.test)

    def identity(self) -> dict[str, object]:
        """Network and metric."""
        return super().identity() | {"network": self.study.network.to_dict()}
