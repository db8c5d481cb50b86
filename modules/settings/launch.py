"""What holds until the process ends: flags of the command line, under A1111's names."""

import argparse
import ipaddress
import logging
import re
import typing
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.errors import InvalidRequest, closest_hint
from modules.param import Field, param, params_of
from modules.paths import ROOT, Paths
from modules.settings.accepted import NOT_YET, REFUSED, WITHOUT_EFFECT, Accepted
from modules.settings.sections.safety import MANNERS

log = logging.getLogger(__name__)

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How this process was started."""

    listen: bool = param(False, "Answer other computers too", help="Binds 0.0.0.0.")
    port: int | None = param(
        None, "Port", minimum=1, maximum=65_535, help="Without it, the first free one from 7860 on."
    )
    server_name: str = param("", "Address to bind", help="Such as 127.0.0.1, the default.")
    subpath: str = param(
        "", "Path that everything is below", help="Such as easel, for http://HOST/easel/."
    )
    share: bool = param(
        False,
        "Make a public address for the page",
        help="Through Gradio's tunnel; somebody else's computer passes everything on.",
    )
    api_auth: str = param("", "Names and passwords", help="NAME:PASSWORD,NAME:PASSWORD")
    gradio_auth: str = param("", "Names and passwords", help="The same as --api-auth.")
    gradio_auth_path: str = param("", "File of names and passwords", help="NAME:PASSWORD a line.")
    cors_allow_origins: str = param(
        "", "Other pages that may use the API", help="Such as https://a.example,https://b.example."
    )
    cors_allow_origins_regex: str = param("", "The same as a regular expression")
    tls_keyfile: str = param("", "Key for HTTPS", help="A PEM file; with --tls-certfile.")
    tls_certfile: str = param("", "Certificate for HTTPS", help="A PEM file.")
    timeout_keep_alive: int = param(
        30, "Seconds an idle connection stays open", minimum=1, maximum=3600
    )
    nowebui: bool = param(False, "Serve the REST API without the page", help="On port 7861.")
    api_server_stop: bool = param(False, "Let the REST API end the program")
    api_log: bool = param(False, "Print a line for each call of the REST API")
    disable_all_extensions: bool = param(False, "Begin without extensions")
    disable_extra_extensions: bool = param(
        False, "Begin with those extensions alone that come with the program"
    )
    safe_mode: bool = param(
        False, "Begin without extensions", help="The same as --disable-all-extensions."
    )
    enable_insecure_extension_access: bool = param(
        False,
        "Let extensions be installed while other computers can reach the server",
        help="Whoever may log in as administrator can then run programs here.",
    )
    autolaunch: bool = param(False, "Open the page in the browser")
    data_dir: str = param("", "Folder of your files", help="Default: the program's.")
    models_dir: str = param("", "Folder of all models", help="Default: DATA_DIR/models.")
    ckpt_dir: str = param("", "Folder of checkpoints")
    vae_dir: str = param("", "Folder of VAE files")
    vae_path: str = param("", "VAE file for all models", help="Whatever a request or setting says.")
    lora_dir: str = param("", "Folder of LoRA files")
    embeddings_dir: str = param("", "Folder of textual inversion embeddings")
    hypernetwork_dir: str = param("", "Folder of hypernetworks")
    gfpgan_models_path: str = param("", "Folder of GFPGAN, and of what finds faces")
    codeformer_models_path: str = param("", "Folder of CodeFormer")
    clip_models_path: str = param("", "Folder of CLIP, which chooses phrases for captions")
    controlnet_dir: str = param("", "Folder of ControlNet models")
    controlnet_preprocessor_models_dir: str = param(
        "", "Folder of networks that ControlNet preprocessors need"
    )
    styles_file: str = param("", "File of styles", help="Default: styles.csv in DATA_DIR.")
    wildcards_dir: str = param("", "Folder of wildcards", help="Default: DATA_DIR/wildcards.")
    localizations_dir: str = param(
        "", "Folder of translations of the page", help="Default: DATA_DIR/localizations."
    )
    theme: str = param(
        "",
        "Light or dark page",
        choices=("", "light", "dark"),
        help="Whatever the settings say; by itself the page follows them.",
    )
    ckpt: str = param("", "Checkpoint to begin with", help="Title, file name or hash.")
    ui_config_file: str = param(
        "", "File of what the page begins with", help="Default: ui-config.json in DATA_DIR."
    )
    ui_settings_file: str = param("", "Settings file", help="Default: config.json in DATA_DIR.")
    device: str = param("auto", "Device to draw on", help="auto, cpu, cuda, cuda:1, mps.")
    device_id: int | None = param(None, "Number of the CUDA device", minimum=0, maximum=255)
    use_cpu: tuple[str, ...] = param((), "Parts to compute on the CPU", help="all or sd.")
    no_half: bool = param(False, "Compute in 32-bit floats")
    no_half_vae: bool = param(False, "Compute in 32-bit floats in the VAE")
    medvram: bool = param(
        False, "Keep one network at a time on the GPU", help="Chosen by itself if need be."
    )
    medvram_sdxl: bool = param(False, "The same, for SDXL alone")
    lowvram: bool = param(
        False, "Keep one layer at a time on the GPU", help="Chosen by itself if need be."
    )
    precision: str = param("autocast", "Precision", choices=("full", "autocast", "half"))
    compile: bool = param(False, "Compile networks", help="Whatever the setting says.")
    safety: str = param(
        "off",
        "Pictures that the safety checker flags",
        choices=MANNERS,
        help="The stricter of this and the setting counts.",
    )
    loglevel: str = param("INFO", "Level of the log", choices=LEVELS)

    @property
    def host(self) -> str:
        """The address to bind: this computer only, unless asked otherwise."""
        return self.server_name or ("0.0.0.0" if self.listen else "127.0.0.1")

    @property
    def below(self) -> str:
        """The path that everything is below: "" or such as "/easel". Raises InvalidRequest."""
        parts = [part for part in self.subpath.split("/") if part]
        if not all(SUBPATH.fullmatch(part) and part.strip(".") for part in parts):
            raise InvalidRequest(
                f"--subpath {self.subpath} is no path.",
                "Letters, digits, dots, dashes and underscores, such as easel or tools/easel.",
            )
        return "".join(f"/{part}" for part in parts)

    @property
    def exposed(self) -> bool:
        """Whether anybody but this computer can reach the server."""
        return self.share or not is_loopback(self.host)

    def credentials(self) -> dict[str, str]:
        """Passwords by name, as the flags give them. Raises InvalidRequest."""
        pairs = [*self.api_auth.split(","), *self.gradio_auth.split(",")]
        if self.gradio_auth_path:
            pairs += _lines_of(Path(self.gradio_auth_path).expanduser())
        found = {}
        for pair in filter(None, map(str.strip, pairs)):
            name, colon, password = pair.partition(":")
            if not (name and colon and password):
                raise InvalidRequest(
                    "A name or a password is missing in --api-auth, --gradio-auth or its file.",
                    "Write NAME:PASSWORD, several separated by commas.",
                )
            found[name] = password
        return found

    @property
    def chosen_device(self) -> str:
        """The device by torch's name, or "auto"."""
        if {"all", "sd"} & {part.lower() for part in self.use_cpu}:
            return "cpu"
        if self.device == "auto" and self.device_id is not None:
            return f"cuda:{self.device_id}"
        return self.device

    @property
    def full_precision(self) -> bool:
        """Whether 32-bit floats are wanted everywhere."""
        return self.no_half or self.precision == "full"

    @property
    def memory(self) -> str:
        """The memory policy asked for: "auto", "one", "one for sdxl" or "layers"."""
        wishes = {"layers": self.lowvram, "one": self.medvram, "one for sdxl": self.medvram_sdxl}
        return next((name for name, wished in wishes.items() if wished), "auto")

    def paths(self) -> Paths:
        """Every folder, from these flags."""
        return Paths(
            data=_folder(self.data_dir) or ROOT,
            models_dir=_folder(self.models_dir),
            checkpoint_dir=_folder(self.ckpt_dir),
            given={
                name: place
                for name, flag in PLACES.items()
                if (place := _folder(getattr(self, flag))) is not None
            },
        )

    def settings_file(self) -> Path:
        """`config.json`, or the file given by flag."""
        return _folder(self.ui_settings_file) or self.paths().settings

    def flags(self) -> dict[str, Any]:
        """Every flag by its name with underscores, as A1111's `/cmd-flags` lists them."""
        own = {item.name: getattr(self, item.name) for item in params_of(Launch)}
        others = {
            accepted.name.replace("-", "_"): None if accepted.takes else False
            for accepted in (*WITHOUT_EFFECT, *NOT_YET, *REFUSED)
        }
        hidden = {name: HIDDEN for name in SECRET if own[name]}
        return {**others, **own, **hidden, "use_cpu": list(self.use_cpu), "api": True}


PLACES = {
    "vae": "vae_dir",
    "forced_vae": "vae_path",
    "lora": "lora_dir",
    "embeddings": "embeddings_dir",
    "hypernetworks": "hypernetwork_dir",
    "gfpgan": "gfpgan_models_path",
    "codeformer": "codeformer_models_path",
    "clip": "clip_models_path",
    "control": "controlnet_dir",
    "annotators": "controlnet_preprocessor_models_dir",
    "styles": "styles_file",
    "ui_config": "ui_config_file",
    "wildcards": "wildcards_dir",
    "localizations": "localizations_dir",
}
"""Flags that say where something lies, by its name in `Paths`."""

SUBPATH = re.compile(r"[\w.-]+", re.ASCII)

SECRET = ("api_auth", "gradio_auth")
HIDDEN = "(hidden)"


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach a server bound to `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _lines_of(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"The passwords in {path} cannot be read: {error}.", "Check --gradio-auth-path."
        ) from error
    return [pair for line in text.splitlines() for pair in line.split(",")]


def _folder(text: str) -> Path | None:
    """An absolute path, `~` included; None where none was given."""
    return Path(text).expanduser().resolve() if text else None


class FlagParser(argparse.ArgumentParser):
    """A parser that offers the nearest flag when one is not known, and guesses no abbreviations."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **options})

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; an unknown flag ends the program with exit code 2 and the nearest known one."""
        found, rest = self.parse_known_args(args, namespace)
        unknown = [word for word in rest if word.startswith("-")] or rest
        if unknown:
            self.error(unknown_flag(unknown[0], self.known_flags()))
        return found

    def known_flags(self) -> list[str]:
        """Every flag with its dashes."""
        return [flag for action in self._actions for flag in action.option_strings]


def unknown_flag(word: str, known: Sequence[str]) -> str:
    """Say that a flag is not known, with the nearest ones."""
    name = word.partition("=")[0]
    return f"There is no flag {name}. {closest_hint(name, known)}"


def flag_of(item: Field) -> str:
    """The flag of a field, with dashes."""
    return "--" + (item.param.flag or item.name.replace("_", "-"))


SERVER_ONLY = frozenset(
    {
        "listen",
        "port",
        "server_name",
        "share",
        "api_auth",
        "gradio_auth",
        "gradio_auth_path",
        "cors_allow_origins",
        "cors_allow_origins_regex",
        "tls_keyfile",
        "tls_certfile",
        "timeout_keep_alive",
        "nowebui",
        "api_server_stop",
        "api_log",
        "disable_all_extensions",
        "disable_extra_extensions",
        "safe_mode",
        "enable_insecure_extension_access",
        "autolaunch",
        "ui_config_file",
        "localizations_dir",
        "theme",
    }
)
"""Fields of `Launch` that mean nothing to a command that does not serve."""


def add_flags(parser: argparse._ActionsContainer, without: Collection[str] = ()) -> None:
    """Add every flag of `Launch`, and, unlisted, those of A1111 that start scripts may contain.

    Fields named in `without` get no flag and keep their defaults.
    """
    for item in params_of(Launch):
        if item.name in without:
            continue
        about = item.param
        words = [f"{about.label}.", about.help]
        options: dict[str, Any] = {
            "help": " ".join(word for word in words if word).replace("%", "%%"),
            "default": item.default,
            "dest": item.name,
        }
        parser.add_argument(flag_of(item), **options, **_reading(item))
    for accepted in (*WITHOUT_EFFECT, *NOT_YET, *REFUSED):
        _accept(parser, accepted)


def _reading(item: Field) -> dict[str, Any]:
    """How argparse turns a flag's words into the field's value."""
    if item.type is bool:
        return {"action": "store_true"}
    if typing.get_origin(item.type) is tuple:
        return {"nargs": "+"}
    choices = item.param.choices
    if isinstance(choices, tuple) and choices:
        return {"choices": choices}
    kinds = [kind for kind in typing.get_args(item.type) if kind is not type(None)]
    kind = kinds[0] if kinds else item.type
    return {"type": kind, "metavar": "N" if kind is int else "TEXT"}


def _accept(parser: argparse._ActionsContainer, accepted: Accepted) -> None:
    takes: dict[str, Any] = (
        {"nargs": accepted.takes} if accepted.takes else {"action": "store_true"}
    )
    parser.add_argument(
        f"--{accepted.name}", dest=f"accepted {accepted.name}", help=argparse.SUPPRESS, **takes
    )


def from_args(arguments: argparse.Namespace) -> Launch:
    """Make the record from parsed flags; says which of them have no effect.

    Raises InvalidRequest for values out of range, and for flags that promise a protection which is
    not there.
    """
    given = {name for name, value in vars(arguments).items() if value not in (None, False)}
    for accepted in REFUSED:
        if f"accepted {accepted.name}" in given:
            raise InvalidRequest(f"--{accepted.name} does not work yet.", accepted.why)
    for accepted in NOT_YET:
        if f"accepted {accepted.name}" in given:
            log.warning("--%s has no effect yet.", accepted.name)
    values = {item.name: getattr(arguments, item.name, item.default) for item in params_of(Launch)}
    values["use_cpu"] = tuple(values["use_cpu"])
    launch = Launch(**values)
    if launch.port is not None and not 1 <= launch.port <= 65_535:
        raise InvalidRequest(f"The port cannot be {launch.port}.", "It is 1 to 65535.")
    _check_origins(launch)
    _check_connections(launch)
    return launch


def _check_connections(launch: Launch) -> None:
    if bool(launch.tls_keyfile) != bool(launch.tls_certfile):
        raise InvalidRequest("HTTPS needs both --tls-keyfile and --tls-certfile.")
    for name in (launch.tls_keyfile, launch.tls_certfile):
        if name and not Path(name).expanduser().is_file():
            raise InvalidRequest(f"There is no file {name}.", "Check the --tls flags.")
    if not 1 <= launch.timeout_keep_alive <= 3600:
        raise InvalidRequest("--timeout-keep-alive is 1 to 3600 seconds.")


def _check_origins(launch: Launch) -> None:
    if "*" in launch.cors_allow_origins:
        raise InvalidRequest(
            "--cors-allow-origins * would let every page on the internet use this program.",
            "List the addresses of the pages that may.",
        )
    try:
        re.compile(launch.cors_allow_origins_regex)
    except re.error as error:
        raise InvalidRequest(f"--cors-allow-origins-regex: {error}.") from error
