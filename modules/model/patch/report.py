"""What a network file would do to a model, told honestly before anything is drawn. Needs no torch.

Everything is read from the names and shapes of tensors: what matches, what is ignored and why, and
which family the file was made for.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from modules.model.patch.file_keys import Keys
from modules.model.patch.kinds import SIDE, fits, kind_of, title_of
from modules.model.patch.layer_names import Place

Shapes = Mapping[str, tuple[int, ...]]

ZERO, BROKEN = "zero", "not finite"
"""What is wrong with dead weights: all of a tensor is zero, or some of it is NaN or infinite."""

CONTEXT_WIDTHS = {768: "SD1", 1024: "SD2", 2048: "SDXL", 1280: "SDXL refiner"}
"""The width of what a U-Net's cross-attention reads, which tells families apart."""
ARCHITECTURES = (
    ("stable-diffusion-xl", "SDXL"), ("stable-diffusion-v2", "SD2"), ("stable-diffusion-v1", "SD1"),
    ("stable-diffusion-3", "SD3"), ("flux", "FLUX"), ("sdxl_", "SDXL"), ("sd_v2", "SD2"),
    ("sd_v1", "SD1"), ("sd3", "SD3"),
)  # fmt: skip
"""Beginnings of `modelspec.architecture` and `ss_base_model_version`."""
LAYERS_OF = (
    ("double_blocks_", "FLUX"), ("single_blocks_", "FLUX"), ("single_transformer_blocks_", "FLUX"),
    ("joint_blocks_", "SD3"),
)  # fmt: skip
"""Parts of layers' names that only one family has."""


@dataclass(frozen=True, kw_only=True)
class NetworkReport:
    """How much of a network file takes part, for one model."""

    name: str
    kinds: Mapping[str, int] = field(default_factory=dict)
    """Layers of each kind."""
    keys: int = 0
    """Tensors in the file."""
    matched: int = 0
    """Tensors whose layer the model has, with a shape that fits and numbers that are finite."""
    layers: tuple[str, ...] = ()
    """Layers that are changed, by the file's names."""
    ignored: Mapping[str, int] = field(default_factory=dict)
    """Tensors that are left out, grouped by the reason."""
    dead: Mapping[str, int] = field(default_factory=dict)
    """Layers without effect, grouped by what is wrong with them."""
    bundled: tuple[str, ...] = ()
    """Names of embeddings in the file."""
    base: str = ""
    """The family it was made for, such as "SD1"; empty where that cannot be seen."""
    model_base: str = ""
    """The family of the model, in the same words."""

    @property
    def share(self) -> float:
        """How much of the file takes part, 0 to 1."""
        return self.matched / self.keys if self.keys else 0.0

    @property
    def mismatch(self) -> bool:
        """Whether it was made for another family than the model's."""
        return bool(self.base and self.model_base) and self.base != self.model_base

    @property
    def is_useless(self) -> bool:
        """Whether nothing of it takes part."""
        return not self.matched

    def sentence(self) -> str:
        """What a person should know; empty where all is well."""
        parts = []
        if self.matched < self.keys:
            parts.append(f"{self.matched} of {self.keys} tensors fit this model")
            parts += [f"{reason}: {count}" for reason, count in self.ignored.items()]
        if self.mismatch:
            parts.append(f"it was made for {self.base}, and this model is {self.model_base}")
        if ZERO in self.dead:
            parts.append(f"{self.dead[ZERO]} of its layers are all zero and change nothing")
        return f"Lora {self.name}: {'; '.join(parts)}." if parts else ""


def examine(
    name: str,
    keys: Keys,
    shapes: Shapes,
    layers: Mapping[str, Place],
    *,
    metadata: Mapping[str, str] | None = None,
    dead: Mapping[str, str] | None = None,
    model_base: str = "",
) -> NetworkReport:
    """Compare a file with a model's layers.

    `shapes` are those of the file's tensors by their keys, `layers` those of the model under the
    names files use, and `dead` tells by layer what is wrong with its numbers (`ZERO`, `BROKEN`).
    """
    kinds, ignored, faults = Counter[str](), Counter[str](), Counter[str]()
    matched, used = 0, []
    for layer, parts in keys.layers.items():
        own = {part: shapes[key] for part, key in parts.items()}
        kind = kind_of(own)
        fault = (dead or {}).get(layer, "")
        if fault:
            faults[fault] += 1
        if kind is None:
            ignored[f"unknown kind ({_parts_of(own)})"] += len(own)
        elif layer not in layers:
            kinds[title_of(kind, own)] += 1
            ignored[f"no such layer in the model ({_group(layer)})"] += len(own)
        elif not fits(kind, own, layers[layer].shape):
            kinds[title_of(kind, own)] += 1
            ignored[f"shape does not fit ({_group(layer)})"] += len(own)
        elif fault == BROKEN:
            kinds[title_of(kind, own)] += 1
            ignored["numbers that are not finite"] += len(own)
        else:
            kinds[title_of(kind, own)] += 1
            matched += len(own)
            used.append(layer)
    if keys.strays:
        ignored["unknown names"] += len(keys.strays)
    bundled = sum(len(parts) for parts in keys.bundled.values())
    return NetworkReport(
        name=name,
        kinds=dict(kinds),
        keys=len(shapes),
        matched=matched + bundled,
        layers=tuple(used),
        ignored=dict(ignored),
        dead=dict(faults),
        bundled=tuple(keys.bundled),
        base=base_of(keys, shapes, metadata or {}),
        model_base=model_base,
    )


def _parts_of(parts: Mapping[str, object]) -> str:
    return ", ".join(sorted(part for part in parts if part not in SIDE)[:3]) or "no weights"


def _group(layer: str) -> str:
    """The beginning of a layer's name: enough to see which part of a model it means."""
    for depth in ("down_blocks", "up_blocks", "input_blocks", "output_blocks"):
        head, found, _ = layer.partition(depth)
        if found:
            return f"{head}{depth}…"
    return f"{'_'.join(layer.split('_')[:4])}…"


def base_of(keys: Keys, shapes: Shapes, metadata: Mapping[str, str]) -> str:
    """The family a network was made for, from its tensors or else from what it says of itself."""
    for layer, parts in keys.layers.items():
        for piece, family in LAYERS_OF:
            if piece in layer:
                return family
        if layer.startswith("lora_unet_") and layer.endswith("attn2_to_k"):
            width = _inputs({part: shapes[key] for part, key in parts.items()})
            if width in CONTEXT_WIDTHS:
                return CONTEXT_WIDTHS[width]
    if any(layer.startswith("lora_te2_") for layer in keys.layers):
        return "SDXL"
    return base_in(metadata)


def base_in(metadata: Mapping[str, str]) -> str:
    """The family that a file's metadata names; empty if it names none."""
    for key in ("modelspec.architecture", "ss_base_model_version"):
        said = metadata.get(key, "").lower()
        for start, family in ARCHITECTURES:
            if said.startswith(start):
                return family
    if metadata.get("ss_v2") == "True":
        return "SD2"
    return ""


def _inputs(parts: Shapes) -> int:
    """How many inputs a layer has; 0 where its tensors do not tell."""
    for part in ("lora_down.weight", "hada_w1_b", "diff"):
        shape = parts.get(part, ())
        if len(shape) == 2:
            return shape[1]
    return 0


def base_of_checkpoint(unet: Shapes) -> str:
    """The family of a U-Net, in the words of reports; empty for others.

    `unet` are the shapes of its parameters under their original names.
    """
    for name, shape in unet.items():
        if name.startswith(("double_blocks.", "joint_blocks.")):
            return "FLUX" if name.startswith("double") else "SD3"
        if name.endswith("attn2.to_k.weight") and len(shape) == 2:
            return CONTEXT_WIDTHS.get(shape[1], "")
    return ""
