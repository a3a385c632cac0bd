"""Sizes of studies that are searched many times over: what benchmarks of searches share."""

from typing import Any

SIZES: dict[str, Any] = {
    "rows": {"source": 4000, "pool": 200, "locked": 20, "validation": 40, "test": 2000},
    "network": {"depth": 6, "width": 48},
    "source_training": {"rate": 6e-3, "decay": 0.05, "batch": 100, "epochs": 30, "head": "constant"},
    "start": {
        "rate": 1e-2,
        "decay": 0.2,
        "batch": 70,
        "epochs": 120,
        "activation": "gelu",
        "warmup": 20,
        "head": "constant",
    },
    "ranges": {"epochs": [60, 140], "batch": [35, 140], "activation": ["gelu"]},
    "budget": {"trainings": 30, "seeds": 3, "steps": 280, "curve": 1, "map": 10},
    "proof": {"seeds": 8, "most_seeds": 8},
}
"""Of the regret benchmark."""
DEEP: dict[str, Any] = {
    "rows": {"source": 4000, "pool": 120, "locked": 12, "validation": 24, "test": 2000},
    "network": {"depth": 3, "width": 48},
    "budget": {"trainings": 24, "seeds": 3, "steps": 400},
}
"""A study of a user's own, who says how much there is and leaves recipe and ranges as they are."""
