"""The Extras tab: finished pictures made larger, mended, cut up, cropped, mirrored, described."""

import html
import json
from typing import Any

from modules.param import params_of
from modules.schema.hires_size import PLAIN_UPSCALERS
from modules.service.extras import Enlargement
from modules.service.extras_cuts import AutoCrop, Flips, Split
from modules.service.extras_focal import FocalCrop
from modules.service.extras_operations import Caption, ExtrasWish
from modules.ui.describe import describe_field
from modules.ui.parts.page_part import page_part

PARTS = {
    "upscale": Enlargement,
    "split": Split,
    "focal": FocalCrop,
    "autocrop": AutoCrop,
    "flips": Flips,
    "caption": Caption,
    "faces": ExtrasWish,
}
FIRST: dict[str, Any] = {
    "factor": 4.0,
    "width": 512,
    "height": 512,
    "gfpgan_visibility": 1.0,
    "codeformer_visibility": 1.0,
}
"""Values the tab begins with that differ from those of requests."""
UPSCALERS = ("upscaler", "second")


def lay_out() -> None:
    """Place the tab; `assets/extras.js` draws the controls, hands pictures in and follows."""
    page_part(f'<easel-extras fields="{html.escape(json.dumps(describe()))}"></easel-extras>')


def describe() -> dict[str, list[dict[str, Any]]]:
    """Return the controls of each operation; the menus of upscalers are filled by the page."""
    return {
        name: [
            describe_field(
                item,
                FIRST.get(item.name, item.default),
                PLAIN_UPSCALERS if item.name in UPSCALERS else item.param.choices,
            )
            for item in params_of(kind)
            if kind is not ExtrasWish or item.path == item.name
        ]
        for name, kind in PARTS.items()
    }
