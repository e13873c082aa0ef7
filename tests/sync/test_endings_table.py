"""Every ending in every CRM under every policy: what becomes of the lead, its record there, its other records, and what is reported.

The table is data; each row is carried out against the sandbox, and docs/endings.md shows the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sandbox.wire import ActRefused
from sync.workspace import CAPS, Cap, Endings, Guards
from tests.sync.rig import World, totals
from tests.sync.test_undo import attach

Build = Callable[..., World]
DOCS = Path(__file__).parents[2] / "docs" / "endings.md"
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example", "company": "Acme"}
BEA = {"first_name": "Bea", "last_name": "Wolf", "email": "bea@acme.example", "company": "Acme"}
OBJECT = {"hubspot": "contacts", "salesforce": "Lead", "pipedrive": "persons", "activecampaign": "contacts"}
CALLED = {"hubspot": "HubSpot", "salesforce": "Salesforce", "pipedrive": "Pipedrive", "activecampaign": "ActiveCampaign"}
TITLE = {"hubspot": "jobtitle", "salesforce": "Title"}
STAGE = {"hubspot": "leadloom_stage", "salesforce": "Leadloom_Stage__c"}
GONE = ("archived", "IsDeleted", "is_deleted", "IsConverted")


class Row(NamedTuple):
    """One cell: what happened in which CRM, the policy that was asked (`[endings.NAME] key`), and what came of it."""

    crm: str
    happened: str
    key: str
    policy: str
    lead: str
    there: str
    others: str
    report: str


STAYS, LOST, ASKED = "stays", "disqualified", "merged_leads"
ENDS, AGAIN, SURVIVOR, CONTACT = "unlinked", "created again", "the survivor", "the contact"
TABLE = (
    Row("hubspot", "delete", "archived", "unlink", STAYS, ENDS, STAYS, "ended:archived"),
    Row("hubspot", "delete", "archived", "recreate", STAYS, AGAIN, STAYS, "ended:archived"),
    Row("hubspot", "delete", "archived", "disqualify", LOST, ENDS, STAYS, "ended:archived"),
    Row("hubspot", "delete", "archived", "delete", STAYS, ENDS, "deleted", "ended:archived"),
    Row("hubspot", "merge", "merged", "follow", STAYS, SURVIVOR, STAYS, ASKED),
    Row("hubspot", "merge", "merged", "unlink", STAYS, ENDS, STAYS, ASKED),
    Row("hubspot", "leave", "out_of_scope", "keep", STAYS, "written to", STAYS, ""),
    Row("hubspot", "leave", "out_of_scope", "dormant", STAYS, "opt-outs only", STAYS, ""),
    Row("salesforce", "delete", "deleted", "unlink", STAYS, ENDS, STAYS, "ended:deleted"),
    Row("salesforce", "delete", "deleted", "recreate", STAYS, AGAIN, STAYS, "ended:deleted"),
    Row("salesforce", "delete", "deleted", "disqualify", LOST, ENDS, STAYS, "ended:deleted"),
    Row("salesforce", "delete", "deleted", "delete", STAYS, ENDS, "deleted", "ended:deleted"),
    Row("salesforce", "merge", "merged", "follow", STAYS, ENDS, STAYS, f"ended:merged, {ASKED}"),
    Row("salesforce", "merge", "merged", "unlink", STAYS, ENDS, STAYS, "ended:merged"),
    Row("salesforce", "convert", "converted", "follow", STAYS, CONTACT, STAYS, "ended:converted"),
    Row("salesforce", "convert", "converted", "unlink", STAYS, ENDS, STAYS, "ended:converted"),
    Row("salesforce", "hide", "hidden", "unlink", STAYS, ENDS, STAYS, "ended:missing"),
    Row("salesforce", "hide", "hidden", "disqualify", LOST, ENDS, STAYS, "ended:missing"),
    Row("salesforce", "leave", "out_of_scope", "keep", STAYS, "written to", STAYS, ""),
    Row("salesforce", "leave", "out_of_scope", "dormant", STAYS, "opt-outs only", STAYS, ""),
    *(
        row
        for crm in ("pipedrive", "activecampaign")
        for row in (
            *(
                Row(crm, happened, "hidden", policy, lead, ENDS, STAYS, "ended:missing")
                for happened in ("delete", "merge", "hide")
                for policy, lead in (("unlink", STAYS), ("disqualify", LOST))
            ),
            Row(crm, "leave", "out_of_scope", "keep", STAYS, "written to", STAYS, ""),
            Row(crm, "leave", "out_of_scope", "dormant", STAYS, "opt-outs only", STAYS, ""),
        )
    ),
)
CANNOT = {
    ("hubspot", "hide"): "a private app sees every contact",
    ("hubspot", "convert"): "contacts are not converted",
    ("pipedrive", "convert"): "persons are not converted",
    ("activecampaign", "convert"): "contacts are not converted",
}
NAMELESS = {
    ("pipedrive", "delete"): "a deleted person answers like one that was never there",
    ("pipedrive", "merge"): "the person that went answers like one that was never there, and nothing points to the survivor",
    ("activecampaign", "delete"): "a deleted contact answers like one that was never there",
    ("activecampaign", "merge"): "the contact that went answers like one that was never there, and nothing points to the survivor",
}


def id_of(record: Any) -> str:
    return str(record.get("id", record.get("Id")))


def alive(world: World, crm: str) -> list[Any]:
    return [one for one in world.records(crm, OBJECT[crm]) if not any(one.get(name) for name in GONE)]


def of_anna(world: World, crm: str) -> str:
    return next(id_of(one) for one in alive(world, crm) if ANNA["email"] in str(one))


def other_than(crm: str) -> str:
    return "salesforce" if crm == "hubspot" else "hubspot"


def story(world: Build, crm: str, endings: Endings, *, bea: bool = False) -> World:
    """Anna in two CRMs; what happens to her in one of them follows `endings`."""
    crms = (crm, other_than(crm))
    built = world([*({"crm": one, **ANNA} for one in crms), *([{"crm": crm, **BEA}] if bea else [])], crms)
    built.endings = {crm: endings}
    built.sync()
    built.sync()
    return built


def happen(world: World, crm: str, what: str, id: str) -> None:
    if what == "leave":
        other = other_than(crm)
        world.scope = replace(world.scope, when=lambda lead: lead.get("stage") != "lost")
        world.act(other, "edit", OBJECT[other], of_anna(world, other), fields={STAGE[other]: "lost"})
    elif what == "merge":
        world.act(crm, what, OBJECT[crm], id, into=next(id_of(one) for one in alive(world, crm) if BEA["email"] in str(one)))
    else:
        world.act(crm, what, OBJECT[crm], id)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: "-".join(row[:4]))
def test_what_becomes_of_everything(world: Build, row: Row) -> None:
    built, other = story(world, row.crm, Endings(**{row.key: row.policy}), bea=row.happened == "merge"), other_than(row.crm)
    id = of_anna(built, row.crm)
    lead_id = lead_of(built, row.crm, id)
    happen(built, row.crm, row.happened, id)
    built.act(other, "edit", OBJECT[other], of_anna(built, other), fields={TITLE[other]: "CTO"})  # a write that meets the ending
    causes = [problem["cause"] for _ in range(2) for problem in built.sync().problems]
    assert not any(totals(built.sync()).values())
    with built.store.begin() as unit:
        asked = sorted({one["kind"] for one in unit.reviews(answered=False, limit=100)})
        lead, links = unit.leads([lead_id])[lead_id], [link for link, _ in unit.links_of([lead_id])[lead_id] if link.ref.account == row.crm]
    there = next((link for link in links if link.state != "ended"), None)
    assert {
        "lead": LOST if lead.fields["stage"] == LOST else STAYS,
        "there": what_is_there(there, row, id),
        "others": STAYS if alive(built, other) else "deleted",
        "report": ", ".join((*dict.fromkeys(causes), *asked)),
    } == {"lead": row.lead, "there": row.there, "others": row.others, "report": row.report}


def lead_of(world: World, crm: str, id: str) -> str:
    with world.store.begin() as unit:
        return str(unit.links_at(crm, OBJECT[crm], [id])[id][0].lead_id)


def what_is_there(link: Any, row: Row, id: str) -> str:
    if link is None:
        return ENDS
    if link.ref.id == id:
        return {"active": "written to", "dormant": "opt-outs only"}[link.state]
    return CONTACT if link.ref.object == "Contact" else SURVIVOR if row.happened == "merge" else AGAIN


@pytest.mark.parametrize(("crm", "what"), CANNOT, ids="-".join)
def test_what_cannot_happen_in_a_crm(world: Build, crm: str, what: str) -> None:
    built = story(world, crm, Endings())
    with pytest.raises(ActRefused):
        happen(built, crm, what, of_anna(built, crm))


@pytest.mark.parametrize(("crm", "what"), NAMELESS, ids="-".join)
@pytest.mark.parametrize("policy", ["recreate", "delete", "disqualify"])
def test_an_ending_without_a_name_is_never_taken_for_a_deletion(world: Build, crm: str, what: str, policy: str) -> None:
    built = story(world, crm, Endings(deleted=policy, archived=policy), bea=True)
    id, other = of_anna(built, crm), other_than(crm)
    there = len(alive(built, other))
    happen(built, crm, what, id)
    built.act(other, "edit", OBJECT[other], of_anna(built, other), fields={TITLE[other]: "CTO"})
    assert [problem["cause"] for _ in range(2) for problem in built.sync().problems][:1] == ["ended:missing"]
    assert len(alive(built, other)) == there
    assert len(alive(built, crm)) == 1


# deletions that spread


def spreading(world: Build, target: str) -> tuple[World, str]:
    """Anna is in Salesforce (or HubSpot) and in `target`; where she is deleted, `target` is to follow."""
    source = other_than(target)
    built = world([{"crm": one, **ANNA} for one in (source, target)], (source, target))
    built.endings = {source: Endings(deleted="delete", archived="delete")}
    built.guards = Guards(first_run="apply", caps={**CAPS, "deletes": Cap(9, 1.0, 0, 9)})
    built.sync()
    built.sync()
    return built, source


def delete_in(world: World, source: str, target: str, title: str) -> list[Any]:
    world.act(source, "delete", OBJECT[source], of_anna(world, source))
    world.act(target, "edit", OBJECT[target], of_anna(world, target), fields={title: "CTO"})  # HubSpot tells by a write
    return [problem for _ in range(2) for problem in world.sync().problems]


TITLES = {**TITLE, "pipedrive": "leadloom_job_title", "activecampaign": "LEADLOOM_JOB_TITLE"}


@pytest.mark.parametrize("target", OBJECT)
def test_a_deletion_reaches_records_that_nothing_hangs_on(world: Build, target: str) -> None:
    built, source = spreading(world, target)
    delete_in(built, source, target, TITLES[target])
    assert alive(built, target) == []


@pytest.mark.parametrize("target", OBJECT)
def test_a_record_with_deals_or_notes_is_kept_unlinked_and_reported(world: Build, target: str) -> None:
    built, source = spreading(world, target)
    id = of_anna(built, target)
    attach(built, target, id)
    problems = delete_in(built, source, target, TITLES[target])
    assert [id_of(one) for one in alive(built, target)] == [id]
    assert "kept:attached" in [problem["cause"] for problem in problems]
    assert not any(totals(built.sync()).values())
    with built.store.begin() as unit:
        assert (unit.links_at(target, OBJECT[target], [id])[id][0].state, len(alive(built, source))) == ("ended", 0)


def test_a_contact_of_which_nobody_can_tell_what_hangs_on_it_is_kept(world: Build) -> None:
    built, source = spreading(world, "salesforce")
    built.act("salesforce", "convert", "Lead", of_anna(built, "salesforce"))
    built.sync()
    built.act(source, "delete", OBJECT[source], of_anna(built, source))
    (contact,) = built.records("salesforce", "Contact")
    built.act("salesforce", "edit", "Contact", contact["Id"], fields={"Title": "CTO"})
    causes = [problem["cause"] for _ in range(2) for problem in built.sync().problems]
    assert ("kept:attached" in causes, len(built.records("salesforce", "Contact"))) == (True, 1)


WORDS = {"delete": "deleted", "merge": "merged", "convert": "converted", "hide": "hidden", "leave": "left the scope"}


def shown(row: Row) -> str:
    rule, report = f'`{row.key} = "{row.policy}"`', row.report and f"`{row.report}`"
    return f"| {CALLED[row.crm]} | {WORDS[row.happened]} | {rule} | {row.lead} | {row.there} | {row.others} | {report or 'nothing'} |"


def test_the_docs_show_this_table() -> None:
    said = DOCS.read_text("utf-8").splitlines()
    assert [
        line for line in said if line.startswith(tuple(f"| {name} | {word} | `" for name in CALLED.values() for word in WORDS.values()))
    ] == [shown(row) for row in TABLE]
    reasons = {f"| {CALLED[crm]} | {WORDS[what]} | {why} |" for found in (CANNOT, NAMELESS) for (crm, what), why in found.items()}
    assert reasons <= set(said)
