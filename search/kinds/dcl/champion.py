"""The energy that a run has learned, at work: of any states, at any temperature, on lattices of any size."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graft.models.networks.ednn import EDNN, EDNNShape
from graft.models.shaped import unpack
from graft.models.weights import sha256
from graft.search.engine.progress import Progress, in_words
from graft.search.report import write
from graft.search.report.sections import DCL
from graft.search.run.folder import Run, write_json
from graft.search.tasks.distilled.prediction import predicted, updates
from graft.search.tasks.distilled.study import RANGE, DclStudy
from graft.search.tasks.distilled.teaching import Taught
from graft.simulators.registry import lattice
from graft.simulators.spins.watched import stored
from graft.spaces.dcl import Watch
from graft.spaces.errors import InputError, number, whole

UPDATE = 1e-7
"""Seconds of one spin update of Monte Carlo with a student's energy."""
MOST = 1_000_000
"""Sweeps, all of which are recorded."""
STATES = (".npy", ".npz")
COLUMNS = ("energy", "energy_error", "heat", "heat_error", "order", "order_error", "effective", "drift", "exact")
"""What is told of each temperature; everything but order, independent values and drift per site."""


def student(weights: Path, plan: Watch, study: DclStudy) -> Taught:
    """A trained student, symmetrised as the study allows, in the gauge in which random states have energy 0 on average.

    Args:
        weights: Safetensors of its network.
        plan: The pipeline that it belongs to.
        study: What was watched.

    Raises:
        InputError: If the file holds no such network.
    """
    network, _ = unpack(weights, EDNNShape)
    assert isinstance(network, EDNN)
    watched = lattice(study.system)
    taught = Taught(network.table(), plan.student, watched.shape, watched.q)
    return (taught.symmetrised(study.symmetries) if study.symmetries != "none" else taught).zeroed()


@dataclass(frozen=True)
class LearnedEnergy:
    """The energy of the certified pipeline's EDNN, in units of the couplings J that the true model would have.

    Attributes:
        study: What was watched, and the default temperatures and sweeps.
        taught: The EDNN.
    """

    study: DclStudy
    taught: Taught

    def __call__(self, states: ArrayLike, name: str = "") -> NDArray[np.float64]:
        """Energies (n,) of states (n, rows, columns), less the mean over all random states.

        Args:
            states: Values of the model's alphabet.
            name: Of their lattice; that which was watched, if not given.

        Raises:
            InputError: If they are no states of that lattice, or it is of another model.
        """
        model = lattice(self._used_on(name).larger or self.study.system)
        index = model.index(states).reshape(-1, model.sites)
        return Taught(self.taught.table, self.taught.student, model.shape, model.q)(index)

    def thermodynamics(self, name: str = "", temperatures: Sequence[float] = (), sweeps: int = 0) -> dict[str, Any]:
        """Energy, heat capacity and order per site, as `graft.search.tasks.distilled.prediction.predicted`.

        Args:
            name: Of the lattice; that which was watched, if not given.
            temperatures: In units of J / k_B; those of the study, if not given.
            sweeps: Recorded at each temperature; those of the study, if 0.

        Raises:
            InputError: If the lattice is of another model or too large, or a number is out of range.
        """
        study = self.asked(name, temperatures, sweeps)
        return predicted(study.larger or study.system, self.taught, study)

    def asked(self, name: str = "", temperatures: Sequence[float] = (), sweeps: int = 0) -> DclStudy:
        """What `thermodynamics` carries out; arguments and refusals are its own."""
        study = self._used_on(name)
        for temperature in temperatures:
            number("temperatures", temperature, *RANGE)
        if sweeps:
            whole("sweeps", sweeps, 100, MOST)
        study = replace(study, temperatures=tuple(map(float, temperatures)) or study.temperatures)
        return replace(study, budget=replace(study.budget, sweeps=sweeps or study.budget.sweeps))

    def _used_on(self, name: str) -> DclStudy:
        """The study with this lattice as its larger one, whose rules say whether the energy holds there."""
        tile = self.taught.student
        choices = replace(self.study.choices, focus=(tile.focus,), context=(tile.context,))
        larger = "" if name in ("", self.study.system) else lattice(name).name
        try:
            return replace(self.study, choices=choices, larger=larger)
        except InputError as problem:
            raise InputError(
                f"this energy is of {self.study.system} by tiles of focus {tile.focus} and not of {name} ({problem})"
            ) from None


def load(folder: str | Path) -> LearnedEnergy:
    """Open the energy that a finished run has learned.

    Raises:
        InputError: If the folder holds none, or its weights are not those that the run recorded.
    """
    run = Run(Path(folder))
    values = run.read("study.json")
    if "system" not in values:
        raise InputError(
            f"{folder} holds a run of another kind; allowed: one that learned energies from watched states"
        )
    study = DclStudy.reopened(values)
    if not run.has("certificate.json"):
        raise InputError(f"{folder} holds no learned energy yet; allowed: the folder of a finished run")
    card, weights = run.read("model/card.json"), run.path("model", "network-student.safetensors")
    if not weights.is_file() or sha256(weights.read_bytes()) != card["student_sha256"]:
        raise InputError(f"{weights} is not the network that was certified (sha256 differs)")
    return LearnedEnergy(study, student(weights, Watch.from_dict(card["plan"]), study))


def predict(folder: Path, what: str, temperatures: Sequence[float], sweeps: int, quiet: bool = False) -> str:
    """Energies of a file of states, or what the energy predicts on a lattice, as CSV.

    What is predicted is kept in ``folder/predictions``, and shown by the run's report.

    Args:
        folder: Of a finished run.
        what: A .npy or .npz of states of the lattice that was watched, or the name of a lattice.
        temperatures: As of `LearnedEnergy.thermodynamics`.
        sweeps: The same.
        quiet: Whether it is not told how long it takes.

    Raises:
        InputError: If the folder holds no learned energy, or what is asked cannot be used.
    """
    energy = load(folder)
    if Path(what).suffix in STATES:
        if temperatures or sweeps:
            raise InputError(f"{what} is a file of states, which have an energy at no temperature; allowed with "
                          "--temperatures and --sweeps: a lattice")  # fmt: skip
        found = energy(stored(what, lattice(energy.study.system)))
        return _csv(["energy"], [[value] for value in found])
    if Path(what).suffix[1:].isalpha():  # a coupling in a lattice's name has a point too: ising-J0.5-8x8
        raise InputError(f"{what}; allowed: a .npy or .npz of states, or a lattice such as {energy.study.system}")
    study = energy.asked(what, temperatures, sweeps)
    Progress(quiet).say(f"about {in_words(UPDATE * updates(study, what))} of Monte Carlo")
    with Run(folder).held():
        told = energy.thermodynamics(what, temperatures, sweeps)
        write_json(folder / "predictions" / f"{what}.json", told)
        write(folder, DCL)
    columns = [name for name in COLUMNS if told[name] is not None]
    rows = zip(told["temperatures"], *(told[name] for name in columns), strict=True)
    return _csv(["T", *columns], [row for row in rows if row[0] in study.temperatures])


def _csv(head: Sequence[str], rows: Iterable[Sequence[float]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([f"{value:.7g}" for value in row] for row in rows)
    return text.getvalue()
