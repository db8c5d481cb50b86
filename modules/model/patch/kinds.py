"""Kinds of extra networks: how each is recognised, and whether it fits a layer. Needs no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

Shape = tuple[int, ...]
Parts = Mapping[str, Shape]
"""Shapes of a layer's tensors, by the names they have in files."""

SIDE = ("alpha", "scale", "dora_scale", "bias_indices", "bias_values", "bias_size", "bias")
"""Parts that say how others are used, and carry no change alone."""


@dataclass(frozen=True)
class Kind:
    """One kind of network: tensors it cannot do without, and the test for a weight's shape.

    `as_stored` kinds are worked out in the file's own precision where the model has full precision,
    and the weight is rounded to it: A1111 does it this way, and pictures depend on it.
    """

    name: str
    keys: tuple[str, ...]
    fits: Callable[[Parts, Shape], bool]
    as_stored: bool = False


def _lora(parts: Parts, weight: Shape) -> bool:
    up, down, middle = (parts.get(f"lora_{name}.weight", ()) for name in ("up", "down", "mid"))
    if middle:
        return (up[0], down[1], *middle[2:]) == weight[: len(middle)] and up[1:2] == middle[:1]
    if up[1] != down[0] or up[0] != weight[0]:
        return False
    if len(down) == 4 == len(weight) and down[1] < weight[1]:  # inpainting: more input channels
        return down[2:] == weight[2:] and weight[1] == 9
    return prod(down[1:]) == prod(weight[1:])


def _loha(parts: Parts, weight: Shape) -> bool:
    core = parts.get("hada_t1")
    a, b = parts["hada_w1_a"], parts["hada_w1_b"]
    if core:
        return (a[1], b[1], *core[2:]) == weight
    return a[1] == b[0] and a[0] * b[1] == prod(weight) and a[0] == weight[0]


def _lokr(parts: Parts, weight: Shape) -> bool:
    numbers = rows = 1
    for name in ("lokr_w1", "lokr_w2"):
        whole = parts.get(name)
        if whole is None:
            a, b, core = parts[f"{name}_a"], parts[f"{name}_b"], parts.get("lokr_t2")
            cored = core is not None and name == "lokr_w2"
            whole = (a[1], b[1], *(core or ())[2:]) if cored else (a[0], b[1])
        numbers, rows = numbers * prod(whole), rows * whole[0]
    return numbers == prod(weight) and rows == weight[0]


def _ia3(parts: Parts, weight: Shape) -> bool:
    return len(weight) > 1 and prod(parts["weight"]) in weight[:2]


def _whole(name: str) -> Callable[[Parts, Shape], bool]:
    return lambda parts, weight: prod(parts[name]) == prod(weight)


def _glora(parts: Parts, weight: Shape) -> bool:
    a1, a2, b1, b2 = (parts[f"{name}.weight"] for name in ("a1", "a2", "b1", "b2"))
    width = prod(weight[1:])
    fits_in = a2[0] == width == prod(a1[1:]) == prod(b1[1:])
    return fits_in and b2[0] == weight[0] and a2[1] == a1[0] and b2[1] == b1[0]


def _turned(name: str) -> Callable[[Parts, Shape], bool]:
    def fits(parts: Parts, weight: Shape) -> bool:
        shape = parts[name]
        return len(shape) in (3, 4) and shape[-1] == shape[-2] and prod(shape[-3:-1]) == weight[0]

    return fits


KINDS: tuple[Kind, ...] = (
    Kind("LoRA", ("lora_up.weight", "lora_down.weight"), _lora),
    Kind("LoHa", ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"), _loha, as_stored=True),
    Kind("IA3", ("weight", "on_input"), _ia3, as_stored=True),
    Kind("LoKr", ("lokr_w1", "lokr_w2"), _lokr, as_stored=True),
    Kind("LoKr", ("lokr_w1", "lokr_w2_a", "lokr_w2_b"), _lokr, as_stored=True),
    Kind("LoKr", ("lokr_w1_a", "lokr_w1_b", "lokr_w2"), _lokr, as_stored=True),
    Kind("LoKr", ("lokr_w1_a", "lokr_w1_b", "lokr_w2_a", "lokr_w2_b"), _lokr, as_stored=True),
    Kind("full", ("diff",), _whole("diff"), as_stored=True),
    Kind("norm", ("w_norm",), _whole("w_norm"), as_stored=True),
    Kind("GLoRA", ("a1.weight", "a2.weight", "b1.weight", "b2.weight"), _glora),
    Kind("OFT", ("oft_blocks",), _turned("oft_blocks")),
    Kind("OFT", ("oft_diag",), _turned("oft_diag")),
)
"""Every kind, in the order in which they are tried."""


def kind_of(parts: Mapping[str, object]) -> Kind | None:
    """The kind that a layer's tensors belong to; None if it is none of these."""
    return next((kind for kind in KINDS if all(key in parts for key in kind.keys)), None)


def title_of(kind: Kind, parts: Parts) -> str:
    """What people call a layer's kind: with its variants told apart."""
    if "dora_scale" in parts:
        return f"DoRA ({kind.name})"
    if kind.name == "OFT" and len(parts[kind.keys[0]]) == 4:
        return "BOFT"
    convolution = kind.name == "LoRA" and parts["lora_down.weight"][2:] not in ((), (1, 1))
    return "LoCon" if convolution or "lora_mid.weight" in parts else kind.name


def fits(kind: Kind, parts: Parts, weight: Shape) -> bool:
    """Whether a layer's tensors can change a weight of that shape."""
    try:
        scale = parts.get("dora_scale")
        scaled = scale is None or prod(scale) in weight[:2]
        return scaled and kind.fits(parts, weight)
    except IndexError:
        return False  # a tensor with fewer axes than its kind has
