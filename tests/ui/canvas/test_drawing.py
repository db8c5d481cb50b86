"""Masks, colour and frame: real pointer and key events in, picture files out."""

import base64

import numpy as np
import pytest
from PIL import Image

from tests.ui.canvas.conftest import HEIGHT, WIDTH, Desk, gradient, png

pytestmark = pytest.mark.browser


def test_a_painted_stroke_is_white_in_the_mask_and_nothing_else_is(desk: Desk):
    desk.settings(size=20, hardness=1)
    desk.drag((60, 100), (240, 100))
    mask = desk.mask()
    assert mask.shape == (HEIGHT, WIDTH)
    assert (mask[92:108, 60:240] == 255).all()  # well inside the 20 pixels
    mask = mask.copy()
    mask[88:112, 48:252] = 0  # with the round ends and one pixel of edge
    assert (mask == 0).all()
    assert desk.js("canvas.hasMask()")


def test_a_stroke_that_crosses_itself_stays_as_soft_as_the_brush(desk: Desk):
    desk.settings(size=60, hardness=0)
    desk.drag((60, 100), (260, 100))
    once = desk.mask()[:, 160]
    desk.js("canvas.undo()")
    desk.drag((60, 100), (260, 100), (60, 100), (260, 100))
    assert np.abs(desk.mask()[:, 160].astype(int) - once).max() <= 1
    assert np.unique(once).size > 20  # and soft it is
    assert once[100] >= 250


def test_undo_and_redo_travel_through_exact_masks(desk: Desk):
    desk.settings(size=14)
    seen = [desk.mask()]
    for step in range(4):
        desk.drag((40 + 50 * step, 40), (60 + 50 * step, 150))
        seen.append(desk.mask())
    for earlier in reversed(seen[:-1]):
        desk.page.keyboard.press("Control+z")
        assert (desk.mask() == earlier).all()
    for later in seen[1:]:
        desk.page.keyboard.press("Control+Shift+z")
        assert (desk.mask() == later).all()


def test_fifty_steps_can_be_taken_back_and_no_more(desk: Desk):
    desk.settings(size=4)
    for step in range(55):
        desk.js(
            """step => {
                canvas.document.change("mask", "dot", (edit) => {
                    edit.touch("0,0").tile.data[step] = 255;
                    return null;
                });
            }""",
            step,
        )
    for _ in range(60):
        desk.js("canvas.undo()")
    assert (desk.mask()[0, :55] == 255).sum() == 5


def test_the_eraser_takes_the_mask_away(desk: Desk):
    desk.js("canvas.document.fillMask()")
    assert (desk.mask() == 255).all()
    desk.page.keyboard.press("e")
    desk.settings(size=30, hardness=1)
    desk.drag((100, 20), (100, 180))
    mask = desk.mask()
    assert (mask[20:180, 88:112] == 0).all()
    assert (mask[:, 120:] == 255).all()


def test_a_lasso_fills_its_inside_and_with_alt_takes_it_away(desk: Desk):
    desk.page.keyboard.press("l")
    desk.drag((40, 20), (300, 20), (300, 180), (40, 180))  # crosses tiles at x = 256
    mask = desk.mask()
    assert (mask[22:178, 42:298] == 255).all()
    assert (mask[:, :38] == 0).all() and (mask[:18] == 0).all()
    desk.page.keyboard.down("Alt")
    desk.drag((100, 60), (200, 60), (200, 140), (100, 140))
    desk.page.keyboard.up("Alt")
    assert (desk.mask()[62:138, 102:198] == 0).all()


def test_a_rectangle_has_sharp_edges_where_the_pointer_was(desk: Desk):
    desk.page.keyboard.press("r")
    desk.drag((250, 30), (290, 90))
    wanted = np.zeros((HEIGHT, WIDTH), np.uint8)
    wanted[30:90, 250:290] = 255
    assert (desk.mask() == wanted).all()


def test_invert_twice_is_where_it_began_and_clear_empties(desk: Desk):
    desk.settings(size=40, hardness=0.3)
    desk.drag((100, 100), (280, 120))
    before = desk.mask()
    desk.page.keyboard.press("Shift+i")
    assert (desk.mask() == 255 - before).all()
    desk.page.keyboard.press("Shift+i")
    assert (desk.mask() == before).all()
    desk.page.keyboard.press("Delete")
    assert not desk.mask().any()
    assert not desk.js("canvas.hasMask()")
    desk.page.keyboard.press("Control+z")
    assert (desk.mask() == before).all()


def test_an_untouched_png_leaves_byte_for_byte_and_paint_changes_only_what_it_covers(desk: Desk):
    original = png(gradient())
    desk.show(original)
    assert desk.bytes("exportInit()") == original
    desk.settings(layer="paint", size=20, hardness=1, color="#ff0000")
    desk.drag((60, 100), (240, 100))
    painted = np.asarray(desk.picture("exportInit()").convert("RGB"))
    assert (painted[94:106, 60:240] == (255, 0, 0)).all()
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[88:112, 48:252] = False
    assert (painted[outside] == np.asarray(gradient())[outside]).all()
    assert desk.picture("exportPaint()").getpixel((10, 10)) == (0, 0, 0, 0)
    assert (desk.mask('exportMask({from: "paint"})')[94:106, 60:240] == 255).all()
    assert not desk.mask().any()
    desk.js('canvas.show("paint", {visible: false})')
    assert desk.bytes("exportInit()") == original  # what is hidden is not sent


def test_half_opaque_paint_mixes_once_with_what_is_below(desk: Desk):
    desk.show(Image.new("RGB", (WIDTH, HEIGHT), "white"))
    desk.settings(layer="paint", size=40, hardness=1, color="#000000", opacity=0.5)
    desk.drag((60, 100), (260, 100), (60, 100))
    assert abs(desk.picture("exportInit()").convert("RGB").getpixel((160, 100))[0] - 128) <= 1


def test_transparency_of_the_picture_is_kept(desk: Desk):
    picture = Image.new("RGBA", (WIDTH, HEIGHT), (10, 200, 30, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 100, HEIGHT))
    desk.show(picture)
    desk.settings(layer="paint", size=20, color="#0000ff")
    desk.drag((200, 100), (260, 100))
    alpha = np.asarray(desk.picture("exportInit()").getchannel("A"))
    assert (alpha[:, :100] == 0).all() and (alpha[:, 100:] == 255).all()


def test_a_frame_dragged_past_the_edge_asks_for_more_picture(desk: Desk):
    assert desk.js("canvas.frame()") == {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT}
    assert not desk.js("canvas.hasFrame()")
    desk.js("canvas.view.zoomAt(0.5)")
    desk.page.keyboard.press("v")
    desk.drag((WIDTH, HEIGHT / 2), (WIDTH + 101, HEIGHT / 2))  # the east handle
    frame = desk.js("canvas.frame()")
    assert frame["x"] == 0 and frame["height"] == HEIGHT
    assert frame["width"] % 8 == 0 and abs(frame["width"] - WIDTH - 101) <= 4
    assert desk.page.locator(".ec-frame-size").inner_text() == f"{frame['width']} × {HEIGHT}"
    init = desk.picture('exportInit({region: "frame"})')
    assert init.size == (frame["width"], HEIGHT)
    assert (np.asarray(init.getchannel("A"))[:, WIDTH:] == 0).all()
    assert (np.asarray(init.convert("RGB"))[:, :WIDTH] == np.asarray(gradient())).all()
    mask = desk.mask('exportMask({region: "frame"})')
    assert (mask[:, WIDTH:] == 255).all()
    seam = 32  # of the picture is drawn anew too, by degrees, where the frame crosses its edge
    assert (mask[:, : WIDTH - seam] == 0).all()
    rise = mask[:, WIDTH - seam - 1 : WIDTH + 1].astype(int)
    assert (rise == rise[0]).all() and (rise[0, 0], rise[0, -1]) == (0, 255)
    assert set(np.diff(rise[0])) <= {7, 8}
    desk.page.keyboard.press("Control+z")
    assert not desk.js("canvas.hasFrame()")


def test_the_frame_moves_as_a_whole_and_by_keys(desk: Desk):
    desk.js("canvas.view.zoomAt(0.5)")
    desk.page.keyboard.press("v")
    desk.drag((100, 100), (60, 148))
    frame = desk.js("canvas.frame()")
    assert (frame["x"], frame["y"]) == (-40, 48)
    desk.page.keyboard.press("ArrowLeft")
    desk.page.keyboard.press("Shift+ArrowDown")
    frame = desk.js("canvas.frame()")
    assert (frame["x"], frame["height"]) == (-48, HEIGHT + 8)
    desk.page.get_by_role("button", name="Match picture").click()
    assert not desk.js("canvas.hasFrame()")


def test_the_mask_of_a_whole_huge_picture_is_kept_without_its_weight(desk: Desk):
    desk.show(Image.new("RGB", (4096, 4096), "grey"))
    desk.js("canvas.document.fillMask()")
    assert desk.js("new Set(canvas.document.mask.tiles.values()).size") == 1
    mask = desk.mask()
    assert mask.shape == (4096, 4096) and (mask == 255).all()


def test_a_mask_file_of_any_size_is_stretched_over_the_picture(desk: Desk):
    half = Image.new("L", (32, 20))
    half.paste(255, (0, 0, 16, 20))
    desk.js("text => canvas.setMask(fileOf(text))", base64.b64encode(png(half)).decode())
    mask = desk.mask()
    assert (mask[:, :150] == 255).all() and (mask[:, 170:] == 0).all()
    desk.js("canvas.undo()")
    assert not desk.js("canvas.hasMask()")
