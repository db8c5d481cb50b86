"""Files of extra networks: found by the names people write in prompts, and read."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from modules.errors import ModelError
from modules.model.files import read_weights
from modules.model.header import read_header

SUFFIXES = (".safetensors", ".pt", ".ckpt", ".bin")
NO_ALIAS = ("", "none", "addams")
"""Names that training programs write into files when nobody chose one."""
PEFT = re.compile(
    r"^(?:base_model\.model\.)?(unet|text_encoder)\.(.+?)\.lora(?:_linear_layer)?[._]"
)
PEFT_PARTS = {
    "A": "lora_down.weight",
    "B": "lora_up.weight",
    "down": "lora_down.weight",
    "up": "lora_up.weight",
}
PREFIXES = {"unet": "lora_unet_", "text_encoder": "lora_te_"}


@dataclass(frozen=True, eq=False)
class NetworkFile:
    """One network: its tensors by layer and part, as the file has them."""

    path: Path
    stamp: tuple[int, int]
    hash: str
    """Twelve digits, as recipes have them."""
    groups: dict[str, dict[str, Tensor]]


class NetworkFolder:
    """The networks below a folder; each is read once, and again when it changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._aliases: dict[Path, tuple[tuple[int, int], str]] = {}
        self._read: dict[Path, NetworkFile] = {}

    def find(self, name: str) -> Path | None:
        """The file that `name` means: its stem, or the name its metadata gives it.

        An alias that several files share means none of them.
        """
        paths = [path for path in self._paths() if path.stem == name]
        if paths:
            return paths[0]
        if name.lower() in NO_ALIAS:
            return None
        paths = [path for path in self._paths() if self._alias(path) == name]
        return paths[0] if len(paths) == 1 else None

    def read(self, path: Path) -> NetworkFile:
        """The network at `path`. Raises ModelError."""
        known = self._read.get(path)
        if known is None or known.stamp != _stamp(path):
            known = read_network(path)
            self._read[path] = known
        return known

    def forget(self, kept: set[Path]) -> None:
        """Give back the memory of all files but `kept`."""
        self._read = {path: file for path, file in self._read.items() if path in kept}

    def _paths(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.rglob("*") if path.suffix.lower() in SUFFIXES)

    def _alias(self, path: Path) -> str:
        stamp = _stamp(path)
        if path not in self._aliases or self._aliases[path][0] != stamp:
            self._aliases[path] = stamp, _metadata(path).get("ss_output_name", "")
        return self._aliases[path][1]


def read_network(path: Path) -> NetworkFile:
    """Read every tensor of a network file. Raises ModelError."""
    stamp = _stamp(path)
    groups: dict[str, dict[str, Tensor]] = {}
    with read_weights(path) as weights:
        for key in weights:
            layer, part = _place(key)
            if part:
                groups.setdefault(layer, {})[part] = weights[key]
    if not groups:
        raise ModelError(f"{path.name} has no layers that belong to an extra network.")
    return NetworkFile(path, stamp, network_hash(path), groups)


def _place(key: str) -> tuple[str, str]:
    """A tensor's layer, under the name kohya's programs use, and its part in it."""
    found = PEFT.match(key)
    if found is None:
        layer, _, part = key.partition(".")
        return layer, part
    part = PEFT_PARTS.get(key[found.end() :].partition(".")[0], "")
    return PREFIXES[found[1]] + found[2].replace(".", "_"), part


def network_hash(path: Path) -> str:
    """Twelve digits: of what the file itself names, or of its tensors without the header."""
    named = _metadata(path).get("sshs_model_hash")
    if named:
        return named[:12]
    with path.open("rb") as file:
        if path.suffix.lower() == ".safetensors":
            file.seek(8 + int.from_bytes(file.read(8), "little"))
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _metadata(path: Path) -> dict[str, str]:
    if path.suffix.lower() != ".safetensors":
        return {}
    try:
        return read_header(path).metadata
    except (ModelError, OSError):
        return {}


def _stamp(path: Path) -> tuple[int, int]:
    info = path.stat()
    return info.st_size, info.st_mtime_ns
