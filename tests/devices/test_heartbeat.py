from devices.heartbeat import Heartbeat


def test_the_first_beat_is_due_at_once() -> None:
    assert Heartbeat(1200.0).is_due(0.0, 1000.0)


def test_a_beat_is_due_when_a_third_of_the_window_has_passed_on_either_clock() -> None:
    heart = Heartbeat(1200.0)
    heart.done(100.0, 1000.0)
    assert not heart.is_due(499.0, 1001.3)
    assert heart.is_due(500.0, 1001.3)
    assert heart.is_due(100.0, 1400.0)


def test_a_new_start_makes_a_beat_due() -> None:
    heart = Heartbeat(1200.0)
    heart.done(100.0, 1000.0)
    heart.restart()
    assert heart.is_due(0.0, 1000.0)


def test_without_a_watchdog_there_is_nothing_to_beat() -> None:
    assert not Heartbeat(0.0).is_due(1e9, 1e9)
