"""MLflow as a view of a run's folder: delivering twice changes nothing, and what failed now is delivered later.

The only file that knows MLflow. Import it where it is needed: the import alone takes a second or more.
"""

import json
import logging
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

# Before the import, which reads them. One short try: what failed is tried again from here, whereas MLflow's own seven
# retries block a search for four minutes. A pickled model executes whatever it likes when it is read.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # two lines a trial, credentials of the address included
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.db.utils import _get_latest_schema_revision

from graft.search.run.certificate import Certificate
from graft.search.run.folder import Run as Folder
from graft.search.run.leaderboard import leaderboard
from graft.search.run.record import Values
from graft.search.run.results import FILES, DataCard, Results
from graft.search.run.trials import Trial, geometric_mean
from graft.search.tracking.address import address, alone, database, masked
from graft.search.tracking.columns import board, flat, in_markdown, measures, outcomes, settings, spent, table, title
from graft.search.tracking.store import problem
from graft.spaces.errors import InputError

for talker in ("mlflow", "alembic"):  # they tell each of the forty steps of creating a database
    logging.getLogger(talker).setLevel(logging.ERROR)

STATUS = {"complete": "FINISHED", "pruned": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
DIGEST = 16
"""Characters of a data set's digest that are shown."""
PAUSE = 30.0
"""Seconds without a try after a failed one."""
SHARE = 20.0
"""And at least so many times what the failed one took: a dead server slows a search by 5 % at most."""


def newest() -> str:
    """The form of a database that the installed MLflow makes."""
    return str(_get_latest_schema_revision())


def dataset(role: str, data: DataCard) -> DatasetInput:
    """A data set as its manifest knows it; MLflow keeps at most 36 characters of a digest."""
    entity = Dataset(
        name=data.simulator,
        digest=data.digest[:DIGEST],
        source_type="graft",
        source=json.dumps(data.to_dict(), sort_keys=True),
        profile=json.dumps({"num_rows": data.rows}),
    )
    return DatasetInput(entity, [InputTag("mlflow.data.context", role)])


def metrics(
    values: Mapping[str, float], errors: Sequence[float | None] = (), tied: Mapping[str, str] = MappingProxyType({})
) -> list[Metric]:
    """MLflow's metrics: single values, and the errors of seeds as steps of one.

    Args:
        values: By name.
        errors: Seed by seed.
        tied: Which model and data set the single values are of, as MLflow calls them.
    """
    now = round(time.time() * 1000)
    by_seed = [(seed, 100 * error) for seed, error in enumerate(errors) if error is not None and math.isfinite(error)]
    found = [Metric(name, value, now, 0, **tied) for name, value in values.items()]
    return found + [Metric("error_percent_by_seed", error, now, seed) for seed, error in by_seed]


def trials_filter(run: str) -> str:
    """What to type into MLflow's search box to see the trials of a run, and nothing else."""
    return f"tags.`graft.run` = '{run}' and tags.`graft.kind` = 'trial'"


class Tracker:
    """Shows one run of a study in MLflow: its summary, and each of its trials, as runs of one experiment.

    Trials are flat runs told apart by tags, not children of the summary: the chart view collapses children and then
    draws nothing. Call `start`, `trial` for each trial that ended (those of before a restart too), then `finish` or
    `close`. Nothing here raises because of MLflow: what it does not show yet, the next `sync` shows.

    Attributes:
        new: How many MLflow runs this object made.
        problem: Why something is not shown; empty if all is.
    """

    def __init__(self, folder: Path, study: Values, uri: str | None = None) -> None:
        self.folder = folder.resolve()
        self.study, self.name, self.title = study, str(study["name"]), str(study.get("title", ""))
        self.uri = address(self.folder, uri)
        self.run = Folder(self.folder).id
        self.new = 0
        self.problem = ""
        self._waiting: dict[tuple[str, int], tuple[Trial, float | None]] = {}
        self._direct: Sequence[float | None] = ()
        self._shown: dict[tuple[str, int], Run] = {}
        self._status, self._concluded = "RUNNING", False
        self._connected, self._silent_until = False, 0.0

    @property
    def warning(self) -> str:
        """What is not shown, why, and the command that shows it; empty if all is."""
        if not self.problem:
            return ""
        problem = f"MLflow at {self.uri} did not take everything ({self.problem})"
        return masked(f"{problem}; later: graft deliver {self.folder}", self.uri)

    def start(self) -> None:
        """Find this run in MLflow, or create it."""
        self.sync()

    def trial(self, phase: str, trial: Trial, seconds: float | None = None) -> None:
        """Show a trial that ended, unless it is shown.

        Args:
            phase: ``baseline`` (of several tasks with the task's name) or ``plans``.
            trial: As in ``result.json``.
            seconds: How long it trained.
        """
        if phase == "plans" and trial.number == 0 and trial.state != "failed" and not trial.by_task:
            self._direct = trial.errors  # the plan search's first trial is direct learning on the same seeds
        self._waiting[phase, trial.number] = trial, seconds
        self.sync()

    def finish(self) -> None:
        """Show the outcome that the folder records, and name the champion if there is a certificate."""
        self._concluded = True
        self.close("FINISHED")

    def close(self, status: str) -> None:
        """End the summary run, with one more try at whatever is not shown.

        Args:
            status: ``FINISHED``, ``FAILED``, or ``KILLED`` for an interrupted run.
        """
        self._status = status
        self.sync(now=True)

    def sync(self, *, now: bool = False) -> None:
        """Show what MLflow does not show yet, unless a try failed a moment ago.

        Args:
            now: Try in any case.
        """
        began = time.monotonic()
        if began < self._silent_until and not now:
            return
        # An interrupted or failed write may have arrived all the same: connect again, and see, before the next one.
        connected, self._connected = self._connected, False
        try:
            if not connected:
                self._connect()
            for key in list(self._waiting):
                self._show(*key, *self._waiting[key])
                del self._waiting[key]
            if self._concluded:
                self._conclude()
            if self._status != "RUNNING":
                self._client.set_terminated(self._summary, self._status)
        except Exception as error:
            ended = time.monotonic()
            self._silent_until = ended + max(PAUSE, SHARE * (ended - began))
            self.problem = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        else:
            self._connected, self.problem = True, ""

    def _connect(self) -> None:
        """Find or create experiment and summary run, and learn which trials are shown."""
        if database(self.uri) and (wrong := problem(self.uri)):
            raise MlflowException(wrong)  # MLflow itself would try for a minute and a half
        with alone(self.uri):
            self._client = MlflowClient(tracking_uri=self.uri)
            self._experiment = self._find_experiment()
        self._shown = {}
        summary = None
        for run in self._mine():
            if run.data.tags["graft.kind"] == "summary":
                summary = run
            elif run.info.status == "RUNNING":  # the driver died between creating this one and filling it
                self._client.delete_run(run.info.run_id)
            else:
                self._shown[run.data.tags["graft.phase"], int(run.data.tags["graft.trial"])] = run
        summary = summary or self._create(f"{self.name} summary, {self.folder.name}", {"graft.kind": "summary"})
        self._summary = summary.info.run_id
        # A study resumed with a larger budget has changed, and MLflow refuses to change a parameter.
        params = [(key, masked(text)) for key, text in flat(self.study).items() if key not in summary.data.params]
        self._client.log_batch(self._summary, params=[Param(*item) for item in params[:100]])
        self._client.update_run(self._summary, status="RUNNING")
        # The runs page shows no metric and no parameter by itself; its address may name a view kept in this tag.
        view = json.dumps(table(trials_filter(self.run)))
        self._client.set_experiment_tag(self._experiment, f"mlflow.sharedViewState.{self.run}", view)

    def _mine(self) -> Iterator[Run]:
        token = None
        while token != "":
            page = self._client.search_runs([self._experiment], f"tags.`graft.run` = '{self.run}'", page_token=token)
            yield from page
            token = page.token or ""

    def _find_experiment(self) -> str:
        name, local = self.name, database(self.uri)
        # A server has its own place for artifacts; beside a database the default would be ./mlruns, wherever that is.
        place = (local.parent / "mlartifacts").as_uri() if local else None
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                # This kind puts MLflow's pages in their form for training, not for chat models.
                tags = {"mlflow.experimentKind": "custom_model_development"}
                return self._client.create_experiment(name, place, tags)
            except MlflowException:  # another driver may have been faster
                found = self._client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage != "active":
            raise MlflowException(f"experiment {name!r} cannot be used there; restore it if it was deleted")
        if self.uri == address(self.folder) and local and found.artifact_location != place:
            raise MlflowException("the folder was moved after its mlflow.db was made; delete that file")
        return found.experiment_id

    def _create(self, name: str, tags: dict[str, str], age: float = 0.0) -> Run:
        self.new += 1
        tags = {"graft.study": self.name, "graft.run": self.run} | tags
        return self._client.create_run(self._experiment, round((time.time() - age) * 1000), tags, run_name=name)

    def _show(self, phase: str, number: int, trial: Trial, seconds: float | None) -> None:
        seeds = len(trial.errors)
        if shown := self._shown.get((phase, number)):
            tags = shown.data.tags
            if (tags["graft.state"], tags.get("graft.seeds", str(seeds))) == (trial.state, str(seeds)):
                return
            self._client.delete_run(self._shown.pop((phase, number)).info.run_id)  # it has gone on since
        tags = {"graft.kind": "trial", "graft.phase": phase, "graft.trial": str(number), "graft.state": trial.state}
        tags["graft.seeds"] = str(seeds)
        if trial.reason:
            tags["graft.reason"] = masked(trial.reason, self.uri)[:500]
        run = self._create(title(phase, trial), tags, age=seconds or 0.0)
        params = [Param(*item) for item in settings(phase, trial).items()]
        direct = geometric_mean(self._direct[:seeds]) if phase == "plans" else None
        values = metrics(measures(trial, seconds, direct), trial.errors)
        self._client.log_batch(run.info.run_id, values, params)
        self._client.set_terminated(run.info.run_id, STATUS[trial.state])
        self._shown[phase, number] = run

    def _conclude(self) -> None:
        """Fill the summary run from the folder's records."""
        kept = Results.open(self.folder)
        known = self._client.get_run(self._summary).data.metrics
        found, certified = outcomes(kept), kept.certificate
        tags = {"graft.decision": certified.decision if certified else "none"}
        tags["mlflow.note.content"] = in_markdown(certified.sentence) if certified else ""
        if kept.result.format:
            rows = [row.flat() for row in leaderboard(kept.result)]
            trials = {"columns": list(rows[0]) if rows else [], "data": [list(row.values()) for row in rows]}
            tables = {"leaderboard.json": trials, "arms.json": board(kept.comparisons)}
            for name, held in tables.items():
                # Written whole: MLflow's own `log_table` appends, and a second delivery would double it.
                self._client.log_text(self._summary, json.dumps(held), name)
            tags["mlflow.loggedArtifacts"] = json.dumps([{"path": name, "type": "table"} for name in tables])
            self._client.log_inputs(self._summary, [dataset(*item) for item in kept.result.data.items()])
        changed, cost = {key: value for key, value in found.items() if known.get(key) != value}, spent(kept.cost)
        values = metrics({key: value for key, value in changed.items() if key in cost})
        if certifying := {key: value for key, value in changed.items() if key not in cost}:
            values += metrics(certifying, tied=self._tied(kept))
        self._client.log_batch(self._summary, values, tags=[RunTag(*item) for item in tags.items()])
        for path in filter(Path.is_file, [self.folder / f"{name}.json" for name in FILES]):
            self._client.log_artifact(self._summary, str(path))
        if (self.folder / "report").is_dir():
            self._client.log_artifacts(self._summary, str(self.folder / "report"), "report")
        if certified and (self.folder / "model").is_dir():
            self._crown(certified)

    def _tied(self, kept: Results) -> dict[str, str]:
        """What ties certified metrics to the network that is handed over and the data that judged it.

        MLflow keeps the digest of a metric's data with a logged model alone. Nothing where no data judged.
        """
        judging = kept.result.data.get("test") or kept.result.data.get("pool")
        if kept.certificate is None or judging is None:
            return {}
        mine = f"source_run_id = '{self._summary}'"
        found = list(self._client.search_logged_models([self._experiment], filter_string=mine))
        if not found:
            made = self._client.create_logged_model(self._experiment, name=self.name, source_run_id=self._summary)
            found = [self._client.finalize_logged_model(made.model_id, "READY")]
        digest = judging.digest[:DIGEST]
        return {"model_id": found[0].model_id, "dataset_name": judging.simulator, "dataset_digest": digest}

    def _crown(self, certificate: Certificate) -> None:
        """Register the certified network (weights and card, no pickle) and give it the alias ``champion``."""
        name = self.name
        versions = list(self._client.search_model_versions(f"name = '{name}'"))
        ours = next((version for version in versions if version.run_id == self._summary), None)
        if ours is None:
            if not self._client.search_registered_models(f"name = '{name}'"):
                self._client.create_registered_model(name, description=in_markdown(self.title))
            self._client.log_artifacts(self._summary, str(self.folder / "model"), "model")
            source = f"{self._client.get_run(self._summary).info.artifact_uri}/model"
            tags = {"decision": certificate.decision, "graft.run": self.run}
            text = in_markdown(certificate.sentence)
            ours = self._client.create_model_version(name, source, self._summary, tags, description=text)
        # Delivering an old run again does not take the title from a newer one.
        if all(int(ours.version) >= int(version.version) for version in versions):
            self._client.set_registered_model_alias(name, "champion", str(ours.version))


def deliver(folder: Path, uri: str | None = None) -> int:
    """Show in MLflow all that a run's folder records.

    Returns:
        How many MLflow runs were made; 0 if all were there.

    Raises:
        InputError: If the folder records no result, or MLflow does not take it.
    """
    kept = Results.open(folder)
    if not kept.result.format:
        raise InputError(f"{folder} holds no result.json; allowed: the folder of a run that ended")
    lasted = {(piece.phase, piece.number): piece.train_seconds for piece in kept.cost.timeline}
    tracker = Tracker(folder, kept.study.to_dict(), uri)
    for phase, searched in kept.result.searches.items():
        for trial in searched.by_number:
            tracker.trial(phase, trial, lasted.get((phase, trial.number)))
    tracker.finish()
    if tracker.warning:
        raise InputError(tracker.warning)
    return tracker.new


@dataclass(frozen=True)
class Shown:
    """What MLflow has of a run: its experiment, its summary, the name that tags it, and its best plans."""

    experiment: str
    summary: str
    tag: str
    best: list[str]


def shown(folder: Path, uri: str | None = None, most: int = 20) -> Shown | None:
    """What MLflow has of the run in ``folder``, or None; changes nothing.

    Raises:
        InputError: If MLflow does not answer.
    """
    uri = address(folder, uri)
    if (path := database(uri)) and not path.exists():
        return None
    run_id = Folder(folder).id
    mine = f"tags.`graft.run` = '{run_id}'"
    try:
        with alone(uri):
            client = MlflowClient(tracking_uri=uri)
            found = client.get_experiment_by_name(Results.open(folder).study.name)
        if found is None:
            return None
        experiments, order = [found.experiment_id], ["metrics.error_percent ASC"]
        summary = client.search_runs(experiments, f"{mine} and tags.`graft.kind` = 'summary'", max_results=1)
        plans = f"{mine} and tags.`graft.phase` = 'plans'"
        best = client.search_runs(experiments, plans, max_results=most, order_by=order)
        best = best or client.search_runs(experiments, trials_filter(run_id), max_results=most, order_by=order)
    except MlflowException as error:
        raise InputError(masked(f"MLflow at {uri} does not answer: {str(error).splitlines()[0][:200]}", uri)) from error
    if not best:
        return None
    return Shown(found.experiment_id, summary[0].info.run_id, run_id, [run.info.run_id for run in best])
