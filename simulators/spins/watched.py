"""Watched states as data sets: drawn into shards by Ray actors, or brought in a file.

Rows of a shard hold a state, packed in bits where q = 2 (bit k of the row, from the lowest of the first byte, is site k
in raster order; set where the spin has the second value of the alphabet) and else as int8. Each shard has chains of its
own, so shards are independent of each other.
"""

from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graft.simulators.base import Simulator, tensor_field
from graft.simulators.data.dataset import Dataset
from graft.simulators.data.shards import Progress, generate
from graft.simulators.spins.autocorrelation import effective_size
from graft.simulators.spins.lattice import SpinModel
from graft.simulators.spins.sampling import Observations, sample
from graft.simulators.spins.tempering import order
from graft.spaces.errors import InputError, number

SHARD_ROWS = 100_000
SAMPLING = ("burnt", "gap", "autocorrelation_sweeps", "worth")


class Watched(Simulator):
    """States of a model at one temperature.

    Args:
        model: Any.
        temperature: Above 0, in the units of its couplings over k_B.
        exchange: Use replica exchange from the start.

    Raises:
        InputError: If the temperature is not above 0.
    """

    judged_on = "newly watched states of"

    def __init__(self, model: SpinModel, temperature: float, exchange: bool = False) -> None:
        number("temperature", temperature, 0, above=True)
        self.model, self.temperature, self.exchange = model, float(temperature), exchange
        self.name = f"{model.name}-T{self.temperature!r}{'-exchange' * exchange}"
        bits = model.q == 2
        states = tensor_field(
            "states",
            -(-model.sites // 8) if bits else model.shape,
            "input",
            "1",
            f"{model.name}, one bit a site" if bits else f"{model.name}, one value a site",
            "uint8" if bits else "int8",
        )
        self.schema = pa.schema(
            [states, tensor_field("sampling", len(SAMPLING), "aside", "1", ", ".join(SAMPLING) + " of the shard")]
        )

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, NDArray]:
        """Watch ``n`` states.

        Raises:
            InputError: If the model does not come to equilibrium.
        """
        seen = sample(self.model, self.temperature, n, rng, exchange=self.exchange)
        sampling = [seen.burnt, seen.gap, seen.autocorrelation_sweeps, seen.effective / n]
        return {"states": pack(self.model, seen.states), "sampling": np.tile(sampling, (n, 1))}


def pack(model: SpinModel, states: NDArray[np.int8]) -> NDArray:
    """States (n, *shape) as rows of a shard: uint8 (n, bytes) for q = 2, else int8 as they are."""
    if model.q > 2:
        return states
    return np.packbits(model.index(states).reshape(len(states), model.sites), axis=1, bitorder="little")


def unpack(model: SpinModel, rows: NDArray) -> NDArray[np.int8]:
    """States (n, *shape) of rows that `pack` made."""
    if model.q > 2:
        return rows
    index = np.unpackbits(rows, axis=1, count=model.sites, bitorder="little")
    return model.states(index).reshape(len(rows), *model.shape)


def watch(
    model: SpinModel,
    temperature: float,
    n: int,
    seed: Sequence[int],
    folder: str | Path,
    *,
    exchange: bool = False,
    shard_rows: int = SHARD_ROWS,
    actors: int = 2,
    progress: Progress | None = None,
) -> Observations:
    """Watch ``n`` states, keeping them in ``folder``: what is there is not drawn again.

    Args:
        model: Any.
        temperature: Above 0.
        n: Number of states.
        seed: As in `graft.simulators.data.shards.generate`.
        folder: Of the data set.
        exchange: Use replica exchange from the start.
        shard_rows: Rows of each shard; each comes to equilibrium anew.
        actors: Ray actors.
        progress: Called with rows done and rows wanted.

    Raises:
        InputError: If an argument is out of range, or the folder holds something else.
        RuntimeError: If Ray is not running, or a shard could not be written.
    """
    watched = Watched(model, temperature, exchange)
    data = generate(watched, seed, n, folder, shard_rows=shard_rows, actors=actors, progress=progress)
    return observations(data, watched)


def observations(data: Dataset, watched: Watched) -> Observations:
    """The states of a data set, and what they are worth.

    Raises:
        InputError: If the data set is of something else.
    """
    if data.manifest.simulator != watched.name:
        raise InputError(f"{data.folder} holds {data.manifest.simulator}; allowed: {watched.name}")
    states = unpack(watched.model, data.column("states"))
    sampling = data.column("sampling").astype(np.float64)
    burnt, gap, tau, _ = sampling.max(0)
    return Observations(
        states,
        watched.model.name,
        watched.temperature,
        "shards",
        int(burnt),
        int(gap),
        float(tau),
        int(np.floor(sampling[:, 3].sum() + 1e-3)),
    )


def read_states(path: str | Path, model: SpinModel, temperature: float) -> Observations:
    """States that were watched elsewhere, in the order in which they were.

    What they are worth is measured from that order: states that follow each other too closely show it. States in
    another order than that of time seem to be worth more than they are.

    Args:
        path: A .npy, or an .npz with one array or one called ``states``: (n, *shape) or (n, sites), of the alphabet.
        model: Whose lattice and alphabet they have; its couplings are not used.
        temperature: At which they were watched.

    Raises:
        InputError: Naming row and value, if the file cannot be used.
    """
    number("temperature", temperature, 0, above=True)
    states = stored(path, model)
    index = model.index(states)
    axes = range(1, index.ndim)
    alike = np.mean([(index == np.roll(index, 1, axis)).mean(tuple(axes)) for axis in axes], axis=0)
    flat = index.reshape(len(index), -1)
    # Whatever never changes, be it one site, says nothing of independence: its system was frozen or never watched.
    frozen = bool((flat == flat[0]).all(0).any())
    effective = 1.0 if frozen else min(effective_size(series) for series in (alike, order(flat, model.q)))
    return Observations(states, model.name, temperature, "file", 0, 1, len(states) / (2 * effective), int(effective))


def stored(path: str | Path, model: SpinModel) -> NDArray[np.int8]:
    """States (n, *shape) of a file; arguments as of `read_states`.

    Raises:
        InputError: Naming row and value, if the file cannot be used.
    """
    given = _array(Path(path))
    if given.dtype.kind not in "iufb" or given.ndim < 2 or given.shape[1:] not in (model.shape, (model.sites,)):
        raise InputError(
            f"{path} holds {given.dtype} of shape {given.shape}; allowed: numbers of shape "
            f"(n, {', '.join(map(str, model.shape))}) or (n, {model.sites})"
        )
    flat = given.reshape(len(given), model.sites)
    bad = np.argwhere(~np.isin(flat, model.alphabet))
    if len(bad):
        row, site = bad[0]
        place = ", ".join(str(int(i)) for i in np.unravel_index(site, model.shape))
        raise InputError(
            f"{path}, row {row} (counted from 0), site ({place}) is {flat[row, site]}; "
            f"allowed: {', '.join(map(str, model.alphabet))}"
        )
    if not len(flat):
        raise InputError(f"{path} has no rows; allowed: one state or more")
    return flat.astype(np.int8).reshape(-1, *model.shape)


def _array(path: Path) -> NDArray:
    """The one array of a file.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            name = loaded.files[0] if len(loaded.files) == 1 else "states"
            return loaded[name]
    except KeyError:
        raise InputError(
            f"{path} holds {', '.join(loaded.files) or 'nothing'}; allowed: an array called states"
        ) from None
    except (OSError, ValueError, EOFError, BadZipFile) as problem:
        raise InputError(f"{path}: {problem}; allowed: a .npy or .npz of plain arrays, none pickled") from None
