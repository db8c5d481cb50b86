"""Networks beside weights that stay packed: their part is computed on its own and added.

Packed weights cannot take a change in without being packed anew, with a loss. So what a network
adds to y = W x is added to y: for a LoRA up (down x), in the few numbers the file has.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from modules.model.networks.packed_linear import PackedLinear
from modules.model.patch.deltas import change_of
from modules.model.patch.kinds import kind_of

Branch = Callable[[Tensor], Tensor]


def branch_of(
    layer: PackedLinear,
    group: Mapping[str, Tensor],
    multiplier: float,
    ranks: int | None,
    rows: slice,
) -> Branch:
    """What a network adds to the output of `layer`: (..., inputs) to (..., rows).

    A plain LoRA stays two thin matrices; of other kinds the whole change is kept. Raises KeyError,
    RuntimeError or ValueError where the tensors do not fit.
    """
    kind = kind_of(group)
    extras = {"lora_mid.weight", "dora_scale", "bias"} & set(group)
    if kind is not None and kind.name == "LoRA" and not extras:
        up, down = group["lora_up.weight"].flatten(1), group["lora_down.weight"].flatten(1)
        scale = float(group["scale"]) if "scale" in group else 1.0
        if "scale" not in group and "alpha" in group:
            scale = float(group["alpha"]) / len(down)
        return _thin(up[:, :ranks], down[:ranks], scale * multiplier)
    change = change_of(dict(group), layer.unpacked()[rows], ranks)
    whole = None if change.weight is None else (change.weight * multiplier).to(torch.bfloat16)
    bias = None if change.bias is None else change.bias * multiplier
    return _whole(whole, bias)


def _thin(up: Tensor, down: Tensor, scale: float) -> Branch:
    return lambda x: F.linear(F.linear(x, down.to(x)), up.to(x)) * scale


def _whole(weight: Tensor | None, bias: Tensor | None) -> Branch:
    def branch(x: Tensor) -> Tensor:
        result = x.new_zeros(()) if weight is None else F.linear(x, weight.to(x))
        return result if bias is None else result + bias.to(x)

    return branch


class SideBranches:
    """The branches of one model."""

    def __init__(self) -> None:
        self._hooks: list[RemovableHandle] = []

    def add(self, layer: nn.Module, branch: Branch, rows: slice) -> None:
        """From now on add `branch` to these rows of what `layer` gives."""

        def added(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            output[..., rows] += branch(inputs[0])
            return output

        self._hooks.append(layer.register_forward_hook(added))

    def clear(self) -> None:
        """Take all away."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
