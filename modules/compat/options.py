"""`shared.opts`, and the options that extensions add to the settings."""

from collections.abc import Callable, Mapping
from typing import Any

from modules.settings.store import REMEMBERED, default_of, field_of


class OptionInfo:
    """One option as an extension describes it."""

    def __init__(
        self,
        default: Any = None,
        label: str = "",
        component: Any = None,
        component_args: Any = None,
        onchange: Callable[[], Any] | None = None,
        section: tuple[str, ...] | None = None,
        refresh: Any = None,
        comment_before: str = "",
        comment_after: str = "",
        infotext: str | None = None,
        restrict_api: bool = False,
        category_id: str | None = None,
    ) -> None:
        self.default, self.label, self.component = default, label, component
        self.component_args, self.onchange = component_args, onchange
        self.section = section or ("extensions", "Extensions")
        self.refresh, self.infotext = refresh, infotext
        self.comment_before, self.comment_after = comment_before, comment_after
        self.restrict_api, self.category_id = restrict_api, category_id
        self.do_not_save = False
        self.extension = ""

    def link(self, label: str, uri: str) -> "OptionInfo":
        """Mention an address."""
        self.comment_before += f"{label}: {uri} "
        return self

    def js(self, label: str, js_func: str) -> "OptionInfo":
        """Take no notice: buttons among options are not shown."""
        return self

    def info(self, info: str) -> "OptionInfo":
        """Say more."""
        self.comment_after += f"{info} "
        return self

    def html(self, html: str) -> "OptionInfo":
        """Say more."""
        self.comment_after += f"{html} "
        return self

    def needs_restart(self) -> "OptionInfo":
        """Say that it counts later."""
        return self.info("From the next start on.")

    def needs_reload_ui(self) -> "OptionInfo":
        """Say that it counts later."""
        return self.info("When extensions are loaded anew.")

    @property
    def arguments(self) -> dict[str, Any]:
        """What its control is made with."""
        given = self.component_args() if callable(self.component_args) else self.component_args
        return dict(given or {})


class OptionHTML(OptionInfo):
    """Text among options."""

    def __init__(self, text: str) -> None:
        super().__init__(text, label=text)
        self.do_not_save = True


def options_section(
    section: tuple[str, ...], options: Mapping[str, OptionInfo]
) -> Mapping[str, OptionInfo]:
    """Give all of them their section."""
    for one in options.values():
        one.section = section
        if len(section) > 2:
            one.category_id = section[2]
    return options


class Options:
    """`opts`: options by attribute, ours by A1111's names and those of extensions."""

    def __init__(
        self,
        read: Callable[[], Mapping[str, Any]],
        write: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """`read` gives what is stored now; `write` stores."""
        self.__dict__["data_labels"] = dict[str, OptionInfo]()
        self.__dict__["_read"], self.__dict__["_write"] = read, write

    @property
    def data(self) -> dict[str, Any]:
        """What is stored, by name."""
        return dict(self._read())

    def add_option(self, key: str, info: OptionInfo) -> None:
        """Add an option of an extension."""
        self.data_labels[key] = info

    def __getattr__(self, name: str) -> Any:
        stored = self.__dict__["_read"]()
        if name in stored:
            return stored[name]
        return self.get_default(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.set(name, value)

    def get_default(self, key: str) -> Any:
        """The value of an option that nobody set. Raises AttributeError."""
        known = self.__dict__["data_labels"].get(key)
        if known is not None:
            return known.default
        if field_of(key) is not None or key in REMEMBERED:
            return default_of(key)
        raise AttributeError(f"There is no option {key!r}.")

    def set(self, key: str, value: Any, is_api: bool = False, run_callbacks: bool = True) -> bool:
        """Store an option; whether it is another now."""
        before = getattr(self, key, None)
        if before == value:
            return False
        self._write({key: value})
        info = self.data_labels.get(key)
        if run_callbacks and info is not None and info.onchange is not None:
            info.onchange()
        return True

    def save(self, filename: str = "") -> None:
        """Do nothing: what is set is stored at once."""

    def onchange(self, key: str, func: Callable[[], Any], call: bool = True) -> None:
        """Call `func` when the option is set by the extension itself."""
        if key in self.data_labels:
            self.data_labels[key].onchange = func
        if call:
            func()

    def cast_value(self, key: str, value: Any) -> Any:
        """`value` as the kind of the option's default."""
        usual = self.get_default(key)
        return value if usual is None or value is None else type(usual)(value)

    def reorder(self) -> None:
        """Do nothing: sections are shown as they come."""
