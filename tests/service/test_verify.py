"""A picture drawn again from its recipe: the same, or the right cause for every change."""

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from modules.engine.local import LocalEngine
from modules.errors import InvalidRequest
from modules.schema.inputs import ImageData, Img2Img, Inpaint
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size
from modules.service.app import App, build_app
from modules.service.inputs import digest_of
from modules.service.read_picture import read_infotext_from
from modules.service.verify import DIFFERENT, IDENTICAL, IMPOSSIBLE, SAME, verify_picture
from modules.settings.launch import Launch

GOLDEN = Path(__file__).parents[1] / "golden" / "parity" / "data"
REQUEST = GenerationRequest(
    prompt="a cat, tinyemb <lora:tinylora:1>",
    sampling=Sampling(sampler="Euler a", steps=2),
    seeds=Seeds(seed=5),
    size=Size(width=128, height=128),
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A program that draws with the small reference checkpoint, in this process."""
    data = tmp_path_factory.mktemp("verified")
    launch = Launch(data_dir=str(data), ckpt_dir=str(GOLDEN / "Stable-diffusion"), device="cpu")
    paths = launch.paths()
    for kind, to in (("Lora", paths.lora), ("embeddings", paths.embeddings)):
        shutil.copytree(GOLDEN / kind, to, dirs_exist_ok=True)
    made = build_app(paths, launch, LocalEngine(paths, device="cpu", preview_interval_s=None))
    yield made
    made.close()


@pytest.fixture(scope="module")
def content(app: App) -> bytes:
    """A picture as it was saved."""
    job = app.submit(REQUEST)
    for _ in app.follow(job.id):
        pass
    return app.image_file(app.snapshot(job.id).images[0].id).read_bytes()


def again(content: bytes, change: Callable[[str], str] = str, side: int = 128) -> bytes:
    """The same picture with another recipe or another size."""
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", change(read_infotext_from(content)))
    file = io.BytesIO()
    picture = Image.open(io.BytesIO(content))
    picture.resize((side, side)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def as_jpeg(content: bytes) -> bytes:
    file = io.BytesIO()
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    comment = b"UNICODE\0" + read_infotext_from(content).encode("utf-16-be")
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    picture.save(file, "JPEG", quality=90, exif=exif.tobytes())
    return file.getvalue()


def painted_over(content: bytes) -> bytes:
    pixels = np.array(Image.open(io.BytesIO(content)).convert("RGB"))
    pixels[:40, :40] = (255, 0, 0)
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", read_infotext_from(content))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def replaced(old: str, new: str) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        assert old in read_infotext_from(content)
        return again(content, lambda text: text.replace(old, new))

    return change


def test_a_picture_as_it_was_saved_is_drawn_again_bit_for_bit(app: App, content: bytes) -> None:
    verdict = verify_picture(app, content)
    assert verdict.outcome == IDENTICAL
    assert verdict.causes == ()
    assert verdict.largest == 0


def with_hash(text: str, key: str) -> str:
    """Give the file that a recipe names under `key` another hash."""
    head, mark, tail = text.partition(key)
    assert mark
    return head + mark + "01234567" + tail[8:]


def missing(name: str, key: str) -> Callable[[bytes], bytes]:
    """Another name and another hash: neither finds a file here."""
    other = name.replace("tiny", "other")

    def change(content: bytes) -> bytes:
        return again(content, lambda text: with_hash(text.replace(name, other), key))

    return change


KNOBS: dict[str, tuple[Callable[[bytes], bytes], str, str]] = {
    "a LoRA that is not here": (missing("tinylora", 'Lora hashes: "otherlora: '), "lora", "other"),
    "another LoRA of this name": (
        lambda content: again(content, lambda text: with_hash(text, 'Lora hashes: "tinylora: ')),
        "lora",
        "tinylora",
    ),
    "an embedding that is not here": (
        missing("tinyemb", 'TI hashes: "otheremb: '),
        "embedding",
        "otheremb",
    ),
    "another model": (
        lambda content: again(content, lambda text: with_hash(text, "Model hash: ")),
        "model",
        "tiny",
    ),
    "another precision": (
        replaced("Version:", "Device: cuda float16, Version:"),
        "device",
        "float16",
    ),
    "another precision, untold device": (
        replaced("Version:", "Precision: bfloat16, Version:"),
        "device",
        "bfloat16",
    ),
    "an unknown sampler": (replaced("Sampler: Euler a", "Sampler: Eulor 9"), "sampler", "Eulor"),
    "a VAE that is not here": (
        replaced("Version:", "VAE hash: 0123456789, VAE: best.pt, Version:"),
        "vae",
        "best.pt",
    ),
    "JPEG": (as_jpeg, "file", "JPEG"),
    "another size": (lambda content: again(content, side=96), "size", "96 x 96"),
    "another program": (
        lambda content: again(
            content, lambda text: text.partition("Version:")[0] + "Parser: native, App: SD.Next"
        ),
        "program",
        "SD.Next",
    ),
    "an extension's value": (
        replaced("Version: easel", "ControlNet 0: canny, Version: v1.9.4, Was: easel"),
        "key",
        "ControlNet 0",
    ),
    "painted over": (painted_over, "unexplained", "edited"),
    "another seed in the text": (replaced("Seed: 5", "Seed: 6"), "unexplained", "edited"),
    "another release": (replaced("easel-v", "easel-v9."), "version", "easel-v9."),
}
NEEDS_OTHER_PIXELS = {"another model", "another LoRA of this name", "another program"}
NEEDS_OTHER_PIXELS |= {"an extension's value", "another release", "a VAE that is not here"}
NEEDS_OTHER_PIXELS |= {"another precision", "another precision, untold device"}
"""Only the text is changed there, so the picture itself must be made another one, too."""


@pytest.mark.slow
@pytest.mark.parametrize("knob", KNOBS)
def test_the_right_cause_is_named_for_a_changed_knob(app: App, content: bytes, knob: str) -> None:
    change, kind, word = KNOBS[knob]
    changed = change(painted_over(content) if knob in NEEDS_OTHER_PIXELS else content)
    verdict = verify_picture(app, changed)
    assert verdict.outcome in (SAME, DIFFERENT)
    kinds = [cause.kind for cause in verdict.causes]
    assert kind in kinds, verdict
    assert any(word in cause.text for cause in verdict.causes if cause.kind == kind), verdict
    assert kinds[0] == kind or knob in ("another program", "an unknown sampler"), verdict


def test_jpeg_keeps_the_composition(app: App, content: bytes) -> None:
    assert verify_picture(app, as_jpeg(content)).outcome == SAME


def test_a_picture_made_from_another_one_cannot_be_drawn_again(app: App, content: bytes) -> None:
    verdict = verify_picture(app, replaced("Seed: 5", "Seed: 5, Denoising strength: 0.5")(content))
    assert verdict.outcome == IMPOSSIBLE
    assert [cause.kind for cause in verdict.causes] == ["start picture"]


def test_a_picture_without_a_recipe_is_refused(app: App) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    with pytest.raises(InvalidRequest, match="no recipe"):
        verify_picture(app, file.getvalue())


def test_pixel_knobs_of_the_settings_are_named(app: App, content: bytes) -> None:
    app.set_options({"comma_padding_backtrack": 3})
    try:
        causes = verify_picture(app, painted_over(content)).causes
    finally:
        app.set_options({"comma_padding_backtrack": 20})
    assert [cause.kind for cause in causes] == ["setting"]


def plain(seed: int, mode: str = "RGB") -> ImageData:
    """A picture to start from."""
    pixels = np.random.default_rng(seed).integers(0, 255, (64, 64, len(mode)), np.uint8)
    return ImageData(64, 64, mode, pixels.tobytes())


def half_mask() -> ImageData:
    pixels = np.zeros((64, 64, 1), np.uint8)
    pixels[:, 32:] = 255
    return ImageData(64, 64, "L", pixels.tobytes())


STARTS = {
    "a start picture": Img2Img(images=(plain(1),), resize_mode="Crop and resize"),
    "a mask": Img2Img(
        images=(plain(1),),
        denoising_strength=0.6,
        inpaint=Inpaint(mask=half_mask(), blur=2, blur_y=6, content="fill", round=False),
    ),
}


def drawn_from(app: App, start: Img2Img, **batch: int) -> list[str]:
    """The ids of pictures drawn from another one."""
    request = replace(REQUEST, img2img=start, size=Size(width=64, height=128), batch=Batch(**batch))
    job = app.submit(request)
    for _ in app.follow(job.id):
        pass
    return [one.id for one in app.snapshot(job.id).images if one.kind == "image"]


@pytest.mark.parametrize("kind", STARTS)
def test_a_picture_is_drawn_again_from_the_pictures_it_began_with(app: App, kind: str) -> None:
    [image] = drawn_from(app, STARTS[kind])
    verdict = verify_picture(app, app.image_file(image).read_bytes())
    assert verdict.outcome == IDENTICAL, verdict


def test_each_picture_of_a_batch_knows_its_own_start_picture(app: App) -> None:
    start = Img2Img(images=(plain(1), plain(2)))
    for image in drawn_from(app, start, batch_size=2):
        verdict = verify_picture(app, app.image_file(image).read_bytes())
        assert verdict.outcome in (IDENTICAL, SAME), verdict


def test_a_start_picture_that_was_changed_counts_as_gone(app: App) -> None:
    [image] = drawn_from(app, Img2Img(images=(plain(3),)))
    content = app.image_file(image).read_bytes()
    [kept] = app.paths.inputs.rglob(f"{digest_of(plain(3))}.png")
    Image.new("RGB", (64, 64)).save(kept)
    verdict = verify_picture(app, content)
    assert verdict.outcome == IMPOSSIBLE
    assert [cause.kind for cause in verdict.causes] == ["start picture"]


def test_the_watermark_is_hidden_again(app: App) -> None:
    large = replace(REQUEST, size=Size(width=256, height=256))
    wish = {"watermark_method": "dwtDctSvd", "watermark_text": "mine"}
    job = app.submit(large, overrides=wish)
    for _ in app.follow(job.id):
        pass
    [image] = app.snapshot(job.id).images
    assert "Watermark: dwtDctSvd, Watermark text: mine" in image.infotext
    verdict = verify_picture(app, app.image_file(image.id).read_bytes())
    assert verdict.outcome == IDENTICAL, verdict
