"""What the doctor says of estimates."""

from modules.service.database import Database
from modules.service.doctor.estimates import look_at_estimates
from modules.service.doctor.finding import DOUBTFUL, GOOD
from modules.service.preflight.measured import Foretold, Measured


def kept(file, *told):
    database = Database(file)
    for seconds in told:
        one = Measured(
            device="CPU",
            kind="k",
            mode="",
            manner="",
            format="png",
            total=10.0,
            calls=(),
            rest=None,
            load=None,
            area=1.0,
            span=1.0,
            peak=2_000,
            foretold=Foretold(seconds=seconds, memory=1_000, disk=0) if seconds else None,
        )
        database.write(("INSERT INTO measurements (body) VALUES (?)", (one.text(),)))
    database.close()
    (finding,) = look_at_estimates(file)
    return finding


def test_errors_are_told_as_medians(tmp_path):
    finding = kept(tmp_path / "jobs.db", 9.0, 11.0, 12.0)
    assert finding.state == GOOD
    assert "seconds 10%, memory 50% (medians of 3 jobs)" in finding.seen


def test_estimates_that_are_far_off_are_doubtful(tmp_path):
    assert kept(tmp_path / "jobs.db", *[30.0] * 5).state == DOUBTFUL


def test_nothing_drawn_is_no_fault(tmp_path):
    assert kept(tmp_path / "jobs.db").state == GOOD
    assert kept(tmp_path / "other.db", 0, 0).seen.startswith("2 jobs learned from")
    (finding,) = look_at_estimates(tmp_path / "not-there.db")
    assert finding.state == GOOD


def test_a_damaged_database_is_left_to_another_finding(tmp_path):
    file = tmp_path / "jobs.db"
    file.write_bytes(b"no database at all, but long enough to be read as one" * 50)
    (finding,) = look_at_estimates(file)
    assert finding.state == GOOD
