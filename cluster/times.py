"""What time is spent on: by workers in the jobs that this process hands out, and by this process while they wait."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

What = Literal["training", "generating", "sampling", "logging"]
"""Workers train and judge, or draw data sets; this process draws what is tried next, or shows what was found."""
_SPENT: dict[What, float] = defaultdict(float)


def add(what: What, seconds: float) -> None:
    """Count seconds that a worker has told."""
    _SPENT[what] += seconds


@contextmanager
def spending(what: What) -> Iterator[None]:
    """Count what is done inside, as a block or of each call of a function; what is counted in there already is not."""
    began, before = time.perf_counter(), sum(_SPENT.values())
    try:
        yield
    finally:
        _SPENT[what] += time.perf_counter() - began - (sum(_SPENT.values()) - before)


def spent() -> dict[What, float]:
    """Seconds since this process began."""
    return dict(_SPENT)


def since(before: Mapping[What, float]) -> dict[What, float]:
    """Seconds since `spent` returned ``before``."""
    return {what: seconds - before.get(what, 0.0) for what, seconds in _SPENT.items()}
