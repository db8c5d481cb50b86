"""What Extras does, in which order, and what it keeps."""

from dataclasses import dataclass

from modules.param import param

CAPTION_ACTIONS = ("Ignore", "Keep", "Prepend", "Append")


@dataclass(frozen=True, kw_only=True)
class Extras:
    """Operations on finished pictures."""

    order: tuple[str, ...] = param(
        (),
        "Order of the operations",
        setting="postprocessing_operation_order",
        help="Names such as GFPGAN or Upscale; those that are not named follow in the usual order.",
    )
    hidden: tuple[str, ...] = param(
        (), "Operations that the tab does not show", setting="postprocessing_disable_in_extras"
    )
    caption_action: str = param(
        "Ignore",
        "If there is a caption beside the picture",
        setting="postprocessing_existing_caption_action",
        choices=CAPTION_ACTIONS,
        help="Ignore writes the new one alone, Keep the old one, the others both.",
    )
    cached: int = param(
        5,
        "Enlarged pictures that are kept in memory",
        setting="upscaling_max_images_in_cache",
        minimum=0,
        maximum=10,
        step=1,
        help="So that another blend of two upscalers need not enlarge again.",
    )
