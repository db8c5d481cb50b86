"""What an engine does with finished pictures besides enlarging them."""

from dataclasses import dataclass

from modules.param import param
from modules.schema.inputs import ImageData

CLIP, DEEPBOORU = "clip", "deepdanbooru"
"""How A1111 calls who describes a picture: in a sentence, or by tags."""
DESCRIBERS = (CLIP, DEEPBOORU)


@dataclass(frozen=True, kw_only=True)
class RestoreFaces:
    """Draw the faces of a picture anew; its answer is one ImageReady."""

    image: ImageData
    """RGB or RGBA."""
    restorer: str
    weight: float = 0.5
    """Of CodeFormer: 0 is cleanest, 1 closest to the picture."""
    visibility: float = 1.0
    """How strongly the result is laid over the picture."""


@dataclass(frozen=True, kw_only=True)
class FindFaces:
    """Find the faces of a picture; its answer is one FacesFound."""

    image: ImageData


@dataclass(frozen=True, kw_only=True)
class SentenceOptions:
    """How a picture is described in a sentence."""

    beams: int = param(
        1,
        "Beams of the captioner",
        setting="interrogate_clip_num_beams",
        minimum=1,
        maximum=16,
        step=1,
        help="How many sentences are followed at once; more take longer.",
    )
    least: int = param(
        24,
        "Least length of captions",
        setting="interrogate_clip_min_length",
        minimum=1,
        maximum=128,
        step=1,
        help="In tokens of the captioner.",
    )
    most: int = param(
        48,
        "Greatest length of captions",
        setting="interrogate_clip_max_length",
        minimum=1,
        maximum=256,
        step=1,
    )
    dictionary_limit: int = param(
        1500,
        "Phrases of each list that are tried",
        setting="interrogate_clip_dict_limit",
        minimum=0,
        maximum=1_000_000,
        step=1,
        help="From the beginning of the file; 0 tries all.",
    )
    skipped: tuple[str, ...] = param(
        (),
        "Lists of phrases that are not tried",
        setting="interrogate_clip_skip_categories",
        help="Names of files in the folder interrogate, without .txt.",
    )


@dataclass(frozen=True, kw_only=True)
class TagOptions:
    """How a picture is described by tags."""

    threshold: float = param(
        0.5,
        "Score a tag needs",
        setting="interrogate_deepbooru_score_threshold",
        minimum=0,
        maximum=1,
        step=0.01,
    )
    by_alphabet: bool = param(
        True,
        "Tags in the order of the alphabet",
        setting="deepbooru_sort_alpha",
        help="Otherwise likeliest first.",
    )
    spaces: bool = param(
        True, "Spaces in tags", setting="deepbooru_use_spaces", help="Otherwise underscores."
    )
    escape: bool = param(
        True,
        "Escape brackets in tags",
        setting="deepbooru_escape",
        help="So that a prompt takes them as they are.",
    )
    dropped: str = param(
        "", "Tags that are left out", setting="deepbooru_filter_tags", help="With commas between."
    )


@dataclass(frozen=True, kw_only=True)
class Describe:
    """Say what a picture shows; its answer is one Described."""

    image: ImageData
    by: str = CLIP
    """One of `DESCRIBERS`."""
    sentence: SentenceOptions = SentenceOptions()
    tags: TagOptions = TagOptions()
    scores: bool = False
    """Whether each tag comes with its score, as emphasis."""
    keep: bool = False
    """Whether the networks stay in memory."""


PictureTask = RestoreFaces | FindFaces | Describe
