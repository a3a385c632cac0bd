"""One live line: what goes on, how far it is, the best so far against direct learning, the time left."""

import math
import time
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from graft.search.engine.search import Search

PLAIN = 15.0
"""Seconds between lines where there is no terminal."""
FIRST = 5
"""Trainings after which the pace of a run is told, and then whenever there are twice as many."""


@dataclass(frozen=True)
class Expected:
    """What was told of a run before it began, to be told again by the pace of its first trainings.

    Attributes:
        searching: Seconds of its searches.
        trainings: In them; 0 where they are not alike, so that the first tell nothing of the others.
        rest: Seconds of everything else, at most.
        limit: Seconds after which its searches end all the same.
        after: Trainings in the rest that are like those of the searches, as many as are to be expected; 0 where that
            is not known: then all of the rest goes at the pace of the searches.
        others: Seconds of what is no such training, where that is known.
    """

    searching: float
    trainings: int
    rest: float
    limit: float = math.inf
    after: float = 0.0
    others: float = 0.0

    @property
    def seconds(self) -> float:
        """Of the whole run."""
        return min(self.searching, self.limit) + self.rest

    def left(self, done: int, each: float) -> float:
        """Seconds left after ``done`` trainings, where each further one takes so long."""
        searching = min(each * max(0, self.trainings - done), self.limit)
        if self.after:
            return searching + each * self.after + self.others
        return searching + self.rest * each * self.trainings / self.searching


def in_words(duration: float) -> str:
    """A duration as people say it."""
    if duration < 90:
        return f"{duration:.0f} s"
    return f"{duration / 60:.0f} minutes" if duration < 5400 else f"{duration / 3600:.1f} hours"


class Pace:
    """How fast the trainings of a run's searches end; the first of each search may have waited for a worker to start.

    Args:
        expected: What was told before the run began.
    """

    def __init__(self, expected: Expected) -> None:
        self.expected, self.tell = expected, FIRST
        self.done, self.timed, self.seconds = 0, 0, 0.0
        self.before: tuple[int, float] | None = None

    def ended(self, used: int, already: int, now: float) -> str:
        """A search has ``used`` so many trainings; what is worth telling, '' if nothing is.

        Args:
            used: Trainings of the search.
            already: When it began, or was gone on with.
            now: Seconds.
        """
        before, self.before = self.before, (used, now)
        if before is None:
            self.done += used - already
            return ""
        self.done += used - before[0]
        self.timed += used - before[0]
        self.seconds += now - before[1]
        if self.timed < self.tell:
            return ""
        self.tell *= 2
        left = self.expected.left(self.done, self.seconds / self.timed)
        return f"by the first {self.done} trainings about {in_words(left)} more"


class Progress:
    """Shows one live line on a terminal, plain lines elsewhere; if ``quiet`` nothing but warnings."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet)
        self.live = self.console.is_terminal and not quiet
        self.name, self.total, self.done, self.began, self.shown = "", 0, 0, time.monotonic(), 0.0
        self.search: Search | None = None
        self.first: int | None = None
        self.bars: Bars | None = None
        self.task: Any = None
        self.pace: Pace | None = None

    def expect(self, expected: Expected) -> None:
        """What was told before the run began; its first trainings will tell better, where they are alike."""
        self.pace = Pace(expected) if expected.trainings else None

    def phase(self, name: str, total: int) -> None:
        """A phase begins; ``total`` is what it counts up to, 0 if unknown."""
        self.close()
        self.name, self.total, self.done, self.search, self.first = name, total, 0, None, None
        self.began = time.monotonic()
        if self.pace:
            self.pace.before = None
        if self.live:
            columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[note]}"))
            self.bars = Bars(*columns, TimeElapsedColumn(), console=self.console)
            self.bars.start()
            self.task = self.bars.add_task(name, total=total or None, note="")
        else:
            self._plain(always=True)

    def follow(self, search: Search) -> None:
        """The phase is a search: count its trainings."""
        self.search = search
        self.first = search.used
        self.closed()

    def count(self, done: int, total: int) -> None:
        """``done`` of ``total`` so far."""
        self.done, self.total = done, total
        if self.first is None:
            self.first = done
        self._show()

    def closed(self) -> None:
        """A trial ended."""
        if self.search is not None:
            self.count(self.search.used, self.search.budget.trainings)
            if self.pace and self.search.used > (self.first or 0):
                told = self.pace.ended(self.search.used, self.first or 0, time.monotonic())
                if told:
                    self.say(told)

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """A line that stays, quiet or not: what a program reads is on the other stream."""
        console = Console(stderr=True) if self.console.quiet else self.console
        console.print(f"warning: {text}", highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """End the live line."""
        if self.bars is not None:
            self._show()
            self.bars.stop()
            self.bars = None
        elif self.name and not self.live and self.note():
            self._plain(always=True)
        self.name = ""

    def note(self) -> str:
        """What the line says after the bar."""
        if self.search is None:
            return f"{self.done:,}/{self.total:,}{self._left()}" if self.total else ""
        standing, budget = self.search.standing(), self.search.budget
        done, stopped = ("with all seeds", "with fewer") if budget.finalists else ("done", "stopped")
        text = f"{self.done}/{self.total} {budget.unit}, trials: {standing.states['complete']} {done}"
        text += f", {standing.states['pruned']} {stopped}, {standing.states['failed']} failed"
        if standing.best:
            text += f"; best {standing.best}" + (f" against {standing.reference}" if standing.reference else "")
        return text + self._left()

    def _left(self) -> str:
        """Time left in the phase, from what was done since it was entered."""
        begun = self.done - (self.first or 0)
        if begun <= 0 or self.done >= self.total:
            return ""
        return f"; about {(time.monotonic() - self.began) / begun * (self.total - self.done):.0f} s left"

    def _show(self) -> None:
        if self.bars is not None:
            self.bars.update(self.task, completed=self.done, total=self.total or None, note=self.note())
        else:
            self._plain()

    def _plain(self, always: bool = False) -> None:
        now = time.monotonic()
        if self.live or (not always and now - self.shown < PLAIN):
            return
        self.shown = now
        note = self.note()
        self.say(f"{self.name}: {note}" if note else self.name)
