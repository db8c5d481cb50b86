"""The Extras tab: finished pictures made larger, cut up, cropped and mirrored."""

import html
import json
from typing import Any

from modules.param import params_of
from modules.schema.hires_size import PLAIN_UPSCALERS
from modules.service.extras import Enlargement
from modules.service.extras_cuts import AutoCrop, Flips, Split
from modules.ui.describe import describe_field
from modules.ui.parts.page_part import page_part

PARTS = {"upscale": Enlargement, "split": Split, "autocrop": AutoCrop, "flips": Flips}
FIRST: dict[str, Any] = {"factor": 4.0, "width": 512, "height": 512}
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
        ]
        for name, kind in PARTS.items()
    }
