"""The space of direct learning: how well can the target be learned with no source at all?"""

from dataclasses import replace

from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges, Trial


def suggest(trial: Trial, ranges: Ranges, start: Recipe) -> Plan:
    """Draw a recipe for direct learning, activation included."""
    activation = trial.suggest_categorical("activation", ranges.activation)
    return Plan(replace(ranges.recipe(trial, start), activation=activation))


def first_guesses(ranges: Ranges, start: Recipe) -> list[dict[str, object]]:
    """Parameters worth trying before anything is known: the study's own recipe, with each activation."""
    return [ranges.guess(start) | {"activation": activation} for activation in ranges.activation]
