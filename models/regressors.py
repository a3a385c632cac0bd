"""Reference regressors, that no network is needed for: ridge, partial least squares, Gaussian process, boosting.

Each is tuned by cross-validation inside the rows that it may learn from. A network that errs more than one of these
serves nobody, whatever it was copied from. scikit-learn is loaded where it is used: it takes a second.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from graft.models.ridge import STRENGTHS, Array, Deviations, LinearMap, ridge

Chosen = Mapping[str, float | str | list[float]]
"""What was chosen of a regressor, as JSON holds it."""
Predict = Callable[[NDArray], Array]
"""Outputs (examples, outputs) of inputs (examples, inputs)."""
FOLDS = 5
FEW_OUTPUTS, FEW_ROWS = 10, 2000
"""Beyond which Gaussian process and boosting take too long to be a first thing to try."""
COMPONENTS = 30
"""Of partial least squares, at most."""
LENGTHS = 20
"""Inputs up to which each has a length scale of its own."""
BEGINNINGS = (1.0, 10.0, 100.0)
"""Length scales from which a kernel's are learned, in shares of the typical distance of two standardised examples: the
marginal likelihood has several tops, and of spectra the best lies far from the first."""
LEARNED = 500
"""Rows from which a kernel's parameters are learned, at most: it takes the cube of their number, many times over."""
TREES, DEPTHS, RATE = 200, (2, 4), 0.1
"""Of boosting: the number of trees is chosen among these, the deepest they grow, and what each adds."""


class Regressor(ABC):
    """A way to predict outputs from inputs.

    Attributes:
        name: In a sentence.
        limited: Whether it is only for few outputs and rows (`FEW_OUTPUTS`, `FEW_ROWS`).
    """

    name: ClassVar[str]
    limited: ClassVar[bool] = False

    @abstractmethod
    def choices(self, inputs: Array, outputs: Array) -> Sequence[Chosen]:
        """What may be chosen for examples such as these, inputs standardised."""

    @abstractmethod
    def fit(self, chosen: Chosen, inputs: Array, outputs: Array) -> Predict:
        """Learn outputs (examples, outputs) from inputs (examples, inputs), standardised."""

    def paths(self, chosen: Chosen, inputs: Array, outputs: Array, asked: Array) -> Iterator[tuple[Chosen, Array]]:
        """Predictions for the inputs ``asked`` by all choices that one fit of this one tells."""
        yield chosen, self.fit(chosen, inputs, outputs)(asked)

    def fits(self, rows: int, outputs: int) -> bool:
        """Whether it is for so many rows and outputs."""
        return not self.limited or (rows <= FEW_ROWS and outputs <= FEW_OUTPUTS)


class RidgeRegression(Regressor):
    """Linear, its weights held small."""

    name = "ridge regression"

    def choices(self, inputs: Array, outputs: Array) -> Sequence[Chosen]:
        """The weakest penalty: the stronger ones are told beside it."""
        return [{"strength": STRENGTHS[0]}]

    def fit(self, chosen: Chosen, inputs: Array, outputs: Array) -> Predict:
        """As of `Regressor`."""
        return ridge(inputs, outputs, _number(chosen, "strength"))[0]

    def paths(self, chosen: Chosen, inputs: Array, outputs: Array, asked: Array) -> Iterator[tuple[Chosen, Array]]:
        """Predictions with each strength."""
        for strength, found in zip(STRENGTHS, ridge(inputs, outputs, *STRENGTHS), strict=True):
            yield {"strength": strength}, found(asked)


class PartialLeastSquares(Regressor):
    """Linear, on the few directions of the inputs that vary most with the outputs (Wold et al. 2001)."""

    name = "partial least squares"

    def choices(self, inputs: Array, outputs: Array) -> Sequence[Chosen]:
        """The most components that each fold of the rows can have: fewer are told on the way."""
        return [{"components": min(COMPONENTS, inputs.shape[1], len(inputs) - -(-len(inputs) // FOLDS) - 1)}]

    def fit(self, chosen: Chosen, inputs: Array, outputs: Array) -> Predict:
        """As of `Regressor`."""
        return self._with(int(_number(chosen, "components")), inputs, outputs)[-1]

    def paths(self, chosen: Chosen, inputs: Array, outputs: Array, asked: Array) -> Iterator[tuple[Chosen, Array]]:
        """Predictions with each number of components."""
        for number, predict in enumerate(self._with(int(_number(chosen, "components")), inputs, outputs), 1):
            yield {"components": number}, predict(asked)

    @staticmethod
    def _with(components: int, inputs: Array, outputs: Array) -> list[Predict]:
        """With one component, two and so on: what is deflated by one is the same whether more follow or not."""
        from sklearn.cross_decomposition import PLSRegression

        mean, middle = inputs.mean(0), outputs.mean(0)
        with _quiet():
            found = PLSRegression(components, scale=False).fit(inputs - mean, outputs - middle)
        weights = [found.x_rotations_[:, :k] @ found.y_loadings_[:, :k].T for k in range(1, components + 1)]
        return [LinearMap(one, middle - mean @ one) for one in weights]


class GaussianProcess(Regressor):
    """A Gaussian process, its kernel's parameters learned by marginal likelihood, its kind by cross-validation."""

    name = "a Gaussian process"
    limited = True

    def choices(self, inputs: Array, outputs: Array) -> Sequence[Chosen]:
        """Kinds of kernels with parameters that suit (at most `LEARNED` of) these examples, from each beginning."""
        from sklearn.gaussian_process import GaussianProcessRegressor

        own = inputs.shape[1] if inputs.shape[1] <= LENGTHS else 1
        found: list[Chosen] = []
        for kind, beginning in product(("squared exponential", "Matern 5/2"), BEGINNINGS):
            begin = [beginning * inputs.shape[1] ** 0.5] * own
            start: Chosen = {"kernel": kind, "size": 10.0, "noise": 0.01, "lengths": begin}
            process = GaussianProcessRegressor(_kernel(start), normalize_y=True, alpha=1e-10)
            with _quiet():
                kernel = process.fit(inputs[:LEARNED], outputs[:LEARNED]).kernel_
            lengths = np.atleast_1d(kernel.k1.k2.length_scale).tolist()
            size, noise = float(kernel.k1.k1.constant_value), float(kernel.k2.noise_level)
            found.append({"kernel": kind, "size": size, "noise": noise, "lengths": lengths})
        return found

    def fit(self, chosen: Chosen, inputs: Array, outputs: Array) -> Predict:
        """As of `Regressor`."""
        from sklearn.gaussian_process import GaussianProcessRegressor

        with _quiet():
            found = GaussianProcessRegressor(_kernel(chosen), optimizer=None, normalize_y=True, alpha=1e-10)
            found.fit(inputs, outputs)
        return lambda asked: np.asarray(found.predict(asked), np.float64).reshape(len(asked), -1)


class Grown(Protocol):
    """What scikit-learn makes of trees."""

    def predict(self, inputs: Array) -> Array:
        """One output (examples,)."""

    def staged_predict(self, inputs: Array) -> Iterator[Array]:
        """The same with one tree, two and so on."""


class Boosting(Regressor):
    """Gradient boosting of regression trees (Friedman 2001), one sum of trees for each output."""

    name = "gradient boosting"
    limited = True

    def choices(self, inputs: Array, outputs: Array) -> Sequence[Chosen]:
        """Depths, each with all its trees: fewer are told on the way."""
        return [{"depth": depth, "trees": TREES} for depth in DEPTHS]

    def fit(self, chosen: Chosen, inputs: Array, outputs: Array) -> Predict:
        """As of `Regressor`."""
        parts = [self._grown(chosen, inputs, output) for output in outputs.T]
        return lambda asked: np.stack([part.predict(asked) for part in parts], 1)

    def paths(self, chosen: Chosen, inputs: Array, outputs: Array, asked: Array) -> Iterator[tuple[Chosen, Array]]:
        """Predictions after each number of trees."""
        parts = [self._grown(chosen, inputs, output).staged_predict(asked) for output in outputs.T]
        for number, found in enumerate(zip(*parts, strict=True), 1):
            yield {**chosen, "trees": number}, np.stack(found, 1)

    @staticmethod
    def _grown(chosen: Chosen, inputs: Array, output: Array) -> "Grown":
        from sklearn.ensemble import GradientBoostingRegressor

        trees, depth = int(_number(chosen, "trees")), int(_number(chosen, "depth"))
        grown = GradientBoostingRegressor(n_estimators=trees, max_depth=depth, learning_rate=RATE, random_state=0)
        found: Grown = grown.fit(inputs, output)
        return found


REGRESSORS: Mapping[str, Regressor] = {
    one.name: one for one in (RidgeRegression(), PartialLeastSquares(), GaussianProcess(), Boosting())
}


@dataclass(frozen=True)
class Tuned:
    """What cross-validation chose of a regressor, and its error there."""

    name: str
    chosen: Chosen
    error: float


@dataclass(frozen=True)
class Rows:
    """Examples to learn from, and further ones that are learned from too but never judged (those of a source).

    Attributes:
        inputs: (examples, inputs).
        outputs: (examples, outputs).
        more: Inputs and outputs of the further ones.
    """

    inputs: NDArray
    outputs: NDArray
    more: tuple[NDArray, NDArray] | None = None

    def __len__(self) -> int:
        return len(self.inputs) + (0 if self.more is None else len(self.more[0]))

    def taken(self, chosen: NDArray) -> tuple[Array, Array]:
        """Inputs and outputs of the chosen examples and of all further ones, in float64."""
        parts = [(self.inputs[chosen], self.outputs[chosen]), *([] if self.more is None else [self.more])]
        inputs, outputs = (np.concatenate(side).astype(np.float64) for side in zip(*parts, strict=True))
        return inputs, outputs


def folds(groups: NDArray) -> NDArray[np.intp]:
    """In which of `FOLDS` parts each row is judged: rows of one group together, groups spread evenly.

    Args:
        groups: (rows,), which rows belong together, in an order that tells nothing of their values.
    """
    _, first, places = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[places] % FOLDS


def tuned(name: str, rows: Rows, deviations: Deviations, groups: NDArray | None = None) -> Tuned:
    """Choose a regressor's settings by five-fold cross-validation.

    Args:
        name: Of `REGRESSORS`.
        rows: That it may learn from.
        deviations: Their mean is the error.
        groups: (examples,), which of them belong together; None: each stands alone.
    """
    regressor, every = REGRESSORS[name], np.arange(len(rows.inputs))
    parts = folds(every if groups is None else groups)
    inputs, outputs = rows.taken(every)
    off: dict[str, tuple[Chosen, list[Array]]] = {}
    for choice in regressor.choices(standardised(inputs)(inputs), outputs):
        for part in np.unique(parts):
            judged = parts == part
            taught, exact = rows.taken(every[~judged])
            seen = standardised(taught)
            for told, found in regressor.paths(choice, seen(taught), exact, seen(rows.inputs[judged])):
                off.setdefault(repr(told), (told, []))[1].append(deviations(found, rows.outputs[judged]).ravel())
    errors = [(float(np.concatenate(parts).mean()), told) for told, parts in off.values()]
    error, told = min(errors, key=lambda one: one[0])
    return Tuned(name, told, error)


def standardised(inputs: Array) -> Predict:
    """What brings inputs to mean 0 and deviation 1 over these (examples, inputs); one that does not vary stays at 0."""
    mean, deviation = inputs.mean(0), np.asarray(inputs.std(0), np.float64)
    deviation = np.where(deviation > 0, deviation, 1.0)

    def seen(asked: NDArray) -> Array:
        moved: Array = (np.asarray(asked, np.float64) - mean) / deviation
        return moved

    return seen


def fitted(found: Tuned, rows: Rows) -> Predict:
    """Learn from all rows, as tuned."""
    inputs, outputs = rows.taken(np.arange(len(rows.inputs)))
    seen = standardised(inputs)
    predict = REGRESSORS[found.name].fit(found.chosen, seen(inputs), outputs)
    return lambda asked: predict(seen(asked))


def _kernel(chosen: Chosen) -> object:
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

    each = np.asarray(chosen["lengths"], np.float64)
    lengths = each if len(each) > 1 else float(each[0])
    within = (1e-2, 1e5)
    smooth = RBF(lengths, within) if chosen["kernel"] == "squared exponential" else Matern(lengths, within, nu=2.5)
    return ConstantKernel(chosen["size"], (1e-3, 1e7)) * smooth + WhiteKernel(chosen["noise"], (1e-8, 10.0))


def _number(chosen: Chosen, key: str) -> float:
    value = chosen[key]
    assert isinstance(value, int | float)
    return value


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what scikit-learn warns of: a parameter at the edge of its range, columns that do not vary."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
