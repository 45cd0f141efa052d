"""The habits of PyVISA sessions on raw sockets, and what keeps them away from instruments.

1. It ends messages with CR LF and waits for no end: a_message_ends_with_a_line_feed_alone
2. Nagle's algorithm delays a query after a set by 40 ms: a_query_after_a_set_is_not_kept_waiting
3. A late reply answers the next query: a_query_that_went_wrong[late]
4. So does the second half of a reply: a_query_that_went_wrong[split]
5. A peer that has left is read at full load: a_peer_that_has_left_costs_no_processor_time
6. clear() on a peer that has left never returns: likewise, for nothing of the link hangs there
7. A write to a peer that does not read never returns: a_peer_that_has_stopped_reading_is_given_up
8. A closed port can be opened: a_closed_port_is_a_link_that_is_down
9. Errors are of many types: a_query_that_went_wrong[garbled, reset], a_closed_port
10. After a restart of the peer the session is dead: a_query_that_went_wrong[hung up, reset]
11. Two threads get each other's replies: two_threads_never_get_each_others_replies
12. A list of instruments takes a second and warns: opening_looks_for_nobody_else
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from devices.errors import CommandError, InstrumentMismatchError, LinkDownError
from devices.link import Link
from tests.devices.scripted_peer import (
    Exchange,
    HangUp,
    Late,
    Raw,
    Reset,
    ScriptedPeer,
    Silence,
    Split,
)

IDN = "KEITHLEY INSTRUMENTS,MODEL 2450,04096331,1.7.12b"
HELLO: Exchange = ("*IDN?", IDN)


@contextlib.contextmanager
def served_by(
    serve: Callable[[socket.socket], object], *, greeting: str | None = None
) -> Iterator[str]:
    """Let one client be served in a thread; gives the resource name."""

    def run() -> None:
        connection, _ = server.accept()
        with connection:
            if greeting is not None:
                connection.recv(100)
                connection.sendall(greeting.encode() + b"\n")
            serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=run)
        thread.start()
        yield f"TCPIP0::127.0.0.1::{server.getsockname()[1]}::SOCKET"
        thread.join(20.0)


def test_the_first_query_asks_who_answers() -> None:
    with ScriptedPeer(HELLO, (":OUTP?", "0")) as peer:
        link = Link(peer.resource)
        assert link.query(":OUTP?") == "0"
        assert link.identity == IDN
        link.close()


@pytest.mark.parametrize(
    "answer",
    [
        Late("stale", 0.6),
        Split("st", "ale", 0.6),
        Raw(b"\xff\xfe\x80\n"),
        HangUp(),
        Reset(),
        Silence(),
    ],
    ids=["late", "split", "garbled", "hung up", "reset", "silent"],
)
def test_a_query_that_went_wrong_is_asked_again_over_a_new_session(answer: object) -> None:
    with ScriptedPeer(HELLO, ("A?", answer), HELLO, ("A?", "right"), ("B?", "also right")) as peer:
        link = Link(peer.resource, timeout_s=0.3)
        assert link.query("A?") == "right"
        assert link.query("B?") == "also right"
        assert link.reconnects == 1
        link.close()


def test_a_reply_that_nobody_asked_for_does_not_answer_the_next_query() -> None:
    with ScriptedPeer(HELLO, ("A?", Raw(b"a\nNOISE\n")), HELLO, ("B?", "b")) as peer:
        link = Link(peer.resource)
        assert link.query("A?") == "a"
        assert link.query("B?") == "b"
        link.close()


def test_a_set_command_is_never_repeated() -> None:
    with ScriptedPeer(HELLO, (":OUTP ON;*OPC?", Silence()), HELLO, (":OUTP?", "1")) as peer:
        link = Link(peer.resource, timeout_s=0.2)
        with pytest.raises(LinkDownError, match=":OUTP ON"):
            link.send(":OUTP ON")
        assert link.query(":OUTP?") == "1"
        link.close()
        assert peer.heard.count(":OUTP ON;*OPC?") == 1


def test_a_set_command_confirmed_by_something_else_closes_the_session() -> None:
    with ScriptedPeer(HELLO, ("*CLS;*OPC?", "4.2")) as peer:
        link = Link(peer.resource)
        with pytest.raises(LinkDownError, match="confirmed by '4.2' instead of 1"):
            link.send("*CLS")


def test_the_words_of_the_instrument_are_repeated_with_the_command() -> None:
    with ScriptedPeer(
        HELLO,
        (":FOO 1;*OPC?", "1"),
        (":SYST:ERR:COUN?", "1"),
        (":SYST:ERR?", '-113,"Undefined header;1;2026/11/22 10:00:00.000"'),
    ) as peer:
        link = Link(peer.resource)
        with pytest.raises(CommandError, match=r":FOO 1.*-113,.Undefined header"):
            link.apply(":FOO 1")
        link.close()


def test_what_goes_on_by_itself_is_not_asked_whether_it_is_complete() -> None:
    with ScriptedPeer(HELLO, (":INIT;:SYST:ERR:COUN?", "0")) as peer:
        link = Link(peer.resource)
        link.launch(":INIT")
        link.close()


def test_a_launch_that_the_instrument_objects_to_says_why() -> None:
    with ScriptedPeer(
        *(HELLO, (":INIT;:SYST:ERR:COUN?", "1"), (":SYST:ERR:COUN?", "1")),
        (":SYST:ERR?", '-213,"Init ignored;1;2026/11/22 10:00:00.000"'),
    ) as peer:
        link = Link(peer.resource)
        with pytest.raises(CommandError, match=r":INIT: -213"):
            link.launch(":INIT")
        link.close()


def test_a_launch_confirmed_by_nonsense_is_out_of_step() -> None:
    with ScriptedPeer(HELLO, ("*TRG;:SYST:ERR:COUN?", "4.2")) as peer:
        link = Link(peer.resource)
        with pytest.raises(LinkDownError, match="out of step"):
            link.launch("*TRG")


def test_an_error_queue_that_answers_nonsense_is_out_of_step() -> None:
    with ScriptedPeer(
        *(HELLO, ("*CLS;*OPC?", "1"), (":SYST:ERR:COUN?", "1"), (":SYST:ERR?", "3.7 V"))
    ) as peer:
        link = Link(peer.resource)
        with pytest.raises(LinkDownError, match="out of step"):
            link.apply("*CLS")


def test_another_instrument_after_a_reconnection_is_refused() -> None:
    stranger: Exchange = ("*IDN?", IDN.replace("04096331", "04999999"))
    with ScriptedPeer(HELLO, ("A?", HangUp()), stranger, stranger) as peer:
        link = Link(peer.resource, timeout_s=0.3)
        with pytest.raises(InstrumentMismatchError, match=r"04999999.*04096331"):
            link.query("A?")


def test_a_line_of_noise_after_a_reconnection_is_no_other_instrument() -> None:
    with ScriptedPeer(HELLO, ("A?", HangUp()), ("*IDN?", "NOISE"), HELLO, ("A?", "a")) as peer:
        link = Link(peer.resource, timeout_s=0.3)
        assert link.query("A?") == "a"
        link.close()


def test_a_strange_reply_is_believed_when_it_comes_twice_over_two_sessions() -> None:
    noise: Exchange = ("VLIM?", "NOISE")
    wrong: Exchange = ("VLIM?", "0.21")
    with ScriptedPeer(HELLO, noise, HELLO, ("VLIM?", "4.25"), wrong, HELLO, wrong) as peer:
        link = Link(peer.resource)
        assert link.query("VLIM?", accept="4.25".__eq__) == "4.25"
        assert link.query("VLIM?", accept="4.25".__eq__) == "0.21"
        link.close()


def test_what_can_be_read_only_once_is_asked_once() -> None:
    with ScriptedPeer(HELLO, (":READ?", Silence()), HELLO, ("A?", "a")) as peer:
        link = Link(peer.resource, timeout_s=0.2)
        with pytest.raises(LinkDownError, match=":READ"):
            link.query_once(":READ?")
        assert link.query("A?") == "a"
        link.close()


def test_an_error_that_is_lost_on_the_line_is_not_taken_for_no_error() -> None:
    with ScriptedPeer(
        *(HELLO, (":FOO 1;*OPC?", "1"), (":SYST:ERR:COUN?", "1"), (":SYST:ERR?", Silence()))
    ) as peer:
        link = Link(peer.resource, timeout_s=0.2)
        with pytest.raises(LinkDownError, match=":SYST:ERR"):
            link.apply(":FOO 1")


def test_the_echo_test_notices_replies_out_of_step() -> None:
    with ScriptedPeer(HELLO, ("*ESE 37;*ESE?", "37"), ("*ESE 74;*ESE?", "37"), ("A?", "a")) as peer:
        link = Link(peer.resource)
        assert link.in_step()
        assert not link.in_step()
        assert link.query("A?") == "a"
        link.close()


def test_a_message_ends_with_a_line_feed_alone() -> None:
    heard = bytearray()
    with served_by(lambda connection: heard.extend(connection.recv(100))) as resource:
        link = Link(resource, timeout_s=0.2)
        with pytest.raises(LinkDownError):
            link.open()
    assert heard == b"*IDN?\n"


def test_a_query_after_a_set_is_not_kept_waiting() -> None:
    rounds = 20
    exchanges: list[Exchange] = [("*CLS;*OPC?", "1"), ("A?", "a")]
    with ScriptedPeer(HELLO, *(exchanges * rounds)) as peer:
        link = Link(peer.resource)
        link.open()
        times_s = []
        for _ in range(rounds):
            began_s = time.perf_counter()
            link.send("*CLS")
            link.query("A?")
            times_s.append(time.perf_counter() - began_s)
        link.close()
    assert min(times_s) < 0.02  # Nagle's delay would be in each of them


def test_a_peer_that_has_stopped_reading_is_given_up() -> None:
    gone = threading.Event()
    with served_by(lambda _: gone.wait(20.0), greeting=IDN) as resource:
        link = Link(resource, timeout_s=0.5)
        link.open()
        began_s = time.monotonic()
        with pytest.raises(LinkDownError):
            link.send("A" * 20_000_000)
        assert time.monotonic() - began_s < 10.0
        gone.set()


def test_opening_looks_for_nobody_else() -> None:
    with ScriptedPeer(HELLO) as peer:
        link = Link(peer.resource)
        link.open()  # a list of instruments would warn, and warnings are errors here
        link.close()


def test_a_closed_port_is_a_link_that_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(LinkDownError, match=r"\*IDN\?.*check power, cable and address"):
        Link(f"TCPIP0::127.0.0.1::{port}::SOCKET", timeout_s=0.5).open()


def test_a_peer_that_has_left_costs_no_processor_time() -> None:
    with ScriptedPeer(HELLO, ("A?", HangUp()), HELLO, ("A?", HangUp())) as peer:
        link = Link(peer.resource, timeout_s=0.3)
        with pytest.raises(LinkDownError):
            link.query("A?")
    before_s = time.process_time()
    with pytest.raises(LinkDownError):
        link.query("A?")
    assert time.process_time() - before_s < 0.2


@pytest.mark.timeout(10)
def test_a_peer_that_leaves_instead_of_answering_is_noticed_at_once() -> None:
    with ScriptedPeer(HELLO, (":OUTP ON;*OPC?", HangUp())) as peer:
        link = Link(peer.resource, timeout_s=20.0)
        link.open()
        with pytest.raises(LinkDownError, match="the connection was closed"):
            link.send(":OUTP ON")


def test_two_threads_never_get_each_others_replies() -> None:
    questions = 100
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_echo, args=(server,), daemon=True).start()
    link = Link(f"TCPIP0::127.0.0.1::{server.getsockname()[1]}::SOCKET")
    wrong: list[str] = []

    def ask(name: str) -> None:
        for number in range(questions):
            reply = link.query(f"{name}{number}?")
            if reply != f"{name}{number}?":
                wrong.append(reply)

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("A", "B")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    link.close()
    server.close()
    assert wrong == []


def _echo(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection, connection.makefile("rwb") as lines:
        for line in lines:
            lines.write(line)
            lines.flush()
