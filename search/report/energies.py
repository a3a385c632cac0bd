"""Figures of learned energies: against exact ones, level by level, bond by bond, and what they predict."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from graft.search.report.drawing import (
    CANDIDATE,
    DIRECT,
    FAINT,
    INK,
    LINES,
    SAME_RECIPE,
    SHUFFLED,
    Axes,
    Figure,
    canvas,
    grid,
    log_axis,
)
from graft.search.report.words import short
from graft.search.run.results import Account, Final, Prediction, Ranking

COLOURS = {"linear": FAINT, "made": SHUFFLED, "gru": DIRECT, "transformer": SAME_RECIPE, "paper": INK}
NAMES = {"linear": "linear-logistic", "made": "MADE", "gru": "GRU", "transformer": "transformer",
         "paper": "paper's recipe"}  # fmt: skip
MARKERS = {"linear": "s", "made": "^", "gru": "o", "transformer": "D", "paper": "v"}
TEACHER, STUDENT = DIRECT, CANDIDATE
ARMS = {"linear": FAINT, "direct": DIRECT, "transfer": CANDIDATE}
"""Of the sequence models of a transfer."""


def levels(told: Mapping[str, Account], colours: Sequence[str] = (TEACHER, STUDENT)) -> Figure:
    """Learned against exact energy of models by their titles, as Fig. 2a and c of Sprague et al."""
    figure, axes = canvas(1, len(told), 4.6, sharex=True, sharey=True)
    for panel, (title, account), colour in zip(axes[0], told.items(), colours, strict=True):
        known = account.levels
        exact, mean, spread = map(np.array, (known.exact, known.mean, known.deviation))
        panel.axline((0, 0), slope=1, color=INK, linewidth=1)
        panel.fill_between(exact, mean - 3 * spread, mean + 3 * spread, color=colour, alpha=0.3, linewidth=0)
        panel.plot(exact, mean, ".", color=colour, markersize=6)
        panel.set_title(f"{title}{chr(10) if len(told) > 2 else ' '}RMSE {short(account.rmse)} J")
        panel.set_xlabel("exact energy (J)")
    axes[0, 0].set_ylabel("learned energy (J)")
    return figure


def by_level(finals: Mapping[str, Final], best: str) -> Figure:
    """RMSE level by level, as Fig. 4 of Sprague et al.: every sequence model, and the best one's student."""
    figure, axes = canvas(height=4.6)
    panel = axes[0, 0]
    for (name, told), line in zip(finals.items(), cycle(LINES), strict=False):
        known = told.teacher.levels
        panel.plot(known.exact, known.rmse, linestyle=line, color=COLOURS[name], linewidth=1.6, label=NAMES[name])
    known = finals[best].student.levels
    panel.plot(known.exact, known.rmse, color=STUDENT, linewidth=2.6, label=f"EDNN of {NAMES[best]}")
    panel.set(xlabel="exact energy (J)", ylabel="RMSE (J)")
    shown = [value for told in finals.values() for value in told.teacher.levels.rmse + known.rmse]
    log_axis(panel.yaxis, min(shown), max(shown))
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def kinds(finals: Mapping[str, Final]) -> Figure:
    """RMSE over all levels of each kind of model and of its student, as trained and averaged over symmetries."""
    figure, axes = canvas(height=1.4 + 0.62 * len(finals))
    panel = axes[0, 0]
    looks = (
        ("teacher", TEACHER, "o", "sequence model"),
        ("teacher_symmetrised", TEACHER, "o", "averaged over symmetries"),
        ("student", STUDENT, "s", "its EDNN"),
        ("student_symmetrised", STUDENT, "s", "symmetrised"),
    )
    for place, told in enumerate(finals.values()):
        for part, colour, marker, label in looks:
            if part in told.accounts:
                fill = "white" if part.endswith("symmetrised") else colour
                panel.plot(told.accounts[part].rmse, place + 0.15 * (colour == STUDENT) - 0.075, marker, color=colour,
                           markerfacecolor=fill, markersize=9, label=label if place == 0 else None)  # fmt: skip
    shown = [account.rmse for told in finals.values() for account in told.accounts.values()]
    log_axis(panel.xaxis, min(shown), max(shown))
    panel.set(xlabel="RMSE over all energy levels (J)", ylim=(len(finals) - 0.5, -0.5))
    panel.set_yticks(range(len(finals)), [NAMES[name] for name in finals])
    figure.legend(loc="outside upper left", ncols=4)
    return figure


def couplings(told: Final, exact: Sequence[float]) -> Figure:
    """The recovered coupling of every bond against the true one, or by its number where all are the same."""
    figure, axes = canvas(1, 2, 4.6, sharex=True, sharey=True)
    alike = len(set(exact)) == 1
    for panel, part, colour in zip(axes[0], ("teacher", "student"), (TEACHER, STUDENT), strict=True):
        found = np.array(told.accounts[part].couplings)
        panel.axline((0, exact[0] if alike else 0), slope=0 if alike else 1, color=INK, linewidth=1)
        panel.plot(range(len(found)) if alike else exact, found, "o", color=colour, markersize=5, alpha=0.6)
        off = float(np.sqrt(np.mean((found - np.array(exact)) ** 2)))
        panel.set_title(f"{'Sequence model' if part == 'teacher' else 'EDNN'}: RMS error {short(off)} J")
        panel.set_xlabel(f"bond (all are {exact[0]:g} J)" if alike else "true coupling (J)")
    axes[0, 0].set_ylabel("recovered coupling (J)")
    return figure


def scores(rankings: Mapping[str, Ranking]) -> Figure:
    """Each label-free score of the search's trials against the exact RMSE that the search did not see."""
    shown = [name for name, told in rankings.items() if told.pairs]
    labels = {"score": "score of the search", "likelihood": "held-out NLL (nats a state)",
              "symmetry": "symmetry inconsistency (J)", "agreement": "teacher-student disagreement (J)"}  # fmt: skip
    figure, axes = grid(len(shown), 3.6)
    for panel, name in zip(axes.flat, shown, strict=False):
        for kind in COLOURS:
            pairs = [pair for pair in rankings[name].pairs if pair[2] == kind]
            if pairs:
                look = {"marker": MARKERS[kind], "linestyle": "", "color": COLOURS[kind]}
                panel.plot([p[0] for p in pairs], [p[1] for p in pairs], label=NAMES[kind], **look)
        found = rankings[name].spearman
        panel.set_title("rank correlation " + ("unknown" if found is None else f"{found:.2f}").replace("-", "−"))
        exact = "EDNN's exact RMSE (J)" if name == "agreement" else "exact RMSE (J)"
        seen = [pair[1] for pair in rankings[name].pairs]
        log_axis(panel.yaxis, min(seen), max(seen))
        panel.locator_params(axis="x", nbins=4)
        panel.set(xlabel=labels[name], ylabel=exact)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=4)
    return figure


def curves(predicted: Prediction, observed: float) -> Figure:
    """Energy, heat capacity and order by temperature from Monte Carlo with the learned energy, with the exact curves.

    As Fig. 2b and d, 3b and 5 of Sprague et al., and by how much energies differ from exact ones, which curves on each
    other cannot show; the dashed line is where states were watched.
    """
    grid = predicted.curve
    shown = (
        ("energy per site (J)", predicted.energy, predicted.energy_error, grid.energy),
        ("heat capacity per site (k)", predicted.heat, predicted.heat_error, grid.heat),
        ("order |m|", predicted.order, predicted.order_error, ()),
    )
    exact = predicted.exact
    figure, axes = canvas(2, 2, 7.4) if exact else canvas(1, 3, 3.9)
    places = list(axes.flat)
    if exact:
        off = places.pop(1)
        known, mean, error = (np.array(values) for values in (exact, predicted.energy, predicted.energy_error))
        off.axhline(0, color=INK, linewidth=1.6)
        _measured(off, predicted, 100 * (mean - known) / np.abs(known), 100 * error / np.abs(known), observed)
        off.set(ylabel="learned less exact energy (%)")
    for panel, (label, means, errors, curve) in zip(places, shown, strict=True):
        if curve:
            panel.plot(grid.temperatures, curve, color=INK, linewidth=1.6, label="exact")
        _measured(panel, predicted, np.array(means), np.array(errors), observed)
        panel.set(ylabel=label)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure


def _measured(panel: Axes, predicted: Prediction, mean: NDArray, error: NDArray, observed: float) -> None:
    """Points by temperature, and where states were watched."""
    panel.errorbar(predicted.temperatures, mean, 2 * error, fmt="o", color=STUDENT, markersize=6,
                   label="learned energy, 2 standard errors")  # fmt: skip
    panel.axvline(observed, color=DIRECT, linestyle="--", linewidth=1.4, label="watched here")
    panel.set(xlabel="temperature (J / k)")
