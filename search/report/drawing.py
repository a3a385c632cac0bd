"""The canvas of all figures (the one file that imports matplotlib), and the figures of the proof."""

import io
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import cycle
from typing import Any, NamedTuple

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from graft.search.run.certificate import Curve
from graft.search.run.shown import Spectra

# Okabe and Ito's colours, which the colour-blind can tell apart: one for each arm, in all figures.
DIRECT, SAME_RECIPE, SHUFFLED, CANDIDATE, FAILED = "#D55E00", "#E69F00", "#8C5A8C", "#0072B2", "#B00020"
PLACEBO = "#6B7B3A"
INK, FAINT = "#1b1f24", "#8a9099"
LINES = ((0, (6, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)), (0, (10, 3)))
"""Of what is no arm, one style each."""

STYLE = {
    "font.size": 11.5,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e8eb",
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "text.parse_math": False,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 150,
}


def style() -> AbstractContextManager[None]:
    """Matplotlib's own defaults and the house's style, whatever the user's settings are."""
    return matplotlib.style.context(["default", STYLE])


def canvas(rows: int = 1, columns: int = 1, height: float = 4.6, **layout: Any) -> tuple[Figure, np.ndarray]:
    """A figure ten inches wide and its axes, (rows, columns), apart from pyplot's global state."""
    figure = Figure(figsize=(10, height))
    return figure, figure.subplots(rows, columns, squeeze=False, **layout)


def grid(count: int, height: float, **layout: Any) -> tuple[Figure, np.ndarray]:
    """A figure of that many panels, two in a row of that height, and its axes; places left over stay empty."""
    columns = min(2, count)
    rows = -(-count // columns)
    figure, axes = canvas(rows, columns, height * rows, **layout)
    for panel in axes.flat[count:]:
        panel.set_axis_off()
    return figure, axes


def png(figure: Figure) -> bytes:
    """The figure as a PNG that depends on nothing but what was drawn."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def numbers(errors: Sequence[float | None]) -> np.ndarray:
    """Errors as an array; nan where one was not finite."""
    return np.array([np.nan if error is None else error for error in errors], dtype=float)


def percents(errors: Sequence[float | None]) -> np.ndarray:
    """Errors in per cent; nan where one was not finite."""
    return 100 * numbers(errors)


def log_axis(axis: Any, low: float, high: float) -> None:
    """Logarithmic axis of errors, with plain numbers: equal steps are equal relative changes."""
    if low <= 0:  # an error of exactly 0 has no place on a logarithmic axis
        axis.axes.set(**{f"{axis.axis_name}lim": (0, (high or 1) * 1.18)})
        return
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.axes.set(**{f"{axis.axis_name}lim": (low / 1.12, high * 1.18)})
    decades = np.log10(high / low)
    steps = (
        (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
        if decades < 0.7
        else (1, 1.5, 2, 3, 4, 5, 7)
        if decades < 1.2
        else (1, 2, 5)
    )
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def whole_numbers(axis: Any) -> None:
    """Ticks at whole numbers only."""
    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


FAR = 2.0
"""Times the largest error of any arm up to which other errors are drawn beside them."""


class Arm(NamedTuple):
    """One way of learning: its name below the axis, its colour, and its error on each fresh seed (nan: diverged)."""

    label: str
    colour: str
    errors: np.ndarray


def arms(
    panels: Mapping[str, Sequence[Arm]],
    ylabel: str,
    *,
    unit: str = "%",
    beside: Mapping[str, float] | None = None,
    **layout: Any,
) -> Figure:
    """Errors of the arms of a proof on fresh seeds; grey lines join the arms of one seed, bars are means.

    Args:
        panels: The arms of each panel by its title.
        ylabel: What is measured.
        unit: Of errors; those in per cent begin at zero, others spread over decades.
        beside: Errors of what is no arm, by name: a line each, across all panels; its number alone far above all arms.
        **layout: Of the panels, as for `canvas`.
    """
    figure, axes = grid(len(panels), 4.9 if len(panels) < 3 else 4.2, **layout)
    measured = np.concatenate([arm.errors for shown in panels.values() for arm in shown])
    highest = measured.max(initial=0.0, where=np.isfinite(measured))
    for panel, (title, shown) in zip(axes.flat, panels.items(), strict=False):
        most = max(arm.errors.size for arm in shown)  # an arm may end before another
        joined = [np.pad(arm.errors, (0, most - arm.errors.size), constant_values=np.nan) for arm in shown]
        panel.plot(range(len(shown)), joined, color="#c4c8cd", linewidth=0.9, zorder=1)
        labels = []
        for place, arm in enumerate(shown):
            errors = arm.errors[np.isfinite(arm.errors)]
            panel.plot(np.full(errors.size, place), errors, "o", color=arm.colour, markersize=6, alpha=0.75, zorder=2)
            label, lost = [arm.label], arm.errors.size - errors.size
            if errors.size:
                panel.hlines(errors.mean(), place - 0.3, place + 0.3, color=arm.colour, linewidth=2.5, zorder=3)
                label.append(f"{errors.mean():.2f} {unit}")
            labels.append("\n".join([*label, f"({lost} not finite)"] if lost else label))
        for (name, error), line in zip((beside or {}).items(), cycle(LINES), strict=False):
            told, style = f"{name}: {error:.2f} {unit}", {"color": INK, "linestyle": line, "linewidth": 1.2}
            if error > FAR * highest:  # on an axis that reaches so far, arms could not be told from each other
                panel.plot([], [], label=f"{told} (above the axis)", **style)
            else:
                panel.axhline(error, label=told, zorder=1.5, **style)
        panel.set(xticks=range(len(shown)), xticklabels=labels, xlim=(-0.5, len(shown) - 0.5))
        panel.set_title(title)
        panel.grid(visible=False, axis="x")
        if unit != "%":
            seen = np.concatenate([arm.errors for arm in shown])
            log_axis(panel.yaxis, float(np.nanmin(seen)), float(np.nanmax(seen)))
    if unit == "%":  # once all is drawn: panels that share an axis would keep the first one's upper end
        for panel, top in [(panel, panel.get_ylim()[1]) for panel in axes.flat[: len(panels)]]:
            panel.set_ylim(0, 1.04 * top)  # from 0 on, the margin that matplotlib left is less than half a marker
    for panel in axes[:, 0]:
        panel.set_ylabel(ylabel)
    if beside:
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def examples(curve: Curve) -> Figure:
    """Error of direct learning against the number of training examples, and where it meets the candidate's error."""
    figure, axes = canvas(height=4.6)
    panel: Axes = axes[0, 0]
    rows = np.array(curve.rows, dtype=float)
    means = np.array([np.nanmean(percents(errors)) for errors in curve.errors])
    for row, errors in zip(rows, curve.errors, strict=True):
        panel.plot(np.full(len(errors), row), percents(errors), "o", color=DIRECT, alpha=0.35, markersize=5)
    panel.plot(rows, means, "o-", color=DIRECT, markersize=7, label="direct learning, mean over seeds (dots: seeds)")
    goal = 100 * curve.candidate_error
    label = f"transfer with {rows[0]:.0f} examples: {goal:.2f} %"
    panel.axhline(goal, color=CANDIDATE, linestyle="--", linewidth=1.6, label=label)
    panel.plot(rows[0], goal, "D", color=CANDIDATE, markersize=9)
    equal = curve.equivalent_rows
    if equal and not curve.beyond:
        arrow = {"arrowstyle": "->", "color": CANDIDATE, "lw": 2}
        panel.annotate("", (equal, goal), (rows[0] * 1.04, goal), arrowprops=arrow)
        panel.axvline(equal, color=CANDIDATE, linewidth=1, linestyle=":")
        need = f"about {equal:.0f}"
    else:
        equal, need = rows[-1], f"more than {rows[-1]:.0f}"
    words = f"direct learning needs {need} examples for the same error"
    panel.annotate(words, (equal, goal), (-8, -20), textcoords="offset points", ha="right", color=CANDIDATE)
    seen = np.concatenate([percents(errors) for errors in curve.errors])
    log_axis(panel.yaxis, min(np.nanmin(seen), goal) / 1.08, np.nanmax(seen))
    panel.set_xscale("log")
    panel.set_xticks(rows, [f"{row:.0f}" for row in rows])
    panel.set_xticks([], minor=True)
    panel.set(xlabel="training examples of the target task", ylabel="error (%)")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def spectra(recorded: Spectra, learned: str) -> Figure:
    """Exact and predicted spectra of the test examples, as Fig. 2e of Qu et al., and below them prediction - exact.

    Args:
        recorded: Of result.json.
        learned: What the second network is: ``"transfer"``, or ``"candidate"`` where transfer was not proved.
    """
    films = recorded.films
    figure, axes = canvas(2, len(films), 6.2, sharex=True, sharey="row", height_ratios=(2.2, 1))
    known = len(recorded.wavelength_nm) > 0
    wavelength = np.array(recorded.wavelength_nm if known else range(1, len(films[0].exact) + 1))
    points: dict[str, Any] = {} if len(wavelength) > 1 else {"marker": "o"}
    for column, film in enumerate(films):
        above, below = axes[:, column]
        exact, errors = np.array(film.exact), []
        above.plot(wavelength, exact, color="black", linewidth=2.6, label="exact", **points)
        for values, words, colour, line in (
            (film.direct, "direct", DIRECT, "--"),
            (film.transfer, learned, CANDIDATE, "-"),
        ):
            if values is None:
                continue
            predicted = np.array(values)
            scale = np.array(recorded.deviation or np.abs(exact))
            error = 100 * np.mean(np.abs(predicted - exact) / scale)
            errors.append(f"{words} {error:.2f} %")
            above.plot(wavelength, predicted, line, color=colour, linewidth=1.6, label=words, **points)
            below.plot(wavelength, predicted - exact, line, color=colour, linewidth=1.4, **points)
        below.axhline(0, color="black", linewidth=1)
        below.set_xlabel("wavelength (nm)" if known else "output")
        above.set_title(f"Example {column + 1}: {', '.join(errors)}")
    axes[0, 0].set_ylabel(recorded.output)
    axes[0, 0].set_xlim(wavelength[0], max(wavelength[-1], wavelength[0] + 1))
    axes[1, 0].set_ylabel("predicted − exact")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3)
    return figure
