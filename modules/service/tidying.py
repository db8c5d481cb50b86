"""What an earlier process left half done is put right when the next one starts."""

import logging
from pathlib import Path

from modules.errors import WebUIError
from modules.service.database import Database
from modules.service.gallery import Gallery
from modules.service.queue import JobQueue
from modules.service.saving import tidy_parts

log = logging.getLogger(__name__)


def tidy_up(outputs: Path, gallery: Gallery, queue: JobQueue, database: Database) -> None:
    """Delete unfinished files in `outputs`, and bring home pictures that were kept elsewhere."""
    left = tidy_parts(outputs)
    if left:
        log.info("%d unfinished files of an earlier run were deleted", left)
    try:
        moved, _ = gallery.bring_home(queue.find)
        database.write(*(one.statement for one in moved))
        for one in moved:
            one.tidy()
        gallery.inputs.tidy()
    except WebUIError as error:
        log.warning("Pictures kept elsewhere stay there: %s", error)
