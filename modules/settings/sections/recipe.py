"""What is written into pictures, and what is read from those of others."""

from dataclasses import dataclass

from modules.param import param

FULL, SHAREABLE, PRIVATE = "full", "shareable", "private"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The generation parameters inside a picture."""

    write: bool = param(True, "Recipe inside the picture", setting="enable_pnginfo")
    level: str = param(
        FULL,
        "What saved pictures tell strangers",
        setting="metadata_level",
        choices=(FULL, SHAREABLE, PRIVATE),
        help="full: the whole recipe. shareable: that a model made them, no prompts. private: "
        "nothing. The gallery knows the recipe in any case.",
    )
    source_type: bool = param(
        True,
        "Mark pictures as made by a model",
        setting="digital_source_type",
        help="IPTC's Digital Source Type, which search engines and social networks look for.",
    )
    sign: bool = param(
        False,
        "Sign saved pictures",
        setting="sign_pictures",
        help="With Content Credentials (C2PA); needs the Python library c2pa-python.",
    )
    model_name: bool = param(True, "Model name", setting="add_model_name_to_info")
    model_hash: bool = param(True, "Model hash", setting="add_model_hash_to_info")
    vae_name: bool = param(True, "VAE name", setting="add_vae_name_to_info")
    vae_hash: bool = param(True, "VAE hash", setting="add_vae_hash_to_info")
    version: bool = param(True, "Version of this program", setting="add_version_to_infotext")
    lora_hashes: bool = param(
        True, "Hashes of LoRA files", setting="lora_add_hashes_to_infotext", advanced=True
    )
    embedding_hashes: bool = param(
        True,
        "Hashes of embeddings",
        setting="textual_inversion_add_hashes_to_infotext",
        advanced=True,
    )
    device: bool = param(
        True,
        "Device and precision",
        setting="add_device_to_info",
        help="The same recipe gives other last bits on another kind of device.",
    )
    inputs: bool = param(
        True,
        "Keep what pictures are drawn from",
        setting="keep_inputs",
        help="Start pictures, masks and control pictures, once each, so that pictures can be drawn "
        "again and verified; they go when the last picture drawn from them is deleted.",
    )
    unwritten: tuple[str, ...] = param(
        (), "Keys that are not written", setting="infotext_skip_writing", advanced=True
    )
    ignore_model: bool = param(
        False,
        "Keep the chosen checkpoint when a recipe is read",
        setting="disable_weights_auto_swap",
        help="Otherwise the recipe's model is chosen, if it is here: the same picture needs it.",
    )
    old_versions: bool = param(
        True,
        "Old behaviour for pictures of old versions",
        setting="auto_backcompat",
        help="Switched on by the Version in the recipe.",
    )
    styles: str = param(
        "Apply if any",
        "Styles found in the prompts that are read",
        setting="infotext_styles",
        choices=("Ignore", "Apply", "Discard", "Apply if any"),
        advanced=True,
        help="Discard takes their text away; otherwise it stays, and they are named.",
    )
    skip: tuple[str, ...] = param(
        (), "Keys that are not read", setting="infotext_skip_pasting", advanced=True
    )

    def omitted(self) -> frozenset[str]:
        """The keys that are not written."""
        written = {
            "Model": self.model_name,
            "Model hash": self.model_hash,
            "VAE": self.vae_name,
            "VAE hash": self.vae_hash,
            "Version": self.version,
            "Lora hashes": self.lora_hashes,
            "TI hashes": self.embedding_hashes,
            "Device": self.device,
        }
        return frozenset({*self.unwritten, *(key for key, wanted in written.items() if not wanted)})
