"""Networks that restore faces, by name; refused before they cost time when something is missing."""

from dataclasses import replace

from modules.errors import InvalidRequest, NotFound
from modules.schema.catalogue import Catalogue
from modules.schema.faces import Faces

NONE = ("", "none")
WANTED_FILES = {
    "codeformer": "codeformer-v0.1.0.pth into models/Codeformer",
    "gfpgan": "GFPGANv1.4.pth into models/GFPGAN",
    "restoreformer": "RestoreFormer.pth into models/GFPGAN",
}
USUAL = "CodeFormer"
DETECTORS = "face_detection_yunet_2023mar.onnx or detection_Resnet50_Final.pth into models/GFPGAN"


def named_restorer(wish: Faces, catalogue: Catalogue) -> Faces:
    """`wish` with the network's name as menus have it. Raises InvalidRequest, NotFound."""
    if wish.restorer.strip().lower() in NONE:
        return replace(wish, restorer="")
    return replace(wish, restorer=find_restorer(wish.restorer, catalogue))


def find_restorer(name: str, catalogue: Catalogue) -> str:
    """A network's name as menus have it. Raises InvalidRequest when files are missing, NotFound."""
    wanted = name.strip().lower()
    known = {one.lower(): one for one, _ in catalogue.restorers}
    if wanted not in known:
        files = WANTED_FILES.get(wanted)
        if known and files is None:
            raise NotFound("network that restores faces", name, known.values())
        raise InvalidRequest(
            f"Faces cannot be restored: there is no {name.strip():.80} here.",
            f"Put {files or WANTED_FILES[USUAL.lower()]}, or leave the faces as they are.",
        )
    check_detector(catalogue)
    return known[wanted]


def first_restorer(catalogue: Catalogue) -> str:
    """The network that "yes" means where nobody names one."""
    return next((name for name, _ in catalogue.restorers), USUAL)


def check_detector(catalogue: Catalogue) -> None:
    """Raise InvalidRequest if nothing finds faces."""
    if not catalogue.face_detector:
        raise InvalidRequest("There is nothing here that finds faces.", f"Put {DETECTORS}.")
