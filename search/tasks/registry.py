"""Tasks by name: ours, and a user's own by ``module:Class``."""

from importlib import import_module

from graft.search.tasks.base import Task
from graft.spaces.errors import InputError, unknown

TASKS = {
    "regression": "graft.search.tasks.regression:Regression",
    "likelihood": "graft.search.tasks.likelihood:Likelihood",
}
"""Where each is; loaded where it is used, for they know torch and Ray."""


def find_task(name: str) -> type[Task]:
    """The task of that name.

    Raises:
        InputError: If there is none, or it cannot be imported, or is no task.
    """
    if name not in TASKS and ":" not in name:
        raise unknown("task", name, TASKS)
    module, _, attribute = TASKS.get(name, name).partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as problem:
        raise InputError(
            f"task {name!r} cannot be imported ({type(problem).__name__}: {problem}); allowed: "
            f"{', '.join(TASKS)}, or an importable module:Class, such as one in a folder on PYTHONPATH"
        ) from problem
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise InputError(f"task {name!r} is no task; allowed: a subclass of graft.search.tasks.base.Task")
    return found
