"""How finished pictures that were worked on in Extras are kept."""

from dataclasses import dataclass

from modules.param import param


@dataclass(frozen=True, kw_only=True)
class Upscaling:
    """Names of the files that Extras writes."""

    original_names: bool = param(
        True,
        "Keep the original names in batches of Extras",
        setting="use_original_name_batch",
        help="Otherwise they are numbered, as single pictures are.",
    )
    name_suffix: bool = param(
        False,
        "Add the upscaler's name to file names of Extras",
        setting="use_upscaler_name_as_suffix",
    )
