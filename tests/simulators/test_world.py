import math
import subprocess
import sys
from contextlib import contextmanager

import pytest

from simulators.shared_record import SharedRecord
from simulators.world import CellState, World

_TELL_TIME = """
import sys
from pathlib import Path
from simulators.world import World
world = World.open(Path(sys.argv[1]))
for line in sys.stdin:
    print(world.clock.now_s(), flush=True)
"""

_WRITE_FOR_EVER = """
import sys
from pathlib import Path
from simulators.world import CellState, World
world = World.open(Path(sys.argv[1]))
number = 0.0
while True:
    number += 1.0
    world.publish_cell(CellState(number, number, number, number))
"""


@contextmanager
def another_process(program, path):
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


@pytest.fixture
def world(tmp_path):
    return World.create(tmp_path / "world", rate=300.0, epoch_unix_s=1e9)


def test_two_processes_agree_about_the_time_whatever_its_rate(world):
    with another_process(_TELL_TIME, world.path) as child:
        for rate in (300.0, 1.0, 1000.0, 0.0, 300.0):
            world.clock.set_rate(rate)
            world.clock.advance(3600.0)
            before_s = world.clock.now_s()
            child.stdin.write("now\n")
            theirs_s = float(child.stdout.readline())
            assert before_s <= theirs_s <= world.clock.now_s()


def test_a_reader_never_sees_half_of_a_state(world):
    with another_process(_WRITE_FOR_EVER, world.path):
        seen = set()
        while len(seen) < 100:  # on one core that is a hundred turns of the scheduler
            state = world.read_cell()
            assert state.time_s == state.soc == state.voltage_v == state.current_a
            seen.add(state.time_s)


def test_a_writer_that_dies_half_way_leaves_the_last_complete_record():
    memory = bytearray(SharedRecord.size_of(2))
    record = SharedRecord(memory, count=2)
    record.write(1.0, 2.0)
    unused = 8  # generation 1 lies in the second copy, so the first is written next
    memory[unused : unused + 16] = b"\xff" * 16
    assert record.read() == (1.0, 2.0)
    record.write(3.0, 4.0)
    assert record.read() == (3.0, 4.0)


def test_what_one_publishes_another_reads(world):
    other = World.open(world.path)
    world.publish_cell(CellState(time_s=1.0, soc=0.5, voltage_v=3.9, current_a=7e-5))
    world.publish_temperature_c(60.0)
    assert other.read_cell() == CellState(1.0, 0.5, 3.9, 7e-5)
    assert other.temperature_c == 60.0
    assert other.fast_rate == 300.0
    assert other.clock.unix_s(0.0) == 1e9


def test_a_new_world_has_a_pristine_cell_and_no_heater(world):
    assert world.read_cell().soc == 0.0
    assert math.isnan(world.temperature_c)


def test_a_file_that_is_no_world_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a world")
    with pytest.raises(ValueError, match=r"World\.create"):
        World.open(path)
    path.write_bytes(bytes(4096))
    with pytest.raises(ValueError, match=r"World\.create"):
        World.open(path)
    with pytest.raises(FileNotFoundError):
        World.open(tmp_path / "nowhere")
