"""Files that mend faces: which there are, and what they are by what is in them. Needs no torch.

People have them in the folders of A1111's webui and of ComfyUI, under any name. GFPGAN's folder
also holds the detector that the webui fetched there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from modules.errors import ModelError
from modules.model.catalogue import natural
from modules.model.hashes import FileFacts
from modules.model.header import read_header
from modules.model.pickled import PickledTensor, open_legacy, open_zip

FOLDERS = (
    "GFPGAN",
    "Codeformer",
    "CodeFormer",
    "RestoreFormer",
    "facerestore_models",
    "facedetection",
)
"""Below the folder of all models; the last two are ComfyUI's."""
SUFFIXES = (".pth", ".pt", ".safetensors", ".ckpt", ".bin")
YUNET_SUFFIX = ".onnx"

CODEFORMER, GFPGAN, RESTOREFORMER = "CodeFormer", "GFPGAN", "RestoreFormer"
RESTORERS = (CODEFORMER, GFPGAN, RESTOREFORMER)
YUNET, RETINAFACE = "YuNet", "RetinaFace"
DETECTORS = (YUNET, RETINAFACE)
"""The one asked first comes first."""

MARKS = {
    CODEFORMER: ("idx_pred_layer.1.weight", "position_emb"),
    GFPGAN: ("toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"),
    RESTOREFORMER: ("quantize.embedding.weight", "encoder.conv_in.weight", "quant_conv.weight"),
    RETINAFACE: ("ClassHead.0.conv1x1.weight", "fpn.output1.0.weight"),
}
"""Tensors that only files of a kind have."""
WRAPPERS = ("params_ema", "params", "state_dict", "model")
PARALLEL = "module."
"""Before every name in files of trainers with several GPUs."""
FACT = "face kind"


@dataclass(frozen=True)
class FaceFiles:
    """What there is for faces."""

    restorers: dict[str, Path] = field(default_factory=dict)
    """By the names of menus: of the newest of a kind that of its kind, of others their files'."""
    detector: Path | None = None
    detector_kind: str = ""


def face_files(
    models: Iterable[Path], facts: FileFacts | None = None, more: Iterable[Path] = ()
) -> FaceFiles:
    """Look through the folders for faces of each folder in `models`; the first one wins.

    `more` are such folders that lie elsewhere, which go before all others.
    """
    found: dict[str, list[Path]] = {}
    for path in _paths(models, more):
        kind = kind_of(path, facts)
        if kind:
            found.setdefault(kind, []).append(path)
    restorers: dict[str, Path] = {}
    for kind in RESTORERS:
        for path in reversed(found.get(kind, [])):
            restorers.setdefault(path.stem if kind in restorers else kind, path)
    for kind in DETECTORS:
        if kind in found:
            return FaceFiles(restorers, found[kind][0], kind)
    return FaceFiles(restorers)


def _paths(models: Iterable[Path], more: Iterable[Path]) -> Iterator[Path]:
    seen = set()
    usual = [root / name for root in reversed(list(models)) for name in FOLDERS]
    for folder in (*usual, *more):
        if not folder.is_dir() or folder.resolve() in seen:
            continue
        seen.add(folder.resolve())
        inside = (path for path in folder.rglob("*") if path.is_file())
        suffixes = (*SUFFIXES, YUNET_SUFFIX)
        files = (path for path in inside if path.suffix.lower() in suffixes)
        yield from sorted(files, key=lambda path: natural(path.name))


def kind_of(path: Path, facts: FileFacts | None = None) -> str:
    """What a file is, "" for anything that has nothing to do with faces."""
    if path.suffix.lower() == YUNET_SUFFIX:
        return YUNET
    known = facts.known(path, FACT) if facts is not None else None
    if known is None:
        known = _kind(path)
        if facts is not None:
            facts.learn({path: {FACT: known}})
    return str(known)


def _kind(path: Path) -> str:
    try:
        names = {name.removeprefix(PARALLEL) for name in tensor_names(path)}
    except (ModelError, OSError):
        return ""  # what is wrong with it is said when it is used by name
    return next((kind for kind, marks in MARKS.items() if names.issuperset(marks)), "")


def tensor_names(path: Path) -> set[str]:
    """The names of a file's tensors. Raises ModelError, OSError."""
    with path.open("rb") as file:
        head = file.read(16)
    if head[8:9] == b"{":
        return set(read_header(path).tensors)
    opened = open_zip(path) if head.startswith(b"PK") else open_legacy(path)
    content = opened.content
    opened.close()
    for name in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    table = content.items() if isinstance(content, dict) else ()
    return {str(name) for name, value in table if isinstance(value, PickledTensor)}
