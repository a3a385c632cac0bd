"""Tiny runs still come to the decisions that the repository keeps, and to errors near those."""

import json
from pathlib import Path

import pytest
from runs import HERE, KEPT, STUDIES, carry_out, differences, kept, told

NEAR = 0.1
"""Of an error: another processor rounds otherwise, and a race may end another way."""


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_tiny_run_is_what_it_was(name: str, tmp_path: Path) -> None:
    carry_out(tmp_path, HERE.parents[1], "graft", [name])
    assert differences(kept(told(tmp_path / name)), json.loads(KEPT.read_text())[name], NEAR) == []
