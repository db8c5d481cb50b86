"""Pictures of every kind dropped onto the canvas: shown, or refused by name."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from modules.pipeline.pictures import as_picture
from modules.service.read_pixels import read_pixels
from tests.ui.canvas.conftest import HEIGHT, WIDTH, Desk, gradient

pytestmark = pytest.mark.browser

DROP = """async ([text, type, name]) => {
    const data = new DataTransfer();
    data.items.add(fileOf(text, type, name));
    canvas.stage.dispatchEvent(
        new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def dropped(desk: Desk, content: bytes, kind: str) -> None:
    text = base64.b64encode(content).decode()
    desk.js(DROP, [text, f"image/{kind.lower()}", f"odd.{kind.lower()}"])


PICTURE = gradient(48, 40)
DEEP = np.asarray(PICTURE.convert("L")).astype(np.uint16) * 257
FRAMES = [PICTURE, gradient(48, 40).transpose(Image.Transpose.FLIP_LEFT_RIGHT)]


@pytest.mark.parametrize(
    ("picture", "kind", "options"),
    [
        (PICTURE.convert("CMYK"), "JPEG", {}),
        (Image.fromarray(DEEP), "PNG", {}),
        (PICTURE.convert("P"), "PNG", {}),
        (FRAMES[0].convert("P"), "GIF", {"save_all": True, "append_images": FRAMES[1:]}),
        (FRAMES[0], "WEBP", {"save_all": True, "append_images": FRAMES[1:]}),
        (PICTURE.resize((1, 1)), "PNG", {}),
    ],
    ids=["CMYK", "16-bit", "palette", "GIF", "WebP", "pixel"],
)
def test_whatever_a_picture_is_made_of_it_is_shown_and_handed_over(
    desk: Desk, picture: Image.Image, kind: str, options: dict[str, object]
) -> None:
    dropped(desk, encoded(picture, kind, **options), kind)
    desk.page.wait_for_function("width => canvas.size().width === width", arg=picture.width)
    sent = as_picture(read_pixels(desk.bytes("exportInit()")))
    assert sent.size == picture.size
    levels = np.asarray(sent.convert("L")).astype(int)
    expected = DEEP / 257 if "16" in picture.mode else np.asarray(picture.convert("L"))
    assert np.abs(levels - expected).mean() < (12 if picture.mode == "CMYK" else 3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (encoded(Image.effect_noise((64, 64), 60), "PNG")[:60], "odd.png"),
        (encoded(Image.new("1", (20_000, 10_000)), "PNG"), "20000 × 10000"),
        (encoded(Image.new("1", (16_000, 12_500)), "PNG"), "100 million"),
    ],
    ids=["truncated", "bomb", "smaller bomb"],
)
def test_what_cannot_be_shown_is_said_and_one_paints_on(
    desk: Desk, content: bytes, said: str
) -> None:
    dropped(desk, content, "PNG")
    desk.page.locator(".ec-live.wrong").wait_for()
    assert said in desk.said()
    assert desk.js("canvas.size()") == {"width": WIDTH, "height": HEIGHT}
    desk.settings(size=20, hardness=1)
    desk.drag((60, 100), (240, 100))
    assert desk.mask()[100, 150] == 255
