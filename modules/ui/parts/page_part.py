"""Places on the page that our own scripts fill."""

from typing import Any

import gradio as gr


def page_part(markup: str, **look: Any) -> gr.HTML:
    """Place `markup` as it is, without the margins and text styles Gradio gives to HTML."""
    return gr.HTML(markup, padding=False, apply_default_css=False, **look)
