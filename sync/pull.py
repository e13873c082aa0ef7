"""Pull (shell): what changed at the CRMs goes to the inbox, each page together with its cursor.

Accounts are read side by side, one thread each; the pages are stored by the calling thread. A record that shows what its base has
seen is no news and goes no further.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import Page, Record
from connectors.errors import ConnectorError
from leads.model import ABSENT
from sync.census import Census
from sync.erase import turn_away
from sync.quarantine import is_moved
from sync.state import GONE, Base, Link, LinkState, Problem, Ref
from sync.view import every_row, is_no
from sync.workspace import Door, Stopped, Workspace

AHEAD = 1  # pages read but not yet stored, per account: a page may hold thousands of records


@dataclass(frozen=True, slots=True)
class _Read:
    door: Door
    object: str
    page: Page | None = None
    error: Exception | None = None


def pull(workspace: Workspace, doors: Sequence[Door], run: str, census: Census, *, hints_only: bool = False) -> None:
    """Read every account from its cursors on, and what hints point at. An account that fails keeps the pages it had; the others go on."""
    now = workspace.now()
    with workspace.store.begin() as unit:
        cursors = {(door.name, object): unit.cursor(door.name, object) for door in doors for object, _ in door.objects()}
        hints = {door.name: unit.hints(door.name) for door in doors}
        read_before = {(door.name, object): unit.last_read(door.name, object) for door in doors for object, _ in door.objects()}
        stale_inbox = unit.inbox_size() > 0
        empty_store = unit.lead_ids("", 1) == [] and all(token is None for token in cursors.values())
    pages: queue.Queue[_Read | None] = queue.Queue(AHEAD * max(1, len(doors)))
    census.read_fully |= {key for key, cursor in cursors.items() if cursor is None and not hints_only}
    stop = threading.Event()
    readers = [
        threading.Thread(target=_read, args=(door, cursors, hints[door.name], pages, stop, hints_only), daemon=True) for door in doors
    ]
    for reader in readers:
        reader.start()
    try:
        for read in _until_all_ended(pages, len(readers)):
            if read.page is not None:
                if empty_store and not workspace.adopting:
                    _refuse_our_keys(read.door.name, read.door.dialects[read.object], read.page.records)
                store_page(
                    workspace,
                    read.door,
                    read.object,
                    _dated(workspace, read.door, read.object, read.page),
                    run,
                    now,
                    census,
                    read_before[(read.door.name, read.object)],
                    clean_inbox=stale_inbox,
                )
            elif isinstance(read.error, ConnectorError):
                census.stop(read.door.name, read.error)
            elif read.error is not None:
                raise read.error
    finally:
        stop.set()


def _read(
    door: Door, cursors: Any, hints: Sequence[Ref], pages: queue.Queue[_Read | None], stop: threading.Event, hints_only: bool
) -> None:
    try:
        for object, dialect in door.objects():
            hinted = [ref.id for ref in hints if ref.object == object]
            if hinted:
                found = door.connector.get(object, hinted, dialect.fetch)
                pages.put(_Read(door, object, Page(found, "")))
            if hints_only:
                continue
            for page in door.connector.changes(object, cursors[(door.name, object)], dialect.fetch):
                if stop.is_set():
                    return
                pages.put(_Read(door, object, page))
    except Exception as error:  # noqa: BLE001  # handed to the calling thread, which raises what it does not know
        pages.put(_Read(door, "", None, error))
    finally:
        pages.put(None)


def _until_all_ended(pages: queue.Queue[_Read | None], readers: int) -> Iterable[_Read]:
    while readers:
        read = pages.get()
        if read is None:
            readers -= 1
        else:
            yield read


def _dated(workspace: Workspace, door: Door, object: str, page: Page) -> Page:
    """With the very times of new noes, where a CRM tells them only when it is asked.

    What is seen for the first time is left as found, but for noes of an address that we have created a record with.
    """
    dialect = door.dialects[object]
    denying = [record for record in page.records if record.ending is None and _noes(dialect, record)]
    if not door.connector.capabilities.dates_noes or not denying:
        return page
    with workspace.store.begin() as unit:
        known = unit.links_at(door.name, object, [record.id for record in denying])
    new = [record for record in denying if record.id in known and _says_a_new_no(dialect, record, *known[record.id])]
    try:
        told = {record.id: record for record in door.connector.dated(new)} if new else {}
    except ConnectorError:
        return page  # the look before and this one bound the time as well
    return Page([told.get(record.id, record) for record in page.records], page.cursor)


def _noes(dialect: Any, record: Record) -> list[Any]:
    return [row for row in dialect.rows if is_no(row.lead) and row.parse(record.fields.get(row.remote), ABSENT) is True]


def _says_a_new_no(dialect: Any, record: Record, link: Link, base: Base) -> bool:
    return any(
        record.fields[row.remote] != base.pair(row.id).seen and (base.knows(row.id) or link.key != "") for row in _noes(dialect, record)
    )


def store_page(
    workspace: Workspace,
    door: Door,
    object: str,
    page: Page,
    run: str,
    now: datetime,
    census: Census,
    since: datetime | None = None,
    *,
    clean_inbox: bool = False,
) -> None:
    """One page and its cursor, in one transaction. `since` is when the object was read before: what is new happened after."""
    account, dialect = door.name, door.dialects[object]
    with workspace.store.begin() as unit:
        known = unit.links_at(account, object, _ids(page.records))
        strangers = [record for record in page.records if record.ending is None and record.id not in known]
        away = turn_away(workspace, unit, door, object, strangers, run)
        news: list[tuple[Ref, Record]] = []
        gave: dict[Ref, str] = {}
        quiet: list[Ref] = []
        verdicts: list[tuple[Ref, str, str]] = []
        for record in page.records:
            ref = Ref(account, object, record.id)
            link, base = known.get(record.id, (None, Base()))
            verdict = "parked" if record.id in away else _verdict(record, link, base, dialect, known)
            census.saw(account, verdict)
            if verdict != "unchanged" and record.id not in away:
                verdicts.append((ref, verdict, _reason(record, base, dialect, verdict)))
            if link is not None and record.ending is None:
                census.shown[(account, object)] += 1
            if record.id in away:
                continue  # of somebody who was erased: counted, not kept
            if verdict == "unchanged":
                quiet.append(ref)
            elif verdict != "ended" or link is not None:
                news.append((ref, record))
                if link is not None and link.ref == ref:
                    gave[ref] = link.lead_id
        unit.put_inbox(news, run, now, since)
        unit.put_verdicts(verdicts, run)
        unit.give_to_leads(gave)
        if clean_inbox:
            unit.drop_inbox(quiet)
        unit.drop_hints([Ref(account, object, record.id) for record in page.records])
        if page.cursor:
            unit.put_cursor(account, object, page.cursor, now)
    census.progress(account)


def _ids(records: Iterable[Record]) -> list[str]:
    return list(dict.fromkeys(id for record in records for id in (record.id, *record.aliases)))


def _verdict(record: Record, link: Link | None, base: Base, dialect: Any, known: Any) -> str:
    """What a record that was read is: new, changed, unchanged or ended."""
    if record.ending is not None:
        return "ended" if link is None or link.state not in GONE else "unchanged"
    if link is None:
        return "changed" if any(alias in known for alias in record.aliases) else "new"
    if link.state is LinkState.WITHHELD and not is_back(record, base):
        return "unchanged"
    if link.state in GONE or not base.pairs or link.ref.id != record.id or is_moved(link, dialect, record):
        return "changed"
    return "changed" if any(_is_news(row, base, record) for row in every_row(dialect)) else "unchanged"


def _reason(record: Record, base: Base, dialect: Any, verdict: str) -> str:
    """Why a record is what it is found to be: the fields that changed, or how it ended."""
    if record.ending is not None:
        return str(record.ending)
    changed = [row.lead for row in every_row(dialect) if _is_news(row, base, record)] if verdict == "changed" else []
    return ", ".join(dict.fromkeys(changed))


def is_back(record: Any, base: Base) -> bool:
    """Whether a record that we deleted was changed since, so that somebody must have restored it; lists may lag behind."""
    return record.changed_at is not None and base.read_at is not None and record.changed_at > base.read_at


def _is_news(row: Any, base: Base, record: Record) -> bool:
    if row.remote not in record.fields:
        return False
    theirs = record.fields[row.remote]
    if is_no(row.lead) and not base.knows(row.id):  # a create does not answer with it, and "no objection" is no news
        is_there = theirs is not None and (row.unlisted_is_no or row.shown_only)  # somebody can be reached by it from now on
        return is_there or row.parse(theirs, ABSENT) is True
    return bool(theirs != base.pair(row.id).seen)


def _refuse_our_keys(account: str, dialect: Any, records: Iterable[Record]) -> None:
    for record in records:
        if our_key(record.fields, dialect) != "" or lead_hint(record.fields, dialect) != "":
            raise Stopped(
                f"The store is empty, but records in {account} already carry Leadloom's keys: this CRM was synced from another store. "
                "Nothing was written. Point [store] url at that store, or run `leadloom adopt` to take these records over.",
                exit_code=7,
            )


def our_key(fields: Mapping[str, Any], dialect: Any) -> str:
    """The key of our create that a record carries, or nothing."""
    return _text(fields.get(dialect.key_name))


def lead_hint(fields: Mapping[str, Any], dialect: Any) -> str:
    """The lead id that a record carries, or nothing."""
    return next((_text(fields.get(row.remote)) for row in dialect.rows_of("lead_id")), "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def hint(workspace: Workspace, account: str, object: str, id: str) -> None:
    """Look at this record in the next run, whatever its cursor says: the way in for webhooks."""
    with workspace.store.begin() as unit:
        unit.put_hints([Ref(account, object, id)], workspace.now())


def account_problem(account: str, error: ConnectorError) -> Problem:
    return Problem(account, error.cause, error.message, error.fix)
