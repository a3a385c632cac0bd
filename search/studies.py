"""The registry of studies, and TOML files that override or define one."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from search.study import SCALES, Study
from spaces.refusal import Refusal, choice, unknown


def registry() -> dict[str, dict[str, Any]]:
    """Every study that is defined, by name, as TOML values."""
    return tomllib.loads(files("search").joinpath("studies.toml").read_text())


def resolve(named: str, scale: str = "demo", settings: Mapping[str, Any] | None = None) -> Study:
    """The study a user means.

    Args:
        named: A registered name, or the path of a TOML file that overrides one (``study = "film10-film8"``) or
            defines one (``source``, ``target``).
        scale: Which of the study's sizes.
        settings: Dotted keys set on the command line, such as ``network.width``; they win.

    Raises:
        Refusal: With one line that names what is wrong and what is allowed.
    """
    choice("scale", scale, SCALES)
    studies = registry()
    if named.endswith(".toml"):
        values = _from_file(Path(named), studies)
    elif named in studies:
        values = {"name": named, **studies[named]}
    else:
        raise unknown("study", named, studies)
    sizes = {key: values.pop(key, {}) for key in SCALES}
    values = _merged(_merged(values, sizes[scale]), {"scale": scale})
    for key, value in (settings or {}).items():
        nested: Any = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        values = _merged(values, nested)
    return Study.from_dict(values)


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


def _from_file(path: Path, studies: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise Refusal(f"study file {path}: {problem}; allowed: a readable TOML file") from None
    parent = values.pop("study", None)
    values = {"name": path.stem, **values}
    if parent is None:
        missing = [key for key in ("source", "target") if key not in values]
        if missing:
            raise Refusal(f"study file {path} lacks {', '.join(missing)}; allowed: source and target, or study = NAME")
        return values
    if parent not in studies:
        raise unknown(f"study in {path}", str(parent), studies)
    return _merged(studies[parent], values)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result
