"""What a transfer study learned of its blocks, and what the networks predict with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from graft.search.report import drawing as draw
from graft.search.report import energies as drawn
from graft.search.report import spans
from graft.search.report.section import Figures, Table
from graft.search.report.words import NOTHING, percent
from graft.search.run.certificate import Curve
from graft.search.run.results import SpanMap, TransferResults
from graft.search.run.trials import finite, geometric_mean
from graft.spaces.plan import Plan
from graft.spaces.words import describe_source

MODELS = {"linear": "Linear-logistic baseline", "direct": "Direct learning", "transfer": "Transfer"}
"""Sequence models of a run, as people call them."""


@dataclass(frozen=True)
class Moved:
    """Which layers were worth copying; ``seeds`` and ``findings`` are a map's, and empty where the search tells."""

    sources: Sequence[str]
    seeds: str
    trials: int
    papers: bool
    likelihood: bool
    linear_term: bool
    findings: str


def moved(run: TransferResults) -> Moved | None:
    """Collect what map or search tell of layers; None where no span of any source was measured."""
    names = spans.sources(run.result, run.map)
    if not names:
        return None
    return Moved(
        sources=[describe_source(name) for name in names],
        seeds=str(run.map.seeds) if run.map else "",
        trials=len(run.result.plans.trials),
        papers=any((name, run.study.target) in spans.PAPER for name in names),
        likelihood=run.study.metric == "information-missed",
        linear_term=bool(run.study.network.get("linear_term")),
        findings=findings(run, run.map) if run.map else "",
    )


def moved_figures(run: TransferResults) -> Figures:
    """Draw the error by number of first layers and the map of all spans, for each source."""
    found = {}
    for i, source in enumerate(spans.sources(run.result, run.map), 1):
        found[f"layers-{i}"] = spans.layers(run.result, run.map, source, run.study.target)
        found[f"map-{i}"] = spans.span_map(run.result, run.map, source)
    return found


def findings(run: TransferResults, chart: SpanMap) -> str:
    """Say what the map found, and how far the chosen plan is from its best."""
    cells = chart.cells
    helps, harms, open_ = (sum(cell.verdict == kind for cell in cells) for kind in ("helps", "harms", "undecided"))
    text = f"Of {len(cells)} spans {helps} help, {harms} harm and {open_} are undecided.{_regret(run, chart)}"
    mine = sum(run.cost.trainings.get(phase, 0) for phase in ("baseline", "plans", "confirmation"))
    if not (mine and chart.trainings):
        return text
    share = percent(mine / chart.trainings)
    return f"{text} The run, its confirmation included, took {share} of the map’s trainings."


def _regret(run: TransferResults, chart: SpanMap) -> str:
    """Say how much more the verdict errs than the map's best, on the map's seeds."""
    known = {
        (cell.source, (cell.n1, cell.n2)): error
        for cell in chart.cells
        if cell.change is not None and (error := geometric_mean(cell.errors))
    }
    direct, tuned = geometric_mean(chart.direct), run.result.baseline.winner
    # A map that was drawn before the run has neither its baseline nor its plan.
    same = tuned and tuned.plan and tuned.plan.recipe == chart.direct_recipe
    if not (known and direct and run.comparisons and same):
        return ""
    top = min(known, key=lambda where: known[where])
    flattered = f"the map’s best, {top[1]} of {top[0]}: the lowest of many noisy means, so flattered."
    if not run.proved:
        if direct <= known[top]:
            return " No span errs less than direct learning, the verdict."
        return f" Direct learning, the verdict, errs {percent(direct / known[top] - 1, 1)} more than {flattered}"
    mine = geometric_mean(chart.chosen.errors) if chart.chosen else None
    plan = run.comparisons[0].plan
    if not (mine and isinstance(plan, Plan)):
        return ""
    if mine <= known[top]:
        return " No span errs less than the certified plan."
    own = " That is its own span, with the map’s recipe." if _where(plan) == top else ""
    return f" The certified plan errs {percent(mine / known[top] - 1, 1)} more than {flattered}{own}"


def _where(plan: Plan) -> tuple[str | None, tuple[int, int] | None]:
    """Name a plan's source and span as the map does."""
    span = plan.transferred
    return next(iter(plan.sources), None), (span.first, span.last) if span and not plan.terms else None


@dataclass(frozen=True)
class Ways:
    """What each way of using a source is worth; ``seeds`` is how many measured it."""

    table: Table
    seeds: int


def ways(run: TransferResults) -> Ways | None:
    """List what the weights of a source are worth as a beginning, in the loss, and as both."""
    told = run.result.ways
    if not told:
        return None
    rows = []
    for name, one in told.items():
        beside = NOTHING
        if one.change is not None and one.interval is not None:
            low, high = (percent(end, sign=True) for end in one.interval)
            beside = f"{percent(one.change, sign=True)} ({low} to {high})"
        label = f"{one.plan.label}, put together" if one.put_together else one.plan.label
        rows.append([name, percent(one.mean, 2), beside, label])
    head = ["what comes from the source", "error", "beside neither (95 % interval)", "the search’s best of it"]
    return Ways(Table(head, rows), max(len(one.errors) for one in told.values()))


@dataclass(frozen=True)
class Spectra:
    """Two predicted spectra: whose, and whether errors count mean absolute deviations."""

    learned: str
    deviation: bool


def spectra(run: TransferResults) -> Spectra | None:
    """Tell whose spectra are shown."""
    shown = run.result.spectra
    return Spectra("transfer" if run.proved else "the candidate", bool(shown.deviation)) if shown else None


def spectra_figures(run: TransferResults) -> Figures:
    """Draw predicted and exact spectra."""
    shown = run.result.spectra
    return {"spectra": draw.spectra(shown, "transfer" if run.proved else "candidate")} if shown else {}


@dataclass(frozen=True)
class Energies:
    """How far each sequence model is from exact energies."""

    models: Table
    linear_wins: bool


def energies(run: TransferResults) -> Energies | None:
    """List the errors of each sequence model."""
    told = run.result.energies
    if not told:
        return None
    rows = [
        [MODELS[name], percent(one.error, 2), f"{one.rmse:.2f}", f"{one.rmse_low:.2f}"] for name, one in told.items()
    ]
    head = ["model", "information missed", "RMSE over all levels (J)", "RMSE up to E = 0 (J)"]
    return Energies(Table(head, rows), min(told, key=lambda name: told[name].error) == "linear")


def energies_figures(run: TransferResults) -> Figures:
    """Draw learned against exact energies of each sequence model."""
    told = run.result.energies
    if not told:
        return {}
    titled = {MODELS[name]: account for name, account in told.items()}
    return {"energies": drawn.levels(titled, [drawn.ARMS[name] for name in told])}


def examples(run: TransferResults) -> Curve | None:
    """Read the learning curve of direct learning, if it has a number everywhere."""
    curve = run.result.examples
    return curve if curve and all(finite(errors) for errors in curve.errors) else None


def examples_figures(run: TransferResults) -> Figures:
    """Draw the learning curve of direct learning."""
    curve = examples(run)
    return {"examples": draw.examples(curve)} if curve else {}
