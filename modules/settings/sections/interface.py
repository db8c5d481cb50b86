"""How the page behaves."""

from dataclasses import dataclass

from modules.param import param


@dataclass(frozen=True, kw_only=True)
class Interface:
    """Previews, results, menus and keys."""

    language: str = param(
        "Automatic",
        "Language",
        setting="localization",
        choices="languages",
        help="Automatic is the browser's, None is English. Files in localizations/ are listed too.",
    )
    theme: str = param(
        "Automatic",
        "Light or dark",
        setting="theme",
        choices=("Automatic", "light", "dark"),
        help="Automatic is as the system has it.",
    )
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

    hidden_tabs: tuple[str, ...] = param(
        (),
        "Tabs that are not shown",
        setting="hidden_tabs",
        help="By their titles. From the next start on; txt2img and Settings always stay.",
    )
    hidden_samplers: tuple[str, ...] = param(
        (), "Samplers that menus do not show", setting="hide_samplers"
    )
    percent_in_title: bool = param(
        True, "Progress in the window's title", setting="show_progress_in_title"
    )
    send_seed: bool = param(
        True, "Take the seed along when a picture is sent to img2img", setting="send_seed"
    )
    weight_step: float = param(
        0.1,
        "Step of the keys for weights in prompts",
        setting="keyedit_precision_attention",
        minimum=0.01,
        maximum=0.2,
        step=0.001,
    )
    network_step: float = param(
        0.05,
        "The same inside <...>",
        setting="keyedit_precision_extra",
        minimum=0.01,
        maximum=0.2,
        step=0.001,
    )
    quicksettings: tuple[str, ...] = param(
        ("sd_model_checkpoint",),
        "Settings above Advanced",
        setting="quicksettings_list",
        help="By their names, such as sd_vae or CLIP_stop_at_last_layers.",
    )
    completions: bool = param(
        True, "Complete words of prompts while they are written", setting="tac_active"
    )
    completion_count: int = param(
        8, "Words that are offered", setting="tac_maxResults", minimum=1, maximum=50, step=1
    )
    completion_separator: str = param(
        ", ", "What is written behind a completed tag", setting="tac_separator"
    )
    prompt_history: bool = param(
        True, "Keep a list of the prompts that were drawn", setting="prompt_history"
    )
    chime: bool = param(False, "Play a sound when a job is finished", setting="notification_audio")
    chime_volume: int = param(
        100, "Its volume in percent", setting="notification_volume", minimum=0, maximum=100, step=1
    )

    @property
    def preview_interval_s(self) -> float | None:
        """Seconds between previews; None for no previews."""
        return self.preview_interval_ms / 1000 if self.previews else None
