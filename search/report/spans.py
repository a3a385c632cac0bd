"""Figures of which blocks are worth copying: the first n, and every span (n1, n2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graft.search.report.drawing import (
    CANDIDATE,
    DIRECT,
    FAINT,
    INK,
    SAME_RECIPE,
    Axes,
    Figure,
    canvas,
    log_axis,
    percents,
)
from graft.search.run.leaderboard import Known, best_by_span, direct_errors, leaderboard
from graft.search.run.results import Result, SpanMap
from graft.spaces.plan import Plan

# Spectrum errors (%) by number of first layers copied, read from the text of Qu et al. 2018 (arXiv:1809.00972v1).
PAPER = {
    ("film-10", "film-8"): {0: 7.7, 1: 6.9, 6: 4.1},
    ("film-8", "film-10"): {0: 3.4, 6: 2.5},
}
MARKS = {"helps": "✓", "harms": "✗", "undecided": "?"}
WIDEST = 0.6  # colours saturate at a change of 60 %


@dataclass(frozen=True)
class Cell:
    """One span: its errors by seed, its relative change against direct learning, and what is known of it."""

    n1: int
    n2: int
    errors: Known
    change: float | None
    verdict: str = ""
    trials: int = 0


def sources(result: Result, chart: SpanMap | None) -> list[str]:
    """Names of the source networks whose spans were measured."""
    if chart:
        return list(dict.fromkeys(cell.source for cell in chart.cells))
    return sorted({row.source for row in leaderboard(result) if row.source and row.span})


def cells(result: Result, chart: SpanMap | None, source: str | None = None) -> list[Cell]:
    """Spans (of one source) as the map measured them or, without a map, as the plan search found them."""
    if chart:
        measured = [one for one in chart.cells if source in (None, one.source)]
        return [Cell(one.n1, one.n2, one.errors, one.change, one.verdict) for one in measured]
    tried = best_by_span(result, source).items()
    return [Cell(*span, [row.error], row.change, trials=trials) for span, (row, trials) in tried]


def blocks_of(result: Result, chart: SpanMap | None, found: Iterable[Cell]) -> int:
    """Number of blocks of the network, the head included."""
    planned = [len(trial.plan.blocks) for trial in result.plans.trials if isinstance(trial.plan, Plan)]
    return chart.blocks if chart else max([*planned, *(cell.n2 for cell in found)])


def layers(result: Result, chart: SpanMap | None, source: str, target: str) -> Figure:
    """Error by number of first blocks copied, as Fig. 2b and 2d of Qu et al.

    Args:
        result: Of the run.
        chart: Its map; without one the best validation error of each span in the plan search is drawn.
        source: Name of the source network.
        target: Name of the target, to find the paper's values.
    """
    spans = cells(result, chart, source)
    blocks = blocks_of(result, chart, spans)
    first = {0: percents(chart.direct if chart else direct_errors(result))}
    first |= {cell.n2: percents(cell.errors) for cell in sorted(spans, key=lambda cell: cell.n2) if cell.n1 == 1}
    first = {n: errors[np.isfinite(errors)] for n, errors in first.items() if np.isfinite(errors).any()}
    figure, axes = canvas(height=4.8)
    panel: Axes = axes[0, 0]
    means = {n: float(np.exp(np.log(errors).mean()) if errors.all() else errors.mean()) for n, errors in first.items()}
    for n, errors in first.items():
        colour = CANDIDATE if n else DIRECT
        note: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "color": colour}
        if chart or not n:
            panel.plot(np.full(errors.size, n), errors, "o", color=colour, alpha=0.4, markersize=5)
        panel.annotate(f"{means[n]:.2f}", (n, means[n]), (0, -19), **note)
    what = "mean of seeds (dots)" if chart else "best of the plan search (validation)"
    copied = range(1, blocks + 1)  # a span without a value leaves a gap in the line
    panel.plot(
        copied, [means.get(n, np.nan) for n in copied], "o-", color=CANDIDATE, markersize=8, label=f"this run: {what}"
    )
    if 0 in first:
        panel.axhline(means[0], color=DIRECT, linestyle="--", linewidth=1.5, zorder=1, label="direct learning, tuned")
        panel.axhspan(first[0].min(), first[0].max(), color=DIRECT, alpha=0.1, linewidth=0)
        panel.plot(0, means[0], "o", color=DIRECT, markersize=8)
    same = percents(chart.direct_same_recipe if chart else ())
    if np.isfinite(same).any():
        panel.axhline(
            np.nanmean(same),
            color=SAME_RECIPE,
            linestyle="-.",
            linewidth=1.5,
            zorder=1,
            label="direct, the map's recipe",
        )
    paper = PAPER.get((source, target), {})
    if paper:
        faint: dict[str, Any] = {"color": FAINT, "marker": "s", "linestyle": ":", "markerfacecolor": "white"}
        panel.plot(list(paper), list(paper.values()), label="Qu et al. 2018", markersize=8, **faint)
    seen = [*paper.values(), *(error for errors in first.values() for error in errors)]
    log_axis(panel.yaxis, min(seen) / 1.1, max(seen))  # room for the numbers below the points
    names = ["0\ndirect", *map(str, range(1, blocks)), f"{blocks}\nwith head"]
    panel.set(xticks=range(blocks + 1), xticklabels=names, xlim=(-0.4, blocks + 0.6))
    panel.set(xlabel="number of first layers transferred, n", ylabel="error (%), logarithmic")
    figure.legend(loc="outside upper left", ncols=4, columnspacing=1.2)
    return figure


def span_map(result: Result, chart: SpanMap | None, source: str) -> Figure:
    """Relative change of error for every span (n1, n2) of a source: blue where transfer helps, red where it harms."""
    spans = cells(result, chart, source)
    blocks = blocks_of(result, chart, spans)
    figure, axes = canvas(height=8.2)
    panel: Axes = axes[0, 0]
    grid = np.full((blocks, blocks), np.nan)
    for cell in spans:
        grid[cell.n2 - 1, cell.n1 - 1] = np.nan if cell.change is None else 100 * cell.change
    reach = np.nanmax(np.abs(grid)) if np.isfinite(grid).any() else 1.0
    limit = float(min(max(reach, 5.0), 100 * WIDEST))
    # One gap before the last row sets the spans with the head apart from the paper's.
    edges = np.arange(blocks + 1) + 0.5
    rows = np.array([*edges[:-1], edges[-1]])
    for last, gap in ((slice(0, blocks - 1), 0.0), (slice(blocks - 1, blocks), 0.25)):
        image = panel.pcolormesh(
            edges, rows[last.start : last.stop + 1] + gap, np.ma.masked_invalid(grid[last]), cmap="RdBu_r",
            vmin=-limit, vmax=limit, edgecolors="white", linewidth=2,
        )  # fmt: skip
    known = {(cell.n1, cell.n2): cell for cell in spans}
    for n2 in range(1, blocks + 1):
        for n1 in range(1, n2 + 1):
            label(panel, known.get((n1, n2)), n1, n2 + (0.25 if n2 == blocks else 0), limit)
    outline(panel, blocks)
    legend(panel, blocks, measured=bool(chart))
    panel.set(xlim=(0.4, blocks + 0.6), ylim=(blocks + 0.85, 0.4), aspect="equal")
    panel.set_xticks(range(1, blocks + 1))
    panel.set_yticks([*range(1, blocks), blocks + 0.25], [*map(str, range(1, blocks)), f"{blocks}\n(head)"])
    panel.set(xlabel="first block copied, n1", ylabel="last block copied, n2")
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=panel, shrink=0.7, extend="both" if reach > limit else "neither")
    bar.set_label("change of error against direct learning (%)\nblue: transfer helps, red: it harms")
    bar.outline.set_visible(False)
    return figure


def label(panel: Axes, cell: Cell | None, x: float, y: float, limit: float) -> None:
    """Write a cell's change, error and verdict (or number of trials) where its colour lets them be read."""
    if cell is None or cell.change is None:
        words = "not\ntried" if cell is None else "not\nfinite"
        panel.text(x, y, words, ha="center", va="center", color=FAINT, fontsize=9)
        return
    colour = "white" if abs(100 * cell.change) > 0.62 * limit else INK
    mark = MARKS.get(cell.verdict, "")
    note: dict[str, Any] = {"ha": "center", "va": "center", "color": colour}
    panel.text(x, y - 0.24, mark or f"{cell.trials} trial{'s' * (cell.trials > 1)}", fontsize=12 if mark else 8, **note)
    panel.text(x, y + 0.03, f"{100 * cell.change:+.0f} %".replace("-", "−"), fontsize=12.5, weight="bold", **note)
    panel.text(x, y + 0.3, f"{np.nanmean(percents(cell.errors)):.2f} %", fontsize=9, **note)


def outline(panel: Axes, blocks: int) -> None:
    """Stairs round the spans of the paper, which leave the head fresh."""
    x, y = [0.5], [0.5]
    for n in range(1, blocks):
        x += [n + 0.5, n + 0.5]
        y += [n - 0.5, n + 0.5]
    panel.plot([*x, 0.5, 0.5], [*y, blocks - 0.5, 0.5], color=INK, linewidth=2.2, clip_on=False)


def legend(panel: Axes, blocks: int, *, measured: bool) -> None:
    """Explain a cell in the empty half of the map."""
    marks = "✓  helps: the interval lies below 0\n✗  harms: the interval lies above 0\n?  undecided"
    top = marks if measured else "how many trials of the search tried it"
    error = "mean error" if measured else "error of the best trial"
    text = f"In each cell:\n{top}\n% change against direct learning\n{error}\n\n"
    text += f"Outlined: {blocks * (blocks - 1) // 2} spans with a fresh head\nLast row: spans that copy the head too"
    panel.text(0.5 + 0.54 * blocks, 0.5, text, va="top", fontsize=10.5, linespacing=1.5, color=INK)
