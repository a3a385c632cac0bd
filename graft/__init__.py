"""graft: which knowledge of one network is worth moving to another physics task, and the proof that it does no harm.

The rooms lie beside this folder and are linked into it, so that a user's own ``models.py`` or ``search.py`` never meets
ours: everything is imported as ``graft.search``, ``graft.models``, ... What Python offers is `graft.search.api`; it is
loaded when it is first asked for, so that importing a room loads no other.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graft.search.api import Result, load, run, studies, study

__all__ = ["Result", "load", "run", "studies", "study"]
__version__ = version("graft")


def __getattr__(name: str) -> object:
    """What `graft.search.api` offers, on first use."""
    if name in __all__:
        from graft.search import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What there is, also before it is loaded."""
    return [*__all__, "__version__"]
