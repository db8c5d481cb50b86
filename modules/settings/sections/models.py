"""Models in memory."""

from dataclasses import dataclass

from modules.param import param


@dataclass(frozen=True, kw_only=True)
class ModelMemory:
    """How many models are kept, so that changing between them takes no time."""

    loaded: int = param(
        1,
        "Models kept in memory",
        setting="sd_checkpoints_limit",
        minimum=1,
        maximum=10,
        step=1,
        help="The least recently used leaves first. From the next start on.",
    )
    older: int = param(
        0,
        "More models kept in memory",
        setting="sd_checkpoint_cache",
        minimum=0,
        maximum=10,
        step=1,
        advanced=True,
        help="An older name for the same; both count. From the next start on.",
    )
    gigabytes: float = param(
        0.0,
        "Most gigabytes for models in memory",
        setting="models_in_memory_gb",
        minimum=0,
        maximum=10_000,
        help="0 is what there is room for. From the next start on.",
    )
    read_ahead: bool = param(
        True, "Read the next job's model while one draws", setting="models_read_ahead"
    )
    compile: bool = param(
        False,
        "Compile networks",
        setting="compile_networks",
        help="For each size of picture once, beside the drawing, which takes minutes. Meant for "
        "GPUs; the last bits of pictures differ, and recipes say it. From the next start on.",
    )
