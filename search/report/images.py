"""What a run learned of images: which classes are taken for which, how sure that is, and what restored images show."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graft.search.report.drawing import CANDIDATE, DIRECT, FAINT, INK, SAME_RECIPE, SHUFFLED, Figure, canvas, log_axis
from graft.search.report.section import Figures, Table
from graft.search.report.words import NOTHING, percent
from graft.search.run.results import TransferResults
from graft.search.run.shown import Classes, Quality, Restored

NAMES = {
    "seen": "as seen",
    "wiener": "Wiener’s filter",
    "richardson-lucy": "Richardson-Lucy",
    "direct": "direct learning",
    "true": "truth",
}
"""What images are called; `named` adds transfer."""
COLOURS = {
    "seen": FAINT,
    "wiener": SAME_RECIPE,
    "richardson-lucy": SHUFFLED,
    "direct": DIRECT,
    "transfer": CANDIDATE,
}
FAINTEST = 1e-3
"""Power, in that of the truth, down to which spectra are drawn."""
WIDTH = 8.6
"""Inches that images beside one another may take."""
COHERENT = 0.5
"""Share of power that may be incoherent with the truth up to which a scale counts as resolved."""
LIGHT = 0.55
"""Share of a row from which counts are written in white."""


def named(run: TransferResults) -> Mapping[str, str]:
    """What everything is called on the page of a run."""
    return NAMES | {"transfer": "transfer" if run.proved else "the candidate"}


@dataclass(frozen=True)
class Sorting:
    """How many of the test images are taken for something else; ``images`` is how many there are."""

    errors: Table
    images: int


def classes(run: TransferResults) -> Sorting | None:
    """Tell the error rates of each network."""
    told = run.result.classes
    if not told:
        return None
    rows = [[named(run)[name], percent(one.error_rate, 1)] for name, one in told.networks.items()]
    some = next(iter(told.networks.values()))
    return Sorting(Table(["network", "images taken for another class"], rows), int(np.sum(some.confusion)))


def classes_figures(run: TransferResults) -> Figures:
    """Draw confusion matrices and reliability."""
    told = run.result.classes
    return {"confusion": confusion(told, named(run)), "reliability": reliability(told, named(run))} if told else {}


def confusion(told: Classes, names: Mapping[str, str]) -> Figure:
    """Counts of test images by exact class and by what each network takes them for, coloured by share of the row.

    Classes of which there is no image, and for which none is taken, are left out.
    """
    counts = {name: np.array(one.confusion) for name, one in told.networks.items()}
    whole = np.sum(list(counts.values()), 0)
    kept = np.flatnonzero(whole.sum(0) + whole.sum(1))
    labels = [told.names[one] for one in kept]
    figure, axes = canvas(1, len(counts), 1.9 + 0.62 * len(kept), sharey=True)
    for panel, (name, table) in zip(axes[0], counts.items(), strict=True):
        table = table[np.ix_(kept, kept)]
        share = table / np.maximum(table.sum(1, keepdims=True), 1)
        panel.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for row, column in np.ndindex(table.shape):
            colour = "white" if share[row, column] > LIGHT else INK if table[row, column] else FAINT
            panel.text(column, row, f"{table[row, column]:,}", ha="center", va="center", color=colour)
        wrong = percent(told.networks[name].error_rate, 1)
        panel.set_title(f"{names[name]}: {wrong} wrong")
        panel.set_xticks(range(len(kept)), labels, rotation=30, ha="right")
        panel.set_xlabel("taken for")
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0)
    axes[0, 0].set_yticks(range(len(kept)), labels)
    axes[0, 0].set_ylabel("what it is")
    return figure


def reliability(told: Classes, names: Mapping[str, str]) -> Figure:
    """Share of right answers against the probability that a network told of them; numbers say how many images."""
    figure, axes = canvas(1, len(told.networks), 4.6, sharex=True, sharey=True)
    for panel, (name, one) in zip(axes[0], told.networks.items(), strict=True):
        panel.axline((0, 0), slope=1, color=INK, linewidth=1)
        sure, right = ([100 * getattr(part, key) for part in one.reliability] for key in ("told", "right"))
        panel.plot(sure, right, "o-", color=COLOURS[name], markersize=8)
        for x, y, part in zip(sure, right, one.reliability, strict=True):
            panel.annotate(f"{part.images:,}", (x, y), (9, -13), textcoords="offset points", color=INK, fontsize=9.5)
        panel.set(xlim=(0, 104), ylim=(0, 104), title=names[name], xlabel="probability told (%)")
    axes[0, 0].set_ylabel("of these are right (%)")
    return figure


@dataclass(frozen=True)
class Restoring:
    """How alike restored and true images are, over all and by r0.

    ``iterations`` of Richardson-Lucy are 0 where it was not run.
    """

    quality: Table
    by_r0: Table
    iterations: int


def restoration(run: TransferResults) -> Restoring | None:
    """List the quality of what each way of restoring gives."""
    told = run.result.restoration
    if not told:
        return None
    names = named(run)
    pixel = told.pixel_arcsec
    rows = [[names[name], *_worth(one, pixel)] for name, one in told.quality.items()]
    seeings = [
        [f"{names[name]}, r0 = {100 * seeing.r0:g} cm", *_worth(one, pixel)]
        for seeing in told.by_r0
        for name, one in seeing.quality.items()
    ]
    head = ["images", "error, in deviations of the true one", "PSNR (dB)", "SSIM", "spectral error", "resolves"]
    return Restoring(Table(head, rows), Table(head, seeings), told.iterations)


def _worth(one: Quality, pixel: float) -> list[str]:
    """Error, PSNR, SSIM, how far the power spectrum is off, and the finest scale of which half goes with the truth."""
    off = float(np.mean(np.abs(np.array(one.power) - 1)))
    rings = len(one.incoherent)
    resolved = next((ring for ring, share in enumerate(one.incoherent) if share > COHERENT), rings)
    finest = f"{2 * rings * pixel / resolved:.2f}″" if resolved else NOTHING
    return [percent(one.error, 1), f"{one.psnr_db:.2f}", f"{one.ssim:.3f}", percent(off), finest]


def restoration_figures(run: TransferResults) -> Figures:
    """Draw the first test images, restored in each way, and power spectra."""
    told = run.result.restoration
    return {"restored": restored(told, named(run)), "power": power(told, named(run))} if told else {}


def restored(told: Restored, names: Mapping[str, str]) -> Figure:
    """The first test images before and after, in one scale of grey each, and below them what is off the truth."""
    ways = [name for name in names if name in told.images and name != "true"]
    images = {name: np.array(told.images[name]) for name in (*ways, "true")}
    count, side = images["true"].shape[0], images["true"].shape[-1] * told.pixel_arcsec
    height = count * (2 * WIDTH / (len(ways) + 1) + 0.6)
    figure, axes = canvas(2 * count, len(ways) + 1, height, sharex=True, sharey=True)
    for number in range(count):
        true = images["true"][number]
        low, high = np.percentile(true, (0.5, 99.5))
        reach = float(np.percentile(np.abs(images[ways[0]][number] - true), 99.5))
        looks = {"extent": (0, side, 0, side), "origin": "lower"}
        for column, name in enumerate((*ways, "true")):
            above, below = axes[2 * number : 2 * number + 2, column]
            grey = above.imshow(images[name][number], cmap="gray", vmin=low, vmax=high, **looks)
            if not number:
                above.set_title(names[name], fontsize=10.5)
            if name == "true":
                below.set_axis_off()
                continue
            off = images[name][number] - true
            coloured = below.imshow(off, cmap="RdBu_r", vmin=-reach, vmax=reach, **looks)
            below.set_xlabel(f"{percent(_relative(off, true))} off", fontsize=10)
        for row, shown, label in ((0, grey, "intensity"), (1, coloured, "less truth")):
            bar = figure.colorbar(shown, ax=axes[2 * number + row, :], shrink=0.85, aspect=12, pad=0.01)
            bar.set_label(label, fontsize=9.5)
            bar.ax.tick_params(labelsize=8.5)
            bar.outline.set_visible(False)
            axes[2 * number + row, 0].set_ylabel("arc seconds", fontsize=9.5)
    for panel in axes.flat:
        panel.grid(visible=False)
        panel.tick_params(labelsize=8.5)
    return figure


def power(told: Restored, names: Mapping[str, str]) -> Figure:
    """Azimuthal means of power spectra over all test images, in that of the truth, and the incoherent share."""
    figure, axes = canvas(1, 2, 4.6, sharex=True)
    left, right = axes[0]
    for name in (name for name in names if name in told.quality):
        one = told.quality[name]
        frequency = np.arange(1, len(one.power) + 1) / (2 * len(one.power) * told.pixel_arcsec)
        look = {"color": COLOURS[name], "linewidth": 2.2, "label": names[name]}
        left.plot(frequency, one.power, **look)
        right.plot(frequency, 100 * np.array(one.incoherent), **look)
    left.axhline(1, color=INK, linewidth=1)
    shown = [value for one in told.quality.values() for value in one.power]
    log_axis(left.yaxis, max(min(shown), FAINTEST), max(shown))
    left.set(ylabel="power / power of the truth", xlabel="cycles per arc second")
    right.set(ylim=(0, 102), ylabel="of it incoherent with the truth (%)", xlabel="cycles per arc second")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=5, columnspacing=1.2)
    return figure


def _relative(off: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Root mean square of what is off, in deviations of the true image."""
    return float(np.sqrt(np.mean(off**2)) / true.std())
