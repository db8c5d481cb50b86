"""What each kind of extra network adds to one weight.

A file has a group of tensors for each layer it changes; the names of the tensors tell the kind.
LoRA: Hu et al. 2021 (arXiv:2106.09685). LoHa, LoKr, GLoRA and the rest: as the LyCORIS project
(Yeh et al. 2023, arXiv:2309.14859) writes them. OFT: Qiu et al. 2023 (arXiv:2306.07280).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Group = Mapping[str, Tensor]


@dataclass(frozen=True)
class Change:
    """What is added to a layer's weight (in its shape) and to its bias, before any multiplier.

    `rank` divides the file's alpha; None where alpha does not count.
    """

    weight: Tensor | None = None
    bias: Tensor | None = None
    rank: int | None = None


@dataclass(frozen=True)
class Kind:
    """One kind of network: tensors it cannot do without, and its formula.

    `as_stored` kinds are worked out in the file's own precision where the model has full precision,
    and the weight is rounded to it: A1111 does it this way, and pictures depend on it.
    """

    name: str
    keys: tuple[str, ...]
    change: Callable[[Group, Tensor, int | None], Change]
    as_stored: bool = False


def lora(group: Group, weight: Tensor, ranks: int | None) -> Change:
    """Up times down; with a middle tensor a convolution between the two (Tucker's form)."""
    up, down = group["lora_up.weight"], group["lora_down.weight"]
    middle = group.get("lora_mid.weight")
    if middle is not None:
        flat_up, flat_down = up.flatten(1), down.flatten(1)
        delta = torch.einsum("nmkl,in,mj->ijkl", middle, flat_up, flat_down)
        return Change(delta, rank=len(down))
    flat_up, flat_down = up.flatten(1), down.flatten(1)
    if ranks is not None:
        flat_up, flat_down = flat_up[:, :ranks], flat_down[:ranks]
    return Change((flat_up @ flat_down).reshape(weight.shape), rank=len(down))


def loha(group: Group, weight: Tensor, ranks: int | None) -> Change:
    """The product, number by number, of two low-rank matrices."""
    halves = []
    for half in ("hada_w1", "hada_w2"):
        a, b, core = group[f"{half}_a"], group[f"{half}_b"], group.get(half.replace("w", "t"))
        halves.append(a @ b if core is None else _tucker(core, a, b))
    return Change((halves[0] * halves[1]).reshape(weight.shape), rank=len(group["hada_w1_b"]))


def lokr(group: Group, weight: Tensor, ranks: int | None) -> Change:
    """The Kronecker product of a small matrix and another, either of them perhaps of low rank."""
    rank = None
    factors = []
    for name in ("lokr_w1", "lokr_w2"):
        whole = group.get(name)
        if whole is None:
            a, b, core = group[f"{name}_a"], group[f"{name}_b"], group.get("lokr_t2")
            rank = len(b)
            whole = a @ b if core is None or name == "lokr_w1" else _tucker(core, a, b)
        factors.append(whole)
    first, second = factors
    if second.dim() == 4:
        first = first[:, :, None, None]
    return Change(torch.kron(first, second.contiguous()).reshape(weight.shape), rank=rank)


def _tucker(core: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """A convolution kept as a small core and two matrices."""
    return torch.einsum("ijkl,jr,ip->prkl", core, b, a)


def ia3(group: Group, weight: Tensor, ranks: int | None) -> Change:
    """A factor for each input channel, or for each output channel."""
    factors = group["weight"].flatten()
    on_input = bool(group["on_input"].item())
    shape = [1] * weight.dim()
    shape[1 if on_input else 0] = -1
    return Change(weight * factors.reshape(shape))


def full(group: Group, weight: Tensor, ranks: int | None) -> Change:
    """The difference itself."""
    return Change(group["diff"].reshape(weight.shape), group.get("diff_b"))


def norm(group: Group, weight: Tensor, ranks: int | None) -> Change:
    """The difference of a normalisation."""
    return Change(group["w_norm"].reshape(weight.shape), group.get("b_norm"))


def glora(group: Group, weight: Tensor, ranks: int | None) -> Change:
    """A low-rank matrix, and another one times the weight (Chavan et al. 2023)."""
    a1, a2, b1, b2 = (group[f"{name}.weight"] for name in ("a1", "a2", "b1", "b2"))
    delta = b2.flatten(1) @ b1.flatten(1) + (weight.flatten(1) @ a2.flatten(1)) @ a1.flatten(1)
    return Change(delta.reshape(weight.shape))


def oft(group: Group, weight: Tensor, ranks: int | None) -> Change:
    """Every block of output channels is turned: by a skew-symmetric matrix through Cayley."""
    blocks = group["oft_blocks"]  # (blocks, size, size)
    skew = blocks - blocks.transpose(1, 2)
    alpha = group.get("alpha")
    limit = float(alpha) * len(weight) if alpha is not None else 0.0
    if limit:
        length = torch.linalg.norm(skew.flatten()) + 1e-8
        skew = skew * (length.clamp(max=limit) / length)
    one = torch.eye(blocks.shape[1], dtype=torch.float32, device=blocks.device)
    turn = (one + skew.float()) @ torch.linalg.inv(one - skew.float())
    rows = weight.reshape(blocks.shape[0], blocks.shape[1], -1).to(turn.dtype)
    turned = torch.einsum("knm,knx->kmx", turn, rows).reshape(weight.shape)
    if "rescale" in group:
        turned = turned * group["rescale"].reshape(-1, *[1] * (weight.dim() - 1))
    return Change((turned - weight).to(weight.dtype))


KINDS: tuple[Kind, ...] = (
    Kind("LoRA", ("lora_up.weight", "lora_down.weight"), lora),
    Kind("LoHa", ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"), loha, as_stored=True),
    Kind("IA3", ("weight", "on_input"), ia3, as_stored=True),
    Kind("LoKr", ("lokr_w1", "lokr_w2"), lokr, as_stored=True),
    Kind("LoKr", ("lokr_w1", "lokr_w2_a", "lokr_w2_b"), lokr, as_stored=True),
    Kind("LoKr", ("lokr_w1_a", "lokr_w1_b", "lokr_w2"), lokr, as_stored=True),
    Kind("LoKr", ("lokr_w1_a", "lokr_w1_b", "lokr_w2_a", "lokr_w2_b"), lokr, as_stored=True),
    Kind("full", ("diff",), full, as_stored=True),
    Kind("norm", ("w_norm",), norm, as_stored=True),
    Kind("GLoRA", ("a1.weight", "a2.weight", "b1.weight", "b2.weight"), glora),
    Kind("OFT", ("oft_blocks",), oft),
)
"""Every kind, in the order in which they are tried."""


def kind_of(group: Group) -> Kind | None:
    """The kind that a layer's tensors belong to; None if it is none of these."""
    return next((kind for kind in KINDS if all(key in group for key in kind.keys)), None)


def change_of(group: Group, weight: Tensor, ranks: int | None) -> Change:
    """What a network adds to `weight`, scaled as its file says, without a multiplier.

    `ranks` limits a LoRA to its first ranks. Raises KeyError, RuntimeError or ValueError where
    the tensors do not fit the weight.
    """
    kind = kind_of(group)
    if kind is None:
        raise KeyError(f"unknown tensors: {', '.join(sorted(group))}")
    stored = kind.as_stored and weight.dtype == torch.float32
    group = {part: _on(tensor, weight, stored) for part, tensor in group.items()}
    change = kind.change(group, weight, ranks)
    delta = change.weight
    if delta is not None and "bias" in group:
        delta = delta + group["bias"].reshape(delta.shape)
    if delta is not None:
        delta = delta * _scale(group, change.rank)
    return Change(delta, change.bias, change.rank)


def _on(tensor: Tensor, weight: Tensor, stored: bool) -> Tensor:
    """On the weight's device, and in its precision unless the file's own is to stay."""
    if stored or not tensor.dtype.is_floating_point:
        return tensor.to(weight.device)
    return tensor.to(weight.device, weight.dtype)


def _scale(group: Group, rank: int | None) -> float:
    if "scale" in group:
        return float(group["scale"])
    if "alpha" in group and rank:
        return float(group["alpha"]) / rank
    return 1.0
