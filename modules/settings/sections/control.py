"""ControlNet: how many units there are, and what becomes of their maps."""

from dataclasses import dataclass

from modules.param import param


@dataclass(frozen=True, kw_only=True)
class ControlNet:
    """Units of control on the page, in replies and in recipes."""

    units: int = param(
        3,
        "ControlNet units",
        setting="control_net_unit_count",
        minimum=1,
        maximum=10,
        step=1,
        help="How many are on the page. From the next start on.",
    )
    no_map: bool = param(
        False,
        "Leave maps out of the results",
        setting="control_net_no_detectmap",
        help="Otherwise replies hold the map of each unit behind the pictures.",
    )
    save_maps: bool = param(
        False, "Save maps with the pictures", setting="control_net_detectmap_autosaving"
    )
    read_units: bool = param(
        True,
        "Take ControlNet units from recipes",
        setting="control_net_sync_field_args",
        help="Otherwise the units stay as they are when a recipe is read.",
    )
