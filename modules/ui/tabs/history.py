"""The History tab: every finished picture, newest first."""

from modules.ui.parts.page_part import page_part


def lay_out() -> None:
    """Place the gallery; `assets/history.js` fills it and loads more while scrolling."""
    page_part("<easel-history></easel-history>")
