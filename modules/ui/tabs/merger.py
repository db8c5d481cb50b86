"""The Checkpoint Merger tab: one model made of up to three."""

import html
import json
from typing import Any

from modules.param import params_of
from modules.schema.tasks import Merge
from modules.ui.describe import describe_field
from modules.ui.parts.page_part import page_part


def lay_out() -> None:
    """Place the tab; `assets/merger.js` draws the controls and follows the work."""
    page_part(f'<easel-merger fields="{html.escape(json.dumps(describe()))}"></easel-merger>')


def describe() -> list[dict[str, Any]]:
    """Return the controls; the menus of models are filled by the page."""
    return [
        describe_field(
            item,
            item.default,
            [item.default] if isinstance(item.param.choices, str) else item.param.choices,
        )
        for item in params_of(Merge)
    ]
