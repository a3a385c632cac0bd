"""What a physical scenario is: named columns with units, and a way to draw rows."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graft.spaces.errors import choice, whole

ROLES = ("input", "output", "aside")
KINDS: Mapping[str, pa.DataType] = MappingProxyType(
    {"float32": pa.float32(), "float64": pa.float64(), "int8": pa.int8(), "uint8": pa.uint8()}
)
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Grid:
    """The coordinate along an output, for axes of figures.

    Attributes:
        name: Of the coordinate, for example ``"wavelength"``.
        unit: For example ``"nm"``.
        values: One for each output, shape (outputs,).
    """

    name: str
    unit: str
    values: NDArray[np.float64]


def tensor_field(
    name: str, shape: int | Sequence[int], role: str, unit: str, description: str, kind: str = "float32"
) -> pa.Field:
    """Describe one column: a tensor of fixed shape in each row.

    Args:
        name: Of the column.
        shape: Of one row's value.
        role: ``"input"`` or ``"output"`` of the network that will learn the scenario, or ``"aside"`` if neither.
        unit: For example ``"nm"``; ``"1"`` if dimensionless.
        description: One line.
        kind: Of its numbers: ``"float32"``, ``"float64"``, ``"int8"`` or ``"uint8"``.

    Raises:
        InputError: If the role or the kind is unknown.
    """
    choice(f"role of column {name}", role, ROLES)
    choice(f"kind of column {name}", kind, KINDS)
    sides = [shape] if isinstance(shape, int) else list(shape)
    metadata = {"role": role, "unit": unit, "description": description}
    return pa.field(name, pa.fixed_shape_tensor(KINDS[kind], sides), nullable=False, metadata=metadata)


def columns(schema: pa.Schema, role: str) -> list[pa.Field]:
    """Fields of ``schema`` that play ``role``, in order.

    Raises:
        InputError: If the role is unknown.
    """
    choice("role", role, ROLES)
    return [field for field in schema if field.metadata[b"role"].decode() == role]


def width(schema: pa.Schema, role: str) -> int:
    """Numbers in one row of all columns that play ``role``."""
    return sum(int(np.prod(field.type.shape)) for field in columns(schema, role))


class Simulator(ABC):
    """A physical scenario.

    A subclass sets the attributes and implements `sample`. Users call `draw`, which checks what `sample` returned.

    Attributes:
        name: What it is called by; also part of paths.
        version: Raised whenever the same generator would give other numbers, so that old shards are not mixed in.
        schema: Columns of tensors, made by `tensor_field`.
        grid: Coordinate of the outputs, or None if they have none.
        judged_on: What rows that judge are, before its name in a sentence.
        reservation: What a verdict on them has to add, a sentence after a space.
        positive: Whether inputs have a meaning above 0 only, as thicknesses have; None if it is not said.
    """

    version: ClassVar[int] = 1
    positive: ClassVar[bool | None] = None
    judged_on: str = "newly simulated examples of"
    reservation: str = ""
    name: str
    schema: pa.Schema
    grid: Grid | None = None

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Draw ``n`` rows.

        The first m rows must be those of ``sample(m, rng)`` with the same state of ``rng``: so a data set that grows
        keeps the rows it has.

        Args:
            n: Number of rows.
            rng: The only source of randomness.

        Returns:
            One array for each column, shape (n, *shape of the column's tensor).
        """

    def judging(self) -> "Simulator":
        """What rows that judge are drawn from: itself, where a simulator does not run out of new ones."""
        return self

    @property
    def inputs(self) -> int:
        """Numbers in one row of input."""
        return width(self.schema, "input")

    @property
    def outputs(self) -> int:
        """Numbers in one row of output."""
        return width(self.schema, "output")

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Draw ``n`` rows and check them.

        Raises:
            InputError: If ``n`` is not a whole number of at least 1.
            ValueError: If the simulator broke its word: columns, shapes, kinds, or a value not finite in float32.
        """
        whole("n", n, 1)
        rows = self.sample(n, rng)
        if set(rows) != set(self.schema.names):
            raise ValueError(f"{self.name} returned columns {sorted(rows)}; its schema has {sorted(self.schema.names)}")
        for field in self.schema:
            values, expected = np.asarray(rows[field.name]), (n, *field.type.shape)
            if values.shape != expected:
                raise ValueError(f"{self.name}.{field.name} has shape {values.shape}; its schema says {expected}")
            kind = field.type.value_type
            if np.iscomplexobj(values):
                raise ValueError(f"{self.name}.{field.name} is complex; allowed: real numbers, such as its modulus")
            if kind != pa.float32() and values.dtype != kind.to_pandas_dtype():
                raise ValueError(f"{self.name}.{field.name} holds {values.dtype}; its schema says {kind}")
            if not (-LARGEST <= values.min() and values.max() <= LARGEST):  # two passes without a copy; nan is neither
                place = [int(i) for i in np.argwhere(~(np.abs(values) <= LARGEST))[0]]
                raise ValueError(f"{self.name}.{field.name}{place} is {values[tuple(place)]}; it must be finite")
        return rows
