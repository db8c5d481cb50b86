"""A whole served program with the six extensions, for all tests that do not break it."""

from collections.abc import Iterator

import pytest

from modules.cli.splash import Splash
from modules.settings.launch import Launch
from tests.conftest import GOLDEN, Served, serve
from tests.extension.layer import put_extensions
from tests.ui.conftest import with_page


@pytest.fixture(scope="session")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page that draws with the small reference checkpoint in a child process, and extensions.

    When extensions are loaded anew, the page is built again and handed over, as `serve` does it.
    """
    data = tmp_path_factory.mktemp("extended")
    put_extensions(data)
    checkpoints = GOLDEN / "data" / "Stable-diffusion"
    launch = Launch(data_dir=str(data), ckpt_dir=str(checkpoints), device="cpu")
    splash = Splash()
    for served in serve(data, launch=launch, make=lambda app: splash):
        app = served.app
        splash.hand_over(with_page(app))
        app.extensions.watch(lambda app=app: splash.hand_over(with_page(app)))
        yield served
