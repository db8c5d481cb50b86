"""What every task does: obey the stop button, and say where a picture was computed."""

from dataclasses import replace
from typing import Any

from modules.errors import Interrupted
from modules.schema.cancel import Cancel
from modules.schema.event import Event, ImageReady

FAITHFUL = "float32"
"""What a processor draws in, unless it was found to be slow at it; not worth a word."""


def signed(event: Event, model: Any) -> Event:
    """A picture's event with where it was computed; `model` is a `modules.model.loader.Model`."""
    if not isinstance(event, ImageReady):
        return event
    precision = str(model.dtype).removeprefix("torch.")
    facts = (*event.image.facts, ("Device", f"{model.device.type} {precision}"))
    if model.device.type == "cpu" and precision != FAITHFUL:
        facts = (*facts, ("Precision", precision))
    return ImageReady(image=replace(event.image, facts=facts))


def obey(cancel: Cancel) -> None:
    """Obey the stop button."""
    if cancel.stopped:
        raise Interrupted("The job was stopped.")
