"""Logging for every process of the program."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def set_up_logging(level: int = logging.INFO) -> None:
    """Log to stderr, one line a record."""
    logging.basicConfig(level=level, format=FORMAT, datefmt="%H:%M:%S", force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)


@contextmanager
def timed(log: logging.Logger, what: str) -> Iterator[None]:
    """Log how long a block took, in seconds."""
    start = time.perf_counter()
    yield
    log.info("%s took %.2f s", what, time.perf_counter() - start)
