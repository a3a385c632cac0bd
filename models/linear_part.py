"""A linear part beside the blocks of a network: it begins as ridge regression, and the blocks learn what is left."""

import numpy as np
import torch
from torch import Tensor, nn

from graft.models.losses import METRICS
from graft.models.ridge import tuned_ridge


class LinearPart(nn.Linear):
    """Weights (outputs, inputs) that `fit` sets from the training rows; they are not trained any further.

    Where inputs are many and nearly the same (the channels of a spectrum), what matters lies in small differences of
    them, which gradient descent is slow to find and ridge regression finds at once. The constant is the head's matter.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)
        self.requires_grad_(False)

    def fit(self, inputs: Tensor, outputs: Tensor, loss: str) -> None:
        """Become the ridge regression whose strength is best, by the loss, at predicting each row from all others.

        Args:
            inputs: (examples, inputs), standardised.
            outputs: (examples, outputs).
            loss: Of `graft.models.losses.LOSS`.
        """
        name = loss if loss in METRICS else "normalised-l1"
        rows, exact = inputs.cpu().numpy().astype(np.float64), outputs.cpu().numpy().astype(np.float64)
        found = tuned_ridge(rows, exact, METRICS[name].deviations)
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(found.weights.T))
