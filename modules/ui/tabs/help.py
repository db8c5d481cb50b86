"""The Help tab: a page to get started, kept beside the scripts it describes."""

from pathlib import Path

from modules.ui.parts.page_part import page_part

TEXT = Path(__file__).parent.parent / "assets" / "help.html"


def lay_out() -> None:
    """Place the text."""
    page_part(
        f"<easel-help>{TEXT.read_text(encoding='utf-8')}</easel-help>",
        elem_id="easel_help",
    )
