"""Other programs are driven by the protocols they publish."""

import itertools
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from benchmarks.suite.others import A1111, Absent, ComfyUI, StableDiffusionCpp
from benchmarks.suite.parts.beside import beside
from benchmarks.suite.wish import Wish
from tests.conftest import Served

FAKE = Path("fake.safetensors")


class Comfy(BaseHTTPRequestHandler):
    """A server that speaks ComfyUI's protocol: an order takes two looks, pictures lie in /view."""

    numbers = itertools.count(1)

    def do_GET(self):
        path, server = urlsplit(self.path), self.server
        if path.path == "/object_info/CheckpointLoaderSimple":
            names = {"required": {"ckpt_name": [["other.ckpt", FAKE.name], {}]}}
            self.answer({"CheckpointLoaderSimple": {"input": names}})
        elif path.path.startswith("/history/"):
            order = path.path.rpartition("/")[2]
            server.looks[order] += 1
            images = [{"filename": "a.png", "subfolder": "s", "type": "output"}]
            made = {"outputs": {"7": {"images": images}}} if server.makes else {"outputs": {}}
            self.answer({order: made} if server.looks[order] > 1 else {})
        elif path.path == "/view":
            asked = {key: values[0] for key, values in parse_qs(path.query).items()}
            assert asked == {"filename": "a.png", "subfolder": "s", "type": "output"}
            self.answer("pixels")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        order = str(next(self.numbers))
        self.server.graphs.append(body["prompt"])
        self.server.looks[order] = 0
        self.answer({"prompt_id": order})

    def answer(self, data):
        content = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def comfy() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Comfy)
    server.graphs, server.looks, server.makes = [], {}, True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def address(server):
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_comfyui_gets_a_graph_in_which_every_input_leads_to_a_node(comfy):
    other = ComfyUI(address(comfy), FAKE)
    assert other.draw(256, 4, 7) > 0
    [graph] = comfy.graphs
    kinds = {key: node["class_type"] for key, node in graph.items()}
    sampler = next(node["inputs"] for node in graph.values() if node["class_type"] == "KSampler")
    assert sampler["seed"] == 7 and sampler["steps"] == 4
    assert kinds[sampler["latent_image"][0]] == "EmptyLatentImage"
    links = [
        value[0] for node in graph.values() for value in node["inputs"].values()
        if isinstance(value, list)
    ]  # fmt: skip
    assert set(links) <= set(graph)
    assert comfy.looks == {order: 2 for order in comfy.looks}


def test_comfyui_that_made_nothing_is_told_of(comfy):
    comfy.makes = False
    with pytest.raises(Absent, match="ComfyUI made no picture"):
        ComfyUI(address(comfy), FAKE).draw(256, 4, 7)


def test_comfyui_must_have_the_checkpoint(comfy):
    with pytest.raises(Absent, match=r"ComfyUI has no checkpoint b\.ckpt; copy or link it there"):
        ComfyUI(address(comfy), Path("b.ckpt"))


def test_a1111s_protocol_is_the_one_our_own_server_speaks(server: Served):
    assert A1111(server.url, FAKE).draw(64, 2, 5) > 0
    newest = server.app.jobs(1)[0]
    assert newest.task.sampling.steps == 2
    assert newest.task.seeds.seed == 5
    assert newest.task.models.checkpoint.startswith(FAKE.name)
    with pytest.raises(Absent, match="A1111 has no checkpoint"):
        A1111(server.url, Path("b.ckpt"))


def test_a_program_that_is_not_there_is_told_of_with_its_address():
    with pytest.raises(Absent, match=r"A1111 does not answer at http://127\.0\.0\.1:9"):
        A1111("http://127.0.0.1:9", FAKE)


def command(folder: Path, *lines: str) -> str:
    path = folder / "sd"
    path.write_text("\n".join([f"#!{sys.executable}", "import sys", *lines]), encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_stable_diffusion_cpp_says_itself_how_long_it_took(tmp_path):
    path = command(
        tmp_path,
        "words = dict(zip(sys.argv[1::2], sys.argv[2::2]))",
        "assert words['-W'] == '256' and words['--steps'] == '4' and words['-s'] == '7'",
        "assert words['--sampling-method'] == 'euler' and words['-m'] == 'fake.safetensors'",
        "print('[INFO ] stable-diffusion.cpp:1 - generate_image completed in 12.34s')",
    )
    assert StableDiffusionCpp(path, FAKE).draw(256, 4, 7) == 12.34


def test_stable_diffusion_cpp_that_fails_is_told_of(tmp_path):
    path = command(tmp_path, "sys.exit('no such model')")
    with pytest.raises(Absent, match=r"ended with 1: no such model"):
        StableDiffusionCpp(path, FAKE).draw(256, 4, 7)
    with pytest.raises(Absent, match="no command 'nowhere/sd'"):
        StableDiffusionCpp("nowhere/sd", FAKE)


def test_the_table_says_how_to_ask_for_every_program(tmp_path):
    figures = list(beside(Wish(folder=tmp_path)))
    assert [(one.name, one.value) for one in figures] == [
        ("A1111", None),
        ("ComfyUI", None),
        ("stable-diffusion.cpp", None),
    ]
    assert "--comfyui takes an address" in figures[1].how
    [asked] = [
        one for one in beside(Wish(folder=tmp_path, others={"sdcpp": "x"})) if one.name[0] == "s"
    ]
    assert asked.how == "--checkpoint names the file that both programs have"
