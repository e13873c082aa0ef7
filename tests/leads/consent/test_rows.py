"""Given situations and the edges between them: status, permission and flags, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from leads.consent.document import evaluate
from leads.consent.reading import ConsentFileWrong
from tests.leads.consent.acts import DE, INFO, TEXT, A, B, at, basis, doi, file, flag, no, request, single
from tests.leads.consent.rows import ROWS, Row


def answer(document: dict[str, Any]) -> dict[str, Any]:
    (found,) = evaluate(document)
    return found


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_what_follows_from_what_is_known(row: Row) -> None:
    document, status, permitted, flags = row
    found = answer(document)
    assert (found["status"], found["permitted"], found["flags"]) == (status, permitted, flags)


# Edges


def test_at_the_very_edge_of_the_skew_the_no_wins() -> None:
    apart = [no(clock="activecampaign"), *doi(day=20 + 10 / 1440)]
    later = [no(clock="activecampaign"), *doi(day=20 + 10.01 / 1440)]
    assert [answer(file(events))["status"] for events in (apart, later)] == ["withdrawn", "confirmed"]


def test_one_clock_is_not_apart_from_itself() -> None:
    assert answer(file([no(), *doi(day=20 + 1 / 1440)]))["status"] == "confirmed"
    assert answer(file([no(), *doi(day=20)]))["status"] == "withdrawn"


def test_a_click_at_exactly_the_last_moment_counts() -> None:
    assert answer(file(doi(after_minutes=7 * 1440)))["status"] == "confirmed"
    assert answer(file(doi(after_minutes=7 * 1440 + 1)))["status"] == "lapsed"


def test_what_is_valid_until_now_has_expired() -> None:
    assert answer(file(doi(valid_until=at(400))))["status"] == "expired"
    assert answer(file(doi(valid_until=at(400, 1))))["status"] == "confirmed"


def test_consent_grows_old_from_its_last_documented_use() -> None:
    old = doi(day=10)
    assert answer(file(old, now=800))["status"] == "expired"
    used = [{**old[0], "evidence": {**old[0]["evidence"], "last_used_at": at(700)}}, old[1]]
    assert answer(file(used, now=800))["status"] == "confirmed"


def test_a_click_after_an_unsubscribe_that_followed_the_request_does_not_open_it_again() -> None:
    assert answer(file([*doi(day=20, after_minutes=60), no(day=20 + 30 / 1440)]))["status"] == "withdrawn"


def test_a_no_of_unknown_time_is_not_taken_for_an_old_one() -> None:
    assert answer(file([*doi(day=10), no(day=None, hi=at(20))]))["status"] == "withdrawn"


def test_a_grant_that_is_seen_again_is_not_a_later_grant() -> None:
    again = [{**event, "observed_at": at(30), "clock": "hubspot"} for event in doi(day=10)]
    assert answer(file([*doi(day=10), no(day=20), *again]))["status"] == "withdrawn"


def test_what_begins_later_does_not_count_yet() -> None:
    assert answer(file(doi(day=401)))["status"] == "never_asked"
    assert answer(file([basis(day=401)], purpose="marketing.similar_products"))["permitted"] is False


def test_an_import_beats_no_objection_whatever_columns_it_has() -> None:
    imported = doi(day=30, provenance="import")
    assert answer(file([no(), *imported]))["status"] == "confirmed"
    assert answer(file([no(kind="object"), *imported]))["status"] == "objected"


def test_a_bought_list_never_permits_anything() -> None:
    bought = doi(provenance="purchased")
    assert answer(file(bought))["permitted"] is False
    assert answer(file(bought))["grade"] == "E0"
    assert answer(file([{**basis(), "provenance": "purchased"}], purpose="marketing.similar_products"))["permitted"] is False


def test_a_box_ticked_beforehand_is_no_act() -> None:
    assert answer(file(doi(notice={**TEXT, "preticked": True})))["grade"] == "E0"
    assert answer(file(doi(notice={**TEXT, "conditional": True})))["grade"] == "E1"


def test_a_date_without_a_time_proves_no_confirmation() -> None:
    requested, confirmed = doi()
    confirmed["evidence"] = {"confirm": {"at": "2025-01-11", "method": "post"}}
    assert answer(file([requested, confirmed]))["grade"] == "E2"


def test_a_page_that_a_scanner_opened_confirms_nothing() -> None:
    requested, confirmed = doi(day=399)
    confirmed["evidence"]["confirm"]["method"] = "get"
    assert answer(file([requested, confirmed]))["status"] == "pending"


def test_a_mail_proves_nothing_for_a_phone_and_a_code_does() -> None:
    phone = "phone:+493023125000"
    spoken = {"who": phone, "purposes": ["marketing"], "channels": ["phone"]}
    asked = {"who": phone, "channel": "phone"}
    assert answer(file(doi(**spoken), **asked))["grade"] == "E2"
    requested, confirmed = doi(**spoken)
    confirmed["evidence"]["confirm"]["method"] = "otp"
    assert answer(file([requested, confirmed], **asked))["grade"] == "E3"


def test_an_operator_takes_back_what_was_seen_and_never_what_a_person_did() -> None:
    seen = no("seen", provenance="sync", refs={"batch": "monday"})
    back = {
        "id": "i",
        "kind": "invalidate",
        "occurred": {"lo": at(21), "hi": at(21)},
        "provenance": "operator",
        "refs": {"batch": "monday"},
    }
    assert answer(file([*doi(), seen, back]))["status"] == "confirmed"
    later = no("later", day=22, provenance="sync", refs={"batch": "monday"})
    assert answer(file([*doi(), later, back]))["status"] == "withdrawn", "what was not seen yet when it was ordered stands"
    own = no("own", provenance="subject", refs={"batch": "monday"})
    assert answer(file([*doi(), own, back]))["status"] == "withdrawn"


def test_an_explicit_no_after_a_grant_takes_it_back() -> None:
    assert answer(file([*doi(), no(kind="deny")]))["status"] == "withdrawn"


def test_a_new_sale_does_not_revive_the_basis_after_an_objection() -> None:
    events = [no(kind="object", day=5), basis(day=30)]
    assert answer(file(events, purpose="marketing.similar_products"))["status"] == "objected"


def test_an_erased_person_comes_back_by_an_act_of_their_own_only() -> None:
    erased = no(kind="erase", provenance="operator", purposes=["any"], channels=["any"])
    assert answer(file([erased, *doi(day=30)]))["status"] == "confirmed"
    assert answer(file([erased, *doi(day=30, provenance="sync")]))["status"] == "erased"


def test_a_bounce_changes_no_status() -> None:
    bounce = {**flag("bo"), "kind": "bounce"}
    assert answer(file([*doi(), bounce])) == {**answer(file(doi())), "flags": ["undeliverable"]}


def test_scoring_is_allowed_until_somebody_objects() -> None:
    assert answer(file([], purpose="profiling.scoring"))["permitted"] is True
    assert answer(file([no(kind="object", purposes=["profiling"], channels=["any"])], purpose="profiling.scoring"))["permitted"] is False


def test_mail_about_a_contract_is_not_stopped_by_marketing_opt_outs() -> None:
    assert answer(file([no(kind="object")], purpose="service"))["permitted"] is True
    assert answer(file([no(kind="object", purposes=["any"], channels=["any"])], purpose="service"))["permitted"] is False


def test_an_audience_that_is_not_named_means_the_strictest_rule() -> None:
    rule = DE["rule"][0]
    policy = {"rule": [{**rule, "audience": "b2b", "min_evidence": "E2"}, {**rule, "audience": "b2c"}]}
    asked = file([single()], policy=policy)
    assert answer(asked)["status"] == "unproven"
    asked["ask"][0]["audience"] = "b2b"
    assert answer(asked)["status"] == "granted"


def test_the_answers_come_in_the_order_asked_and_name_what_decided() -> None:
    document = file([*doi(), no(day=20, who=B)])
    document["ask"] = [{"identifier": one, "purpose": "marketing.offers", "channel": "email"} for one in (B, A)]
    assert [(found["identifier"], found["status"], found["because"]) for found in evaluate(document)] == [
        (B, "withdrawn", ["w"]),
        (A, "never_asked", []),
    ]
    assert answer(file(doi()))["because"] == ["dc", "dr"]


def test_a_request_inside_its_time_waits_even_beside_a_bare_flag() -> None:
    assert answer(file([flag(), request("r", day=399)]))["status"] == "pending"


def test_the_shipped_profile_is_used_where_no_policy_is_given() -> None:
    document = {key: value for key, value in file(doi()).items() if key != "policy"}
    assert answer(document)["status"] == "confirmed"
    assert answer({**document, "profile": "de-strict"})["status"] == "confirmed"


def test_everything_that_is_wrong_with_a_file_is_told_at_once() -> None:
    document = file([{**no(), "kind": "shout"}, {**flag(), "identifier": "a@x.de"}, {**flag("g"), "occurred": {}}], now=400)
    document["ask"][0]["channel"] = "pigeon"
    with pytest.raises(ConsentFileWrong) as raised:
        evaluate({**document, "now": "yesterday"})
    told = raised.value.mistakes
    assert [mistake.split(":")[0] for mistake in told] == [
        "now",
        "event 1.kind",
        "event 2.identifier",
        "event 3.occurred",
        "ask 1.channel",
    ]


def test_of_two_people_behind_one_mailbox_the_one_who_objected_is_meant() -> None:
    links = {A: ["p1"], B: ["p2"], "email:info@x.de": ["p1", "p2"]}
    objection = no(who="email:info@x.de", kind="object", person="p2")
    assert answer(file([*doi(), objection], links=links))["status"] == "confirmed"
    assert answer(file([*doi(who=B), objection], who=B, links=links))["status"] == "objected"


def test_an_objection_follows_a_merge_that_left_its_lead_without_a_name() -> None:
    merged = {A: ["p1"], B: ["p1"]}
    assert answer(file([*doi(), no(who=B, kind="object", person="p2")], links=merged))["status"] == "objected"


def test_who_objected_and_is_known_elsewhere_is_nobody_else_behind_the_mailbox() -> None:
    """Else joining two persons would narrow it again, and permit more."""
    objection = no(who=INFO, kind="object", person="px")
    apart = {INFO: ["p1", "p2"], A: ["p1"], B: ["p2"], "email:c@x.de": ["px"]}
    joined = {INFO: ["p1", "p2", "px"], A: ["p1", "px"], B: ["p2"], "email:c@x.de": ["p1", "px"]}
    for links, statuses in ((apart, ["confirmed", "confirmed"]), (joined, ["objected", "confirmed"])):
        asked = [answer(file([*doi(), *doi("e", who=B), objection], who=who, links=links))["status"] for who in (A, B)]
        assert asked == statuses


def test_an_objection_to_marketing_is_one_to_profiling() -> None:
    assert answer(file([no(kind="object")], purpose="profiling.scoring"))["permitted"] is False
    assert answer(file([no(kind="complaint")], purpose="profiling.scoring"))["permitted"] is False
    assert answer(file([no()], purpose="profiling.scoring"))["permitted"] is True


def test_a_confirmation_mail_that_went_to_another_address_confirms_nothing() -> None:
    for to, expected in (("A@X.de", "confirmed"), ("b@x.de", "unproven"), ("nonsense", "unproven")):
        asked, clicked = doi()
        mail = {**asked["evidence"]["mail"], "to": to}
        assert answer(file([{**asked, "evidence": {**asked["evidence"], "mail": mail}}, clicked]))["status"] == expected


def test_a_no_after_a_grant_takes_it_back_whatever_a_new_one_would_have_to_prove() -> None:
    rule = {**DE["rule"][0], "min_evidence": "E2", "regrant_evidence": "E3"}
    policy = {**DE, "rule": [rule]}
    assert answer(file([single(), no(kind="deny")], policy=policy))["status"] == "withdrawn"
    assert answer(file([flag(), no(kind="deny")], policy=policy))["status"] == "denied"


def test_a_request_stamped_in_the_future_is_judged_by_its_own_evidence() -> None:
    asked, clicked = doi(day=10)
    wrong = {**asked, "occurred": {"lo": at(900), "hi": at(900)}, "observed_at": at(10)}
    assert answer(file([wrong, clicked]))["status"] in ("confirmed", "expired")
    assert answer(file([wrong, clicked, no(day=5)]))["status"] == "withdrawn"


def test_presumed_interest_needs_a_documented_reason() -> None:
    phone = "phone:+493023125000"
    presumed = {**basis(who=phone), "legal_basis": "presumed_b2b", "purposes": ["marketing"], "channels": ["phone"]}
    for conditions, permitted in (({"reason": "asked for an offer on 3 March"}, True), ({}, False), ({"reason": " "}, False)):
        event = {**presumed, "evidence": {"conditions": conditions}}
        assert answer(file([event], who=phone, channel="phone"))["permitted"] is permitted


def test_a_rule_for_a_channel_is_more_specific_than_one_for_a_purpose_and_a_jurisdiction_more_than_both() -> None:
    e2 = {"min_evidence": "E2", "regrant_evidence": "E2"}
    by_purpose = {"purpose": "marketing.newsletter"}
    assert answer(file([single()], policy={"rule": [{"channel": "email", **e2}, by_purpose]}))["status"] == "granted"
    policy = {"controller": {"jurisdiction": "AT"}, "rule": [{"channel": "email"}, {"jurisdiction": "AT", **e2}]}
    assert answer(file([single()], policy=policy))["status"] == "granted"
    policy["controller"] = {"jurisdiction": "DE"}
    assert answer(file([single()], policy=policy))["status"] == "unproven"
    with pytest.raises(ConsentFileWrong) as raised:
        evaluate(file([single()], policy={"controller": [], "rule": policy["rule"]}))
    assert [mistake.split(":")[0] for mistake in raised.value.mistakes] == ["policy.controller", "policy.rule 2.jurisdiction"]


def test_what_a_rule_does_not_say_is_the_strictest() -> None:
    policy = {"rule": [{"channel": "email", "min_evidence": "E2"}]}
    assert answer(file([single()], policy=policy))["status"] == "granted"
    assert answer(file([no(), single(day=30)], policy=policy))["status"] == "withdrawn"


def test_a_policy_may_say_more_than_an_answer_needs() -> None:
    rest = {"controller": {"id": "acme"}, "projection": {"rounding": "restrict"}, "suppression": {}, "retention": {"audit_log": "10y"}}
    kept = {"rule": [{**DE["rule"][0], "unconfirmed_delete_after": "14d", "evidence_retention": "5y_after_each_use"}]}
    assert answer(file(doi(), policy={**DE, **rest, **kept}))["status"] == "confirmed"
    with pytest.raises(ConsentFileWrong, match=r"policy\.rules: is no key"):
        evaluate(file(doi(), policy={**DE, "rules": []}))


def test_a_policy_says_for_whom_a_no_holds_that_does_not_say_it() -> None:
    links = {A: ["p1"], B: ["p1"]}
    complained = file([*doi(), no(who=B, kind="complaint")], links=links)
    assert answer(complained)["status"] == "objected"
    narrow = {**DE, "scope": {"complaint": "object", "object": "identifier"}}
    assert answer({**complained, "policy": narrow})["status"] == "confirmed"
    wide = {**DE, "scope": {"withdraw": "person"}}
    assert answer(file([*doi(), no(who=B)], links=links, policy=wide))["status"] == "withdrawn"
    with pytest.raises(ConsentFileWrong, match=r"policy\.scope\.object: expected identifier or person"):
        evaluate({**complained, "policy": {**DE, "scope": {"object": "all"}}})


def test_what_is_computed_is_never_believed_and_nothing_said_is_nothing() -> None:
    claimed = {**flag(), "grade": "E3", "event_id": "0" * 64, "raw_ref": "s3://x", "note": "by phone"}
    assert answer(file([claimed]))["grade"] == "E1"
    asked, clicked = doi()
    assert answer(file([{**asked, "legal_basis": None}, {**clicked, "purposes": None, "channels": None}]))["status"] == "confirmed"


def test_copies_of_one_event_may_tell_where_they_were_seen_and_write_times_their_way() -> None:
    asked, clicked = doi()
    again = {**asked, "refs": {"remote": {"system": "hubspot", "id": "7"}}, "observed_at": at(30)}
    elsewhere = {**again, "occurred": {name: text.replace("+00:00", "Z") for name, text in asked["occurred"].items()}}
    assert answer(file([asked, again, elsewhere, clicked]))["status"] == "confirmed"


def test_a_business_card_is_no_consent_and_a_signed_paper_is() -> None:
    phone = "phone:+493023125000"
    told = single(who=phone, purposes=["marketing"], channels=["phone"])
    for kind, status in (("signed_paper", "granted"), ("recorded_call", "granted"), ("business_card", "unproven"), ("hearsay", "unproven")):
        event = {**told, "evidence": {"record": {"kind": kind, "file_sha256": "ab"}}, "notice": {}}
        assert answer(file([event], who=phone, channel="phone"))["status"] == status


def test_a_double_opt_in_that_is_told_as_one_event_is_as_old_as_its_request() -> None:
    asked, clicked = doi(day=10, after_minutes=4 * 1440)
    one = {**asked, "kind": "grant", "evidence": {**asked["evidence"], **clicked["evidence"]}, "occurred": clicked["occurred"]}
    assert answer(file([one]))["status"] == "confirmed"
    assert answer(file([one, no(day=12)]))["status"] == "withdrawn"


def test_of_a_day_it_is_not_known_when_it_was() -> None:
    said = {**no(), "occurred": {"lo": "2025-01-21", "hi": "2025-01-21"}}
    assert answer(file([said, *doi(day=20.5)]))["status"] == "withdrawn"
    assert answer(file([said, *doi(day=21.5)]))["status"] == "confirmed"


@pytest.mark.parametrize(("asked_for", "clicked_for"), [("marketing", "marketing.newsletter"), ("marketing.newsletter", "marketing")])
def test_of_a_broader_and_a_narrower_purpose_the_narrower_is_confirmed(asked_for: str, clicked_for: str) -> None:
    asked, clicked = doi(purposes=[asked_for])
    events = [asked, {**clicked, "purposes": [clicked_for]}]
    assert answer(file(events))["status"] == "confirmed"
    assert answer(file(events, purpose="marketing.offers"))["permitted"] is False


def test_a_bounce_is_of_the_very_address() -> None:
    bounce = {**flag("bo", who="email:a+t@x.de"), "kind": "bounce"}
    assert answer(file([*doi(), bounce]))["flags"] == []


def test_no_time_is_too_far_away() -> None:
    ages = [{**DE, "rule": [{**DE["rule"][0], "max_age": "9999y"}]}, {**DE, "rule": [{**DE["rule"][0], "doi_ttl": "999999999y"}]}]
    assert [answer(file(doi(), policy=policy))["status"] for policy in ages] == ["confirmed", "confirmed"]
    late = [{**event, "occurred": {"lo": "9999-01-01T00:00:00Z", "hi": "9999-01-01T00:00:00Z"}} for event in doi()]
    early = [{**event, "occurred": {"lo": "0001-01-01T00:00:00+14:00", "hi": at(10)}} for event in doi()]
    answers = [answer({**file(events), "now": "9999-12-31T23:59:59-12:00"}) for events in (late, early)]
    assert [found["permitted"] for found in answers] == [True, False]


def test_a_mistake_names_no_person() -> None:
    document = file(doi(), links={"email:anna.schmidt": ["p1"], "email:b@x.de": "p2"})  # type: ignore[dict-item]
    with pytest.raises(ConsentFileWrong) as raised:
        evaluate(document)
    assert [mistake.split(":")[0] for mistake in raised.value.mistakes] == ["links entry 1", "links entry 2"]
    assert "anna" not in str(raised.value)


def test_a_short_message_is_confirmed_by_a_code_only() -> None:
    number = "phone:+493023125000"
    told = {"who": number, "purposes": ["marketing"], "channels": ["sms"]}
    asked, clicked = doi(**told)
    code = {**clicked, "evidence": {"confirm": {**clicked["evidence"]["confirm"], "method": "otp"}}}
    by = {key: value for key, value in file([], who=number, channel="sms").items() if key != "policy"}
    assert [answer({**by, "events": [asked, one]})["status"] for one in (clicked, code)] == ["unproven", "confirmed"]
