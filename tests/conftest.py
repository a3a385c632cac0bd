"""What all rooms' tests share."""

import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial

# Ray and OpenMP read these when they are imported.
os.environ |= {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Ray makes its workers 15 nicer than their driver: on a busy machine a test of seconds would take minutes.
    "RAY_worker_niceness": "0",
    # Of the S3 store on the loopback, which lets everybody in; Ray's workers need them from the start.
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_EC2_METADATA_DISABLED": "true",
    # As every process that trains has it; torch's own threads wait for each other in turns on a busy machine.
    "OMP_NUM_THREADS": "1",
}

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# Compiling a kernel, or a neighbour on the machine, is no failure.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture(scope="module", autouse=True)
def denormals() -> Iterator[None]:
    """What trains flushes denormal numbers, for the whole process; other tests draw them on purpose."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="module")
def coarse_figures() -> Iterator[None]:
    """Figures that no test looks at are drawn coarsely and are not laid out, which takes half of their time."""
    from graft.search.report import drawing

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(drawing.STYLE, "savefig.dpi", 40)
        patch.setitem(drawing.STYLE, "figure.constrained_layout.use", False)
        yield


@pytest.fixture(scope="session")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database for all runs of this process that are not about MLflow: to create one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch, mlflow_store: str, coarse_figures: None) -> None:
    """What a command trains is trained here, one training after the other: no Ray is started."""
    from graft.search.engine.executor import LocalExecutor
    from graft.search.kinds.sharing.kind import Sharing
    from graft.search.kinds.sharing.pipeline import SharingPipeline
    from graft.search.kinds.transfer.kind import Transfer
    from graft.search.kinds.transfer.pipeline import Pipeline

    monkeypatch.setattr("graft.search.kinds.base.connection", lambda workers, *_: nullcontext(workers))
    monkeypatch.setattr(Transfer, "work", partial(Pipeline, executor=LocalExecutor()))
    monkeypatch.setattr(Sharing, "work", partial(SharingPipeline, executor=LocalExecutor()))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_store)


@pytest.fixture(scope="session")
def ray_session():
    """A Ray of two CPUs on this machine."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def ray_actors(ray_session):
    """The same, its actors staying from one test to the next, as from one phase of a run to the next."""
    from graft.cluster.pool import staying

    with staying():
        yield ray_session
