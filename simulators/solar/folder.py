"""A folder of images of one's own: which of them show what, when and in which waveband, and tiles cut out of them.

What an image shows is told by ``labels.csv`` (columns image, class, and if need be time, band, pixel) or by the
subfolder it lies in; waveband, pixel scale and time by its header, the name of a subfolder or of the file. Images
taken within `TOGETHER` of one another are of one time: what is learned from one says much of the other, so that they
are never split. Nor are the tiles of an image.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from graft.simulators.solar.bands import BANDS
from graft.simulators.solar.fields import Floats
from graft.simulators.solar.header import WAVEBANDS, Told, named, time_in, waveband
from graft.simulators.solar.picture import SUFFIXES, Picture, is_picture, read
from graft.spaces.errors import InputError, unknown

LABELS = "labels.csv"
COLUMNS = ("image", "class", "time", "band", "pixel")
TOGETHER = timedelta(seconds=60)
"""Granules live for minutes, everything else for longer: images nearer in time are alike."""
MASKED = 0.05
"""Share of a tile's pixels that may be masked; they get the tile's median."""
TOLD = 10
"""Images left out of which a line is told each."""
NEGATIVE = 0.2
"""Share of pixels below 0 from which an image is no intensity."""
NOISE = 0.1
"""Correlation of neighbouring pixels, what varies slowly taken off, below which an image is nothing but noise. That of
66 images of twelve instruments was 0.24 at least (the larger of both directions)."""


@dataclass(frozen=True)
class Labelled:
    """An image of a folder.

    Attributes:
        file: Relative to the folder.
        plane: Which of the file's images, from 0.
        shows: Its class, '' if nothing says so.
        told: Waveband, pixel scale and time.
        shape: (rows, columns).
        tiles: How many can be cut out of it.
        group: Number of its time; images of one time are never split.
    """

    file: str
    plane: int
    shows: str
    told: Told
    shape: tuple[int, int]
    tiles: int
    group: int = 0


@dataclass(frozen=True)
class Folder:
    """What lies in a folder.

    Attributes:
        path: Where it is.
        sha256: Of the names and contents of all files that were read.
        digests: Of each image's file, by its name.
        side: Of tiles, pixels.
        images: In order of time, then of name.
        left_out: Files with images that show no Sun, dark and flat frames among them, with the reason.
        missing: Pixels masked because no number was there.
        saturated: Pixels masked because they are at the detector's limit.
        dropped: Tiles left out, for too much of them is masked, or nothing varies.
    """

    path: Path
    sha256: str
    digests: Mapping[str, str]
    side: int
    images: tuple[Labelled, ...]
    left_out: tuple[str, ...]
    missing: int
    saturated: int
    dropped: int

    @property
    def classes(self) -> tuple[str, ...]:
        """What its images show, by name."""
        return tuple(sorted({one.shows for one in self.images} - {""}))

    @property
    def bands(self) -> dict[str, int]:
        """Images of each waveband."""
        return dict(Counter(one.told.band or "not told" for one in self.images))

    @property
    def groups(self) -> int:
        """Times."""
        return len({one.group for one in self.images})

    @property
    def notes(self) -> tuple[str, ...]:
        """What it was taken for, in lines for people."""
        tiles, files = sum(one.tiles for one in self.images), len({one.file for one in self.images})
        where = "" if files == len(self.images) else f" in {files} files"
        per = Counter(one.shows for one in self.images if one.shows)
        lines = [
            f"{len(self.images)} images{where} at {self.groups} times (those within {TOGETHER.seconds} s are one), "
            f"{tiles} tiles of {self.side} x {self.side} pixels"
            + ("; " + ", ".join(f"{count} of {name}" for name, count in sorted(per.items())) if per else ""),
            "waveband: " + ", ".join(f"{band} ({count})" for band, count in self.bands.items()),
            f"{self.missing + self.saturated} pixels masked ({self.missing} empty, {self.saturated} saturated), "
            f"{self.dropped} tiles left out for what is masked or empty in them",
        ]
        more = len(self.left_out) - TOLD
        lines += [f"left out: {one}" for one in self.left_out[:TOLD]]
        return (*lines, *([f"left out: {more} more"] if more > 0 else []))

    def image(self, one: Labelled) -> Floats:
        """An image (rows, columns) in units of its own reference intensity, NaN where masked."""
        return _scaled(read(self.path / one.file)[one.plane])

    def tiles(self, one: Labelled, logarithmic: bool) -> Floats:
        """Its tiles (tiles, side, side), from the middle of the image outwards, row by row."""
        return _shown(_tiles(self.image(one), self.side)[0], logarithmic)


@lru_cache(maxsize=4)
def _opened(path: Path, side: int, stamp: tuple[tuple[str, int, int], ...]) -> Folder:
    return _survey(path, side, [path / name for name, *_ in stamp])


def survey(path: Path, side: int) -> Folder:
    """Look at every image of a folder.

    Args:
        path: The folder.
        side: Of tiles, pixels.

    Raises:
        InputError: Naming the folder or file, if it holds no images, or one that cannot be used.
    """
    if not path.is_dir():
        raise InputError(f"{path} is no folder; allowed: a folder of images")
    files = sorted(
        one
        for one in path.rglob("*")
        if one.is_file()
        and (is_picture(one) or one == path / LABELS)
        and not any(part.startswith(".") for part in one.relative_to(path).parts)
    )
    if not any(map(is_picture, files)):
        raise InputError(f"{path} holds no images; allowed: files that end in {', '.join(SUFFIXES)}")
    stats = [(str(one.relative_to(path)), one.stat()) for one in files]
    return _opened(path.resolve(), side, tuple((name, told.st_size, told.st_mtime_ns) for name, told in stats))


def _survey(path: Path, side: int, files: Sequence[Path]) -> Folder:
    labels = _labels(path / LABELS) if path / LABELS in files else {}
    pictures = [one for one in files if is_picture(one)]
    names = {str(one.relative_to(path)) for one in pictures}
    absent = [name for name in labels if name not in names]
    if absent:
        raise (
            unknown(f"image in {path / LABELS}", absent[0], names)
            if len(names) <= 20
            else InputError(f"{path / LABELS} names {absent[0]}, which is not there; allowed: images of the folder")
        )
    by_folder = _by_folder(path, sorted({one.relative_to(path).parent for one in pictures}))
    images, left_out, digests = list[Labelled](), list[str](), dict[str, str]()
    missing = saturated = dropped = 0
    for file in pictures:
        name = str(file.relative_to(path))
        digests[name] = hashlib.sha256(file.read_bytes()).hexdigest()
        shows, told = labels.get(name, ("", Told())) if labels else by_folder[file.relative_to(path).parent]
        if labels and name not in labels:
            left_out.append(f"{name}, which {LABELS} does not name")
            continue
        pictures_of_it = read(file)
        for plane, picture in enumerate(pictures_of_it):
            why = _no_sun(picture)
            if why:
                which = f" (image {plane}, counted from 0)" if len(pictures_of_it) > 1 else ""
                left_out.append(f"{name}{which}, {why}")
                continue
            if min(picture.values.shape) < side:
                rows, columns = picture.values.shape
                raise InputError(
                    f"{file} has {rows} x {columns} pixels; allowed: at least {side} x {side}, the side of a tile"
                )
            cut, empty = _tiles(_scaled(picture), side)
            missing, saturated, dropped = missing + picture.missing, saturated + picture.saturated, dropped + empty
            shape = (picture.values.shape[0], picture.values.shape[1])
            images.append(Labelled(name, plane, shows, told.over(picture.told), shape, len(cut)))
    if not images:
        raise InputError(f"{path} holds no image of the Sun ({'; '.join(left_out)}); allowed: images")
    whole = hashlib.sha256()
    for name, sha256 in sorted(digests.items()):
        whole.update(f"{name}\n{sha256}\n".encode())
    if labels:
        whole.update((path / LABELS).read_bytes())
    found = _grouped(images)
    return Folder(path, whole.hexdigest(), digests, side, tuple(found), tuple(left_out), missing, saturated, dropped)


def cut(path: Path, side: int, logarithmic: bool) -> Floats:
    """Tiles (tiles, side, side) of one file, as those of a folder are cut and scaled.

    Raises:
        InputError: If it is no image of the Sun, or smaller than a tile.
    """
    found = []
    for picture in read(path):
        if min(picture.values.shape) < side:
            rows, columns = picture.values.shape
            raise InputError(f"{path} has {rows} x {columns} pixels; allowed: at least {side} x {side}")
        why = _no_sun(picture)
        if why:
            raise InputError(f"{path} is {why}; allowed: images of the Sun")
        found.append(_shown(_tiles(_scaled(picture), side)[0], logarithmic))
    return np.concatenate(found)


def logarithmic(band: str) -> bool:
    """Whether images of a waveband are looked at on a logarithmic scale: those of the ultraviolet and of X-rays."""
    return BANDS[band].logarithmic if band in BANDS else WAVEBANDS[band][1] < 2000 if band in WAVEBANDS else False


def reference(values: Floats) -> float:
    """The intensity that images are divided by, in place of the quiet Sun's: a median.

    What is darker than a tenth of the upper quartile is not counted, for it is sky beside a full disc.
    """
    seen = values[np.isfinite(values)]
    bright = seen[seen > 0.1 * np.percentile(seen, 75)]
    return float(np.median(bright)) if bright.size else 0.0


def _labels(path: Path) -> dict[str, tuple[str, Told]]:
    """Class of each image and what else a label file tells, by the image's name."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = [(reader.line_num, row) for reader in [csv.reader(file)] for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise InputError(f"{path}: {problem}; allowed: text, columns separated by commas") from None
    head = [cell.strip().lower() for cell in lines[0][1]] if lines else []
    for cell in head:
        if cell not in COLUMNS:
            raise unknown(f"column in {path}", cell, COLUMNS)
    if "image" not in head or len(head) < 2 or len(set(head)) != len(head):
        raise InputError(f"{path} begins with {','.join(head)!r}; allowed: image,class and if need be time,band,pixel")
    found: dict[str, tuple[str, Told]] = {}
    for line, row in lines[1:]:
        if len(row) != len(head):
            raise InputError(f"{path}, line {line} has {len(row)} cells; allowed: {len(head)}, as its header has")
        cells = dict(zip(head, (cell.strip() for cell in row), strict=True))
        if cells["image"] in found:
            raise InputError(f"{path}, line {line} names {cells['image']} again; allowed: each image once")
        if not cells.get("class", "?"):
            raise InputError(f"{path}, line {line} has no class; allowed: what {cells['image']} shows")
        found[cells["image"]] = (cells.get("class", ""), _row_told(cells, f"{path}, line {line}"))
    return found


def _row_told(cells: Mapping[str, str], where: str) -> Told:
    """Time, waveband and pixel scale in a line of a label file."""
    told = Told()
    if cells.get("time"):
        told = replace(told, time=time_in(cells["time"]))
        if told.time is None:
            raise InputError(f"{where}: time is {cells['time']!r}; allowed: such as 2011-10-08T11:15:42")
    if cells.get("pixel"):
        try:
            told = replace(told, pixel=float(cells["pixel"]))
        except ValueError:
            told = replace(told, pixel=-1.0)
        if not 0 < told.pixel < np.inf:
            raise InputError(f"{where}: pixel is {cells['pixel']!r}; allowed: arc seconds above 0")
    if cells.get("band"):
        try:
            told = replace(told, band=waveband(cells["band"]))
        except InputError as problem:
            raise InputError(f"{where}: {problem}") from None
    return told


def _by_folder(path: Path, folders: Sequence[Path]) -> dict[Path, tuple[str, Told]]:
    """Class and waveband that the name of each subfolder tells: at each depth either classes or wavebands.

    Raises:
        InputError: If some names at one depth are wavebands and others are not, or if there are more depths than both.
    """
    found = {folder: ("", Told(named(path.name))) for folder in folders}
    for depth in range(max(len(folder.parts) for folder in folders)):
        names = {folder.parts[depth] for folder in folders if len(folder.parts) > depth}
        bands = {name for name in names if named(name)}
        strange = sorted(names - bands)
        if bands and strange:
            raise InputError(f"{path}: {unknown('waveband', strange[0], {*WAVEBANDS, *bands})}")
        for folder in folders:
            if len(folder.parts) <= depth:
                continue
            name, (shows, told) = folder.parts[depth], found[folder]
            if bands:
                found[folder] = (shows, replace(told, band=named(name)))
            elif shows:
                raise InputError(
                    f"{path / folder}: both {shows!r} and {name!r} would be its class; allowed: one subfolder for each "
                    f"class, and if need be one for each waveband, or {LABELS}"
                )
            else:
                found[folder] = (name, told)
    return found


def _no_sun(picture: Picture) -> str:
    """Why an image shows no Sun; '' if it may."""
    if picture.told.frame:
        return f"a {picture.told.frame} frame by its header or name"
    below = float((picture.values[np.isfinite(picture.values)] < 0).mean())
    if below > NEGATIVE:
        return f"no intensity: {below:.0%} of its pixels are below 0"
    if reference(picture.values) <= 0:
        return "nearly everywhere 0"
    values = np.where(np.isfinite(picture.values), picture.values, np.nanmedian(picture.values))
    values = values - gaussian_filter(values, 8)
    spread = 5 * values.std()
    values = np.clip(values, -spread, spread)
    values -= values.mean()
    beside = max(float((values[:, 1:] * values[:, :-1]).mean()), float((values[1:] * values[:-1]).mean()))
    return "" if beside >= NOISE * (values**2).mean() else "a dark or flat frame: nothing but noise is in it"


def _scaled(picture: Picture) -> Floats:
    """Values in units of the image's reference intensity."""
    return picture.values / reference(picture.values)


def _tiles(image: Floats, side: int) -> tuple[Floats, int]:
    """Tiles (tiles, side, side) that lie side by side about the middle, and how many more have too much masked."""
    counts = [length // side for length in image.shape]
    starts = [(length - count * side) // 2 for length, count in zip(image.shape, counts, strict=True)]
    middle = image[starts[0] : starts[0] + counts[0] * side, starts[1] : starts[1] + counts[1] * side]
    tiles = middle.reshape(counts[0], side, counts[1], side).swapaxes(1, 2).reshape(-1, side, side)
    kept = np.isnan(tiles).mean((1, 2)) <= MASKED
    found = tiles[kept]
    holes = np.isnan(found)
    if holes.any():
        found = np.where(holes, np.nanmedian(found, (1, 2), keepdims=True), found)
    varied = np.ptp(found, (1, 2)) > 0
    return found[varied], int(len(tiles) - varied.sum())


def _shown(tiles: Floats, log: bool) -> Floats:
    """Tiles on the scale on which simulated images of the same band are shown."""
    return np.log10(1 + np.maximum(tiles, 0)) if log else tiles


def _grouped(images: Sequence[Labelled]) -> list[Labelled]:
    """Images in order of time, those without one last, each with the number of its time.

    Those that follow one another within `TOGETHER` are of one time; so are those of a file that tells none.
    """
    ordered = sorted(images, key=lambda one: (one.told.time or datetime.max, one.file, one.plane))
    found, group = list[Labelled](), -1
    for before, one in zip([None, *ordered], ordered, strict=False):
        together = before is not None and _together(before, one)
        group += not together
        found.append(replace(one, group=group))
    return found


def _together(before: Labelled, one: Labelled) -> bool:
    """Whether an image and the one before it are of one time."""
    if before.told.time is None or one.told.time is None:
        return before.file == one.file
    return one.told.time - before.told.time <= TOGETHER


def numbers(folder: Folder) -> NDArray[np.int64]:
    """The group of each tile (tiles,), in the order of images."""
    return np.repeat([one.group for one in folder.images], [one.tiles for one in folder.images])
