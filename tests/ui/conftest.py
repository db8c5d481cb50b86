"""Pieces of the page, and whole served pages, for tests."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI

from modules.api.app import make_api
from modules.engine.fake import FakeEngine
from modules.service.app import App
from modules.settings.launch import Launch
from modules.ui.mount import mount_page
from tests.conftest import GOLDEN, Served, serve


def in_a_loop(work: Callable[[], Any]) -> Any:
    """Run `work` inside an event loop in a thread of its own.

    Without a running loop Gradio makes several and never closes them.
    """

    async def inside() -> Any:
        return work()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, inside()).result()


@pytest.fixture(scope="session")
def lay_out() -> Callable[[Callable[[], Any]], Any]:
    """Run a function inside a page and return its answer."""

    def place(work: Callable[[], Any]) -> Any:
        with gr.Blocks(analytics_enabled=False):
            return work()

    return lambda work: in_a_loop(lambda: place(work))


def with_page(app: App) -> FastAPI:
    """Return the whole program: API and page."""
    return in_a_loop(lambda: mount_page(make_api(app), app))


@pytest.fixture(scope="session")
def page_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page over an engine that paints plain colours slowly enough to watch."""
    yield from serve(tmp_path_factory.mktemp("page"), FakeEngine(step_s=0.05), make=with_page)


@pytest.fixture(scope="session")
def drawing_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page that draws with the small reference checkpoint, in a child process."""
    data = tmp_path_factory.mktemp("drawing")
    folder = data / "models" / "Stable-diffusion"
    folder.mkdir(parents=True)
    for name in ("tiny.safetensors", "tiny.yaml"):
        shutil.copy(GOLDEN / "data" / "Stable-diffusion" / name, folder)
    launch = Launch(data_dir=str(data), device="cpu")
    yield from serve(data, launch=launch, make=with_page)
