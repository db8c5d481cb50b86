"""Where the faces of a picture are, and where their eyes, noses and mouths."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from modules.errors import ModelError
from modules.model.assemble import build
from modules.model.face_files import PARALLEL, RETINAFACE, YUNET, FaceFiles
from modules.model.files import read_weights
from modules.model.networks.retinaface import RetinaFace, RetinaFaceConfig

MOST_SIDE = 1280
"""Pixels; a longer picture is looked at from farther away."""
STRIDES = (8, 16, 32)
SQUARES = ((16, 32), (64, 128), (256, 512))
"""Sides in pixels of the squares at each place of the levels."""
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
"""What shifts and sizes are multiplied with (Liu et al. 2015, SSD)."""
MEANS = (104.0, 117.0, 123.0)
"""Blue, green and red of the pictures it was trained on."""
LIKELY = 0.9
"""A face must be at least so likely."""
OVERLAP = 0.4
"""Squares that share more of their area are the same face."""
WHERE = "Put face_detection_yunet_2023mar.onnx or detection_Resnet50_Final.pth into models/GFPGAN."
POINTS = 5

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Face:
    """One face, in pixels of the picture."""

    box: Box
    """Left, top, right, bottom."""
    points: tuple[tuple[float, float], ...]
    """Eyes, tip of the nose, corners of the mouth; of two the left one in the picture first."""
    score: float

    @property
    def area(self) -> float:
        """Square pixels of its box."""
        left, top, right, bottom = self.box
        return max(0.0, right - left) * max(0.0, bottom - top)


class FaceDetector(Protocol):
    """Finds faces."""

    def find(self, picture: np.ndarray) -> list[Face]:
        """The faces of a picture (height, width, 3) uint8 RGB, likeliest first."""


def load_detector(files: FaceFiles, device: torch.device | str = "cpu") -> FaceDetector:
    """Load the detector there is. Raises ModelError."""
    if files.detector is None:
        raise ModelError("There is nothing here that finds faces.", WHERE)
    if files.detector_kind == YUNET:
        return YuNet(files.detector)
    return RetinaFaceDetector.read(files.detector, torch.device(device))


class YuNet:
    """OpenCV's detector (Wu et al. 2023, YuNet: A Tiny Millisecond-level Face Detector)."""

    def __init__(self, path: Path) -> None:
        """Raises ModelError if OpenCV cannot read the file."""
        try:
            self._network: Any = cv2.FaceDetectorYN.create(
                str(path), "", (320, 320), LIKELY, OVERLAP
            )
        except cv2.error as error:
            raise ModelError(
                f"{path.name} is no detector of faces that OpenCV can read.",
                "Get face_detection_yunet_2023mar.onnx of OpenCV's model zoo.",
            ) from error
        self._name = path.name

    def find(self, picture: np.ndarray) -> list[Face]:
        """Find faces. Raises ModelError if the file is another network."""
        small, factor = shrunk(picture)
        try:
            self._network.setInputSize((small.shape[1], small.shape[0]))
            _, rows = self._network.detect(np.ascontiguousarray(small[..., ::-1]))
        except cv2.error as error:
            raise ModelError(f"{self._name} is no {YUNET} that finds faces.") from error
        faces = []
        for row in rows if rows is not None else ():
            x, y, width, height, *numbers = (float(number) / factor for number in row[:14])
            points = tuple(zip(numbers[0::2], numbers[1::2], strict=True))
            faces.append(Face((x, y, x + width, y + height), points, float(row[14])))
        return sorted(faces, key=lambda face: -face.score)


class RetinaFaceDetector:
    """RetinaFace from the weights A1111's webui fetches (`detection_Resnet50_Final.pth`)."""

    def __init__(self, network: RetinaFace) -> None:
        self._network = network
        self._device = next(network.parameters()).device

    @classmethod
    def read(cls, path: Path, device: torch.device) -> "RetinaFaceDetector":
        """Read the weights. Raises ModelError."""
        with read_weights(path) as weights:
            names = {name.removeprefix(PARALLEL): name for name in weights}
            shapes = weights.shapes
            try:
                config = RetinaFaceConfig.from_shapes(
                    {name: shapes[source] for name, source in names.items()}
                )
            except (KeyError, IndexError, ValueError) as error:
                raise ModelError(f"{path.name} is no {RETINAFACE}: it lacks {error}.") from error
            network = build(lambda: RetinaFace(config), weights, names, device, torch.float32)
        return cls(network)

    @torch.inference_mode()
    def find(self, picture: np.ndarray) -> list[Face]:
        """Find faces."""
        small, factor = shrunk(picture)
        blue_first = torch.from_numpy(small[..., ::-1].astype(np.float32)) - torch.tensor(MEANS)
        x = blue_first.permute(2, 0, 1)[None].to(self._device)
        scores, shifts, marks = (found[0].float().cpu() for found in self._network(x))
        squares = squares_of(small.shape[0], small.shape[1])
        likely = scores > LIKELY
        boxes, points = decoded(squares[likely], shifts[likely], marks[likely])
        kept = strongest(boxes, scores[likely])
        return [
            Face(
                as_box(boxes[at] / factor),
                tuple((x, y) for x, y in (points[at] / factor).tolist()),
                float(scores[likely][at]),
            )
            for at in kept
        ]


def as_box(corners: Tensor) -> Box:
    """Four numbers of a tensor (4,)."""
    left, top, right, bottom = corners.tolist()
    return left, top, right, bottom


def shrunk(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """A picture (height, width, 3) no longer than is looked at, and how much smaller it is."""
    height, width = picture.shape[:2]
    factor = min(1.0, MOST_SIDE / max(height, width))
    if factor == 1.0:
        return picture, factor
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), factor


def squares_of(height: int, width: int) -> Tensor:
    """Centre and side in pixels of all squares (n, 3), in the order of the network's answers."""
    levels = []
    for stride, sides in zip(STRIDES, SQUARES, strict=True):
        rows, columns = math.ceil(height / stride), math.ceil(width / stride)
        y, x, side = torch.meshgrid(
            (torch.arange(rows) + 0.5) * stride,
            (torch.arange(columns) + 0.5) * stride,
            torch.tensor(sides, dtype=torch.float32),
            indexing="ij",
        )
        levels.append(torch.stack([x, y, side], dim=-1).reshape(-1, 3))
    return torch.cat(levels)


def decoded(squares: Tensor, shifts: Tensor, marks: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes (n, 4), left, top, right, bottom, and points (n, 5, 2) in pixels of the answers."""
    centres, sides = squares[:, :2], squares[:, 2:]
    middle = centres + shifts[:, :2] * CENTRE_VARIANCE * sides
    half = sides * torch.exp(shifts[:, 2:] * SIZE_VARIANCE) / 2
    steps = marks.reshape(-1, POINTS, 2) * CENTRE_VARIANCE * sides[:, None]
    return torch.cat([middle - half, middle + half], dim=1), centres[:, None] + steps


def strongest(boxes: Tensor, scores: Tensor) -> list[int]:
    """Which boxes (n, 4) stay, likeliest first: of those on top of each other only one."""
    left: Sequence[int] = scores.argsort(descending=True, stable=True).tolist()
    kept = []
    while left:
        best, *others = left
        kept.append(best)
        left = [at for at in others if shared(boxes[best], boxes[at]) <= OVERLAP]
    return kept


def shared(first: Tensor, second: Tensor) -> float:
    """The area that two boxes (4,) share, as part of the area both cover."""
    corners = torch.minimum(first[2:], second[2:]) - torch.maximum(first[:2], second[:2])
    common = float(corners.clamp(min=0).prod())
    areas = float((first[2:] - first[:2]).prod() + (second[2:] - second[:2]).prod())
    return common / max(areas - common, 1e-9)
