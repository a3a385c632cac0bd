"""Classes of images: which of several things an image shows."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graft.models.losses import METRICS, Metric
from graft.models.networks.cnn import Classifier
from graft.models.networks.network import OwnNetwork
from graft.models.pretrained import Pretrained, put
from graft.models.scaling import Scaling
from graft.models.train import Augment
from graft.search.run.seeds import Role, entropy, torch_stream
from graft.search.tasks.base import Data, Examples, Exhibit, Fitted, Shape
from graft.search.tasks.folders import one_band, table_of
from graft.search.tasks.judged import judged
from graft.search.tasks.pictured import Pictured
from graft.search.tasks.pretrained import trained_weights
from graft.search.tasks.rehearsal import rehearse
from graft.search.tasks.tables import LEAST_GROUPS, LOCKED, pool_order
from graft.simulators.base import Simulator, columns
from graft.simulators.data.shards import generate
from graft.simulators.data.table import Table, keep
from graft.simulators.registry import find
from graft.simulators.solar.album import LINEAR, LOGARITHMIC, Album
from graft.simulators.solar.folder import Folder, logarithmic, numbers, survey
from graft.spaces.errors import InputError
from graft.spaces.plan import Recipe

FEWEST = 5
"""Examples of each class, at least."""
LEAST_FOLDS = 3
"""Times of a folder that are locked away, at least: they take turns in judging."""
SHARD = 200
"""Images of a shard: they take long to draw, so that actors share even a few."""
SIDE = 64
"""Pixels of a tile of images of a user's own, where a study does not say."""
BINS = 10
"""Of predicted probabilities, in a reliability diagram."""


class Images(Pictured):
    """Classes of simulated images, judged by the log loss; arguments as of `Task`.

    Networks are convolutional (`graft.models.networks.cnn.Classifier`), of the study's depth and width. Images are
    scaled as a whole, not pixel by pixel, and learned in their eight orientations, for the sky knows no upright.
    """

    metric: Metric = METRICS["log-loss"]
    intervals = False  # classes have probabilities
    loss_name: ClassVar[str] = "cross-entropy"

    @classmethod
    def of_folder(cls, path: Path, name: str, side: int | None, target: bool) -> tuple[Table, Mapping[str, int]]:
        """A folder of images with classes; a target's rows are all there is, so that some of them are locked away."""
        folder = survey(path, side or SIDE)
        if not folder.classes:
            one_band(folder, path)
        _classed(folder, path)
        if target:
            _several(folder, path)
        unit = LOGARITHMIC if all(logarithmic(one.told.band) for one in folder.images) else LINEAR
        table = table_of(folder, name, (folder.side, folder.side), f"image [{unit}]", folder.classes)
        if not target:
            return table, {"source": table.rows}
        groups = numbers(folder)
        tied = [tuple(np.flatnonzero(groups == group).tolist()) for group in np.unique(groups)]
        table = replace(table, groups=tuple(one for one in tied if len(one) > 1))
        return table, {"pool": table.rows, "locked": math.ceil(table.rows / 2)}

    def system(self, name: str) -> Simulator:
        """A source or the target.

        Raises:
            InputError: If it is no simulator of images with classes.
        """
        table = self.study.table(name)
        found = find(name) if table is None else Album(table)
        shapes = [[field.type.shape for field in columns(found.schema, role)] for role in ("input", "output")]
        if [len(shape) for shape in shapes[0]] != [2] or [len(shape) for shape in shapes[1]] != [1]:
            raise InputError(f"{name} gives no images with classes; allowed: simulators that do, such as solar-halpha")
        return found

    def labels(self, name: str) -> tuple[str, ...]:
        """Names of the classes of a source or the target."""
        system = self.system(name)
        count = columns(system.schema, "output")[0].type.shape[0]
        return tuple(getattr(system, "classes", [str(one + 1) for one in range(count)]))

    def classes(self) -> tuple[str, ...]:
        """Names of the classes that a network tells apart: the target's, or a source's that has these and others."""
        own = self.labels(self.study.target)
        longer = (self.labels(name) for name in self.study.taught)
        return next((theirs for theirs in longer if set(own) < set(theirs)), own)

    @property
    def shapes(self) -> tuple[Shape, Shape]:  # type: ignore[override]
        """Of an image, and of its classes."""
        field = columns(self.system(self.study.target).schema, "input")[0]
        return tuple(field.type.shape), (len(self.classes()),)

    def tried(self) -> None:
        """Refuse sources and targets that are no images, or differ in their classes, and files."""
        for where, recipe in (("source_training", self.study.source_training), ("start", self.study.start)):
            if recipe.loss != self.loss_name:
                raise InputError(f"{where}.loss is {recipe.loss!r}; allowed with images: {self.loss_name!r}")
        if any(not table.shape for table in self.study.tables):
            raise InputError(
                "a source or the target is a file; allowed with images: simulators, such as solar-halpha, folders of "
                "images, and as a source weights of a network of one's own"
            )
        names = (*self.study.taught, self.study.target)
        told, classes = {name: self.labels(name) for name in names}, self.classes()
        if any(len(theirs) != len(classes) and not set(theirs) < set(classes) for theirs in told.values()):
            raise InputError(
                " and ".join(f"{name} has {len(theirs)} classes ({', '.join(theirs)})" for name, theirs in told.items())
                + "; allowed: sources and target of equal classes, so that the head can be copied, or a target with "
                "some of a source's"
            )
        table = self.study.table(self.study.target)
        if table is not None:
            self._locks(table)
        own = self.study.network
        if isinstance(own, OwnNetwork):
            own.tried(self.shapes[0], self.shapes[1][0])
            rehearse(self, own.module)
        for file in self.study.weights:
            self.pretrained(file.name)

    def _locks(self, table: Table) -> None:
        """Refuse a mode or numbers of rows that a folder cannot have."""
        rows = self.study.rows
        if self.study.mode != "holdout":
            raise InputError(f"mode is {self.study.mode!r}, but {table.name} is a folder; allowed: 'holdout'")
        if rows.pool > table.rows:
            raise InputError(f"{table.name} has {table.rows} tiles, rows.pool is {rows.pool}; allowed: at most these")
        if rows.locked < LOCKED * rows.pool or self.study.folds < LEAST_FOLDS:
            raise InputError(
                f"rows.locked is {rows.locked} of {rows.pool} tiles of {table.name}, {self.study.folds} times; "
                f"allowed: at least {LOCKED:.0%} of them, of {LEAST_FOLDS} times or more, which take turns in judging"
            )
        largest = max(map(len, table.groups), default=1)
        if self.study.unlocked - rows.validation < largest:
            raise InputError(
                f"rows.validation is {rows.validation}, rows.locked {rows.locked} of {rows.pool} tiles of "
                f"{table.name}, and {largest} of them are of one time; allowed: fewer, so that others are left to learn"
            )

    def sample(self, name: str, rows: int, rng: np.random.Generator) -> Examples:
        """Draw images (rows, side, side) and their classes, one-hot."""
        simulator = self.system(name)
        drawn = simulator.draw(rows, rng)
        image, kind = (drawn[columns(simulator.schema, role)[0].name] for role in ("input", "output"))
        return self._placed(name, image, kind)

    def _placed(self, name: str, image: NDArray, kind: NDArray) -> Examples:
        """Examples whose classes stand where the network tells them: by name where all are known, else as they are."""
        theirs, ours = self.labels(name), self.classes()
        if set(theirs) <= set(ours):
            own, kind = kind, np.zeros((len(kind), len(ours)))
            kind[:, [ours.index(label) for label in theirs]] = own
        return Examples(image.astype(np.float32), kind.astype(np.float32))

    def examples(self, name: str, role: Role, rows: int, data: Data) -> Examples:
        """Images of a simulator, generated if they are not there yet, or of a folder, in an order of the seed's."""
        place = role.name.lower() + (f"-{name}" if role == Role.SOURCE else "")
        table = self.study.table(name)
        if table is not None:
            held = keep(Album(table), table.rows, data.folder(place))
            order, groups = pool_order(table, self.study.seed, role)
            found = self._placed(name, held.column("image")[order], held.column("class")[order])
            return replace(found, groups=groups).first(rows)
        simulator, seed = self.system(name), entropy(self.study.seed, role)
        held = generate(
            judged(simulator, role),
            seed,
            rows,
            data.place(place),
            shard_rows=SHARD,
            actors=data.actors,
            progress=data.count,
        )
        image, kind = (held.column(columns(simulator.schema, role)[0].name) for role in ("input", "output"))
        return self._placed(name, image, kind)

    def admit(self, examples: Examples, where: str) -> None:
        """Refuse classes of which there are too few examples, and images without anything in them."""
        counts, own = examples.outputs.sum(0), self.labels(self.study.target)
        few = {
            name: int(count)
            for name, count in zip(self.classes(), counts, strict=True)
            if count < FEWEST and (count or name in own)
        }
        if few:
            told = ", ".join(f"{count} of {name}" for name, count in few.items())
            raise InputError(f"{where}: {told}; allowed: at least {FEWEST} examples of each class, so more rows")
        flat = np.flatnonzero(examples.inputs.reshape(len(examples), -1).std(1) == 0)
        if len(flat):
            raise InputError(f"{where}: image {flat[0]} (counted from 0) is the same everywhere; allowed: images")

    def network(self, recipe: Recipe, inputs: Shape, outputs: Shape) -> nn.Module:
        """A convolutional network of the study's depth and width, or one of a user's own."""
        own = self.study.network
        if isinstance(own, OwnNetwork):
            return own.build(inputs, outputs[0])
        return Classifier(outputs[0], own.depth, own.width, recipe.activation)

    def constructed(self, recipe: Recipe, inputs: Shape, outputs: Shape) -> nn.Module:
        """The same, as its constructor draws it."""
        own = self.study.network
        if isinstance(own, OwnNetwork):
            return own.constructed(inputs, outputs[0])
        return self.network(recipe, inputs, outputs)

    def pretrained(self, name: str) -> bytes | None:
        """The source network that came trained, as safetensors bytes; None where it has to be trained.

        Raises:
            InputError: If its file is not the one that the study was made with, or does not fit the study's network.
        """
        file = next((file for file in self.study.weights if file.name == name), None)
        if file is None:
            return None
        network = put(self.network(self.study.start, *self.shapes), trained_weights(file), file.path)
        return self.pack(Fitted(network, self.study.start, *self.shapes, _told(file) or Scaling.none(torch.zeros(1))))

    def scaling(self, inputs: Tensor, first: str | None) -> Scaling:
        """One mean and one deviation for all pixels; where the first block is copied from a file, those it was told."""
        file = next((file for file in self.study.weights if file.name == first), None)
        if self.study.network.standardised is False:
            return Scaling.none(torch.zeros(1))
        exact = inputs.double()
        measured = Scaling(exact.mean().float(), exact.std().clamp_min(1e-12).float())
        return measured if file is None else _told(file) or measured

    def augment(self) -> Augment:
        """The eight orientations of a batch."""
        return oriented

    def exhibit(self, fitted: Fitted, test: Examples, device: str) -> Exhibit:
        """Confusion matrix (rows: exact class) and reliability on the test examples."""
        logits = torch.from_numpy(self.predict(fitted, test.tensors(device)[0])).double()
        told, exact = torch.softmax(logits, 1).numpy(), test.outputs.argmax(1)
        guessed, count = told.argmax(1), told.shape[1]
        confusion = np.bincount(exact * count + guessed, minlength=count**2).reshape(count, count)
        sure = told.max(1)
        bins = np.minimum((sure * BINS).astype(int), BINS - 1)
        held = [
            {
                "told": float(sure[bins == one].mean()),
                "right": float((guessed == exact)[bins == one].mean()),
                "images": int((bins == one).sum()),
            }
            for one in range(BINS)
            if (bins == one).any()
        ]
        return {"confusion": confusion.tolist(), "error_rate": float((guessed != exact).mean()), "reliability": held}

    def shown(self, networks: Mapping[str, Exhibit], test: Examples) -> Exhibit:
        """The same of all networks, with the names of the classes."""
        kept = ("confusion", "error_rate", "reliability")
        told = {name: {key: network[key] for key in kept} for name, network in networks.items()}
        return {"classes": {"names": list(self.classes()), "networks": told}}

    def interface(self) -> dict[str, object]:
        """Shape of an image, names of the classes, whose logits a network predicts."""
        shape = self.shapes[0]
        fields = {role: columns(self.system(self.study.target).schema, role)[0] for role in ("input", "output")}
        told = {role: [field.metadata[b"unit"].decode()] for role, field in fields.items()}
        return {
            "positive": False,
            "columns": None,
            "shape": list(shape),
            "logarithmic": told["input"] == [LOGARITHMIC],
            "inputs": [{"name": "image", "unit": told["input"][0]}],
            "outputs": [{"name": f"logit of {name}", "unit": "1"} for name in self.classes()],
            "grid": None,
        }

    def any_rows(self, rows: int) -> tuple[Tensor, Tensor]:
        """Random images and classes of the right shapes."""
        generator = torch_stream(0)
        (side, *_), (count,) = self.shapes
        kinds = torch.randint(count, (rows,), generator=generator)
        return torch.rand((rows, side, side), generator=generator), torch.eye(count)[kinds]


class ImagesByRate(Images):
    """The same, judged by the share of images whose most probable class is wrong."""

    metric = METRICS["error-rate"]


def _told(file: Pretrained) -> Scaling | None:
    """The mean and deviation of all pixels that a file of weights was told.

    Raises:
        InputError: If they are told pixel by pixel.
    """
    if len(file.mean) > 1:
        raise InputError(f"{file.name} has {len(file.mean)} means; allowed with images: one of all pixels")
    return Scaling(torch.tensor(file.mean[0]), torch.tensor(file.deviation[0])) if file.mean else None


def oriented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Turn and mirror a batch of square images (batch, side, side), all alike, in one of eight ways."""
    turns, mirrored = (int(torch.randint(n, (1,), generator=generator)) for n in (4, 2))
    turned = torch.rot90(images, turns, (1, 2))
    return turned.flip(2) if mirrored else turned


def _classed(folder: Folder, path: Path) -> None:
    """Refuse a folder from which no classes can be learned."""
    if len(folder.classes) < 2:
        told = f"only {folder.classes[0]!r}" if folder.classes else "no classes"
        raise InputError(
            f"{path} tells {told}; allowed: at least two classes, by a subfolder for each or by labels.csv "
            "(image,class)"
        )
    bare = next((one.file for one in folder.images if not one.shows), None)
    if bare:
        raise InputError(f"{path}: nothing says what {bare} shows; allowed: a class for each image")
    counts = Counter[str]()
    for one in folder.images:
        counts[one.shows] += one.tiles
    few = {name: counts[name] for name in folder.classes if counts[name] < FEWEST}
    if few:
        told = ", ".join(f"{count} of {name}" for name, count in few.items())
        raise InputError(f"{path} has {told}; allowed: at least {FEWEST} tiles of each class")


def _several(folder: Folder, path: Path) -> None:
    """Refuse a target of too few images to learn from some and be judged by others."""
    images, groups = len(folder.images), folder.groups
    if groups < LEAST_GROUPS:
        what = f"images of {groups} times" if groups > 1 else "1 image" if images == 1 else "images of one time"
        why = "so that none could judge what it taught" if groups == 1 else "too few to judge what others taught"
        raise InputError(
            f"{path} has {what}, {why}: tiles of one image, or of one time, are never split; allowed: a target of at "
            f"least {LEAST_GROUPS} times"
        )
    times = {name: {one.group for one in folder.images if one.shows == name} for name in folder.classes}
    once = next((name for name, found in times.items() if len(found) < 2), None)
    if once:
        raise InputError(
            f"{path}: {once!r} is seen at one time only, so that none could judge what it taught; allowed: at least two"
        )
