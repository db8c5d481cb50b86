"""Network files of every format, right and wrong, each with what it should do by the formula.

References are written out in float64 from the papers' formulas, not with the program's own code.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.linalg import inv

LDM = "input_blocks.1.1.transformer_blocks.0.attn1.to_q"  # (32, 32), no bias
DIFFUSERS = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
KOHYA = "lora_unet_" + DIFFUSERS.replace(".", "_")
CONV, CONV_FILE = "input_blocks.1.0.in_layers.2", "lora_unet_down_blocks_0_resnets_0_conv1"
NORM, NORM_FILE = "input_blocks.1.0.in_layers.0", "lora_unet_down_blocks_0_resnets_0_norm1"
TEXT = "text_model.encoder.layers.0.mlp.fc1"  # (256, 64)
TEXT_FILE = "lora_te_" + TEXT.replace(".", "_")

Formula = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Animal:
    """A file: its tensors, the weight it changes, and that weight afterwards."""

    name: str
    tensors: dict[str, Tensor]
    formula: Formula | None = None
    weight: str = f"unet.{LDM}.weight"
    bias: Formula | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    error: str = ""
    """A word of the error it must give."""
    notice: str = ""
    """A word of the notice it must give."""
    pickled: bool = False
    broken: Callable[[bytes], bytes] | None = None
    """What happens to the file after it was written."""

    def write(self, folder: Path) -> None:
        """Put it into `folder`."""
        path = folder / f"{self.name}.{'pt' if self.pickled else 'safetensors'}"
        if self.pickled:
            torch.save(self.tensors, path)
        else:
            save_file({key: it.clone() for key, it in self.tensors.items()}, path, self.metadata)
        if self.broken is not None:
            path.write_bytes(self.broken(path.read_bytes()))


def some(*shape: int, seed: int = 0) -> Tensor:
    """Numbers as a trained network has them, exact in half precision."""
    generator = torch.Generator().manual_seed(sum(shape) * 31 + seed)
    return (torch.randn(shape, generator=generator) * 0.3).half().float()


def named(layer: str, **parts: Tensor) -> dict[str, Tensor]:
    """Keys of one layer; two underscores in a part's name stand for a dot."""
    return {f"{layer}.{part.replace('__', '.')}": value for part, value in parts.items()}


def plain_lora(layer: str = KOHYA, out: int = 32, width: int = 32, **more: Tensor) -> Animal:
    """A LoRA of rank 4."""
    up, down = some(out, 4), some(4, width, seed=1)
    tensors = named(layer, lora_up__weight=up, lora_down__weight=down, **more)
    scale = float(more["alpha"]) / 4 if "alpha" in more else 1.0
    return Animal("lora", tensors, lambda w: w + up.double() @ down.double() * scale)


def like(animal: Animal, name: str, **changes: object) -> Animal:
    """The same with another name and other facts."""
    return Animal(**{**animal.__dict__, "name": name, **changes})


def renamed(animal: Animal, name: str, keys: dict[str, str]) -> Animal:
    """The same with each key's layer and part written in another manner."""
    tensors = {keys[key.removeprefix(f"{KOHYA}.")]: it for key, it in animal.tensors.items()}
    return like(animal, name, tensors=tensors)


def loras() -> Iterator[Animal]:
    lora = plain_lora()
    yield lora
    yield like(plain_lora(alpha=torch.tensor(2.0)), "lora_alpha")
    yield like(lora, "lora_half", tensors={key: it.half() for key, it in lora.tensors.items()})
    yield like(lora, "lora_pickled", pickled=True)
    text = plain_lora(TEXT_FILE, 256, 64)
    yield like(text, "lora_text", weight=f"text.clip_l.{TEXT}.weight")
    ldm = "lora_unet_" + LDM.replace(".", "_")
    up, down = "lora_up.weight", "lora_down.weight"
    yield renamed(lora, "lora_ldm", {up: f"{ldm}.{up}", down: f"{ldm}.{down}"})
    for name, ups, downs in (
        ("peft", "lora_B.weight", "lora_A.weight"),
        ("peft_default", "lora_B.default.weight", "lora_A.default.weight"),
        ("diffusers", "lora.up.weight", "lora.down.weight"),
        ("diffusers_linear", "lora_linear_layer.up.weight", "lora_linear_layer.down.weight"),
    ):
        theirs = f"unet.{DIFFUSERS}"
        yield renamed(lora, name, {up: f"{theirs}.{ups}", down: f"{theirs}.{downs}"})
    processor = f"unet.{DIFFUSERS.removesuffix('to_q')}processor.to_q_lora"
    old = {up: f"{processor}.up.weight", down: f"{processor}.down.weight"}
    yield renamed(lora, "diffusers_processor", old)
    peft = {
        key.replace(TEXT_FILE, f"text_encoder.{TEXT}").replace("lora_up", "lora_B"): it
        for key, it in text.tensors.items()
    }
    peft = {key.replace("lora_down", "lora_A"): it for key, it in peft.items()}
    yield like(text, "peft_text", tensors=peft, weight=f"text.clip_l.{TEXT}.weight")


def convolutions() -> Iterator[Animal]:
    weight = f"unet.{CONV}.weight"
    up, down = some(32, 4, 1, 1), some(4, 32, 3, 3)
    tensors = named(CONV_FILE, lora_up__weight=up, lora_down__weight=down)

    def locon(w: Tensor) -> Tensor:
        return w + torch.einsum("or,rixy->oixy", up.double()[:, :, 0, 0], down.double())

    yield Animal("locon", tensors, locon, weight)
    low, middle = some(4, 32, 1, 1), some(4, 4, 3, 3)
    tensors = named(CONV_FILE, lora_up__weight=up, lora_down__weight=low, lora_mid__weight=middle)

    def tucker(w: Tensor) -> Tensor:
        ends = up.double()[:, :, 0, 0], low.double()[:, :, 0, 0]
        return w + torch.einsum("or,rsxy,si->oixy", ends[0], middle.double(), ends[1])

    yield Animal("locon_tucker", tensors, tucker, weight)
    core, a, b = some(3, 3, 3, 3), some(3, 32), some(3, 32, seed=1)
    halves = {
        f"hada_{part}": it
        for i in "12"
        for part, it in ((f"t{i}", core), (f"w{i}_a", a), (f"w{i}_b", b))
    }

    def loha(w: Tensor) -> Tensor:
        half = torch.einsum("ijxy,io,jn->onxy", core.double(), a.double(), b.double())
        return w + half * half

    yield Animal("loha_tucker", named(CONV_FILE, **halves), loha, weight)
    small, inner, c, d = some(2, 4), some(2, 2, 3, 3), some(2, 16), some(2, 8)
    tensors = named(CONV_FILE, lokr_w1=small, lokr_t2=inner, lokr_w2_a=c, lokr_w2_b=d)

    def lokr(w: Tensor) -> Tensor:
        second = torch.einsum("ijxy,io,jn->onxy", inner.double(), c.double(), d.double())
        return w + torch.kron(small.double()[:, :, None, None], second.contiguous())

    yield Animal("lokr_tucker", tensors, lokr, weight)
    diff, bias = some(32, 32, 3, 3), some(32)
    tensors = named(CONV_FILE, diff=diff, diff_b=bias)
    yield Animal("full", tensors, lambda w: w + diff.double(), weight, lambda b: b + bias.double())
    w_norm, b_norm = some(32), some(32, seed=1)
    tensors = named(NORM_FILE, w_norm=w_norm, b_norm=b_norm)
    formulas = lambda w: w + w_norm.double(), lambda b: b + b_norm.double()
    yield Animal("norm", tensors, formulas[0], f"unet.{NORM}.weight", formulas[1])


def products() -> Iterator[Animal]:
    a, b, c, d = some(32, 3), some(3, 32), some(32, 3, seed=2), some(3, 32, seed=3)
    tensors = named(KOHYA, hada_w1_a=a, hada_w1_b=b, hada_w2_a=c, hada_w2_b=d)
    tensors |= named(KOHYA, alpha=torch.tensor(1.5))
    pair = (a.double() @ b.double()) * (c.double() @ d.double())
    yield Animal("loha", tensors, lambda w: w + pair * 1.5 / 3)
    small, large = some(4, 4), some(8, 8)
    kron = torch.kron(small.double(), large.double())
    yield Animal("lokr", named(KOHYA, lokr_w1=small, lokr_w2=large), lambda w: w + kron)
    a, b, c, d = some(4, 2), some(2, 4), some(8, 2), some(2, 8)
    tensors = named(KOHYA, lokr_w1_a=a, lokr_w1_b=b, lokr_w2_a=c, lokr_w2_b=d)
    tensors |= named(KOHYA, alpha=torch.tensor(1.0))
    low = torch.kron(a.double() @ b.double(), c.double() @ d.double())
    yield Animal("lokr_low", tensors, lambda w: w + low / 2)
    factors = some(32)
    on_input = named(KOHYA, weight=factors, on_input=torch.tensor(True))
    yield Animal("ia3_input", on_input, lambda w: w + w * factors.double())
    on_output = named(KOHYA, weight=factors, on_input=torch.tensor(False))
    yield Animal("ia3_output", on_output, lambda w: w + w * factors.double()[:, None])
    a1, a2, b1, b2 = some(4, 32), some(32, 4), some(4, 32, seed=1), some(32, 4, seed=1)
    tensors = named(KOHYA, a1__weight=a1, a2__weight=a2, b1__weight=b1, b2__weight=b2)
    fixed = b2.double() @ b1.double()
    yield Animal("glora", tensors, lambda w: w + fixed + w @ a2.double() @ a1.double())


def turns() -> Iterator[Animal]:
    blocks = some(4, 8, 8)
    one = torch.eye(8, dtype=torch.float64)
    skew = (blocks - blocks.transpose(1, 2)).double()
    turn = torch.block_diag(*[((one + q) @ inv(one - q)).T for q in skew])
    yield Animal("oft", named(KOHYA, oft_blocks=blocks), lambda w: turn @ w)
    theirs = KOHYA.replace("lora_unet_", "oft_unet_")
    yield Animal("oft_kohya", named(theirs, oft_blocks=blocks), lambda w: turn @ w)
    limit = 0.01
    short = skew * (limit * 32 / (skew.norm() + 1e-8)).clamp(max=1)
    small = torch.block_diag(*[((one + q) @ inv(one - q)).T for q in short])
    tensors = named(KOHYA, oft_blocks=blocks, alpha=torch.tensor(limit))
    yield Animal("oft_limited", tensors, lambda w: small @ w)
    rescale = 1 + some(32, 1)
    tensors = named(KOHYA, oft_blocks=blocks, rescale=rescale)
    yield Animal("oft_rescaled", tensors, lambda w: turn @ w * rescale.double())
    whole = torch.block_diag(*[matrix.T for matrix in blocks.double()])
    yield Animal("oft_diag", named(KOHYA, oft_diag=blocks), lambda w: whole @ w)
    levels = some(3, 4, 8, 8)
    skew = (levels - levels.transpose(2, 3)).double()
    product = torch.eye(32, dtype=torch.float64)
    for level in range(3):
        apart = 2**level * 4
        # Rows that lie `apart` from each other come together in pairs.
        order = [
            start + place + half * apart
            for start in range(0, 32, 2 * apart)
            for place in range(apart)
            for half in (0, 1)
        ]
        together = torch.eye(32, dtype=torch.float64)[order]
        matrices = torch.block_diag(*[(one + q) @ inv(one - q) for q in skew[level]])
        product = together.T @ matrices @ together @ product
    yield Animal("boft", named(KOHYA, oft_blocks=levels), lambda w: product @ w)


def doras() -> Iterator[Animal]:
    up, down = some(32, 4), some(4, 32, seed=1)
    delta = up.double() @ down.double()
    columns, rows = 1 + some(1, 32), 1 + some(32)

    def by_column(w: Tensor) -> Tensor:
        return (w + delta) * columns.double() / (w + delta).norm(dim=0, keepdim=True)

    def by_row(w: Tensor) -> Tensor:
        return (w + delta) * rows.double()[:, None] / (w + delta).norm(dim=1, keepdim=True)

    tensors = named(KOHYA, lora_up__weight=up, lora_down__weight=down)
    yield Animal("dora", tensors | named(KOHYA, dora_scale=columns), by_column)
    yield Animal("dora_rows", tensors | named(KOHYA, dora_scale=rows[:, None]), by_row)
    theirs = f"base_model.model.unet.{DIFFUSERS}"
    peft = {
        f"{theirs}.lora_A.weight": down,
        f"{theirs}.lora_B.weight": up,
        f"{theirs}.lora_magnitude_vector": rows,
    }
    yield Animal("dora_peft", peft, by_row)


def wrong() -> Iterator[Animal]:
    lora = plain_lora()
    layer = "lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_k"
    xl = named(layer, lora_up__weight=some(640, 4), lora_down__weight=some(4, 2048))
    yield Animal("of_sdxl", xl, error="made for SDXL")
    second = named("lora_te2_text_model_encoder_layers_0_mlp_fc1", diff=some(8, 8))
    yield Animal("of_sdxl_text", second, error="made for SDXL")
    flux = "lora_unet_double_blocks_0_img_attn_proj"
    yield Animal("of_flux", named(flux, diff=some(8, 8)), error="made for FLUX")
    said = {"modelspec.architecture": "stable-diffusion-v2-768-v/lora"}
    sd2 = like(lora, "of_sd2", metadata=said, tensors=named(KOHYA, diff=some(3, 3)))
    yield like(sd2, "of_sd2", formula=None, error="made for SD2")
    other = {key.replace("lora_unet_", "unknown_"): it for key, it in lora.tensors.items()}
    yield Animal("renamed", other, error="no such layer")
    shifted = {key.replace("lora_up", "up_lora"): it for key, it in lora.tensors.items()}
    yield Animal("parts_renamed", shifted, error="unknown kind")
    wide = named(KOHYA, lora_up__weight=some(64, 4), lora_down__weight=some(4, 64))
    yield Animal("too_wide", wide, error="shape does not fit")
    ranks = named(KOHYA, lora_up__weight=some(32, 4), lora_down__weight=some(2, 32))
    yield Animal("ranks_differ", ranks, error="shape does not fit")
    nan = {key: it * torch.nan for key, it in lora.tensors.items()}
    yield Animal("nan", nan, error="not finite")
    zero = {key: it * 0 for key, it in lora.tensors.items()}
    yield Animal("zero", zero, lambda w: w, notice="all zero")
    yield like(lora, "truncated", broken=lambda data: data[:-100], formula=None, error="incomplete")
    header = like(lora, "half_a_header", broken=lambda data: data[:40], formula=None)
    yield like(header, "half_a_header", error="ends inside its header")
    empty = like(lora, "empty", broken=lambda data: b"", formula=None, error="is empty")
    yield empty
    pages = like(lora, "page", broken=lambda data: b"<!DOCTYPE html><p>Log in", formula=None)
    yield like(pages, "page", error="web page")
    words = {"string_to_param": some(2, 64)}
    yield Animal("embedding", words, error="wrong folder")
    half = lora.tensors | named(layer, diff=some(8, 8))
    yield like(lora, "half_fits", tensors=half, notice="2 of 3 tensors fit")
    stray = lora.tensors | {"step": torch.tensor(1.0)}
    yield like(lora, "stray", tensors=stray, notice="unknown names: 1")


def zoo() -> list[Animal]:
    """All of them."""
    return [
        animal for kind in (loras, convolutions, products, turns, doras, wrong) for animal in kind()
    ]
