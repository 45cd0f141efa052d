import threading
from pathlib import Path

import orjson
import pytest
import zmq

from operando.engine.commands import CommandError, CommandServer
from operando.engine_client import EngineClient, EngineLostError, EngineRefusedError


def test_an_engine_that_is_not_there_is_lost_within_the_time_given(tmp_path: Path) -> None:
    with pytest.raises(EngineLostError, match="did not answer within 0.1 s"):
        EngineClient(tmp_path / "e.sock").call("ping", timeout_s=0.1)


def test_an_answer_and_a_refusal_come_back_as_they_were_given(tmp_path: Path) -> None:
    def double(n: int) -> int:
        return 2 * n

    def never() -> None:
        raise CommandError("refused", "not on a Sunday", [{"field": "day", "message": "Sunday"}])

    stop = threading.Event()
    server = CommandServer(tmp_path / "e.sock", {"double": double, "never": never})
    thread = threading.Thread(target=lambda: server.serve(until=stop.is_set))
    thread.start()
    client = EngineClient(tmp_path / "e.sock")
    assert client.call("double", {"n": 21}) == {"ok": True, "result": 42, "duplicate": False}
    with pytest.raises(EngineRefusedError, match="not on a Sunday") as caught:
        client.call("never")
    assert (caught.value.kind, caught.value.errors[0]["field"]) == ("refused", "day")
    stop.set()
    thread.join(timeout=10)


def test_a_question_without_a_key_gets_a_new_one_each_time(tmp_path: Path) -> None:
    keys: list[str] = []
    address = f"ipc://{tmp_path}/e.sock"

    def answer() -> None:
        with zmq.Context() as context, context.socket(zmq.REP) as socket:
            socket.bind(address)
            for _ in range(3):
                keys.append(orjson.loads(socket.recv())["key"])
                socket.send(orjson.dumps({"ok": True, "result": None, "duplicate": False}))

    thread = threading.Thread(target=answer)
    thread.start()
    client = EngineClient(tmp_path / "e.sock")
    client.call("ping")
    client.call("ping")
    client.call("ping", key="mine")
    thread.join(timeout=10)
    assert keys[0] != keys[1]
    assert keys[2] == "mine"
