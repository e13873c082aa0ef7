"""`consent evaluate`: a file in, answers out, and every mistake of a file told at once."""

from __future__ import annotations

import json
import re
import sqlite3
import stat

import pytest

from tests.leads.consent.acts import doi, file, no


def test_answers_need_no_settings_and_no_store(leadloom, tmp_path):
    (tmp_path / "asked.json").write_text(json.dumps(file([*doi(), no()])), "utf-8")
    said = leadloom("consent", "evaluate", "asked.json", "--json")
    assert said.code == 0
    assert said.json == [
        {
            "identifier": "email:a@x.de",
            "purpose": "marketing.newsletter",
            "channel": "email",
            "status": "withdrawn",
            "permitted": False,
            "grade": "E3",
            "flags": [],
            "because": ["w"],
        }
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["asked.json"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is not JSON (line 1, column 2)"),
        ("[]", "expected one JSON object"),
        ('{"now": 1, "ask": {}}', "ask: expected a list"),
        ('{"now": "\\ud800"}', "half of a character"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_sentence(leadloom, tmp_path, content, told):
    (tmp_path / "asked.json").write_text(content, "utf-8")
    said = leadloom("consent", "evaluate", "asked.json", "--json")
    assert (said.code, said.out) == (2, "")
    assert told in said.err


def test_a_file_may_begin_with_a_byte_order_mark(leadloom, tmp_path):
    (tmp_path / "asked.json").write_text(json.dumps(file(doi())), "utf-8-sig")
    assert leadloom("consent", "evaluate", "asked.json", "--json").json[0]["status"] == "confirmed"


def test_a_missing_file_is_named(leadloom):
    said = leadloom("consent", "evaluate", "nowhere.json")
    assert said.code == 2
    assert said.err == "nowhere.json cannot be read: No such file or directory.\n"


@pytest.fixture
def somebody(leadloom, configured):
    """A lead with an address, in CRMs that were synced; nobody ever said yes or no."""
    configured()
    leadloom("sync", "--json")
    known = [row for row in leadloom("leads", "list", "--json").json if row["email"] is not None and len(row["in"]) > 2]
    return next(row for row in known if statuses(leadloom, row["lead_id"]) == {"never_asked"})


def statuses(leadloom, lead):
    return {row["status"] for row in leadloom("consent", "status", lead, "--json").json if row["channel"] == "email"}


def test_a_no_told_to_the_hub_reaches_every_crm_with_the_next_sync(leadloom, somebody):
    assert leadloom("consent", "withdraw", somebody["email"], "--by", "anna", "--json").json == {"added": 1}
    assert statuses(leadloom, somebody["lead_id"]) == {"withdrawn"}
    report = leadloom("sync", "--json").json
    assert sum(account["out"]["updated"] for account in report["accounts"].values()) >= len(somebody["in"])
    assert leadloom("sync", "--json").json["status"] == "done"
    rows = leadloom("consent", "conflicts", "--json").json
    assert [row for row in rows if row["lead_id"] == somebody["lead_id"] and row["refused"]] == []


def test_an_assertion_lifts_nothing_and_is_said(leadloom, somebody):
    leadloom("consent", "object", somebody["email"], "--by", "anna")
    leadloom("consent", "grant", somebody["email"], "--by", "ben", "--note", "told on the phone")
    assert statuses(leadloom, somebody["lead_id"]) == {"objected"}
    told = " ".join(leadloom("consent", "explain", somebody["lead_id"]).out.split())
    assert "the person objects" in told
    assert "without the proof that a no asks for" in told


def test_the_ledger_notices_what_was_changed_behind_its_back(leadloom, somebody, tmp_path):
    leadloom("consent", "withdraw", somebody["email"], "--by", "anna")
    assert leadloom("consent", "verify").code == 0
    before = leadloom("consent", "anchor", "--json").json
    with sqlite3.connect(tmp_path / "leadloom.db") as database:
        database.execute("update consent_event set document = replace(document, 'withdraw', 'grant') where kind = 'withdraw'")
    said = leadloom("consent", "verify", "--json")
    assert said.code == 4
    assert len(said.json["tampered"]) == before["seq"]
    assert "was changed after it was written" in said.json["tampered"][0]["why"]


def behind_its_back(folder, *statements):
    with sqlite3.connect(folder / "leadloom.db") as database:
        for statement in statements:
            database.execute(statement)


TAMPERED = {
    "an objection taken out, and out of what is denied": (
        ["delete from consent_event where kind = 'object'", "delete from restriction"],
        "its event is missing",
    ),
    "a grant taken out": (["delete from consent_event where kind = 'grant'"], "its event is missing"),
    "everything taken out": (["delete from consent_event", "delete from restriction"], "its event is missing"),
    "another address": (["update consent_event set mailbox = 'email:x@y.example'"], "its mailbox was changed"),
    "another person": (["update consent_event set person = 'ld_x'"], "its person was changed"),
    "another kind": (["update consent_event set kind = 'deny' where kind = 'object'"], "its kind was changed"),
    "another name": (["update consent_event set name = 'abc' where kind = 'grant'"], "its name was changed"),
    "a salt that is none": (["update consent_event set salt = 'x'"], "it was changed after it was written"),
    "a document that is none": (["update consent_event set document = '{'"], "it was changed after it was written"),
    "a document of another kind": (["update consent_event set document = '[]'"], "it was changed after it was written"),
    "a hash that is none": (["update audit set hash = 'x'"], "was changed"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_whatever_was_done_to_the_ledger_is_named_and_nothing_is_made_anew_from_it(leadloom, somebody, tmp_path, how):
    leadloom("consent", "object", somebody["email"], "--by", "support")
    leadloom("consent", "grant", somebody["email"], "--by", "support", "--note", "told at the fair")
    assert leadloom("consent", "verify").code == 0
    statements, why = TAMPERED[how]
    behind_its_back(tmp_path, *statements)
    for more in ((), ("--rebuild",)):
        said = leadloom("consent", "verify", "--json", *more)
        assert (said.code, "Traceback" in said.err) == (4, False)
        assert any(why in row["why"] for row in said.json["tampered"])


def test_an_event_that_nobody_can_read_stops_a_run_in_a_sentence(leadloom, somebody, tmp_path):
    leadloom("consent", "object", somebody["email"], "--by", "support")
    behind_its_back(tmp_path, "update consent_event set document = '{'")
    said = leadloom("consent", "status", somebody["lead_id"])
    assert said.code == 2
    assert "`leadloom consent verify` names what was changed" in said.err


def test_an_erasure_stands_in_the_trail_and_what_it_took_is_not_missed(leadloom, somebody, tmp_path):
    leadloom("consent", "object", somebody["email"], "--by", "support")
    before = leadloom("consent", "anchor", "--json").json["seq"]
    leadloom("privacy", "erase", somebody["lead_id"], "--reason", "ticket 7", "--yes")
    assert leadloom("consent", "verify", "--json").json["tampered"] == []
    with sqlite3.connect(tmp_path / "leadloom.db") as database:
        rows = database.execute("select * from audit where seq > ? and action = 'consent.erased'", (before,)).fetchall()
    assert rows != []
    assert somebody["email"] not in repr(rows)


def test_what_is_denied_is_held_against_the_ledger_and_made_anew_from_it(leadloom, somebody, tmp_path):
    assert leadloom("consent", "withdraw", somebody["email"], "--by", "support").code == 0
    assert leadloom("consent", "verify").code == 0
    with sqlite3.connect(tmp_path / "leadloom.db") as connection:
        connection.execute("delete from restriction")
    said = leadloom("consent", "verify", "--json")
    assert said.code == 4
    assert "its no on email is not in force" in {row["why"] for row in said.json["tampered"]}
    assert leadloom("consent", "verify", "--rebuild").code == 0
    assert leadloom("consent", "verify").code == 0


def test_a_receipt_is_the_persons_copy_and_shows_whether_it_was_changed(leadloom, somebody, tmp_path):
    leadloom("consent", "withdraw", somebody["email"], "--by", "anna", "--purpose", "marketing.newsletter")
    assert leadloom("consent", "receipt", somebody["lead_id"], "--purpose", "marketing.newsletter", "-o", "receipt.json").code == 0
    kept = json.loads((tmp_path / "receipt.json").read_text("utf-8"))
    assert {row["status"] for row in kept["receipt"]["status"] if row["channel"] == "email"} == {"withdrawn"}
    assert [one["events"][0]["event_state"] for one in kept["receipt"]["records"]] == ["withdrawn"]
    assert leadloom("consent", "receipt", "--verify", "receipt.json").code == 0
    kept["receipt"]["status"][0]["status"] = "confirmed"
    (tmp_path / "changed.json").write_text(json.dumps(kept))
    assert leadloom("consent", "receipt", "--verify", "changed.json").code == 4
    (tmp_path / "other.json").write_text("[]")
    assert leadloom("consent", "receipt", "--verify", "other.json").code == 4


def test_the_proof_is_one_private_file_that_prints(leadloom, somebody, tmp_path):
    leadloom("consent", "withdraw", somebody["email"], "--by", "anna")
    assert leadloom("consent", "prove", somebody["lead_id"], "-o", "proof.html").code == 0
    page = (tmp_path / "proof.html").read_text("utf-8")
    assert stat.S_IMODE((tmp_path / "proof.html").stat().st_mode) == 0o600
    assert somebody["email"] in page
    assert "withdraw" in page
    record = leadloom("consent", "prove", somebody["lead_id"], "--format", "iso27560").json["records"][0]
    assert record["events"][0]["event_state"] == "withdrawn"


def test_the_iso_record_of_a_confirmation_says_what_it_confirms_to_whom_and_by_no_address(leadloom, configured, tmp_path):
    configured({"[accounts.hubspot]": '[consent]\ncontroller = "Firma GmbH, Berlin"\n\n[accounts.hubspot]'})
    leadloom("sync", "--json")
    known = [row for row in leadloom("leads", "list", "--json").json if row["email"] is not None]
    somebody = next(row for row in known if statuses(leadloom, row["lead_id"]) == {"never_asked"})
    rows = [{**one, "identifier": f"email:{somebody['email']}", "person": None} for one in doi()]
    (tmp_path / "events.json").write_text(json.dumps(rows))
    leadloom("import", "events.json", "--kind", "consent", "--source", "tool", "--provenance", "own_form")
    said = leadloom("consent", "prove", somebody["lead_id"], "--format", "iso27560")
    request, confirm = said.json["records"]
    assert [one["events"][0]["event_state"] for one in (request, confirm)] == ["requested", "given"]
    assert [one["purpose"] for one in confirm["purposes"]] == ["marketing.newsletter"]
    assert confirm["privacy_notice"] == request["privacy_notice"] != {}
    assert confirm["pii_controllers"] == ["Firma GmbH, Berlin"]
    assert somebody["email"] not in said.out
    assert len({one["pii_principal_id"] for one in (request, confirm)}) == 1
    assert re.fullmatch("[0-9a-f]{64}", confirm["pii_principal_id"])


def test_what_a_run_saw_can_be_taken_back_and_what_a_person_did_cannot(leadloom, somebody, crms):
    address = somebody["email"]
    record = leadloom("leads", "show", somebody["lead_id"], "--json").json["records"][0]
    fields = {"do": "edit", "object": record["object"], "id": record["id"], "opt_out": True}
    if record["account"] == "salesforce":
        fields = {"do": "edit", "object": record["object"], "id": record["id"], "fields": {"HasOptedOutOfEmail": True}}
    crms.apps[record["account"]].act(fields)
    run = leadloom("sync", "--json").json["run"]
    assert statuses(leadloom, somebody["lead_id"]) == {"withdrawn"}
    said = leadloom("consent", "invalidate", run, "--by", "anna")
    assert said.out == f"Observations of run {run} taken back: 1.\n"
    assert statuses(leadloom, somebody["lead_id"]) == {"never_asked"}
    leadloom("consent", "withdraw", address, "--by", "anna")
    leadloom("consent", "invalidate", run, "--by", "anna")
    assert statuses(leadloom, somebody["lead_id"]) == {"withdrawn"}


@pytest.mark.parametrize("run", ["99", "xyz"])
def test_what_no_run_has_seen_yet_cannot_be_taken_back(leadloom, somebody, run):
    said = leadloom("consent", "invalidate", run, "--by", "anna")
    assert (said.code, said.err) == (2, f"There is no run {run}. `leadloom runs` lists them.\n")


def test_evidence_from_another_system_is_imported_once_and_proves(leadloom, somebody, tmp_path):
    columns = "id,kind,email,at,purpose,channel,form_id,text_sha256,request_at,mail_sent_at,confirm_at,confirm_method,request"
    address = somebody["email"]
    lines = [
        columns,
        f"r1,request,{address},2026-01-10T09:00:00Z,marketing.newsletter,email,nl,ab12,2026-01-10T09:00:00Z,2026-01-10T09:00:05Z,,,",
        f"c1,confirm,{address},2026-01-10T09:30:00Z,,,,,,,2026-01-10T09:30:00Z,post,r1",
        "x,grant,not-an-address,2026-01-10T09:30:00Z,marketing,email,,,,,,,",
    ]
    (tmp_path / "events.csv").write_text("\n".join(lines) + "\n", "utf-8")
    order = ("import", "events.csv", "--kind", "consent", "--source", "newsletter", "--provenance", "own_form", "--json")
    said = leadloom(*order)
    assert (said.code, said.json["added"], said.json["rejected"]) == (1, 2, 1)
    assert "identifier: the e-mail address has no @" in (tmp_path / "events.rejects.csv").read_text("utf-8")
    assert leadloom(*order).json["added"] == 0
    rows = leadloom("consent", "status", somebody["lead_id"], "--json").json
    assert {row["status"] for row in rows if row["purpose"] == "marketing.newsletter" and row["channel"] == "email"} == {"confirmed"}
    leadloom("consent", "object", address, "--by", "anna")
    assert "objected" in statuses(leadloom, somebody["lead_id"])


def test_a_bought_list_of_consents_permits_nothing(leadloom, somebody, tmp_path):
    event = {"kind": "grant", "identifier": f"email:{somebody['email']}", "purposes": ["marketing"], "channels": ["email"]}
    when = {"occurred": {"lo": "2026-01-10T09:00:00Z", "hi": "2026-01-10T09:00:00Z"}, "provenance": "subject"}
    (tmp_path / "bought.json").write_text(json.dumps([{**event, **when}]), "utf-8")
    assert leadloom("import", "bought.json", "--kind", "consent", "--source", "dealer", "--provenance", "purchased").code == 0
    rows = leadloom("consent", "status", somebody["lead_id"], "--json").json
    assert {(row["status"], row["grade"], row["permitted"]) for row in rows if row["channel"] == "email"} == {("unproven", "E0", False)}


def test_the_history_names_each_event_and_says_when(leadloom, somebody):
    leadloom("consent", "withdraw", somebody["email"], "--by", "support")
    (event,) = leadloom("consent", "history", somebody["lead_id"], "--json").json
    assert re.fullmatch("[0-9a-f]{64}", event["event_id"])
    shown = leadloom("consent", "history", somebody["lead_id"]).out
    assert event["event_id"][:12] in shown
    assert (re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d ", shown) is not None, "{" in shown) == (True, False)


def test_an_objection_is_explained_once(leadloom, somebody):
    leadloom("consent", "object", somebody["email"], "--by", "support")
    sentences = leadloom("consent", "explain", somebody["lead_id"], "--json").json
    assert {sentence.count("object of") for sentence in sentences if "the person objects" in sentence} == {1}


def test_who_said_no_stands_first_among_the_conflicts(leadloom, somebody):
    leads = [row for row in leadloom("leads", "list", "--limit", "100", "--json").json if row["email"] is not None]
    last = max(leads, key=lambda row: row["lead_id"])
    leadloom("consent", "object", last["email"], "--by", "support")
    rows = leadloom("consent", "conflicts", "--json").json
    assert [row["refused"] for row in rows] == sorted((row["refused"] for row in rows), reverse=True)
    assert {True, False} == {row["refused"] for row in rows}


def test_a_no_to_a_purpose_of_its_own_is_shown_and_explained(leadloom, somebody):
    for purpose in ("marketing.survey", "marketing.hubspot_10", "profiling.scoring"):
        assert leadloom("consent", "withdraw", somebody["email"], "--by", "support", "--purpose", purpose).code == 0
    rows = leadloom("consent", "status", somebody["lead_id"], "--json").json
    noes = {row["purpose"] for row in rows if row["channel"] == "email" and row["status"] == "withdrawn"}
    assert noes == {"marketing.survey", "marketing.hubspot_10", "profiling.scoring"}
    told = " ".join(leadloom("consent", "explain", somebody["lead_id"]).out.split())
    assert all(f"may not be contacted by email for {purpose}: the person took it back" in told for purpose in noes)


def test_purposes_of_the_settings_are_asked_for_although_nobody_spoke_of_them(leadloom, configured):
    configured({"[accounts.hubspot]": '[accounts.hubspot.purposes]\n"9" = "marketing.magazine"\n\n[accounts.hubspot]'})
    leadloom("sync", "--json")
    lead = next(row["lead_id"] for row in leadloom("leads", "list", "--json").json if row["email"] is not None)
    rows = leadloom("consent", "status", lead, "--json").json
    assert "marketing.magazine" in {row["purpose"] for row in rows}


def test_the_no_of_somebody_on_a_bought_list_is_shown(leadloom, configured, tmp_path):
    configured()
    (tmp_path / "list.csv").write_text("email,first_name,email_opt_out\nann@bought.example,Ann,yes\n")
    assert leadloom("import", "list.csv", "--source", "broker", "--provenance", "purchased").code == 0
    rows = leadloom("consent", "status", "ann@bought.example", "--json").json
    assert {(row["identifier"], row["status"]) for row in rows} == {("email:ann@bought.example", "withdrawn")}
    assert "ann@bought.example may not be contacted" in leadloom("consent", "explain", "ann@bought.example").out


@pytest.mark.parametrize("command", ["withdraw", "object", "grant"])
@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--purpose", "newsletter"), "There is no purpose newsletter. Did you mean marketing.newsletter?"),
        (("--purpose", "marketing.newsleter"), "There is no purpose marketing.newsleter. Did you mean marketing.newsletter?"),
        (("--purpose", "foo"), "There is no purpose foo. Known: marketing, marketing.cart_reminder"),
        (("--channel", "pigeon"), "There is no channel pigeon to "),
    ],
)
def test_what_would_have_no_effect_is_refused_with_what_was_probably_meant(leadloom, configured, command, more, told):
    configured()
    said = leadloom("consent", command, "anna@firma.example", "--by", "support", "--note", "letter", *more)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(told)


def test_purposes_that_the_settings_name_are_purposes(leadloom, configured):
    configured({"[accounts.hubspot]": '[accounts.hubspot.purposes]\n"9" = "marketing.magazine"\n\n[accounts.hubspot]'})
    for purpose in ("marketing.magazine", "marketing.hubspot_10", "service"):
        assert leadloom("consent", "withdraw", "anna@firma.example", "--by", "support", "--purpose", purpose).code == 0
    assert leadloom("consent", "withdraw", "anna@firma.example", "--by", "support", "--purpose", "marketing.other_10").code == 2


def test_rows_that_would_have_no_effect_or_that_only_an_operator_may_say_are_rejected(leadloom, configured, tmp_path):
    configured()
    said = {"identifier": "email:a@firma.example", "occurred": {"lo": "2026-01-10T09:00:00Z", "hi": "2026-01-10T09:00:00Z"}}
    rows = [
        {**said, "kind": "withdraw", "purposes": ["newsletter"], "channels": ["email"]},
        {**said, "kind": "withdraw", "purposes": ["marketing"], "channels": ["pigeon"]},
        {**said, "kind": "invalidate", "refs": {"batch": "run:1"}},
        {**said, "kind": "erase"},
        {**said, "kind": "withdraw", "purposes": ["marketing"], "channels": ["email"]},
    ]
    (tmp_path / "events.json").write_text(json.dumps(rows))
    done = leadloom("import", "events.json", "--kind", "consent", "--source", "tool", "--provenance", "own_form", "--json")
    assert (done.code, done.json["added"], done.json["rejected"]) == (1, 1, 4)
    rejected = (tmp_path / "events.rejects.csv").read_text().splitlines()[1:]
    told = ("Did you mean marketing.newsletter?", "channels: expected email", "a file cannot invalidate", "a file cannot erase")
    assert all(f"{number}," in line and text in line for number, (line, text) in enumerate(zip(rejected, told, strict=True), 1))


def test_a_no_to_a_channel_that_no_crm_knows_is_shown(leadloom, somebody):
    assert leadloom("consent", "withdraw", somebody["email"], "--by", "ben", "--channel", "postal").code == 0
    rows = leadloom("consent", "status", somebody["lead_id"], "--json").json
    assert {row["status"] for row in rows if row["channel"] == "postal"} == {"withdrawn"}
    assert {row["channel"] for row in rows if row["status"] == "withdrawn"} == {"postal"}
