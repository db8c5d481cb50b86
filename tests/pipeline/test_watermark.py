"""The watermark: hidden, read back from files, and never where it cannot last."""

import io
import sys

import numpy as np
import pytest
from imwatermark import WatermarkDecoder, WatermarkEncoder
from PIL import Image

from benchmarks.watermark import picture as photograph
from modules.errors import ModelError
from modules.pipeline import watermark_network
from modules.pipeline.watermark import marked, with_watermark
from modules.pipeline.watermark_network import is_available
from modules.pipeline.watermark_reader import is_marked, read_bits, read_mark, share_found
from modules.schema.inputs import ImageData
from modules.schema.watermark import Watermark


def picture(seed, side=256):
    """A smooth picture of random colours, (side, side, 3)."""
    coarse = np.random.default_rng(seed).integers(40, 210, (side // 8, side // 8, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def saved(pixels, kind, **options):
    """The picture after a round trip through a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("seed", range(3))
def test_the_mark_is_read_back_from_a_png(seed):
    assert is_marked(saved(marked(picture(seed)), "PNG"))


@pytest.mark.parametrize("quality", [90, 95])
def test_the_slower_way_survives_jpeg(quality):
    hidden = marked(picture(1), method="dwtDctSvd")
    assert is_marked(saved(hidden, "JPEG", quality=quality), method="dwtDctSvd")


@pytest.mark.parametrize("method", ["dwtDct", "dwtDctSvd"])
def test_a_picture_without_the_mark_is_not_taken_for_marked(method):
    assert share_found(picture(2), method=method) < 0.65
    assert not is_marked(marked(picture(2), "SomethingElse!!!!", method), method=method)


def test_the_mark_cannot_be_seen():
    original = picture(3).astype(float)
    difference = marked(picture(3)).astype(float) - original
    assert 0 < np.mean(difference**2) < 255**2 / 10**3  # more than 30 dB


def test_small_pictures_stay_as_they_are():
    small = picture(4, 128)
    assert marked(small) is small
    assert share_found(small) == 0


@pytest.mark.parametrize("method", ["dwtDct", "dwtDctSvd"])
@pytest.mark.parametrize("cut", [(256, 256), (300, 259), (264, 381)])
def test_the_reader_reads_the_bits_that_the_library_reads(method, cut):
    shown = marked(picture(5, 384), method=method)[: cut[0], : cut[1]]
    theirs = WatermarkDecoder("bits", 136).decode(shown[:, :, ::-1].copy(), method)
    assert np.mean(read_bits(shown, 136, method) == np.asarray(theirs)) > 0.97


def test_the_decoder_of_the_librarys_own_documentation_finds_the_mark():
    bgr = saved(marked(picture(6, 512)), "PNG")[:, :, ::-1].copy()
    said = WatermarkDecoder("bytes", 136).decode(bgr, "dwtDct")
    right = np.unpackbits(np.frombuffer(said, np.uint8)) == np.unpackbits(
        np.frombuffer(b"StableDiffusionV1", np.uint8)
    )
    assert right.mean() > 0.9


def test_a_finding_says_how_sure_it_is():
    mark, none = read_mark(marked(picture(7))), read_mark(picture(7))
    assert mark.found and mark.chance < 1e-8 and mark.bits == 136
    assert not none.found and none.chance > 1e-3
    assert read_mark(picture(8, 64)) is None


def test_pictures_without_the_mark_are_never_taken_for_marked():
    source = np.random.default_rng(9)
    flat = [np.full((256, 256, 3), source.integers(0, 256, 3), np.uint8) for _ in range(20)]
    noise = [source.integers(0, 256, (256, 320, 3)).astype(np.uint8) for _ in range(20)]
    smooth = [picture(seed) for seed in range(100, 140)]
    assert not [one for one in (*flat, *noise, *smooth) if read_mark(one).found]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_pictures_of_every_mode_are_marked_and_stay_as_transparent_as_they_were(mode):
    shown = Image.fromarray(picture(6)).convert(mode)
    image = ImageData(256, 256, mode, shown.tobytes())
    hidden, told = with_watermark(image, Watermark(method="dwtDctSvd", text="another text"))
    assert told == (("Watermark", "dwtDctSvd"), ("Watermark text", "another text"))
    channels = len(hidden.mode)
    assert (channels == 4) == (mode == "RGBA")
    pixels = np.frombuffer(hidden.data, np.uint8).reshape(256, 256, channels)
    assert is_marked(pixels[:, :, :3], "another text", "dwtDctSvd")
    assert channels == 3 or (pixels[:, :, 3] == 255).all()


def test_without_onnxruntime_the_network_is_refused_in_words(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    session = watermark_network._session
    session.cache_clear()
    with pytest.raises(ModelError, match="needs onnxruntime"):
        marked(picture(7), "SDV1", "rivaGan")
    session.cache_clear()


@pytest.mark.slow
@pytest.mark.skipif(not is_available(), reason="onnxruntime is not installed")
def test_the_networks_mark_is_that_of_the_library_and_survives_jpeg():
    theirs = WatermarkEncoder()
    theirs.loadModel()
    theirs.set_watermark("bytes", b"SDV1")
    original = photograph(1, 384)
    shown = marked(original, "SDV1", "rivaGan")
    expected = theirs.encode(original[:, :, ::-1].copy(), "rivaGan")[:, :, ::-1]
    assert np.abs(shown.astype(int) - expected).max() <= 1
    found = read_mark(saved(shown, "JPEG", quality=75), network=True)
    assert found.found
    assert found.method == "rivaGan"
    assert not any(read_mark(picture(seed), network=True).found for seed in range(20, 24))
