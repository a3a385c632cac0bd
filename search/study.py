"""Studies by name: one TOML file each in `search/studies`, and those of a user's own; from TOML values to settings."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from graft.search.catalogue import Values, by_present_names, extended, laid, listed, merged, registry, renamed
from graft.search.kinds.sharing.study import SharingStudy
from graft.search.kinds.transfer.states import LikelihoodStudy
from graft.search.kinds.transfer.study import Study
from graft.search.run.folder import Run
from graft.search.settings import StudySettings
from graft.search.tasks.distilled.own import with_states
from graft.search.tasks.distilled.study import DclStudy
from graft.search.tasks.folders import with_folders
from graft.search.tasks.pretrained import with_weights
from graft.search.tasks.registry import ALONE, alone
from graft.search.tasks.tables import with_tables
from graft.spaces.errors import InputError, choice, unknown
from graft.spaces.installed import installed
from graft.spaces.words import SCALES

STUDIES: dict[tuple[str, str], type[StudySettings]] = {
    ("transfer", "regression"): Study,
    ("transfer", "likelihood"): LikelihoodStudy,
    ("sharing", "regression"): SharingStudy,
    ("dcl", "likelihood"): DclStudy,
}
"""The settings of each kind of question (``kind``) asked of each thing that can be learned (``task``)."""
ASKED_BY = {"transfer": "target", "sharing": "tasks", "dcl": "system"}
"""The key that a study of each kind cannot do without."""


def resolve(named: str | Values, scale: str = "demo", settings: Values | None = None) -> StudySettings:
    """The study a user means.

    Args:
        named: A registered name, or the path of a TOML file that changes one (``extends = "film10-film8"``) or defines
            one (``source`` or ``sources``, ``target``; or ``tasks``; or ``system``); or what such a file would say,
            with a ``name``.
        scale: Which of the study's sizes.
        settings: Dotted keys set on the command line, such as ``network.width``; they win.

    Raises:
        InputError: With one line that names what is wrong and what is allowed.
    """
    choice("scale", scale, SCALES)
    if isinstance(named, str):
        values, folder = _named(named, scale)
        where = named
    else:
        values, folder = _told(dict(named), scale, "the study"), Path()
        where = str(values["name"])
    values = merged(values, {"scale": scale})
    for key, value in (settings or {}).items():
        if key == "scale":
            raise InputError("--set scale: allowed: --scale, which sets the sizes too")
        head, *inner = key.split(".")
        for part in reversed(inner):
            value = {part: value}
        values = laid(values, listed(by_present_names({head: value}, "--set"), "--set"))
    kind, task = asked(values)
    values = _with_heads(values, kind, task)
    if values.get("mode") == "small":
        renamed(where, "mode = 'small'", "'holdout'")
        values["mode"] = "holdout"
    if kind == "transfer":
        values = with_tables(with_folders(with_weights(values, folder), folder, task), folder)
    given = values.pop("observations", None) if kind == "dcl" else None
    study = opened(values)
    study.tried()
    return with_states(study, given, folder) if isinstance(study, DclStudy) and given is not None else study


def asked(values: Values) -> tuple[str, str]:
    """Which question plain values ask (``kind``), and of what (``task``): told, or what their other keys say.

    Raises:
        InputError: If they tell what their other keys contradict.
    """
    kind = next((kind for kind in ("dcl", "sharing") if ASKED_BY[kind] in values), "transfer")
    states = kind == "dcl" or (kind == "transfer" and "@" in str(values.get("target", "")))
    task = "likelihood" if states else "regression"
    told = {"kind": str(values.get("kind", kind)), "task": str(values.get("task", task))}
    own = (
        alone(told["task"])
        if kind == "transfer"
        else kind == "sharing" and alone(told["task"]) and told["task"] not in ALONE
    )
    for place, key in enumerate(told):
        if not (own and key == "task"):
            known = {pair[place] for pair in STUDIES}
            if key == "task" and kind != "dcl":
                known |= installed("task").keys() | (ALONE.keys() if kind == "transfer" else set())
            choice(key, told[key], sorted(known))
    if told["kind"] != kind:
        needed = ASKED_BY[told["kind"]]
        has = f"without {needed}" if needed not in values else f"with {ASKED_BY[kind]}"
        raise InputError(f"kind is {told['kind']!r} in a study {has}; allowed: {kind!r}")
    if own:
        return kind, str(told["task"])
    if told["task"] != task:
        learned = "states of a lattice" if states else "no states of a lattice (LATTICE@TEMPERATURE)"
        raise InputError(f"task is {told['task']!r}, but what is learned are {learned}; allowed: {task!r}")
    return kind, task


def opened(values: Values) -> StudySettings:
    """The study that plain values mean: a `Study`, a `SharingStudy`, a `DclStudy` or a `LikelihoodStudy`."""
    settings, held = _settings(values)
    return settings.from_dict(held)


def reopened(values: Values) -> StudySettings:
    """The study of a run's folder, from the plain values there; as `opened`.

    What older folders do not say, each kind of settings knows.
    """
    settings, held = _settings(values)
    return settings.reopened(held)


def study_in(run: Run) -> StudySettings:
    """The study of a run's folder.

    Raises:
        InputError: Naming its file, if that is missing or holds no study.
    """
    values = run.read("study.json")
    try:
        if not isinstance(values, Mapping):
            raise InputError(f"it holds a {type(values).__name__}")
        return reopened(values)
    except InputError as problem:
        raise InputError(f"{run.path('study.json')}: {problem}; the folder of a run is not edited") from None


def _settings(values: Values) -> tuple[type[StudySettings], dict[str, object]]:
    """Which settings plain values mean, and which values are theirs; a task of a user's own has those of regression."""
    kind, task = asked(values)
    held = {key: value for key, value in values.items() if key not in ("kind", "task")}
    if kind != "dcl":
        held["task"] = task
    return STUDIES[kind, "regression" if alone(task) else task], held


def setting(text: str) -> tuple[str, object]:
    """Read one ``key=value`` of the command line; the value is TOML, or a bare word.

    Raises:
        InputError: If there is no ``=``.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InputError(f"--set {text!r}; allowed: key=value, such as network.width=100")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def _with_heads(values: Values, kind: str, task: str) -> dict[str, object]:
    """The values with fair heads where they do not say otherwise; pipelines of distilled energies have no recipe."""
    if kind == "dcl":
        return dict(values)
    recipes = ("start",) if kind == "sharing" else ("source_training", "start")
    return merged({key: {"head": "constant"} for key in recipes}, values)


def _named(named: str, scale: str) -> tuple[Values, Path]:
    """The values of a registered study or of a file, and the folder in which other files lie that they name."""
    if not named.endswith(".toml"):
        studies = registry(scale)
        if named not in studies:
            raise unknown("study", named, studies)
        return studies[named], Path()
    path = Path(named)
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise InputError(f"study file {path}: {problem}; allowed: a readable TOML file") from None
    return _told({"name": path.stem} | values, scale, f"study file {path}"), path.parent


def _told(values: dict[str, object], scale: str, where: str) -> dict[str, object]:
    """The whole of a study that is told as changes of another one, or by itself."""
    if "study" in values:
        renamed(where.removeprefix("study file "), "study =", "extends =")
        values = {"extends": values.pop("study")} | values
    values = by_present_names(values, where.removeprefix("study file "))
    found = {"name": "study"} | extended(values, scale, where.removeprefix("study file "))
    if "extends" not in values and asked(found)[0] == "transfer":
        missing = [key for key, held in (("source", "sources"), ("target", "target")) if held not in found]
        if missing:
            raise InputError(
                f"{where} lacks {', '.join(missing)}; "
                "allowed: source and target, or tasks, or system, or extends = NAME"
            )
    return found
