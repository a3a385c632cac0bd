"""Who trains beside whom is decided once, and kept."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from graft.search.engine.fused import kept_shares, shares
from graft.search.run.folder import Run


@given(st.lists(st.integers(), unique=True), st.integers(1, 70), st.integers(1, 40))
def test_shares_hold_every_key_once_in_order_and_leave_no_worker_idle(keys: list[int], most: int, workers: int) -> None:
    found = shares(keys, most, workers)
    assert [key for share in found for key in share] == keys
    assert all(1 <= len(share) <= most for share in found)
    assert len(found) >= min(len(keys), workers) / 2  # the rest of a division may be missing
    assert max(map(len, found), default=0) <= max(1, -(-len(keys) // workers))


def test_what_is_missing_is_carried_out_beside_those_with_which_it_was_first_asked_for(tmp_path: Path) -> None:
    run = Run(tmp_path)
    first = kept_shares(run, "map", ["a", "b", "c", "d", "e"], 2, 1)
    assert first == [["a", "b"], ["c", "d"], ["e"]]
    held = (tmp_path / "shares" / "map.json").read_bytes()
    assert kept_shares(run, "map", ["b", "e"], 8, 4) == [["a", "b"], ["e"]]  # with others to do the work
    assert (tmp_path / "shares" / "map.json").read_bytes() == held
    assert kept_shares(run, "map", ["d", "f", "g"], 2, 1) == [["c", "d"], ["f", "g"]]  # what is new, by itself
    assert json.loads((tmp_path / "shares" / "map.json").read_text())[-1] == ["f", "g"]
    assert kept_shares(run, "map", [], 2, 1) == []
