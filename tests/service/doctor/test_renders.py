"""The doctor's pictures: alike on a sound installation, and told apart when something is wrong."""

from dataclasses import replace

import pytest
from PIL import Image

from modules.paths import Paths
from modules.service.doctor.finding import BAD, GOOD
from modules.service.doctor.renders import (
    BLANK,
    MOST_DIFFERENCE,
    diagnosis,
    difference,
    judged,
    look_at_drawing,
    references,
    renders,
)
from modules.settings.launch import Launch


@pytest.fixture(scope="module")
def sheet():
    return references(Paths().configs)


def enlarged(average):
    return average.resize((128, 128), Image.Resampling.NEAREST)


def test_no_two_references_could_be_taken_for_each_other(sheet):
    assert len(sheet) == len(renders()) == 8
    for one in range(8):
        for other in range(8):
            apart = difference(enlarged(sheet[one]), sheet[other])
            assert (apart == 0) if one == other else (apart > 2 * MOST_DIFFERENCE)


def test_rounding_is_no_fault_and_another_picture_is(sheet):
    render = renders()[0]
    brighter = enlarged(sheet[0]).point(lambda level: min(255, level + 3))
    assert judged(render, brighter, sheet[0]).state == GOOD
    assert judged(render, enlarged(sheet[1]), sheet[0]).state == BAD


def test_black_pictures_and_failures_have_their_own_words(sheet):
    black = Image.new("RGB", (128, 128))
    found = [judged(render, black, sheet[0]) for render in renders()]
    assert {finding.advice for finding in found} == {BLANK}
    assert diagnosis(found).seen == BLANK
    failed = judged(renders()[0], "No checkpoint called 'x'.", sheet[0])
    assert failed.state == BAD
    assert "No checkpoint" in failed.seen


def test_the_pattern_of_failures_names_the_part(sheet):
    good = [
        judged(render, enlarged(wanted), wanted)
        for render, wanted in zip(renders(), sheet, strict=True)
    ]
    assert diagnosis(good).state == GOOD
    noise = [*good]
    noise[4] = replace(noise[4], state=BAD, advice=renders()[4].blame)
    assert "Brownian" in diagnosis(noise).seen
    assert "SDE" in diagnosis(noise).advice
    bad = [replace(finding, state=BAD) for finding in good]
    assert "network" in diagnosis(bad).seen
    assert "--use-cpu all" in diagnosis(bad).advice


@pytest.mark.slow
def test_this_installation_draws_the_references():
    found = list(look_at_drawing(Launch(device="cpu"), Paths(), lambda text: None))
    assert [finding.state for finding in found] == [GOOD] * 9, found
