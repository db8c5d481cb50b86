"""Pictures and masks of every kind over REST, to a process that really draws with them."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Served

pytestmark = pytest.mark.slow

SIDE = 64


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> str:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return base64.b64encode(file.getvalue()).decode()


def grey(size: int = SIDE) -> Image.Image:
    return Image.radial_gradient("L").resize((size, size))


def half(size: tuple[int, int] = (SIDE, SIDE), mode: str = "L") -> Image.Image:
    """A mask of the left half."""
    mask = Image.new("L", size)
    mask.paste(255, (0, 0, size[0] // 2, size[1]))
    return mask.convert(mode)


PLAIN = encoded(grey())
DEEP = encoded(Image.fromarray(np.asarray(grey()).astype(np.uint16) * 257))
CUT = encoded(Image.effect_noise((SIDE, SIDE), 60))[:2000]
BOMB = encoded(Image.new("1", (20_000, 10_000)))
OTHER = Image.new("RGB", (SIDE, SIDE), "red")
MASK = encoded(half())


def post(server: Served, **body: Any) -> Any:
    body = {"steps": 2, "width": SIDE, "height": SIDE, "seed": 5, "sampler_name": "Euler", **body}
    return server.client.post("/sdapi/v1/img2img", json=body)


def pixels(answer: Any) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    content = base64.b64decode(answer.json()["images"][0])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def plain(real_server: Served) -> np.ndarray:
    """What the plain picture leads to."""
    return pixels(post(real_server, init_images=[PLAIN]))


@pytest.mark.parametrize(
    "picture",
    [
        DEEP,
        encoded(grey().convert("P")),
        encoded(grey().convert("LA")),
        encoded(grey().convert("RGBA")),
        encoded(grey(), "TIFF"),
        encoded(grey(), "PNG", save_all=True, append_images=[OTHER.convert("L")]),
    ],
    ids=["16-bit", "palette", "grey with alpha", "RGBA", "TIFF", "animated"],
)
def test_the_same_picture_in_another_form_leads_to_the_same(
    real_server: Served, plain: np.ndarray, picture: str
) -> None:
    assert np.array_equal(pixels(post(real_server, init_images=[picture])), plain)


def test_inks_become_colours_close_to_those_meant(real_server: Served, plain: np.ndarray) -> None:
    inks = encoded(grey().convert("RGB").convert("CMYK"), "JPEG", quality=95)
    assert np.abs(pixels(post(real_server, init_images=[inks])) - plain).mean() < 3


def test_a_single_pixel_fills_the_picture(real_server: Served) -> None:
    one = encoded(Image.new("RGB", (1, 1), (200, 60, 30)))
    many = encoded(Image.new("RGB", (SIDE, SIDE), (200, 60, 30)))
    from_one, from_many = (pixels(post(real_server, init_images=[each])) for each in (one, many))
    assert np.array_equal(from_one, from_many)


@pytest.mark.parametrize(
    "mask",
    [encoded(half((2, 2), "1")), encoded(half((640, 320))), encoded(half((SIDE, SIDE), "CMYK"),
     "TIFF"), encoded(half((30, 50), "P"))],
    ids=["tiny", "large", "inks", "palette"],
)  # fmt: skip
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "only masked"])
def test_a_mask_of_any_size_covers_the_same_part(
    real_server: Served, mask: str, whole: bool
) -> None:
    area = {"inpaint_full_res": not whole, "mask_blur": 0, "inpainting_fill": 1}
    drawn = pixels(post(real_server, init_images=[PLAIN], mask=mask, **area))
    original = np.asarray(grey().convert("RGB")).astype(int)
    assert drawn.shape == original.shape
    assert np.array_equal(drawn[:, SIDE * 3 // 4 :], original[:, SIDE * 3 // 4 :])
    assert not np.array_equal(drawn[:, : SIDE // 4], original[:, : SIDE // 4])


def test_an_empty_mask_keeps_everything_or_counts_for_nothing(
    real_server: Served, plain: np.ndarray
) -> None:
    black = encoded(Image.new("L", (SIDE, SIDE)))
    kept = post(real_server, init_images=[PLAIN], mask=black, inpaint_full_res=False)
    assert np.array_equal(pixels(kept), np.asarray(grey().convert("RGB")))
    drawn = post(real_server, init_images=[PLAIN], mask=black, inpaint_full_res=True)
    assert np.array_equal(pixels(drawn), plain)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"init_images": [CUT]}, "damaged"),
        ({"init_images": [PLAIN], "mask": CUT}, "damaged"),
        ({"init_images": [BOMB]}, "100 million pixels"),
        ({"init_images": [PLAIN], "mask": BOMB}, "100 million pixels"),
        ({"init_images": [encoded(Image.new("F", (4, 4)), "TIFF")]}, "floating point"),
        ({"init_images": ["bm8gcGljdHVyZQ=="]}, "not a picture"),
        ({"init_images": []}, "Init image not found"),
    ],
    ids=["cut", "cut mask", "bomb", "bomb as mask", "float", "text", "none"],
)
def test_what_cannot_be_used_is_explained_and_the_next_job_is_fine(
    real_server: Served, plain: np.ndarray, body: dict[str, Any], words: str
) -> None:
    before = real_server.app.status().pid
    answer = post(real_server, **body)
    assert answer.status_code in (404, 422)
    assert words in answer.text
    assert np.array_equal(pixels(post(real_server, init_images=[PLAIN])), plain)
    assert real_server.app.status().pid == before
