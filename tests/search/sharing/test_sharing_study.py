"""Studies of several tasks: how they are told from the others, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from graft.search.kinds.registry import kind_of
from graft.search.kinds.sharing.study import SharingStudy
from graft.search.kinds.transfer.study import Study
from graft.search.run.folder import Run
from graft.search.study import opened, reopened, resolve
from graft.spaces.errors import InputError

TASKS = ("film-8", "film-10", "film-12", "film-14")


def test_the_study_of_the_paper_is_registered_at_both_scales() -> None:
    demo, paper = (resolve("films-8-10-12-14", scale) for scale in ("demo", "paper"))
    assert isinstance(demo, SharingStudy) and demo.tasks == paper.tasks == TASKS
    assert (paper.network.width, paper.rows.training, paper.blocks, paper.rounds) == (200, 400, 7, 3)
    assert demo.network.width < paper.network.width


@pytest.mark.parametrize("name", ["films-8-10-12-14", "film10-film8"])
def test_a_study_survives_its_folder(name: str, tmp_path: Path) -> None:
    study = resolve(name)
    Run(tmp_path / "run").begin(study)
    assert reopened(Run(tmp_path / "run").read("study.json")) == study == opened(study.to_dict())
    assert isinstance(study, SharingStudy if name.startswith("films") else Study)


def test_a_file_may_define_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('tasks = ["film-3", "film-4"]\n[network]\nwidth = 20\n[demo.rows]\npool = 300\n')
    study = resolve(str(file))
    assert study.tasks == ("film-3", "film-4") and study.network.width == 20 and study.rows.pool == 300
    file.write_text('extends = "films-8-10-12-14"\ntasks = ["film-8", "film-10"]\n')
    assert resolve(str(file)).tasks == ("film-8", "film-10")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tasks": ["film-8"]}, r"tasks is \['film-8'\]; allowed: two tasks or more, each once"),
        ({"tasks": ["film-8", "film-8"]}, "tasks is .*; allowed: two tasks or more, each once"),
        ({"tasks": ["film-8", "flim-10"]}, "unknown simulator 'flim-10'"),
        ({"tasks": "film-8"}, "tasks is 'film-8'; allowed: a list"),
        ({"tasks": ["film-8", 10]}, r"tasks\[1\] is 10; allowed: text"),
        ({"target": "film-8"}, "unknown key in study 'target'.*; allowed: .*tasks"),
        ({"budget.trainings": 1}, "budget.trainings is 1; allowed: a whole number of at least 2"),
        ({"seed": -1}, "seed is -1; allowed: "),
        ({"ranges.linear": [False, True]}, "start.linear or ranges.linear is true; allowed in sharing: false"),
        ({"start.linear": True}, "start.linear or ranges.linear is true; allowed in sharing: false"),
    ],
)
def test_what_is_no_such_study_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=f"^{said}"):
        resolve("films-8-10-12-14", "demo", settings)


def test_tasks_of_different_width_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from graft.simulators.registry import find

    class Narrow:
        name, inputs, outputs = "narrow", 8, 12

    monkeypatch.setattr("graft.search.tasks.regression.find", lambda task: Narrow if task == "narrow" else find(task))
    with pytest.raises(InputError, match="film-8 has 200 outputs and narrow has 12 outputs; allowed: tasks of equal"):
        SharingStudy("mine", ("film-8", "narrow"))


def test_a_study_without_name_is_refused() -> None:
    with pytest.raises(InputError, match="^study lacks name$"):
        opened({"tasks": list(TASKS)})


def test_the_time_is_that_of_all_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graft.search.estimate.seconds_per_step", lambda task, recipe: 0.01)
    study = resolve("films-8-10-12-14", "paper", {"start.epochs": 100, "start.batch": 100})
    one = 0.01 * 100 * 4  # seconds of one training of one task
    searches, rest = kind_of(study).seconds(2)
    assert searches == pytest.approx((1 + study.budget.rival) * study.budget.trainings * 4 * one / 2)
    # Each seed: every task alone twice, all together once, and once for each task with the others shuffled.
    confirmed = study.proof.seeds * (2 * 4 + 4 + 4 * 4)
    assert rest == pytest.approx(20 + (confirmed + 4 * (study.budget.seeds + 2)) * one / 2)
