"""How the page behaves."""

from dataclasses import dataclass

from modules.param import param


@dataclass(frozen=True, kw_only=True)
class Interface:
    """Previews and the result panel."""

    previews: bool = param(
        True, "Live previews", setting="live_previews_enable", help="From the next start on."
    )
    preview_interval_ms: int = param(
        500,
        "Milliseconds between previews",
        setting="live_preview_refresh_period",
        minimum=50,
        maximum=60_000,
        help="From the next start on.",
    )
    show_grid: bool = param(True, "Show the grid with the results", setting="return_grid")

    @property
    def preview_interval_s(self) -> float | None:
        """Seconds between previews; None for no previews."""
        return self.preview_interval_ms / 1000 if self.previews else None
