"""Weights on their way to a graphics card: through pinned buffers, one filled while one empties.

A card fetches from pinned memory by itself and at full speed; pages of a mapped file first have to
be gathered by the driver, in small pieces and one after the other. Unmeasured so far.
"""

import logging

import torch
from torch import Tensor

log = logging.getLogger(__name__)

BUFFER_BYTES = 2**25
"""Of each of the two buffers."""


class Road:
    """The way from here to one device. Without pinned memory it is torch's own."""

    def __init__(
        self, device: torch.device, *, buffer_bytes: int = BUFFER_BYTES, pinned: bool = True
    ) -> None:
        """`pinned` is False where there is no card, so that the rest can be tried out."""
        self.device, self.buffer_bytes = device, buffer_bytes
        self._buffers: list[Tensor] = []
        self._left: list[torch.cuda.Event | None] = [None, None]
        self._turn = 0
        try:
            self._buffers = [
                torch.empty(buffer_bytes, dtype=torch.uint8, pin_memory=pinned) for _ in "ab"
            ]
        except RuntimeError as error:
            log.warning("No pinned memory (%s); weights take the ordinary way", error)

    def send(self, tensor: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """`tensor` on the device, as `dtype` if given; the numbers are those of `tensor.to`.

        What is converted is so on the device. Tensors without an order of their own in memory, and
        those that are smaller than a page, are left to torch.
        """
        if not self._buffers or not tensor.is_contiguous() or tensor.nbytes < 4096:
            return tensor.to(self.device, dtype)
        there = torch.empty(tensor.shape, dtype=tensor.dtype, device=self.device)
        source, target = tensor.view(-1).view(torch.uint8), there.view(-1).view(torch.uint8)
        for piece, place in zip(
            source.split(self.buffer_bytes), target.split(self.buffer_bytes), strict=True
        ):
            self._pass(piece, place)
        return there if dtype is None else there.to(dtype)

    def _pass(self, piece: Tensor, place: Tensor) -> None:
        """Bytes of one piece, through the buffer whose turn it is."""
        buffer, left = self._buffers[self._turn], self._left[self._turn]
        if left is not None:
            left.synchronize()  # the card may still be reading what was in it
        filled = buffer[: len(piece)].copy_(piece)
        place.copy_(filled, non_blocking=True)
        if self.device.type == "cuda":
            event = self._left[self._turn] or torch.cuda.Event()
            event.record(torch.cuda.current_stream(self.device))
            self._left[self._turn] = event
        self._turn = 1 - self._turn
