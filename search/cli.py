"""The command line: ``graft``, ``python -m graft``, ``search.py``."""

import json
import os
import shlex
import signal
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import NoReturn

from graft import __version__
from graft.cluster.connect import quiet

quiet()

from graft.search import commands  # noqa: E402  (Ray reads its environment when it is imported)
from graft.search.catalogue import renamed  # noqa: E402
from graft.search.tracking.address import masked  # noqa: E402
from graft.spaces.errors import InputError, unknown  # noqa: E402
from graft.spaces.words import SCALES  # noqa: E402

COMMANDS = {
    "list": commands.listed,
    "run": commands.run,
    "confirm": commands.confirm,
    "map": commands.draw_map,
    "report": commands.report,
    "predict": commands.predict,
    "ui": commands.ui,
    "dashboard": commands.dashboard,
    "deliver": commands.deliver,
    "verify": commands.verify,
    "calibrate": commands.calibrate,
    "data": commands.data,
    "doctor": commands.doctor,
    "show": commands.show,
    "completion": commands.completion,
}
EXITS = "exit codes: 0 done (whatever the verdict), 2 bad input, 1 failure, 130 or 143 interrupted"


class Parser(ArgumentParser):
    """Refuses in one line instead of printing its usage."""

    def error(self, message: str) -> NoReturn:
        """Bad arguments."""
        raise InputError(f"{message}; see {self.prog} --help")


def parser() -> Parser:
    """Every command and its options."""
    top = Parser(prog="graft", description=__doc__, epilog=EXITS, formatter_class=RawDescriptionHelpFormatter)
    top.add_argument("--version", action="version", version=f"graft {__version__}")
    found = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    added = {name: found.add_parser(name, help=(run.__doc__ or "").split(": ", 1)[1]) for name, run in COMMANDS.items()}
    for name in ("run", "map", "doctor", "show"):
        _add_study(added[name], optional=name == "doctor")
    for name in ("confirm", "report", "predict", "dashboard", "deliver", "verify"):
        added[name].add_argument("folder", metavar="DIR", help="folder of a run")
    added["run"].add_argument(
        "--minutes", type=float, metavar="M", help="search for less long, to end in about M minutes"
    )
    added["confirm"].add_argument("--more", action="store_true", help="the looks that were kept for later")
    added["confirm"].add_argument("--workers", type=int, metavar="N", help="trainings at a time (default: all CPUs)")
    for name in ("run", "confirm", "doctor"):
        help = "MLflow server (default: a database in the folder)"
        added[name].add_argument("--tracking-uri", metavar="URI", help=help)
    for name in ("run", "map"):
        help = "where generated examples go, such as s3://bucket/folder (default: the folder)"
        added[name].add_argument("--store", metavar="URI", help=help)
    help = "trainings N to search plans with, direct learning gets more; pipelines of a DCL study"
    added["run"].add_argument("--trials", type=int, metavar="N", help=help)
    help = "what the search of a DCL study makes small, such as label-free or likelihood"
    added["run"].add_argument("--score", metavar="SCORE", help=help)
    help = "inputs.csv, one example a line, .npy, Arrow, -, images; of an energy states.npy or a lattice (ising-32x32)"
    added["predict"].add_argument("inputs", metavar="INPUTS", help=help)
    help = "of a lattice, such as 1.5,2.27,4 (default: those of the study)"
    added["predict"].add_argument("--temperatures", metavar="T,T", default="", help=help)
    added["predict"].add_argument("--sweeps", type=int, metavar="N", help="of a lattice, at each temperature")
    added["predict"].add_argument("--task", metavar="TASK", default="", help="which, if the run learned several")
    help = "tell intervals that hold this share of exact values, such as 0.9, output by output"
    added["predict"].add_argument("--strict", action="store_true", help="refuse inputs outside what was learned")
    added["predict"].add_argument("--intervals", type=float, metavar="SHARE", help=help)
    added["ui"].add_argument("folder", metavar="DIR", nargs="*", help="of a run (default: the last one), or of several")
    for name in ("ui", "dashboard"):
        added[name].add_argument("--port", type=int, metavar="N", help="of the page (default: any that is free)")
        added[name].add_argument("--no-browser", action="store_true", help="print the address only")
    added["calibrate"].add_argument("--repeats", type=int, default=40, metavar="N", help="of each case (default: 40)")
    added["calibrate"].add_argument(
        "--mode", default="fresh", type=_mode, choices=("fresh", "holdout"), help="of the certificate (default: fresh)"
    )
    added["calibrate"].add_argument(
        "--kind", default="transfer", choices=("transfer", "sharing", "dcl"), help="of study (default: transfer)"
    )
    help = "default: runs/calibration, with the kind behind if it is not transfer"
    added["calibrate"].add_argument("--out", metavar="DIR", help=help)
    added["calibrate"].add_argument("--workers", type=int, metavar="N", help="repeats at a time (default: all CPUs)")
    added["data"].add_argument("what", choices=("solar",), help="images of the Sun")
    added["data"].add_argument("--out", metavar="DIR", default="data/solar", help="where to (default: data/solar)")
    help = "also 16 H-alpha discs of Big Bear Solar Observatory, to be credited to it"
    added["data"].add_argument("--bbso", action="store_true", help=help)
    added["completion"].add_argument("shell", choices=("bash", "zsh"), help="of which shell")
    for name in ("ui", "deliver"):
        added[name].add_argument("--tracking-uri", metavar="URI", help="MLflow server or database")
    for sub in added.values():
        sub.add_argument("--json", action="store_true", help="print JSON for a program to read")
    return top


def _add_study(sub: ArgumentParser, optional: bool = False) -> None:
    many = "?" if optional else None
    sub.add_argument(
        "study", metavar="STUDY|FILE.toml|DIR", nargs=many, help="of `graft list`, a file, or a run's folder"
    )
    sub.add_argument("--scale", default="demo", help=f"{' or '.join(SCALES)} (default: demo)")
    sub.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override, as network.width=100")
    sub.add_argument("--out", metavar="DIR", help="folder of the run (default: runs/STUDY-SCALE)")
    sub.add_argument("--seed", type=int, metavar="N", help="of everything random (default: 0)")
    sub.add_argument("--workers", type=int, metavar="N", help="trainings at a time (default: all CPUs)")
    sub.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="trains on")


def execute(arguments: Sequence[str]) -> object:
    """Parse and carry out one command."""
    names = [argument for argument in arguments if not argument.startswith("-")]
    if names and names[0] not in COMMANDS:
        raise unknown("command", names[0], COMMANDS)
    top = parser()
    options = top.parse_args(list(arguments), Namespace(json=False, parser=top))
    uri = getattr(options, "tracking_uri", None)
    if uri and masked(uri) != uri:
        raise InputError(
            f"--tracking-uri {masked(uri)} holds a password, and whoever lists this machine's processes reads it; "
            "allowed: the same address in the environment's MLFLOW_TRACKING_URI"
        )
    options.say = (lambda text: None) if options.json else (lambda text: print(text, flush=True))
    found = COMMANDS[options.command](options) if options.command else commands.overview(options)
    if options.json:
        print(json.dumps(found, indent=1))
    return found


def _mode(text: str) -> str:
    """A mode of the certificate, by its name of before too."""
    if text == "small":
        renamed("graft calibrate", "--mode small", "--mode holdout")
    return "holdout" if text == "small" else text


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Carry out one command and exit: 0 done, 2 bad input, 1 failure, 130 or 143 interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)

    asked_to_end = []

    def terminated(*_: object) -> NoReturn:
        asked_to_end.append(True)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminated)
    code, line = 0, ""
    notes: list[str] = []
    try:
        execute(given)
    except InputError as problem:
        code, line = 2, str(problem)
        notes = getattr(problem, "__notes__", [])
    except KeyboardInterrupt:
        code = 143 if asked_to_end else 130  # Tune raises an interruption of its own, so its type tells nothing
        line = f"interrupted; nothing finished is lost. To go on: graft {shlex.join(given)}"
    except BrokenPipeError:
        code = 0
    except Exception as problem:
        if os.environ.get("GRAFT_TRACEBACK"):
            raise
        said = (str(problem).strip().splitlines() or [""])[0]
        notes = getattr(problem, "__notes__", [])
        where = "" if notes else " (GRAFT_TRACEBACK=1 shows where)"
        code, line = 1, f"{type(problem).__name__}: {said}{where}"
    for note in notes:  # the traceback of a user's own code
        print(note, file=sys.stderr)
    if line:
        print(f"graft: {line}", file=sys.stderr, flush=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
