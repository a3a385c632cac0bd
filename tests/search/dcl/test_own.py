"""A file of states of a user's own: what it does to a study, and what is refused."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graft.search.cli import main
from graft.search.run.folder import Run
from graft.search.study import reopened, resolve
from graft.search.tasks.distilled.own import kept
from graft.search.tasks.distilled.study import DclStudy
from graft.simulators.registry import lattice
from graft.spaces.errors import InputError

MODEL = lattice("ising-4x4")
STATES = MODEL.states(np.random.default_rng(0).integers(2, size=(3000, 4, 4)))
SMALL = {"system": "ising-4x4", "larger": "", "choices.focus": [1]}


def study(path: Path, **told: Any) -> DclStudy:
    found = resolve("dcl-ising", "demo", SMALL | {"observations": str(path)} | told)
    assert isinstance(found, DclStudy)
    return found


def test_all_states_of_a_file_are_used_and_a_tenth_kept_from_training(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", STATES)
    found = study(tmp_path / "mine.npy")
    assert (found.states.watched, found.states.held, found.observations.name) == (3000, 300, "mine.npy")
    Run(tmp_path / "run").begin(found)
    assert reopened(Run(tmp_path / "run").read("study.json")) == found


def test_a_copy_is_kept_and_another_file_is_not_taken_for_it(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", STATES)
    file = study(tmp_path / "mine.npy").observations
    np.save(tmp_path / "mine.npy", STATES[::-1])
    with pytest.raises(InputError, match="mine.npy is not the file that this study began with"):
        kept(file, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    np.save(tmp_path / "mine.npy", STATES)
    copy = kept(file, tmp_path / "copy")
    (tmp_path / "mine.npy").unlink()
    assert kept(file, tmp_path / "copy") == copy and (np.load(copy) == STATES).all()
    copy.write_bytes(b"something else")
    with pytest.raises(InputError, match="was changed"):
        kept(file, tmp_path / "copy")


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (np.where(np.arange(16).reshape(4, 4) == 6, 0, STATES), "row 0 (counted from 0), site (1, 2) is 0; allowed"),
        (STATES[:900], "900 states of ising-4x4 at temperature 4 are worth "),
        (np.repeat(STATES[:300], 10, axis=0), "allowed: at least 1000, that is about"),
        (STATES[:, :3], "holds int8 of shape (3000, 3, 4); allowed: numbers of shape (n, 4, 4) or (n, 16)"),
        (None, "No such file"),
    ],
)
def test_states_that_cannot_be_learned_from_are_refused_before_anything_is_written(
    states: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    if states is not None:
        np.save("mine.npy", states)
    before = list(tmp_path.iterdir())
    settings = [f"--set={key}={value!r}" for key, value in SMALL.items()]
    with pytest.raises(SystemExit) as stopped:
        main(["run", "dcl-ising", *settings, "--set", "observations=mine.npy"])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and said in error and len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == before


def test_the_readmes_file_names_states_of_ones_own(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs/guides/energies.md").read_text()
    (told,) = re.findall(r"```toml\n(# own-states.toml.*?)```", text, re.DOTALL)
    (tmp_path / "own-states.toml").write_text(told)
    np.save(tmp_path / "states.npy", np.random.default_rng(0).choice([-1, 1], (3000, 64)))
    found = resolve(str(tmp_path / "own-states.toml"))
    assert (found.system, found.states.watched, found.observations.name) == ("ising-8x8", 3000, "states.npy")


def test_observations_are_a_path() -> None:
    with pytest.raises(InputError, match=r"observations is 3; allowed: the path of a .npy or .npz"):
        resolve("dcl-ising", "demo", {"observations": 3})
