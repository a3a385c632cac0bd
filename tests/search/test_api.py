"""graft from Python: arrays in, a verdict, a table and a network out; what cannot be done is said before."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import graft
from graft.search import api
from graft.spaces.errors import InputError
from graft.spaces.settings import Settings

TINY = {
    "network.depth": 1, "network.width": 8, "rows.locked": 12, "rows.validation": 8, "source_training.epochs": 2,
    "start.epochs": 2, "start.batch": 20, "ranges.epochs": [1, 3], "ranges.batch": [10, 20],
    "ranges.activation": ["gelu"],
    "start.activation": "gelu", "source_training.activation": "gelu",
    "budget.trainings": 4, "budget.seeds": 2, "budget.steps": 20, "budget.curve": 1, "budget.rival": 1,
}  # fmt: skip


def tables(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Eleven outputs: with ten, reference regressors that take long would stand beside the networks."""
    x = np.random.default_rng(seed).uniform(1, 2, (rows, 3))
    return x, np.concatenate([x.sum(1, keepdims=True), x.prod(1, keepdims=True), x**2, x**3, np.sqrt(x)], 1)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> api.Result:
    """In a process of its own, as a script is: tests share a session of Ray that a run would not begin."""
    out = tmp_path_factory.mktemp("api") / "mine"
    code = "import sys, graft, test_api as t; t.ran(sys.argv[1])"
    paths = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])}
    subprocess.run([sys.executable, "-P", "-c", code, str(out)], env=os.environ | paths, check=True)
    return graft.load(out)


def ran(out: str) -> api.Result:
    pairs = {"source": tables(120, 1), "target": tables(60, 2)}
    return graft.run(**pairs, out=out, settings=TINY, workers=1, quiet=True)


def test_arrays_give_a_verdict_a_table_and_a_network(result: api.Result) -> None:
    assert result.decision in ("transfer", "direct", "undecided") and result.sentence
    arms = result.comparisons
    assert "direct" in set(arms["arm"]) and (arms["mean"] > 0).all() and (arms["seeds"] >= 2).all()
    x, _ = tables(5, 3)
    assert result.predict(x).shape == (5, 11) and np.isfinite(result.predict(x)).all()
    found = result.intervals(x, coverage=0.9)
    assert (found.lower < found.mean).all() and (found.mean < found.upper).all() and found.mean.shape == (5, 11)
    wider = result.intervals(x, coverage=0.95)
    assert (wider.upper - wider.lower >= found.upper - found.lower).all()
    assert result.page.exists() and result.figures and all(path.exists() for path in result.figures.values())
    shown = result._repr_html_()
    assert result.decision in shown and "<img" in shown


def test_a_run_is_found_again_and_not_run_again(result: api.Result) -> None:
    again = graft.load(result.folder)
    assert (again.study, again.sentence) == (result.study, result.sentence)
    before = (result.folder / "optuna.journal").read_bytes()
    assert ran(str(result.folder)).sentence == result.sentence
    assert (result.folder / "optuna.journal").read_bytes() == before
    with pytest.raises(InputError, match="holds other arrays"):
        graft.run(source=tables(120, 1), target=tables(60, 5), out=result.folder, settings=TINY, quiet=True)


def test_what_is_refused_leaves_nothing(tmp_path: Path) -> None:
    pairs = {"source": tables(120, 1), "target": tables(60, 2)}
    with pytest.raises(InputError, match="unknown key in network 'widht'"):
        graft.run(**pairs, out=tmp_path / "a", settings={"network.widht": 3}, quiet=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    with pytest.raises(InputError, match="one of source and target"):
        graft.run(source=tables(9, 1), out=tmp_path / "a")
    with pytest.raises(InputError, match="allowed: one of them"):
        graft.run()
    with pytest.raises(InputError, match=r"target has shapes \(60, 3\) and \(59, 11\)"):
        graft.run(source="film-3", target=(tables(60, 1)[0], tables(59, 1)[1]), out=tmp_path / "a")
    with pytest.raises(InputError, match="holds no finished run"):
        graft.load(tmp_path)


def test_studies_are_told_and_made_from_values() -> None:
    assert "film10-film8" in graft.studies()
    study = graft.study({"extends": "film10-film8", "name": "mine"}, settings={"network.width": 50})
    assert isinstance(study, Settings) and study.name == "mine" and graft.study(study) is study
    with pytest.raises(InputError, match="allowed: source and target"):
        graft.study({"name": "mine", "target": "film-3"})


def test_a_network_must_be_importable_by_workers() -> None:
    class Inner:
        pass

    with pytest.raises(InputError, match="a class at the top of a file of its own"):
        api.importable(Inner)


def test_importing_graft_loads_no_room() -> None:
    code = "import sys, graft; print(sorted(n for n in sys.modules if n.startswith('graft.')), graft.__version__)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[] ")
