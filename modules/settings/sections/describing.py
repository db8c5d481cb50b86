"""How pictures are described in words."""

from dataclasses import dataclass, field

from modules.param import param
from modules.schema.picture_tasks import SentenceOptions, TagOptions


@dataclass(frozen=True, kw_only=True)
class Describing:
    """Captions and tags of pictures."""

    sentence: SentenceOptions = field(default_factory=SentenceOptions)
    tags: TagOptions = field(default_factory=TagOptions)
    scores: bool = param(
        False,
        "Scores behind tags",
        setting="interrogate_return_ranks",
        help="Written as emphasis, such as (tag:0.912).",
    )
    keep: bool = param(
        False,
        "Keep the networks that describe pictures in memory",
        setting="interrogate_keep_models_in_memory",
    )
