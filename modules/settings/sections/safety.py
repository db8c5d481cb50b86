"""What the owner of a server demands of every picture, whoever asks for it."""

from dataclasses import dataclass

from modules.param import param

MANNERS = ("off", "tag", "blur", "block")
"""What happens to pictures that the safety checker flags, the mildest first."""


@dataclass(frozen=True, kw_only=True)
class Safety:
    """Nobody can turn these off for a single picture."""

    checker: str = param(
        "off",
        "Pictures that the safety checker flags",
        setting="safety_checker",
        choices=MANNERS,
        help="tag marks them in the recipe; blur and block let nobody see them, previews included. "
        "Without its weights in models/safety-checker nothing is drawn then.",
    )
    watermark: str = param(
        "None",
        "Invisible watermark",
        setting="watermark_method",
        choices=("None", "dwtDct", "dwtDctSvd", "rivaGan"),
        help="dwtDct is that of Stable Diffusion's first release; dwtDctSvd survives JPEG of high "
        "quality; rivaGan survives more, is slow and needs onnxruntime.",
    )
    watermark_text: str = param(
        "",
        "Text of the watermark",
        setting="watermark_text",
        help="Plain letters; empty is StableDiffusionV1, or SDV1 for rivaGan, which hides four.",
    )
