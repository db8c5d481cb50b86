"""Files of extra networks: found by the names people write in prompts, and read."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from modules.errors import ModelError
from modules.model.files import read_weights
from modules.model.folder import files_below
from modules.model.header import read_header
from modules.model.network_hash import named_hash, tensor_hash
from modules.model.patch.deltas import fault_of
from modules.model.patch.file_keys import Keys, sort_keys
from modules.model.patch.layer_names import Place
from modules.model.patch.report import NetworkReport, examine

SUFFIXES = (".safetensors", ".pt", ".ckpt", ".bin")
NO_ALIAS = ("", "none", "addams")
"""Names that training programs write into files when nobody chose one."""


@dataclass(frozen=True, eq=False)
class NetworkFile:
    """One network: its tensors by layer and part, as the file has them."""

    path: Path
    stamp: tuple[int, int]
    hash: str
    """Twelve digits, as recipes have them."""
    tensors: Mapping[str, Tensor]
    """Every tensor by its key."""
    keys: Keys
    metadata: Mapping[str, str]

    @cached_property
    def groups(self) -> dict[str, dict[str, Tensor]]:
        """Tensors by layer and part."""
        return {
            layer: {part: self.tensors[key] for part, key in parts.items()}
            for layer, parts in self.keys.layers.items()
        }

    @cached_property
    def bundled(self) -> dict[str, dict[str, Tensor]]:
        """Embeddings that came along, by name and text encoder."""
        return {
            name: {part: self.tensors[key] for part, key in parts.items()}
            for name, parts in self.keys.bundled.items()
        }

    @cached_property
    def faults(self) -> dict[str, str]:
        """What is wrong with the numbers of layers; those in order are left out."""
        found = ((layer, fault_of(group)) for layer, group in self.groups.items())
        return {layer: fault for layer, fault in found if fault}

    def report(self, name: str, layers: Mapping[str, Place], model_base: str) -> NetworkReport:
        """What the file would do to a model with these layers."""
        return examine(
            name,
            self.keys,
            {key: tuple(tensor.shape) for key, tensor in self.tensors.items()},
            layers,
            metadata=self.metadata,
            dead=self.faults,
            model_base=model_base,
        )


class NetworkFolder:
    """The networks below a folder; each is read once, and again when it changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_stem: dict[str, Path] = {}
        self._aliases: dict[Path, tuple[tuple[int, int], str]] = {}
        self._read: dict[Path, NetworkFile] = {}

    def find(self, name: str) -> Path | None:
        """The file that `name` means: its stem, or the name its metadata gives it.

        An alias that several files share means none of them. The folder is looked through only
        when the name is not known from the last time, so that large ones cost nothing.
        """
        known = self._by_stem.get(name)
        if known is not None and known.is_file():
            return known
        paths = self._paths()
        self._by_stem = {path.stem: path for path in reversed(paths)}
        if name in self._by_stem or name.lower() in NO_ALIAS:
            return self._by_stem.get(name)
        meant = [path for path in paths if self._alias(path) == name]
        return meant[0] if len(meant) == 1 else None

    def names(self) -> list[str]:
        """Every name that means a file, aliases left out."""
        return [path.stem for path in self._paths()]

    def read(self, path: Path) -> NetworkFile:
        """The network at `path`. Raises ModelError."""
        known = self._read.get(path)
        if known is None or known.stamp != stamp_of(path):
            known = read_network(path)
            self._read[path] = known
        return known

    def forget(self, kept: set[Path]) -> None:
        """Give back the memory of all files but `kept`."""
        self._read = {path: file for path, file in self._read.items() if path in kept}

    def _paths(self) -> list[Path]:
        return files_below(self.folder, SUFFIXES)

    def _alias(self, path: Path) -> str:
        stamp = stamp_of(path)
        if path not in self._aliases or self._aliases[path][0] != stamp:
            self._aliases[path] = stamp, metadata_of(path).get("ss_output_name", "")
        return self._aliases[path][1]


def read_network(path: Path) -> NetworkFile:
    """Read every tensor of a network file. Raises ModelError."""
    stamp = stamp_of(path)
    with read_weights(path) as weights:
        keys = sort_keys(weights)
        if not keys.layers and not keys.bundled:
            raise ModelError(
                f"{path.name} has no layers that belong to an extra network.",
                "Is it an embedding or a checkpoint in the wrong folder?",
            )
        tensors = {key: weights[key] for key in weights}
        metadata = weights.metadata
    return NetworkFile(path, stamp, network_hash(path), tensors, keys, metadata)


def network_hash(path: Path) -> str:
    """Twelve digits: of what the file itself names, or of its tensors without the header."""
    return named_hash(path) or tensor_hash(path)


def metadata_of(path: Path) -> dict[str, str]:
    """What a safetensors file says about itself; nothing for others and for damaged ones."""
    if path.suffix.lower() != ".safetensors":
        return {}
    try:
        return read_header(path).metadata
    except (ModelError, OSError):
        return {}


def stamp_of(path: Path) -> tuple[int, int]:
    """Size and modification time: another value means another file under the same name."""
    info = path.stat()
    return info.st_size, info.st_mtime_ns
