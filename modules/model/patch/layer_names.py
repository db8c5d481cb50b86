"""The layers of a model under every name that network files have for them. Needs no torch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modules.model.families.diffusers_names import unet_names
from modules.model.families.open_clip_names import split_names, transformers_name
from modules.model.families.transformer_names import Joined, flux_names, sd3_names
from modules.model.patch.file_keys import PEFT_TEXT, TEXT, UNET

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Place:
    """A weight that a network can change."""

    network: str
    """"unet", or "te1", "te2", ... for text encoders."""
    weight: str
    """The parameter's name in that network."""
    shape: tuple[int, ...]
    """Of the weight, or of the rows of it that are meant."""
    bias: str = ""
    """The bias beside it; empty where there is none."""
    rows: tuple[int, int] | None = None
    """First and last row (not included), where several layers share one matrix."""

    @property
    def is_text(self) -> bool:
        """Whether it belongs to a text encoder."""
        return self.network != "unet"


def places(unet: Shapes, texts: Sequence[Shapes]) -> dict[str, Place]:
    """Every layer that files may name, from the shapes of the networks' parameters."""
    found: dict[str, Place] = {}
    theirs = {ours: name for name, ours in names_for(unet).items()}
    for module, place in _weights("unet", unet):
        found[UNET + module.replace(".", "_")] = place
        head = module
        while head and head not in theirs:
            head = head.rpartition(".")[0]
        if head:
            name = theirs[head] + module.removeprefix(head)
            found[UNET + name.replace(".", "_")] = place
    for name, place in _transformer_layers(unet):
        found.setdefault(UNET + name.replace(".", "_"), place)
    for number, shapes in enumerate(texts, 1):
        prefixes = [f"{TEXT}{number}_"] if len(texts) > 1 else [f"{TEXT}_"]
        if number == 1:
            prefixes.append(PEFT_TEXT)
        for name, place in _text_layers(f"te{number}", shapes):
            found |= {prefix + name.replace(".", "_"): place for prefix in prefixes}
    return found


def names_for(unet: Shapes) -> dict[str, str]:
    """Module names of the U-Net with these parameters, diffusers' to original."""
    blocks, attention = [0], [False]
    number = 1
    while True:
        head = f"input_blocks.{number}."
        if f"{head}0.op.weight" in unet:
            blocks.append(0)
            attention.append(False)
        elif f"{head}0.in_layers.0.weight" in unet:
            blocks[-1] += 1
            attention[-1] |= f"{head}1.proj_in.weight" in unet
        else:
            break
        number += 1
    return unet_names(blocks, attention) if number > 1 else {}


def _transformer_layers(shapes: Shapes) -> Iterator[tuple[str, Place]]:
    """Layers of SD 3 and FLUX.1 by diffusers' names, which are parts of the original matrices."""
    for name, joined in transformer_names_for(shapes).items():
        if not name.endswith(".weight") or joined.swapped or name not in shapes:
            continue
        bias = name.removesuffix("weight") + "bias"
        bias, shape = bias if bias in shapes else "", shapes[name]
        count = len(joined.sources)
        # Queries, keys and values are as wide as their input; a perceptron beside them is the rest.
        width = shape[0] // count if count < 4 else shape[1]
        for number, source in enumerate(joined.sources):
            end = shape[0] if number == count - 1 else (number + 1) * width
            rows = (number * width, end)
            part = (end - rows[0], *shape[1:])
            whole = None if count == 1 else rows
            yield source.removesuffix(".weight"), Place("unet", name, part, bias, whole)


def transformer_names_for(shapes: Shapes) -> dict[str, Joined]:
    """Parameter names of a transformer, original to diffusers'; empty for other networks."""
    counts = {
        kind: len({name.split(".")[1] for name in shapes if name.startswith(f"{kind}.")})
        for kind in ("double_blocks", "single_blocks", "joint_blocks")
    }
    if counts["double_blocks"]:
        return flux_names(counts["double_blocks"], counts["single_blocks"], guidance=True)
    if counts["joint_blocks"]:
        dual = {name.split(".")[1] for name in shapes if ".x_block.attn2." in name}
        return sd3_names(counts["joint_blocks"], len(dual), qk_norm=True)
    return {}


def _weights(network: str, shapes: Shapes) -> Iterator[tuple[str, Place]]:
    for name, shape in shapes.items():
        module, _, kind = name.rpartition(".")
        if kind == "weight":
            bias = f"{module}.bias"
            yield module, Place(network, name, shape, bias if bias in shapes else "")


def _text_layers(network: str, shapes: Shapes) -> Iterator[tuple[str, Place]]:
    """Layers by transformers' names, which files of networks use for every text encoder.

    OpenCLIP keeps queries, keys and values in one matrix; files of networks have three layers.
    """
    yield from _weights(network, shapes)
    for name, shape in shapes.items():
        bias = name.removesuffix("weight") + "bias"
        bias = bias if bias in shapes else ""
        same, parts = transformers_name(name), split_names(name)
        if same is not None and same.endswith(".weight"):
            yield same.removesuffix(".weight"), Place(network, name, shape, bias)
        elif parts is not None and name.endswith("weight"):
            width = shape[0] // len(parts)
            for number, part in enumerate(parts):
                rows = (number * width, (number + 1) * width)
                place = Place(network, name, (width, *shape[1:]), bias, rows)
                yield part.removesuffix(".weight"), place
