"""The audit chain: the published vector, and every way of tampering with it."""

from __future__ import annotations

from dataclasses import replace

from leads.consent.chain import START, Entry, broken, linked


def chain(length: int) -> list[Entry]:
    entries, last = [], START
    for seq in range(1, length + 1):
        entry = Entry(seq, "2026-01-01T00:00:00+00:00", "hub", "consent.grant", "aa", "bb", "")
        last = linked(last, entry.facts())
        entries.append(replace(entry, hash=last.hex()))
    return entries


def test_the_hash_of_the_published_vector() -> None:
    row = {"payload_hash": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "seq": 1, "type": "consent.request"}
    assert linked(START, row).hex() == "784d605053e64f8f4dd3c87903a8003a5f5f7f4fd27304840ada1a233ea82eb0"


def test_an_untouched_chain_holds() -> None:
    assert list(broken(chain(5))) == []


def test_what_was_changed_removed_or_moved_is_named() -> None:
    entries = chain(5)
    assert [seq for seq, _ in broken([*entries[:2], replace(entries[2], actor="somebody"), *entries[3:]])] == [3]
    assert next(broken([*entries[:2], *entries[3:]]))[0] == 4
    assert next(broken([entries[0], entries[2], entries[1], *entries[3:]]))[0] == 3
