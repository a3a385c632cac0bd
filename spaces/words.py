"""The words of studies and plans: sizes, lists of names, numbers of layers, names of sources."""

import re
from collections.abc import Sequence
from typing import Literal

SCALES = ("demo", "paper")
"""Sizes that a study comes in."""
OWN: Literal["own"] = "own"
"""The activation of a network of a user's own: whatever its code says, nothing to be searched."""
LINK = "~"
"""Between the sources of a chain, in the name of its network."""
WEIGHTS = (".safetensors", ".pt", ".pth")
"""What the name of a source ends in that is a file of weights."""


def join_names(names: Sequence[str]) -> str:
    """Join names as people list them: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def describe_layers(numbers: Sequence[int]) -> str:
    """Name layers by their numbers, in order: "layer 2", "layers 1 to 3 and 6"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return f"layer{'s' * (len(numbers) > 1)} {join_names(words)}"


def describe_source(name: str) -> str:
    """Name a source network: ``film-10@5000x30`` is "film-10 (5,000 examples, 30 epochs)".

    A watched system is told with its temperature: ``ising-8x8@4`` is "ising-8x8 at T = 4"; a chain with its links:
    ``film-4~film-6`` is "film-4, then film-6".
    """
    lesson = re.fullmatch(r"(.+)@(\d+)x(\d+)", name)
    if lesson:
        return f"{describe_source(lesson[1])} ({int(lesson[2]):,} examples, {lesson[3]} epochs)"
    if LINK in name:
        return ", then ".join(map(describe_source, name.split(LINK)))
    system, at, temperature = name.partition("@")
    return f"{system} at T = {temperature}" if at else name
