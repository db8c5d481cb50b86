"""Whether faces of finished pictures are drawn anew, and by what."""

from dataclasses import dataclass

from modules.param import param


@dataclass(frozen=True, kw_only=True)
class Faces:
    """Restoring the faces of a picture."""

    restorer: str = param(
        "",
        "Restore faces",
        infotext="Face restoration",
        choices="restorers",
        advanced=True,
        help="The network that draws faces anew once the picture is finished; empty is none.",
    )
    weight: float = param(
        0.5,
        "CodeFormer weight",
        setting="code_former_weight",
        flag="codeformer-weight",
        minimum=0,
        maximum=1,
        step=0.01,
        advanced=True,
        help="0 draws the cleanest face, 1 stays closest to what was there.",
    )
    unload: bool = param(
        False,
        "Take the network for faces out of memory after use",
        setting="face_restoration_unload",
        flag="face-restoration-unload",
        advanced=True,
    )
