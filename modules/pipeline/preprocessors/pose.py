"""From what OpenPose's network tells to people: peaks are joints, flows between them are limbs."""

from itertools import product

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from modules.model.networks.pose import PoseNetwork
from modules.pipeline.preprocessors.fitting import Pixels
from modules.pipeline.preprocessors.skeleton import JOINTS, LIMBS, Person, drawn_people

Map = NDArray[np.float32]

FLOWS = (12, 20, 14, 16, 22, 24, 0, 2, 4, 6, 8, 10, 28, 30, 34, 32, 36, 18, 26)
"""The first of the two channels that say how each limb runs."""
SURE_JOINT, SURE_LIMB = 0.1, 0.05
BLUR = 3.0
LOOKS = 10
"""Places along a limb at which the flow is asked."""
AGREEING = 0.8
"""Share of them that must agree."""
FEWEST_JOINTS, SURE_PERSON = 4, 0.4

Found = tuple[float, float, float]
"""Across, down and how sure."""


def body_pose(pixels: Pixels, a: float, b: float, network: PoseNetwork) -> Pixels:
    """Everybody's body as coloured limbs on black."""
    height, width = pixels.shape[:2]
    return drawn_people(people_in(pixels, network), width, height)


def people_in(pixels: Pixels, network: PoseNetwork) -> list[Person]:
    """Everybody in a picture (height, width, 3)."""
    limbs, joints = _told(pixels, network)
    return people_of(limbs, joints)


@torch.inference_mode()
def _told(pixels: Pixels, network: PoseNetwork) -> tuple[Map, Map]:
    """Flows (38, H, W) and joints (19, H, W) at the picture's own size."""
    height, width = pixels.shape[:2]
    device = next(network.parameters()).device
    turned = np.ascontiguousarray(pixels[..., ::-1])
    seen = torch.from_numpy(turned).to(device).permute(2, 0, 1)[None].float() / 256 - 0.5
    limbs, joints = (
        np.stack(
            [
                cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC)
                for one in told[0].float().cpu().numpy()
            ]
        )
        for told in network(seen)
    )
    return limbs, joints


def people_of(limbs: Map, joints: Map) -> list[Person]:
    """Put people together from flows (38, H, W) and joints (19, H, W)."""
    height, width = joints.shape[1:]
    peaks = [_peaks(joints[place]) for place in range(JOINTS)]
    groups: list[dict[int, int]] = []
    """Of each person: which peak is which joint."""
    for (one, other), channel in zip(LIMBS, FLOWS, strict=True):
        flow = limbs[channel : channel + 2]
        for start, end in _matched(peaks[one], peaks[other], flow, height):
            _join(groups, (one, start), (other, end))
    people: list[Person] = []
    for group in groups:
        sure = np.mean([peaks[joint][place][2] for joint, place in group.items()])
        if len(group) < FEWEST_JOINTS or sure < SURE_PERSON:
            continue
        places = {joint: peaks[joint][place] for joint, place in group.items()}
        people.append(
            [
                (places[joint][0] / width, places[joint][1] / height) if joint in places else None
                for joint in range(JOINTS)
            ]
        )
    return people


def _peaks(levels: Map) -> list[Found]:
    """Where one joint is likely: higher, once blurred, than its four neighbours."""
    soft = cv2.GaussianBlur(levels, (0, 0), BLUR)
    around = np.pad(soft, 1)
    high = soft > SURE_JOINT
    for neighbour in (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]):
        high &= soft >= neighbour
    return [
        (float(x), float(y), float(levels[y, x])) for y, x in zip(*np.nonzero(high), strict=True)
    ]


def _matched(
    starts: list[Found], ends: list[Found], flow: Map, height: int
) -> list[tuple[int, int]]:
    """Pairs of peaks that the flow (2, H, W) connects, the surest first, each peak once."""
    scores = []
    for (place, start), (other, end) in product(enumerate(starts), enumerate(ends)):
        score = _connection(start, end, flow, height)
        if score is not None:
            scores.append((score, place, other))
    taken: list[tuple[int, int]] = []
    for _, place, other in sorted(scores, reverse=True):
        if all(place != one and other != two for one, two in taken):
            taken.append((place, other))
    return taken


def _connection(start: Found, end: Found, flow: Map, height: int) -> float | None:
    """How well the flow runs from one peak to another; None if it does not."""
    way = np.array([end[0] - start[0], end[1] - start[1]], np.float32)
    length = float(np.hypot(*way))
    if length < 1e-3:
        return None
    across = np.linspace(start[0], end[0], LOOKS).round().astype(int)
    down = np.linspace(start[1], end[1], LOOKS).round().astype(int)
    along = flow[:, down, across].T @ (way / length)
    score = float(along.mean()) + min(0.5 * height / length - 1, 0)
    agree = (along > SURE_LIMB).mean() >= AGREEING
    return score if agree and score > 0 else None


def _join(groups: list[dict[int, int]], one: tuple[int, int], other: tuple[int, int]) -> None:
    """Add a limb between two (joint, peak): to whom one of them belongs, or to somebody new."""
    owners = [group for group in groups if one in group.items() or other in group.items()]
    if not owners:
        groups.append(dict([one, other]))
    elif len(owners) == 1:
        for joint, place in (one, other):
            owners[0].setdefault(joint, place)
    elif not owners[0].keys() & owners[1].keys():
        owners[0].update(owners[1])
        groups.remove(owners[1])
