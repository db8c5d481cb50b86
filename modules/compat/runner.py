"""The scripts of one tab, called one after another; each can only break itself."""

from collections.abc import Callable, Sequence
from typing import Any

from modules.compat.script import NOT_CALLED, AlwaysVisible, Script, overrides
from modules.errors import NotFound

Guard = Callable[..., Any]
"""(extension, where, function, *arguments, **more) -> its answer, or None if it broke."""


class ScriptRunner:
    """`p.scripts`: instances of every script that is shown in a tab."""

    def __init__(self, guard: Guard, note: Callable[[str, str], None], is_img2img: bool) -> None:
        self._guard, self._note = guard, note
        self.is_img2img = is_img2img
        self.scripts: list[Script] = []
        self.alwayson_scripts: list[Script] = []
        self.selectable_scripts: list[Script] = []
        self.inputs: list[Any] = [None]
        self.infotext_fields: list[Any] = []
        self.paste_field_names: list[str] = []

    def add(self, kind: type[Script], extension: str, filename: str) -> None:
        """Make an instance of a script, and ask whether it is to be shown."""

        def make() -> None:
            script = kind()
            script.filename, script.extension = filename, extension
            script.is_txt2img, script.is_img2img = not self.is_img2img, self.is_img2img
            script.tabname = "img2img" if self.is_img2img else "txt2img"
            script.name = script.title().lower()
            shown = script.show(self.is_img2img)
            if shown is AlwaysVisible:
                script.alwayson = True
                self.alwayson_scripts.append(script)
            elif shown:
                self.selectable_scripts.append(script)
            else:
                return
            self.scripts.append(script)
            for hook in NOT_CALLED:
                if overrides(script, hook):
                    self._note(extension, f"Script.{hook} (is never called)")

        self._guard(extension, f"{kind.__name__}.show", make)

    def drop(self, extension: str) -> None:
        """Call nothing of an extension any more."""
        for group in (self.scripts, self.alwayson_scripts, self.selectable_scripts):
            group[:] = [one for one in group if one.extension != extension]

    @property
    def title_map(self) -> dict[str, Script]:
        """Scripts by title in lower case."""
        return {str(one.name): one for one in self.scripts}

    def script(self, title: str) -> Script | None:
        """A script by its title."""
        return self.title_map.get(title.lower())

    def named(self, title: str) -> Script:
        """A script that can be chosen, by its title. Raises NotFound."""
        found = next((one for one in self.selectable_scripts if one.name == title.lower()), None)
        if found is None:
            names = [str(one.title()) for one in self.selectable_scripts]
            raise NotFound("script of an extension", title, names)
        return found

    def place_args(self, values: dict[str, Sequence[Any]]) -> list[Any]:
        """Lay the values of all scripts out in one list; each script knows its slice."""
        laid: list[Any] = [0]
        for script in self.scripts:
            given = list(values.get(str(script.name), ()))
            script.args_from, script.args_to = len(laid), len(laid) + len(given)
            laid += given
        return laid

    def set_named_arg(
        self,
        args: Sequence[Any],
        script_name: str,
        arg_elem_id: str,
        value: Any,
        fuzzy: bool = False,
    ) -> Any:
        """Change one value of another script. Raises NotFound where the control is not known."""
        script = self.script(script_name)
        if script is None:
            raise NotFound("script", script_name, self.title_map)
        for number, control in enumerate(getattr(script, "controls", None) or ()):
            known = str(getattr(control, "elem_id", ""))
            if known == arg_elem_id or (fuzzy and arg_elem_id in known):
                changed = list(args)
                changed[int(script.args_from or 0) + number] = value
                return tuple(changed) if isinstance(args, tuple) else changed
        raise NotFound("control of a script", arg_elem_id)

    def args_of(self, p: Any, script: Script) -> list[Any]:
        """The values of a script's controls."""
        return list(p.script_args[script.args_from : script.args_to])

    def listens(self, hook: str) -> bool:
        """Whether any script does something at a hook."""
        return any(overrides(one, hook) for one in self.alwayson_scripts)

    def call(self, hook: str, p: Any, *first: Any, **more: Any) -> None:
        """Call a hook of all scripts that take part in every job: `hook(p, *first, *args)`."""
        for script in list(self.alwayson_scripts):
            if overrides(script, hook):
                args = self.args_of(p, script)
                where = f"{type(script).__name__}.{hook}"
                function = getattr(script, hook)
                self._guard(script.extension, where, function, p, *first, *args, **more)

    def __copy__(self) -> "ScriptRunner":
        other = ScriptRunner(self._guard, self._note, self.is_img2img)
        other.__dict__.update(self.__dict__)
        other.scripts = list(self.scripts)
        other.alwayson_scripts = list(self.alwayson_scripts)
        other.selectable_scripts = list(self.selectable_scripts)
        return other
