"""What a network file is and how much of it fits a checkpoint, from the two files. Needs no torch.

The drawing process asks the loaded model the same question; this is for everyone who has none.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modules.errors import ModelError
from modules.model.family import detect_family
from modules.model.header import Header, TensorInfo, read_header
from modules.model.patch.file_keys import Keys, sort_keys
from modules.model.patch.kinds import kind_of
from modules.model.patch.layer_names import Place, places
from modules.model.patch.report import (
    BROKEN,
    ZERO,
    NetworkReport,
    base_of,
    base_of_checkpoint,
    examine,
)
from modules.model.pickled import PickledFile, PickledTensor, open_legacy, open_zip

EXPONENTS = {
    "F16": (np.uint16, 0x7C00),
    "BF16": (np.uint16, 0x7F80),
    "F32": (np.uint32, 0x7F800000),
}
"""Number types of trained weights: how many bits, and which are all set in what is not finite."""


@dataclass(frozen=True)
class Look:
    """What the beginning of a network file says."""

    keys: Keys
    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]
    header: Header | None
    """None for PyTorch files."""

    @property
    def base(self) -> str:
        """The family it was made for; empty where that cannot be seen."""
        return base_of(self.keys, self.shapes, self.metadata)


def look_at(path: Path) -> Look:
    """Read the names and shapes in a network file. Raises ModelError, OSError."""
    with path.open("rb") as file:
        head = file.read(9)
    if head[:2] == b"PK" or (head[:1] == b"\x80" and head[8:] != b"{"):
        with opened(path, head) as pickled:
            table = pickled.content
            for wrapper in ("state_dict", "string_to_param"):
                if isinstance(table, dict) and isinstance(table.get(wrapper), dict):
                    table = table[wrapper]
            shapes = {
                str(key): tuple(value.shape)
                for key, value in (table.items() if isinstance(table, dict) else ())
                if isinstance(value, PickledTensor)
            }
        return Look(sort_keys(shapes), shapes, {}, None)
    header = read_header(path)
    return Look(sort_keys(header.shapes), header.shapes, header.metadata, header)


@contextmanager
def opened(path: Path, head: bytes) -> Iterator[PickledFile]:
    """A PyTorch file for the duration of the block; `head` are its first bytes."""
    file = open_zip(path) if head[:2] == b"PK" else open_legacy(path)
    try:
        yield file
    finally:
        file.close()


def report_on(path: Path, name: str, checkpoint: Path) -> NetworkReport:
    """Say how much of the network at `path` fits the safetensors file `checkpoint`.

    Raises ModelError where either cannot be read, OSError where it is not there.
    """
    look = look_at(path)
    if look.header is not None and not look.header.complete:
        raise ModelError(f"{path.name} is incomplete.", "Download or copy it again.")
    layers, base = layers_of(checkpoint)
    dead = dict(faults(path, look))
    shapes, metadata = look.shapes, look.metadata
    return examine(name, look.keys, shapes, layers, metadata=metadata, dead=dead, model_base=base)


def layers_of(checkpoint: Path) -> tuple[dict[str, Place], str]:
    """The layers of a checkpoint under the names of network files, and its family in reports."""
    if checkpoint.is_dir() or checkpoint.suffix.lower() != ".safetensors":
        raise ModelError(
            f"What fits {checkpoint.name} is known only when it is loaded.",
            "Choose a .safetensors checkpoint to compare with.",
        )
    shapes = read_header(checkpoint).shapes
    family = detect_family(shapes, checkpoint.name)
    unet = below(shapes, family.unet_prefix)
    texts = [below(shapes, tower.prefix) for tower in family.text]
    return places(unet, texts), base_of_checkpoint(unet)


def below(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> dict[str, tuple[int, ...]]:
    """The tensors below a prefix, by the rest of their names."""
    return {
        name.removeprefix(prefix): shape
        for name, shape in shapes.items()
        if name.startswith(prefix)
    }


def faults(path: Path, look: Look) -> Iterator[tuple[str, str]]:
    """Layers whose numbers are not finite, or change nothing because they are all zero.

    Only safetensors files are looked through; others are when they are loaded.
    """
    if look.header is None:
        return
    with path.open("rb") as file:
        data = np.memmap(file, np.uint8, "r")
    for layer, parts in look.keys.layers.items():
        states = {part: state_of(data, look.header.tensors[key]) for part, key in parts.items()}
        kind = kind_of(parts)
        if BROKEN in states.values():
            yield layer, BROKEN
        elif kind is not None and kind.name in ("LoRA", "LoHa", "LoKr", "full"):
            others = {"bias", "dora_scale", "diff_b"} & set(parts)
            if not others and any(states[key] == ZERO for key in kind.keys):
                yield layer, ZERO


def state_of(data: np.ndarray, info: TensorInfo) -> str:
    """`BROKEN` if some number of a tensor is not finite, `ZERO` if all are zero, else ""."""
    if info.dtype not in EXPONENTS:
        return ""
    bits, exponent = EXPONENTS[info.dtype]
    numbers = data[info.start : info.end].view(bits)
    if bool(((numbers & exponent) == exponent).any()):
        return BROKEN
    return "" if bool((numbers << 1 != 0).any()) else ZERO  # the sign does not count
