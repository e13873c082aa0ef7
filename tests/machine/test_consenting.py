"""The laws of the worlds full of consent bite: an engine that loosens, or keeps quiet about what it sets again, breaks them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from sync import compare, push
from sync.plan import _Draft
from tests.machine.consenting import ConsentWorld, NothingLoosens, Shown
from tests.machine.laws import Broken

ANNA = {"first_name": "Anna", "last_name": "Berg", "email": "anna@firma.example", "company": "Firma"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ConsentWorld]:
    built = ConsentWorld(Random(1), tmp_path, rows=[{"crm": crm, **ANNA} for crm in ("salesforce", "pipedrive")])
    built.quiet = True
    built.full_sync()
    yield built
    built.mortal.inner.close()


def one(world: ConsentWorld, crm: str) -> Any:
    (ref,) = world.look(crm)
    return ref


def says(world: ConsentWorld, crm: str, *, no: bool) -> None:
    ref = one(world, crm)
    if crm == "salesforce":
        world.act(crm, "edit", ref.object, ref.id, fields={"HasOptedOutOfEmail": no})
    else:
        world.act(crm, "edit", ref.object, ref.id, opt_out=no)


@contextmanager
def a_write_lifts_a_no(world: ConsentWorld) -> Iterator[None]:
    send = push._send

    def sent(door: Any, object: str, writes: Any) -> Any:
        inner = door.connector.inner

        class Lifting:
            name = inner.name

            def __getattr__(self, name: str) -> Any:
                return getattr(inner, name)

            def write(self, *arguments: Any) -> Any:
                receipts = inner.write(*arguments)
                if door.name == "salesforce":
                    says(world, "salesforce", no=False)
                return receipts

        door.connector.inner = Lifting()
        try:
            return send(door, object, writes)
        finally:
            door.connector.inner = inner

    with patch.object(push, "_send", sent):
        yield


def types_a_title(world: ConsentWorld) -> None:
    ref = one(world, "pipedrive")
    (row,) = world.dialect(ref).rows_of("job_title")
    world.act("pipedrive", "edit", ref.object, ref.id, fields={row.id: "Head"})


def test_a_write_that_takes_a_no_back_is_caught_and_an_honest_one_is_not(world: ConsentWorld) -> None:
    says(world, "salesforce", no=True)
    world.full_sync()
    types_a_title(world)
    with a_write_lifts_a_no(world), pytest.raises(Broken, match="no more, by our own write"):
        world.full_sync()


def test_a_create_that_comes_without_its_no_is_caught_and_one_with_it_is_not(tmp_path: Path) -> None:
    for name in ("honest", "blind"):
        (tmp_path / name).mkdir()
        world = ConsentWorld(Random(1), tmp_path / name, rows=[{"crm": "salesforce", **ANNA, "opt_out": "true"}])
        world.quiet = True
        if name == "honest":
            world.full_sync()
        else:
            nothing = patch.object(_Draft, "write_restrictions", lambda *_: ([], False))
            with nothing, pytest.raises(Broken, match=r"may contact .*, by our own write"):
                world.full_sync()
        world.mortal.inner.close()


def test_a_no_that_is_set_again_without_a_word_is_caught_and_a_told_one_is_not(world: ConsentWorld) -> None:
    says(world, "salesforce", no=True)
    world.full_sync()
    says(world, "salesforce", no=False)
    world.full_sync()
    assert world.denies("salesforce", world.records("salesforce", "Lead")[0])
    says(world, "salesforce", no=False)
    lifted = compare._lifted
    with (
        patch.object(compare, "_lifted", lambda *about: replace(lifted(*about), cause="something else")),
        pytest.raises(Broken, match="set again and not told"),
    ):
        world.full_sync()


@pytest.mark.parametrize("mailed", [True, False])
def test_a_no_that_goes_with_the_only_address_of_its_record_loosens_nothing(world: ConsentWorld, *, mailed: bool) -> None:
    ref = one(world, "salesforce")
    before, after = Shown(frozenset({"a no"}), frozenset({"email:a"})), Shown(frozenset(), frozenset({"email:a"} if mailed else ()))
    with pytest.raises(Broken, match="no more, by our own write") if mailed else nullcontext():
        NothingLoosens(None, world, "salesforce")._compare({ref: before}, {ref: after})
