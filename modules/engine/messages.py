"""What a parent process and its drawing child say to each other; pickled through one pipe."""

import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from modules.engine.engine import Engine
from modules.errors import WebUIError
from modules.schema.catalogue import EngineStatus
from modules.schema.event import Event
from modules.schema.tasks import AnyTask


@dataclass(frozen=True, kw_only=True)
class EngineSpec:
    """How a child makes its engine: a reference such as "modules.engine.local:LocalEngine"."""

    factory: str = "modules.engine.local:LocalEngine"
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments; must survive pickling."""
    log_level: int = field(default_factory=lambda: logging.getLogger().getEffectiveLevel())
    """The child logs as much as its parent."""

    def make(self) -> Engine:
        """Import the factory and call it."""
        module, _, name = self.factory.partition(":")
        return cast(Engine, getattr(importlib.import_module(module), name)(**self.options))


@dataclass(frozen=True)
class Run:
    """To the child: carry out a task."""

    id: int
    task: AnyTask
    start_image: int


@dataclass(frozen=True)
class Press:
    """To the child: somebody pressed "stop" or "skip" of a run."""

    id: int
    what: str


@dataclass(frozen=True)
class Warm:
    """To the child: get ready to draw with this checkpoint ("" is any)."""

    checkpoint: str


@dataclass(frozen=True)
class Unload:
    """To the child: give the memory of loaded models back."""


@dataclass(frozen=True)
class Close:
    """To the child: end."""


@dataclass(frozen=True)
class Happened:
    """From the child: an event of a run."""

    id: int
    event: Event


@dataclass(frozen=True)
class Done:
    """From the child: a run has ended, well or with an error."""

    id: int
    error: WebUIError | None = None


@dataclass(frozen=True)
class StatusIs:
    """From the child: its state changed; the first one says that it is ready."""

    status: EngineStatus
