"""Whose jobs and pictures a visitor may see and change: administrators all, others their own."""

from collections.abc import Sequence

from modules.errors import NotFound
from modules.service.app import App
from modules.service.visitor import VISITOR


def mine() -> str | None:
    """Whose things the one who asks may see; None means everybody's."""
    visitor = VISITOR.get()
    return None if visitor.is_admin else visitor.name


def check_job(app: App, job_id: str) -> None:
    """Raise NotFound unless the one who asks may see this job."""
    person = mine()
    if person is not None and app.queue.find(job_id).person != person:
        raise NotFound("job", job_id)


def check_images(app: App, ids: Sequence[str]) -> None:
    """Raise NotFound unless the one who asks may see these pictures."""
    person = mine()
    if person is None:
        return
    for image_id in ids:
        if app.gallery.find(image_id).person != person:
            raise NotFound("picture", image_id)
