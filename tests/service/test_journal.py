"""Numbered events: nothing missed, nothing twice, whoever follows and whenever they begin."""

import asyncio
import threading
import time

import pytest

from modules.errors import NotFound, WebUIError
from modules.schema.event import Finished, Notice, Preview, Progress, Queued, Started
from modules.schema.request import GenerationRequest
from modules.service.database import Database
from modules.service.job import Job
from modules.service.journal import BLOCK, Journal
from modules.service.queue import JobQueue
from modules.settings.settings import Settings


def progress(step):
    return Progress(step=step, steps=10, batch=0, batches=1)


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "jobs.db")
    JobQueue(made).add(Job(id="a", task=GenerationRequest(), settings=Settings()))
    yield made
    made.close()


@pytest.fixture
def journal(database):
    return Journal(database)


def test_a_late_follower_sees_what_was_missed_in_order(journal):
    journal.append("a", Started())
    for step in range(1, 5):
        journal.append("a", progress(step))
    journal.append("a", Notice(message="half way"))
    journal.append("a", Finished())
    seen = list(journal.follow("a"))
    assert [type(entry.event) for entry in seen] == [Queued, Started, Progress, Notice, Finished]
    numbers = [entry.number for entry in seen]
    assert numbers == sorted(set(numbers))
    assert seen[2].event.step == 4


def test_following_from_a_number_gives_only_what_is_new(journal):
    journal.append("a", Started())
    middle = journal.append("a", Notice(message="one"))
    journal.append("a", Notice(message="two"))
    assert [entry.event.message for entry in journal.since("a", middle)] == ["two"]


def test_a_waiting_follower_is_woken(journal):
    def write():
        time.sleep(0.05)
        journal.append("a", Started())
        journal.append("a", Finished())

    threading.Thread(target=write).start()
    assert isinstance(list(journal.follow("a", timeout=5))[-1].event, Finished)


def test_fifty_followers_on_a_loop_see_the_same(journal):
    async def follow():
        return [entry.number async for entry in journal.follow_async("a", timeout=5)]

    async def all_of_them():
        followers = [asyncio.create_task(follow()) for _ in range(50)]
        await asyncio.sleep(0.05)
        for number in range(5):
            await asyncio.to_thread(journal.append, "a", Notice(message=str(number)))
        await asyncio.to_thread(journal.append, "a", Finished())
        return await asyncio.gather(*followers)

    seen = asyncio.run(all_of_them())
    assert len(seen) == 50
    assert all(numbers == seen[0] for numbers in seen)


def test_a_follower_gives_up_when_nothing_comes(journal):
    began = time.monotonic()
    assert [type(entry.event) for entry in journal.follow("a", timeout=0.1)] == [Queued]
    assert time.monotonic() - began < 2


def test_only_the_newest_preview_is_kept_and_none_after_the_end(journal):
    for number in range(3):
        journal.append("a", Preview(jpeg=bytes([number]), width=1, height=1))
    assert journal.preview("a")[1].jpeg == b"\x02"
    journal.append("a", Finished())
    assert journal.preview("a") is None


def test_numbers_are_not_given_twice_after_a_crash(database, journal):
    last = [journal.append("a", progress(step)) for step in range(20)][-1]
    after_crash = Journal(database)
    assert last < after_crash.append("a", Started()) <= last + BLOCK + 1


def test_lasting_events_survive_and_fleeting_ones_do_not(database, journal):
    journal.append("a", Started())
    journal.append("a", progress(1))
    journal.append("a", Notice(message="kept"))
    kinds = [type(entry.event) for entry in Journal(database).since("a")]
    assert kinds == [Queued, Started, Notice]


def test_followers_of_all_jobs_hear_of_changes_but_not_of_every_step(journal):
    start = journal.newest_change
    journal.append("a", Started())
    changed = journal.newest_change
    journal.append("a", progress(1))
    assert journal.newest_change == changed > start
    assert [job_id for _, job_id in journal.changes_since(start)] == ["a"]


def test_an_unknown_job_is_not_found(journal):
    with pytest.raises(NotFound):
        journal.since("nobody")


def test_closing_lets_every_follower_go(journal):
    done = threading.Event()
    threading.Thread(target=lambda: (list(journal.follow("a")), done.set())).start()
    time.sleep(0.05)
    journal.close()
    assert done.wait(5)


def test_a_full_disk_holds_nothing_up_and_what_it_refused_is_written_later(
    database, journal, monkeypatch
):
    def refuse(*statements):
        raise WebUIError("The list of jobs cannot be written: disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(database, "write", refuse)
        journal.append("a", Started())
        journal.append("a", Notice(message="in memory"))
    assert [type(entry.event) for entry in journal.since("a")] == [Queued, Started, Notice]
    assert [type(entry.event) for entry in Journal(database).since("a")] == [Queued]
    journal.append("a", Finished())
    assert Journal(database).since("a") == journal.since("a")
