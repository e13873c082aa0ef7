"""Answers that are not as documented: an error that says where it was noticed and nothing of what was read."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import pytest

from connectors.base import Op, Outcome, Receipt, Write
from connectors.errors import Denied, Unreadable
from connectors.receipts import Receipts
from connectors.singly import write_singly
from connectors.surprises import guarded

TOLD = "zaphod@firma.example"


@guarded
class Reader:
    account = "crm"

    def owners(self) -> int:
        return int(TOLD)

    def changes(self) -> Iterator[str]:
        yield "a page"
        yield {}[TOLD]

    def get(self) -> None:
        raise Denied("no.", account=self.account)


def test_a_surprise_is_unreadable_and_shows_nothing_of_the_answer():
    with pytest.raises(Unreadable, match="documented shape") as raised:
        Reader().owners()
    assert (raised.value.account, raised.value.cause) == ("crm", "unexpected_shape")
    assert TOLD not in "".join(traceback.format_exception(raised.value))


def test_a_walk_is_guarded_to_its_end():
    walk = Reader().changes()
    assert next(walk) == "a page"
    with pytest.raises(Unreadable):
        next(walk)


def test_an_error_of_ours_passes_as_it_is():
    with pytest.raises(Denied):
        Reader().get()


def test_a_write_whose_answer_surprises_is_unknown_and_the_next_one_goes_on():
    done = Receipt(Outcome.UPDATED, id="2")

    def one(write):
        return {}["id"] if write.id == "1" else done

    first, second = write_singly("crm", [Write(Op.UPDATE, "persons", id=id) for id in "12"], one)
    assert (first.outcome, first.cause, second) == (Outcome.UNKNOWN, "unexpected_shape", done)


def test_a_batch_whose_answer_surprises_is_unknown_and_what_was_not_sent_is_not():
    writes = [Write(Op.UPDATE, "contacts", id=id) for id in "12"]
    receipts = Receipts("crm", writes)
    with receipts.until_stopped():
        with receipts.sending([0]):
            receipts.put(0, {}["results"])
        raise KeyError(TOLD)
    assert [receipt.outcome for receipt in receipts.in_order()] == [Outcome.UNKNOWN, Outcome.NOT_SENT]
    assert not any(TOLD in f"{receipt.message} {receipt.error}" for receipt in receipts.in_order())
