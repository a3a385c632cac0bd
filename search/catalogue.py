"""Studies by name: one TOML file each in `search/studies`, and what each of them extends. It knows no settings."""

import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from graft.spaces.errors import InputError, unknown
from graft.spaces.words import OWN, SCALES

Values = Mapping[str, object]
"""What a table of TOML holds."""
PRESENT = {"base": "source_training"}
"""Keys that once had another name."""


@cache
def written() -> dict[str, dict[str, object]]:
    """TOML values of every file in `search/studies`, by name; a ``_name`` is no study, but what studies extend."""
    found = sorted((one for one in files("graft.search").joinpath("studies").iterdir()), key=lambda one: one.name)
    return {one.name.removesuffix(".toml"): tomllib.loads(one.read_text()) for one in found}


def registry(scale: str = "demo") -> dict[str, dict[str, object]]:
    """Every study that is defined, by name, as plain values at that scale."""
    names = [name for name in written() if not name.startswith("_")]
    return {name: {"name": name} | extended(written()[name], scale, name) for name in names}


def extended(values: Values, scale: str, where: str, above: tuple[str, ...] = ()) -> dict[str, object]:
    """The values at a scale, laid over those that they extend."""
    own = sized({key: value for key, value in values.items() if key != "extends"}, scale, where)
    parent, chain = values.get("extends"), (*above, where)
    if parent is None:
        return laid({}, own)
    if not isinstance(parent, str) or parent not in written():
        raise unknown(f"study that {where} extends", str(parent), written())
    if parent in chain:
        raise InputError(f"{' extends '.join((*chain, parent))}; allowed: a chain of studies that ends")
    return laid(extended(written()[parent], scale, parent, chain), own)


def sized(values: Values, scale: str, where: str) -> dict[str, object]:
    """The values with those of their table for the scale on top, both tables taken out."""
    sizes = dict[str, Values]()
    for key in SCALES:
        if not isinstance(table := values.get(key, {}), Mapping):
            raise InputError(f"{where}: {key} is {table!r}; allowed: a table")
        sizes[key] = table
    always = {key: value for key, value in values.items() if key not in SCALES}
    return merged(listed(always, where), listed(sizes[scale], where))


def by_present_names(values: Values, where: str) -> dict[str, object]:
    """The values, each key of them by the name that it has now, at either scale too."""
    found = dict[str, object]()
    for key, value in values.items():
        now = PRESENT.get(key, key)
        if now != key:
            renamed(where, key, now)
            if now in values:
                raise InputError(f"{where} has both {key} and {now}; allowed: {now}")
        if key in SCALES and isinstance(value, Mapping):
            value = by_present_names(value, where)
        found[now] = value
    return found


def listed(values: Values, where: str) -> dict[str, object]:
    """The values with a single ``source`` written as the list it is short for."""
    if "source" not in values:
        return dict(values)
    if "sources" in values:
        raise InputError(f"{where} has both source and sources; allowed: one of them")
    return {key: value for key, value in values.items() if key != "source"} | {"sources": [values["source"]]}


def laid(under: Values, over: Values) -> dict[str, object]:
    """``over`` merged onto ``under``; a network of the user's own leaves nothing of the one below, nor activations."""
    network = over.get("network")
    if isinstance(network, Mapping) and "module" in network:
        recipes = (
            ("start",) if "tasks" in {**under, **over} else ("source_training", "start")
        )  # tasks learned together: no source
        own = {"ranges": {"activation": [OWN]}} | {recipe: {"activation": OWN} for recipe in recipes}
        under = merged({key: value for key, value in under.items() if key != "network"}, own)
    return merged(under, over)


@cache
def renamed(where: str, before: str, now: str) -> None:
    """Tell once of a key or value that has another name by now."""
    print(f"graft: {where}: {before} is read, but is now called {now}", file=sys.stderr, flush=True)


def merged(under: Values, over: Values) -> dict[str, object]:
    """``over`` laid onto ``under``, table by table."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result
