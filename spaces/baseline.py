"""The space of direct learning: how well can the target be learned with no source at all?"""

from dataclasses import replace

from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges, Trial


def suggest(trial: Trial, ranges: Ranges, start: Recipe) -> Plan:
    """Draw a recipe for direct learning, activation and linear part included."""
    activation = trial.suggest_categorical("activation", ranges.activation)
    linear = ranges.linear[0] if len(ranges.linear) == 1 else start.linear
    if len(ranges.linear) > 1:
        linear = trial.suggest_categorical("linear", ranges.linear)
    return Plan(replace(ranges.recipe(trial, start), activation=activation, linear=linear))


def first_guesses(ranges: Ranges, start: Recipe) -> list[dict[str, object]]:
    """Parameters worth trying before anything is known: the study's own recipe, each activation and linear part."""
    parts = [{"linear": linear} for linear in ranges.linear] if len(ranges.linear) > 1 else [{}]
    return [ranges.guess(start) | part | {"activation": each} for part in parts for each in ranges.activation]
