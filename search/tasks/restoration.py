"""Images from images: what lies behind the seeing."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from graft.models.fidelity import image_error, psnr, spectral, ssim
from graft.models.losses import METRICS
from graft.models.networks.cnn import Restorer
from graft.models.networks.network import Network
from graft.models.scaling import Scaling
from graft.search.run.seeds import Draws, Role, entropy, stream, torch_stream
from graft.search.tasks.base import Data, Examples, Exhibit, Fitted, Shape
from graft.search.tasks.folders import one_band, table_of
from graft.search.tasks.judged import judged
from graft.search.tasks.pictured import Pictured
from graft.simulators.data.shards import generate
from graft.simulators.data.table import Table
from graft.simulators.registry import find
from graft.simulators.solar import richardson_lucy, wiener
from graft.simulators.solar.album import LINEAR
from graft.simulators.solar.folder import survey
from graft.simulators.solar.observed import Observed, noise
from graft.simulators.solar.seeing import Optics
from graft.simulators.solar.truths import TRUTHS, Pictures
from graft.spaces.errors import InputError
from graft.spaces.plan import Recipe

LOSSES = ("mse", "l1", "huber")
SIDE = 32
"""Pixels of a tile of images of a user's own, where a study does not say."""
COARSEST = 1.0
"""Arc seconds of a pixel above which seeing hardly shows: r0 of 5 cm blurs to 2.3."""
LARGEST = 1e9
"""Pixels of all images of a folder, which are held in memory."""
SEEN = tuple(f"seeing-{name}" for name in TRUTHS)
"""Simulators that it takes."""
SHARD = 100
"""Images of a shard."""
SHOWN = 2
"""Test images of which a page may show all: the first ones, not chosen."""
SEEINGS = (0.05, 0.10, 0.20)
"""Values of r0, m, under each of which the same fields are seen anew, to tell how well they are restored."""
FIELDS = 60
"""How many."""


class Restoration(Pictured):
    """Undo seeing, judged by the relative error of the image; arguments as of `Task`.

    Networks add a correction to an image (`graft.models.networks.cnn.Restorer`); a fresh one begins with none. Where
    the truth is real, the images that judge were taken at another time than those that teach.
    """

    metric = METRICS["image-error"]
    intervals = False  # a pixel by itself says little of an image

    @classmethod
    def of_folder(cls, path: Path, name: str, side: int | None, target: bool) -> tuple[Table, Mapping[str, int]]:
        """A folder of true images, seen anew for each example: the earlier half teaches, the later half judges."""
        side = side or SIDE
        folder = survey(path, 2 * side)  # the rest is margin
        one_band(folder, path)
        pixels = {one.file: one.told.pixel for one in folder.images}
        first = folder.images[0].file
        for file, pixel in pixels.items():
            if not 0 < pixel <= COARSEST or abs(pixel / pixels[first] - 1) > 0.01:
                told = f"{pixel:g} arc seconds" if pixel else "not told"
                raise InputError(
                    f"{path / file}: its pixel scale is {told}; allowed: one for all images (that of {first} is "
                    f"{pixels[first]:g}), at most {COARSEST:g} arc second, by FITS header or labels.csv (image,pixel)"
                )
        if target and folder.groups < 2:
            raise InputError(
                f"{path} has images of one time, so that none could judge what it taught: tiles of one image, or of "
                "one time, are never split; allowed: a target of at least two times"
            )
        if sum(one.shape[0] * one.shape[1] for one in folder.images) > LARGEST:
            raise InputError(
                f"{path} holds more than {LARGEST:.0e} pixels; allowed: fewer, for they are held in memory"
            )
        return table_of(folder, name, (side, side), f"frame [{LINEAR}]", (f"image [{LINEAR}]",)), {}

    def system(self, name: str) -> Observed:
        """A source or the target.

        Raises:
            InputError: If it gives no images under seeing.
        """
        table = self.study.table(name)
        found = find(name) if table is None else Observed(Pictures(table), table.shape[0])
        if not isinstance(found, Observed):
            raise InputError(f"{name} gives no images under seeing; allowed: {', '.join(SEEN)}")
        return found

    def tried(self) -> None:
        """Refuse sources and targets that are no images under seeing, and pools that judge by what they teach."""
        if not isinstance(self.study.network, Network):
            raise InputError("network.module is of a user's own; allowed with restoration: depth and width")
        for where, recipe in (("source_training", self.study.source_training), ("start", self.study.start)):
            if recipe.loss not in LOSSES:
                raise InputError(f"{where}.loss is {recipe.loss!r}; allowed with restoration: {', '.join(LOSSES)}")
        if self.study.weights or any(not table.shape for table in self.study.tables):
            raise InputError(
                f"a source or the target is a file; allowed with restoration: {', '.join(SEEN)}, and folders of images"
            )
        if self.study.mode == "holdout":
            raise InputError("mode is 'holdout', which splits by tile; allowed with restoration: 'fresh', by time")
        for name in (*self.study.taught, self.study.target):
            self.system(name)

    @property
    def shapes(self) -> tuple[Shape, Shape]:  # type: ignore[override]
        """Of a frame, and of an image."""
        schema = self.system(self.study.target).schema
        frame, image = (tuple(schema.field(name).type.shape) for name in ("frame", "image"))
        return frame, image

    def sample(self, name: str, rows: int, rng: np.random.Generator) -> Examples:
        """Draw frames and true images, both (rows, side, side)."""
        drawn = self.system(name).draw(rows, rng)
        return Examples(drawn["frame"].astype(np.float32), drawn["image"].astype(np.float32))

    def examples(self, name: str, role: Role, rows: int, data: Data) -> Examples:
        """Images, generated if they are not there yet; those that judge, of the later time."""
        system = judged(self.system(name), role)
        place = data.place(role.name.lower() + (f"-{name}" if role == Role.SOURCE else ""))
        held = generate(
            system,
            entropy(self.study.seed, role),
            rows,
            place,
            shard_rows=SHARD,
            actors=data.actors,
            progress=data.count,
        )
        return Examples(held.column("frame"), held.column("image"))

    def network(self, recipe: Recipe, inputs: Shape, outputs: Shape) -> nn.Module:
        """A residual network of the study's depth and width."""
        return Restorer(self.study.network.depth, self.study.network.width, recipe.activation)

    def scaling(self, inputs: Tensor, first: str | None) -> Scaling | None:
        """None: intensities are in units of the quiet Sun everywhere."""
        return None

    def initialise(self, network: nn.Module, recipe: Recipe, draws: Draws, seen: Tensor, outputs: Tensor) -> None:
        """Draw all weights anew; a head that begins at its constant adds nothing."""
        super().initialise(network, recipe, draws, seen, outputs)
        self.restart(network, recipe, seen, outputs)

    def restart(self, network: nn.Module, recipe: Recipe, seen: Tensor, outputs: Tensor) -> None:
        """After copied weights were shuffled, add nothing again."""
        if recipe.head == "constant":
            with torch.no_grad():
                for weights in network.blocks[-1].parameters():  # type: ignore[union-attr, index]
                    weights.zero_()

    def exhibit(self, fitted: Fitted, test: Examples, device: str) -> Exhibit:
        """How well all test images are restored, the first of them, and fields under seeing of each of `SEEINGS`."""
        found = self.predict(fitted, test.tensors(device)[0])
        by_r0 = [
            quality(self.predict(fitted, seen.tensors(device)[0]), seen.outputs) for seen in self.under_each().values()
        ]
        return {"quality": quality(found, test.outputs), "restored": found[:SHOWN].tolist(), "by_r0": by_r0}

    def under_each(self) -> dict[float, Examples]:
        """Fields of images that judge under seeing of each r0: fields, turbulence and noise are drawn alike."""
        judging, found = self.system(self.study.target).judging(), dict[float, Examples]()
        for r0 in SEEINGS:
            rows = [judging.under(r0).draw(1, stream(self.study.seed, Role.SEEINGS, i)) for i in range(FIELDS)]
            frames, images = (np.concatenate([row[name] for row in rows]) for name in ("frame", "image"))
            found[r0] = Examples(frames.astype(np.float32), images.astype(np.float32))
        return found

    def shown(self, networks: Mapping[str, Exhibit], test: Examples) -> Exhibit:
        """The same of networks, of the frames as they are, and of what needs no network, r0 fitted to each frame."""
        found, beside = self.without_network(test)
        true, pixel = test.outputs.astype(np.float64), self.system(self.study.target).truth.pixel
        told = {name: quality(images, true) for name, images in found.items()}
        told |= {name: network["quality"] for name, network in networks.items()}
        images = {name: one[:SHOWN].tolist() for name, one in found.items()} | {"true": true[:SHOWN].tolist()}
        images |= {name: network["restored"] for name, network in networks.items()}
        by_r0 = []
        for number, (r0, seen) in enumerate(self.under_each().items()):
            alone, _ = self.without_network(seen)
            each = {name: quality(images, seen.outputs) for name, images in alone.items()}
            each |= {name: network["by_r0"][number] for name, network in networks.items()}
            by_r0.append({"r0": r0, "fields": FIELDS, "quality": each})
        told_of = {"quality": told, "images": images, "pixel_arcsec": pixel, "by_r0": by_r0}
        return {"restoration": told_of | beside}

    def without_network(self, test: Examples) -> tuple[dict[str, np.ndarray], dict[str, object]]:
        """Frames as they are and restored by Wiener's filter and Richardson-Lucy, and the latter's iterations."""
        system = self.system(self.study.target)
        given, spectrum = system.optics, system.truth.spectrum
        optics = Optics(given.telescope, given.wavelength, given.pixel, test.inputs.shape[-1])
        frames, true = test.inputs.astype(np.float64), test.outputs.astype(np.float64)
        noises = noise(frames.mean((1, 2)))
        fits = wiener.fits(frames, optics, noises, spectrum)
        found = {"seen": frames, "wiener": wiener.restored(frames, optics, noises, spectrum, fits)}
        if not richardson_lucy.available():
            return found, {}
        found["richardson-lucy"], iterations = richardson_lucy.restored(frames, true, optics, fits)
        return found, {"iterations": iterations}

    def interface(self) -> dict[str, object]:
        """Shape and unit of an image."""
        system = self.system(self.study.target)
        told = {name: system.schema.field(name).metadata[b"unit"].decode() for name in ("frame", "image")}
        return {
            "positive": True,
            "columns": None,
            "shape": list(self.shapes[0]),
            "logarithmic": False,
            "inputs": [{"name": "frame", "unit": told["frame"]}],
            "outputs": [{"name": "image", "unit": told["image"]}],
            "grid": None,
        }

    def any_rows(self, rows: int) -> tuple[Tensor, Tensor]:
        """Random images of the right shape."""
        generator, (shape, _) = torch_stream(0), self.shapes
        truth = 1 + 0.05 * torch.randn((rows, *shape), generator=generator)
        return truth, truth


def quality(found: np.ndarray, true: np.ndarray) -> dict[str, object]:
    """Means over images of relative error, PSNR in dB and SSIM; power and incoherent share by frequency."""
    power, incoherent = spectral(found, true)
    return {
        "error": float(image_error(found, true).mean()),
        "psnr_db": float(psnr(found, true).mean()),
        "ssim": float(ssim(found, true).mean()),
        "power": power.tolist(),
        "incoherent": incoherent.tolist(),
    }
