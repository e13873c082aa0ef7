"""Laws of merging and splitting leads, over random leads: nothing is lost by it, a no never is, and splitting takes a merge back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from leads.model import ABSENT, CLEARED, Item, Value, Winner, spec_of
from leads.values import blank, same
from sync.merge import decide_fields
from sync.policy import Policy
from sync.siding import Meaning, joined, parted, restored
from sync.state import MERGE, Change, Joining, LeadState, Origin, Ref, Revision, Way
from tests.sync.rig import usual_fields

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNTS = ("one", "two", "three")
POLICY = Policy(ACCOUNTS, usual_fields())
OURS, THEIRS = (tuple(Ref(account, "contacts", f"{account}-{side}") for account in ACCOUNTS) for side in ("a", "b"))

MERGED = ("7", Revision(MERGE, "ld_b", "ld_a", Origin(""), "by anna"))

texts = st.sampled_from(("Ada", "ada", "Ida", "A."))
stages = st.sampled_from(("raw", "mql", "sql", "customer"))
mails = st.lists(st.sampled_from(("a@x.example", "b@x.example", "c@x.example")), min_size=1, unique=True)
sets = mails.map(lambda found: tuple(Item(one, one, "work") for one in found)) | st.just(CLEARED)
FIELDS: Mapping[str, Any] = {
    "first_name": texts,
    "last_name": texts | st.just(CLEARED),
    "job_title": texts | st.just(CLEARED),
    "stage": stages,
    "emails": sets,
    "opt_out.email": st.just(True),
}


@st.composite
def leads(draw: Any, id: str, refs: tuple[Ref, ...]) -> LeadState:
    fields = {name: draw(values) for name, values in FIELDS.items() if draw(st.booleans())}
    origins = {name: _origin(draw, refs) for name in fields}
    return LeadState(id, fields, origins, created_at=NOW)


def _origin(draw: Any, refs: tuple[Ref, ...]) -> Origin:
    ref, at = draw(st.sampled_from(refs)), NOW + timedelta(hours=draw(st.integers(0, 5)))
    return Origin(ref.account, ref, "drawn", draw(st.sampled_from((None, at))), at)


kept_leads, gone_leads = leads("ld_a", OURS), leads("ld_b", THEIRS)


def items(value: Value) -> set[str]:
    return {item.key for item in value} if isinstance(value, tuple) else set()


def joining(kept: LeadState, gone: LeadState, way: Way = Way.JOIN, after: LeadState | None = None) -> Joining:
    lead = joined(kept, gone, POLICY).lead if after is None else after
    return Joining(way, "7", kept.id, gone.id, NOW, THEIRS, THEIRS, kept, lead, gone)


def history(lead: LeadState) -> list[tuple[str, Revision]]:
    return [("1", Revision(name, ABSENT, value, lead.origins.get(name, Origin("")), "drawn")) for name, value in lead.fields.items()]


def own(lead: LeadState) -> dict[str, Value]:
    return {name: value for name, value in lead.fields.items() if not blank(value)}


@given(kept_leads, gone_leads)
def test_every_value_of_both_is_in_the_lead_or_among_those_that_lost(kept: LeadState, gone: LeadState) -> None:
    found = joined(kept, gone, POLICY)
    for lead in (kept, gone):
        for name, value in own(lead).items():
            if isinstance(value, tuple):
                assert items(value) <= items(found.lead.fields[name])
            else:
                lost = [one for step in found.revisions if step.name == name for one, _, _ in step.lost]
                assert any(same(value, other) for other in (found.lead.fields.get(name, ABSENT), *lost))


@given(kept_leads, gone_leads)
def test_a_no_of_either_is_a_no_of_the_lead(kept: LeadState, gone: LeadState) -> None:
    no = any(lead.fields.get("opt_out.email") is True for lead in (kept, gone))
    assert (joined(kept, gone, POLICY).lead.fields.get("opt_out.email") is True) is no


@given(kept_leads)
def test_a_lead_that_says_nothing_changes_nothing(kept: LeadState) -> None:
    found = joined(kept, LeadState("ld_b"), POLICY)
    assert (dict(found.lead.fields), found.revisions) == (dict(kept.fields), ())


@given(kept_leads, gone_leads)
def test_merged_and_split_again_both_are_as_before(kept: LeadState, gone: LeadState) -> None:
    how = joining(kept, gone)
    steps = [*history(kept), *(("7", one) for one in joined(kept, gone, POLICY).revisions)]
    sides = parted(how.kept_after, LeadState("ld_b"), steps, [], [], POLICY, how)
    assert own(sides.kept) == own(kept)
    assert own(sides.gone) == own(gone)


@given(kept_leads, gone_leads, st.sampled_from(("first_name", "job_title")), st.booleans())
def test_what_a_record_said_since_goes_with_it(kept: LeadState, gone: LeadState, name: str, theirs: bool) -> None:
    how = joining(kept, gone)
    edited = Revision(
        name, how.kept_after.fields.get(name, ABSENT), "Zoe", Origin("one", (THEIRS if theirs else OURS)[0]), "the only change"
    )
    lead = LeadState("ld_a", {**how.kept_after.fields, name: "Zoe"}, {**how.kept_after.origins, name: edited.origin})
    sides = parted(lead, LeadState("ld_b"), [*history(kept), MERGED, ("8", edited)], [], [], POLICY, how)
    assert (sides.gone.fields.get(name) == "Zoe", sides.kept.fields.get(name) == "Zoe") == (theirs, not theirs)


said = st.tuples(st.sampled_from((*OURS, *THEIRS)), st.none() | st.integers(0, 90), st.integers(1, 90), st.sampled_from("xyz"))
rounds = st.lists(st.lists(said, min_size=1, max_size=3, unique_by=lambda one: one[0]), max_size=5)


def changes(lead: LeadState, number: int, spoken: list[Any]) -> dict[str, list[Change]]:
    """What records that agreed with the lead say in a later hour, in the order of their accounts: something new, maybe the same."""
    at = NOW + timedelta(days=1, hours=2 * number)
    found = [
        Change(
            "job_title",
            lead.fields.get("job_title", ABSENT),
            f"{word} {number}",
            ref,
            "",
            None if lo is None else at + timedelta(minutes=min(lo, hi)),
            at + timedelta(minutes=hi),
        )
        for ref, lo, hi, word in sorted(spoken, key=lambda one: (POLICY.rank(one[0].account), one[0]))
    ]
    return {"job_title": found} if found else {}


@given(kept_leads, gone_leads, rounds)
def test_whatever_both_sides_said_each_parts_as_if_the_other_had_been_silent(kept: LeadState, gone: LeadState, spoken: Any) -> None:
    how = joining(kept, gone)
    lead, alone = how.kept_after, {OURS: kept, THEIRS: gone}
    steps = [*history(kept), MERGED, *(("7", one) for one in joined(kept, gone, POLICY).revisions)]
    for number, said_now in enumerate(spoken):
        found = decide_fields(lead, changes(lead, number, said_now), POLICY, {})
        lead, steps = found.lead, [*steps, *((str(8 + number), one) for one in found.revisions)]
        for refs, side in alone.items():
            own = [one for one in said_now if one[0] in refs]
            alone[refs] = decide_fields(side, changes(side, number, own), POLICY, {}).lead
    sides = parted(lead, LeadState("ld_b"), steps, [], [], POLICY, how)
    for side, expected in ((sides.kept, alone[OURS]), (sides.gone, alone[THEIRS])):
        assert same(side.fields.get("job_title", ABSENT), expected.fields.get("job_title", ABSENT))


@given(kept_leads, gone_leads)
def test_split_and_joined_again_the_lead_is_as_before(kept: LeadState, gone: LeadState) -> None:
    lead = joined(kept, gone, POLICY).lead
    split = Joining(Way.PART, "7", "ld_a", "ld_b", NOW, THEIRS, (), lead, kept, gone)
    back = restored(joined(kept, gone, POLICY).lead, kept, gone, split)
    assert own(back) == own(lead)


meanings = st.dictionaries(st.sampled_from(("first_name", "job_title", "stage")), texts, max_size=3)


@given(kept_leads, meanings, meanings, mails, mails)
def test_a_new_lead_says_only_what_its_records_mean(
    lead: LeadState, ours: dict[str, Value], theirs: dict[str, Value], our_mails: list[str], their_mails: list[str]
) -> None:
    shown = {*our_mails, *their_mails}
    lead = LeadState("ld_a", {**lead.fields, "emails": tuple(Item(one, one, "work") for one in sorted(shown))}, lead.origins)
    staying = [Meaning(OURS[0], ours, frozenset(f"email:{one}" for one in our_mails), NOW)]
    leaving = [Meaning(OURS[1], theirs, frozenset(f"email:{one}" for one in their_mails), NOW)]
    sides = parted(lead, LeadState("ld_n"), history(lead), staying, leaving, POLICY)
    assert items(sides.gone.fields["emails"]) == set(their_mails)
    assert items(sides.kept.fields["emails"]) == set(our_mails)
    came = {name for name in own(lead) if lead.origins.get(name, Origin("")).ref == OURS[1]}
    restrictive = {name for name in lead.fields if spec_of(name).winner is Winner.RESTRICTIVE}
    assert set(own(sides.gone)) <= {"emails"} | set(theirs) | came | restrictive
