"""The line of jobs: order, restarts, and several processes on one file."""

import threading

import pytest

from modules.errors import InvalidRequest, NotFound
from modules.schema.request import GenerationRequest
from modules.service.database import MIGRATIONS, Database
from modules.service.job import RUNNING, WAITING, Job
from modules.service.queue import JobQueue
from modules.settings.settings import Settings


def job(name, priority=0):
    return Job(id=name, task=GenerationRequest(prompt=name), settings=Settings(), priority=priority)


def state_of(database, name):
    return database.row("SELECT state FROM jobs WHERE id = ?", (name,))["state"]


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "jobs.db")
    yield made
    made.close()


@pytest.fixture
def queue(database):
    return JobQueue(database)


def test_first_come_first_served_within_a_priority(queue):
    for name, priority in (("a", 0), ("b", 0), ("urgent", 5), ("c", 0)):
        queue.add(job(name, priority))
    assert [queue.take().id for _ in range(4)] == ["urgent", "a", "b", "c"]


def test_a_job_comes_back_as_it_was_submitted(database, queue):
    queue.add(job("a"))
    found = JobQueue(database).find("a")
    assert found.task == GenerationRequest(prompt="a")
    assert found.settings == Settings()


def test_take_waits_until_there_is_something(queue):
    taken = []
    worker = threading.Thread(target=lambda: taken.append(queue.take()))
    worker.start()
    queue.add(job("a"))
    queue.announce()
    worker.join(5)
    assert taken[0].id == "a"


def test_a_waiting_job_can_be_withdrawn_and_a_running_one_cannot(database, queue):
    queue.add(job("a"))
    queue.add(job("b"))
    queue.take()
    assert not queue.withdraw("a")
    assert queue.withdraw("b")
    assert (state_of(database, "a"), state_of(database, "b")) == (RUNNING, "stopped")


def test_jobs_of_a_living_process_are_left_alone(database, queue):
    queue.add(job("a"))
    assert JobQueue(database).adopt() == []


def test_jobs_of_a_dead_process_are_taken_over_in_order(database, queue):
    for name in ("a", "b"):
        queue.add(job(name))
    queue.take()
    database.write(("UPDATE jobs SET owner = '999999999:1.00:dead'", ()))
    heir = JobQueue(database)
    assert heir.adopt() == ["a", "b"]
    assert state_of(database, "a") == WAITING
    assert heir.take().id == "a"


def test_closing_frees_waiting_jobs_for_the_next_process(database, queue):
    queue.add(job("a"))
    queue.close()
    assert queue.take() is None
    assert JobQueue(database).adopt() == ["a"]


def test_a_moved_job_goes_right_before_another_or_last(queue):
    for name in "abcd":
        queue.add(job(name))
    queue.move("d", before="b")
    assert queue.waiting() == ["a", "d", "b", "c"]
    queue.move("a")
    assert queue.waiting() == ["d", "b", "c", "a"]
    assert [queue.take().id for _ in range(4)] == ["d", "b", "c", "a"]
    with pytest.raises(NotFound):
        queue.move("a")


def test_a_job_moved_before_an_urgent_one_is_as_urgent(queue):
    queue.add(job("a"))
    queue.add(job("urgent", 5))
    queue.move("a", before="urgent")
    assert queue.waiting() == ["a", "urgent"]


def test_a_waiting_job_can_be_changed_and_one_that_began_cannot(database, queue):
    queue.add(job("a"))
    queue.edit("a", GenerationRequest(prompt="changed"))
    assert JobQueue(database).find("a").task.prompt == "changed"
    assert queue.take().task.prompt == "changed"
    with pytest.raises(InvalidRequest, match="has begun"):
        queue.edit("a", GenerationRequest())


def test_a_held_job_is_passed_by_all_others(queue):
    for name in "ab":
        queue.add(job(name))
    queue.hold("a")
    assert queue.waiting() == ["b", "a"]
    assert queue.take().id == "b"
    queue.let_go("a")
    assert queue.take().id == "a"


def test_a_database_of_the_first_version_is_brought_up_to_date(tmp_path, monkeypatch):
    path = tmp_path / "old.db"
    with monkeypatch.context() as patch:
        patch.setattr("modules.service.database.MIGRATIONS", MIGRATIONS[:1])
        old = Database(path)
        values = ("a", WAITING, 0, "", "page", 1, "{}", "{}", 1.0)
        old.write(
            (
                "INSERT INTO jobs (id, state, priority, owner, origin, save, task, settings,"
                " created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        )
        old.close()
    database = Database(path)
    queue = JobQueue(database)
    assert queue.adopt() == ["a"]
    queue.add(job("b"))
    assert queue.waiting() == ["a", "b"]
    database.close()


def test_an_unknown_job_is_not_found(queue):
    with pytest.raises(NotFound):
        queue.find("nobody")
