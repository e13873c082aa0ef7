"""The truth table: what is known, and what follows from it. The numbers are those of the specification and are not contiguous."""

from __future__ import annotations

from typing import Any

from tests.leads.consent.acts import DE, INFO, A, B, at, basis, doi, file, flag, no, request, single

E2_POLICY = {**DE, "rule": [{**DE["rule"][0], "min_evidence": "E2", "regrant_evidence": "E2"}]}
TWO = {A: ["p1"], B: ["p2"]}
MERGED = {A: ["p1", "p2"], B: ["p1", "p2"]}
TAGGED = "email:a+news@x.de"
PHONE = "phone:+493023125000"
SALE = {"purpose": "marketing.similar_products"}
ANY = {"purposes": ["any"], "channels": ["any"]}

# number -> (the file, status, permitted, flags)
Row = tuple[dict[str, Any], str, bool, list[str]]
ROWS: dict[str, Row] = {
    "1 nothing is known": (file([]), "never_asked", False, []),
    "2 requested yesterday": (file([request("r", day=399)]), "pending", False, []),
    "3 requested long ago": (file([request("r", day=300)]), "lapsed", False, []),
    "4 double opt-in": (file(doi()), "confirmed", True, []),
    "5 the same from two systems": (file([*doi(), *doi(clock="activecampaign")]), "confirmed", True, []),
    "6 clicked after nine days": (file(doi(after_minutes=9 * 1440)), "lapsed", False, []),
    "9 single opt-in": (file([single()]), "unproven", False, []),
    "10 single opt-in where that is enough": (file([single()], policy=E2_POLICY), "granted", True, []),
    "11 a bare flag": (file([flag()]), "unproven", False, []),
    "14 unsubscribed later": (file([*doi(), no()]), "withdrawn", False, []),
    "15 asked for again": (file([no(), *doi(day=30)]), "confirmed", True, []),
    "16 yes, no, yes, no": (file([*doi("d1"), no("w1"), *doi("d2", day=30), no("w2", day=40)]), "withdrawn", False, []),
    "17 a CRM flips back": (file([no(clock="activecampaign"), flag(day=30)]), "withdrawn", False, ["regrant_without_evidence"]),
    "20 a no of unknown time, seen before": (file([no(day=None, hi=at(20)), *doi(day=30)]), "confirmed", True, []),
    "23 order within the skew": (file([no(day=20, clock="activecampaign"), *doi(day=20 + 4 / 1440)]), "withdrawn", False, []),
    "26 a no stamped in the future": (file([no(day=900, observed_at=at(20), clock="hubspot"), *doi(day=30)]), "confirmed", True, []),
    "29 no, thanks": (file([no(kind="deny", day=10)]), "denied", False, []),
    "30 no thanks, then double opt-in": (file([no(kind="deny", day=10), *doi(day=30)]), "confirmed", True, []),
    "32 a box left empty is no event": (file(doi()), "confirmed", True, []),
    "35 another address": (file(doi(), who=B, links={A: ["p1"], B: ["p1"]}), "never_asked", False, []),
    "37 merged, unsubscribed on the other": (file([*doi(), no(who=B, person="p2")], links=MERGED), "confirmed", True, []),
    "40 objection of somebody else": (file([*doi(), no(who=B, kind="object", person="p2")], links=TWO), "confirmed", True, []),
    "40 objection, then merged": (file([*doi(), no(who=B, kind="object", person="p2")], links=MERGED), "objected", False, []),
    "41 shared mailbox": (
        file([*doi(who=INFO), no(who=INFO, person="p2")], who=INFO, links={INFO: ["p1", "p2"]}), "withdrawn", False, [],
    ),
    "43 a tagged address": (file(doi(who=TAGGED)), "never_asked", False, []),
    "43 a no on a tagged address": (file([*doi(), no(who=TAGGED)]), "withdrawn", False, []),
    "45 another channel": (file(doi(), who=PHONE, channel="phone"), "never_asked", False, []),
    "47 a broader text": (file(doi(purposes=["marketing"])), "confirmed", True, []),
    "50 do not call": (
        file([*doi(), no(who=PHONE, channels=["phone"], clock="salesforce", provenance="sync")], links={A: ["p1"], PHONE: ["p1"]}),
        "confirmed", True, [],
    ),
    "52 complaint": (file([*doi(), no(kind="complaint")]), "objected", False, []),
    "54 valid for a while": (file(doi(valid_until="2025-04-11T00:00:00Z")), "expired", False, []),
    "57 existing customer": (file([basis()], **SALE), "never_asked", True, ["basis"]),
    "58 notice not documented": (file([basis(notice_at_collection=False)], **SALE), "never_asked", False, []),
    "60 erased, and set again": (
        file([no(kind="erase", provenance="operator", **ANY), flag(day=30)]), "erased", False, ["regrant_without_evidence"],
    ),
    "64 letters, objection": (
        file([no(who="postal:Weg 1, Kiel", kind="object", channels=["postal"])], who="postal:Weg 1, Kiel", channel="postal"),
        "objected", False, [],
    ),
}  # fmt: skip
