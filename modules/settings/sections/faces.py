"""Whether faces are restored when nobody says otherwise."""

from dataclasses import dataclass

from modules.param import param


@dataclass(frozen=True, kw_only=True)
class FaceRestoration:
    """What "restore faces" means to clients that only say yes or no."""

    restore: bool = param(
        False,
        "Restore faces",
        setting="face_restoration",
        help="In every picture from txt2img and img2img, unless it is asked for without.",
    )
    model: str = param(
        "CodeFormer",
        "Network that restores faces",
        setting="face_restoration_model",
        choices="restorers",
        help="One of the files in models/Codeformer and models/GFPGAN.",
    )
