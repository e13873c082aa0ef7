"""Laws of merge and plan over random records in a real dialect: what is seen again changes nothing, and order means nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import sandbox
from connectors import Access, connect
from connectors.base import Record
from leads.values import same
from mappings.apply import Dialect, bind
from mappings.schema import packaged
from sandbox.inprocess import InProcess
from sandbox.messages import Clock
from sync.link import Index, Newcomer, link
from sync.merge import merge
from sync.plan import plan
from sync.policy import Policy
from sync.state import Base, LeadState, Link, Ref, Role
from sync.view import View
from tests.sync.rig import usual_fields

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNTS = ("one", "two", "three")
POLICY = Policy(ACCOUNTS, usual_fields())
NOBODY: frozenset[Any] = frozenset()
FIELDS = {
    "firstname": st.sampled_from(("Ada", "ada", "Ida", "", None)),
    "lastname": st.sampled_from(("Byron", "Lovelace")),
    "jobtitle": st.sampled_from(("CTO", "Head of IT", "", None)),
    "email": st.sampled_from(("ada@a.example", "ADA@a.example", "ada@b.example")),
    "phone": st.sampled_from(("+49 30 23125000", "030 23125000", "+49 30 23125001", None)),
    "city": st.sampled_from(("Kiel", "Köln", None)),
}
shown = st.fixed_dictionaries(FIELDS)


@cache
def dialect() -> Dialect:
    app = sandbox.app("hubspot", clock=Clock(1_790_000_000.0))
    access = Access("one", "hubspot", "https://sandbox.example", {"token": app.credentials()["token"]})
    connector = connect(access, clock=app.clock.now, sleep=app.clock.advance, adapter=InProcess(app), pacing=False)
    return bind(packaged("hubspot", "contacts"), connector.describe("contacts"), connector.owners(), region="DE")


NO_BASE = Base()


def view(account: str, fields: Mapping[str, Any] | None, base: Base = NO_BASE, hours: int = 0) -> View:
    ref = Ref(account, "contacts", f"id-{account}")
    record = None if fields is None else Record("contacts", ref.id, fields, changed_at=NOW + timedelta(hours=hours))
    return View(Link(ref, "ld_1"), base, dialect(), record)


def woven(records: Mapping[str, Mapping[str, Any]]) -> Any:
    return merge(LeadState("ld_1"), [view(account, fields) for account, fields in records.items()], POLICY, NOW)


records = st.dictionaries(st.sampled_from(ACCOUNTS), shown, min_size=1)


@given(records)
def test_what_is_seen_again_changes_nothing(found: dict[str, dict[str, Any]]) -> None:
    once = woven(found)
    again = merge(once.lead, [view(one.ref.account, found[one.ref.account], one.base) for one in once.views], POLICY, NOW)
    assert again.revisions == ()
    assert again.lead.fields == once.lead.fields
    assert [one.base.pairs for one in again.views] == [one.base.pairs for one in once.views]


@given(records, st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(found: dict[str, dict[str, Any]], dice: Any) -> None:
    shuffled = list(found.items())
    dice.shuffle(shuffled)
    assert woven(dict(shuffled)).lead.fields == woven(found).lead.fields


@given(records, st.sampled_from(ACCOUNTS), st.sampled_from(("CFO", "CEO")))
def test_an_edit_of_one_field_moves_no_other(found: dict[str, dict[str, Any]], account: str, title: str) -> None:
    once = woven(found)
    edited = [view(one.ref.account, {"jobtitle": title} if one.ref.account == account else None, one.base, hours=1) for one in once.views]
    after = merge(once.lead, edited, POLICY, NOW + timedelta(hours=1))
    moved = {name for name in after.lead.fields if not same(after.lead.fields[name], once.lead.fields.get(name, ""))}
    assert moved <= {"job_title"}


@given(records)
def test_every_value_that_lost_stands_in_the_history(found: dict[str, dict[str, Any]]) -> None:
    once = woven(found)
    told = "\n".join(str(revision) for revision in once.revisions)
    for fields in found.values():
        for name in ("firstname", "jobtitle", "city"):
            value = fields[name]
            assert value in (None, "") or value in told or value.lower() in told.lower()


@given(records)
def test_records_that_show_the_lead_are_owed_nothing(found: dict[str, dict[str, Any]]) -> None:
    """Carried out to the letter, a plan leaves nothing to plan."""
    once = woven(found)
    owed = plan(once.lead, once.views, (), NOBODY, POLICY, NOBODY)
    written = {(write.account, cell.remote): cell.new for write in owed.writes for cell in write.cells}
    shown_now = {
        one.ref.account: {
            row.remote: written.get((one.ref.account, row.remote), one.base.pair(row.id).seen)
            for row in (*dialect().rows, *dialect().sets["emails"], *dialect().sets["phones"])
            if one.base.knows(row.id) or (one.ref.account, row.remote) in written
        }
        for one in once.views
    }
    after = merge(once.lead, [view(one.ref.account, shown_now[one.ref.account], one.base) for one in owed.views], POLICY, NOW)
    assert {name: value for name, value in after.lead.fields.items() if not same(value, once.lead.fields[name])} == {}
    assert plan(after.lead, after.views, (), NOBODY, POLICY, NOBODY).writes == ()


@given(records, st.randoms(use_true_random=False))
def test_shuffled_views_give_the_same_plan(found: dict[str, dict[str, Any]], dice: Any) -> None:
    once = woven(found)
    views = list(once.views)
    dice.shuffle(views)
    straight, shuffled = (plan(once.lead, some, (), NOBODY, POLICY, NOBODY).writes for some in (once.views, views))
    assert sorted(map(str, straight)) == sorted(map(str, shuffled))


# Link. A record is placed by what is known when it comes; runs read accounts and ids in a fixed order, so that equal input has one answer.

names = st.sampled_from((("Ada", "Byron"), ("Ada", ""), ("", "Byron"), ("Ida", "Byron"), ("", "")))
mailboxes = st.lists(st.sampled_from(("a@x.example", "b@x.example", "c@x.example")), max_size=2, unique=True).map(tuple)
newcomers = st.lists(st.tuples(st.sampled_from(ACCOUNTS), names, mailboxes), min_size=1, max_size=5)


@given(newcomers)
def test_equal_input_is_linked_alike_and_a_record_has_one_lead_and_an_account_one_main_record(found: list[Any]) -> None:
    once, again = (
        link([Newcomer(Ref(account, "c", str(n)), name, mail) for n, (account, name, mail) in enumerate(found)], Index(), _id)
        for _ in range(2)
    )
    assert once == again
    assert len({one.link.ref for one in once}) == len(once)
    mains = [(one.link.lead_id, one.link.ref.account) for one in once if one.link.role is Role.MAIN]
    assert len(mains) == len(set(mains))


def _id(ref: Ref) -> str:
    return f"ld_{ref.id}"
