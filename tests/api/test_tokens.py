"""The token counter over HTTP counts what will be drawn with."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.settings.launch import Launch
from tests.conftest import GOLDEN, Served, serve


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data: Path = tmp_path_factory.mktemp("counting")
    shutil.copytree(GOLDEN / "data" / "embeddings", data / "embeddings")
    yield from serve(data, launch=Launch(data_dir=str(data)))


@pytest.mark.parametrize(
    ("body", "count", "limit"),
    [
        ({"text": "a photo of tinyemb, ptemb"}, 9, 75),
        ({"text": "a photo of tinyemb", "negative": True}, 6, 75),
        ({"text": "bad-tiny_neg " * 10}, 83, 150),  # the tenth begins a chunk
        ({"text": "{{cat}}", "syntax": "NovelAI"}, 1, 75),
    ],
)
def test_embeddings_and_syntax_count(
    counting: Served, body: dict[str, object], count: int, limit: int
) -> None:
    answer = counting.client.post("/api/v1/tokens", json=body)
    assert answer.json() == {"count": count, "limit": limit}
