"""The class that A1111's scripts derive from, and the small records their hooks are given."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

AlwaysVisible = object()
"""What `show` returns for scripts that take part in every job."""

HOOKS = (
    "setup",
    "before_process",
    "process",
    "before_process_batch",
    "process_batch",
    "post_sample",
    "postprocess_batch",
    "postprocess_batch_list",
    "postprocess_image",
    "postprocess_image_after_composite",
    "postprocess",
)
"""What is called of scripts, in this order."""
NOT_CALLED = (
    "after_extra_networks_activate",
    "process_before_every_sampling",
    "before_hr",
    "on_mask_blend",
    "postprocess_maskoverlay",
)
"""What A1111 calls besides; a script that has one of these is told of as not complete."""


class Bag:
    """A record with the fields it was made with; hooks change them."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

        def __setattr__(self, name: str, value: Any) -> None: ...

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


class PostprocessImageArgs(Bag):
    """`image`, in Pillow's form, and `index` in the batch."""

    def __init__(self, image: Any, index: int = 0) -> None:
        super().__init__(image=image, index=index)


class PostprocessBatchListArgs(Bag):
    """`images`: tensors (channels, height, width), 0 to 1."""

    def __init__(self, images: list[Any]) -> None:
        super().__init__(images=images)


class PostSampleArgs(Bag):
    """`samples`: the latent (batch, channels, h, w)."""

    def __init__(self, samples: Any) -> None:
        super().__init__(samples=samples)


class OnComponent(Bag):
    """`component`: one that was made just now."""

    def __init__(self, component: Any) -> None:
        super().__init__(component=component)


class Script:
    """What extensions derive from. Hooks do nothing unless they are overridden."""

    name: str | None = None
    section: str | None = None
    filename: str | None = None
    args_from: int | None = None
    args_to: int | None = None
    alwayson = False
    is_txt2img = False
    is_img2img = False
    tabname: str | None = None
    group: Any = None
    create_group = True
    infotext_fields: Any = None
    paste_field_names: Any = None
    api_info: Any = None
    controls: Any = None
    setup_for_ui_only = False
    sorting_priority = 0
    extension = ""
    on_before_component_elem_id: list[tuple[str, Callable[..., Any]]] | None = None
    on_after_component_elem_id: list[tuple[str, Callable[..., Any]]] | None = None

    def title(self) -> str:
        """Name the script; every script does."""
        raise NotImplementedError

    def ui(self, is_img2img: bool) -> Sequence[Any] | None:
        """Make the controls and return those whose values become arguments."""

    def show(self, is_img2img: bool) -> Any:
        """Say whether it is shown: no, in the menu, or always."""
        return True

    def run(self, p: Any, *args: Any) -> Any:
        """Draw, for scripts that are chosen from the menu; None draws as usual."""

    def before_component(self, component: Any, **kwargs: Any) -> None:
        """Hear of a control before it is made."""

    def after_component(self, component: Any, **kwargs: Any) -> None:
        """Hear of a control that was made."""

    def on_before_component(self, callback: Callable[..., Any], *, elem_id: str) -> None:
        """Hear of one control, before."""
        self.on_before_component_elem_id = self.on_before_component_elem_id or []
        self.on_before_component_elem_id.append((elem_id, callback))

    def on_after_component(self, callback: Callable[..., Any], *, elem_id: str) -> None:
        """Hear of one control, after."""
        self.on_after_component_elem_id = self.on_after_component_elem_id or []
        self.on_after_component_elem_id.append((elem_id, callback))

    def describe(self) -> str:
        """Return nothing; nobody asks."""
        return ""

    def elem_id(self, item_id: Any) -> str:
        """The id that a control of this script gets."""
        both = self.show(True) == self.show(False)
        tab = f"{'img2img' if self.is_img2img else 'txt2img'}_" if both else ""
        title = re.sub(r"[^a-z_0-9]", "", re.sub(r"\s", "_", self.title().lower()))
        return f"script_{tab}{title}_{item_id}"


def overrides(script: Script, hook: str) -> bool:
    """Whether a script does something at a hook."""
    own = getattr(type(script), hook, None)
    return own is not None and own is not getattr(Script, hook, None)


class ScriptBuiltinUI(Script):
    """A script whose controls have the ids of the program's own."""

    setup_for_ui_only = True

    def elem_id(self, item_id: Any) -> str:
        """The id that a control of this script gets."""
        return f"{'img2img' if self.is_img2img else 'txt2img'}_{item_id}"
