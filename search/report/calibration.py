"""The figure of ``graft calibrate``: how often the certificate errs, and how often it finds what is there."""

from collections.abc import Mapping, Sequence
from typing import Any

from graft.search.report.drawing import CANDIDATE, DIRECT, FAINT, INK, Figure, canvas, png, style

Rows = Sequence[Mapping[str, Any]]
LINES = {False: ((0.05, "level"), (0.08, "allowed")), True: ((0.80, "wanted"),)}
"""Rates that were fixed beforehand: of false verdicts, and of true gains that are found."""


def lines(modes: Mapping[str, Rows]) -> list[str]:
    """The table in Markdown, line by line; arguments as of `calibration`."""
    head = ["mode", "what is known of it", "runs", "said transfer", "false", "undecided", "95 % bound"]
    found = [f"| {' | '.join([*head, 'median reduction', 'median cost'])} |", "|---" * (len(head) + 2) + "|"]
    for mode, rows in modes.items():
        for row in (row for row in rows if row["repeats"]):
            bound = f"transfer >= {row['lower']:.1%}" if row["helps"] else f"false <= {row['upper']:.1%}"
            median = "-" if row["median_reduction"] is None else f"{row['median_reduction']:.1%}"
            repeats = f"{row['repeats']} ({row['failed']} failed)" if row["failed"] else row["repeats"]
            cells = [mode, row["words"], repeats, row["transfer"], row["false"], row["undecided"], bound, median]
            cells.append(f"{row['seconds'] or 0:.0f} s, {row['confirmed']} trainings to confirm")
            found.append(f"| {' | '.join(map(str, cells))} |")
    return found


def picture(modes: Mapping[str, Rows], level: float) -> bytes:
    """The figure as a PNG, of the modes that have begun; arguments as of `calibration`."""
    with style():
        return png(calibration({mode: rows for mode, rows in modes.items() if any(r["repeats"] for r in rows)}, level))


def calibration(modes: Mapping[str, Rows], level: float) -> Figure:
    """Rates of false verdicts where there is nothing to transfer, and of ``transfer`` where there is.

    Args:
        modes: By mode of the certificate, what `graft.search.kinds.transfer.calibration.table` tells of each case.
        level: Of the one-sided Clopper-Pearson bounds, to which thin lines reach: upper where there is nothing.
    """
    ratios = {"width_ratios": [1, 1]}
    figure, axes = canvas(len(modes), 2, 0.6 + 4.4 * len(modes), gridspec_kw=ratios)
    for (mode, rows), panels in zip(modes.items(), axes, strict=True):
        for helps, panel in zip((False, True), panels, strict=True):
            shown = [row for row in rows if row["helps"] == helps and row["repeats"]]
            colour, rate = (CANDIDATE, "transfer") if helps else (DIRECT, "false")
            for place, row in enumerate(shown):
                here, there = 100 * row["rate"], 100 * row["lower" if helps else "upper"]
                panel.plot([here, there], [place, place], color=colour, linewidth=1)
                panel.plot([here], [place], "o", color=colour, markersize=6)
                panel.plot([there], [place], "|", color=colour, markersize=9)
            names = [f"{row['words']}\n{row[rate]} of {row['repeats']}" for row in shown]
            panel.set_yticks(range(len(shown)), names, fontsize=8)
            panel.set_ylim(max(1, len(shown)) - 0.5, -0.5)
            for limit, words in LINES[helps]:
                panel.axvline(100 * limit, color=INK, linestyle="--", linewidth=1)
                panel.annotate(
                    f"{100 * limit:.0f} % {words}", (100 * limit, 1), (0, 3), xycoords=("data", "axes fraction"),
                    textcoords="offset points", ha="right" if words == "level" else "left", fontsize=8, color=FAINT,
                )  # fmt: skip
            what = "a true gain" if helps else "nothing worth moving"
            label = "said transfer" if helps else "said transfer, and false"
            panel.set_title(f"{mode.capitalize()} mode, {what}", pad=18)
            panel.set(xlim=(-3, 103) if helps else (-1, None))
            panel.set_xlabel(f"{label} (% of runs)", fontsize=10)
    figure.supxlabel(f"Dot: rate. Tick: one-sided {100 * level:.0f} % bound.", fontsize=9, color=FAINT)
    return figure
