"""Lay out pieces of the page in tests."""

import asyncio
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest


@pytest.fixture(scope="session")
def lay_out() -> Callable[[Callable[[], Any]], Any]:
    """Run a function inside a page and return its answer.

    Inside a running event loop: without one Gradio makes several and never closes them.
    """

    def run(place: Callable[[], Any]) -> Any:
        async def inside() -> Any:
            with gr.Blocks(analytics_enabled=False):
                return place()

        return asyncio.run(inside())

    return run
