"""Noise with the look of a picture: its spectrum, its colours, none of its shapes.

The unknown part of a picture is filled with it before it is drawn over. Random noise gets the
amplitudes and phases of the picture's Fourier transform, and then its histogram.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REACH = np.pi
"""How far the window that damps the noise towards its edges goes, to either side."""
SEED = 0
"""The noise is always the same one."""


def matched_noise(picture: Floats, mask: Floats, exponent: float, variation: float) -> Floats:
    """Fill `picture` (h, w, 3), 0 to 1, with matching noise where `mask` (h, w) is 1.

    `exponent` is that of the picture's amplitudes: larger ones give coarser structures.
    `variation` from 0 to 1 says how colourful the noise is.
    """
    known = 1 - mask[..., None]
    windowed = picture * known
    peak = windowed.max()
    if peak <= 0:  # black, or nothing known: there is nothing to match
        return picture
    windowed = windowed / peak + picture.mean() * mask[..., None]
    spectrum = _forward(windowed)
    amplitude = np.abs(spectrum)
    phase = spectrum / np.maximum(amplitude, 1e-20)
    noise = _forward(_noise(picture.shape, variation) * _window(picture.shape)[..., None])
    shaped = np.real(_backward(np.abs(noise) ** 2 * amplitude**exponent * phase))
    shaped -= shaped.min()
    shaped /= max(float(shaped.max()), 1e-20)
    unknown, reference = mask > 1e-6, mask < 1e-3
    if reference.any() and unknown.any():
        for channel in range(3):
            shaped[unknown, channel] = matched_values(
                shaped[unknown, channel], picture[reference, channel]
            )
    return np.clip(picture * known + shaped * mask[..., None], 0.0, 1.0)


def _noise(shape: tuple[int, ...], variation: float) -> Floats:
    """Uniform random colours, mostly grey."""
    colours = np.random.default_rng(SEED).random(shape)
    grey = colours.mean(axis=2, keepdims=True)
    return colours * variation + grey * (1 - variation)


def _window(shape: tuple[int, ...]) -> Floats:
    """1 / ((x^2 + 1) (y^2 + 1)) over the picture, (h, w)."""
    y = np.linspace(-REACH, REACH, shape[0])[:, None]
    x = np.linspace(-REACH, REACH, shape[1])[None, :]
    window: Floats = 1 / ((x**2 + 1) * (y**2 + 1))
    return window


def _forward(values: Floats) -> NDArray[np.complex128]:
    return np.fft.fft2(values, axes=(0, 1), norm="ortho")


def _backward(values: NDArray[np.complex128]) -> NDArray[np.complex128]:
    return np.fft.ifft2(values, axes=(0, 1), norm="ortho")


def matched_values(source: Floats, template: Floats) -> Floats:
    """`source` (n,) with the distribution of `template` (m,): quantile for quantile."""
    _, places, counts = np.unique(source, return_inverse=True, return_counts=True)
    wanted, wanted_counts = np.unique(template, return_counts=True)
    quantiles = np.cumsum(counts) / source.size
    wanted_quantiles = np.cumsum(wanted_counts) / template.size
    levels: Floats = np.interp(quantiles, wanted_quantiles, wanted)[places]
    return levels
