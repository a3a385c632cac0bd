"""The figure of ``graft calibrate``: how often the certificate errs, as repeats come in."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graft.search.proof.statistics import clopper_pearson
from graft.search.report.drawing import (
    CANDIDATE,
    DIRECT,
    INK,
    SHUFFLED,
    Axes,
    Figure,
    canvas,
    png,
    style,
    whole_numbers,
)

Rows = Sequence[Mapping[str, Any]]
CONSTANT, TEACHER = "#CC79A7", "#56B4E9"
WORDS = {
    "unshared": (DIRECT, "source untrained"),
    "permuted": (SHUFFLED, "source taught permuted labels"),
    "constant": (CONSTANT, "source taught a constant and noise"),
    "teacher": (TEACHER, "source taught an unrelated task"),
    "gain": (CANDIDATE, "source that helps"),
}
LINES = {"nulls": ((0.05, "level"), (0.10, "allowed")), "gain": ((0.80, "wanted"),)}


def lines(modes: Mapping[str, Rows]) -> list[str]:
    """The table in Markdown, line by line; arguments as of `calibration`."""
    found = ["| mode | kind | repeats | said transfer | rate | 95 % bound | median reduction | median cost |"]
    found.append("|---|---|---|---|---|---|---|---|")
    for mode, rows in modes.items():
        for row in rows:
            bound = f">= {row['lower']:.1%}" if row["kind"] == "gain" else f"<= {row['upper']:.1%}"
            median = "-" if row["median_reduction"] is None else f"{row['median_reduction']:.1%}"
            repeats = f"{row['repeats']} ({row['failed']} failed)" if row["failed"] else row["repeats"]
            cells = [mode, row["kind"], repeats, row["transfer"], f"{row['rate']:.1%}", bound, median]
            cells.append(f"{row['seconds'] or 0:.0f} s, {row['confirmed']} trainings to confirm")
            found += [f"| {' | '.join(map(str, cells))} |"] if row["repeats"] else []
    return found


def picture(modes: Mapping[str, Rows], level: float) -> bytes:
    """The figure as a PNG, of the modes that have begun; arguments as of `calibration`."""
    with style():
        return png(calibration({mode: rows for mode, rows in modes.items() if any(r["repeats"] for r in rows)}, level))


def calibration(modes: Mapping[str, Rows], level: float) -> Figure:
    """Rate of ``transfer`` by number of repeats: where there is nothing to transfer, and where there is.

    Args:
        modes: By mode of the certificate, what `graft.search.kinds.transfer.calibration.table` tells of each kind.
        level: Of the one-sided Clopper-Pearson bounds, drawn as thin lines: upper where there is nothing, else lower.
    """
    figure, axes = canvas(len(modes), 2, 0.4 + 4.6 * len(modes))
    for (mode, rows), (left, right) in zip(modes.items(), axes, strict=True):
        for row in rows:
            panel: Axes = right if row["kind"] == "gain" else left
            said = np.cumsum(row["said"])
            if not len(said):
                continue
            repeats = np.arange(1, len(said) + 1)
            below, above = np.array(
                [clopper_pearson(int(k), int(n), level) for k, n in zip(said, repeats, strict=True)]
            ).T
            bound, words = (below, "at least") if row["kind"] == "gain" else (above, "at most")
            colour, source = WORDS[row["kind"]]
            label = f"{source}: {said[-1]} of {repeats[-1]}, {words} {bound[-1]:.1%}".replace("%", " %")
            panel.plot(repeats, 100 * said / repeats, color=colour, linewidth=2.4, label=label)
            panel.plot(repeats, 100 * bound, color=colour, linewidth=1, label=f"_{label}")
        for panel, name, title in ((left, "nulls", "nothing to transfer"), (right, "gain", "a true gain")):
            for rate, words in LINES[name]:
                panel.axhline(100 * rate, color=INK, linestyle="--", linewidth=1)
                beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
                panel.annotate(f"{100 * rate:.0f} %\n{words}", (1, 100 * rate), (4, 0), va="center", **beside)
            panel.set_title(f"{mode.capitalize()} mode, {title}")
            panel.set(xlabel="repeats", ylabel="said transfer (%)", ylim=(0, 30) if name == "nulls" else (0, 100))
            whole_numbers(panel.xaxis)
            panel.set_xlim(0, 1 + max(row["repeats"] for row in rows))
            if panel.lines[: -len(LINES[name])]:
                thin = f"thin: one-sided {100 * level:.0f} % bound"
                panel.legend(loc="upper left", bbox_to_anchor=(0, -0.17), title=thin, alignment="left")
    return figure
