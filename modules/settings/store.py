"""Settings on disk: A1111's `config.json`, read leniently and written without losing anything."""

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.param import Field, get_at, params_of, replace_at
from modules.schema.request import GenerationRequest
from modules.settings.files import write_atomically
from modules.settings.settings import Settings
from modules.settings.values import coerce

log = logging.getLogger(__name__)

Watcher = Callable[[frozenset[str]], None]

UNSET_SHOWN_AS: dict[str, Any] = {"eta_ancestral": 1.0}
"""What clients are told for fields that are empty unless somebody chose."""

REMEMBERED: dict[str, Any] = {
    "send_size": True,
    "show_progress_every_n_steps": 10,
    "live_previews_image_format": "png",
}
"""Options of A1111 that nothing here reads, and their defaults; clients set and read them back."""

MANUAL_SCHEDULE = "k_sched_type"
"""Option of A1111 1.8 that gave a schedule by hand; later a field of the request."""


@lru_cache
def settings_fields() -> dict[str, Field]:
    """Every field of `Settings` by its A1111 option name."""
    return {item.param.setting: item for item in params_of(Settings) if item.param.setting}


@lru_cache
def request_fields() -> dict[str, Field]:
    """Every field of a request that has an option for its default, by option name."""
    return {item.param.setting: item for item in params_of(GenerationRequest) if item.param.setting}


def field_of(name: str) -> Field | None:
    """The field behind an option name; None if we have none."""
    return settings_fields().get(name) or request_fields().get(name)


def default_of(name: str) -> Any:
    """The value of an option that nobody set."""
    item = field_of(name)
    return REMEMBERED[name] if item is None else item.default


class SettingsStore:
    """Owns `config.json`: a flat JSON object by A1111's option names. Thread-safe.

    Hands out immutable snapshots. Names it does not know (of extensions, of A1111) survive every
    save. A broken file is kept aside under another name and told in `notices`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notices: list[str] = []
        self._lock = threading.RLock()
        self._watchers: list[Watcher] = []
        self._offered: dict[str, Any] = {}
        """Options of extensions, and their defaults."""
        self._writable = True
        self._raw = self._load()
        self._values = self._understood(self._raw)

    @property
    def settings(self) -> Settings:
        """The present settings."""
        return self.with_overrides({})[0]

    def base_request(self) -> GenerationRequest:
        """A request with the owner's defaults."""
        return self.with_overrides({})[1]

    def with_overrides(self, overrides: Mapping[str, Any]) -> tuple[Settings, GenerationRequest]:
        """Return settings and request defaults as they would be with `overrides`; changes nothing.

        Unknown names are ignored, as A1111's clients send many. Raises InvalidRequest.
        """
        with self._lock:
            values = dict(self._values)
        for name, value in overrides.items():
            item = field_of(name)
            if item is not None and value is not None:
                values[name] = coerce(item, value)
            elif item is None and name != MANUAL_SCHEDULE:
                log.info("The option %.80r is not known and was ignored", name)
        settings, request = Settings(), GenerationRequest()
        for name, value in values.items():
            if name in settings_fields():
                settings = replace_at(settings, settings_fields()[name].path, value)
            else:
                request = _with(request, request_fields()[name].path, value)
        if settings.faces.restore:
            request = replace_at(request, "faces.restorer", settings.faces.model)
        schedule = overrides.get(MANUAL_SCHEDULE)
        if isinstance(schedule, str) and schedule not in ("", "Automatic"):
            request = replace_at(request, "sampling.schedule", schedule)
        return settings, request

    def offer(self, defaults: Mapping[str, Any]) -> None:
        """Know these options of extensions, by name, from now on, and no others of theirs.

        Their values are plain data, as JSON has it; a name of our own is left alone.
        """
        with self._lock:
            self._offered = {
                name: value
                for name, value in defaults.items()
                if field_of(name) is None and name not in REMEMBERED
            }

    def get(self, name: str) -> Any:
        """Return an option by its A1111 name. Raises NotFound."""
        known = self.options()
        if name not in known:
            raise NotFound("option", name, known)
        return known[name]

    def set(self, name: str, value: Any) -> None:
        """Change one option and save. Raises NotFound, InvalidRequest or WebUIError."""
        if field_of(name) is None:
            raise NotFound("option", name, self.options())
        self.set_options({name: value})

    def options(self) -> dict[str, Any]:
        """All options by name, those of the file that we do not know included; JSON values."""
        with self._lock:
            raw = {**REMEMBERED, **self._offered, **self._raw}
            values = dict(self._values)
        for name, item in {**settings_fields(), **request_fields()}.items():
            value = values.get(name, item.default)
            if value is None:
                value = UNSET_SHOWN_AS.get(name)
            raw[name] = list(value) if isinstance(value, tuple) else value
        return raw

    def set_options(self, options: Mapping[str, Any]) -> frozenset[str]:
        """Change options and save; returns the names that changed. All of them, or on error none.

        Unknown names are ignored with a line in the log. Raises InvalidRequest, or WebUIError if
        the file cannot be written.
        """
        wanted: dict[str, Any] = {}
        for name, value in options.items():
            item = field_of(name)
            if item is not None:
                shown = name in UNSET_SHOWN_AS and value == UNSET_SHOWN_AS[name]
                wanted[name] = item.default if shown else coerce(item, value)
            elif (name in REMEMBERED and type(value) is type(REMEMBERED[name])) or (
                name in self._offered and _fits(value, self._offered[name])
            ):
                wanted[name] = value
            elif self._raw.get(name) != value:
                log.warning("The option %.80r is not known and was ignored", name)
        with self._lock:
            changed = {name: value for name, value in wanted.items() if value != self._value(name)}
            if changed:
                self._save(changed)
        if changed:
            self._tell(frozenset(changed))
        return frozenset(changed)

    def subscribe(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher(names)` after each change; returns a function that ends this."""
        with self._lock:
            self._watchers.append(watcher)

        def end() -> None:
            with self._lock:
                if watcher in self._watchers:
                    self._watchers.remove(watcher)

        return end

    def _tell(self, names: frozenset[str]) -> None:
        with self._lock:
            watchers = list(self._watchers)
        for watcher in watchers:
            watcher(names)

    def _value(self, name: str) -> Any:
        if name in self._offered:
            return self._raw.get(name, self._offered[name])
        held = self._raw if name in REMEMBERED else self._values
        return held.get(name, default_of(name))

    def _load(self) -> dict[str, Any]:
        try:
            text = self.path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            return self._put_aside(str(error))
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            return self._put_aside(str(error))
        if not isinstance(raw, dict):
            return self._put_aside("it is not a list of options")
        return raw

    def _put_aside(self, reason: str) -> dict[str, Any]:
        """Keep a broken file under the next free name and go on with the defaults."""
        kept = next(
            candidate
            for number in range(1, 10_000)
            if not (candidate := self.path.with_name(f"{self.path.name}.broken-{number}")).exists()
        )
        try:
            os.replace(self.path, kept)
            notice = f"{self.path.name} could not be read ({reason}). It is kept as {kept.name}."
        except OSError as error:
            self._writable = False
            notice = (
                f"{self.path.name} could not be read ({reason}), and moving it aside failed "
                f"({error.strerror}). Settings will not be saved."
            )
        log.warning("%s The defaults are used.", notice)
        self.notices.append(notice)
        return {}

    def _understood(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The values we can use; for the others the default counts and the file keeps its own."""
        values: dict[str, Any] = {}
        for name, value in raw.items():
            item = field_of(name)
            if item is None:
                continue
            try:
                values[name] = coerce(item, value)
            except InvalidRequest as error:
                self.notices.append(f"In {self.path.name}, {name}: {error}")
                log.warning("In %s, %s: %s", self.path, name, error)
        return values

    def _save(self, changed: Mapping[str, Any]) -> None:
        """Write the file with `changed`: only what differs or was in the file before."""
        if not self._writable:
            raise WebUIError(
                f"Settings cannot be saved: {self.path.name} is broken and cannot be replaced.",
                f"Move {self.path} away and start again.",
            )
        plain = {*REMEMBERED, *self._offered}
        known = {name: value for name, value in changed.items() if name not in plain}
        raw, values = dict(self._raw), {**self._values, **known}
        for name, value in changed.items():
            usual = self._offered[name] if name in self._offered else default_of(name)
            if name in raw or value != usual:
                raw[name] = list(value) if isinstance(value, tuple) else value
        text = json.dumps(raw, indent=4, ensure_ascii=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, text.encode("utf-8", "replace"))
        except OSError as error:
            raise WebUIError(
                f"Settings cannot be saved: {error.strerror or error}.",
                f"Check the disk and the permissions of {self.path}.",
            ) from error
        self._raw, self._values = raw, values


def _fits(value: Any, usual: Any) -> bool:
    """Whether an option of an extension may have this value: one of the kind of its default."""
    if usual is None or isinstance(value, type(usual)):
        return True
    return isinstance(usual, int | float) and isinstance(value, int | float)


def _with(request: GenerationRequest, path: str, value: Any) -> GenerationRequest:
    """Set a default, unless it belongs to an optional part that the request does not have."""
    parent = path.rpartition(".")[0]
    if parent and get_at(request, parent) is None:
        return request
    return replace_at(request, path, value)
