"""Previews: how often, and how large."""

import io

import torch
from PIL import Image

from modules.pipeline.preview import Previews, as_preview
from tests.pipeline.reference import model
from tests.pipeline.test_progress import Clock


def test_a_preview_is_due_again_only_after_the_interval() -> None:
    clock = Clock()
    previews = Previews(model(), 0.5, clock)
    latent = torch.zeros(1, 4, 8, 8)
    assert previews.of(latent) is not None
    clock.now = 0.4
    assert previews.of(latent) is None
    clock.now = 0.6
    assert previews.of(latent) is not None


def test_no_interval_means_no_previews() -> None:
    assert Previews(model(), None).of(torch.zeros(1, 4, 8, 8)) is None


def test_a_batch_is_shown_as_a_sheet_within_the_limit() -> None:
    preview = as_preview(model(), torch.randn(3, 4, 64, 64))
    picture = Image.open(io.BytesIO(preview.jpeg))
    assert picture.size == (preview.width, preview.height) == (512, 512)


def test_values_beyond_all_colours_still_make_a_picture() -> None:
    broken = torch.full((1, 4, 8, 8), float("nan"))
    assert as_preview(model(), broken).jpeg
    assert as_preview(model(), torch.full((1, 4, 8, 8), 1e6)).jpeg
