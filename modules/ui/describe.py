"""What the page's own scripts need to draw a control, as plain data for `assets/fields.js`."""

from collections.abc import Sequence
from typing import Any

from modules.param import Field
from modules.schema.codec import to_plain


def describe_field(
    item: Field, value: Any, choices: Sequence[Any] | None = None, step: float | None = None
) -> dict[str, Any]:
    """Describe the control of a field that begins with `value`.

    `choices` are words, or pairs of a value and its word; `step` counts where the field says none.
    """
    about = item.param
    low, high = about.slider or (about.minimum, about.maximum)
    return {
        "path": item.path,
        "name": item.name,
        "label": about.label,
        "help": about.help,
        "value": to_plain(value),
        "minimum": low,
        "maximum": high,
        "step": about.step or step,
        "choices": to_plain(list(choices)) if choices else None,
    }
