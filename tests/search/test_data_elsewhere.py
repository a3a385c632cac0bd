"""A run whose examples lie in a store: the same examples, found again by whoever has the folder."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graft.search.cli import main
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.study import resolve
from graft.search.tasks.examples import cards

SIZES = {"rows.source": 30, "rows.pool": 25, "rows.locked": 5, "rows.validation": 5}


def prepared(folder: Path, store: str | None) -> Pipeline:
    run = Run(folder)
    study = resolve("calibration", "demo", SIZES)
    run.begin(study)
    line = Pipeline(study, run, Resources(1, store=store), Progress(quiet=True))
    line.prepare()
    return line


def test_a_run_reads_from_the_store_what_it_would_have_in_its_folder(ray_actors: Any, tmp_path: Path) -> None:
    store = f"file://{tmp_path}/store"
    here, there = prepared(tmp_path / "here", None), prepared(tmp_path / "there", store)
    np.testing.assert_array_equal(here.pool.inputs, there.pool.inputs)
    found, same = (cards(line.run.path("data")) for line in (here, there))
    assert found == same and len(same) == 3
    links = sorted((tmp_path / "there" / "data").iterdir())
    assert [link.read_text() for link in links] == [f"{store}/{there.run.id}/{link.name}\n" for link in links]
    assert len(list((tmp_path / "store").glob("*/*/shard-*.arrow"))) == 3
    # Taken up without the option: the folder knows where its data lie.
    np.testing.assert_array_equal(prepared(tmp_path / "there", None).pool.outputs, there.pool.outputs)
    assert not [path for path in (tmp_path / "there" / "data").iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    ("study", "store", "said"),
    [("dcl-ising", "s3://b/x", "allowed: a study without --store"), ("film10-film8", "/nfs/x", "is no address of")],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    study: str, store: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["run", study, "--workers", "1", "--store", store, "--out", str(tmp_path / "run")])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and said in error and len(error.splitlines()) == 1
    assert not (tmp_path / "run").exists()
