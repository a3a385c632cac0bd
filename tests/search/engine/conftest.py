import pytest


@pytest.fixture
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are killed here, not machines: what was written is there without `fsync`, which takes half the time."""
    monkeypatch.setattr("os.fsync", lambda file: None)
