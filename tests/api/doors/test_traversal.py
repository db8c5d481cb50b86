"""Names that try to be paths, on every route with a name: nothing from outside comes back."""

import asyncio
import itertools
import json
import re

import pytest

from modules.engine.fake import FakeEngine
from modules.service.app import build_app
from modules.settings.launch import Launch
from tests.api.doors.direct import ask, routes_of
from tests.ui.conftest import with_page

CANARY = "the canary sings"
STEPS = (
    "../", "..\\", "..%2f", "..%5c", "%2e%2e/", "%2e%2e%2f", "..%252f", "..;/", "....//",
    "..%c0%af", "..%ef%bc%8f", ".%2e/", "..%00/", "/../", "./.././", "%252e%252e/",
)  # fmt: skip
TARGETS = ("secret.txt", "outside/secret.txt", "etc/passwd", "easel.db", "users.json")
DEPTHS = (1, 3, 8)
WHOLE = (
    "{root}/secret.txt", "/{root}/secret.txt", "file://{root}/secret.txt", "/etc/passwd",
    "//etc/passwd", "%2fetc%2fpasswd", "/proc/self/environ", "/proc/self/cmdline",
    "C:/Windows/win.ini", "C:\\Windows\\win.ini", "\\\\evil.test\\share\\x", "//evil.test/share/x",
    "CON", "NUL.png", "COM1", "secret.txt::$DATA", "secret.txt.", "secret.txt%20",
    "SECRET~1.TXT", "~/secret.txt", "~root/.ssh/id_rsa", "secret.txt%00.png", "x/%00",
    "%00", ".", "..", "...", "-",
    "--help", "$HOME/x", "${{HOME}}", "%HOME%", "`id`", "|id", "'; DROP TABLE jobs; --",
    "*", "?", "x?y=../z",
    "\u2025/\u2025/etc/passwd", "%u002e%u002e/etc/passwd", "data/../../secret.txt",
    "http://127.0.0.1:1/secret.txt", "gopher://127.0.0.1/x", "users.json", "config.json",
    "easel.db", "../easel.db", "../users.json", "../config.json", "webui.py",
    "../modules/version.py", "{data}/users.json", "{data}/config.json", "{data}/easel.db",
    "{root}/data/../secret.txt", "{root}//secret.txt", "{root}/./secret.txt",
)  # fmt: skip
TOLD = re.compile(rb"the canary sings|root:.*:0:0:|argon2id|SQLite format 3|VERSION =|PATH=/")
"""What only files hold that no route may return."""


def corpus(root):
    """About 300 names."""
    climbs = (
        step * depth + target for step, depth, target in itertools.product(STEPS, DEPTHS, TARGETS)
    )
    whole = (text.format(root=root, data=f"{root}/data") for text in WHOLE)
    return [*climbs, *whole]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    (place / "outside").mkdir()
    (place / "data").mkdir()
    for file in ("secret.txt", "outside/secret.txt", "data/config.json.bak"):
        (place / file).write_text(CANARY, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def api(place):
    launch = Launch(data_dir=str(place / "data"))
    app = build_app(launch.paths(), launch, FakeEngine())
    yield with_page(app)
    app.close()


def outside(place):
    return {str(path) for path in place.rglob("*") if place / "data" not in path.parents}


async def try_names(api, names):
    """Put names into every address that has one; `names(number)` are those for one route."""
    tried, told = 0, []
    templates = sorted({one for one in routes_of(api) if "{" in one[1] or one[1].endswith("/x")})
    for number, (method, path) in enumerate(templates):
        if "heartbeat" in path:  # an endless stream, whatever the name
            continue
        for name in names(number):
            first = re.sub(r"\{[^}]*\}|x$", lambda _, name=name: name, path, count=1)
            target = re.sub(r"\{[^}]*\}", "x", first).replace(" ", "%20")
            answer = await ask(api, method, target)
            tried += 1
            if TOLD.search(answer.body):
                told.append((method, target))
    return tried, told


def test_no_name_in_an_address_leads_outside(api, place):
    names, before = corpus(place), outside(place)
    tried, told = asyncio.run(try_names(api, lambda number: names[number % 20 :: 20]))
    assert told == []
    assert outside(place) == before
    assert tried >= 300


@pytest.mark.slow
def test_no_name_of_all_in_any_address_leads_outside(api, place):
    names, before = corpus(place), outside(place)
    assert len(names) >= 290
    tried, told = asyncio.run(try_names(api, lambda number: names))
    assert told == []
    assert outside(place) == before
    assert tried >= 20 * len(names)
    print(f"{tried} addresses with {len(names)} names, nothing told")


FIELDS = {
    "/sdapi/v1/options": lambda name: {"sd_model_checkpoint": name},
    "/sdapi/v1/txt2img": lambda name: {
        "override_settings": {"sd_model_checkpoint": name},
        "refiner_checkpoint": name,
        "styles": [name],
        "steps": 1,
        "width": 64,
        "height": 64,
    },
    "/sdapi/v1/png-info": lambda name: {"image": name},
    "/sdapi/v1/img2img": lambda name: {"init_images": [name], "mask": name},
    "/internal/progress": lambda name: {"id_task": name},
    "/api/v1/images/read": lambda name: {"image": name},
    "/api/v1/jobs": lambda name: {"request": {"models": {"checkpoint": name}}},
    "/api/v1/tokens": lambda name: {"text": name},
}


def test_no_name_in_a_body_leads_outside(api, place):
    names = corpus(place)[::11]
    before = outside(place)

    async def work():
        told, broke = [], []
        for path, make in FIELDS.items():
            for name in names:
                body = json.dumps(make(name)).encode()
                headers = {"content-type": "application/json", "content-length": str(len(body))}
                answer = await ask(api, "POST", path, headers, body)
                if TOLD.search(answer.body):
                    told.append((path, name))
                if answer.status >= 500 and "sdapi" not in path:
                    broke.append((path, name, answer.body))
        return told, broke

    told, broke = asyncio.run(work())
    assert told == []
    assert broke == []
    assert outside(place) == before
