"""Functions that extensions register to be called: `modules.script_callbacks`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from modules.compat.script import Bag

KINDS = (
    "app_started",
    "before_reload",
    "model_loaded",
    "ui_tabs",
    "ui_settings",
    "before_image_saved",
    "image_saved",
    "cfg_denoiser",
    "cfg_denoised",
    "cfg_after_cfg",
    "before_component",
    "after_component",
    "infotext_pasted",
    "script_unloaded",
    "before_ui",
    "before_token_counter",
)
"""What is called."""
NEVER_CALLED = (
    "extra_noise",
    "image_grid",
    "ui_train_tabs",
    "list_optimizers",
    "list_unets",
    "list_text_encoders",
)
"""What may be registered, and is told of as never called."""
LAST_FIRST = frozenset({"script_unloaded", "before_ui"})


@dataclass(frozen=True)
class Registered:
    """One function of one extension."""

    extension: str
    kind: str
    function: Callable[..., Any]


class Callbacks:
    """All functions of all extensions in this process."""

    def __init__(self, note: Callable[[str, str], None]) -> None:
        self._all: list[Registered] = []
        self._note = note

    def register(
        self, extension: str, kind: str, function: Callable[..., Any], *, name: str | None = None
    ) -> None:
        """Remember `function`."""
        if kind in NEVER_CALLED:
            self._note(extension, f"modules.script_callbacks.on_{kind} (is never called)")
        self._all.append(Registered(extension, kind, function))

    def of(self, kind: str) -> list[Registered]:
        """Those of one kind, in the order they are to be called."""
        found = [one for one in self._all if one.kind == kind]
        return found[::-1] if kind in LAST_FIRST else found

    def kinds(self) -> set[str]:
        """Which kinds anybody listens to."""
        return {one.kind for one in self._all}

    def __contains__(self, kind: str) -> bool:
        return any(one.kind == kind for one in self._all)

    def drop(self, extension: str) -> None:
        """Forget all functions of an extension."""
        self._all = [one for one in self._all if one.extension != extension]

    def remove(self, function: Callable[..., Any]) -> None:
        """Forget one function."""
        self._all = [one for one in self._all if one.function is not function]

    def members(self, extension: str) -> Iterator[tuple[str, Any]]:
        """The module as one extension sees it."""
        for kind in (*KINDS, *NEVER_CALLED):
            yield f"on_{kind}", partial(self.register, extension, kind)
        yield "remove_current_script_callbacks", partial(self.drop, extension)
        yield "remove_callbacks_for_function", self.remove
        for name in RECORDS:
            yield name, type(name, (Bag,), {})


RECORDS = (
    "ImageSaveParams",
    "CFGDenoiserParams",
    "CFGDenoisedParams",
    "AfterCFGCallbackParams",
    "ExtraNoiseParams",
    "UiTrainTabParams",
    "ImageGridLoopParams",
    "BeforeTokenCounterParams",
)
"""Names of what functions are given; extensions use them in annotations."""
