"""Every folder of an installation, from one root."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""Where the program itself lies."""


@dataclass(frozen=True)
class Paths:
    """Where things are. `data` is the folder people's own files live in; usually the program's."""

    data: Path = ROOT
    models_dir: Path | None = None
    checkpoint_dir: Path | None = None
    program: Path = field(default=ROOT)
    given: Mapping[str, Path] = field(default_factory=dict)
    """Folders and files that lie elsewhere, by the name of their property here."""

    def _place(self, name: str, usual: Path) -> Path:
        return self.given.get(name, usual)

    @property
    def models(self) -> Path:
        """All kinds of model files."""
        return self.models_dir or self.data / "models"

    @property
    def all_models(self) -> tuple[Path, ...]:
        """The folder of all kinds of models, and the one that comes with the program."""
        return self.models, self.program / "models"

    @property
    def checkpoints(self) -> Path:
        """`models/Stable-diffusion`."""
        return self.checkpoint_dir or self.models / "Stable-diffusion"

    @property
    def vae(self) -> Path:
        """`models/VAE`."""
        return self._place("vae", self.models / "VAE")

    @property
    def forced_vae(self) -> Path | None:
        """The VAE that every model draws with, whatever a request names; usually there is none."""
        return self.given.get("forced_vae")

    @property
    def text_encoders(self) -> Path:
        """`models/text_encoder`: for models whose files do not hold theirs."""
        return self._place("text_encoders", self.models / "text_encoder")

    @property
    def tokenizers(self) -> Path:
        """`models/tokenizers`: vocabularies of BERT and T5."""
        return self._place("tokenizers", self.models / "tokenizers")

    @property
    def midas(self) -> Path:
        """`models/midas`: what estimates depth for models that have no estimator of their own."""
        return self._place("midas", self.models / "midas")

    @property
    def safety_checker(self) -> Path:
        """`models/safety-checker`."""
        return self._place("safety_checker", self.models / "safety-checker")

    @property
    def control(self) -> Path:
        """`models/ControlNet`: networks that let a picture steer the drawing."""
        return self._place("control", self.models / "ControlNet")

    @property
    def clip_vision(self) -> Path:
        """`models/clip_vision`: encoders of pictures."""
        return self._place("clip_vision", self.models / "clip_vision")

    @property
    def annotators(self) -> tuple[Path, ...]:
        """Where networks of preprocessors are looked for; the first is that of a flag, if given."""
        names = ("ControlNetPreprocessor", "annotators")
        usual = (folder / name for folder in self.all_models for name in names)
        return (*filter(None, [self.given.get("annotators")]), *usual, self.midas)

    @property
    def lora(self) -> Path:
        """`models/Lora`."""
        return self._place("lora", self.models / "Lora")

    @property
    def faces(self) -> tuple[Path, ...]:
        """Folders of what finds and restores faces, besides those of all models."""
        return tuple(self.given[name] for name in ("gfpgan", "codeformer") if name in self.given)

    @property
    def clip(self) -> Path:
        """`models/CLIP`: it chooses phrases that suit a picture."""
        return self._place("clip", self.models / "CLIP")

    @property
    def hypernetworks(self) -> Path:
        """`models/hypernetworks`."""
        return self._place("hypernetworks", self.models / "hypernetworks")

    @property
    def embeddings(self) -> Path:
        """Textual inversion embeddings, beside `models` as in A1111."""
        return self._place("embeddings", self.data / "embeddings")

    @property
    def outputs(self) -> Path:
        """Finished pictures."""
        return self.data / "outputs"

    @property
    def inputs(self) -> Path:
        """The pictures that finished ones were drawn from, under the hashes of their content."""
        return self.data / "inputs"

    @property
    def credentials(self) -> Path:
        """`certificate.pem` and `key.pem`, with which copies of pictures are signed."""
        return self.data / "credentials"

    @property
    def database(self) -> Path:
        """Jobs, events and results."""
        return self.data / "easel.db"

    @property
    def settings(self) -> Path:
        """`config.json`: what differs from the defaults."""
        return self.data / "config.json"

    @property
    def styles(self) -> Path:
        """`styles.csv`."""
        return self._place("styles", self.data / "styles.csv")

    @property
    def wildcards(self) -> Path:
        """Files whose lines prompts choose from."""
        return self._place("wildcards", self.data / "wildcards")

    @property
    def tags(self) -> Path:
        """Lists of words that prompts are completed with."""
        return self.data / "tags"

    @property
    def ui_config(self) -> Path:
        """`ui-config.json` of A1111: what its page begins with."""
        return self._place("ui_config", self.data / "ui-config.json")

    @property
    def users(self) -> Path:
        """`users.json`: who may log in."""
        return self.data / "users.json"

    @property
    def log(self) -> Path:
        """What the program says while it serves; the file before it has `.1` after its name."""
        return self.data / "log" / "easel.log"

    @property
    def extensions(self) -> Path:
        """One folder each."""
        return self.data / "extensions"

    @property
    def localizations(self) -> Path:
        """`localizations`: the page's words in other languages."""
        return self._place("localizations", self.data / "localizations")

    @property
    def cache(self) -> Path:
        """Things that can be made again: file hashes, thumbnails."""
        return self.data / "tmp"

    @property
    def configs(self) -> Path:
        """Model descriptions that come with the program."""
        return self.program / "configs"
