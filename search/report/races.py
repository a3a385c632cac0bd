"""Figures of the searches: every trial, what mattered, and when it ran."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graft.search.report.drawing import (
    CANDIDATE,
    DIRECT,
    FAILED,
    FAINT,
    INK,
    Axes,
    Figure,
    canvas,
    log_axis,
    whole_numbers,
)
from graft.search.report.words import recorded_under
from graft.search.run.leaderboard import direct_errors
from graft.search.run.results import Piece, Result
from graft.search.run.trials import Searched, Trial, finite, geometric_mean

COLOURS = {"baseline": DIRECT, "plans": CANDIDATE}
PHASES = {"baseline": "Baseline search (direct learning)", "plans": "Plan search (transfer)"}
BEST, REFERENCE = "best so far", "best direct learning"
LOOKS: dict[str, dict[str, Any]] = {
    "complete": {"marker": "o", "markersize": 7},
    "pruned": {"marker": "o", "markersize": 6, "markerfacecolor": "white", "markeredgewidth": 1.3, "alpha": 0.75},
    "failed": {"marker": "x", "markersize": 8, "markeredgewidth": 2.2},
    "interrupted": {"marker": "+", "markersize": 9, "markeredgewidth": 1.6},
}


def race(result: Result) -> Figure:
    """Error of each trial in the order of the search, the best so far, and below it the seeds that each trial got."""
    shown = {phase: held for phase in PHASES if (held := result.searches.get(phase, Searched()).by_number)}
    figure, axes = canvas(2, len(shown), 5.6, sharex="col", sharey="row", height_ratios=(3.2, 1))
    errors = [geometric_mean(trial.errors) for held in shown.values() for trial in held]
    seen = [100 * error for error in errors if error] or [1.0]
    # One trial that went astray must not squeeze the others; what lies above is drawn at the upper edge.
    top = min(max(seen), 8 * min(seen))
    for column, (phase, held) in enumerate(shown.items()):
        above, below = axes[:, column]
        scatter(above, held, COLOURS[phase], top)
        reference = geometric_mean(direct_errors(result))
        if phase == "plans" and reference:
            above.axhline(100 * reference, color=DIRECT, linestyle="--", linewidth=1.4, label=REFERENCE)
        seeds = {trial.number: len(finite(trial.errors)) for trial in held}
        below.bar(list(seeds), list(seeds.values()), color=FAINT, width=0.8)
        below.set_xlabel("trial")
        above.set_title(PHASES[phase], pad=12)
        whole_numbers(below.xaxis)
        whole_numbers(below.yaxis)
    log_axis(axes[0, 0].yaxis, min(seen), top * 1.1)
    axes[0, 0].set_ylabel("validation error (%)")
    axes[1, 0].set_ylabel("seeds")
    known = {line.get_label(): line for panel in axes[0] for line in panel.get_lines()}
    names = [name for name in (*LOOKS, BEST, REFERENCE) if name in known]
    figure.legend([known[name] for name in names], names, loc="outside upper left", ncols=6, columnspacing=1.3)
    return figure


def scatter(panel: Axes, recorded: Sequence[Trial], colour: str, top: float) -> None:
    """Trials by state, and the running best of the complete ones."""
    for state, look in LOOKS.items():
        chosen = [trial for trial in recorded if trial.state == state]
        if not chosen:
            continue
        heights = [min(100 * (geometric_mean(trial.errors) or np.inf), top * 1.1) for trial in chosen]
        if state == "failed":
            heights = [top * 1.1] * len(chosen)
        shade = FAILED if state == "failed" else colour
        panel.plot([trial.number for trial in chosen], heights, linestyle="", color=shade, label=state, **look)
    done = [(one.number, 100 * one.value) for one in recorded if one.state == "complete" and one.value]
    if done:
        numbers, values = zip(*done, strict=True)
        reach = [*numbers, recorded[-1].number]
        best = np.minimum.accumulate([*values, values[-1]])
        panel.step(reach, best, where="post", color=INK, linewidth=1.4, label=BEST)


def importance(recorded: Mapping[str, Mapping[str, float]], titles: Mapping[str, str] = PHASES) -> Figure:
    """How much of the variance of error each setting explains, search by search.

    Args:
        recorded: Shares by phase, by setting.
        titles: Of the phases, in the order in which they are drawn.
    """
    phases = [phase for phase in titles if recorded.get(phase)]
    columns = min(2, len(phases))
    counts = [[len(recorded[phase]) for phase in phases[i : i + columns]] for i in range(0, len(phases), columns)]
    most = [max(row) for row in counts for _ in row]
    heights = [0.8 + 0.36 * max(row) for row in counts]
    figure, axes = canvas(len(heights), columns, 0.8 + sum(heights), sharex=True, height_ratios=heights)
    largest = max(share for phase in phases for share in recorded[phase].values())
    for panel in axes.flat[len(phases) :]:
        panel.set_axis_off()
    for panel, phase, rows in zip(axes.flat, phases, most, strict=False):
        ordered = sorted(recorded[phase].items(), key=lambda item: (item[1], item[0]))
        names, shares = zip(*ordered, strict=True)
        words = [name.replace("_", " ") for name in names]
        bars = panel.barh(words, shares, color=COLOURS.get(phase, DIRECT))
        panel.bar_label(bars, fmt="%.2f", padding=4, fontsize=10)
        panel.set(xlim=(0, 1.18 * largest or 1), ylim=(len(shares) - rows - 0.6, len(shares) - 0.4))
        panel.set_title(titles[phase])
        panel.grid(visible=False, axis="y")
    for panel in axes.flat[max(0, len(phases) - columns) : len(phases)]:
        panel.set_xlabel("share of the variance explained")
        panel.tick_params(labelbottom=True)
    return figure


def timeline(recorded: Sequence[Piece]) -> Figure:
    """When each piece of work ran; a row holds pieces that did not overlap."""
    order = dict.fromkeys(piece.phase for piece in recorded)
    spare = iter(("#009E73", "#CC79A7", "#E69F00", "#56B4E9") * len(order))
    colours = {phase: COLOURS.get(phase) or next(spare) for phase in order}
    free: list[float] = []
    bars: dict[str, list[tuple[int, float, float]]] = {phase: [] for phase in order}
    for piece in sorted(recorded, key=lambda piece: piece.start):
        row = next((i for i, end in enumerate(free) if end <= piece.start), len(free))
        free[row : row + 1] = [piece.end]
        bars[piece.phase].append((row, piece.start / 60, (piece.end - piece.start) / 60))
    figure, axes = canvas(height=1.7 + 0.3 * len(free))
    panel: Axes = axes[0, 0]
    for phase, pieces in bars.items():
        rows, starts, widths = zip(*pieces, strict=True)
        look: dict[str, Any] = {"color": colours[phase], "edgecolor": "white", "linewidth": 0.5}
        panel.barh(rows, widths, left=starts, height=0.75, label=recorded_under(phase), **look)
    panel.set(xlabel="minutes since the start", ylabel="running\nat once", yticks=range(len(free)))
    panel.set_xlim(left=0)
    panel.set_yticklabels([str(row + 1) for row in range(len(free))])
    panel.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=4)
    return figure
