"""What is refused: the impossible (row 11), pickles (15), names that lead elsewhere (16); and secrets (17)."""

import ast
import hashlib
import json
import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import deadly
import numpy as np
import pytest
import ray
import torch
from deadly import Mortal, Squares
from hypothesis import given, settings
from hypothesis import strategies as st
from searches import ROOT, said, start

from graft.models import pretrained
from graft.search.champion import load
from graft.search.cli import main
from graft.search.engine.budget import SearchBudget
from graft.search.engine.journal import storage
from graft.search.engine.ray import RayExecutor
from graft.search.engine.sampler import Sampling
from graft.search.engine.search import Search, Space
from graft.search.kinds.sharing.study import SharingStudy
from graft.search.kinds.transfer.sources import load_source
from graft.search.kinds.transfer.study import Study
from graft.search.run.folder import Run
from graft.search.run.seeds import Role
from graft.search.study import resolve
from graft.simulators.data.shards import generate
from graft.simulators.data.table import read
from graft.spaces.errors import NAME, InputError
from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges

ray.cloudpickle.register_pickle_by_value(deadly)


@pytest.mark.parametrize("option", ["--workers", "--device"])
def test_row_11_more_than_there_is_is_refused_within_ten_seconds(option: str, tmp_path: Path, draw: Random) -> None:
    cpus = len(os.sched_getaffinity(0))
    asked = [option, "cuda" if option == "--device" else str(cpus + draw.randrange(1, 4096))]
    if "cuda" in asked and Path("/dev/nvidia0").exists():
        pytest.skip("there is a GPU")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = tmp_path / "run"
    assert start(out, 1, *asked).wait(120) == 2
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ("no GPU is seen" if "cuda" in asked else f"asked {asked[1]}, have {cpus}") in said(out)
    assert len(said(out).splitlines()) == 1 and not out.exists()
    # The machine may be busy: what counts is the processors' time.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 10


class Malice:
    """Whoever unpickles it writes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.write_text, (self.mark, "executed")


def test_row_15_a_pickle_in_place_of_weights_or_data_is_refused_unread(tmp_path: Path, draw: Random) -> None:
    mark = tmp_path / "executed"
    data = pickle.dumps(Malice(mark), protocol=draw.randrange(2, 6))
    # Weights, with a card that vouches for them.
    digest = hashlib.sha256(data).hexdigest()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "network.safetensors").write_bytes(data)
    (tmp_path / "model" / "card.json").write_text(json.dumps({"sha256": digest, "inputs": []}))
    with pytest.raises(InputError, match="is not a network written by graft"):
        load(tmp_path)
    (tmp_path / "film-6-relu.safetensors").write_bytes(data)
    card = {"sha256": digest, "error": 0.1, "recipe": Recipe().to_dict()}
    (tmp_path / "film-6-relu.json").write_text(json.dumps(card))
    network = load_source("film-6", Recipe(), tmp_path)  # whole, by its card: what opens it must refuse
    assert network is not None
    with pytest.raises(InputError, match="is not a network written by graft"):
        resolve("calibration").learned.unpack(network.data)
    # Weights from elsewhere.
    (tmp_path / "plain.pt").write_bytes(data)
    torch.save({"layer": Malice(mark)}, tmp_path / "zipped.pt")
    (tmp_path / "plain.safetensors").write_bytes(data)
    for name in ("plain.pt", "zipped.pt", "plain.safetensors"):
        with pytest.raises(InputError, match="cannot be read as weights alone"):
            pretrained.read(tmp_path / name)
    # Examples.
    for name in ("pickle.npz", "pickle.csv", "pickle.arrow"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError):
            read(tmp_path / name)
    np.savez(tmp_path / "objects.npz", inputs=np.array([[Malice(mark)]] * 30, object), outputs=np.ones((30, 1)))
    with pytest.raises(InputError, match="none pickled"):
        read(tmp_path / "objects.npz")
    assert not mark.exists()
    pickle.loads(data)
    assert mark.exists()  # it would have shown


def test_row_15_what_lies_where_tune_keeps_its_state_is_not_read(
    ray_session: Any, tmp_path: Path, draw: Random
) -> None:
    mark = tmp_path / "executed"
    folder = tmp_path / "tune" / "baseline"
    folder.mkdir(parents=True)
    for name in (
        "tuner.pkl",
        "trainable.pkl",
        "searcher-state-x.pkl",
        "search_gen_state-x.json",
        "callback_states.pkl",
    ):
        (folder / name).write_bytes(pickle.dumps(Malice(mark)))
    space, sampling = (
        Space(Plan, lambda trial, ranges: Plan(Recipe(epochs=1)), Ranges()),
        Sampling(draw.randrange(99), Role.PLANS),
    )
    search = Search(storage(tmp_path / "optuna.journal"), "baseline", space, SearchBudget(2, 1), sampling)
    (tmp_path / "marks").mkdir()
    RayExecutor(1, tmp_path / "tune").explore(search, Mortal(tmp_path / "marks", seconds=0))
    assert [trial.state for trial in search.records()] == ["complete"] * 2
    assert not mark.exists() and not (tmp_path / "tune").exists()


def test_row_15_nothing_here_reads_a_pickle() -> None:
    unsafe = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    for room in ("spaces", "models", "simulators", "search", "cluster"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                where = f"{path}:{getattr(node, 'lineno', 0)}"
                if isinstance(node, ast.Import | ast.ImportFrom):
                    names = {alias.name.split(".")[0] for alias in node.names}
                    assert not unsafe & (names | {getattr(node, "module", "") or ""}), where
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load":
                    told = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
                    owner = getattr(node.func.value, "id", "")
                    assert (
                        owner not in ("torch", "np") or told.get("weights_only") or told.get("allow_pickle") is False
                    ), where


BAD = ["../../x", "/etc/x", "x" * 300, "$(touch x)", "`x`", "a/b", "..", ".", "", "a\x00b", "-x"]


@settings(max_examples=80)
@given(st.sampled_from(BAD) | st.text(max_size=80))
def test_row_16_names_that_become_paths_are_plain_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    plain = NAME.fullmatch(text) is not None
    film = resolve("calibration").to_dict()
    shared = resolve("films-8-10-12-14").to_dict()
    for kind, values in ((Study, film), (SharingStudy, shared)):
        if plain:
            assert kind.from_dict(values | {"name": text}).name == text
        else:
            with pytest.raises(InputError):
                kind.from_dict(values | {"name": text})
    simulator, place = Squares(), tmp_path_factory.mktemp("place")
    simulator.name = text
    if not plain:
        with pytest.raises(InputError):
            generate(simulator, (1,), 5, place / "data" / "source")
        assert list(place.iterdir()) == []


@pytest.mark.parametrize("key", ["name", "source", "target", "tasks"])
def test_row_16_such_names_are_refused_by_the_command_before_anything_is_written(
    key: str, tmp_path: Path, draw: Random
) -> None:
    for bad in (draw.choice(BAD), "".join(draw.choice("ab/.\\$`;'\"\n\x00é-") for _ in range(9)) + "/"):
        value = json.dumps([bad, "film-8"] if key == "tasks" else bad)
        study = "films-8-10-12-14" if key == "tasks" else "film10-film8"
        with pytest.raises(SystemExit) as stopped:
            main(["run", study, "--set", f"{key}={value}", "--out", str(tmp_path / "out")])
        assert stopped.value.code == 2
        assert list(tmp_path.iterdir()) == []


SECRET = "s3cret-of-the-server"
CONNECT = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[2]))
from graft.cluster.connect import connection
with connection(1, Path(sys.argv[1])):
    import ray
    @ray.remote
    def arguments():
        found = []
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                found.append(process.read_bytes().replace(b"\\0", b" ").decode(errors="replace"))
            except OSError:
                pass
        return found
    print("\\n".join(ray.get(arguments.remote())))
    print("SESSION", ray._private.worker._global_node.get_session_dir_path())
"""


def test_row_17_rays_token_is_for_its_owner_and_no_secret_is_told(tmp_path: Path, draw: Random) -> None:
    from graft.search.tracking.view import Tracker

    for name in ("home", "run"):
        (tmp_path / name).mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_AUTH")}
    environment |= {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_PASSWORD": SECRET}
    command = [sys.executable, "-c", CONNECT, str(tmp_path / "run"), str(draw.choice([0, 0o002, 0o022]))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    token = tmp_path / "home" / ".ray" / "auth_token"
    assert token.stat().st_mode & 0o777 == 0o600
    secrets = [token.read_text().strip(), SECRET]
    arguments, _, session = done.stdout.partition("SESSION ")
    assert "raylet" in arguments  # the list is that of all processes
    logs = [path for path in Path(session.strip()).rglob("*") if path.is_file()]
    assert len(logs) > 5
    for secret in secrets:
        assert secret not in arguments
        assert not [path for path in logs if secret.encode() in path.read_bytes()]

    # Nor does a password in MLflow's address get into the folder or into what is said.
    uri = f"http://someone:{SECRET}@127.0.0.1:9"
    run = Run(tmp_path / "tracked")
    study = resolve("calibration")
    run.begin(study)
    tracker = Tracker(run.folder, study.to_dict(), uri)
    tracker.start()
    tracker.close("FAILED")
    assert tracker.warning and SECRET not in tracker.warning
    assert not [path for path in run.folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("command", [["run", "film10-film8"], ["deliver", "."], ["ui"]])
def test_row_17_a_password_among_the_arguments_is_refused(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--tracking-uri", f"http://someone:{SECRET}@127.0.0.1:9"])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and SECRET not in error
    assert "MLFLOW_TRACKING_URI" in error and len(error.splitlines()) == 1
