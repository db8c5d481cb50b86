"""Flags of A1111 and Forge that start scripts contain and that are not ours."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Accepted:
    """A flag that is understood; `takes` is how many words follow it, as argparse counts."""

    name: str
    takes: Literal["", "?", "*"] | int = ""
    why: str = ""


def _bare(names: str) -> tuple[Accepted, ...]:
    return tuple(Accepted(name) for name in names.split())


def _with_value(names: str) -> tuple[Accepted, ...]:
    return tuple(Accepted(name, 1) for name in names.split())


WITHOUT_EFFECT: tuple[Accepted, ...] = (
    *_bare(
        "api xformers force-enable-xformers xformers-flash-attention opt-sdp-attention "
        "opt-sdp-no-mem-attention opt-split-attention opt-sub-quad-attention "
        "opt-split-attention-invokeai opt-split-attention-v1 disable-opt-split-attention "
        "attention-split attention-quad attention-pytorch disable-xformers "
        "no-download-sd-model do-not-download-clip skip-torch-cuda-test "
        "skip-python-version-check skip-version-check skip-prepare-environment skip-install "
        "reinstall-torch reinstall-xformers test-server administrator show-negative-prompt "
        "disable-tls-verify deepdanbooru always-batch-cond-uncond unload-gfpgan gradio-queue "
        "no-gradio-queue add-stop-route enable-console-prompts no-progressbar-hiding gradio-debug "
        "skip-load-model-at-start lowram disable-model-loading-ram-optimization "
        "disable-console-progressbars log-startup use-textbox-seed no-hashing "
        "cuda-malloc cuda-stream pin-shared-memory"
    ),
    *_with_value(
        "max-batch-count gradio-img2img-tool gradio-inpaint-tool ngrok-region "
        "sub-quad-q-chunk-size sub-quad-kv-chunk-size sub-quad-chunk-threshold gfpgan-dir "
        "gfpgan-model"
    ),
)
"""Always so, or about things that do not exist here."""

NOT_YET: tuple[Accepted, ...] = (
    *_bare(
        "upcast-sampling opt-channelslast "
        "disable-nan-check use-ipex directml ui-debug-mode "
        "update-all-extensions update-check "
        "allow-code unix-filenames-sanitization no-prompt-history dump-sysinfo "
        "always-gpu always-high-vram always-normal-vram always-low-vram always-no-vram always-cpu"
    ),
    *_with_value(
        "lyco-dir-backcompat lyco-dir esrgan-models-path realesrgan-models-path swinir-models-path "
        "scunet-models-path dat-models-path ldsr-models-path bsrgan-models-path "
        "config "
        "textual-inversion-templates-dir "
        "filenames-max-length "
        "text-encoder-dir forge-ref-a1111-home gradio-allowed-path"
    ),
)
"""Understood and told that they do nothing yet."""

NO_TUNNEL = "Use --share, or a tunnel of your own."
NO_SUCH_LOCK = "Leave it out; until it works, everybody who reaches the page may do everything."

REFUSED: tuple[Accepted, ...] = (
    Accepted("ngrok", 1, NO_TUNNEL),
    Accepted("ngrok-options", 1, NO_TUNNEL),
    Accepted("disable-safe-unpickle", why="Files that run code are never loaded."),
    Accepted("hide-ui-dir-config", why=NO_SUCH_LOCK),
    Accepted("freeze-settings", why=NO_SUCH_LOCK),
    Accepted("freeze-settings-in-sections", 1, NO_SUCH_LOCK),
    Accepted("freeze-specific-settings", 1, NO_SUCH_LOCK),
)
"""Flags that promise a protection, or take one away: going on without it would be worse."""
