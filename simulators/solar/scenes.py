"""Images of solar features in any waveband, each with what it is.

A scene is geometry: where a limb, a spot, a filament, ribbons or loops lie. A band (`bands`) says how bright each of
them is. So the same scene can be seen in every band, and what tells a class in one band may be missing in another: a
filament leaves no trace in the continuum.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from graft.simulators.base import Simulator, tensor_field
from graft.simulators.solar.bands import Band, band
from graft.simulators.solar.fields import SUPERGRANULE, Floats, cells, granulation, smooth, streaks
from graft.spaces.errors import InputError, number, whole

CLASSES = ("filament", "prominence", "flare ribbon", "sunspot", "quiet Sun")
RADIUS = 960.0
"""Of the Sun, arc seconds."""


@dataclass(frozen=True)
class Scene:
    """What lies where; all fields (side, side), those without a unit between 0 and 1 if not said otherwise.

    Attributes:
        kind: Number of its class in `CLASSES`.
        pixel: Arc seconds.
        height: Above the limb, arc seconds; below 0 on the disc.
        cosine: Of the angle between line of sight and vertical.
        granules: In units of the full deviation of granulation.
        fibrils: Mean 0, deviation 1.
        mottle: Mean 0, deviation 1.
        network: The borders of supergranules, in clumps.
        plage: An active region's.
        umbra: Of a spot.
        penumbra: Of a spot, the umbra not included.
        filament: On the disc.
        prominence: Above the limb.
        ribbons: Of a flare.
        arcade: Loops between them.
        loops: An active region's.
        spicules: At the limb.
    """

    kind: int
    pixel: float
    height: Floats
    cosine: Floats
    granules: Floats
    fibrils: Floats
    mottle: Floats
    network: Floats
    plage: Floats
    umbra: Floats
    penumbra: Floats
    filament: Floats
    prominence: Floats
    ribbons: Floats
    arcade: Floats
    loops: Floats
    spicules: Floats


class _Canvas:
    """Coordinates of a field, in arc seconds from its middle, and shapes drawn in them."""

    def __init__(self, side: int, pixel: float, rng: np.random.Generator) -> None:
        self.side, self.pixel, self.rng, self.field = side, pixel, rng, side * pixel
        x = (np.arange(side) - (side - 1) / 2) * pixel
        self.x, self.y = np.meshgrid(x, x, indexing="ij")
        self.empty = np.zeros((side, side))

    def place(self, reach: float = 0.2) -> tuple[float, float]:
        """A point near the middle."""
        x, y = self.rng.uniform(-reach, reach, 2) * self.field
        return float(x), float(y)

    def turned(self, angle: float, at: tuple[float, float]) -> tuple[Floats, Floats]:
        """Coordinates along and across a direction, from a point."""
        x, y = self.x - at[0], self.y - at[1]
        return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)

    def line(self, along: Floats, across: Floats, length: float, width: float, rough: float = 0.25) -> Floats:
        """A stroke of soft edges, bent and of uneven width."""
        rng = self.rng
        bend = rng.normal(0, 0.12) * along**2 / max(length, 1.0) + rng.normal(0, 0.06) * length * np.sin(
            2 * np.pi * (along / max(length, 1.0) * rng.uniform(0.5, 1.3) + rng.uniform())
        )
        uneven = width * np.exp(rough * smooth(self.side, self.pixel, max(1.5, 0.06 * length), rng))
        ends = _edge((length / 2 - np.abs(along)) / (0.4 * width))
        return np.exp(-0.5 * (np.abs(across - bend) / (0.5 * uneven)) ** 3) * ends

    def curve(self, from_: NDArray, to: NDArray, apex: NDArray, width: float, strength: float) -> Floats:
        """A loop from one foot to the other by way of its apex (a parabola), as a thin soft tube."""
        long = float(np.hypot(*(apex - from_)) + np.hypot(*(to - apex)))
        t = np.linspace(0, 1, max(8, round(2 * long / self.pixel)))[:, None]
        path = from_ * (1 - t) ** 2 + 2 * apex * t * (1 - t) + to * t**2
        at = np.rint(path / self.pixel + (self.side - 1) / 2).astype(int)
        at = at[((at >= 0) & (at < self.side)).all(1)]
        drawn = self.empty.copy()
        drawn[at[:, 0], at[:, 1]] = 1.0
        spread = max(width / self.pixel, 0.5)
        return strength * np.minimum(gaussian_filter(drawn, spread, truncate=3) * 2.5 * spread, 1.0)


def _edge(x: Floats) -> Floats:
    """From 0 to 1 as x goes from below to above 0."""
    return 0.5 * (1 + np.tanh(x))


def _quiet(canvas: _Canvas, kind: int, limb: bool) -> Scene:
    """The quiet Sun: what every scene begins with, at the limb or on the disc."""
    side, pixel, rng = canvas.side, canvas.pixel, canvas.rng
    if limb:
        heading = rng.uniform(0, 2 * np.pi)
        along, across = canvas.turned(heading, (0.0, 0.0))
        away = RADIUS + rng.uniform(-0.12, 0.22) * canvas.field  # of the field's middle from the disc's
        distance = np.hypot(along + away, across)
        cosine = np.sqrt(np.maximum(1 - (distance / RADIUS) ** 2, 0))
    else:
        distance = np.full((side, side), 0.0)
        cosine = np.full((side, side), rng.uniform(0.5, 1.0))
    height = distance - RADIUS
    border, number = cells(side, pixel, SUPERGRANULE, rng)
    clumps = np.clip(0.6 + 0.6 * smooth(side, pixel, 2.0, rng), 0, 1.6)
    network = np.exp(-border / 2.5) * clumps
    # Fibrils lead away from the network, over the cells.
    angle = np.arctan2(*np.gradient(gaussian_filter(border, 3 / pixel, mode="wrap"))[::-1])
    turning = angle + 0.5 * smooth(side, pixel, 6.0, rng) + rng.uniform(-0.5, 0.5)
    spicules = canvas.empty
    if limb:  # thin and upright, 5 to 10 arc seconds high
        upright = streaks(heading + 0.35 * smooth(side, pixel, 5.0, rng), 8 / pixel, rng, 0.5)
        spicules = np.exp(-np.maximum(height, 0) / (2.5 * np.exp(0.45 * upright))) * (height > -1)
    # Where nothing is resolved the corona still is short loops and bright points, above the limb smoother.
    short = streaks(np.pi * smooth(side, pixel, 3.0, rng), 3 / pixel, rng, 1.0)
    points = np.maximum(smooth(side, pixel, 1.0, rng) - 2.2, 0)
    mottle = np.where(height < 0, 0.5 * short + 0.5 * smooth(side, pixel, 6.0, rng) + points, 0.0)
    return Scene(
        kind=kind,
        pixel=pixel,
        height=height,
        cosine=cosine,
        granules=granulation(side, pixel, rng),
        fibrils=streaks(turning, 6 / pixel, rng, 0.8),
        mottle=mottle,
        network=network,
        spicules=spicules,
        **{name: canvas.empty for name in _DRAWN},
    )


_DRAWN = ("plage", "umbra", "penumbra", "filament", "prominence", "ribbons", "arcade", "loops")


def _plage(canvas: _Canvas, level: float) -> Floats:
    """Patches of plage, grainy, the more of them the higher the level."""
    side, pixel, rng = canvas.side, canvas.pixel, canvas.rng
    patches = np.clip(smooth(side, pixel, 3.0, rng) + level, 0, 1.5)
    return patches * np.clip(0.7 + 0.5 * smooth(side, pixel, 0.7, rng), 0, 2)


def _spot(canvas: _Canvas, scene: Scene, at: tuple[float, float], radius: float) -> Scene:
    """A sunspot of this radius (with penumbra), its superpenumbra, plage beside it and loops from it."""
    rng, pixel = canvas.rng, canvas.pixel
    along, across = canvas.turned(rng.uniform(0, np.pi), at)
    across = across * rng.uniform(1.0, 1.4)
    r, angle = np.hypot(along, across), np.arctan2(across, along)
    edge = sum(rng.normal(0, 0.08 / m) * np.cos(m * angle + rng.uniform(0, 2 * np.pi)) for m in range(2, 7))
    thread = streaks(np.arctan2(canvas.y - at[1], canvas.x - at[0]), 3.0 / pixel, rng, 0.5)
    outer = radius * (1 + edge)
    inner = outer * rng.uniform(0.36, 0.48) * (1 + 0.5 * edge)
    whole = _edge((outer - r + 0.06 * radius * thread) / (0.08 * radius))
    umbra = _edge((inner - r + 0.035 * radius * thread) / (0.05 * radius))
    if rng.random() < 0.4:  # a light bridge
        first, second = canvas.turned(rng.uniform(0, np.pi), (at[0] + rng.normal(0, 1), at[1] + rng.normal(0, 1)))
        umbra = umbra * (1 - 0.7 * canvas.line(first, second, 2 * radius, 0.9))
    penumbra = np.clip((whole - umbra) * (1 + 0.4 * thread), 0, 1.8)
    far = np.exp(-np.maximum(r - outer, 0) / radius)  # radial fibrils, the superpenumbra
    fibrils = scene.fibrils * (1 - far) + 1.3 * far * streaks(
        np.arctan2(canvas.y - at[1], canvas.x - at[0]) + 0.3, 8 / pixel, rng
    )
    plage = _plage(canvas, 0.2) * np.exp(-0.5 * ((r - 1.6 * outer) / radius) ** 2)
    loops = canvas.empty
    turn = rng.uniform(0, 2 * np.pi)
    for _ in range(9):  # a fan: feet in the spot, the other ends far away
        heading = turn + rng.normal(0, 0.55)
        foot = np.array(at) + 0.5 * radius * np.array([np.cos(heading), np.sin(heading)]) + rng.normal(0, 0.8, 2)
        end = foot + rng.uniform(1.2, 3.5) * radius * np.array([np.cos(heading), np.sin(heading)])
        apex = (foot + end) / 2 + rng.normal(0, 0.35 * radius, 2)
        loops = loops + canvas.curve(foot, end, apex, 0.6, rng.uniform(0.2, 0.7))
    quiet = 1 - whole
    return replace(
        scene,
        granules=scene.granules * quiet,
        network=scene.network * quiet,
        fibrils=fibrils,
        plage=np.maximum(scene.plage, plage * quiet),
        umbra=np.maximum(scene.umbra, umbra),
        penumbra=np.maximum(scene.penumbra, penumbra),
        loops=np.maximum(scene.loops, np.minimum(loops, 1.5)),
    )


def _sunspot(canvas: _Canvas) -> Scene:
    scene = _quiet(canvas, 3, limb=False)
    at, radius = canvas.place(), canvas.rng.uniform(5.0, 14.0)
    scene = _spot(canvas, scene, at, radius)
    if canvas.rng.random() < 0.3:  # a smaller one beside it
        turn = canvas.rng.uniform(0, 2 * np.pi)
        beside = (at[0] + 2.2 * radius * np.cos(turn), at[1] + 2.2 * radius * np.sin(turn))
        scene = _spot(canvas, scene, beside, 0.4 * radius)
    return scene


def _filament(canvas: _Canvas) -> Scene:
    rng = canvas.rng
    scene = _quiet(canvas, 0, limb=False)
    turn, length, width = rng.uniform(0, np.pi), rng.uniform(25, 70), rng.uniform(2.5, 6.0)
    along, across = canvas.turned(turn, canvas.place())
    spine = canvas.line(along, across, length, width)
    for _ in range(rng.integers(2, 6)):  # barbs reach out at an angle
        start = rng.uniform(-0.4, 0.4) * length
        x, y = along - start, across
        slant = rng.choice([-1, 1]) * rng.uniform(0.5, 1.0)
        out, off = x * np.cos(slant) + y * np.sin(slant), y * np.cos(slant) - x * np.sin(slant)
        spine = np.maximum(spine, 0.8 * canvas.line(out, off, rng.uniform(6, 14), 1.6))
    thread = streaks(turn + 0.25 * smooth(canvas.side, canvas.pixel, 4.0, rng), 6 / canvas.pixel, rng)
    near = np.exp(-0.5 * (across / 12) ** 2)  # the channel: fibrils run along it
    fibrils = scene.fibrils * (1 - near) + near * thread
    plage = 0.5 * _plage(canvas, -0.6) * (rng.random() < 0.4)
    deep = rng.uniform(0.75, 1.0)
    return replace(scene, filament=np.clip(deep * spine * (1 + 0.15 * thread), 0, 1), fibrils=fibrils, plage=plage)


def _prominence(canvas: _Canvas) -> Scene:
    rng = canvas.rng
    scene = _quiet(canvas, 1, limb=True)
    # Up is away from the disc: coordinates along the limb, from the geometry of the heights.
    up = [float(slope.mean()) for slope in np.gradient(scene.height, canvas.pixel)]
    heading = float(np.arctan2(up[1], up[0]))
    _, sideways = canvas.turned(heading, (0.0, 0.0))
    height, middle = scene.height, rng.uniform(-0.12, 0.12) * canvas.field
    tall, wide = rng.uniform(10, 30), rng.uniform(8, 28)
    thread = streaks(
        heading + 0.25 * smooth(canvas.side, canvas.pixel, 4.0, rng), rng.uniform(5, 12) / canvas.pixel, rng
    )
    body = canvas.empty
    if rng.random() < 0.3:  # an arch
        ring = np.hypot((sideways - middle) / (wide / 2), np.maximum(height, 0) / tall)
        body = np.exp(-0.5 * ((ring - 1) / 0.16) ** 2)
    else:  # a hedgerow of pillars
        for _ in range(rng.integers(2, 5)):
            at, thick, top = middle + rng.normal(0, wide / 3), rng.uniform(2, 6), tall * rng.uniform(0.5, 1.0)
            lean = rng.normal(0, 0.25) * np.maximum(height, 0)
            pillar = np.exp(-0.5 * ((sideways - at - lean) / (thick * (1 + 0.03 * np.maximum(height, 0)))) ** 2)
            body = np.maximum(body, pillar * _edge((top - height) / 2.5))
        hang = np.exp(-0.5 * ((height - 0.8 * tall) / (0.15 * tall)) ** 2) * _edge(
            (wide / 2 - np.abs(sideways - middle)) / 3
        )
        body = np.maximum(body, 0.6 * hang)
    fine = np.clip(0.85 + 0.4 * thread, 0.1, 1.8)
    return replace(scene, prominence=np.clip(body * fine * (height > 0), 0, 1.6))


def _ribbons(canvas: _Canvas) -> Scene:
    rng = canvas.rng
    scene = _quiet(canvas, 2, limb=False)
    at, turn = canvas.place(0.12), rng.uniform(0, np.pi)
    length, apart, width = rng.uniform(18, 40), rng.uniform(7, 16), rng.uniform(1.2, 2.6)
    if rng.random() < 0.4:
        scene = _spot(canvas, scene, canvas.place(0.35), rng.uniform(4.0, 9.0))
    along, across = canvas.turned(turn, at)
    shear = rng.normal(0, 0.15) * length
    pair, feet = canvas.empty, []
    for sign, share in ((1, 1.0), (-1, rng.uniform(0.5, 1.0))):
        stroke = canvas.line(along + sign * shear, across - sign * apart / 2, share * length, width)
        kernels = np.clip(1 + 0.5 * smooth(canvas.side, canvas.pixel, 1.5, rng), 0.2, 2.5)
        pair = np.maximum(pair, stroke * kernels)
        feet.append((-sign * shear, sign * apart / 2, share * length))
    arcade = canvas.empty
    axis, normal = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    lean = rng.normal(0, 0.5) * apart  # seen from aside, loops are bent to one side
    for place in np.linspace(-0.45, 0.45, 12) + rng.normal(0, 0.02, 12):
        ends = [np.array(at) + (a + place * size) * axis + b * normal for a, b, size in feet]
        apex = (ends[0] + ends[1]) / 2 + lean * axis + rng.normal(0, 1.0, 2)
        arcade = arcade + canvas.curve(ends[0], ends[1], apex, 0.6, rng.uniform(0.2, 0.6))
    plage = _plage(canvas, 0.0) * np.exp(-0.5 * (across / 15) ** 2)
    strength = np.exp(rng.uniform(np.log(0.25), 0.0))  # from faint to bright
    return replace(
        scene,
        ribbons=strength * pair,
        arcade=strength * np.minimum(arcade, 1.5),
        plage=np.maximum(scene.plage, plage),
    )


def _nothing(canvas: _Canvas) -> Scene:
    rng = canvas.rng
    scene = _quiet(canvas, 4, limb=bool(rng.random() < 0.3))
    if rng.random() < 0.3:  # a patch of plage makes no active region
        scene = replace(scene, plage=0.6 * _plage(canvas, -0.8))
    return scene


DRAWN: Mapping[str, Callable[[_Canvas], Scene]] = MappingProxyType(
    {
        "filament": _filament,
        "prominence": _prominence,
        "flare ribbon": _ribbons,
        "sunspot": _sunspot,
        "quiet Sun": _nothing,
    }
)


def scene(kind: str, side: int, pixel: float, rng: np.random.Generator) -> Scene:
    """Draw the geometry of a scene of one class of `CLASSES`, ``side`` pixels of ``pixel`` arc seconds."""
    return DRAWN[kind](_Canvas(side, pixel, rng))


def shown(scene: Scene, look: Band) -> Floats:
    """Return the intensity of a scene in a band, in units of the quiet Sun (side, side); no telescope, no noise."""
    limb = 1 - look.darkening * (1 - scene.cosine)
    disc = limb * (1 + look.granules * scene.granules) * (1 + look.fibrils * np.clip(scene.fibrils, -2.5, 2.5))
    disc = (
        disc * np.exp(look.mottle * scene.mottle) * (1 + look.network * scene.network) * (1 + look.plage * scene.plage)
    )
    disc = disc * (1 - (1 - look.umbra) * scene.umbra) * (1 - (1 - look.penumbra) * scene.penumbra)
    disc = disc * (1 - (1 - look.filament) * scene.filament)
    disc = disc + look.ribbons * scene.ribbons + look.arcade * scene.arcade + look.loops * scene.loops
    above = np.maximum(scene.height, 0)
    corona = look.corona * np.exp(-above / look.height + look.mottle * scene.mottle)
    sky = corona * (1 - look.absorbs * np.minimum(scene.prominence, 1)) + look.prominence * scene.prominence
    sky = sky + look.spicules * scene.spicules
    off = _edge(scene.height / max(0.5, scene.pixel))
    return disc * (1 - off) + sky * off


def observed(intensity: Floats, look: Band, pixel: float, rng: np.random.Generator) -> Floats:
    """Return what an instrument records: blurred to between 0.33 and 1.2 arc seconds, with noise, on the band's scale.

    Armstrong & Fletcher 2019 degrade their images over that range. The gain differs by 10 % from image to image.
    """
    width = rng.uniform(0.33, 1.2) / 2.355 / pixel
    blurred = gaussian_filter(intensity, width, mode="nearest") * np.exp(rng.normal(0, 0.1))
    noisy = np.maximum(blurred + 0.01 * np.sqrt(np.maximum(blurred, 0.05)) * rng.standard_normal(blurred.shape), 0)
    return np.log10(1 + noisy) if look.logarithmic else noisy


class SolarClasses(Simulator):
    """Images of the five classes in a waveband, as many of each in the long run: ``solar-BAND``.

    ``solar-BAND+BAND+...`` is a mixture, as an atlas of the Sun would be: each image in one of these bands, as many of
    each in the long run, all on a logarithmic scale if any of them is.

    Attributes:
        classes: Their names.
    """

    version = 1
    positive = True
    classes = CLASSES

    def __init__(self, name: str, side: int = 64, pixel: float = 0.8) -> None:
        """Describe images of a band.

        Args:
            name: Of the band, or of several joined by ``+``.
            side: Pixels.
            pixel: Arc seconds.

        Raises:
            InputError: If a band is unknown or told twice, or a number out of range.
        """
        names = name.split("+")
        if len(set(names)) < len(names):
            raise InputError(f"solar-{name} names a waveband twice; allowed: each once")
        bands = [band(one) for one in names]
        logarithmic = any(one.logarithmic for one in bands)
        self.bands = tuple(replace(one, logarithmic=logarithmic) for one in bands)
        whole("side", side, 16, 1024)
        number("pixel", pixel, 0.05, 5)
        self.side, self.pixel = side, float(pixel)
        self.name = f"solar-{'.'.join(names)}"  # part of paths, which take no plus
        unit = "log10(1 + intensity of the quiet Sun)" if logarithmic else "intensity of the quiet Sun"
        self.schema = pa.schema(
            [
                tensor_field("image", (side, side), "input", unit, f"{pixel:g} arc seconds a pixel, {name}"),
                tensor_field("class", len(CLASSES), "output", "1", f"1 at the class: {', '.join(CLASSES)}"),
            ]
        )

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw ``n`` images (n, side, side) and their classes, one-hot (n, 5)."""
        images, classes = np.empty((n, self.side, self.side)), np.zeros((n, len(CLASSES)))
        for image, told in zip(images, classes, strict=True):
            look = self.bands[int(rng.integers(len(self.bands)))] if len(self.bands) > 1 else self.bands[0]
            kind = int(rng.integers(len(CLASSES)))
            drawn = scene(CLASSES[kind], self.side, self.pixel, rng)
            image[:] = observed(shown(drawn, look), look, self.pixel, rng)
            told[kind] = 1.0
        return {"image": images, "class": classes}
