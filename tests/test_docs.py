"""The manual says what the program does: generated tables are fresh, links lead somewhere."""

import re
import subprocess
from pathlib import Path

import pytest

from modules.cli.documents import TABLE, TABLES, pages, stale_pages

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
TEXTS = [*pages(), *sorted(ROOT.glob("*.md"))]


def test_generated_tables_are_fresh():
    assert [page.name for page in stale_pages()] == [], "python -m tests --fix rewrites them"


def test_every_table_is_on_a_page():
    shown = {name for page in pages() for _, name, _ in TABLE.findall(page.read_text("utf-8"))}
    assert shown == set(TABLES)


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_of_the_manual_can_be_reached_from_the_readme():
    reached, open_pages = set(), [ROOT / "README.md"]
    while open_pages:
        page = open_pages.pop()
        reached.add(page)
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            found = (page.parent / target).resolve()
            if found.suffix == ".md" and found.exists() and found not in reached:
                open_pages.append(found)
    assert [page.name for page in pages() if page.resolve() not in reached] == []


def test_pins_are_exact_and_agree():
    pinned = {}
    for name in ("constraints.txt", "requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            line = line.partition("#")[0].strip()
            if line and not line.startswith("-"):
                package, equals, version = line.partition("==")
                key = package.lower().replace("_", "-")
                assert equals and "+" not in version, f"{name}: {line} is not an exact public pin"
                assert pinned.setdefault(key, version) == version, f"{package} has two versions"


def test_nothing_large_or_private_is_in_the_repository():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("this copy is not a git checkout")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    large = {file.name for file in files if file.exists() and file.stat().st_size > 2_000_000}
    assert large <= {"easel-mini.safetensors", "tiny.safetensors"}
