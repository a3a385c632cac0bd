"""Nothing of a run is to be reached from another machine, and its secrets stand nowhere but in their files.

That an address with a password in it is told without is in test_tracking.py and in row 17 of the faults.
"""

from pathlib import Path

from watched import PASSWORD, Watched

LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
"""127.0.0.1, the same as an IPv6 address, and ::1."""


def test_everything_listens_on_loopback_alone(whole_run: Watched) -> None:
    assert whole_run.addresses and whole_run.addresses <= LOOPBACK


def test_secrets_stand_in_no_argument_no_log_and_no_file_but_their_own(whole_run: Watched) -> None:
    token = whole_run.place / ".ray" / "auth_token"
    assert token.stat().st_mode & 0o777 == 0o600
    secrets = (token.read_bytes(), PASSWORD.encode())
    assert any(b"raylet" in words for words in whole_run.arguments) and whole_run.sessions
    assert not [words for words in whole_run.arguments for secret in secrets if secret in words]
    folders = [whole_run.place, *whole_run.sessions]
    files = [file for folder in folders for file in Path(folder).rglob("*") if file.is_file() and file != token]
    assert len(files) > 20
    assert [file for file in files for secret in secrets if secret in file.read_bytes()] == []
