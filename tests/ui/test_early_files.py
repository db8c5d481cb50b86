"""The page's files: whole, kept for good, and named in the page that asked for them before."""

import asyncio
import json

import httpx
import pytest

from modules.ui.early_files import OPENING_S, EarlyFiles, QuickFiles, links, read_names

HTML = b"<html><head><title>x</title></head></html>"


def ask(application, *paths, headers=None):
    """Answers of an application to requests one after the other."""

    async def asking():
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return [await client.get(path, headers=headers) for path in paths]

    return asyncio.run(asking())


async def page(scope, receive, send):
    """A page at "/", a script anywhere else but where nothing is."""
    found = scope["path"] != "/assets/none.js"
    kind, body = (b"text/html", HTML) if scope["path"] == "/" else (b"text/javascript", b"1;")
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    status = 200 if found else 404
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "files" / "deep").mkdir(parents=True)
    (tmp_path / "files" / "a.js").write_bytes(b"let a;")
    (tmp_path / "files" / "deep" / "b.css").write_bytes(b"b {}")
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path / "files"


def test_files_come_whole_by_their_kind_and_may_be_kept_for_good(folder):
    for _ in range(2):  # read, then remembered
        script, sheet = ask(QuickFiles(folder), "/a.js", "/deep/b.css")
        assert (script.status_code, script.content) == (200, b"let a;")
        assert script.headers["content-type"].startswith("text/javascript")
        assert "immutable" in script.headers["cache-control"]
        assert (sheet.content, sheet.headers["content-length"]) == (b"b {}", "4")


@pytest.mark.parametrize("path", ["/none.js", "/", "/deep", "/%2e%2e/secret.txt", "/a%00b.js"])
def test_nothing_but_files_of_the_folder_is_given_out(folder, path):
    (answer,) = ask(QuickFiles(folder), path)
    assert answer.status_code == 404
    assert "cache-control" not in answer.headers


def test_a_page_names_what_it_asked_for_before(tmp_path):
    files = EarlyFiles(page, tmp_path / "names.json", "1")
    first, *_, second = ask(
        files, "/", "/assets/x.js", "/easel/y.css", "/assets/none.js", "/api/z", "/"
    )
    assert first.content == HTML
    assert '<link rel="modulepreload" href="./assets/x.js">' in second.text
    assert '<link rel="preload" as="style" href="./easel/y.css">' in second.text
    assert "none.js" not in second.text and "/api/z" not in second.text
    assert int(second.headers["content-length"]) == len(second.content)


def test_what_is_asked_for_later_is_not_of_the_page(tmp_path):
    now = [0.0]
    files = EarlyFiles(page, tmp_path / "names.json", "1", clock=lambda: now[0])
    ask(files, "/", "/assets/x.js")
    now[0] = OPENING_S + 1
    ask(files, "/assets/late.js")
    (again,) = ask(files, "/")
    assert "x.js" in again.text and "late.js" not in again.text


def test_names_are_kept_for_the_same_program_alone(tmp_path):
    file = tmp_path / "cache" / "names.json"
    files = EarlyFiles(page, file, "1")
    ask(files, "/", "/assets/x.js")
    files._save()
    assert read_names(file, "1") == {"/assets/x.js": None}
    assert read_names(file, "2") == {}
    (early,) = ask(EarlyFiles(page, file, "1"), "/")
    assert "x.js" in early.text


@pytest.mark.parametrize("text", ["", "[]", '{"mark": "1"}', '{"mark": "1", "names": 3}'])
def test_a_damaged_list_is_none(tmp_path, text):
    file = tmp_path / "names.json"
    file.write_text(text)
    assert read_names(file, "1") == {}


def test_no_name_can_break_out_of_the_page(tmp_path):
    file = tmp_path / "names.json"
    names = ['/assets/"><script>.js', "https://example.org/x.js", "/assets/good.js"]
    file.write_text(json.dumps({"mark": "1", "names": names}))
    assert links(read_names(file, "1")) == '<link rel="modulepreload" href="./assets/good.js">'
