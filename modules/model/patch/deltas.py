"""What each kind of extra network adds to one weight.

A file has a group of tensors for each layer it changes; the names of the tensors tell the kind.
LoRA: Hu et al. 2021 (arXiv:2106.09685). LoHa, LoKr, GLoRA and the rest: as the LyCORIS project
(Yeh et al. 2023, arXiv:2309.14859) writes them. OFT: Qiu et al. 2023 (arXiv:2306.07280). BOFT: Liu
et al. 2023 (arXiv:2311.06243). DoRA: Liu et al. 2024 (arXiv:2402.09353).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from modules.model.patch.kinds import kind_of
from modules.model.patch.report import BROKEN, ZERO

Group = Mapping[str, Tensor]


@dataclass(frozen=True)
class Change:
    """What is added to a layer's weight (in its shape) and to its bias, before any multiplier.

    `rank` divides the file's alpha; None where alpha does not count.
    """

    weight: Tensor | None = None
    bias: Tensor | None = None
    rank: int | None = None


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
    """Every block of output channels is turned: by a skew-symmetric matrix through Cayley.

    With four axes the blocks are the levels of a butterfly (BOFT), one turn after the other.
    """
    if "oft_diag" in group:
        turn = group["oft_diag"].float()  # (blocks, size, size), the turns themselves
    else:
        turn = _cayley(group["oft_blocks"], group.get("alpha"), len(weight))
    rows = weight.flatten(1).to(turn.dtype)
    turned = _butterfly(turn, rows) if turn.dim() == 4 else _turned(turn, rows)
    if "rescale" in group:
        turned = turned * group["rescale"].reshape(-1, 1)
    return Change((turned - rows).reshape(weight.shape).to(weight.dtype))


def _cayley(blocks: Tensor, alpha: Tensor | None, outputs: int) -> Tensor:
    """Turns (..., size, size) in float32 from matrices; `alpha` limits how far they go."""
    skew = blocks - blocks.transpose(-1, -2)
    limit = float(alpha) * outputs if alpha is not None else 0.0
    if limit:
        length = torch.linalg.norm(skew.flatten()) + 1e-8
        skew = skew * (length.clamp(max=limit) / length)
    one = torch.eye(blocks.shape[-1], dtype=torch.float32, device=blocks.device)
    return (one + skew.float()) @ torch.linalg.inv(one - skew.float())


def _turned(turn: Tensor, rows: Tensor) -> Tensor:
    """Rows (outputs, inputs), every block of them turned by its (size, size) matrix."""
    blocks = rows.reshape(turn.shape[0], turn.shape[1], -1)
    return torch.einsum("knm,knx->kmx", turn, blocks).reshape(rows.shape)


def _butterfly(turns: Tensor, rows: Tensor) -> Tensor:
    """Rows (outputs, inputs) through levels of turns (levels, blocks, size, size).

    At level i the blocks are made of rows that lie 2**i * size / 2 apart.
    """
    _, blocks, size, _ = turns.shape
    for level, turn in enumerate(turns):
        apart = 2**level * (size // 2)
        mixed = rows.reshape(-1, 2, apart, rows.shape[1]).transpose(1, 2).reshape(rows.shape)
        mixed = torch.einsum("kmn,knx->kmx", turn, mixed.reshape(blocks, size, -1))
        rows = mixed.reshape(-1, apart, 2, rows.shape[1]).transpose(1, 2).reshape(rows.shape)
    return rows


FORMULAS: dict[str, Callable[[Group, Tensor, int | None], Change]] = {
    "LoRA": lora,
    "LoHa": loha,
    "IA3": ia3,
    "LoKr": lokr,
    "full": full,
    "norm": norm,
    "GLoRA": glora,
    "OFT": oft,
}
"""The formula of every kind, by its name."""


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
    change = FORMULAS[kind.name](group, weight, ranks)
    delta = change.weight
    if delta is not None and "bias" in group:
        delta = delta + group["bias"].reshape(delta.shape)
    if delta is not None:
        delta = delta * _scale(group, change.rank)
    if delta is not None and "dora_scale" in group:
        delta = dora(group["dora_scale"], weight, delta)
    return Change(delta, change.bias, change.rank)


def dora(magnitude: Tensor, weight: Tensor, delta: Tensor) -> Tensor:
    """The change where direction and magnitude are learnt apart.

    `magnitude` has the length of every column of the new weight (its axis of inputs), or of every
    row where its shape is one number for each output.
    """
    outputs, inputs = weight.shape[:2]
    flat = magnitude.numel()
    by_input = magnitude.dim() > 1 and magnitude.shape[0] == 1 and magnitude.shape[1] == inputs
    by_input |= flat != outputs
    if flat != (inputs if by_input else outputs):
        raise ValueError(f"dora_scale has {flat} numbers for a weight of {tuple(weight.shape)}")
    axis = 1 if by_input else 0
    others = [number for number in range(weight.dim()) if number != axis]
    wanted = weight.float() + delta.float()
    length = wanted.norm(dim=others, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    shape = [flat if number == axis else 1 for number in range(weight.dim())]
    turned = wanted * (magnitude.float().reshape(shape) / length)
    return (turned - weight.float()).to(delta.dtype)


def fault_of(group: Group) -> str:
    """What is wrong with a layer's numbers: `BROKEN`, `ZERO` (they change nothing), or ""."""
    main = {part: value for part, value in group.items() if value.dtype.is_floating_point}
    if not all(bool(value.float().isfinite().all()) for value in main.values()):
        return BROKEN
    kind = kind_of(group)
    if kind is None:
        return ""
    must = [main[key] for key in kind.keys if key in main]
    if kind.name == "GLoRA":
        a1, a2, b1, b2 = must
        must = [torch.cat([a1.flatten(), b1.flatten()]), torch.cat([a2.flatten(), b2.flatten()])]
    if "dora_scale" in group or "bias" in group or "rescale" in group or kind.name == "IA3":
        return ""
    also = [group[name] for name in ("diff_b", "b_norm") if name in group]
    if any(bool(value.any()) for value in also):
        return ""
    return ZERO if any(not bool(value.any()) for value in must) else ""


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
