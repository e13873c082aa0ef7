"""Questions at the command line: asked, shown side by side, answered once and for all."""

from __future__ import annotations

from tests.commands.test_flows import control


def conflict(crms, configured) -> None:
    path = configured()
    path.write_text(path.read_text() + '[fields.job_title]\nwinner = "ask"\n')


def disagree(leadloom, crms) -> None:
    """One person, two CRMs, two titles."""
    leadloom("sync")
    lead = next(one for one in leadloom("leads", "list", "--json").json if len(one["in"]) > 2)
    records = leadloom("leads", "show", lead["lead_id"], "--json").json["records"]
    at = {one["account"]: one for one in records if one["role"] == "main"}
    control(crms, "hubspot", "act", {"do": "edit", "object": "contacts", "id": at["hubspot"]["id"], "fields": {"jobtitle": "Boatswain"}})
    sf = at["salesforce"]
    control(crms, "salesforce", "act", {"do": "edit", "object": sf["object"], "id": sf["id"], "fields": {"Title": "Helmsman"}})
    leadloom("sync")


def test_a_conflict_is_listed_shown_and_decided(leadloom, configured, crms):
    conflict(crms, configured)
    disagree(leadloom, crms)
    question = next(one for one in leadloom("review", "list", "--json").json if one["kind"] == "conflict")
    shown = leadloom("review", "show", str(question["id"]), "--json").json
    answer = next(one["answer"] for one in shown["choices"] if one["value"] == "Helmsman")
    assert "side by side" in leadloom("review", "show", str(question["id"])).out.lower()
    assert leadloom("review", "decide", str(question["id"]), answer, "--by", "anna").code == 0
    leadloom("sync")
    why = leadloom("leads", "why", shown["lead_id"], "job_title", "--json").json["fields"][0]
    assert (why["value"], why["rule"]) == ("Helmsman", "decided by a person")
    assert {one["value"] for one in why["lost"]} >= {"Boatswain"}
    assert question["id"] not in [one["id"] for one in leadloom("review", "list", "--json").json]
    kept = next(one for one in leadloom("review", "list", "--all", "--json").json if one["id"] == question["id"])
    assert (kept["answer"], kept["by"]) == (answer, "anna")


def test_what_cannot_be_answered_is_said(leadloom, configured):
    configured()
    leadloom("sync")
    assert leadloom("review", "show", "999").code == 2
    said = leadloom("review", "decide", "999", "1")
    assert (said.code, said.out) == (2, "")
    assert "leadloom review list" in said.err


def test_allow_takes_a_kind_and_a_number(leadloom, configured):
    configured()
    assert leadloom("sync", "--allow", "creates=500").code == 0
    said = leadloom("sync", "--allow", "craetes=5")
    assert (said.code, 'Did you mean "creates"?' in said.err) == (2, True)
    assert leadloom("sync", "--allow", "creates=many").code == 2


def two_leads_of_one(leadloom, configured, crms) -> dict:
    """A second record of somebody, without the address, in a CRM of her own."""
    configured()
    leadloom("sync")
    fields = {"LastName": "Nachtigall", "FirstName": "Ottilie", "Company": "Nachtigall Orgelbau GmbH", "City": "Husum"}
    control(crms, "salesforce", "act", {"do": "create", "object": "Lead", "fields": {**fields, "Email": "ottilie@nachtigall.example"}})
    props = {"lastname": "Nachtigall", "firstname": "Ottilie", "company": "Nachtigall Orgelbau", "city": "Husum"}
    control(crms, "hubspot", "act", {"do": "create", "object": "contacts", "fields": props})
    leadloom("sync")
    return next(one for one in leadloom("review", "list", "--json").json if one["kind"] == "possible_duplicate")


def test_a_possible_duplicate_is_shown_with_its_evidence_and_decided_once(leadloom, configured, crms):
    question = two_leads_of_one(leadloom, configured, crms)
    assert question["about"] == ["Ottilie Nachtigall", "Ottilie Nachtigall"]
    assert {one["kind"] for one in leadloom("review", "list", "--kind", "possible_duplicate", "--json").json} == {"possible_duplicate"}
    shown = leadloom("review", "show", str(question["id"]), "--json").json
    assert [side["fields"]["first_name"] for side in shown["sides"]] == ["Ottilie", "Ottilie"]
    assert abs(sum(one["bits"] for one in shown["likeness"]["evidence"]) - shown["likeness"]["bits"]) < 1
    assert "the same small company" in leadloom("review", "show", str(question["id"])).out
    other = shown["sides"][1]["lead_id"]
    (near,) = leadloom("leads", "why", shown["sides"][0]["lead_id"], "--json").json["apart"]
    assert (near["lead_id"], near["outcome"]) == (other, "a person is asked")
    leadloom("review", "decide", str(question["id"]), "different")
    (near,) = leadloom("leads", "why", shown["sides"][0]["lead_id"], "--json").json["apart"]
    assert near["outcome"] == "decided: different"
    leadloom("sync")
    assert question["id"] not in [one["id"] for one in leadloom("review", "list", "--json").json]


def test_why_says_why_two_records_are_one_person(leadloom, configured):
    configured()
    leadloom("sync")
    lead = next(one for one in leadloom("leads", "list", "--json").json if len(one["in"]) > 2)
    records = leadloom("leads", "why", lead["lead_id"], "--json").json["records"]
    told = [one["likeness"] for one in records if one["likeness"] is not None]
    assert len(told) >= 1
    assert any(part["says"] == "the same e-mail address" for one in told for part in one["evidence"])
    assert "is the person of" in leadloom("leads", "why", lead["lead_id"]).out
