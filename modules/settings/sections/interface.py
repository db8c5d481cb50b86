"""How the page behaves."""

from dataclasses import dataclass

from modules.param import param


@dataclass(frozen=True, kw_only=True)
class Interface:
    """Previews, sounds and the result panel."""

    previews: bool = param(True, "Live previews", setting="live_previews_enable")
    preview_interval_ms: int = param(
        1000,
        "Milliseconds between previews",
        setting="live_preview_refresh_period",
        minimum=50,
        maximum=60_000,
    )
    show_grid: bool = param(True, "Show the grid with the results", setting="return_grid")
    sound: bool = param(True, "Sound when a job is done", setting="notification_audio")
    volume: int = param(
        100,
        "Volume of the sound in percent",
        setting="notification_volume",
        minimum=0,
        maximum=100,
        step=1,
    )
