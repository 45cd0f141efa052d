import threading
from dataclasses import dataclass, field

from devices.deadlines import Deadlines


@dataclass(eq=False)
class Work:
    timeout: float
    expired: threading.Event = field(default_factory=threading.Event)

    def expire(self) -> None:
        self.expired.set()


def test_time_is_up_for_the_shortest_first_in_whatever_order_they_came() -> None:
    deadlines = Deadlines()
    late, soon = Work(30.0), Work(0.02)
    deadlines.add(late)
    deadlines.add(soon)
    assert soon.expired.wait(5.0)
    assert not late.expired.is_set()


def test_what_nobody_remembers_is_not_called() -> None:
    deadlines = Deadlines()
    forgotten, kept = Work(0.01), Work(0.02)
    expired = forgotten.expired
    deadlines.add(forgotten)
    del forgotten
    deadlines.add(kept)
    assert kept.expired.wait(5.0)
    assert not expired.is_set()
