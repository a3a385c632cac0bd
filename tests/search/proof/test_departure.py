"""What differs from a certificate is found, but for the last digits that another machine rounds otherwise."""

from copy import deepcopy
from typing import Any

import pytest

from graft.search.proof.verification import departure

SAID: dict[str, Any] = {
    "decision": "transfer",
    "seeds": 8,
    "comparisons": [{"p_values": {"direct": 0.025307147535819793}, "interval": [0.1, 0.2], "reason": ""}],
    "cost": {"trials": 9},
}


def changed(**values: Any) -> dict[str, Any]:
    held = deepcopy(SAID)
    held["comparisons"][0] |= values
    return held


def test_the_last_digit_and_the_cost_may_differ() -> None:
    assert departure(SAID | {"cost": {}}, SAID) == ""
    assert departure(changed(p_values={"direct": 0.02530714753581981}), SAID) == ""


@pytest.mark.parametrize(
    "values",
    [
        {"p_values": {"direct": 0.0253071476}},
        {"p_values": {"direct": 0.025307147535819793, "shuffled": 0.5}},
        {"p_values": {}},
        {"interval": [0.1]},
        {"interval": None},
        {"reason": "diverged"},
    ],
)
def test_anything_else_is_found(values: dict[str, Any]) -> None:
    said = "comparisons does not follow from the recorded errors"
    assert departure(SAID, changed(**values)) == departure(changed(**values), SAID) == said


def test_what_is_missing_is_found() -> None:
    assert departure(SAID, {"comparisons": SAID["comparisons"]}).startswith("decision, seeds does not follow")
