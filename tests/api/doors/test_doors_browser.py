"""A real Chromium: our page lives under its rules, and pages elsewhere get nothing done."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from modules.engine.fake import FakeEngine
from modules.service.users import Users
from modules.settings.launch import Launch
from tests.conftest import serve
from tests.ui.conftest import with_page

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

PATIENCE_MS = 150_000
pytestmark = pytest.mark.browser

ATTACKS = """async (target) => {
    const host = new URL(target).host, port = new URL(target).port;
    const hosts = [host, `localhost:${port}`, `127.0.0.2:${port}`, `[::1]:${port}`, `127.1:${port}`,
                   `localhost.:${port}`, `0.0.0.0:${port}`, `2130706433:${port}`];
    const routes = ["sdapi/v1/options", "sdapi/v1/txt2img", "sdapi/v1/interrupt", "api/v1/jobs",
                    "login", "gradio_api/run/predict", "gradio_api/upload"];
    const body = JSON.stringify({ samples_format: "jpg", prompt: "evil", request: {} });
    let tried = 0;
    const read = [];
    const attempt = async (name, work) => {
        tried++;
        try {
            const text = await Promise.race([work(), new Promise((no) => setTimeout(no, 4000))]);
            if (text) read.push(`${name}: ${text.slice(0, 80)}`);
        } catch { /* refused, as it should be */ }
    };
    const fetched = (url, options) => async () => {
        const answer = await fetch(url, options);
        return answer.type === "opaque" ? "" : answer.text();
    };
    for (const one of hosts) for (const route of routes) {
        const url = `http://${one}/${route}`, name = `${one}/${route}`;
        await Promise.all([
            attempt(`GET ${name}`, fetched(url, {})),
            attempt(`POST ${name}`, fetched(url, { method: "POST", body })),
            attempt(`no-cors ${name}`, fetched(url, { method: "POST", mode: "no-cors", body,
                    credentials: "include", headers: { "content-type": "text/plain" } })),
            attempt(`json ${name}`, fetched(url, { method: "POST", body, credentials: "include",
                    headers: { "content-type": "application/json" } })),
            attempt(`beacon ${name}`, async () => { navigator.sendBeacon(url, body); return ""; }),
        ]);
    }
    const load = (tag, set) => () => new Promise((yes) => {
        const node = document.createElement(tag);
        node.onload = () => yes(tag === "iframe" ? "" : "loaded");
        node.onerror = () => yes("");
        set(node);
        document.body.append(node);
    });
    for (const route of ["openapi.json", "sdapi/v1/options", "sdapi/v1/interrupt", "config", ""]) {
        const url = `${target}/${route}`;
        await attempt(`image ${route}`, load("img", (node) => { node.src = url; }));
        await attempt(`script ${route}`, load("script", (node) => { node.src = url; }));
        await attempt(`style ${route}`, load("link", (node) => {
            node.rel = "stylesheet";
            node.href = url;
        }));
        await attempt(`frame ${route}`, load("iframe", (node) => { node.src = url; }));
    }
    await attempt("events", () => new Promise((yes) => {
        const source = new EventSource(`${target}/api/v1/events`);
        source.onmessage = source.onopen = () => { source.close(); yes("open"); };
        source.onerror = () => { source.close(); yes(""); };
    }));
    await attempt("socket", () => new Promise((yes) => {
        const socket = new WebSocket(`${target.replace("http", "ws")}/gradio_api/queue/join`);
        socket.onopen = () => yes("open");
        socket.onerror = () => yes("");
    }));
    for (const kind of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
        for (const sandbox of [null, "allow-forms allow-scripts"]) for (const route of routes) {
            tried++;
            const frame = document.createElement("iframe");
            if (sandbox) frame.sandbox = sandbox;
            frame.srcdoc = `<form method="post" enctype="${kind}" action="${target}/${route}">` +
                `<input name='{"samples_format":"jpg","x":"' value='"}'></form>` +
                `<script>document.forms[0].submit()<\\/script>`.replace("\\\\/", "/");
            document.body.append(frame);
        }
    }
    await new Promise((yes) => setTimeout(yes, 3000));
    return { tried, read };
}"""


@pytest.fixture(scope="module")
def chromium(start_browser):
    browser = start_browser("--host-resolver-rules=MAP evil.test 127.0.0.1")
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    data = tmp_path_factory.mktemp("attacked")
    launch = Launch(data_dir=str(data))
    yield from serve(data, FakeEngine(step_s=0.01), launch, make=with_page)


class Empty(BaseHTTPRequestHandler):
    """An attacker's site: an empty page."""

    def do_GET(self):
        """Answer anything."""
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><body>free prizes</body>")

    def log_message(self, *_):
        """Stay quiet."""


@pytest.fixture(scope="module")
def evil():
    """Addresses of an attacker's site: another site, and another port of this computer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield [f"http://{name}:{server.server_port}/" for name in ("evil.test", "127.0.0.1")]
    server.shutdown()
    server.server_close()
    thread.join(5)


def state(served):
    return served.app.settings.options(), [job.id for job in served.app.jobs()]


def open_page(context, url):
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    expect(page.locator("#txt2img_generate")).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_function("window.easel && window.easel.state.online")
    return page


def test_our_page_works_under_its_own_rules(chromium, served):
    context = chromium.new_context()
    said = []
    context.on("console", lambda message: said.append(message.text))
    page = open_page(context, served.url)
    page.locator("#txt2img_generate").click()
    page.wait_for_function("document.querySelector('#easel_results img, .easel-results img, img')")
    for _ in range(1000):
        if served.app.jobs() and served.app.jobs()[0].status == "finished":
            break
        page.wait_for_timeout(50)
    assert served.app.jobs()[0].status == "finished"
    blocked = [text for text in said if "Content Security Policy" in text]
    assert [text for text in blocked if "cdnjs" not in text] == []
    [cookie] = [one for one in context.cookies() if one["name"].startswith("easel_page_")]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    context.close()


def test_pages_elsewhere_get_nothing_done(chromium, served, evil):
    context = chromium.new_context()
    open_page(context, served.url)  # the victim has our page open, with its cookie
    before, tried = state(served), 0
    for address in evil:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        found = page.evaluate(ATTACKS, served.url)
        assert found["read"] == []
        tried += found["tried"]
        page.close()
    rebound = context.new_page()
    port = served.url.rpartition(":")[2]
    answer = rebound.goto(f"http://evil.test:{port}/sdapi/v1/options")
    assert answer.status == 421
    assert tried >= 150
    assert state(served) == before
    context.close()
    print(json.dumps({"attempts": tried, "effects": 0}))


def test_people_log_in_and_draw(chromium, tmp_path):
    Users(tmp_path / "users.json").add("anna", "right horse")
    launch = Launch(data_dir=str(tmp_path))
    for served in serve(tmp_path, FakeEngine(step_s=0.01), launch, make=with_page):
        context = chromium.new_context()
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(served.url)
        assert page.url.endswith("/login")
        page.get_by_label("Name").fill("anna")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button").click()
        expect(page.get_by_role("alert")).to_contain_text("Incorrect")
        page.get_by_label("Name").fill("anna")
        page.get_by_label("Password").fill("right horse")
        page.get_by_role("button").click()
        expect(page.locator("#txt2img_generate")).to_be_visible(timeout=PATIENCE_MS)
        page.wait_for_function("window.easel && window.easel.state.online")
        page.locator("#txt2img_generate").click()
        for _ in range(1000):
            if served.app.jobs() and served.app.jobs()[0].status == "finished":
                break
            page.wait_for_timeout(50)
        assert served.app.jobs()[0].person == "anna"
        context.close()
