"""The one place where parts are joined: what every door talks to."""

import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from modules.compat.world import World
from modules.engine.engine import Engine
from modules.errors import NotFound, WebUIError
from modules.param import check_limits, replace_at
from modules.paths import Paths
from modules.prompt.styles import StyleBook
from modules.schema.catalogue import Catalogue, EngineStatus
from modules.schema.foreign.readers import read_plain
from modules.schema.inputs import ImageData
from modules.schema.request import GenerationRequest, Size
from modules.schema.tasks import Look
from modules.service.card_files import folders_of_models
from modules.service.cards import CardIndex
from modules.service.collection import Collection
from modules.service.complete import complete_request
from modules.service.control import Control, check_priority
from modules.service.control_desk import ControlDesk
from modules.service.control_units import completed_control, with_units_kept
from modules.service.copies import save_copies
from modules.service.crew import Crew
from modules.service.database import Database
from modules.service.drawing import Workplace
from modules.service.engine_start import engine_for
from modules.service.extension_host import ExtensionHost
from modules.service.extensions import ExtensionDesk
from modules.service.extras_desk import ExtrasDesk
from modules.service.extras_store import ExtrasStore
from modules.service.extras_uploads import Uploads
from modules.service.extras_work import ExtrasKeeper
from modules.service.gallery import Gallery
from modules.service.indexer import Indexer
from modules.service.job import Job, Snapshot, new_id
from modules.service.journal import Entry, Journal
from modules.service.local_names import LocalNames
from modules.service.merge_desk import MergeDesk
from modules.service.picture import Picture
from modules.service.preflight.desk import Estimate, PreflightDesk, setup_of
from modules.service.queue import JobQueue
from modules.service.read_picture import read_whole
from modules.service.recipe import Recipe, understand, with_styles_found
from modules.service.resolve import find_checkpoint
from modules.service.screening import Looked, Rules, ScreenedEngine, looked
from modules.service.scripts.catalogue import complete_script
from modules.service.scripts.recall import with_script
from modules.service.search import Search
from modules.service.snapshot import newest_jobs, take_snapshot
from modules.service.tidying import tidy_up
from modules.service.visitor import VISITOR, require_admin
from modules.service.word_desk import WordDesk
from modules.service.wording import check_words, with_final_texts, with_words
from modules.settings.launch import Launch
from modules.settings.sections.recipe import Recipe as ReadingRules
from modules.settings.settings import Settings
from modules.settings.store import SettingsStore

log = logging.getLogger(__name__)


class App:
    """Jobs, pictures, models and settings, for the page, the REST API and the command line.

    Every method may be called from any thread. Those named `..._async` belong on an event loop and
    never hold it up; the others may wait for the disk.
    """

    def __init__(
        self,
        paths: Paths,
        launch: Launch,
        engine: Engine,
        settings: SettingsStore,
        database: Database,
    ) -> None:
        self.paths = paths
        self.launch = launch
        self.rules = Rules(settings, launch.safety)
        self.engine = engine = ScreenedEngine(engine, self.rules.manner)
        self.settings = settings
        self._database = database
        self.queue = JobQueue(database)
        self.journal = Journal(database)
        self.control = Control(self.queue, self.journal)
        self.gallery = Gallery(database, paths)
        self.collection = Collection(database, paths)
        self._names = LocalNames(paths)
        self.indexer = Indexer(database, paths, lambda: settings.settings)
        self.cards = CardIndex(paths.cache / "cards.db", lambda: folders_of_models(paths))
        self.extras = ExtrasDesk(
            engine,
            ExtrasKeeper(database, paths, self.look),
            ExtrasStore(database),
            lambda: settings.settings,
        )
        self.merges = MergeDesk(engine, paths)
        self.controlnet = ControlDesk(engine, paths)
        self.words = WordDesk(paths, database, self.catalogue, self.styles)
        self.uploads = Uploads(paths.cache / "extras")
        self.extensions = ExtensionDesk(
            paths,
            launch,
            settings,
            engine,
            make_world=lambda extensions: World(extensions, ExtensionHost(self)),
        )
        self._closing = threading.Event()
        self._warmed = False
        pace = setup_of(launch, settings.settings)
        self.preflight = PreflightDesk(database, engine, self.queue, paths, pace)
        parts = (engine, self.journal, self.gallery, self.queue, paths, self._closing)
        self._crew = Crew(Workplace(*parts, self.extensions.loaded, self.preflight))

    def _chosen(self) -> str:
        """The checkpoint of the settings, else the one of the command line, else ""."""
        return self.settings.base_request().models.checkpoint or self.launch.ckpt

    def start(self, *, adopt: bool = True) -> None:
        """Begin to work; with `adopt` also at what an earlier process left unfinished."""
        self.extensions.start()
        self.gallery.forget_unsaved()
        if adopt:
            self.queue.stay_paused()
            self.indexer.start()
            self.cards.start()
            tidy = partial(tidy_up, self.paths.outputs, self.gallery, self.queue, self._database)
            self._crew.begin(tidy, "tidy")
            self.extras.adopt()
        for job_id in self.queue.adopt() if adopt else ():
            log.info("Job %s goes on where it was left", job_id)
            self.journal.announce(job_id)
        self._crew.work(self.engine.slots)

    def warm(self) -> None:
        """Start the engine and load the chosen checkpoint in the background."""
        self._warmed = True
        try:
            checkpoint = find_checkpoint(self._chosen(), self.engine.catalogue().checkpoints)
            self.engine.warm(checkpoint.title)
        except WebUIError as error:
            log.warning("Nothing is loaded in advance: %s", error)
            self.engine.warm("")

    def warm_once(self) -> None:
        """Do what `warm` does, unless that was done."""
        if not self._warmed:
            self.warm()

    def submit(
        self,
        request: GenerationRequest,
        *,
        save: bool = True,
        origin: str = "page",
        size_given: bool = True,
        overrides: Mapping[str, Any] | None = None,
        settings: Settings | None = None,
        person: str | None = None,
        priority: int = 0,
        parent: str = "",
        forever: bool = False,
    ) -> Job:
        """Check `request`, fill in what is open, put it in line; on disk when this returns.

        `overrides` are settings by their A1111 names for this job alone (those that are part of a
        request must already be in it: see `base_request`). Raises InvalidRequest, NotFound,
        ModelError, or WebUIError if the line cannot be written.
        """
        if self._closing.is_set():
            raise WebUIError("The program is closing.", "Start it again and send the job again.")
        check_priority(priority)
        if parent:
            self.queue.find(parent)
        if settings is None:
            settings, _ = self.settings.with_overrides(overrides or {})
        request = self.extensions.prepared(request)
        job = Job(
            id=new_id(),
            task=self.rules.obeyed(
                self.completed(request, size_given=size_given, settings=settings), settings
            ),
            settings=settings,
            save=save,
            origin=origin,
            created=time.time(),
            person=VISITOR.get().name if person is None else person,
            priority=priority,
            parent=parent,
            forever=forever,
        )
        self.queue.add(job)
        if settings.interface.prompt_history and origin == "page":
            self.words.history.remember(job.task, job.person)
        self.journal.announce(job.id)
        self.queue.announce()
        return job

    def base_request(self, overrides: Mapping[str, Any] | None = None) -> GenerationRequest:
        """Return a request as the settings have it, with A1111 option names overridden."""
        return self.settings.with_overrides(overrides or {})[1]

    def completed(
        self,
        request: GenerationRequest,
        *,
        size_given: bool = True,
        settings: Settings | None = None,
    ) -> GenerationRequest:
        """Return `request` as it would be drawn now. Raises as `submit` does."""
        if not request.models.checkpoint:
            request = replace_at(request, "models.checkpoint", self._chosen())
        catalogue = self.engine.catalogue()
        request = complete_request(request, catalogue, size_given=size_given)
        settings = settings or self.settings.settings
        request = completed_control(
            request, catalogue.control_models, self.paths.annotators, settings.control
        )
        if request.script is None:
            return with_words(request, self.paths)
        check_words(request, self.paths)
        return complete_script(request, catalogue, settings, self.paths)

    def estimate(
        self,
        request: GenerationRequest,
        *,
        settings: Settings | None = None,
        size_given: bool = True,
        save: bool = True,
        units: int = 0,
    ) -> Estimate:
        """Say what `request` would cost, with `units` of control besides its own.

        It need not be complete: pictures may be missing. Raises InvalidRequest or NotFound.
        """
        settings = settings or self.settings.settings
        if not request.models.checkpoint:
            request = replace_at(request, "models.checkpoint", self._chosen())
        if not size_given:
            checkpoint = find_checkpoint(request.models.checkpoint, self.catalogue().checkpoints)
            width, height = checkpoint.native_size
            request = replace(request, size=Size(width=width, height=height))
        check_limits(request)
        return self.preflight.estimate(
            request, settings, saved=save, units=units, person=VISITOR.get().name
        )

    def stop(self, job_id: str) -> None:
        """Take a waiting job out of the line, or end a running one. Harmless if it has ended."""
        self.control.stop(job_id)

    def skip(self, job_id: str) -> None:
        """Leave the batch that is being drawn and go on with the next."""
        self.queue.find(job_id).cancel.skip()

    def follow(self, job_id: str, after: int = 0, timeout: float | None = None) -> Iterator[Entry]:
        """Yield a job's events above `after`, those of the past first, until its ending."""
        return self.journal.follow(job_id, after, timeout)

    def follow_async(
        self, job_id: str, after: int = 0, timeout: float | None = None
    ) -> AsyncIterator[Entry]:
        """Do what `follow` does, on an event loop."""
        return self.journal.follow_async(job_id, after, timeout)

    def snapshot(self, job_id: str) -> Snapshot:
        """Describe a job. Raises NotFound."""
        return take_snapshot(self._database, self.journal, job_id, self.queue.ahead())

    def current(self) -> Snapshot | None:
        """Describe the job being drawn, if there is one."""
        running = self.queue.running()
        return self.snapshot(running[0]) if running else None

    def jobs(
        self, limit: int = 50, *, person: str | None = None, parent: str | None = None
    ) -> list[Snapshot]:
        """Describe the newest jobs, newest first; of one person, or of one parent.

        The parts of a script are listed only as those of their parent.
        """
        ids = newest_jobs(self._database, limit, person, parent)
        ahead = self.queue.ahead()
        return [take_snapshot(self._database, self.journal, job_id, ahead) for job_id in ids]

    def images(self, limit: int = 50, before: int | None = None) -> list[Picture]:
        """List saved pictures, newest first; `before` is a sequence number to go on from."""
        after = "" if before is None else self.gallery.id_of(before)
        return self.collection.search(Search(), limit=limit, after=after)

    def image_file(self, image_id: str) -> Path:
        """Return where a picture's file is. Raises NotFound, also if somebody deleted the file."""
        path = self.gallery.find(image_id).path
        if not path.is_file():
            raise NotFound("picture", image_id)
        return path

    def thumbnail(self, image_id: str) -> Path:
        """Return a small WebP of a picture, made when first asked for. Raises NotFound."""
        return self.gallery.thumbnail(image_id)

    def save_copies(self, ids: Sequence[str]) -> list[Path]:
        """Copy pictures into the folder of kept ones; returns where to. Raises WebUIError."""
        pictures = self.collection.pictures(ids)
        person = VISITOR.get().name
        return save_copies(pictures, self.settings.settings, self.paths, person)

    def catalogue(self, refresh: bool = False) -> Catalogue:
        """List what there is to draw with; `refresh` looks at the folders again."""
        return self.engine.catalogue(refresh)

    def styles(self) -> StyleBook:
        """Read `styles.csv`."""
        return StyleBook.load([self.paths.styles])

    def read_picture(self, content: bytes) -> tuple[str, dict[str, str]]:
        """Return a picture's recipe ("" if none) and its other texts. Raises InvalidRequest."""
        found, texts = read_whole(content)
        return found.infotext, {key: text for key, text in texts.items() if text != found.infotext}

    def read_recipe(
        self,
        content: bytes | str,
        base: GenerationRequest | None = None,
        rules: ReadingRules | None = None,
    ) -> Recipe:
        """Make a request of a picture's recipe, or of its text. Raises InvalidRequest."""
        found = read_plain(content) if isinstance(content, str) else read_whole(content)[0]
        rules = rules or self.settings.settings.recipe
        base = self.base_request() if base is None else base
        recipe = understand(found.infotext, base, self.catalogue().checkpoints, rules)
        request = self._names.renamed(recipe.request, found.infotext)
        request = with_units_kept(request, base, self.settings.settings.control)
        recipe = replace(recipe, request=request, program=found.program, unmapped=found.unmapped)
        recipe = with_final_texts(recipe)
        return with_styles_found(with_script(recipe), self.styles, rules)

    def chosen_checkpoint(self) -> str:
        """Return the title of the checkpoint that a request without one gets; "" if none is."""
        try:
            return find_checkpoint(self._chosen(), self.catalogue().checkpoints).title
        except WebUIError:
            return ""

    def set_options(self, options: Mapping[str, Any]) -> None:
        """Change settings by their A1111 names, and save them. Raises InvalidRequest, Forbidden."""
        require_admin("change settings")
        self.extensions.check_options(options)
        changed = dict(options)
        wanted = changed.get("sd_model_checkpoint")
        if wanted:
            found = find_checkpoint(str(wanted), self.catalogue().checkpoints)
            changed["sd_model_checkpoint"] = found.title
        before = self.chosen_checkpoint()
        self.settings.set_options(changed)
        if wanted and self.chosen_checkpoint() != before:
            self.engine.warm(self.chosen_checkpoint())

    def look(self, image: ImageData) -> Looked:
        """Treat a picture that no engine made as one that was drawn. Raises WebUIError."""
        return looked(self.engine, Look(image=image, watermark=self.rules.watermark()))

    def status(self) -> EngineStatus:
        """Say how the engine is doing."""
        return self.engine.status()

    def end_work(self) -> None:
        """Stop drawing and let every follower go; what is on disk can still be looked at.

        Running jobs go back into the line and continue after the next start.
        """
        if self._closing.is_set():
            return
        self._closing.set()
        for job_id in self.queue.running():
            self.queue.find(job_id).cancel.stop()
        self.queue.close()
        self.extras.close()
        self.merges.close()
        self.engine.close()
        self.indexer.close()
        self.cards.close()
        self._crew.join()
        self.journal.close()

    def close(self) -> None:
        """End for good; harmless when done already."""
        self.end_work()
        self._database.close()


def build_app(
    paths: Paths, launch: Launch, engine: Engine | None = None, *, adopt: bool = True
) -> App:
    """Join the parts and begin to work. Without an `engine`, drawing happens in a child process.

    With `adopt` false, jobs that an earlier process left unfinished are not continued: the manner
    of a command that draws and ends.
    """
    store = SettingsStore(launch.settings_file())
    if engine is None:
        engine = engine_for(paths, launch, store)
    app = App(paths, launch, engine, store, Database(paths.database))
    app.start(adopt=adopt)
    return app
