"""States of a user's own: the file that a study of watched states may name, and its copy in the run's folder."""

from dataclasses import replace
from pathlib import Path

from graft.search.tasks.distilled.study import DclStudy, File
from graft.simulators.data import durable
from graft.simulators.data.columns import digest
from graft.simulators.registry import lattice
from graft.simulators.spins.watched import read_states
from graft.spaces.errors import InputError

HELD = 10
"""One state in so many is kept from training, at most."""


def with_states(study: DclStudy, given: object, folder: Path) -> DclStudy:
    """The study with a file of states that were watched elsewhere, all of which are used.

    Args:
        study: Whose system, temperature and sizes hold.
        given: What it says under ``observations``: the path of a .npy or .npz.
        folder: Where a relative path begins.

    Raises:
        InputError: If the file cannot be used, or its states are worth too few independent ones.
    """
    if not isinstance(given, str) or not given:
        raise InputError(f"observations is {given!r}; allowed: the path of a .npy or .npz of states")
    path = (folder / given).resolve()
    seen = read_states(path, lattice(study.system), study.temperature)
    seen.require()
    watched = len(seen.states)
    sizes = replace(study.states, watched=watched, held=max(1, min(study.states.held, watched // HELD)))
    return replace(study, observations=File(path.name, digest(path), str(path)), states=sizes)


def kept(file: File, folder: Path) -> Path:
    """The file's copy in the folder: a proof that rests on a file which may change proves nothing.

    Raises:
        InputError: If the file is not the one that the study began with.
    """
    copy, path = folder / f"observations{Path(file.name).suffix}", Path(file.path)
    if not copy.is_file():
        if digest(path) != file.sha256:
            raise InputError(f"{path} is not the file that this study began with; allowed: that one, or another --out")
        folder.mkdir(parents=True, exist_ok=True)
        durable.write(copy, path.read_bytes())
    if digest(copy) != file.sha256:
        raise InputError(f"{copy} was changed; allowed: the file that this study began with")
    return copy
