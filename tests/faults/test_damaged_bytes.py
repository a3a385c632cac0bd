"""Every reader meets flipped, cut and swapped bytes: it names the file, or reads numbers; nothing else, and in time."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optuna
import pyarrow as pa
import pytest
import scipy.io
import torch
from pyarrow import parquet

import graft
from graft.models.networks.mlp import MLP
from graft.models.pretrained import put
from graft.models.pretrained import read as read_weights
from graft.search.champion import load
from graft.search.engine.journal import storage
from graft.search.kinds.registry import kind_of
from graft.search.prediction import _array
from graft.search.run.folder import Run
from graft.search.study import reopened, resolve
from graft.simulators.data.dataset import DamagedShard, Dataset
from graft.simulators.data.manifest import DamagedManifest
from graft.simulators.data.table import read
from graft.spaces.errors import InputError

FEW, MANY = 200, 10_000
PATIENCE = 20
"""Seconds for one reading, at most."""
REFERENCE = Path(__file__).parents[1] / "reference" / "protocol-1" / "transfer"
ROWS = np.random.default_rng(7).uniform(1, 9, (12, 3)).round(6)
COLUMNS = pa.table({name: ROWS[:, i] for i, name in enumerate(("d1 [nm]", "d2 [nm]", "T1"))})
TOML = """# a study
extends = "film10-film8"
title = "narrow"
[rows]
pool = 60
validation = 8
[network]
width = 32
[demo.ranges]
epochs = [10, 40]
activation = ["relu", "gelu"]
"""


class Reader(NamedTuple):
    """What reads a kind of file.

    Attributes:
        write: Writes a whole one into a folder.
        read: Reads it there, and checks what it holds.
        share: Of the usual number of times, where each takes a process of its own.
        sealed: Whether no byte of it can change unseen.
        named: Whether a refusal names the file; a study's is what its user has just typed, and its key is named.
    """

    write: Callable[[Path], Path]
    read: Callable[[Path], object]
    share: float = 1
    named: bool = True
    sealed: bool = False


def table(path: Path) -> None:
    found = read(path, ["T*"])
    for values in (found.inputs, found.outputs):
        assert values.shape[0] == found.table.rows and np.isfinite(values).all()


def text(path: Path, separator: str = ",", comma: str = ".", encoding: str = "utf-8") -> Path:
    lines = [separator.join(COLUMNS.column_names), *(separator.join(map(repr, row)) for row in ROWS.tolist())]
    path.write_bytes(("\n".join(lines) + "\n").replace(".", comma).encode(encoding))
    return path


def arrow(path: Path, stream: bool = False) -> Path:
    begin = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as file, begin(file, COLUMNS.schema) as writer:
        writer.write_table(COLUMNS)
    return path


def written(path: Path, write: Callable[[Path], object]) -> Path:
    write(path)
    return path


def named() -> dict[str, np.ndarray]:
    return {"inputs": ROWS[:, :2], "outputs": ROWS[:, 2:], "output_names": np.array(["T1"])}


def hdf5(path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["inputs"], file["outputs"] = ROWS[:, :2], ROWS[:, 2:]


def weights(path: Path) -> None:
    held = read_weights(path)
    network = put(MLP(3, 2, 2, 4, "relu"), held.tensors, str(path))
    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())


def journal(path: Path) -> Path:
    study = optuna.create_study(storage=storage(path), study_name="plans")
    for _ in range(3):
        trial = study.ask()
        trial.suggest_float("rate", 1e-3, 1e-1, log=True)
        trial.set_user_attr("plan", {"blocks": [1, 2]})
        trial.report(0.25, 0)
        study.tell(trial, 0.5)
    return path


def trials(path: Path) -> None:
    opened = storage(path)
    for summary in opened.get_all_studies():
        assert all(isinstance(trial.number, int) for trial in opened.get_all_trials(summary._study_id))


def folder(path: Path, *parts: str) -> Path:
    """A whole run beside a file; that file of it is what is damaged."""
    shutil.copytree(REFERENCE, path / "run")
    return (path / "run").joinpath(*parts)


def predicted(path: Path) -> None:
    found = load(path.parents[1])([[50.0] * 5])
    assert found.shape[0] == 1


def verified(path: Path) -> None:
    """A certificate that differs in what it says is found by what the folder holds, or it is refused by name."""
    run = Run(path.parent)
    problems = [problem for _, problem in kind_of(reopened(run.read("study.json"))).verify(run)]
    said = json.loads(path.read_text())
    assert any(problems) or said == json.loads((REFERENCE / path.name).read_text())


READERS = {
    "text": Reader(lambda to: text(to / "a.csv"), table),
    "text, semicolons": Reader(lambda to: text(to / "a.csv", ";", ",", "utf-8-sig"), table),
    "text, UTF-16": Reader(lambda to: text(to / "a.tsv", "\t", ".", "utf-16"), table),
    "npz": Reader(lambda to: written(to / "a.npz", lambda path: np.savez(path, **named())), table),
    "npz, compressed": Reader(
        lambda to: written(to / "a.npz", lambda path: np.savez_compressed(path, **named())), table
    ),
    "npy": Reader(lambda to: written(to / "a.npy", lambda path: np.save(path, ROWS)), lambda path: _array(str(path))),
    "mat": Reader(lambda to: written(to / "a.mat", lambda path: scipy.io.savemat(path, named())), table, share=0.02),
    "hdf5": Reader(lambda to: written(to / "a.h5", hdf5), table),
    "parquet": Reader(lambda to: written(to / "a.parquet", lambda path: parquet.write_table(COLUMNS, path)), table),
    "arrow": Reader(lambda to: arrow(to / "a.arrow"), table),
    "arrow stream": Reader(lambda to: arrow(to / "a.arrow", stream=True), table),
    "weights": Reader(
        lambda to: written(to / "a.pt", lambda path: torch.save(MLP(3, 2, 2, 4, "relu").state_dict(), path)), weights
    ),
    "weights of a run": Reader(
        lambda to: folder(to, "model", "network.safetensors"), lambda path: read_weights(path).tensors
    ),
    "network": Reader(lambda to: folder(to, "model", "network.safetensors"), predicted, sealed=True),
    "card": Reader(lambda to: folder(to, "model", "card.json"), predicted),
    "shard": Reader(
        lambda to: folder(to, "data", "pool", "shard-00000.arrow"), lambda path: Dataset.open(path.parent), sealed=True
    ),
    "manifest": Reader(
        lambda to: folder(to, "data", "pool", "manifest.json"), lambda path: Dataset.open(path.parent), sealed=True
    ),
    "journal": Reader(lambda to: journal(to / "optuna.journal"), trials),
    "TOML": Reader(
        lambda to: written(to / "a.toml", lambda path: path.write_text(TOML)),
        lambda path: resolve(str(path)),
        named=False,
    ),
    "certificate": Reader(lambda to: folder(to, "certificate.json"), lambda path: graft.load(path.parent).comparisons),
    "settings of a run": Reader(lambda to: folder(to, "study.json"), lambda path: graft.load(path.parent).study),
}


def damaged(whole: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with one thing done to them."""
    data, places = bytearray(whole), np.sort(rng.integers(0, len(whole), 2))
    first, second = map(int, places)
    match rng.integers(6):
        case 0:
            data[first] ^= 1 << int(rng.integers(8))
        case 1:
            data[first] = int(rng.integers(256))
        case 2:
            del data[first:]
        case 3:
            data[first], data[second] = data[second], data[first]
        case 4:
            length = min(8, len(whole) - second)
            data[first : first + length] = whole[second : second + length]
        case _:
            del data[first : first + int(rng.integers(1, 9))]
    return bytes(data)


@pytest.fixture
def alarm() -> Iterator[None]:
    """A reading that does not end fails."""

    def late(*_: object) -> None:
        raise TimeoutError(f"a reading took more than {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, late)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def met(reader: Reader, path: Path, times: int, seed: int) -> dict[str, int]:
    """How often a damaged file was refused by name, and how often read."""
    whole, rng, counts = path.read_bytes(), np.random.default_rng(seed), {"refused": 0, "read": 0}
    for _ in range(round(times * reader.share)):
        path.write_bytes(damaged(whole, rng))
        signal.alarm(PATIENCE)
        try:
            reader.read(path)
        except (InputError, DamagedShard, DamagedManifest) as refused:
            assert (path.name in str(refused) or not reader.named) and "\n" not in str(refused), refused
            counts["refused"] += 1
        else:
            assert not reader.sealed or path.read_bytes() == whole
            counts["read"] += 1
        signal.alarm(0)
    return counts


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_named_or_read(name: str, tmp_path: Path) -> None:
    path = READERS[name].write(tmp_path)
    READERS[name].read(path)  # whole, it is read
    assert met(READERS[name], path, FEW, 0)["refused"] > 0


@pytest.mark.slow
@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("name", READERS)
def test_a_file_damaged_in_many_ways_is_named_or_read(name: str, tmp_path: Path) -> None:
    counts = met(READERS[name], READERS[name].write(tmp_path), MANY, 1)
    assert counts["refused"] > 0
    print(f"\n| {name} | {counts['refused']:,} | {counts['read']:,} |")


@pytest.mark.usefixtures("alarm")
def test_a_certificate_that_says_something_else_is_found(tmp_path: Path) -> None:
    path = folder(tmp_path, "certificate.json")
    assert sum(met(Reader(lambda to: to, verified), path, 12, 2).values()) == 12
