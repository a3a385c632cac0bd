"""A crash, or a full disk, at every write, rename and removal that graft makes into a run's folder: nothing is lost.

Each point is a process of its own, forked from this one: it dies (or is refused) just before its n-th write; another
goes on, and must leave the bytes that an undisturbed run leaves. Data sets, MLflow's database and the page have faults
of their own beside this (rows 1, 2 and 4 to 9).
"""

import errno
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from graft.search.engine.executor import LocalExecutor
from graft.search.engine.progress import Progress
from graft.search.kinds.registry import kind_of
from graft.search.kinds.sharing.kind import Sharing
from graft.search.kinds.sharing.pipeline import SharingPipeline
from graft.search.kinds.transfer.kind import Transfer
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.trials import Trial
from graft.search.study import resolve
from graft.spaces.errors import InputError

CONFORMANCE = Path(__file__).parents[1] / "conformance"
RECIPES = """
start = { epochs = 3, batch = 20, rate = 2e-2, activation = "own", loss = "cross-entropy", head = "constant" }
ranges = { epochs = [2, 4], batch = [20, 28], activation = ["own"] }
"""
TRANSFER = f"""
task = "halves:Halves"
source = "steep"
target = "flat"
source_training = {{ epochs = 4, batch = 20, rate = 2e-2, activation = "own", loss = "cross-entropy" }}
budget = {{ trainings = 6, seeds = 2, steps = 12, map = 2, curve = 1 }}
proof = {{ looks = [4], more = [6] }}
{RECIPES}"""
STUDIES = MappingProxyType(
    {
        "transfer": f"rows = {{ source = 60, pool = 50, locked = 5, validation = 10, test = 20 }}\n{TRANSFER}",
        "holdout": f'mode = "holdout"\nrows = {{ source = 60, pool = 50, locked = 12, validation = 8 }}\n{TRANSFER}',
        "sharing": f"""
task = "halves:Halves"
tasks = ["flat", "steep"]
rows = {{ pool = 50, locked = 5, validation = 10, test = 20 }}
budget = {{ trainings = 6, seeds = 2, steps = 12, map = 2 }}
{RECIPES}""",
    }
)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
MOVES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate")
DEAD = 137
SOME = 3
"""Points of each way that are tried every time; all of them, of every study, where tests marked slow are asked for."""


class Silent:
    """Shows a run nowhere."""

    def start(self) -> None: ...
    def trial(self, phase: str, trial: Trial, seconds: float | None = None) -> None: ...
    def finish(self) -> None: ...


def dies(number: int) -> None:
    os._exit(DEAD)


def is_refused(number: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


WAYS: dict[str, Callable[[int], None]] = {"dies": dies, "no space": is_refused}


def watched(folder: Path, number: int, at: Callable[[int], None]) -> list[int]:
    """Count this process's writes below a folder, and do something before one of them; it cannot be undone."""
    count, inside = [0], str(folder)

    def hook(event: str, given: tuple[Any, ...]) -> None:
        write = event in MOVES or (
            event == "open" and len(given) > 2 and isinstance(given[2], int) and given[2] & WRITES
        )
        if write and str(given[0]).startswith(inside):
            count[0] += 1
            if count[0] == number:
                at(number)

    sys.addaudithook(hook)
    return count


def forked(work: Callable[[], int]) -> int:
    """What a process of its own exits with."""
    pid = os.fork()
    if pid == 0:
        try:
            code = work()
        except (OSError, InputError):  # what a command tells in one line
            code = 1
        except BaseException:  # the child must never go on as pytest
            code = 99
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def carried_out(toml: Path, out: Path) -> int:
    """Run a study, or what is left of it, in this process."""
    study = resolve(str(toml))
    run = Run(out)
    with run.held():
        run.begin(study)
        kind_of(study).run(run, Resources(1), Progress(quiet=True), Silent())
    return 0


def kept(out: Path) -> dict[str, bytes]:
    """What has to be the same whatever happened: the result, the evidence, the networks."""
    found = {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    times = ("cost.json", "spent.json", "worked.json", "certificate.json", "optuna.journal", "run-id", "lock")
    return {name: data for name, data in found.items() if name not in times and not name.startswith("evidence/")}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "halves.py").write_text((CONFORMANCE / "halves.py").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("graft.search.kinds.base.connection", lambda workers, *_: nullcontext(workers))
    monkeypatch.setattr("graft.search.report.write", lambda folder, page: folder)
    monkeypatch.setattr(Transfer, "work", partial(Pipeline, executor=LocalExecutor()))
    monkeypatch.setattr(Sharing, "work", partial(SharingPipeline, executor=LocalExecutor()))
    return tmp_path


def points(here: Path, name: str) -> tuple[int, dict[str, bytes]]:
    """How many writes an undisturbed run makes, and what it leaves."""
    (here / "mine.toml").write_text(STUDIES[name])

    def work() -> int:
        count = watched(here / "whole", 0, dies)
        carried_out(here / "mine.toml", here / "whole")
        (here / "count").write_text(str(count[0]))
        return 0

    assert forked(work) == 0
    return int((here / "count").read_text()), kept(here / "whole")


def disturbed(here: Path, number: int, way: str) -> dict[str, bytes]:
    """What a run leaves that was disturbed at its n-th write and then gone on with."""
    out = here / f"{way}-{number}"

    def first() -> int:
        watched(out, number, WAYS[way])
        return carried_out(here / "mine.toml", out)

    assert forked(first) in ((DEAD,) if way == "dies" else (0, 1))  # 0: a lock that could not be made is tried again
    assert forked(lambda: carried_out(here / "mine.toml", out)) == 0
    return kept(out)


def test_some_points_lose_nothing(here: Path) -> None:
    count, whole = points(here, "transfer")
    assert count > 50
    for number in [1, *(k * count // (SOME - 1) for k in range(1, SOME))]:
        for way in WAYS:
            assert disturbed(here, number, way) == whole, (number, way)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", STUDIES)
def test_no_point_loses_anything(name: str, way: str, here: Path) -> None:
    count, whole = points(here, name)
    print(f"{name}, {way}: {count} points")
    assert [number for number in range(1, count + 1) if disturbed(here, number, way) != whole] == []
