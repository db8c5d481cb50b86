"""What the REST API may do on behalf of whoever calls it."""

from dataclasses import dataclass

from modules.param import param

ONLY_IN_FILE = frozenset({"api_enable_requests", "api_forbid_local_requests", "api_useragent"})
"""Options that no caller may change: they say whom this computer connects to."""

LOCKED = "Changed only in config.json, while the program is not running."


@dataclass(frozen=True, kw_only=True)
class Api:
    """Pictures that callers name by their web address."""

    fetch: bool = param(
        False,
        "Fetch pictures that the REST API names by address",
        setting="api_enable_requests",
        help=LOCKED,
    )
    public_only: bool = param(
        True,
        "Only from public addresses of the internet",
        setting="api_forbid_local_requests",
        help=LOCKED,
    )
    user_agent: str = param(
        "", "Called by this User-Agent", setting="api_useragent", advanced=True, help=LOCKED
    )
