"""Symmetries: the right number of elements, and each leaves the energy of a lattice with that symmetry as it is."""

import numpy as np
import pytest
import torch
from torch import Tensor

from graft.models.symmetries import Symmetries
from graft.spaces.errors import InputError


def states(shape: tuple[int, ...], q: int = 2, rows: int = 50) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(q, (rows, int(np.prod(shape))), dtype=torch.uint8, generator=generator)


def energy(index: Tensor, shape: tuple[int, ...], q: int, periodic: bool = True) -> np.ndarray:
    """Clock energy, literally."""
    angle = 2 * np.pi / q * index.numpy().reshape(-1, *shape).astype(float)
    total = np.zeros(len(angle))
    for axis in range(1, angle.ndim):
        bonds = np.cos(angle - np.roll(angle, 1, axis))
        if not periodic:
            bonds = np.delete(bonds, 0, axis)
        total -= bonds.reshape(len(angle), -1).sum(1)
    return total


GROUPS = [
    ((4, 4), 2, (), 1),
    ((4, 4), 2, ("colours",), 2),
    ((4, 4), 2, ("translations",), 16),
    ((4, 4), 2, ("reflections",), 4),
    ((4, 4), 2, ("rotations",), 4),
    ((4, 4), 2, ("reflections", "rotations"), 8),
    ((4, 4), 2, ("translations", "reflections", "rotations", "colours"), 256),
    ((8, 8), 2, ("translations", "reflections", "rotations", "colours"), 1024),
    ((3, 5), 3, ("translations", "reflections", "colours"), 15 * 4 * 6),
    ((3, 3, 3), 2, ("reflections", "rotations"), 48),
    ((6,), 5, ("translations", "reflections", "colours"), 12 * 10),
]


@pytest.mark.parametrize(("shape", "q", "names", "size"), GROUPS)
def test_the_group_has_its_size_and_leaves_the_energy(
    shape: tuple[int, ...], q: int, names: tuple[str, ...], size: int
) -> None:
    group, index = Symmetries.of(names, shape, q), states(shape, q)
    assert len(group) == size
    pairs = {(tuple(p), tuple(c)) for p in group.places.tolist() for c in group.colours.tolist()}
    assert len(pairs) == size
    before = energy(index, shape, q)
    image = group(index, torch.Generator().manual_seed(1))
    assert image.dtype == torch.uint8 and image.shape == index.shape
    np.testing.assert_allclose(energy(image, shape, q), before, atol=1e-9)
    assert size == 1 or not torch.equal(image, index)


def test_without_translations_open_edges_stay_edges() -> None:
    group, index = Symmetries.of(("reflections", "rotations", "colours"), (4, 4)), states((4, 4))
    before = energy(index, (4, 4), 2, periodic=False)
    for element in range(len(group)):
        np.testing.assert_allclose(energy(group.image(index, element), (4, 4), 2, periodic=False), before, atol=1e-9)


def test_the_elements_are_drawn_evenly_and_rows_keep_their_shape() -> None:
    group = Symmetries.of(("translations", "colours"), (2, 2))
    index = torch.tensor([[1, 0, 0, 0]], dtype=torch.uint8).repeat(8000, 1).reshape(8000, 2, 2)
    images = group(index, torch.Generator().manual_seed(2))
    assert images.shape == (8000, 2, 2)
    counts = np.unique(images.reshape(-1, 4).numpy(), axis=0, return_counts=True)[1]
    assert len(counts) == 8 and abs(counts - 1000).max() < 5 * np.sqrt(1000)


def test_the_mean_over_the_group_is_invariant() -> None:
    group, index = Symmetries.of(("translations", "reflections", "colours"), (3, 4), 3), states((3, 4), 3, 7)
    weight = torch.randn(12, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def function(rows: Tensor) -> Tensor:
        return (rows.double() @ weight).sin()

    everything = group.draw(None)
    mean = group.mean(function, index, everything)
    literal = sum(function(group.image(index, g)) for g in everything) / len(group)
    torch.testing.assert_close(mean, literal)
    torch.testing.assert_close(group.mean(function, group(index, torch.Generator()), everything), mean)
    some = group.draw(5, torch.Generator().manual_seed(4))
    assert len(set(some)) == 5 and not torch.allclose(group.mean(function, index, some), mean)


@pytest.mark.parametrize(
    ("names", "shape", "says"),
    [
        (("reflexions",), (4, 4), r"unknown symmetries 'reflexions' \(did you mean 'reflections'\?\)"),
        (("rotations",), (4, 6), r"rotations of a lattice of 4 x 6; allowed: where all lengths are equal"),
        (("translations", "reflections"), (128, 128), r"symmetries of 16384 sites are too many for a table"),
    ],
)
def test_what_is_refused(names: tuple[str, ...], shape: tuple[int, ...], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Symmetries.of(names, shape)
    with pytest.raises(InputError, match=r"copies is 9; allowed: a whole number of at least 1 and at most 8"):
        Symmetries.of(("translations", "colours"), (2, 2)).draw(9)
