"""Gradio as extensions know it: written for its versions 3 and 4, run by the one that is here.

Constructors take what they took then, `X.update(...)` exists, and events take `_js`.
"""

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import gradio as real
from gradio.components import Component

RENAMED = {"Box": "Group", "Variable": "State"}
"""Classes that are called otherwise now."""
PRIVATE = {"api_visibility": "private"}


class Made:
    """Stands for a class of Gradio's: called, asked about, derived from."""

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.__name__ = kind.__name__
        self.__doc__ = kind.__doc__

    def __call__(self, *args: Any, **given: Any) -> Any:
        """Make one; what today's class does not know is left out."""
        made = self.kind(*args, **fitting(self.kind, given))
        return with_old_manners(made)

    def __instancecheck__(self, thing: Any) -> bool:
        return isinstance(thing, self.kind)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (self.kind,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kind, name)

    def update(self, *args: Any, **given: Any) -> Any:
        """What a handler returned to change a control."""
        if args:
            given["value"] = args[0]
        return real.update(**{**fitting(self.kind, given), **_seen(given)})


def _seen(given: dict[str, Any]) -> dict[str, Any]:
    return {key: given[key] for key in ("visible", "value", "interactive") if key in given}


@lru_cache
def known_arguments(kind: type) -> frozenset[str]:
    """What a class's constructor takes."""
    return frozenset(inspect.signature(kind).parameters)


def fitting(kind: type, given: dict[str, Any]) -> dict[str, Any]:
    """Arguments of then as those of now."""
    given = dict(given)
    if "source" in given and "sources" not in given:
        given["sources"] = [given["source"]]
    if given.get("sources") == ["canvas"]:
        del given["sources"]
    if given.get("variant") in ("tool", "lg", "sm"):
        given |= {"variant": "secondary", "size": "sm"}
    tooltip = given.pop("tooltip", None)
    known = known_arguments(kind)
    if tooltip and "info" in known and not given.get("info"):
        given["info"] = tooltip
    return {key: value for key, value in given.items() if key in known}


def with_old_manners(made: Any) -> Any:
    """Let the events of a control take what they took then."""
    if not isinstance(made, real.blocks.Block):
        return made
    for event in getattr(made, "EVENTS", ()):
        name = str(event)
        listener = getattr(made, name, None)
        if listener is not None:
            setattr(made, name, Listening(listener))
    if not hasattr(made, "style"):
        made.style = lambda *args, **given: made
    return made


class Listening:
    """An event's function, with `_js` and without what is gone."""

    def __init__(self, listener: Callable[..., Any]) -> None:
        self._listener = listener
        self._known = frozenset(inspect.signature(listener).parameters)

    def __call__(self, *args: Any, _js: str | None = None, **given: Any) -> Any:
        """Listen."""
        if _js is not None:
            given["js"] = _js
        given = {key: value for key, value in given.items() if key in self._known}
        return self._listener(*args, **{**PRIVATE, **given})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)


@lru_cache
def named(name: str) -> Any:
    """A member of `gradio` as extensions want it. Raises AttributeError."""
    thing = getattr(real, RENAMED.get(name, name))
    if isinstance(thing, type) and issubclass(thing, real.blocks.Block):
        return Made(thing)
    return thing


def made_in(name: str, **given: Any) -> Any:
    """One of Gradio's controls, made as extensions make it."""
    return named(name)(**given)


IOComponent = Component
