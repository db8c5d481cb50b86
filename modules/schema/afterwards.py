"""What is done with a picture once it is drawn, as Extras would do it later."""

from dataclasses import dataclass

from modules.param import param


@dataclass(frozen=True, kw_only=True)
class Afterwards:
    """A finished picture made larger, without being drawn anew."""

    upscaler: str = param(
        "",
        "Upscale the result with",
        infotext="Postprocess upscaler",
        flag="result-upscaler",
        choices="upscalers",
        advanced=True,
        help="The finished picture is made larger, as Extras would; None leaves it.",
    )
    factor: float = param(
        2.0,
        "Upscale the result by",
        infotext="Postprocess upscale by",
        flag="result-factor",
        minimum=1,
        maximum=8,
        slider=(1, 8),
        step=0.1,
        advanced=True,
    )
