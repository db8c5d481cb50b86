"""What every task does: obey the stop button, and say where a picture was computed."""

from dataclasses import replace
from typing import Any

from modules.errors import Interrupted
from modules.schema.cancel import Cancel
from modules.schema.event import Event, ImageReady

FAITHFUL = "float32"
"""What a processor draws in, unless it was found to be slow at it."""


def signed(event: Event, model: Any) -> Event:
    """A picture's event with where it was computed; `model` is a `modules.model.loader.Model`.

    What a processor computes in full precision is what a recipe alone stands for, and says nothing.
    """
    if not isinstance(event, ImageReady):
        return event
    device, precision = model.device.type, str(model.dtype).removeprefix("torch.")
    if device != "cpu":
        fact = ("Device", f"{device} {precision}")
    elif precision != FAITHFUL:
        fact = ("Precision", precision)
    else:
        return event
    return ImageReady(image=replace(event.image, facts=(*event.image.facts, fact)))


def obey(cancel: Cancel) -> None:
    """Obey the stop button."""
    if cancel.stopped:
        raise Interrupted("The job was stopped.")
