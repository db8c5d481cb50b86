"""The PNG Info tab: drop a picture, read how it was made."""

from modules.ui.parts.page_part import page_part


def lay_out() -> None:
    """Place the reader; `assets/pnginfo.js` sends the file to the server and shows the answer."""
    page_part("<easel-pnginfo></easel-pnginfo>")
