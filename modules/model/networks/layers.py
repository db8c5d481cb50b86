"""The layers that networks are built of, without numbers of their own while they have no memory.

A network that is to be given the tensors of a file is built on torch's "meta" device. torch's own
layers would draw random numbers even there, which takes longer than reading the file.
"""

from torch import nn


class Linear(nn.Linear):
    """`nn.Linear`, left alone on the "meta" device."""

    def reset_parameters(self) -> None:
        """Draw the weights of a layer that is to be trained."""
        if not self.weight.is_meta:
            super().reset_parameters()


class Conv2d(nn.Conv2d):
    """`nn.Conv2d`, left alone on the "meta" device."""

    def reset_parameters(self) -> None:
        """Draw the weights of a layer that is to be trained."""
        if not self.weight.is_meta:
            super().reset_parameters()


class Embedding(nn.Embedding):
    """`nn.Embedding`, left alone on the "meta" device."""

    def reset_parameters(self) -> None:
        """Draw the vectors of a table that is to be trained."""
        if not self.weight.is_meta:
            super().reset_parameters()
