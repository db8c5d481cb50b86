"""The Models tab: a card for every model file."""

from modules.ui.parts.page_part import page_part


def lay_out() -> None:
    """Place the browser; `assets/models.js` fills it and loads more while scrolling."""
    page_part("<easel-models></easel-models>")
