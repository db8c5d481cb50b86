"""Files say where they come from, as loudly as the owner wants, in every format."""

import io
import sys
from xml.etree import ElementTree

import pytest
from PIL import Image

from modules.engine.fake import FakeEngine
from modules.schema.inputs import ImageData, Img2Img
from modules.schema.request import GenerationRequest, Sampling, Size
from modules.service.app import App, build_app
from modules.service.credentials import is_available, may_have_manifest, read_manifest
from modules.service.formats import FORMATS, XMP_KEY, encode
from modules.service.provenance import (
    COMPOSITE,
    ENHANCED,
    TRAINED,
    inside,
    source_after,
    source_in,
    xmp_packet,
)
from modules.service.read_picture import read_infotext_from, read_texts
from modules.settings.launch import Launch
from modules.settings.sections.recipe import Recipe
from modules.settings.settings import Settings

PICTURE = ImageData(32, 32, "RGB", bytes(range(256)) * 12)
RECIPE = "a cat\nSteps: 5, Seed: 1"


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_holds_recipe_and_packet_side_by_side(kind: str) -> None:
    encoded = encode(PICTURE, RECIPE, kind, xmp=xmp_packet(TRAINED))
    assert encoded.suffix == f".{kind}"
    assert source_in(encoded.data) == TRAINED
    assert read_infotext_from(encoded.data) == RECIPE
    with Image.open(io.BytesIO(encoded.data)) as picture:
        packet = picture.info.get("xmp") or picture.info[XMP_KEY].encode()
    [[about]] = ElementTree.fromstring(packet.strip())
    values = {key.partition("}")[2]: value for key, value in about.attrib.items()}
    assert values["DigitalSourceType"].endswith(TRAINED)
    assert values["CreatorTool"].startswith("Easel")


@pytest.mark.parametrize(
    ("level", "recipe", "source"),
    [("full", RECIPE, TRAINED), ("shareable", "", TRAINED), ("private", "", "")],
)
def test_levels_tell_everything_only_the_source_or_nothing(
    level: str, recipe: str, source: str
) -> None:
    told = inside(Settings(recipe=Recipe(level=level)), RECIPE, TRAINED)
    content = encode(PICTURE, told.infotext, "png", xmp=told.xmp).data
    assert (read_infotext_from(content), source_in(content)) == (recipe, source)
    if level == "private":
        assert read_texts(content) == {}
        assert content == encode(PICTURE, "", "png").data


@pytest.fixture
def app(tmp_path):
    launch = Launch(data_dir=str(tmp_path))
    made = build_app(launch.paths(), launch, FakeEngine())
    yield made
    made.close()


def draw(app: App, **parts) -> bytes:
    request = GenerationRequest(
        prompt="secret", sampling=Sampling(steps=1), size=Size(width=32, height=32), **parts
    )
    job = app.submit(request)
    for _ in app.follow(job.id, timeout=30):
        pass
    return app.image_file(app.snapshot(job.id).images[0].id).read_bytes()


def test_saved_pictures_say_whether_they_began_with_another(app):
    assert source_in(draw(app)) == TRAINED
    assert source_in(draw(app, img2img=Img2Img(images=(PICTURE,)))) == COMPOSITE
    app.set_options({"digital_source_type": False})
    assert source_in(draw(app)) == ""


def test_at_the_other_levels_the_gallery_alone_knows_the_prompt(app):
    for level in ("shareable", "private"):
        app.set_options({"metadata_level": level})
        assert b"secret" not in draw(app)
        assert "secret" in app.images(1)[0].infotext


def test_what_is_made_of_a_picture_keeps_where_that_came_from():
    drawn = encode(PICTURE, "", "jpg", xmp=xmp_packet(COMPOSITE)).data
    assert source_after(drawn, RECIPE, enhanced=True) == COMPOSITE
    photo = encode(PICTURE, "", "jpg").data
    assert source_after(photo, RECIPE, enhanced=True) == TRAINED
    assert source_after(photo, "", enhanced=True) == ENHANCED
    assert source_after(photo, "", enhanced=False) == ""


def test_without_the_library_pictures_are_saved_unsigned(app, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    app.set_options({"sign_pictures": True})
    assert not may_have_manifest(draw(app))
    assert "without a signature" in caplog.text


@pytest.mark.skipif(not is_available(), reason="c2pa-python is not installed")
def test_saved_pictures_are_signed_if_the_owner_wants_that(app):
    app.set_options({"sign_pictures": True})
    content = draw(app)
    found = read_manifest(content, "image/png")
    assert found is not None
    assert (found.by, found.state) == ("Easel local signer", "Valid")
    assert "secret" in read_infotext_from(content)
    app.set_options({"metadata_level": "private"})
    assert not may_have_manifest(draw(app))
