"""The report of a run: one self-contained page and its figures, drawn from recorded results alone."""

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from search.records.leaderboard import finite, leaderboard, trials
from search.records.results import Results, read
from search.report import drawing as draw
from search.report import energies, page, races, sharing, spans, watching
from search.report.words import blocks

__all__ = ["figures", "leaderboard", "read", "write"]

SECTIONS = {"sharing": sharing.SECTIONS, "watching": watching.SECTIONS, "transfer": page.SECTIONS}


def write(folder: Path) -> Path:
    """Draw the report of a run, finished or not, into ``folder/report``.

    Returns:
        The page, ``folder/report/index.html``.

    Raises:
        Refusal: If the folder holds no run, or a record that cannot be read.
    """
    run = read(folder)
    images = drawn(run)
    with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as temporary:
        fresh = Path(temporary, "fresh")
        fresh.mkdir()
        for name, image in images.items():
            Path(fresh, f"{name}.png").write_bytes(image)
        Path(fresh, "index.html").write_text(page.render(run, images, SECTIONS[kind(run)]), encoding="utf-8")
        report = Path(folder, "report")
        if report.exists():
            os.replace(report, Path(temporary, "old"))
        os.replace(fresh, report)
    return report / "index.html"


def figures(folder: Path) -> dict[str, Path]:
    """The figures that `write` left in a run's folder, by name."""
    return {path.stem: path for path in sorted(Path(folder, "report").glob("*.png"))}


def drawn(run: Results) -> dict[str, bytes]:
    """PNG of each figure for which something is recorded."""
    pictures = {"sharing": sharing.pictures, "watching": watching.pictures, "transfer": transfer_pictures}[kind(run)]
    with draw.style():
        return {name: draw.png(picture()) for name, picture in pictures(run).items()}


def kind(run: Results) -> str:
    """Which kind of study: of several tasks learned together, of energies from watched states, or of transfer."""
    return "sharing" if "tasks" in run.study else "watching" if "system" in run.study else "transfer"


def transfer_pictures(run: Results) -> dict[str, Callable[[], draw.Figure]]:
    """The figures of a transfer study for which something is recorded."""
    result = run.result
    pictures: dict[str, Callable[[], draw.Figure]] = {}
    proof = result.get("confirmation") or {}
    if proof.get("arms") and proof.get("candidates"):
        pictures["arms"] = lambda: draw.arms(proof, headings(run))
    target = str(run.study.get("target"))
    for i, source in enumerate(spans.sources(result, run.map), 1):
        pictures[f"layers-{i}"] = partial(spans.layers, result, run.map, source, target)
        pictures[f"map-{i}"] = partial(spans.span_map, result, run.map, source)
    if (result.get("spectra") or {}).get("films"):
        learned = "transfer" if run.proved else "candidate"
        pictures["spectra"] = lambda: draw.spectra(result["spectra"], learned)
    if result.get("energies"):
        told = {page.MODELS[name]: account for name, account in result["energies"].items()}
        pictures["energies"] = partial(energies.levels, told, [energies.ARMS[name] for name in result["energies"]])
    if trials(result, "baseline") or trials(result, "plans"):
        pictures["race"] = lambda: races.race(result)
    curve = result.get("examples")
    if curve and all(finite(errors) for errors in curve["errors"]):
        pictures["examples"] = lambda: draw.examples(curve)
    if any((result.get("importance") or {}).values()):
        pictures["importance"] = lambda: races.importance(result["importance"])
    if run.cost.get("timeline"):
        pictures["timeline"] = lambda: races.timeline(run.cost["timeline"])
    return pictures


def headings(run: Results) -> list[str]:
    """Title of each candidate's panel: what it copies and, once there is a certificate, its verdict."""
    titles = []
    for index, candidate in enumerate(run.result["confirmation"]["candidates"], 1):
        verdict = run.candidates[index - 1].get("decision") if index <= len(run.candidates) else None
        words = {"transfer": ": proved", "direct": ": not proved"}.get(str(verdict), "")
        titles.append(f"Candidate {index}, {blocks(candidate['plan'])}{words}")
    return titles
