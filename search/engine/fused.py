"""Jobs that one worker carries out side by side, so that trainings which are alike advance as one.

Who shares with whom changes the last bits of what is learned. It is therefore decided once, when jobs are first asked
for, and kept in the run's folder: a run that is killed and goes on carries a share out again whole, whichever of its
jobs are missing, and ends at the same bits, whatever the number of workers is by then.
"""

from collections.abc import Sequence
from typing import TypeVar

from graft.cluster.pool import Job, Result
from graft.models.meeting import meet
from graft.models.replicas import train_together
from graft.search.run.folder import Run

Key = TypeVar("Key", str, int)
MOST = {"cpu": 8, "cuda": 64}
"""Jobs in a share by device: a CPU's caches hold no more networks, and a step of a GPU takes as long for many."""


def side_by_side(jobs: Sequence[Job[Result]]) -> list[Result]:
    """Carry out jobs in this process, their trainings together where they are alike; results in their order."""
    return meet(jobs, train_together)


def shares(keys: Sequence[Key], most: int, workers: int) -> list[list[Key]]:
    """Keys of jobs in shares of so many at most, in their order, none so large that a worker has nothing to do."""
    size = max(1, min(most, -(-len(keys) // workers)))
    return [list(keys[first : first + size]) for first in range(0, len(keys), size)]


def kept_shares(run: Run, name: str, missing: Sequence[str], most: int, workers: int) -> list[list[str]]:
    """The shares that hold what is missing, as they were when each of these jobs was first asked for.

    Args:
        run: Its folder keeps them.
        name: Of what is asked for.
        missing: Keys of jobs without a result, in their order.
        most: Jobs in a share, of those that are new.
        workers: Among whom these are shared out.
    """
    file = f"shares/{name}.json"
    held: list[list[str]] = run.read(file) if run.has(file) else []
    known = {key for share in held for key in share}
    new = [key for key in missing if key not in known]
    if new:
        held += shares(new, most, workers)
        run.write(file, held)
    return [share for share in held if any(key in missing for key in share)]
