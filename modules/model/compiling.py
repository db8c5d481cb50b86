"""Compiled networks at work: made beside the drawing, used from a later picture on, never needed.

A shape of inputs that is new is drawn as always, while a process of low priority compiles it for
later. Whatever goes wrong there costs a notice and nothing else. Compiled code rounds otherwise, so
a pass decides once, by what is ready at its first call of a shape, and recipes say it.
"""

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from modules.errors import ModelError
from modules.model.form import SUFFIX, Form, FormRecipe, recipe_for
from modules.model.memory import ran_out
from modules.model.networks.unet import CrossAttention, UNet
from modules.paths import ROOT

log = logging.getLogger(__name__)

MOST_SHAPES = 8
"""Shapes that are compiled for one network; more are drawn as always."""
MOST_FILES = 48
"""Files kept; those unused for longest leave."""
LIKE_ENOUGH = {torch.float32: 1e-3, torch.float16: 5e-2, torch.bfloat16: 5e-2}
"""How far, relatively, a compiled answer may be from the network's."""
LEFT_S = 24 * 3600
"""Seconds after which nobody works any more on what a process has begun."""
COMPILERS = ("c++", "g++", "clang++", "cl")
LAST_WORDS = 200
"""Characters of an error that are told."""

Key = tuple[object, ...]


class Compiler:
    """Has forms compiled, one at a time, and knows what has failed since the program began."""

    def __init__(self, folder: Path) -> None:
        """`folder` keeps the files from start to start; it may be emptied at any time."""
        self.folder = folder
        self.news: list[str] = []
        """What a person should know; whoever tells it empties the list."""
        self._waiting: dict[str, FormRecipe] = {}
        self._failed = set[str]()
        self._process: subprocess.Popen[bytes] | None = None
        self._compiling = ""
        self._useless = False

    def ready(self, recipe: FormRecipe) -> Path | None:
        """The file of a recipe, if it is there; it counts as used now."""
        path = self.folder / recipe.name
        if recipe.name in self._failed or not path.exists():
            return None
        os.utime(path)
        return path

    def wish(self, recipe: FormRecipe) -> None:
        """Have a recipe compiled some time."""
        if not self._useless and recipe.name not in (self._compiling, *self._failed):
            self._waiting[recipe.name] = recipe
            self.look()

    def fail(self, name: str, reason: str) -> None:
        """Leave a form alone from now on, and tell why."""
        self._failed.add(name)
        self._tell(f"A compiled network is not used: {reason}. Pictures are drawn without it.")

    def look(self) -> None:
        """See whether what is being compiled is done, and begin with the next."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._done(self._process)
        if self._waiting:
            name = next(iter(self._waiting))
            self._begin(self._waiting.pop(name))

    def wait(self) -> None:
        """Wait until nothing is left to compile."""
        while self._process is not None:
            self._process.wait()
            self.look()

    def close(self) -> None:
        """Leave what is being compiled."""
        self._waiting.clear()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._forget_process()

    def _begin(self, recipe: FormRecipe) -> None:
        lacking = what_is_lacking(recipe.device)
        if lacking:
            self._useless = True
            self._waiting.clear()
            self._tell(f"Networks cannot be compiled here: {lacking}.")
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        tidy(self.folder)
        source = self._source(recipe.name)
        source.write_text(recipe.to_json(), encoding="utf-8")
        with self._log(recipe.name).open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "modules.model.form", source, self.folder / recipe.name],
                stdin=subprocess.PIPE,  # its end tells the process that nobody wants it any more
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        self._compiling = recipe.name
        log.info("Compiling a network for %s", "x".join(map(str, recipe.inputs[0].shape)))

    def _done(self, process: subprocess.Popen[bytes]) -> None:
        name = self._compiling
        if process.returncode:
            words = self._log(name).read_text(encoding="utf-8", errors="replace").strip()
            log.warning("Compiling failed (exit code %d):\n%s", process.returncode, words[-4000:])
            last = words.splitlines()[-1] if words else f"exit code {process.returncode}"
            self.fail(name, f"compiling failed ({last[:LAST_WORDS]})")
        else:
            log.info("A network has been compiled; pictures to come are drawn with it")
        self._forget_process()

    def _forget_process(self) -> None:
        for path in (self._source(self._compiling), self._log(self._compiling)):
            path.unlink(missing_ok=True)
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process, self._compiling = None, ""

    def _source(self, name: str) -> Path:
        return self.folder / f"part-{os.getpid()}-{name}.json"

    def _log(self, name: str) -> Path:
        return self.folder / f"part-{os.getpid()}-{name}.log"

    def _tell(self, message: str) -> None:
        if message not in self.news:
            self.news.append(message)


class Forms:
    """The compiled forms of one network, and which of them the pass under way uses."""

    def __init__(self, network: UNet, compiler: Compiler) -> None:
        self.network, self.compiler = network, compiler
        self.used = False
        """Whether a compiled form has answered since the pass began."""
        self._forms: dict[str, Form] = {}
        self._chosen: dict[Key, Form | None] = {}
        self._known = set[str]()

    def begin(self) -> None:
        """A pass begins: what is ready by now may be used, and stays in use until the next."""
        self.used = False
        self._chosen.clear()
        self.compiler.look()

    def answer(self, *inputs: Tensor) -> Tensor | None:
        """The network's answer to latents, timesteps, context and, if it takes one, a vector.

        None where no form is ready or the network is not as it was compiled; it is to be asked
        itself then.
        """
        given = [one.contiguous() for one in inputs]
        key: Key = tuple((one.shape, one.dtype) for one in given)
        if key not in self._chosen:
            self._chosen[key] = self._choose(given)
        form = self._chosen[key]
        if form is None:
            return None
        try:
            answer = form(given)
        except Exception as error:
            if ran_out(error):
                raise
            self._give_up(form, f"it broke ({type(error).__name__}: {error})"[:LAST_WORDS])
            return None
        self.used = True
        return answer

    def _choose(self, inputs: Sequence[Tensor]) -> Form | None:
        """A form that is ready for such inputs; if there is none, it is wished for."""
        if not is_plain(self.network):
            return None
        recipe = recipe_for(self.network, inputs)
        path = self.compiler.ready(recipe)
        if path is None:
            self._known.add(recipe.name)
            if len(self._known) <= MOST_SHAPES:
                self.compiler.wish(recipe)
            return None
        try:
            if recipe.name not in self._forms:
                self._forms[recipe.name] = Form(path, self.network, len(inputs))
            form = self._forms[recipe.name]
            form.bind()
            return form if form.proven or self._proves(form, inputs) else None
        except (ModelError, RuntimeError, OSError) as error:
            if ran_out(error):
                raise
            path.unlink(missing_ok=True)
            self.compiler.fail(recipe.name, f"its file is of no use ({error})"[:LAST_WORDS])
            return None

    def _proves(self, form: Form, inputs: Sequence[Tensor]) -> bool:
        """Whether a form answers as the network does."""
        exact = self.network(*inputs).float()
        size = float(exact.norm()) or 1.0
        apart = float((form(inputs).float() - exact).norm()) / size
        form.proven = apart <= LIKE_ENOUGH[self.network.dtype]
        log.info("A compiled network answers with a relative difference of %.1e", apart)
        if not form.proven:
            self._give_up(form, f"its answer differs by {apart:.1%}")
        return form.proven

    def _give_up(self, form: Form, reason: str) -> None:
        name = next(name for name, one in self._forms.items() if one is form)
        del self._forms[name]
        self._chosen = {key: None if one is form else one for key, one in self._chosen.items()}
        self.compiler.fail(name, reason)


def forms_for(network: nn.Module, compiler: Compiler, policy: str) -> Forms | None:
    """What compiles a network; None for those it cannot be done for.

    Only U-Nets are, whose weights stay where they are and that are told no guidance scale.
    """
    if policy != "all" or not isinstance(network, UNet):
        return None
    whole = all(one.is_floating_point() for one in network.parameters())
    if not whole or network.config.scale_embedding is not None or network.dtype not in LIKE_ENOUGH:
        return None
    return Forms(network, compiler)


def is_plain(network: nn.Module) -> bool:
    """Whether a network computes what its description says: nothing watches or joins its layers."""
    for layer in network.modules():
        if layer._forward_hooks or layer._forward_pre_hooks:
            return False
        if isinstance(layer, nn.Conv2d) and layer.padding_mode != "zeros":
            return False
        if isinstance(layer, CrossAttention) and layer.beside is not None:
            return False
    return True


def what_is_lacking(device: str) -> str:
    """What compiling for a device needs and is not here, in words; "" if all is."""
    wanted = os.environ.get("CXX")
    if not any(shutil.which(name) for name in ((wanted,) if wanted else COMPILERS)):
        return f"there is no C++ compiler ({wanted or ', '.join(COMPILERS)})"
    if device.startswith("cuda") and importlib.util.find_spec("triton") is None:
        return "the package triton is not installed"
    return ""


def tidy(folder: Path) -> None:
    """Keep the files used last, and nothing of processes that died."""
    left = time.time() - LEFT_S
    for path in folder.glob("part-*"):
        if path.stat().st_mtime < left:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    files = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime)
    for path in files[: -MOST_FILES + 1]:
        path.unlink(missing_ok=True)
