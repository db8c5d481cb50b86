"""An engine in a child process: events come through, buttons reach it, and death is survived."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from modules.engine.messages import EngineSpec
from modules.engine.process import ProcessEngine
from modules.errors import EngineDown, Interrupted, WebUIError
from modules.schema.cancel import Cancel
from modules.schema.catalogue import Catalogue
from modules.schema.event import ImageReady, Progress
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size

ROOT = Path(__file__).resolve().parents[2]
FAKE = "modules.engine.fake:FakeEngine"
TASK = GenerationRequest(
    seeds=Seeds(seed=5), size=Size(width=32, height=32), sampling=Sampling(steps=3)
)


def slow_engine(**options):
    return ProcessEngine(EngineSpec(factory=FAKE, options=options), lambda refresh: Catalogue())


@pytest.fixture(scope="module")
def engine():
    """A child that takes 20 ms a step; shared, because starting one costs a second."""
    made = slow_engine(step_s=0.02)
    yield made
    made.close()


def pictures(events):
    return [event.image for event in events if isinstance(event, ImageReady)]


def test_events_and_pixels_come_through(engine):
    events = list(engine.run(TASK, Cancel()))
    assert [event.step for event in events if isinstance(event, Progress)] == [1, 2, 3]
    [picture] = pictures(events)
    assert (picture.seed, picture.image.width, len(picture.image.data)) == (5, 32, 32 * 32 * 3)


def test_a_task_can_begin_at_a_later_picture(engine):
    task = replace(TASK, batch=Batch(batch_size=2, n_iter=2))
    assert [picture.index for picture in pictures(engine.run(task, Cancel(), 3))] == [3]


def test_stop_reaches_the_child_in_mid_run(engine):
    task, cancel = replace(TASK, sampling=Sampling(steps=1000)), Cancel()
    threading.Timer(0.2, cancel.stop).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        list(engine.run(task, cancel))
    assert time.monotonic() - began < 5


def test_skip_leaves_one_batch_only(engine):
    cancel = Cancel()
    events = []
    for event in engine.run(replace(TASK, batch=Batch(n_iter=2)), cancel):
        if not events:
            cancel.skip()
        events.append(event)
    assert [picture.index for picture in pictures(events)] == [1]


def test_the_next_task_runs_when_the_last_one_was_left(engine):
    for _ in engine.run(replace(TASK, sampling=Sampling(steps=1000)), Cancel()):
        break
    assert pictures(engine.run(TASK, Cancel()))


def test_kill_9_gives_a_clear_error_and_the_next_task_runs():
    engine = slow_engine(step_s=0.01)
    try:
        for _ in range(3):
            list(engine.run(TASK, Cancel()))
            run = engine.run(replace(TASK, sampling=Sampling(steps=1000)), Cancel())
            next(run)
            os.kill(engine.status().pid, signal.SIGKILL)
            with pytest.raises(EngineDown, match="killed"):
                list(run)
        assert pictures(engine.run(TASK, Cancel()))
        assert engine.status().restarts == 3
    finally:
        engine.close()


def test_a_checkpoint_whose_loading_kills_is_not_loaded_again_and_again():
    engine = slow_engine(kill_when_warmed=True)
    try:
        engine.warm("deadly")
        end = time.monotonic() + 20
        while engine.status().restarts < 1 and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(1)
        assert engine.status().restarts == 1
        assert pictures(engine.run(TASK, Cancel()))
    finally:
        engine.close()


def test_errors_keep_their_kind_and_words_on_the_way():
    engine = slow_engine(error=WebUIError("It is broken.", "Mend it."))
    try:
        with pytest.raises(WebUIError, match="It is broken") as caught:
            list(engine.run(TASK, Cancel()))
        assert caught.value.hint == "Mend it."
    finally:
        engine.close()


def test_a_child_that_cannot_start_is_reported():
    engine = ProcessEngine(EngineSpec(factory="modules.nowhere:Engine"), lambda _: Catalogue())
    with pytest.raises(EngineDown, match="could not start"):
        list(engine.run(TASK, Cancel()))
    engine.close()


def test_closing_ends_the_child_and_refuses_more():
    engine = slow_engine()
    list(engine.run(TASK, Cancel()))
    child = psutil.Process(engine.status().pid)
    engine.close()
    assert not child.is_running()
    with pytest.raises(EngineDown):
        list(engine.run(TASK, Cancel()))


def test_the_child_ends_when_the_parent_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(
            """
            import time
            from modules.engine.messages import EngineSpec
            from modules.engine.process import ProcessEngine
            from modules.schema.cancel import Cancel
            from modules.schema.request import GenerationRequest

            if __name__ == "__main__":
                fake = "modules.engine.fake:FakeEngine"
                spec = EngineSpec(factory=fake, options={"step_s": 0.05})
                engine = ProcessEngine(spec, lambda refresh: None)
                for event in engine.run(GenerationRequest(), Cancel()):
                    print(engine.status().pid, flush=True)
            """
        )
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, alive = psutil.wait_procs([child], timeout=10)
    assert gone and not alive
