"""Classes of images: which of several things an image shows."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from graft.models.losses import METRICS, Metric
from graft.models.networks.cnn import Classifier
from graft.models.networks.network import Network
from graft.models.scaling import Scaling
from graft.models.train import Augment
from graft.search.run.seeds import Role, entropy, torch_stream
from graft.search.tasks.base import Data, Examples, Exhibit, Fitted, Shape, Task
from graft.simulators.base import Simulator, columns
from graft.simulators.data.shards import generate
from graft.simulators.registry import find
from graft.spaces.errors import InputError
from graft.spaces.plan import Recipe

FEWEST = 5
"""Examples of each class, at least."""
SHARD = 200
"""Images of a shard: they take long to draw, so that actors share even a few."""
BINS = 10
"""Of predicted probabilities, in a reliability diagram."""


class Images(Task):
    """Classes of simulated images, judged by the log loss; arguments as of `Task`.

    Networks are convolutional (`graft.models.networks.cnn.Classifier`), of the study's depth and width. Images are
    scaled as a whole, not pixel by pixel, and learned in their eight orientations, for the sky knows no upright.
    """

    metric: Metric = METRICS["log-loss"]
    intervals = False  # classes have probabilities
    loss_name: ClassVar[str] = "cross-entropy"

    def system(self, name: str) -> Simulator:
        """A source or the target.

        Raises:
            InputError: If it is no simulator of images with classes.
        """
        found = find(name)
        shapes = [[field.type.shape for field in columns(found.schema, role)] for role in ("input", "output")]
        if [len(shape) for shape in shapes[0]] != [2] or [len(shape) for shape in shapes[1]] != [1]:
            raise InputError(f"{name} gives no images with classes; allowed: simulators that do, such as solar-halpha")
        return found

    def classes(self) -> tuple[str, ...]:
        """Names of the target's classes."""
        count = columns(self.system(self.study.target).schema, "output")[0].type.shape[0]
        return tuple(getattr(self.system(self.study.target), "classes", [str(one + 1) for one in range(count)]))

    def tried(self) -> None:
        """Refuse sources and targets that are no images, or differ in their classes, and files."""
        if not isinstance(self.study.network, Network):
            raise InputError("network.module is of a user's own; allowed with images: depth and width")
        for where, recipe in (("base", self.study.base), ("start", self.study.start)):
            if recipe.loss != self.loss_name:
                raise InputError(f"{where}.loss is {recipe.loss!r}; allowed with images: {self.loss_name!r}")
        if self.study.tables or self.study.weights:
            raise InputError("a source or the target is a file; allowed with images: simulators, such as solar-halpha")
        shapes = {
            name: columns(self.system(name).schema, "output")[0].type.shape[0]
            for name in (*self.study.taught, self.study.target)
        }
        if len(set(shapes.values())) > 1:
            raise InputError(
                " and ".join(f"{name} has {count} classes" for name, count in shapes.items())
                + "; allowed: sources and target of equal classes, so that the head can be copied"
            )

    def sample(self, name: str, rows: int, rng: np.random.Generator) -> Examples:
        """Draw images (rows, side, side) and their classes, one-hot."""
        simulator = self.system(name)
        drawn = simulator.draw(rows, rng)
        image, kind = (drawn[columns(simulator.schema, role)[0].name] for role in ("input", "output"))
        return Examples(image.astype(np.float32), kind.astype(np.float32))

    def examples(self, name: str, role: Role, rows: int, data: Data) -> Examples:
        """Images of a simulator, generated if they are not there yet."""
        place = role.name.lower() + (f"-{name}" if role == Role.SOURCE else "")
        simulator, seed = self.system(name), entropy(self.study.seed, role)
        held = generate(
            simulator,
            seed,
            rows,
            data.place(place),
            shard_rows=SHARD,
            actors=data.actors,
            progress=data.count,
        )
        image, kind = (held.column(columns(simulator.schema, role)[0].name) for role in ("input", "output"))
        return Examples(image, kind)

    def admit(self, examples: Examples, where: str) -> None:
        """Refuse classes of which there are too few examples, and images without anything in them."""
        counts = examples.outputs.sum(0)
        few = {name: int(count) for name, count in zip(self.classes(), counts, strict=True) if count < FEWEST}
        if few:
            told = ", ".join(f"{count} of {name}" for name, count in few.items())
            raise InputError(f"{where}: {told}; allowed: at least {FEWEST} examples of each class, so more rows")
        flat = np.flatnonzero(examples.inputs.reshape(len(examples), -1).std(1) == 0)
        if len(flat):
            raise InputError(f"{where}: image {flat[0]} (counted from 0) is the same everywhere; allowed: images")

    def network(self, recipe: Recipe, inputs: Shape, outputs: Shape) -> nn.Module:
        """A convolutional network of the study's depth and width."""
        return Classifier(outputs[0], self.study.network.depth, self.study.network.width, recipe.activation)

    def scaling(self, inputs: Tensor, first: str | None) -> Scaling:
        """One mean and one deviation for all pixels."""
        exact = inputs.double()
        return Scaling(exact.mean().float(), exact.std().clamp_min(1e-12).float())

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

    def identity(self) -> dict[str, object]:
        """Network and metric."""
        return super().identity() | {"network": self.study.network.to_dict()}


class ImagesByRate(Images):
    """The same, judged by the share of images whose most probable class is wrong."""

    metric = METRICS["error-rate"]


def oriented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Turn and mirror a batch of square images (batch, side, side), all alike, in one of eight ways."""
    turns, mirrored = (int(torch.randint(n, (1,), generator=generator)) for n in (4, 2))
    turned = torch.rot90(images, turns, (1, 2))
    return turned.flip(2) if mirrored else turned
