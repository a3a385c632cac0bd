"""The quickstart as it is read: its tables, its study, its commands and its script, with settings that make it tiny."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from graft.search.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "quickstart.md").read_text()
TINY = """
network = { depth = 1, width = 8 }
source_training = { epochs = 2, batch = 50 }
start = { epochs = 4, batch = 10 }
ranges = { epochs = [2, 6], batch = [8, 12] }
budget = { trainings = 4, seeds = 2, steps = 20, curve = 1 }
"""


def block(beginning: str) -> str:
    """The block of code that begins so."""
    return next(code for code in re.findall(r"```\w*\n(.*?)```", PAGE, re.DOTALL) if code.startswith(beginning))


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_what_the_quickstart_says_can_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tables.py").write_text(block("# tables.py"))
    subprocess.run([sys.executable, "tables.py"], check=True)
    (tmp_path / "pendulum.toml").write_text(block("# pendulum.toml") + TINY)
    (tmp_path / "new.csv").write_text("length [m],angle [rad]\n1.0,2.0\n1.5,0.5\n")
    commands = [shlex.split(line, comments=True) for line in block("graft doctor pendulum.toml").splitlines()]
    assert [words[1] for words in commands] == ["doctor", "run", "predict"]
    for words in commands:
        with pytest.raises(SystemExit) as ended:
            main(words[1:])
        assert ended.value.code == 0, words
    told = capsys.readouterr().out.splitlines()[-3:]
    assert told[0].startswith("period [s]") and len(told[1].split(",")) == 3
    (tmp_path / "script.py").write_text(block("import graft"))
    found = runpy.run_path("script.py")
    assert found["result"].decision in ("transfer", "direct", "undecided")
    assert capsys.readouterr().out.splitlines()[0].startswith(found["result"].decision)
