"""Every route there is, asked by strangers: foreign pages, people without a password, users."""

import asyncio
import re
from collections import Counter

import pytest

from modules.api.app import make_api
from modules.api.guard import OPEN_PATHS
from modules.engine.fake import FakeEngine
from modules.service.app import build_app
from modules.service.users import Users
from modules.settings.launch import Launch
from tests.api.doors.direct import ask, routes_of
from tests.ui.conftest import with_page

LOCAL = "127.0.0.1:7860"
FOREIGN = {
    "a form on another site": {"origin": "http://evil.test", "sec-fetch-site": "cross-site"},
    "a sandboxed frame": {"origin": "null", "sec-fetch-site": "cross-site"},
    "an old browser": {"origin": "http://evil.test"},
    "an old browser's sandboxed frame": {"origin": "null"},
    "another port": {"origin": "http://127.0.0.1:9999", "sec-fetch-site": "same-site"},
    "another name of this computer": {"origin": "http://localhost:7860"},
    "https instead": {"origin": "https://evil.test", "sec-fetch-site": "same-origin"},
    "a picture": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    "a frame": {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "iframe",
    },
    "a file on disk": {"origin": "file://", "sec-fetch-site": "cross-site"},
    "an extension": {"origin": "chrome-extension://abcdef", "sec-fetch-site": "cross-site"},
    "a rebound name": {"host": "evil.test:7860"},
    "a rebound name with its page": {
        "host": "evil.test:7860",
        "origin": "http://evil.test:7860",
        "sec-fetch-site": "same-origin",
    },
    "a name that begins like ours": {"host": "localhost.evil.test"},
    "a name that ends like ours": {"host": "evil.test@localhost"},
    "a visitor through a proxy": {"x-forwarded-for": "203.0.113.7"},
}
STRANGERS = {
    "nobody": {},
    "a browser": {"sec-fetch-site": "same-origin", "origin": f"http://{LOCAL}"},
    "a wrong password": {"authorization": "Basic YW5uYTp3cm9uZw=="},
    "half a password": {"authorization": "Basic YW5uYQ=="},
    "nonsense": {"authorization": "Basic %%%"},
    "another scheme": {"authorization": "Bearer anna"},
    "a made-up session": {"cookie": "easel_session_7860=YW5uYQ==.9999999999.00"},
    "a made-up page": {"cookie": "easel_page_7860=x"},
    "who claims to be near": {"x-forwarded-for": "127.0.0.1"},
}
BODIES = (
    ("application/json", b'{"prompt": "effect", "samples_format": "jpg", "request": {}}'),
    ("text/plain", b'{"prompt": "effect", "samples_format": "jpg", "request": {}}'),
    ("application/x-www-form-urlencoded", b"samples_format=jpg&username=anna&password=wrong"),
)


class Spied(FakeEngine):
    """Counts what is done to it."""

    def __init__(self):
        super().__init__()
        self.done = Counter()

    def run(self, *arguments, **options):
        self.done["run"] += 1
        return super().run(*arguments, **options)

    def unload(self):
        self.done["unload"] += 1

    def warm(self, checkpoint):
        self.done["warm"] += 1


class House:
    """A whole program, page included, and what can be seen of it from outside."""

    def __init__(self, folder, make=with_page, **flags):
        self.folder = folder
        self.engine = Spied()
        launch = Launch(data_dir=str(folder), api_server_stop=True, **flags)
        self.app = build_app(launch.paths(), launch, self.engine)
        self.api = make(self.app)
        self.routes = sorted(set(routes_of(self.api)))

    def traces(self):
        """Everything a request could leave behind."""
        files = {
            str(path.relative_to(self.folder)): path.stat().st_size
            for path in self.folder.rglob("*")
            if path.is_file() and not path.name.startswith("easel.db")
        }
        return files, self.app.settings.options(), len(self.app.jobs()), dict(self.engine.done)

    def try_all(self, visitors):
        """Ask every route as every visitor, with all kinds of bodies; return the answers."""

        async def work():
            found = []
            for method, path in self.routes:
                target = re.sub(r"\{[^}]*\}", "x", path)
                for number, (name, headers) in enumerate(visitors.items()):
                    kind, body = BODIES[number % len(BODIES)]
                    given = dict(headers)
                    if method == "POST":
                        given |= {"content-type": kind, "content-length": str(len(body))}
                    answer = await ask(self.api, method, target, given, body)
                    found.append((method, path, name, answer))
            return found

        return asyncio.run(work())


@pytest.fixture
def house(tmp_path):
    built = []

    def build(**flags):
        built.append(House(tmp_path, **flags))
        return built[-1]

    yield build
    for one in built:
        one.app.close()


def test_foreign_pages_and_names_have_no_effect_anywhere(house):
    house = house()
    before = house.traces()
    answers = house.try_all(FOREIGN)
    passed = [tried[:3] for tried in answers if tried[3].status not in (403, 404, 421)]
    assert passed == []
    closed = [tried for tried in answers if tried[3].status == 404]
    assert all("gradio_api" in tried[1] or "monitoring" in tried[1] for tried in closed)
    assert house.traces() == before
    assert len(answers) >= 150
    assert len({route[:2] for route in answers}) == len(house.routes)
    print(f"{len(answers)} attempts on {len(house.routes)} routes, no effect")


def test_without_a_password_there_is_only_the_login(house, tmp_path):
    Users(tmp_path / "users.json").add("anna", "right horse")
    house = house()
    before = house.traces()
    answers = house.try_all(STRANGERS)
    seen = {tried[:2] for tried in answers if tried[3].status not in (401, 403, 404, 429)}
    assert {path for _, path in seen} <= OPEN_PATHS
    leaked = [tried[:3] for tried in answers if "set-cookie" in tried[3].headers]
    assert leaked == []
    assert house.traces() == before
    assert len(answers) >= 150
    print(f"{len(answers)} attempts on {len(house.routes)} routes, no effect")


def test_an_exposed_server_lets_nobody_in_even_if_nobody_has_a_password(house):
    answers = house(make=make_api, listen=True).try_all({"nobody": {}})
    assert {path for _, path, _, answer in answers if answer.status == 200} <= OPEN_PATHS
