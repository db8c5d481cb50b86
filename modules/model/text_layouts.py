"""The tensors of a text encoder under the names of `ClipText`, whatever layout a file has."""

from collections.abc import Callable

from torch import Tensor

from modules.errors import ModelError
from modules.model.families.open_clip_names import (
    OURS,
    PROJECTION,
    ROWS,
    THEIRS,
    split_names,
    transformers_name,
)
from modules.model.families.record import TextTower
from modules.model.files import Entry, Weights


def tower_weights(weights: Weights, tower: TextTower) -> Weights:
    """The tensors of one text encoder of the file `weights`; empty if it has none.

    Names of files made before 2022, or without their first part, are completed. Layers that nothing
    uses are left out. The result reads from `weights` and must not outlive it.
    """
    found = {
        name.removeprefix(tower.prefix): entry
        for name, entry in weights.entries.items()
        if name.startswith(tower.prefix)
    }
    if tower.layout in ("bert", "t5"):
        return Weights(weights.name, found)
    if any(name.startswith(THEIRS) for name in found):
        found = from_open_clip(found, weights.name, tower)
    elif found and not any(name.startswith("text_model.") for name in found):
        found = {f"text_model.{name}": entry for name, entry in found.items()}
    return Weights(weights.name, found)


def from_open_clip(entries: dict[str, Entry], file: str, tower: TextTower) -> dict[str, Entry]:
    """OpenCLIP's tensors under transformers' names; fused ones are split when they are read."""
    renamed: dict[str, Entry] = {}
    for name, entry in entries.items():
        parts = split_names(name)
        same = transformers_name(name)
        if parts is not None:
            renamed |= dict(zip(parts, thirds(entry, f"{file}: {name}"), strict=True))
        elif same is not None:
            renamed[same] = entry
        elif name == PROJECTION and tower.pooled and len(entry.shape) == 2:
            renamed[f"{PROJECTION}.weight"] = transposed(entry)
    return without_last_layers(renamed, tower.spare_layers)


def without_last_layers(entries: dict[str, Entry], count: int) -> dict[str, Entry]:
    """Leave out the `count` highest numbered layers."""
    if not count:
        return entries
    layers = sorted({number for name in entries if (number := layer_of(name)) is not None})
    spare = set(layers[-count:])
    return {name: entry for name, entry in entries.items() if layer_of(name) not in spare}


def layer_of(name: str) -> int | None:
    """The number of the layer a tensor belongs to, if any."""
    number = name.removeprefix(OURS).partition(".")[0]
    return int(number) if name.startswith(OURS) and number.isdecimal() else None


def thirds(entry: Entry, name: str) -> tuple[Entry, Entry, Entry]:
    """Queries, keys and values of a fused tensor: views of one copy, read when first wanted."""
    if not entry.shape or entry.shape[0] % len(ROWS):
        raise ModelError(f"{name} has shape {entry.shape}, which is not three parts.")
    rows = entry.shape[0] // len(ROWS)
    read = shared(entry.read, len(ROWS))

    def part(place: int, forget: Callable[[], None] = lambda: None) -> Entry:
        def own() -> Tensor:
            return read()[place * rows : (place + 1) * rows]

        return Entry((rows, *entry.shape[1:]), own, forget=forget)

    return part(0), part(1), part(2, entry.forget)


def shared(read: Callable[[], Tensor], readers: int) -> Callable[[], Tensor]:
    """A `read` that reads once for every `readers` calls and keeps the tensor only between them."""
    kept: list[Tensor] = []
    calls = 0

    def again() -> Tensor:
        nonlocal calls
        calls += 1
        tensor = kept[0] if kept else read()
        kept[:] = [] if calls % readers == 0 else [tensor]
        return tensor

    return again


def transposed(entry: Entry) -> Entry:
    """The transpose of a matrix, in memory of its own."""
    return Entry(entry.shape[::-1], lambda: entry.read().T.contiguous(), forget=entry.forget)
