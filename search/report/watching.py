"""The page of a run of distribution-consistent learning: the proof, the energies, what they predict, the scores."""

import html
from collections.abc import Callable
from functools import partial
from typing import Any

from search.records.leaderboard import trials
from search.records.results import Picture, Record, Results
from search.report import drawing as draw
from search.report import energies, races
from search.report.page import price, provenance
from search.report.words import between, percent, plain, probability, short, table
from search.sentences.dcl import student, watcher
from spaces.dcl import Watch

GAUGE = (
    "RMSE over all energy levels, each counted alike; learned and exact energies less their means over the same "
    "uniformly random states."
)


DRIFT = 4.0
"""Standard errors between both halves of a run beyond which it was not in equilibrium."""


def pictures(run: Results) -> dict[str, Callable[[], draw.Figure]]:
    """The figures for which something is recorded."""
    result = run.result
    found: dict[str, Callable[[], draw.Figure]] = {}
    if finals := result.get("finals"):
        name = best(run)
        found["kinds"] = lambda: energies.kinds(finals)
        found["by-level"] = lambda: energies.by_level(finals, name)
        found["levels"] = lambda: energies.levels(
            {"Sequence model": finals[name]["teacher"], "EDNN": finals[name]["student"]}
        )
        if result.get("couplings"):
            found["couplings"] = lambda: energies.couplings(finals[name], result["couplings"])
    if (result.get("confirmation") or {}).get("arms"):
        found["arms"] = lambda: energies.arms(result["confirmation"])
    for number, predicted in enumerate(run.predictions, 1):
        found[f"curves-{number}"] = partial(energies.curves, predicted, run.study["temperature"])
    if any(told["pairs"] for told in (result.get("rankings") or {}).values()):
        found["scores"] = lambda: energies.scores(result["rankings"])
    if run.cost.get("timeline"):
        found["timeline"] = lambda: races.timeline(run.cost["timeline"])
    return found


def best(run: Results) -> str:
    """Which of the final models is that of the confirmed pipeline."""
    plan, finals = run.result["confirmation"]["plan"], run.result["finals"]
    return next(name for name, told in finals.items() if told["plan"] == plan)


def verdict(run: Results, picture: Picture) -> str:
    """The certificate's sentence, and every arm on every seed."""
    if not run.certificate:
        return (
            '<section class="verdict"><span class="badge">no verdict</span><p class="sentence">This run is not '
            "finished: it has no certificate, and nothing below is a proof.</p></section>"
        )
    sentence = html.escape(str(run.certificate["sentence"])).replace(" %", "&nbsp;%")
    badge = f"{sum(one['decision'] == 'transfer' for one in run.comparisons)} of {len(run.comparisons)} claims proved"
    card = f'<section class="verdict {"transfer" if run.proved else "direct"}"><span class="badge">{badge}</span>'
    rows = []
    for one in run.comparisons:
        means = [plain((one.get(arm) or {}).get("mean")) for arm in ("direct", "candidate")]
        change = f"{percent(one.get('relative_reduction'))} ({between(one.get('interval'))})"
        told = "proved" if one["decision"] == "transfer" else plain(one["reason"])
        rows.append([plain(one["claim"]), *means, change, probability(one["p_value"]), told])
    proof = table(["claim", "it (J)", "ours (J)", "error reduced by", "p (Holm)", "verdict"], rows)
    seconds = plain(run.result["confirmation"]["seconds"])
    caption = (
        f"{GAUGE} Both pipelines get {seconds} s of a reference core for the sequence model, and as many "
        "steps of teaching; what ours leaves is then solved for. The paper's recipe (plain GRU, spiral, squared error, "
        "EDNN taught on random states) has fewer units and smaller batches here than the paper's 378 and 8,000, or it "
        "would hardly make a step in that time."
    )
    figure = picture("arms", "RMSE of every arm on every fresh seed", caption)
    return f'{card}<p class="sentence">{sentence}</p></section>{figure}{proof}'


def models(run: Results, picture: Picture) -> str:
    """Every kind of model, trained as long."""
    finals = run.result.get("finals")
    if not finals:
        return ""
    rows = []
    for name, told in finals.items():
        numbers = [_rmse(told, part) for part in ("teacher", "teacher_symmetrised", "student", "student_symmetrised")]
        words = ("the paper's recipe: " if name == "paper" else "") + told["words"].removesuffix(", augmented")
        low = short(told["teacher"]["rmse_low"], 3)
        rows.append([plain(words), f"{told['likelihood']:.3f}", *numbers[:1], low, *numbers[1:]])
    copies = next(iter(finals.values()))["copies"]
    head = ["sequence model", "NLL (nats)", "RMSE (J)", "E below 0", f"mean of {copies} images" if copies else "–"]
    text = f"<h2>Every kind of model, trained equally long</h2>{picture('kinds', 'RMSE of each kind', GAUGE)}"
    text += table([*head, "EDNN", "symmetrised"], rows) + _linear(finals) + _unfinished(run)
    caption = "Bands are three standard deviations among states of a level; the line is exact."
    text += picture("levels", "Learned against exact energy, of the best pipeline", caption)
    caption = "States were watched at one temperature; levels far from its energies are the hard ones."
    if run.study["system"] == "ising-8x8":
        caption += " The paper has 2.06 J for its recurrent network and 1.47 J for its EDNN (Fig. 4)."
    text += picture("by-level", "RMSE of learned energies level by level", caption)
    caption = "Least squares of the learned energies of random states on the bonds; only this figure is told the bonds."
    return text + picture("couplings", "Recovered against true couplings, bond by bond", caption)


def _linear(finals: Record) -> str:
    """Says so where no network beats the linear-logistic baseline."""
    others = {name: told["teacher"]["rmse"] for name, told in finals.items() if name != "linear"}
    mine = finals["linear"]["teacher"]["rmse"]
    if not others or mine > min(others.values()):
        return ""
    return (
        "<p><b>No network beats the linear-logistic baseline here</b>: the system says little about architectures.</p>"
    )


def _unfinished(run: Results) -> str:
    """Which kinds have no row above, and what became of their last trial."""
    text = ""
    for kind in (run.study.get("choices") or {}).get("kinds", []):
        if kind not in run.result["finals"]:
            tried = [t for t in trials(run.result, "plans") if t["plan"] and t["plan"]["kind"] == kind]
            reason = (tried[-1].get("reason") or tried[-1]["state"]) if tried else "none was tried"
            text += f"<p>No pipeline of kind {plain(kind)} finished ({len(tried)} tried): {plain(reason)}.</p>"
    return text


def _rmse(told: Record, part: str) -> str:
    return short(told[part]["rmse"], 3) if part in told else "–"


def predictions(run: Results, picture: Picture) -> str:
    """Thermodynamics from Monte Carlo with the learned energy."""
    text = ""
    for number, told in enumerate(run.predictions, 1):
        asked, rows = told.get("asked", run.study["temperatures"]), []
        for i, temperature in enumerate(told["temperatures"]):
            if temperature not in asked:  # in between only for the exchange of replicas
                continue
            exact = (told.get("exact") or [None] * (i + 1))[i]
            mean, error = told["energy"][i], told["energy_error"][i]
            off = (mean - exact) / abs(exact) if exact else None
            true = "–" if exact is None else f"{exact:.6f}"
            sigma = "" if exact is None or not error else f" ({abs(mean - exact) / error:.1f} σ)"
            row = [f"{temperature:g}", f"{mean:.4f} ± {error:.4f}", true, percent(off, 2, sign=True) + sigma]
            rows.append([*row, f"{told['effective'][i]:,.0f}", f"{told['drift'][i]:+.1f} σ"])
        text += f"<h3>{plain(told['lattice'])}</h3>"
        caption = (
            f"{plain(told['sweeps'])} sweeps at each temperature with the energy of {plain(told['energy_of'])}; errors "
            "count autocorrelation, and not what is wrong with the learned energy itself. States were watched at the "
            "dashed temperature only."
        )
        text += picture(f"curves-{number}", f"Thermodynamics of {told['lattice']} from the learned energy", caption)
        head = ["T", "E / N, learned energy", "exact", "off by", "independent values", "second half less first"]
        text += table(head, rows) + _equilibrium(told)
    return f"<h2>What the learned energy predicts</h2>{text}" if text else ""


def _equilibrium(told: Record) -> str:
    """Whether Monte Carlo came to equilibrium: halves that agree, replicas that exchange."""
    drift, exchanged = max(map(abs, told["drift"])), told["exchanged"]
    found = f"halves of the run differ by at most {drift:.1f} standard errors at all {len(told['drift'])} temperatures"
    if exchanged:
        found += (
            f"; neighbouring temperatures exchange {percent(min(exchanged))} to {percent(max(exchanged))} of the time"
        )
    return f"<p>{'Equilibrated' if drift < DRIFT else '<b>Not equilibrated</b>'}: {found}.</p>"


def scores(run: Results, picture: Picture) -> str:
    """How well scores without labels rank the trials."""
    told = run.result.get("rankings")
    if not told:
        return ""
    rows = [[plain(name), plain(one["trials"]), plain(one["spearman"])] for name, one in told.items()]
    caption = (
        "Every trial with its last report. The search was shown the scores alone"
        + (", here the exact error" if run.study.get("score") == "exact" else "")
        + "; exact errors were recorded for this figure."
    )
    text = f"<h2>Scores without labels, and the truth</h2>{picture('scores', 'Scores against exact RMSE', caption)}"
    return text + table(["score", "trials", "rank correlation with exact RMSE"], rows) + searched(run)


def searched(run: Results) -> str:
    """The trials, best first."""
    rows: list[list[str]] = []
    complete: list[Any] = sorted(
        trials(run.result, "plans"), key=lambda t: (t["state"] != "complete", t["value"] or 1e9)
    )
    for trial in complete[:20]:
        if trial["plan"]:
            plan = Watch.from_dict(trial["plan"])
            value = "–" if trial["value"] is None else f"{trial['value']:.3f}"
            words = [plain(trial["number"]), plain(watcher(plan)), plain(student(plan)), plain(plan.rate)]
            rows.append([*words, plain(trial["state"]), value])
    head = ["trial", "sequence model", "EDNN", "rate", "state", "score"]
    return "<h3>The trials</h3>" + table(head, rows) if rows else ""


SECTIONS = (verdict, models, predictions, scores, price, provenance)
