"""The page of a run of distribution-consistent learning: the proof, the energies, what they predict, the scores."""

from collections.abc import Sequence
from dataclasses import dataclass

from graft.search.report import drawing as draw
from graft.search.report import energies
from graft.search.report.section import Figures, Table
from graft.search.report.verdict import Card, card
from graft.search.report.words import NOTHING, percent, plain, probability, reduction, short, signed
from graft.search.run.results import DclResults
from graft.search.run.results import Prediction as Predicted
from graft.spaces.dcl import Watch

DRIFT = 4.0
"""Standard errors between both halves of a run beyond which it was not in equilibrium."""
ARMS = {
    "paper_teacher": ("paper:\nGRU", draw.INK),
    "paper": ("paper:\nEDNN", draw.INK),
    "teacher": ("teacher", energies.TEACHER),
    "student": ("student", energies.STUDENT),
    "teacher_symmetrised": ("teacher,\nsymmetrised", energies.TEACHER),
    "student_symmetrised": ("student,\nsymmetrised", energies.STUDENT),
}


@dataclass(frozen=True)
class Verdict:
    """The verdict on the claims of a run; ``seconds`` is the compute that each pipeline got."""

    card: Card
    claims: Table
    seconds: str


def verdict(run: DclResults) -> Verdict:
    """Sum up the certificate, claim by claim."""
    proved = sum(one.helped for one in run.comparisons)
    rows = []
    for one in run.comparisons:
        means = [plain(one.mean(arm)) for arm in ("direct", "candidate")]
        said = "proved" if one.helped else f"undecided: {one.reason}" if one.decision == "undecided" else one.reason
        rows.append([one.claim, *means, reduction(one), probability(one.p_value), said])
    return Verdict(
        card(run, f"{proved} of {len(run.comparisons)} claims proved"),
        Table(["claim", "it (J)", "ours (J)", "error reduced by", "p (Holm, all looks)", "verdict"], rows),
        plain(run.result.confirmation.seconds if run.result.confirmation else None),
    )


def arms(run: DclResults) -> Figures:
    """Draw every arm on every seed, once there is a certificate."""
    if not (run.result.confirmation and run.certificate):
        return {}
    recorded = run.result.confirmation.arms
    shown = [draw.Arm(*look, draw.numbers(recorded[arm])) for arm, look in ARMS.items() if arm in recorded]
    return {"arms": draw.arms({"": shown}, "RMSE over all energy levels (J)", unit="J")}


@dataclass(frozen=True)
class Models:
    """Every kind of model, trained as long; ``paper`` says that the paper has numbers for this system."""

    models: Table
    linear_wins: bool
    unfinished: Sequence[str]
    paper: bool


def models(run: DclResults) -> Models | None:
    """Compare every kind of model; None before they are trained."""
    finals = run.result.finals
    if not finals:
        return None
    rows = []
    for name, told in finals.items():
        words = ("the paper's recipe: " if name == "paper" else "") + told.words.removesuffix(", augmented")
        symmetrised = [told.teacher_symmetrised, told.student_symmetrised]
        teacher, student = (short(one.rmse, 3) if one else NOTHING for one in symmetrised)
        own = [short(told.teacher.rmse, 3), short(told.teacher.rmse_low, 3)]
        rows.append([words, f"{told.likelihood:.3f}", *own, teacher, short(told.student.rmse, 3), student])
    copies = next(iter(finals.values())).copies
    head = ["sequence model", "NLL (nats)", "RMSE (J)", "E below 0", f"mean of {copies} images" if copies else NOTHING]
    others = [told.teacher.rmse for name, told in finals.items() if name != "linear"]
    return Models(
        models=Table([*head, "EDNN", "symmetrised"], rows),
        linear_wins=bool(others) and finals["linear"].teacher.rmse <= min(others),
        unfinished=unfinished(run),
        paper=run.study.system == "ising-8x8",
    )


def models_figures(run: DclResults) -> Figures:
    """Draw the errors of each kind, and the energies of the confirmed pipeline."""
    finals, confirmed = run.result.finals, run.result.confirmation
    if not (finals and confirmed):
        return {}
    best = next(name for name, told in finals.items() if told.plan == confirmed.plan)
    learned = {"Sequence model": finals[best].teacher, "EDNN": finals[best].student}
    found = {"kinds": energies.kinds(finals), "levels": energies.levels(learned)}
    found["by-level"] = energies.by_level(finals, best)
    if run.result.couplings:
        found["couplings"] = energies.couplings(finals[best], run.result.couplings)
    return found


def unfinished(run: DclResults) -> list[str]:
    """Say of each kind that has no final model what became of its last trial."""
    found = []
    for kind in run.study.choices.kinds:
        if kind not in run.result.finals:
            tried = [one for one in run.result.plans.by_number if isinstance(one.plan, Watch) and one.plan.kind == kind]
            reason = (tried[-1].reason or tried[-1].state) if tried else "none was tried"
            found.append(f"No pipeline of kind {kind} finished ({len(tried)} tried): {reason}.")
    return found


@dataclass(frozen=True)
class Prediction:
    """Thermodynamics of one lattice from Monte Carlo; ``exchanged`` is empty where there is one temperature."""

    lattice: str
    sweeps: str
    energy_of: str
    table: Table
    equilibrated: bool
    drift: str
    temperatures: int
    exchanged: str


def predictions(run: DclResults) -> list[Prediction] | None:
    """Collect what the learned energy predicts; None where nothing was asked."""
    return [prediction(told, run.study.temperatures) for told in run.predictions] or None


def prediction(told: Predicted, temperatures: Sequence[float]) -> Prediction:
    """Compare the energies of one lattice with exact ones, at the temperatures that were asked for."""
    asked, rows = temperatures if told.asked is None else told.asked, []
    for i, temperature in enumerate(told.temperatures):
        if temperature not in asked:  # in between only for the exchange of replicas
            continue
        exact = told.exact[i] if told.exact else None
        mean, error = told.energy[i], told.energy_error[i]
        off = percent((mean - exact) / abs(exact) if exact else None, 2, sign=True)
        off += "" if exact is None or not error else f" ({abs(mean - exact) / error:.1f} σ)"
        energies = [f"{mean:.4f} ± {error:.4f}", NOTHING if exact is None else f"{exact:.6f}"]
        row = [f"{temperature:g}", *map(signed, energies), off, f"{told.effective[i]:,.0f}"]
        rows.append([*row, signed(f"{told.drift[i]:+.1f} σ")])
    drift, exchanged = max(map(abs, told.drift)), told.exchanged
    return Prediction(
        lattice=told.lattice,
        sweeps=plain(told.sweeps),
        energy_of=told.energy_of,
        table=Table(
            ["T", "E / N, learned energy", "exact", "off by", "independent values", "second half less first"], rows
        ),
        equilibrated=drift < DRIFT,
        drift=f"{drift:.1f}",
        temperatures=len(told.drift),
        exchanged=f"{percent(min(exchanged))} to {percent(max(exchanged))}" if exchanged else "",
    )


def curves(run: DclResults) -> Figures:
    """Draw the thermodynamics of each lattice."""
    told = enumerate(run.predictions, 1)
    return {f"curves-{number}": energies.curves(one, run.study.temperature) for number, one in told}


@dataclass(frozen=True)
class Scores:
    """How well scores without labels rank the trials; ``exact`` says that the search was shown the exact error."""

    exact: bool
    scores: Table
    trials: Table


def scores(run: DclResults) -> Scores | None:
    """Compare scores with exact errors, and list the trials."""
    if not run.result.rankings:
        return None
    rows = [[name, plain(one.trials), plain(one.spearman)] for name, one in run.result.rankings.items()]
    ranked = Table(["score", "trials", "rank correlation with exact RMSE"], rows)
    return Scores(run.study.score == "exact", ranked, searched(run))


def scores_figures(run: DclResults) -> Figures:
    """Draw each score against the exact error."""
    told = run.result.rankings
    return {"scores": energies.scores(told)} if any(one.pairs for one in told.values()) else {}


def searched(run: DclResults) -> Table:
    """List the trials, best first."""
    rows = []
    for trial in sorted(run.result.plans.by_number, key=lambda one: (one.state != "complete", one.value or 1e9))[:20]:
        if isinstance(plan := trial.plan, Watch):
            value = NOTHING if trial.value is None else f"{trial.value:.3f}"
            words = [plain(trial.number), plan.describe(), plan.student.describe(), plain(plan.rate)]
            rows.append([*words, trial.state, value])
    return Table(["trial", "sequence model", "EDNN", "rate", "state", "score"], rows)
