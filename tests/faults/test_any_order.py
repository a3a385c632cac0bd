"""Commands in any order, killed at any write: every one ends with 0 or 2, and a run that has ended is always the same.

A kill is an exception here, at a write into the run's folder, so that a hundred commands fit into minutes; processes
that die are in `test_every_write.py`. Nothing is drawn, and MLflow is shown nothing.
"""

import shlex
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import booleans, integers, sampled_from
from test_every_write import CONFORMANCE, MOVES, STUDIES, WRITES, Silent

from graft.search.cli import main
from graft.search.run.folder import Run

MOST = 140
"""Writes of a whole run, about: a kill that comes later than the last of a command does not come."""
STORIES = settings(max_examples=30, stateful_step_count=15, phases=(Phase.reuse, Phase.generate))
"""A story that fails is not made shorter: that would take an hour."""


RUN = "run mine.toml --workers 1 --out FOLDER"
FURTHER = "confirm FOLDER --more --workers 1"


class Killed(BaseException):
    """What nothing handles."""


class Killer:
    """Raises `Killed` before one of the writes into a folder; an audit hook cannot be taken out again."""

    def __init__(self) -> None:
        self.folder, self.left = "", 0
        sys.addaudithook(self)

    def __call__(self, event: str, given: tuple[Any, ...]) -> None:
        if not self.left:
            return
        mode = given[2] if event == "open" and len(given) > 2 else 0
        if (event in MOVES or (isinstance(mode, int) and mode & WRITES)) and str(given[0]).startswith(self.folder):
            self.left -= 1
            if not self.left:
                raise Killed


class Quiet(Silent):
    """Shows a run nowhere, whatever it is told of it."""

    warning = ""

    def __init__(self, *_: object) -> None: ...
    def close(self, status: str) -> None: ...


def ended(words: str, folder: Path) -> int:
    """What a command exits with; FOLDER stands for the folder."""
    with pytest.raises(SystemExit) as end:
        main([word.replace("FOLDER", str(folder)) for word in shlex.split(words)])
    return int(str(end.value.code or 0))


class Story(RuleBasedStateMachine):
    """What happens to one run.

    Attributes:
        home: Where its folder is made.
        killer: Of its commands.
        whole: A run that nothing happened to, as it ended.
        results: Bytes of its result.json: as it ended, and after its further looks.
    """

    home: ClassVar[Path]
    killer: ClassVar[Killer]
    whole: ClassVar[Path]
    results: ClassVar[dict[bool, bytes]]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=self.home)) / "run"

    def held(self, name: str) -> bool:
        return (self.folder / name).is_file()

    @property
    def finished(self) -> bool:
        return self.held("certificate.json")

    def carry_out(self, words: str, dies_at: int = 0) -> int | None:
        """What a command exits with; None if it was killed."""
        self.killer.folder, self.killer.left = str(self.folder), dies_at
        try:
            code = ended(words, self.folder)
        except Killed:
            return None
        finally:
            self.killer.left = 0
        assert code in (0, 2), words
        return code

    @initialize(ended=booleans())
    def begins(self, ended: bool) -> None:
        if ended:
            shutil.copytree(self.whole, self.folder)

    @rule(by_folder=booleans(), dies_at=integers(1, MOST))
    def runs(self, by_folder: bool, dies_at: int) -> None:
        begun = by_folder and self.held("study.json")
        what = "FOLDER" if begun else "mine.toml --out FOLDER"
        assert self.carry_out(f"run {what} --workers 1", dies_at) in (0, None)

    @rule(dies_at=integers(1, MOST // 3))
    def looks_further(self, dies_at: int) -> None:
        left = self.finished or self.held("more.json")
        code = self.carry_out(FURTHER, dies_at)
        assert left or code == 2

    @rule(what=sampled_from(["verify FOLDER", "predict FOLDER inputs.csv", "report FOLDER", "show FOLDER"]))
    def is_asked(self, what: str) -> None:
        """A network that was handed over predicts while further looks are under way."""
        enough = "study.json" if what.split()[0] in ("report", "show") else "certificate.json"
        allowed = (0, 2) if what.startswith("predict") and not self.finished else (2 * (not self.held(enough)),)
        assert self.carry_out(what) in allowed

    @precondition(lambda self: self.folder.is_dir())
    @rule()
    def is_in_use(self) -> None:
        with Run(self.folder).held():
            assert self.carry_out(RUN) == 2

    @precondition(lambda self: self.folder.is_dir())
    @rule()
    def is_copied(self) -> None:
        there = Path(tempfile.mkdtemp(dir=self.home)) / "run"
        shutil.copytree(self.folder, there)
        shutil.rmtree(self.folder)
        self.folder = there

    @invariant()
    def what_ended_is_what_ends_undisturbed(self) -> None:
        if self.finished:
            assert result(self.folder) == self.results[self.held("undecided.json") and not self.asked]

    @property
    def asked(self) -> bool:
        """Whether further looks were asked for, and the command was killed before it began with them."""
        return (self.folder / "undecided.json").read_bytes() == (self.folder / "certificate.json").read_bytes()

    def teardown(self) -> None:
        self.runs(by_folder=True, dies_at=0)
        assert self.finished
        self.what_ended_is_what_ends_undisturbed()
        shutil.rmtree(self.folder.parent)


@pytest.fixture
def undisturbed(in_this_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that ended undecided; what it came to after its further looks lies beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("graft.search.tracking.view.Tracker", Quiet)
    monkeypatch.setattr("graft.search.report.write", lambda folder, page: folder)
    (tmp_path / "halves.py").write_text((CONFORMANCE / "halves.py").read_text())
    (tmp_path / "mine.toml").write_text(STUDIES["transfer"])
    (tmp_path / "inputs.csv").write_text("0.5,-1.0\n1.5,2.0\n")
    whole, further = tmp_path / "whole", tmp_path / "further"
    assert ended(RUN, whole) == 0
    shutil.copytree(whole, further)
    assert ended(FURTHER, further) == 0
    assert result(whole) != result(further)
    return whole


def result(folder: Path) -> bytes:
    return (folder / "result.json").read_bytes()


@pytest.mark.slow
def test_whatever_happens_a_run_ends_as_it_would_have(undisturbed: Path) -> None:
    Story.home, Story.whole, Story.killer = undisturbed.parent, undisturbed, Killer()
    Story.results = {False: result(undisturbed), True: result(undisturbed.with_name("further"))}
    run_state_machine_as_test(Story, settings=STORIES)


@pytest.mark.slow
@pytest.mark.parametrize("goes_on", [FURTHER, "run FOLDER --workers 1"])
def test_further_looks_lose_nothing_at_any_write(goes_on: str, undisturbed: Path) -> None:
    killer, number, lost, left = Killer(), 0, list[int](), 0
    whole = result(undisturbed.with_name("further"))
    while not left:  # until the command has fewer writes
        number += 1
        folder = Path(shutil.copytree(undisturbed, undisturbed.with_name(f"killed-{number}")))
        killer.folder, killer.left = str(folder), number
        with suppress(Killed):
            ended(FURTHER, folder)
        left, killer.left = killer.left, 0
        codes = [ended(words, folder) for words in (goes_on, FURTHER, "verify FOLDER")]
        if codes[0] not in (0, 2) or codes[2] != 0 or result(folder) != whole:  # 2: it had ended
            lost.append(number)
        shutil.rmtree(folder)
    print(f"{goes_on}: {number - 1} points")
    assert number > 20 and lost == []
