"""The report of a run: one self-contained page and its figures, drawn from recorded results alone."""

import base64
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from graft.search.report.drawing import png, style
from graft.search.report.section import Page, Recorded
from graft.search.report.words import NOTHING, plain


def write(folder: Path, page: Page[Recorded]) -> Path:
    """Draw the report of a run, finished or not, into ``folder/report``.

    Args:
        folder: Of the run.
        page: Of its kind of study.

    Returns:
        The page, ``folder/report/index.html``.

    Raises:
        InputError: If the folder holds no run, or a record that cannot be read.
    """
    run = page.results.open(folder)
    with style():
        images = {name: png(figure) for section in page.sections for name, figure in section.figures(run).items()}
    with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as temporary:
        fresh = Path(temporary, "fresh")
        fresh.mkdir()
        for name, image in images.items():
            Path(fresh, f"{name}.png").write_bytes(image)
        Path(fresh, "index.html").write_text(render(run, images, page), encoding="utf-8")
        report = Path(folder, "report")
        if report.exists():
            os.replace(report, Path(temporary, "old"))
        os.replace(fresh, report)
    return report / "index.html"


def figures(folder: Path) -> dict[str, Path]:
    """Find the figures that `write` left in a run's folder, by name."""
    return {path.stem: path for path in sorted(Path(folder, "report").glob("*.png"))}


def render(run: Recorded, images: Mapping[str, bytes], page: Page[Recorded]) -> str:
    """Write the whole page, self-contained.

    Args:
        run: What the folder recorded.
        images: PNG of each figure that could be drawn, by name.
        page: Of its kind of study.
    """
    study = run.study
    subtitle = [
        study.name,
        study.scale and f"{study.scale} scale",
        f"seed {NOTHING if study.seed is None else study.seed}",
    ]
    subtitle += [f"{plain(study.rows['pool'])} target examples in all"] if "pool" in study.rows else []
    templates = FileSystemLoader(Path(__file__).with_name("templates"))
    pages = Environment(
        loader=templates, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return pages.get_template("page.html.j2").render(
        title=study.title or study.name or "graft",
        subtitle=" · ".join(filter(None, subtitle)),
        images={name: base64.b64encode(image).decode("ascii") for name, image in images.items()},
        parts=[(one.template, view) for one in page.sections if (view := one.view(run)) is not None],
    )
