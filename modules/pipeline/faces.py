"""Faces of a finished picture drawn anew: found, turned upright, mended, and put back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from modules.errors import InvalidRequest, NotFound
from modules.model.device import Device
from modules.model.face_files import FaceFiles, face_files
from modules.model.face_restorer import FaceRestorer, load_restorer
from modules.model.faces import Face, FaceDetector, load_detector
from modules.model.hashes import FileFacts
from modules.pipeline.pictures import Picture

UPRIGHT = (
    (192.98138, 239.94708),
    (318.90277, 240.19360),
    (256.63416, 314.01935),
    (201.26117, 371.41043),
    (313.08905, 371.15118),
)  # fmt: skip
"""Where eyes, nose and mouth are in the faces such networks are trained on (FFHQ, Karras et al.
2019), in pixels of a square of 512."""
UPRIGHT_SIDE = 512
FEATHER = 0.1
"""The share of a face's side over which it fades into the picture."""
LEAST_EXTENT = 2.0
"""Pixels that a face's points are apart; closer ones tell nothing of where it is."""

Mended = Callable[[np.ndarray], np.ndarray]
"""An upright face (side, side, 3) float32 from 0 to 1, to the clean one."""
RestoreFaces = Callable[[Picture], Picture]


def upright(points: Sequence[tuple[float, float]], side: int) -> np.ndarray:
    """The shift, turn and scale (2, 3) that bring a face's five points best to where they belong.

    It has the least sum of squared distances (Umeyama 1991, without mirroring).
    """
    wanted = np.asarray(UPRIGHT) * side / UPRIGHT_SIDE
    rows, values = [], []
    for (x, y), (u, v) in zip(points, wanted.tolist(), strict=True):
        rows += [[x, -y, 1.0, 0.0], [y, x, 0.0, 1.0]]
        values += [u, v]
    (a, b, right, down), *_ = np.linalg.lstsq(np.asarray(rows), np.asarray(values), rcond=None)
    return np.asarray([[a, -b, right], [b, a, down]])


def feathered(side: int) -> np.ndarray:
    """How much of a face is put back (side, side), float32: 1 in the middle, 0 at the edges."""
    ramp = np.clip(np.minimum(np.arange(side), np.arange(side)[::-1]) / (FEATHER * side), 0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return np.outer(ramp, ramp).astype(np.float32)


def with_faces_mended(
    pixels: np.ndarray, faces: Sequence[Face], mend: Mended, side: int
) -> np.ndarray:
    """`pixels` (height, width, 3) uint8 with every face mended; pixels beyond them stay exactly."""
    whole = pixels.astype(np.float32) / 255
    size = pixels.shape[1], pixels.shape[0]
    for face in faces:
        if np.ptp(np.asarray(face.points), axis=0).max() < LEAST_EXTENT:
            continue
        there = upright(face.points, side)
        back = cv2.invertAffineTransform(there)
        cut = cv2.warpAffine(
            pixels, there, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        clean = mend(cut.astype(np.float32) / 255)
        mask = cv2.warpAffine(feathered(side), back, size, flags=cv2.INTER_LINEAR)[..., None]
        drawn = cv2.warpAffine(
            clean, back, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        whole = whole + mask * (drawn - whole)
    return np.clip(np.rint(whole * 255), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class _Held:
    path: Path
    changed_ns: int
    restorer: FaceRestorer


class FaceShelf:
    """Finds what mends faces, and keeps the detector and the network used last."""

    def __init__(
        self,
        models: Sequence[Path],
        device: Device,
        facts: FileFacts | None = None,
        more: Sequence[Path] = (),
    ) -> None:
        """`models` are folders of all kinds of models; the first that has a name wins.

        `more` are folders for faces alone.
        """
        self._models = tuple(models)
        self._more = tuple(more)
        self._device = device
        self._facts = facts
        self._held: _Held | None = None
        self._detector: tuple[Path, FaceDetector] | None = None

    def find(self, name: str, weight: float = 0.5, visibility: float = 1.0) -> RestoreFaces:
        """What restores faces by the network called `name`. Raises NotFound, ModelError.

        `visibility` lays the result over the picture; with 0 it stays as it is.
        """
        files = face_files(self._models, self._facts, self._more)
        known = {one.lower(): path for one, path in files.restorers.items()}
        path = known.get(name.strip().lower())
        if path is None:
            raise NotFound("network that restores faces", name, files.restorers)
        restorer, detector = self._load(path), self._find_detector(files)

        def restored(picture: Picture) -> Picture:
            if visibility <= 0:
                return picture
            return _restored(picture, detector, restorer, weight, visibility, self._device.device)

        return restored

    def faces(self, picture: Picture) -> list[Face]:
        """The faces of a picture, likeliest first. Raises ModelError without a detector."""
        detector = self._find_detector(face_files(self._models, self._facts, self._more))
        return detector.find(np.asarray(picture.convert("RGB")))

    def _load(self, path: Path) -> FaceRestorer:
        changed = path.stat().st_mtime_ns
        if self._held is None or (self._held.path, self._held.changed_ns) != (path, changed):
            self._held = None  # first let go of the memory of the one before
            self._held = _Held(path, changed, load_restorer(path, self._device.device))
        return self._held.restorer

    def _find_detector(self, files: FaceFiles) -> FaceDetector:
        path = files.detector
        if self._detector is None or path is None or self._detector[0] != path:
            self._detector = None
            loaded = load_detector(files, self._device.device)
            assert path is not None
            self._detector = (path, loaded)
        return self._detector[1]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept in memory."""
        return self._held is None and self._detector is None

    def clear(self) -> None:
        """Give the memory back."""
        self._held = self._detector = None


def _restored(
    picture: Picture,
    detector: FaceDetector,
    restorer: FaceRestorer,
    weight: float,
    visibility: float,
    device: torch.device,
) -> Picture:
    if not 0 <= weight <= 1:
        raise InvalidRequest(f"The weight is {weight}.", "It lies between 0 and 1.")
    pixels = np.asarray(picture.convert("RGB"))
    faces = detector.find(pixels)
    if not faces:
        return picture

    def mend(face: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(face).permute(2, 0, 1)[None].to(device)
        return restorer(x, weight)[0].permute(1, 2, 0).cpu().numpy()

    result = Image.fromarray(with_faces_mended(pixels, faces, mend, restorer.side))
    if picture.mode == "RGBA":
        result.putalpha(picture.getchannel("A"))
    if visibility >= 1:
        return result
    plain = picture if picture.mode == result.mode else picture.convert(result.mode)
    return Image.blend(plain, result, visibility)
