"""Whose jobs and pictures a visitor may see and change: administrators all, others their own."""

from collections.abc import Iterable, Sequence

from modules.errors import NotFound
from modules.service.app import App
from modules.service.job import Snapshot
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


def current_of(app: App) -> Snapshot | None:
    """Describe the job being drawn, if there is one and the one who asks may see it."""
    snapshot, person = app.current(), mine()
    return snapshot if snapshot and person in (None, snapshot.person) else None


def waiting_of(app: App) -> list[str]:
    """Ids of the waiting jobs that the one who asks may see, in the order they will run."""
    return own_jobs(app, app.queue.waiting())


def own_jobs(app: App, ids: Iterable[str]) -> list[str]:
    """Keep those jobs of the line that the one who asks may see; some may have ended meanwhile."""
    person = mine()
    return [one for one in ids if person is None or _person_of(app, one) == person]


def _person_of(app: App, job_id: str) -> str | None:
    try:
        return app.queue.find(job_id).person
    except NotFound:
        return None
