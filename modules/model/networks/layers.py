"""The layers that networks are built of, without numbers of their own while they have no memory.

A network that is to be given the tensors of a file is built on torch's "meta" device. torch's own
layers would draw random numbers even there, which takes longer than reading the file.
"""

from collections.abc import Callable

from torch import Tensor, nn

from modules.model.networks import processor


class Linear(nn.Linear):
    """`nn.Linear`, left alone on the "meta" device."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        if processor.quick(input, self.weight):
            return processor.product(input, self.weight, self.bias)
        return super().forward(input)

    @property
    def alone(self) -> bool:
        """Whether nothing listens when it is called, so that its weights may be used directly."""
        return not (self._forward_hooks or self._forward_pre_hooks)

    def reset_parameters(self) -> None:
        """Draw the weights of a layer that is to be trained."""
        if not self.weight.is_meta:
            super().reset_parameters()


class Conv2d(nn.Conv2d):
    """`nn.Conv2d`, left alone on the "meta" device."""

    instead: Callable[[Tensor], Tensor] | None = None
    """What computes in its place for a while, where it is a plain one of 3 x 3."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, in_channels, h, w) to (B, out_channels, h, w)."""
        if self.instead is not None and self._plain:
            return self.instead(input)
        quick = processor.quick(input, self.weight) and self._plain
        if quick and processor.small_map(input, self.weight):
            return processor.conv_of_small_map(input, self.weight, self.bias)
        return super().forward(input)

    @property
    def _plain(self) -> bool:
        """Whether it is one of 3 x 3 that keeps the size and sees zeros beyond the edge."""
        shape = (self.kernel_size, self.stride, self.padding, self.dilation)
        plain = shape == ((3, 3), (1, 1), (1, 1), (1, 1))
        return plain and self.groups == 1 and self.padding_mode == "zeros"

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
