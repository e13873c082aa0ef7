"""Keeping (shell): a record with deals or notes of its own is not deleted because another record of its person was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from connectors.errors import ConnectorError
from sync.census import Census
from sync.endings import DOOMED
from sync.journal import Entry, EntryState
from sync.state import Base, Link, LinkState, Problem, Ref
from sync.workspace import Door, Workspace

KEPT = "kept"  # the ending of a link whose record was to be deleted and is not
WHY: Mapping[bool | None, str] = {
    True: "deals, activities, notes or files hang on it",
    None: "Leadloom cannot see whether deals, activities, notes or files hang on it",
}


def deletable(workspace: Workspace, door: Door, object: str, entries: Sequence[Entry], census: Census) -> list[Entry]:
    """Those of the planned deletions that are carried out. Looked at last: what somebody has attached since the plan counts, too.

    What is kept is unlinked and reported, and not created again. Deletions that an undo planned have been looked at by it.
    """
    ids = [entry.write.id or "" for entry in entries]
    with workspace.store.begin() as unit:
        links: dict[str, tuple[Link, Base]] = unit.links_at(door.name, object, ids)
    doomed = [id for id in ids if id in links and links[id][0].ending == DOOMED]
    if not doomed:
        return list(entries)
    try:
        attached = door.connector.attached(object, doomed)
    except ConnectorError as error:
        census.stop(door.name, error)
        return [entry for entry in entries if entry.write.id not in doomed]
    kept = {id: found for id in doomed if (found := attached.get(id)) is not False}
    staying = [entry for entry in entries if entry.write.id in kept]
    with workspace.store.begin() as unit:
        unit.put_links((replace(links[id][0], state=LinkState.ENDED, ending=KEPT), links[id][1]) for id in kept)
        unit.mark([entry.op for entry in staying], EntryState.HELD, cause="attached", at=workspace.now())
        unit.add_problems([_problem(entry, kept[entry.write.id or ""]) for entry in staying], "", workspace.now())
    for _ in staying:
        census.outcome(door.name, "held")
    return [entry for entry in entries if entry.write.id not in kept]


def _problem(entry: Entry, attached: bool | None) -> Problem:
    write = entry.write
    ref = Ref(write.account, write.object, write.id or "")
    message = f"{ref.object} {ref.id} was not deleted with the other records of its lead: {WHY[attached]}. It is unlinked now."
    return Problem(write.account, "kept:attached", message, "Delete it in the CRM by hand, if nothing of it is needed.", ref, write.lead_id)
