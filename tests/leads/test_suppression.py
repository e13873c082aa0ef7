"""Keyed hashes of addresses: the published vector, and what a replaced key still recognises."""

from __future__ import annotations

from datetime import UTC, datetime

from leads.suppression import Key, entries, seal, seals

ZEROS = Key("k1", bytes(32))


def test_the_hash_of_the_published_vector() -> None:
    assert seal(ZEROS, "email:max.mustermann@example.de") == "95c590b335af5b6f6949db7f0c0cc5218ce691c373483ebe7c1f61aabfabd49d"


def test_a_replaced_key_keeps_recognising() -> None:
    new = Key("k2", b"\x01" * 32)
    (old,) = entries(ZEROS, ["email:a@x.example"], datetime(2026, 1, 1, tzinfo=UTC), "asked")
    assert old.seal in seals([ZEROS, new], "email:a@x.example")
    assert old.seal not in seals([new], "email:a@x.example")


def test_a_key_does_not_show_its_secret() -> None:
    assert "x00" not in repr(ZEROS)
