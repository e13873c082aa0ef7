"""Deliberate defects in the algebra of consent: rows, edges and laws together must notice every one of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from leads.consent import document, event, fold, grade, status
from leads.consent.event import PERSONAL, UNKNOWN, Interval, Kind, Provenance
from leads.consent.grade import Grade
from tests.leads.consent import test_laws, test_rows
from tests.leads.consent.rows import ROWS

Case = status._Case
Patch = tuple[Any, str, Any]


def last_writer_wins(case: Any, one: Any, restriction: Any) -> bool:
    return bool(one.event.occurred.hi > restriction.occurred.hi)


def no_skew(case: Any, one: Any, restriction: Any) -> bool:
    return bool(one.event.occurred.lo > restriction.occurred.hi)


def by_mailbox(case: Any, other: Any) -> bool:
    return bool(other.mailbox == case.key.mailbox and case.key.channel in other.channels and _within(case, other))


def any_channel(case: Any, other: Any) -> bool:
    return bool(other.identifier == case.key.identifier and _within(case, other))


def any_purpose(case: Any, other: Any) -> bool:
    return bool(other.identifier == case.key.identifier and case.key.channel in other.channels)


def _within(case: Any, other: Any) -> bool:
    return any(status.is_within(case.key.purpose, purpose) for purpose in other.purposes)


def flags_count(case: Any, one: Any) -> bool:
    return True


def imports_beat_objections(case: Any, one: Any) -> bool:
    return bool(case.grades[id(one)] >= case._least() and one.event.provenance is not Provenance.PURCHASED)


def minimum_after_a_no(case: Any) -> Grade:
    return min(case.rule.min_evidence, Grade.E1)


def exact_address_only(other: Any, key: Any, persons: Any, links: Any) -> bool:
    return bool(other.identifier == key.identifier and status.ANY in other.channels | {status.ANY})


def by_identifier(other: Any, key: Any, persons: Any, links: Any) -> bool:
    return bool(RESTRICTS(replace(other, mailbox=other.identifier, scope=event.Scope.IDENTIFIER), key, persons, links))


def person_always(other: Any, key: Any, persons: Any, links: Any) -> bool:
    return bool(RESTRICTS(replace(other, scope=event.Scope.PERSON), key, persons, links))


def not_clamped(self: Any, tolerance: float) -> Any:
    return self


def late_clicks_count(case: Any, one: Any) -> bool:
    return True


def never_expires(case: Any, one: Any) -> bool:
    return False


def confirmed_at_the_click(request: Any, confirm: Any) -> Any:
    found = DOUBLE(request, confirm)
    return replace(found, event=replace(found.event, occurred=confirm.occurred))


def acts_can_be_invalidated(orders: Any, one: Any) -> bool:
    return one.batch in orders.batches and one.kind is not Kind.INVALIDATE


def unknown_means_long_ago(case: Any, one: Any, restriction: Any) -> bool:
    return bool(restriction.occurred.lo == UNKNOWN or AFTER(case, one, restriction))


def bounces_withdraw(events: Any, policy: Any) -> Any:
    found = FOLD(events, policy)
    bounced = tuple(replace(one, kind=Kind.WITHDRAW, purposes=frozenset({"any"}), channels=frozenset({"any"})) for one in found.bounces)
    return replace(found, restrictions=(*found.restrictions, *bounced))


def bought_is_fine(one: Any, ttl: Any) -> Grade:
    return GRADE(replace(one, provenance=Provenance.SUBJECT), ttl)


def any_condition(case: Any, other: Any) -> bool:
    return any(other.evidence.get("conditions", {}).values())


def copies_count_their_last_sight(one: Any, other: Any) -> Any:
    later = max((one, other), key=lambda each: each.observed_at)
    return replace(later, occurred=Interval(later.observed_at, later.observed_at))


def ticked_beforehand_is_fine(one: Any, ttl: Any) -> Grade:
    return GRADE(replace(one, notice={**one.notice, "preticked": False}), ttl)


RESTRICTS, DOUBLE, AFTER, FOLD, GRADE = status._restricts, fold._double, Case._after, status.fold, grade._grade
MUTANTS: dict[str, Patch] = {
    "last writer wins": (Case, "_after", last_writer_wins),
    "no skew": (Case, "_after", no_skew),
    "a grant reaches another address": (Case, "_covers", by_mailbox),
    "a grant reaches another channel": (Case, "_covers", any_channel),
    "a grant reaches another purpose": (Case, "_covers", any_purpose),
    "a bare flag is a grant": (Case, "_qualifies", flags_count),
    "an import beats an objection": (Case, "_qualifies", imports_beat_objections),
    "a no is beaten by weak proof": (Case, "_least", minimum_after_a_no),
    "a no holds for the exact spelling only": (status, "_restricts", by_identifier),
    "a no ignores purposes and channels": (status, "_restricts", exact_address_only),
    "an unsubscribe holds for the person": (status, "_restricts", person_always),
    "stamps are believed": (event.Event, "clamped", not_clamped),
    "a late click confirms": (Case, "_in_time", late_clicks_count),
    "nothing expires": (Case, "_expired", never_expires),
    "a confirmation is as young as its click": (fold, "_double", confirmed_at_the_click),
    "an act can be invalidated": (fold.Orders, "take_back", acts_can_be_invalidated),
    "an unknown time is long ago": (Case, "_after", unknown_means_long_ago),
    "a bounce withdraws": (document, "fold", bounces_withdraw),
    "a bought list proves": (grade, "_grade", bought_is_fine),
    "one of four conditions is enough": (Case, "_complete", any_condition),
    "an echo is an event": (event, "_joined", copies_count_their_last_sight),
    "a box ticked beforehand is consent": (grade, "_grade", ticked_beforehand_is_fine),
    "complaints are mere unsubscribes": (status, "MEANS", {**status.MEANS, Kind.COMPLAINT: status.Status.WITHDRAWN}),
    "an objection is beaten by anything": (status, "PERSONAL", frozenset({Kind.ERASE}) & PERSONAL - {Kind.ERASE}),
}


class Unsorted(status.Ledger):
    """A ledger that hides nothing from a defect."""

    def __init__(self, folded: Any, links: Any) -> None:
        self.folded = folded

    def about(self, key: Any) -> Any:
        return self.folded


@pytest.mark.parametrize("name", MUTANTS)
def test_a_defect_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "Ledger", Unsorted)
    target, attribute, instead = MUTANTS[name]
    monkeypatch.setattr(target, attribute, instead)
    assert next(_noticed(), None) is not None


def _noticed() -> Iterator[str]:
    """The tests that fail, the quick ones first."""
    for number, row in ROWS.items():
        yield from _failing(number, lambda row=row: test_rows.test_what_follows_from_what_is_known(row))
    for module in (test_rows, test_laws):
        for name, test in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_") and name != "test_what_follows_from_what_is_known":
                yield from _failing(name, test)


def _failing(name: str, test: Callable[[], None]) -> Iterator[str]:
    try:
        test()
    except Exception:  # noqa: BLE001  # a crash notices a defect as well
        yield name
    except BaseException as error:
        if type(error).__name__ != "Failed":
            raise
        yield name
