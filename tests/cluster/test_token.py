"""Ray's token is nobody else's to read."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graft.cluster import token
from graft.spaces.errors import InputError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_for_its_owner_alone_whatever_the_umask(home: Path) -> None:
    before = os.umask(0)
    try:
        token.make()
    finally:
        os.umask(before)
    made = home / ".ray" / "auth_token"
    assert mode(made) == 0o600 and mode(made.parent) == 0o700
    assert len(made.read_text()) == 64
    assert [file.name for file in made.parent.iterdir()] == ["auth_token"]


def test_one_that_is_there_is_kept_and_closed(home: Path) -> None:
    file = home / ".ray" / "auth_token"
    file.parent.mkdir()
    file.write_text("mine")
    file.chmod(0o644)
    assert token.readable() == [file]
    token.make()
    assert file.read_text() == "mine" and mode(file) == 0o600
    assert token.readable() == []


def test_makers_at_the_same_time_agree(home: Path) -> None:
    def made(_: int) -> str:
        token.make()
        return (home / ".ray" / "auth_token").read_text()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(made, range(40)))) == 1


@pytest.mark.parametrize(("name", "value"), [("RAY_AUTH_TOKEN", "given"), ("RAY_AUTH_MODE", "disabled")])
def test_none_is_made_where_none_is_read(name: str, value: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    token.make()
    assert not (home / ".ray").exists()


def test_a_token_elsewhere_is_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "elsewhere"))
    token.make()
    assert mode(home / "elsewhere") == 0o600


@pytest.mark.parametrize("name", token.OTHERS)
def test_other_secrets_are_named(name: str, home: Path) -> None:
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_text("secret")
    (home / name).chmod(0o640)
    assert token.readable() == [home / name]
    (home / name).chmod(0o400)
    assert token.readable() == []


def test_without_a_home_to_write_to_it_is_said_where_it_may_lie(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/proc/nowhere")
    with pytest.raises(InputError, match=r"/proc/nowhere/.ray/auth_token \(.*\); allowed: .*RAY_AUTH_TOKEN_PATH=FILE"):
        token.make()
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "mine"))
    token.make()
    assert mode(home / "mine") == 0o600
