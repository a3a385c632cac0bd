"""The registry of studies, and TOML files that override or define one."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from search.dcl.own import with_states
from search.dcl.study import DclStudy
from search.sharing.study import SharingStudy
from search.study import SCALES
from search.transfer.pretrained import checked, with_weights
from search.transfer.study import Study
from search.transfer.tables import with_tables
from search.watchers.study import WatcherStudy
from spaces.plan import OWN
from spaces.refusal import Refusal, choice, unknown


def registry() -> dict[str, dict[str, Any]]:
    """Every study that is defined, by name, as TOML values."""
    return tomllib.loads(files("search").joinpath("studies.toml").read_text())


def resolve(named: str, scale: str = "demo", settings: Mapping[str, Any] | None = None) -> Any:
    """The study a user means.

    Args:
        named: A registered name, or the path of a TOML file that overrides one (``study = "film10-film8"``) or
            defines one (``source`` or ``sources``, ``target``; or ``tasks``; or ``system``).
        scale: Which of the study's sizes.
        settings: Dotted keys set on the command line, such as ``network.width``; they win.

    Raises:
        Refusal: With one line that names what is wrong and what is allowed.
    """
    choice("scale", scale, SCALES)
    studies = registry()
    if named.endswith(".toml"):
        values = _from_file(Path(named), studies, scale)
    elif named in studies:
        values = _sized({"name": named, **studies[named]}, scale, named)
    else:
        raise unknown("study", named, studies)
    values = _merged(values, {"scale": scale})
    for key, value in (settings or {}).items():
        if key == "scale":
            raise Refusal("--set scale: allowed: --scale, which sets the sizes too")
        nested: Any = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        values = _laid(values, _listed(nested, "--set"))
    folder = Path(named).parent if named.endswith(".toml") else Path()
    values = _with_heads(values)
    if {"tasks", "system"} & values.keys():
        given = values.pop("observations", None) if "system" in values else None
        return opened(values) if given is None else with_states(opened(values), given, folder)
    return checked(opened(with_tables(with_weights(values, folder), folder)))


def opened(values: Mapping[str, Any]) -> Any:
    """The study that plain values mean.

    Of several tasks learned together where they name ``tasks``, of energies from watched states where they name a
    ``system``, of transfer between sequence models where the target is a ``LATTICE@TEMPERATURE``.

    Returns:
        A `Study`, a `SharingStudy`, a `DclStudy` or a `WatcherStudy`.
    """
    watched = "@" in str(values.get("target", ""))
    kind: Any = DclStudy if "system" in values else SharingStudy if "tasks" in values else Study
    return (WatcherStudy if watched else kind).from_dict(values)


def reopened(values: Mapping[str, Any]) -> Any:
    """The study of a run's folder, from the plain values there; as `opened`.

    Folders of protocol 1 do not say how often direct learning is searched: once. Nor where heads start: at random, as
    a recipe without the setting means.
    """
    budget = values.get("budget")
    if "system" in values or not isinstance(budget, Mapping):
        return opened(values)
    return opened({**values, "budget": {"rival": 1, **budget}})


def setting(text: str) -> tuple[str, Any]:
    """Read one ``key=value`` of the command line; the value is TOML, or a bare word.

    Raises:
        Refusal: If there is no ``=``.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise Refusal(f"--set {text!r}; allowed: key=value, such as network.width=100")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def _with_heads(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with fair heads where they do not say otherwise: of examples, not yet of sequence models."""
    if "system" in values or "@" in str(values.get("target", "")):
        return dict(values)
    recipes = ("start",) if "tasks" in values else ("base", "start")
    return _merged({key: {"head": "constant"} for key in recipes}, values)


def _sized(values: Mapping[str, Any], scale: str, where: str) -> dict[str, Any]:
    """The values with those of their table for the scale on top, both tables taken out."""
    sizes = {key: values.get(key, {}) for key in SCALES}
    for key, table in sizes.items():
        if not isinstance(table, Mapping):
            raise Refusal(f"{where}: {key} is {table!r}; allowed: a table")
    always = {key: value for key, value in values.items() if key not in SCALES}
    return _merged(_listed(always, where), _listed(sizes[scale], where))


def _listed(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values with a single ``source`` written as the list it is short for."""
    if "source" not in values:
        return dict(values)
    if "sources" in values:
        raise Refusal(f"{where} has both source and sources; allowed: one of them")
    return {key: value for key, value in values.items() if key != "source"} | {"sources": [values["source"]]}


def _from_file(path: Path, studies: Mapping[str, dict[str, Any]], scale: str) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise Refusal(f"study file {path}: {problem}; allowed: a readable TOML file") from None
    parent = values.pop("study", None)
    values = _sized({"name": path.stem, **values}, scale, str(path))
    if parent is None and not {"tasks", "system"} & values.keys():
        missing = [key for key, held in (("source", "sources"), ("target", "target")) if held not in values]
        if missing:
            raise Refusal(
                f"study file {path} lacks {', '.join(missing)}; "
                "allowed: source and target, or tasks, or system, or study = NAME"
            )
    if parent is None:
        return _laid({}, values)
    if not isinstance(parent, str) or parent not in studies:
        raise unknown(f"study in {path}", str(parent), studies)
    return _laid(_sized(studies[parent], scale, parent), values)


def _laid(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` merged onto ``under``; a network of the user's own leaves nothing of the one below, nor activations."""
    network = over.get("network")
    if isinstance(network, Mapping) and "module" in network and "tasks" not in {**under, **over}:
        own = {"base": {"activation": OWN}, "start": {"activation": OWN}, "ranges": {"activation": [OWN]}}
        under = _merged({key: value for key, value in under.items() if key != "network"}, own)
    return _merged(under, over)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result
