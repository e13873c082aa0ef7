"""The JSON documents inside the rows: base, lead, revision, planned write. Compact, and readable with any SQLite browser."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from leads.model import ABSENT, Value
from leads.values import dump_value, load_value
from sync.journal import Cell
from sync.state import Base, Candidate, Joining, Late, LeadState, Lost, Origin, Pair, Ref, Revision, Way

EMPTY = Pair()
FLIPS = 3  # its place in a dumped pair; zero of them is the usual case


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def instant(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def dump_base(base: Base) -> str:
    """Pairs as [seen, meant, refused, flips, late] without trailing blanks, and the record's own stamp.

    Most need no list: what is seen and meant alike stands there once, and empty ones are only named.
    """
    empty = [row_id for row_id, pair in base.pairs.items() if pair == EMPTY]
    pairs = {row_id: _dump_pair(pair) for row_id, pair in base.pairs.items() if pair != EMPTY}
    stamp = {} if base.changed_at is None else {"c": seconds(base.changed_at)}
    return dumps({"p": pairs, "e": empty, **stamp})


def load_base(text: str, read_at: float | None) -> Base:
    if text == "":
        return Base()
    document = json.loads(text)
    pairs = {row_id: _load_pair(parts) for row_id, parts in document["p"].items()}
    return Base({**dict.fromkeys(document["e"], EMPTY), **pairs}, instant(read_at), instant(document.get("c")))


def _dump_pair(pair: Pair) -> Any:
    if isinstance(pair.seen, (str, bool, int)) and pair == Pair(pair.seen, pair.seen) and type(pair.meant) is type(pair.seen):
        return pair.seen
    parts = [
        pair.seen,
        dump_value(pair.meant),
        pair.refused,
        pair.flips,
        None if pair.late is None else [pair.late.sent, dump_value(pair.late.meant), seconds(pair.late.until)],
    ]
    while parts and (parts[-1] is None or (len(parts) == FLIPS + 1 and parts[FLIPS] == 0)):
        parts.pop()
    return parts


def _load_pair(parts: Any) -> Pair:
    if not isinstance(parts, list):
        return Pair(parts, load_value(parts))
    seen, meant, refused, flips, late = parts + [None] * (5 - len(parts))
    return Pair(
        seen,
        load_value(meant),
        None if refused is None else (refused[0], refused[1]),
        0 if flips is None else flips,
        _load_late(late),
    )


def _load_late(late: Any) -> Late | None:
    if late is None or len(late) < 3:  # stores of old do not know until when; by now nothing lands any more
        return None
    until = instant(late[2])
    return None if until is None else Late(late[0], load_value(late[1]), until)


def dump_fields(fields: Mapping[str, Value]) -> str:
    return dumps({name: dump_value(value) for name, value in fields.items() if value is not ABSENT})


def load_fields(text: str) -> dict[str, Value]:
    return {name: load_value(raw) for name, raw in json.loads(text).items()}


def dump_origins(origins: Mapping[str, Origin]) -> str:
    """Most fields of a lead come from one record: each origin is written once and referred to by its number."""
    unique = list(dict.fromkeys(origins.values()))
    numbers = {origin: number for number, origin in enumerate(unique)}
    return dumps({"o": [_dump_origin(origin) for origin in unique], "f": {name: numbers[origin] for name, origin in origins.items()}})


def load_origins(text: str) -> dict[str, Origin]:
    document = json.loads(text)
    unique = [_load_origin(parts) for parts in document["o"]]
    return {name: unique[number] for name, number in document["f"].items()}


def _dump_origin(origin: Origin) -> list[Any]:
    ref = None if origin.ref is None else [origin.ref.object, origin.ref.id]
    return [origin.account, ref, origin.rule, seconds(origin.lo), seconds(origin.hi)]


def _load_origin(parts: Sequence[Any]) -> Origin:
    account, ref, rule, lo, hi = parts
    return Origin(account, None if ref is None else Ref(account, *ref), rule, instant(lo), instant(hi))


def dump_asked(asked: Mapping[str, Sequence[Candidate]]) -> str:
    found = {name: [[dump_value(one.value), _dump_origin(one.origin)] for one in those] for name, those in asked.items()}
    return dumps(found) if found else ""


def load_asked(text: str) -> dict[str, tuple[Candidate, ...]]:
    found = json.loads(text) if text else {}
    return {name: tuple(Candidate(load_value(value), _load_origin(origin)) for value, origin in those) for name, those in found.items()}


def dump_revisions(revisions: Iterable[Revision]) -> str:
    rows = list(revisions)
    told = [(one.origin, one.rule) for one in rows] + [(lost.origin, "") for one in rows for lost in one.lost if lost.origin is not None]
    told += [(origin, "") for one in rows for origin in one.also]
    unique = list(dict.fromkeys(told))
    numbers = {key: number for number, key in enumerate(unique)}
    changes = [
        [
            one.name,
            dump_value(one.old),
            dump_value(one.new),
            numbers[(one.origin, one.rule)],
            [_dump_lost(lost, numbers) for lost in one.lost],
            *([[numbers[origin, ""] for origin in one.also]] if one.also else []),
        ]
        for one in rows
    ]
    return dumps({"o": [[_dump_origin(origin), rule] for origin, rule in unique], "c": changes})


def load_revisions(text: str) -> list[Revision]:
    document = json.loads(text)
    origins = [(_load_origin(parts), rule) for parts, rule in document["o"]]
    return [
        Revision(
            name,
            load_value(old),
            load_value(new),
            origins[number][0],
            origins[number][1],
            tuple(_load_lost(parts, origins) for parts in lost),
            tuple(origins[one][0] for numbers in also for one in numbers),
        )
        for name, old, new, number, lost, *also in document["c"]
    ]


def _dump_lost(lost: Lost, numbers: Mapping[tuple[Origin, str], int]) -> list[Any]:
    told = [] if lost.origin is None else [numbers[lost.origin, ""]]
    return [dump_value(lost.value), lost.where, *told]


def _load_lost(parts: Sequence[Any], origins: Sequence[tuple[Origin, str]]) -> Lost:
    value, where, *told = parts
    return Lost(load_value(value), where, origins[told[0]][0] if told else None)


def dump_cells(cells: Iterable[Cell]) -> str:
    return dumps([_dump_cell(cell) for cell in cells])


def _dump_cell(cell: Cell) -> list[Any]:
    return [cell.row_id, cell.remote, cell.field, cell.old, cell.new, dump_value(cell.meant), cell.reason, cell.held, cell.rule]


def load_cells(text: str) -> tuple[Cell, ...]:
    return tuple(
        Cell(row_id, remote, field, old, new, load_value(meant), reason, held, *rule)
        for row_id, remote, field, old, new, meant, reason, held, *rule in json.loads(text)
    )


def dump_lead(lead: LeadState) -> dict[str, Any]:
    """A whole lead as a row of its table, but for when it changed and when it is due."""
    return {
        "id": lead.id,
        "fields": dump_fields(lead.fields),
        "origins": dump_origins(lead.origins),
        "stage_since": seconds(lead.stage_since),
        "stage_held": lead.stage_held,
        "epoch": lead.epoch,
        "routed_epoch": lead.routed_epoch,
        "version": lead.version,
        "created_at": seconds(lead.created_at),
        "open_debts": lead.open_debts,
        "asked": dump_asked(lead.asked),
    }


def load_lead(row: Any, due: datetime | None = None) -> LeadState:
    return LeadState(
        row["id"],
        load_fields(row["fields"]),
        load_origins(row["origins"]),
        instant(row["stage_since"]),
        row["stage_held"],
        row["epoch"],
        row["routed_epoch"],
        row["version"],
        instant(row["created_at"]),
        row["open_debts"],
        due,
        load_asked(row["asked"]),
    )


LEADS_OF_A_JOINING = ("kept_before", "kept_after", "gone_state")


def dump_joining(joining: Joining) -> str:
    leads = {name: dump_lead(getattr(joining, name)) for name in LEADS_OF_A_JOINING}
    refs = {name: [list(ref) for ref in getattr(joining, name)] for name in ("refs", "mains")}
    return dumps({**leads, **refs, "decisions": joining.decisions})


def load_joining(row: Any) -> Joining:
    document = json.loads(row.document)
    leads = {name: load_lead(document[name]) for name in LEADS_OF_A_JOINING}
    refs, mains = (tuple(Ref(*ref) for ref in document[name]) for name in ("refs", "mains"))
    decisions = tuple((left, right, verdict) for left, right, verdict in document["decisions"])
    return Joining(
        Way(row.way),
        row.run,
        row.kept,
        row.gone,
        datetime.fromtimestamp(row.at, UTC),
        refs,
        mains,
        **leads,
        decisions=decisions,
        ended_at=instant(row.ended_at),
        n=row.n,
    )
