"""The run's folder: one study, one holder at a time, files that are whole or not there."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from graft.search.run.evidence import Entry, Evidence
from graft.search.run.folder import Run, mend_tail, write_bytes, write_json
from graft.search.run.record import strict
from graft.search.study import reopened, resolve
from graft.spaces.errors import InputError

STUDY = resolve("film10-film8")
ROOT = Path(__file__).parents[3]


def test_a_new_folder_is_claimed_and_told_again(tmp_path: Path) -> None:
    run = Run(tmp_path / "deep" / "run")
    run.begin(STUDY)
    assert reopened(run.read("study.json")) == STUDY and run.has("study.json") and len(run.id) == 32
    assert Run(run.folder).id == run.id


def test_the_same_study_continues_and_keeps_its_id(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin(STUDY)
    before = run.id, run.path("study.json").read_bytes()
    Run(tmp_path).begin(resolve("film10-film8"))
    assert (run.id, run.path("study.json").read_bytes()) == before


@pytest.mark.parametrize(
    ("key", "value", "difference"),
    [
        ("network.width", 97, "network.width = 96 there, 97 asked"),
        ("seed", 3, "seed = 0 there, 3 asked"),
        ("ranges.activation", ["relu"], "ranges.activation = ['relu', 'gelu', 'silu'] there, ['relu'] asked"),
    ],
)
def test_another_study_is_refused_naming_the_difference(
    tmp_path: Path, key: str, value: object, difference: str
) -> None:
    run = Run(tmp_path)
    run.begin(STUDY)
    before = run.path("study.json").read_bytes()
    with pytest.raises(InputError) as refused:
        run.begin(resolve("film10-film8", "demo", {key: value}))
    assert difference in str(refused.value) and "allowed: the same study" in str(refused.value)
    assert run.path("study.json").read_bytes() == before


def test_a_folder_with_anything_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="is not empty and holds no run; allowed: a new or empty folder"):
        Run(tmp_path).begin(STUDY)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_whether_a_folder_fits_is_told_without_a_trace(tmp_path: Path) -> None:
    Run(tmp_path / "new" / "run").fits(STUDY)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "held").mkdir()
    Run(tmp_path / "held").fits(STUDY)
    assert list((tmp_path / "held").iterdir()) == []
    Run(tmp_path / "held").begin(STUDY)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "held").iterdir()}
    Run(tmp_path / "held").fits(STUDY)
    with pytest.raises(InputError, match="seed = 0 there, 4 asked"):
        Run(tmp_path / "held").fits(resolve("film10-film8", "demo", {"seed": 4}))
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "held").iterdir()} == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="is not empty and holds no run"):
        Run(tmp_path / "full").fits(STUDY)


def test_a_folder_whose_first_start_was_killed_can_be_started_again(tmp_path: Path) -> None:
    # What `held` and `begin` write before study.json is there.
    (tmp_path / "lock").write_text("process 1 on host\n")
    (tmp_path / "run-id").write_text("0" * 32)
    (tmp_path / ".study.json.123-abcd.partial").write_text("{")
    run = Run(tmp_path)
    run.begin(STUDY)
    assert reopened(run.read("study.json")) == STUDY


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    for act in (lambda run: run.begin(STUDY), lambda run: run.held().__enter__()):
        with pytest.raises(InputError, match="allowed: a folder that can be written"):
            act(Run(tmp_path / "run"))


@pytest.mark.parametrize("text", ["", "{", "[1, 2", "\x00"])
def test_a_damaged_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(InputError, match=r"study\.json: .*; allowed: the folder of a run"):
        _ = reopened(Run(tmp_path).read("study.json"))
    with pytest.raises(InputError):
        Run(tmp_path).begin(STUDY)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="allowed: the folder of a run"):
        _ = reopened(Run(tmp_path).read("study.json"))


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """Another process that holds ``tmp_path``."""
    code = (
        "import sys, time; from pathlib import Path; from graft.search.run.folder import Run\n"
        "with Run(Path(sys.argv[1])).held():\n    print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_holder_is_refused_by_pid_until_the_first_is_killed(tmp_path: Path, holder: subprocess.Popen) -> None:
    with pytest.raises(InputError, match=rf"is in use by process {holder.pid} on "), Run(tmp_path).held():
        pytest.fail("two processes hold the same folder")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    began = time.monotonic()
    with Run(tmp_path).held():
        assert f"process {os.getpid()} on " in (tmp_path / "lock").read_text()
    assert time.monotonic() - began < 2


def test_a_folder_is_held_once_within_a_process_too_and_freed_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Run(tmp_path).held():
        with pytest.raises(InputError, match=f"in use by process {os.getpid()} "), Run(tmp_path).held():
            pytest.fail("held twice")
        _ = 1 / 0
    with Run(tmp_path).held():
        Run(tmp_path).begin(STUDY)


def test_evidence_is_kept_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "evidence" / "confirmation.jsonl"
    evidence = Evidence(path)
    assert evidence.done == {}
    evidence.add("direct/0", Entry(error=0.1))
    evidence.add("direct/1", Entry(error=None, reason="the loss is nan\nat step 3"))
    again = Evidence(path)
    assert again.done == evidence.done == {
        "direct/0": Entry(error=0.1),
        "direct/1": Entry(error=None, reason="the loss is nan\nat step 3"),
    }  # fmt: skip
    assert Evidence(path).done["direct/0"].error == 0.1


@pytest.mark.parametrize("cut", range(1, 27, 5))
def test_a_torn_line_is_dropped_and_what_follows_is_whole(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "evidence.jsonl"
    evidence = Evidence(path)
    evidence.add("a", Entry(error=0.1))
    evidence.add("b", Entry(error=0.2))
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    again = Evidence(path)
    kept = [key for key in ("a", "b") if key in again.done]
    assert kept == ["a"] and path.read_bytes() == data[: len(data) // 2]
    again.add("b", Entry(error=0.2))
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    ("data", "kept"), [(b"", b""), (b"a", b""), (b"a\n", b"a\n"), (b"a\nb", b"a\n"), (b"a\n\nb\n{", b"a\n\nb\n")]
)
def test_a_tail_is_mended_to_its_last_whole_line(tmp_path: Path, data: bytes, kept: bytes) -> None:
    path = tmp_path / "lines"
    path.write_bytes(data)
    mend_tail(path)
    assert path.read_bytes() == kept


def test_json_says_null_for_what_is_no_number(tmp_path: Path) -> None:
    value = {
        "b": [math.nan, math.inf, -math.inf, 1.5, np.float64("nan"), np.float64(2.5)],
        "a": {"t": (1, True, None, "NaN")}, 3: "ü",
    }  # fmt: skip
    write_json(tmp_path / "x.json", value)
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert "ü" in text and text.endswith("}\n")

    def forbidden(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found = json.loads(text, parse_constant=forbidden)
    assert found == {
        "b": [None, None, None, 1.5, None, 2.5], "a": {"t": [1, True, None, "NaN"]}, "3": "ü",
    }  # fmt: skip
    assert list(found) == ["b", "a", "3"]
    assert strict(True) is True and strict(10**20) == 10**20


def test_what_cannot_be_said_in_json_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"old": 1})
    with pytest.raises(TypeError):
        write_json(path, {"new": object()})
    assert json.loads(path.read_text()) == {"old": 1} and [entry.name for entry in tmp_path.iterdir()] == ["x.json"]


def test_writing_makes_the_folder_and_leaves_nothing_partial(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a" / "b" / "c.bin", b"\x00\x01")
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["c.bin"]
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == b"\x00\x01"


def test_what_killed_writers_left_in_any_folder_of_a_run_goes_when_it_is_gone_on_with(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    run.begin(STUDY)
    left = [run.path(*place, ".weights.1-2.partial") for place in ((), ("bases",), ("model", "members"))]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    kept = run.path("bases", "film-10-gelu.json")
    kept.write_text("{}")
    run.begin(STUDY)
    assert not any(path.exists() for path in left) and kept.exists()
