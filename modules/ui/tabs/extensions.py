"""The Extensions tab: what is installed, what is wrong with it, and how to get more."""

from modules.ui.parts.page_part import page_part


def lay_out() -> None:
    """Place the list; `assets/extensions.js` fills it."""
    page_part("<easel-extensions></easel-extensions>")
