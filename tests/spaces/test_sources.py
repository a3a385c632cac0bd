"""Which source networks there are, and what they are called."""

import re

import pytest
from optuna.trial import FixedTrial

from graft.spaces.errors import InputError
from graft.spaces.sources import Lesson, Sources
from graft.spaces.words import describe_source


def test_one_network_for_each_source_keeps_the_simulators_name() -> None:
    sources = Sources(("film-10", "nano-8"), (5000,), (30,))
    assert sources.lessons() == {"film-10": Lesson("film-10", 5000, 30), "nano-8": Lesson("nano-8", 5000, 30)}
    assert sources.suggest(FixedTrial({"source": "nano-8"})) == "nano-8"


def test_every_combination_has_a_name_of_its_own_and_the_best_taught_comes_first() -> None:
    sources = Sources(("film-10", "film-12"), (500, 5000), (8, 30))
    lessons = sources.lessons()
    assert len(lessons) == 8 and next(iter(lessons)) == "film-10@5000x30"
    for name, lesson in lessons.items():
        drawn = {"source": lesson.source, "source_rows": lesson.rows, "source_epochs": lesson.epochs}
        assert sources.suggest(FixedTrial(drawn)) == name == sources.name(lesson)
    assert sources.first == ["film-10@5000x30", "film-12@5000x30"]
    for name in lessons:
        assert sources.suggest(FixedTrial(sources.guess(name))) == name


def test_what_there_is_no_choice_of_is_not_drawn() -> None:
    trial = FixedTrial({})
    assert Sources(("film-10",), (5000,), (30,)).suggest(trial) == "film-10" and trial.params == {}
    assert Sources(("film-10",), (5000,), (30,)).guess("film-10") == {}


@pytest.mark.parametrize(
    ("names", "rows", "message"),
    [((), (10,), "one source or more"), (("a", "a"), (10,), "each once"), (("a",), (0,), "ranges.source_rows")],
)
def test_no_sources_are_refused(names: tuple[str, ...], rows: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Sources(names, rows, (3,))


def test_a_chain_is_one_more_source_called_by_its_links() -> None:
    chains = (("film-4", "film-6"), ("film-6", "film-4", "film-10"))
    sources = Sources(("film-10", "film-12"), (500, 5000), (8,), (), (0.9, 1.1), chains)
    lessons = sources.lessons()
    assert len(lessons) == 8 and lessons["film-4~film-6@500x8"] == Lesson("film-6", 500, 8, ("film-4",))
    assert lessons["film-6~film-4~film-10@5000x8"].links == ("film-6", "film-4", "film-10")
    assert sources.first[2:] == ["film-4~film-6@5000x8", "film-6~film-4~film-10@5000x8"]
    for name in lessons:
        assert sources.suggest(FixedTrial(sources.guess(name))) == name
    assert [sources.scale(name) for name in sources.first] == [0.9, 1.1, 1.0, 0.9]
    assert describe_source("film-4~film-6@500x8") == "film-4, then film-6 (500 examples, 8 epochs)"


@pytest.mark.parametrize(
    ("chains", "message"),
    [
        ([("a",)], "chains has ['a']; allowed: lists of two sources or more"),
        ([()], "chains has []; allowed: lists of two sources or more"),
        ([("a", "b"), ("a", "b")], "chains is [['a', 'b'], ['a', 'b']]; allowed: each once"),
        ([("b", "c")], "chains is [['b', 'c']]; allowed: each once, none called as a source"),
    ],
)
def test_chains_that_teach_nothing_new_are_refused(chains: list[tuple[str, ...]], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        Sources(("a", "b~c"), (10,), (3,), chains=tuple(chains))
