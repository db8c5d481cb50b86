"""Soft inpainting: old and new are mixed by degrees, and what changed decides what is pasted back.

The formulas are those of the extension that A1111's webui brings along.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor

from modules.pipeline.attachments.inpaint import blending
from modules.pipeline.overlay import Overlay, without_masked
from modules.pipeline.placing import Placed
from modules.pipeline.points import Attachment
from modules.pipeline.resize import crop, fill
from modules.sampling.catalogue import Sampler
from modules.schema.inputs import SoftInpaint

Field = NDArray[np.float64]
"""One number a latent cell, (h, w)."""

RADIUS = 2  # cells around each that are looked at
SPREAD = 1.5
EDGE = 9.0  # squared distance at which a neighbour counts nothing
BLUR = 4  # pixels
TINY = 1e-5


def mix_softly(latents: Tensor, repaint: Tensor, sampler: Sampler, wish: SoftInpaint) -> Attachment:
    """Keep `latents` by the share that mask and noise level say; nothing is put back in the end."""

    def mix(x: Tensor, level: Tensor) -> Tensor:
        share = repaint.double() ** (float(level) ** wish.schedule_bias * wish.preservation)
        return mixed(latents, x, share.to(x.dtype), wish.contrast)

    return blending(mix, sampler)


def mixed(a: Tensor, b: Tensor, share: Tensor, contrast: float) -> Tensor:
    """Between latents `a` and `b` (batch, channels, h, w), at `share` (batch, 1, h, w) of `b`.

    The length of each cell's vector is mixed by its power `contrast`, which keeps detail that a
    plain mixture would wash out.
    """
    plain = a * (1 - share) + b * share
    length = _norm(plain)
    wanted = _norm(a) ** contrast * (1 - share) + _norm(b) ** contrast * share
    wanted = wanted ** (1 / contrast)
    return (plain * wanted / (length + TINY)).to(b.dtype)


def _norm(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x.double(), dim=1, keepdim=True)


def soft_overlay(
    placed: Placed, before: Tensor, after: Tensor, repaint: Tensor, wish: SoftInpaint
) -> Overlay:
    """What to paste over the result, from how far the latent moved.

    `before` and `after` are (channels, h, w), `repaint` (1, h, w).
    """
    distance = torch.linalg.vector_norm((after - before).double(), dim=0).cpu().numpy()
    changed = change_mask(distance, repaint[0].double().cpu().numpy(), wish)
    mask = Image.fromarray((changed * 255).astype(np.uint8))
    assert placed.mask is not None and placed.overlay is not None and placed.source is not None
    mask = fill(mask, *placed.mask.size).filter(ImageFilter.GaussianBlur(BLUR))
    box = placed.overlay.box
    if box is None:
        return Overlay(without_masked(placed.source, mask))
    whole = Image.new("L", placed.source.size)
    whole.paste(crop(mask, box[2] - box[0], box[3] - box[1]), box[:2])
    return Overlay(without_masked(placed.source, whole), box, placed.overlay.enlarge)


def change_mask(distance: Field, repaint: Field, wish: SoftInpaint) -> Field:
    """Where the new picture shows, from 0 to 1, (h, w)."""
    smooth = percentile_filtered(percentile_filtered(distance, 0.9, 1.0), 0.25, 0.75)
    kept = 1 - np.clip(repaint, 0, 1) ** (wish.preservation / 2)
    kept = 0.5 * (1 - wish.mask_influence) + kept * wish.mask_influence
    kept = kept / (1.00001 - kept)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        moved = smooth / (wish.difference_threshold * kept)
        share = 1 / (1 + moved**wish.difference_contrast)
    share = np.nan_to_num(share, nan=0.5)
    return 1 - (6 * share**5 - 15 * share**4 + 10 * share**3)


def percentile_filtered(values: Field, low: float, high: float) -> Field:
    """The weighted mean, among each cell's neighbours, of those between two weighted percentiles.

    Neighbours weigh by a Gaussian of their distance; the window between the percentiles is at
    least one unit of weight wide.
    """
    weights = neighbour_weights()
    span = 2 * RADIUS + 1
    padded, there = np.pad(values, RADIUS), np.pad(np.ones_like(values), RADIUS)
    cells = np.lib.stride_tricks.sliding_window_view(padded, (span, span))
    present = np.lib.stride_tricks.sliding_window_view(there, (span, span))
    cells = cells.reshape(*values.shape, -1)
    weight = present.reshape(*values.shape, -1) * weights.reshape(-1)
    order = np.argsort(cells, axis=-1, kind="stable")
    cells = np.take_along_axis(cells, order, axis=-1)
    weight = np.take_along_axis(weight, order, axis=-1)
    ends = np.cumsum(weight, axis=-1)
    starts, total = ends - weight, ends[..., -1:]
    middle, half = total * (low + high) / 2, np.maximum(total * (high - low), 1.0) / 2
    begin, end = np.maximum(middle - half, 0), np.minimum(middle + half, total)
    inside = np.clip(np.minimum(ends, end) - np.maximum(starts, begin), 0, None)
    result: Field = (cells * inside).sum(axis=-1) / inside.sum(axis=-1)
    return result


def neighbour_weights() -> Field:
    """How much each neighbour counts, (5, 5), 1 in the middle."""
    steps = np.arange(-RADIUS, RADIUS + 1)
    squared = (steps[:, None] ** 2 + steps[None, :] ** 2).astype(np.float64)
    edge = np.exp(-EDGE / SPREAD**2)
    weights: Field = np.clip((np.exp(-squared / SPREAD**2) - edge) / (1 - edge), 0, None)
    return weights
