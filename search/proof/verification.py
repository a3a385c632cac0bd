"""What it takes to trust a certificate that somebody hands over, whatever it is of."""

import math
from collections.abc import Callable, Iterator, Mapping

from graft.search.run.record import Values
from graft.search.run.results import Cost, DataCard, Result

UNSPENT = Cost()
"""In place of what a run cost, where its certificate is written again: that does not follow from its errors."""


ROUNDED = 1e-9
"""By how much, of itself, a number may differ that is computed from the same errors elsewhere."""


def answers(named: Mapping[str, Callable[[], str]]) -> Iterator[tuple[str, str]]:
    """What each check says; one that cannot be carried out says why."""
    for name, check in named.items():
        try:
            yield name, check()
        except (OSError, RuntimeError, ValueError, KeyError) as problem:
            yield name, str(problem)


def departure(rebuilt: Values, certificate: Values) -> str:
    """What in a certificate differs from the one that the recorded errors give, in words."""
    differ = [
        key for key in rebuilt if key not in ("cost", "versions") and not same(rebuilt[key], certificate.get(key))
    ]
    return f"{', '.join(differ)} does not follow from the recorded errors" if differ else ""


def same(one: object, other: object) -> bool:
    """Whether plain values are the same, but for what another library or processor rounds in fractions otherwise."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=ROUNDED)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def other_data(cards: Mapping[str, DataCard], result: Result) -> str:
    """Which data set of a folder, described by ``cards``, is not the one of the result, in words."""
    for name, card in result.data.items():
        if name not in cards or cards[name].digest != card.digest:
            return f"data/{name} is not the data set of the result"
    return ""
