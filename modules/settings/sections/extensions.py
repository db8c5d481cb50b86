"""Which extensions work."""

from dataclasses import dataclass

from modules.param import param


@dataclass(frozen=True, kw_only=True)
class ExtensionChoice:
    """Switches of extensions; the Extensions tab sets them."""

    without: str = param(
        "none",
        "Extensions that are left out",
        setting="disable_all_extensions",
        choices=("none", "extra", "all"),
        help="none of them, those that did not come with the program (extra), or all.",
    )
    off: tuple[str, ...] = param(
        (), "Extensions that are switched off", setting="disabled_extensions", help="By name."
    )
    on: tuple[str, ...] = param(
        (),
        "Examples that are switched on",
        setting="enabled_extensions",
        help="Extensions that wait to be asked, by name.",
    )
