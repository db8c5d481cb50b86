"""People from joints and flows that are known, and how they are drawn."""

import numpy as np
import pytest
import torch

from modules.model.networks.pose import PoseNetwork
from modules.pipeline.preprocessors.pose import FLOWS, body_pose, people_of
from modules.pipeline.preprocessors.skeleton import (
    COLOURS,
    JOINTS,
    LIMBS,
    drawn_people,
    flat_joints,
    joints_of,
)
from tests.model.tiny_checkpoints import randomised

SIDE = 160
BODY = (
    (80, 20), (80, 45), (62, 45), (52, 70), (48, 95), (98, 45), (108, 70), (112, 95), (70, 95),
    (68, 120), (66, 148), (90, 95), (92, 120), (94, 148), (75, 15), (85, 15), (68, 20), (92, 20),
)  # fmt: skip


def told(*bodies):
    """What a perfect network would say: a blob for each joint, a flow along each limb."""
    down, across = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    joints = np.zeros((19, SIDE, SIDE), np.float32)
    limbs = np.zeros((38, SIDE, SIDE), np.float32)
    for body in bodies:
        for place, joint in enumerate(body):
            if joint is not None:
                distance = (across - joint[0]) ** 2 + (down - joint[1]) ** 2
                joints[place] = np.maximum(joints[place], np.exp(-distance / 18))
        for (one, other), channel in zip(LIMBS, FLOWS, strict=True):
            if body[one] is None or body[other] is None:
                continue
            start, way = np.array(body[one]), np.array(body[other]) - np.array(body[one])
            length = np.hypot(*way)
            along = ((across - start[0]) * way[0] + (down - start[1]) * way[1]) / length
            aside = np.abs((across - start[0]) * way[1] - (down - start[1]) * way[0]) / length
            inside = (along >= -1) & (along <= length + 1) & (aside <= 3)
            limbs[channel][inside], limbs[channel + 1][inside] = way / length
    return limbs, joints


def shares(body):
    return [None if joint is None else (joint[0] / SIDE, joint[1] / SIDE) for joint in body]


def moved(body, across):
    return [None if joint is None else (joint[0] + across, joint[1]) for joint in body]


def test_a_body_is_put_together_from_joints_and_flows():
    (person,) = people_of(*told(BODY))
    assert np.allclose(person, shares(BODY), atol=1 / SIDE)


def test_two_people_are_told_apart():
    left, right = (moved(BODY, -42), moved(BODY, 40))
    found = sorted(people_of(*told(left, right)), key=lambda person: person[0])
    assert np.allclose(found[0], shares(left), atol=1.5 / SIDE)
    assert np.allclose(found[1], shares(right), atol=1.5 / SIDE)


def test_a_joint_that_is_hidden_stays_out():
    body = [joint if place != 4 else None for place, joint in enumerate(BODY)]
    (person,) = people_of(*told(body))
    assert person[4] is None
    assert sum(joint is not None for joint in person) == JOINTS - 1


def test_noise_is_nobody():
    noise = np.random.default_rng(0)
    limbs = noise.normal(0, 0.02, (38, 64, 64)).astype(np.float32)
    joints = noise.normal(0, 0.02, (19, 64, 64)).astype(np.float32)
    assert people_of(limbs, joints) == []


def test_limbs_are_drawn_in_their_colours_below_the_joints():
    canvas = drawn_people([shares(BODY)], SIDE, SIDE)
    for colour, joint in zip(COLOURS, BODY, strict=True):
        near = canvas[joint[1] - 3 : joint[1] + 4, joint[0] - 3 : joint[0] + 4].reshape(-1, 3)
        assert tuple(colour) in {tuple(pixel) for pixel in near.tolist()}
    middle = canvas[57, 57]  # of the right upper arm, which is the third limb
    assert middle.tolist() == [int(part * 0.6) for part in COLOURS[2]]
    assert not canvas[:10].any()


def test_joints_survive_being_written_as_numbers():
    person = [*shares(BODY)[:-1], None]
    numbers = flat_joints(person, 320, 200)
    assert numbers[-3:] == [0, 0, 0]
    again = joints_of(numbers, 320, 200)
    assert again[-1] is None
    assert np.allclose(again[:-1], person[:-1])
    with pytest.raises(ValueError, match="55 numbers"):
        joints_of([*numbers, 1], 320, 200)


def test_the_network_has_the_names_of_its_file_and_an_eighth_of_the_size():
    with torch.device("meta"):
        names = set(PoseNetwork().state_dict())
    assert len(names) == 2 * (12 + 10 + 5 * 14)
    assert {"conv1_1.weight", "conv4_4_CPM.bias", "conv5_5_CPM_L2.weight"} <= names
    assert {"Mconv1_stage2_L1.weight", "Mconv7_stage6_L2.bias"} <= names


@pytest.mark.slow
def test_a_network_of_random_weights_draws_a_map_of_the_picture_s_size():
    pixels = np.zeros((64, 128, 3), np.uint8)
    made = body_pose(pixels, -1, -1, randomised(PoseNetwork(), 1))
    assert made.shape == pixels.shape
