"""Bad input: one clear line that names what is wrong and what is allowed, exit 2, nothing half-written."""

import json
import shlex
import shutil
import signal
from argparse import Namespace
from collections import namedtuple
from pathlib import Path
from typing import NoReturn

import pytest

from graft.search import cli
from graft.search.cli import main, parser
from graft.search.commands import _begin, _study, _words
from graft.search.kinds.registry import kind_of
from graft.search.kinds.transfer.study import Study
from graft.search.run.folder import Run
from graft.search.study import resolve
from graft.spaces.errors import InputError

BAD = {
    "unknown study, nearest named": (["run", "film10-fim8"], "did you mean 'film10-film8'"),
    "unknown command, nearest named": (["rum"], "did you mean 'run'"),
    "unknown option": (["run", "film10-film8", "--sale", "demo"], "--sale"),
    "mistyped key": (["run", "film10-film8", "--set", "network.widht=3"], "did you mean 'width'"),
    "mistyped table": (["run", "film10-film8", "--set", "netwrk.width=3"], "did you mean 'network'"),
    "no equals sign": (["run", "film10-film8", "--set", "network.width"], "key=value"),
    "unknown scale": (["run", "film10-film8", "--scale", "papr"], "did you mean 'paper'"),
    "zero width": (["run", "film10-film8", "--set", "network.width=0"], "network.width is 0"),
    "negative rows": (["run", "film10-film8", "--set", "rows.source=-5"], "rows.source is -5"),
    "text for a number": (["run", "film10-film8", "--set", "rows.pool=many"], "a whole number"),
    "empty range": (["run", "film10-film8", "--set", "ranges.rate=[0.1, 0.01]"], "ranges.rate[1]"),
    "rate of zero": (["run", "film10-film8", "--set", "start.rate=0"], "start.rate is 0; allowed: a number above 0"),
    "a small pool": (
        ["run", "film10-film8", "--set", "rows.pool=19", "--set", "rows.locked=2", "--set", "rows.validation=2"],
        "rows.pool is 19; allowed: at least 20 examples of the target",
    ),
    "a small pool of several tasks": (["run", "films-8-10-12-14", "--set", "rows.pool=19"], "rows.pool is 19"),
    "a source named twice": (["run", "film10-film8", "--set", 'sources=["film-4","film-4"]'], "each once"),
    "a task named twice": (["run", "films-8-10-12-14", "--set", 'tasks=["film-4","film-4"]'], "each once"),
    "unknown weighting": (
        ["run", "films-8-10-12-14", "--set", 'weighting=["equl"]'],
        "unknown weighting[0] 'equl' (did you mean 'equal'?)",
    ),
    "no weighting": (
        ["run", "films-8-10-12-14", "--set", "weighting=[]"],
        "weighting is empty; allowed: a list of at least 1, each one of equal",
    ),
    "a module for tasks learned together": (
        ["run", "films-8-10-12-14", "--set", 'network.module="resnet:ResNet"'],
        "allowed: tasks of equal inputs, for this network is built for one shape",
    ),
    "all rows set aside": (["run", "film10-film8", "--set", "rows.validation=460"], "rows.pool is 500"),
    "unknown simulator": (["run", "film10-film8", "--set", 'source="flim-10"'], "film-"),
    "too many layers": (["run", "film10-film8", "--set", 'source="film-99"'], "50"),
    "name that leaves the folder": (["run", "film10-film8", "--set", 'name="../../x"'], "study.name"),
    "more CPUs than there are": (["run", "film10-film8", "--workers", "4096"], "asked 4096"),
    "no minutes": (["run", "film10-film8", "--minutes", "0"], "--minutes is 0"),
    "too few minutes to confirm": (
        ["run", "film10-film8", "--minutes", "0.1"],
        "--minutes is 0.1; allowed: a number at",
    ),
    "no number of minutes": (["run", "film10-film8", "--minutes", "nan"], "--minutes is nan"),
    "minutes for a map": (["map", "film10-film8", "--minutes", "3"], "--minutes"),
    "MLflow for a map": (["map", "film10-film8", "--tracking-uri", "sqlite:///x.db"], "--tracking-uri"),
    "no trials": (["run", "film10-film8", "--trials", "0"], "--trials is 0"),
    "negative seed": (["run", "film10-film8", "--seed", "-1"], "seed is -1"),
    "missing TOML": (["run", "nowhere.toml"], "nowhere.toml"),
    "a score of what has none": (["run", "film10-film8", "--score", "likelihood"], "--score is of studies that learn"),
    "no such folder": (["report", "nowhere"], "nowhere"),
    "port out of range": (["ui", "--port", "99999999"], ""),
    "no run for predict": (["predict", ".", "inputs.csv"], "allowed: the folder of a run"),
    "no run for verify": (["verify", "."], "allowed"),
    "no run to confirm": (["confirm", ".", "--more"], "allowed"),
    "confirm without more": (["confirm", "."], "allowed: graft confirm DIR --more"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_line(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, said = BAD[case]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    error = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said in error
    assert len(error.strip().splitlines()) == 1 and "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def raising(problem: BaseException) -> object:
    """A command that does nothing but raise."""

    def command(options: Namespace) -> NoReturn:
        """``report``: raises."""
        raise problem

    return command


@pytest.mark.parametrize(
    ("problem", "code", "said"),
    [
        (RuntimeError("the disk is full\nTraceback:\n  everything"), 1, "graft: RuntimeError: the disk is full (GRAFT"),
        (RuntimeError("\n\n  the disk is full  \n"), 1, "graft: RuntimeError: the disk is full (GRAFT_TRACEBACK=1"),
        (ZeroDivisionError(), 1, "graft: ZeroDivisionError:  (GRAFT_TRACEBACK=1 shows where)"),
        (InputError("x is 0; allowed: 1"), 2, "graft: x is 0; allowed: 1"),
    ],
    ids=["two lines", "empty lines", "no words", "refusal"],
)
def test_what_goes_wrong_is_told_in_one_line(
    problem: Exception, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GRAFT_TRACEBACK", raising=False)
    monkeypatch.setitem(cli.COMMANDS, "report", raising(problem))
    with pytest.raises(SystemExit) as stopped:
        main(["report", "."])
    error = capsys.readouterr().err
    assert stopped.value.code == code and error.startswith(said) and error.count("\n") == 1


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_to_go_on_with_can_be_pasted(
    sent: signal.Signals,
    code: int,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def signalled(options: object) -> None:
        """``run``: is sent a signal."""
        signal.raise_signal(sent)

    # A process started in the background ignores SIGINT, and so would this test.
    held = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, held))
    monkeypatch.setitem(cli.COMMANDS, "run", signalled)
    arguments = ["run", "film10-film8", "--out", "my runs/$HOME", "--set", "ranges.rate=[1e-3, 2e-2]", "--seed", "3"]
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    error = capsys.readouterr().err.strip()
    assert stopped.value.code == code and len(error.splitlines()) == 1
    assert error.startswith("graft: interrupted; nothing finished is lost. To go on: graft run film10-film8 ")
    assert shlex.split(error.partition("To go on: ")[2]) == ["graft", *arguments]


def test_cuda_is_refused_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit) as stopped:
        main(["run", "film10-film8", "--device", "cuda"])
    assert stopped.value.code == 2 and "no GPU" in capsys.readouterr().err


@pytest.mark.parametrize("study", ["dcl-ising", "dcl-transfer"])
def test_cuda_is_refused_where_nothing_would_use_it(
    study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("graft.cluster.preflight.gpus", lambda: 1)
    with pytest.raises(SystemExit) as stopped:
        main(["run", study, "--device", "cuda"])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and f"as of {study}, are trained on CPUs; allowed: cpu" in error
    assert not any(tmp_path.iterdir())


def test_a_folder_of_another_study_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Run(tmp_path / "held").begin(resolve("film10-film8", "demo"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as stopped:
        main(["run", "film10-film8", "--seed", "7", "--out", str(tmp_path / "held")])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and "seed = 0 there, 7 asked" in error
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_is_gone_on_with_as_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = str(tmp_path / "held")
    study = resolve("film10-film8", "demo", {"seed": 7})
    Run(tmp_path / "held").begin(study)
    options = parser().parse_args(["run", held])
    assert _study(options) == study and options.out == held
    for more in (["--seed", "3"], ["--set", "rows.pool=400"], ["--trials", "9"]):
        with pytest.raises(SystemExit) as stopped:
            main(["run", held, *more])
        assert stopped.value.code == 2
        assert "is the folder of a run, whose study is fixed; allowed: without --set" in capsys.readouterr().err


def test_a_simulator_without_a_name_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        "from graft.simulators.base import Simulator\nclass Nameless(Simulator):\n    def sample(self, n, rng): ...\n"
    )
    (tmp_path / "nameless.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["run", "film10-film8", "--set", "target=nameless:Nameless", "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2 and not (tmp_path / "out").exists()
    assert "simulator 'nameless:Nameless' lacks a name or a schema" in capsys.readouterr().err


def test_a_disk_without_space_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 10**6))
    with pytest.raises(SystemExit) as stopped:
        main(["run", "film10-film8", "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2 and "1 MB are free" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["run", "map"])
def test_source_and_target_of_unequal_width_are_refused(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = resolve("film10-film8", "demo")
    wide, narrow = Namespace(outputs=200), Namespace(outputs=100)
    study.learned.check()
    monkeypatch.setattr(Study, "scenario", lambda self, name: wide if name in study.sources else narrow)
    said = "film-10 has 200 outputs and film-8 has 100 outputs; allowed: sources and target of equal width"
    with pytest.raises(InputError, match=f"^{said}"):
        study.learned.check()
    with pytest.raises(SystemExit) as stopped:
        main([command, "film10-film8", "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2 and capsys.readouterr().err.startswith(f"graft: {said}")
    assert list(tmp_path.iterdir()) == []


BROKEN = """
import numpy as np, pyarrow as pa
from graft.simulators.base import Simulator, tensor_field

class Raises(Simulator):
    name = "raises"
    schema = pa.schema([tensor_field("x", 3, "input", "nm", ""), tensor_field("y", 200, "output", "1", "")])
    def sample(self, n, rng):
        return {"x": np.ones((n, 3)), "y": np.ones((n, 200)) / self.wavelength}

class Shape(Raises):
    def sample(self, n, rng):
        return {"x": np.ones((n, 3)), "y": np.ones((n, 100))}

class Nan(Raises):
    def sample(self, n, rng):
        return {"x": np.ones((n, 3)), "y": np.full((n, 200), np.nan)}
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Raises", "AttributeError: 'Raises' object has no attribute 'wavelength'"),
        ("Shape", "raises.y has shape (2, 100); its schema says (2, 200)"),
        ("Nan", "raises.y[0, 0] is nan; it must be finite"),
    ],
)
def test_a_broken_simulator_is_shown_before_anything_is_written(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken_simulators.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["run", "film10-film8", "--set", f"target=broken_simulators:{name}", "--out", str(tmp_path / "out")])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and not (tmp_path / "out").exists()
    assert error.strip().splitlines()[-1].startswith(f"graft: simulator 'broken_simulators:{name}' fails on its first")
    assert said in error.splitlines()[-1]
    assert "Traceback" in error and "in draw" in error


def test_without_a_command_it_says_what_can_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([])
    said = capsys.readouterr().out
    assert stopped.value.code == 0 and "film10-film8" in said and "graft run" in said


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["list", "--json"])
    assert stopped.value.code == 0
    assert {"film10-film8", "film8-film10"} <= set(json.loads(capsys.readouterr().out))


def test_doctor_says_how_each_thing_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert stopped.value.code == 0
    assert any("CPUs" in line for line in lines) and all(line.split()[0] in ("ok", "warning") for line in lines)


@pytest.mark.parametrize(("source", "told"), [("film-8", True), ("film-10", False)])
def test_a_source_that_is_the_target_is_allowed_and_said(source: str, told: bool, tmp_path: Path) -> None:
    said: list[str] = []
    options = Namespace(workers=1, out=str(tmp_path / "out"), device="cpu", say=said.append)
    _begin(options, kind_of(resolve("film10-film8", "demo", {"source": source})))
    line = "film-8 is source and target: its source network learns from other examples of the same task"
    assert said == [line] * told


def test_what_was_typed_is_kept_as_far_as_it_decides_which_study_is_run() -> None:
    typed = [
        "run",
        "film10-film8",
        "--scale",
        "paper",
        "--seed",
        "3",
        "--set",
        "budget.seeds=4",
        "--workers",
        "1",
        "--json",
    ]
    words = ["graft", "run", "film10-film8", "--scale", "paper", "--seed", "3", "--set", "budget.seeds=4"]
    assert _words(parser().parse_args(typed)) == words


def test_calibrate_reads_the_old_name_of_holdout_mode(capsys: pytest.CaptureFixture[str]) -> None:
    assert parser().parse_args(["calibrate", "--mode", "small"]).mode == "holdout"
    assert "--mode small is read, but is now called --mode holdout" in capsys.readouterr().err
    assert parser().parse_args(["calibrate", "--mode", "holdout"]).mode == "holdout"
