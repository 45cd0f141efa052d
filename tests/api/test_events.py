import asyncio
from collections.abc import AsyncIterator

import pytest

from api.events import EventHub, TooManyClientsError, parse_event_id


def fill(hub: EventHub, first: int, last: int) -> None:
    for seq in range(first, last + 1):
        hub.publish("doc", b"{}", seq=seq, time_unix_s=float(seq))


def ids(text: bytes) -> list[int]:
    return [int(line[4:]) for line in text.decode().splitlines() if line.startswith("id: ")]


async def first_chunks(chunks: AsyncIterator[bytes], count: int) -> bytes:
    return b"".join([await anext(chunks) for _ in range(count)])


def test_a_client_that_comes_back_gets_what_it_missed_and_nothing_twice() -> None:
    async def story() -> None:
        hub = EventHub()
        fill(hub, 1, 10)
        client = hub.follow(4)
        assert ids(await first_chunks(client, 1)) == [5, 6, 7, 8, 9, 10]
        fill(hub, 11, 13)
        assert ids(await first_chunks(client, 1)) == [11, 12, 13]

    asyncio.run(story())


def test_a_new_client_begins_now_and_knows_where_to_come_back_to() -> None:
    async def story() -> None:
        hub = EventHub()
        fill(hub, 1, 10)
        client = hub.follow(None)
        opening = await first_chunks(client, 1)
        assert b"event: hello" in opening
        assert ids(opening) == [10]
        fill(hub, 11, 11)
        assert ids(await first_chunks(client, 1)) == [11]

    asyncio.run(story())


@pytest.mark.parametrize("last_id", [3, 99])
def test_an_id_that_the_ring_does_not_hold_asks_to_load_anew(last_id: int) -> None:
    async def story() -> None:
        hub = EventHub(keep=4)
        fill(hub, 1, 10)
        opening = await first_chunks(hub.follow(last_id), 1)
        assert b"event: reset" in opening
        assert ids(opening) == [10]

    asyncio.run(story())


def test_a_client_that_has_seen_everything_is_sent_nothing_again() -> None:
    async def story() -> None:
        hub = EventHub(keep=4)
        fill(hub, 1, 10)
        assert ids(await first_chunks(hub.follow(10), 1)) == []

    asyncio.run(story())


def test_a_slow_client_loads_anew_and_the_others_miss_nothing() -> None:
    async def story() -> None:
        hub = EventHub(keep=8)
        slow, quick = hub.follow(None), hub.follow(None)
        await first_chunks(slow, 1)
        await first_chunks(quick, 1)
        seen = b""
        for first in range(1, 100, 4):
            fill(hub, first, first + 3)
            seen += await first_chunks(quick, 1)
        assert ids(seen) == list(range(1, 101))
        assert b"event: reset" in await first_chunks(slow, 1)
        assert hub.resets == 1

    asyncio.run(story())


def test_events_that_come_while_a_chunk_is_sent_are_not_lost() -> None:
    async def story() -> None:
        hub = EventHub()
        client = hub.follow(None)
        fill(hub, 1, 1)
        opening = await first_chunks(client, 1)
        fill(hub, 2, 2)
        seen = await first_chunks(client, 1)
        assert max(ids(opening), default=0) + 1 == ids(seen)[0]

    asyncio.run(story())


def test_results_near_the_last_id_are_sent_again() -> None:
    async def story() -> None:
        hub = EventHub()
        fill(hub, 1, 3)
        hub.publish("soc", b'{"n": 1}', seq=None, time_unix_s=1.5)
        hub.publish("soc", b'{"n": 2}', seq=None, time_unix_s=2.9)
        opening = await first_chunks(hub.follow(3), 1)
        assert b'"n": 2' in opening
        assert b'"n": 1' not in opening

    asyncio.run(story())


def test_a_client_may_ask_for_some_types_only() -> None:
    async def story() -> None:
        hub = EventHub()
        fill(hub, 1, 2)
        hub.publish("alarm", b"{}", seq=3, time_unix_s=3.0)
        opening = await first_chunks(hub.follow(0, frozenset({"alarm"})), 1)
        assert ids(opening) == [3]

    asyncio.run(story())


def test_a_quiet_stream_is_kept_open_by_comments() -> None:
    async def story() -> None:
        client = EventHub(ping_s=0.01).follow(None)
        assert (await first_chunks(client, 2)).endswith(b": ping\n\n")

    asyncio.run(story())


def test_a_client_that_has_gone_is_not_counted() -> None:
    async def story() -> None:
        hub = EventHub(max_clients=1)
        client = hub.follow(None)
        await first_chunks(client, 1)
        with pytest.raises(TooManyClientsError, match="1 clients"):
            hub.check_room()
        await client.aclose()  # type: ignore[attr-defined]
        hub.check_room()

    asyncio.run(story())


@pytest.mark.parametrize("text", [None, "", "-1", "1e3", "seven", "9" * 20, "٣", "1 "])
def test_an_id_that_is_not_ours_is_no_id(text: str | None) -> None:
    assert parse_event_id(text) is None


def test_an_id_of_ours_is_its_number() -> None:
    assert parse_event_id("4711") == 4711
