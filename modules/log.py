"""Logging for every process of the program."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
MOST_BYTES = 50 * 2**20


def set_up_logging(level: int = logging.INFO, file: Path | None = None) -> None:
    """Log to stderr, one line a record, and to `file`, if it can be written.

    The file and the one before it take `MOST_BYTES` together; older lines are gone.
    """
    logging.basicConfig(level=level, format=FORMAT, datefmt="%H:%M:%S", force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            kept = RotatingFileHandler(file, "a", MOST_BYTES // 2, backupCount=1, encoding="utf-8")
        except OSError as error:
            logging.getLogger(__name__).warning("There is no log file %s: %s", file, error.strerror)
            return
        kept.setFormatter(logging.Formatter(FORMAT))
        logging.getLogger().addHandler(kept)


@contextmanager
def timed(log: logging.Logger, what: str) -> Iterator[None]:
    """Log how long a block took, in seconds."""
    start = time.perf_counter()
    yield
    log.info("%s took %.2f s", what, time.perf_counter() - start)
