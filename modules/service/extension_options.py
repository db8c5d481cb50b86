"""Options of extensions, as the Settings tab shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modules.compat.options import OptionInfo
from modules.extension.hooks import Offered


@dataclass(frozen=True, kw_only=True)
class ExtensionOption:
    """One option: its name in `config.json`, and how its control looks."""

    name: str
    default: Any
    label: str
    section: str
    help: str = ""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None


def own_option(offered: Offered) -> ExtensionOption:
    """What `register_settings` was told. Raises TypeError or ValueError."""
    default, label = offered.values
    about = dict(offered.about)
    choices = tuple(map(str, about.pop("choices", ())))
    return ExtensionOption(
        name=offered.name,
        default=default,
        label=str(label),
        section=offered.extension,
        choices=choices,
        **about,
    )


def foreign_option(name: str, info: OptionInfo) -> ExtensionOption:
    """An option of an extension for A1111's webui."""
    given = info.arguments
    texts = (info.comment_before.strip(), info.comment_after.strip())
    return ExtensionOption(
        name=name,
        default=info.default,
        label=info.label or name,
        section=str(info.section[1] if len(info.section) > 1 else info.section[0]),
        help=" ".join(filter(None, texts)),
        choices=_words(given.get("choices")),
        minimum=given.get("minimum"),
        maximum=given.get("maximum"),
        step=given.get("step"),
    )


def _words(choices: Any) -> tuple[str, ...]:
    if not isinstance(choices, Sequence) or isinstance(choices, str):
        return ()
    return tuple(str(one[0] if isinstance(one, tuple | list) else one) for one in choices)
