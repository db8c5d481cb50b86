"""The Help tab: a page to get started, kept beside the scripts it describes."""

from pathlib import Path

import gradio as gr

TEXT = Path(__file__).parent.parent / "assets" / "help.html"


def lay_out() -> None:
    """Place the text."""
    gr.HTML(
        TEXT.read_text(encoding="utf-8"),
        padding=False,
        apply_default_css=False,
        elem_id="easel_help",
    )
