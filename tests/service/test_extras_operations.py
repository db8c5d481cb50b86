"""The order of operations, what each is told and asked, and what becomes of many results."""

from dataclasses import replace

import pytest
from PIL import Image

from modules.errors import InvalidRequest, NotFound
from modules.schema.catalogue import Catalogue
from modules.schema.faces import Faces
from modules.service.enlarge import plainly
from modules.service.extras import Enlargement
from modules.service.extras_cuts import Flips, Split
from modules.service.extras_focal import FocalCrop
from modules.service.extras_operations import Caption, ExtrasWish, Tools, ordered, treated
from modules.service.extras_work import check_wish
from modules.service.faces import find_restorer, named_restorer

THERE = Catalogue(restorers=(("CodeFormer", "c.pth"),), face_detector="d.pth")
LANCZOS = Enlargement(upscaler="Lanczos", factor=2)


class Asked:
    """Notes what operations ask, and answers with something that can be told apart."""

    def __init__(self):
        self.asked = []

    @property
    def tools(self):
        return Tools(plainly, self.mend, self.faces, self.describe)

    def mend(self, image, restorer, weight, visibility):
        self.asked.append((restorer, weight, visibility, (image.width, image.height)))
        return replace(image, data=bytes(len(image.data)))

    def faces(self, image):
        self.asked.append(("faces", image.width))
        return [(0.0, 0.0, 10.0, 10.0)]

    def describe(self, image, by):
        self.asked.append((by, image.width))
        return f"by {by}"


def results(wish, order=()):
    asked = Asked()
    picture = Image.new("RGB", (80, 40), (200, 30, 10))
    return asked.asked, list(treated(picture, wish, asked.tools, order))


def test_faces_are_restored_after_enlarging_first_by_gfpgan():
    wish = ExtrasWish(
        upscale=LANCZOS,
        gfpgan_visibility=0.5,
        codeformer_visibility=0.25,
        codeformer_weight=0.75,
    )
    asked, (result,) = results(wish)
    assert asked == [("GFPGAN", 0.5, 0.5, (160, 80)), ("CodeFormer", 0.75, 0.25, (160, 80))]
    assert result.told[2:] == (
        "Postprocess GFPGAN visibility: 0.5",
        "Postprocess CodeFormer visibility: 0.25",
        "Postprocess CodeFormer weight: 0.75",
    )
    assert result.picture.getpixel((0, 0)) == (0, 0, 0)


def test_the_order_may_be_another():
    wish = ExtrasWish(upscale=LANCZOS, codeformer_visibility=1)
    asked, _ = results(wish, ("codeformer", "nobody"))
    assert asked == [("CodeFormer", 0.0, 1, (80, 40))]
    assert [one.name for one in ordered(("caption", "GFPGAN"))][:3] == [
        "Caption",
        "GFPGAN",
        "Upscale",
    ]
    assert [one.name for one in ordered()][:2] == ["Upscale", "GFPGAN"]


def test_what_is_not_visible_is_not_asked_for():
    asked, (result,) = results(ExtrasWish(gfpgan_visibility=0, codeformer_visibility=0))
    assert asked == []
    assert result.told == ()


def test_every_piece_and_copy_gets_a_caption():
    wish = ExtrasWish(split=Split(overlap=0), flips=Flips(), caption=Caption(blip=True))
    asked, made = results(wish)
    assert len(made) == 4
    assert {one.caption for one in made} == {"by deepdanbooru, by clip"}
    assert asked == [("deepdanbooru", 40), ("clip", 40)] * 4


def test_the_picture_with_places_is_left_as_it_is():
    wish = ExtrasWish(focal=FocalCrop(width=64, height=64, debug=True), flips=Flips())
    asked, made = results(wish)
    assert [one.picture.size for one in made] == [(64, 64), (64, 64), (80, 40)]
    assert made[-1].is_aside
    assert asked == [("faces", 80)]


@pytest.mark.parametrize(
    ("wish", "error", "words"),
    [
        (ExtrasWish(), InvalidRequest, "nothing to do"),
        (ExtrasWish(caption=Caption(deepbooru=False)), InvalidRequest, "nothing to do"),
        (ExtrasWish(gfpgan_visibility=1), InvalidRequest, r"GFPGANv1\.4\.pth"),
        (ExtrasWish(codeformer_visibility=1.5), InvalidRequest, "at most 1"),
        (ExtrasWish(codeformer_visibility=1, codeformer_weight=-1), InvalidRequest, "at least 0"),
        (ExtrasWish(focal=FocalCrop(width=9)), InvalidRequest, "at least 64"),
        (ExtrasWish(upscale=Enlargement(upscaler="Lancos")), NotFound, "Lanczos"),
    ],
)
def test_wishes_that_cannot_be_carried_out_are_refused_at_once(wish, error, words):
    with pytest.raises(error, match=words):
        check_wish(wish, THERE)


def test_wishes_that_can_are_not():
    check_wish(ExtrasWish(codeformer_visibility=1), THERE)
    check_wish(ExtrasWish(caption=Caption()), Catalogue())


def test_networks_for_faces_are_found_in_any_letter_case():
    assert named_restorer(Faces(restorer="codeformer"), THERE).restorer == "CodeFormer"
    assert named_restorer(Faces(restorer=" None "), THERE).restorer == ""
    with pytest.raises(NotFound, match="Did you mean 'CodeFormer'"):
        find_restorer("codefarmer", THERE)


def test_a_missing_file_is_named_with_its_folder():
    with pytest.raises(InvalidRequest, match=r"codeformer-v0\.1\.0\.pth into models/Codeformer"):
        find_restorer("CodeFormer", Catalogue())
    with pytest.raises(InvalidRequest, match=r"yunet.*into models/GFPGAN"):
        find_restorer("CodeFormer", replace(THERE, face_detector=""))
