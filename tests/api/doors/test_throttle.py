"""Wrong passwords are counted by address, for a minute."""

from modules.api.doors.throttle import REMEMBERED, WINDOW_S, Throttle


def test_after_too_many_failures_one_waits_until_the_first_is_old():
    now = [0.0]
    throttle = Throttle(2, lambda: now[0])
    assert throttle.wait_s("a") == 0
    throttle.failed("a")
    now[0] = 20
    throttle.failed("a")
    assert throttle.wait_s("a") == WINDOW_S - 20
    assert throttle.wait_s("b") == 0
    now[0] = WINDOW_S + 1
    assert throttle.wait_s("a") == 0


def test_memory_is_bounded():
    throttle = Throttle()
    for number in range(REMEMBERED + 50):
        throttle.failed(str(number))
    assert len(throttle._failures) == REMEMBERED
