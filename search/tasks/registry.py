"""Tasks by name: ours, those of packages, and a user's own by ``module:Class``."""

from importlib import import_module

from graft.search.tasks.base import Task
from graft.spaces.errors import InputError
from graft.spaces.installed import foreign, located

TASKS = {
    "regression": "graft.search.tasks.regression:Regression",
    "likelihood": "graft.search.tasks.likelihood:Likelihood",
}
"""Where each is; loaded where it is used, for they know torch and Ray."""
ALONE = {
    "images": "graft.search.tasks.images:Images",
    "images-error-rate": "graft.search.tasks.images:ImagesByRate",
    "restoration": "graft.search.tasks.restoration:Restoration",
}
"""The same of tasks that need no settings of their own and refuse by themselves what they cannot use."""


def alone(name: str) -> bool:
    """Whether a task needs no settings of its own: one of `ALONE`, a package's, or a user's own."""
    return name in ALONE or (name not in TASKS and foreign("task", name))


def find_task(name: str) -> type[Task]:
    """The task of that name.

    Raises:
        InputError: If there is none, or it cannot be imported, or is no task.
    """
    known = TASKS | ALONE
    module, _, attribute = located("task", name, known).partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as problem:
        raise InputError(
            f"task {name!r} cannot be imported ({type(problem).__name__}: {problem}); allowed: "
            f"{', '.join(known)}, or an importable module:Class, such as one in a folder on PYTHONPATH"
        ) from problem
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise InputError(f"task {name!r} is no task; allowed: a subclass of graft.search.tasks.base.Task")
    return found
