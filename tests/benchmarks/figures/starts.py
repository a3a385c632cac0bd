"""How soon graft answers, beside what the libraries take to import that it would otherwise wait for.

Processor time of processes of their own, bytecode compiled beforehand.
"""

import resource
import subprocess
import sys

from figures.beside import Figure, Pair, Side

STACK = "import torch, ray.tune, optuna, mlflow"


def children() -> float:
    """Processor time of the processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def process(*words: str) -> Side:
    """A call of Python with these words."""
    return Side(lambda _: subprocess.run([sys.executable, "-P", *words], check=True, capture_output=True), 1)


def beside(*words: str) -> Pair:
    """Graft, and its libraries alone."""
    return Pair(process(*words), process("-c", STACK))


FIGURES = (
    Figure("start/graft list", "starts", STACK, 10, lambda: beside("-m", "graft", "list"), clock=children),
    Figure("start/import graft", "starts", STACK, 10, lambda: beside("-c", "import graft"), clock=children),
)
