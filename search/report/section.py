"""What a page is made of: sections, each a view in a template with its figures, and tables of text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from graft.search.report.drawing import Figure
from graft.search.run.results import Results

Figures = Mapping[str, Figure]
Recorded = TypeVar("Recorded", bound=Results)
Shown = TypeVar("Shown", bound=Results, contravariant=True)


def no_figures(run: Results) -> Figures:
    """Draw nothing."""
    return {}


@dataclass(frozen=True)
class Section(Generic[Shown]):
    """One part of a run's page.

    Attributes:
        name: Its template is ``templates/NAME.html.j2``.
        view: Builds what the template shows as ``view``; None where there is nothing to show.
        figures: Draws its figures, by the names under which the template shows them.
    """

    name: str
    view: Callable[[Shown], object | None]
    figures: Callable[[Shown], Figures] = no_figures

    @property
    def template(self) -> str:
        """The file in ``templates/``."""
        return f"{self.name}.html.j2"


@dataclass(frozen=True)
class Page(Generic[Recorded]):
    """What a kind of study shows of what its folder has recorded, in order."""

    results: type[Recorded]
    sections: Sequence[Section[Recorded]]


@dataclass(frozen=True)
class Table:
    """A table of text; the first cell of a row names it. Without rows it counts as false."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __bool__(self) -> bool:
        return bool(self.rows)
