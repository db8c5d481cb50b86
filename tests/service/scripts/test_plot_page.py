"""The page beside a plot: whole in itself, and no text can break out of it."""

import json
import re

from PIL import Image

from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size
from modules.schema.script_call import ScriptCall
from modules.service.scripts.plot_page import PageCell, PlotPage
from tests.service.test_app import make_app, wait

EVIL = "</script><script>alert(1)</script><!-- \u2028 \"' & é"


def plot_in(page: bytes) -> dict:
    found = re.search(r'<script type="application/json" id="plot">(.*?)</script>', page.decode())
    return json.loads(found[1])


def test_texts_stay_texts_and_empty_cells_have_no_picture():
    cells = [
        PageCell(place=(0, 0, 0), picture=lambda: Image.new("RGB", (2000, 1000)), recipe=EVIL),
        PageCell(place=(1, 0, 0), picture=lambda: None),
    ]
    page = PlotPage(title="Plot", x=[EVIL, "b"], y=[""], z=[""], cells=cells).html()
    assert page.count(b"</script>") == 2
    plot = plot_in(page)
    assert plot["x"][0] == EVIL.replace("\u2028", " ")
    assert plot["cells"][0]["image"].startswith("data:image/webp;base64,")
    assert plot["cells"][1]["image"] == ""
    assert re.findall(rb"https?://[^\s\"'<]+", page) == []


def test_a_plot_leaves_its_page_beside_its_file(tmp_path):
    app = make_app(tmp_path)
    try:
        args = {"x_type": "Steps", "x_values": "1,2", "y_type": "Seed", "y_values": "5,6,7"}
        request = GenerationRequest(
            prompt="a <b>",
            seeds=Seeds(seed=1),
            size=Size(width=16, height=16),
            sampling=Sampling(steps=1),
            batch=Batch(),
            script=ScriptCall(name="X/Y/Z plot", args=args),
        )
        snapshot = wait(app, app.submit(request))
        (grid,) = [image for image in snapshot.images if image.kind == "grid"]
        plot = plot_in(app.image_file(grid.id).with_suffix(".html").read_bytes())
    finally:
        app.close()
    assert plot["x"] == ["Steps: 1", "Steps: 2"]
    assert plot["y"] == ["Seed: 5", "Seed: 6", "Seed: 7"]
    assert len(plot["cells"]) == 6
    assert all("a <b>" in cell["recipe"] and cell["image"] for cell in plot["cells"])
