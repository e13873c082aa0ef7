"""The plan as a document: what would be written, row by row, and what has to be unchanged for it to be carried out."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sync.journal import PlannedWrite, Section
from sync.revert import Left
from sync.undo import Undoing
from sync.workspace import Door, Stopped, Workspace

VERSION = 2
ORDER = {section: number for number, section in enumerate(Section)}


class RowField(NamedTuple):
    """One field of a row: what the CRM calls it, what the lead calls it, what it shows and is to show, where that is from and why."""

    remote: str
    field: str
    old: Any
    new: Any
    reason: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One planned write as people read it: `target` is the record, or for a create the lead.

    A merge names the `loser`; its fields show both records, `old` the one that goes and `new` the one that stays.
    """

    account: str
    object: str
    section: str
    lead_id: str
    id: str | None
    key: str
    fields: tuple[RowField, ...]
    loser: str = ""

    @property
    def target(self) -> str:
        if self.loser:
            return f"{self.object} {self.loser} into {self.id}"
        return f"{self.object} {self.id}" if self.id is not None else f"new {self.object} for {self.lead_id}"

    @property
    def digest(self) -> str:
        """Equal for equal writes: same record, same fields, same old and new values."""
        cells = [[one.remote, one.old, one.new] for one in self.fields]
        facts: list[Any] = [self.account, self.object, self.section, self.id, self.key, cells]
        facts += [self.loser] if self.loser else []
        return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def row_of(write: PlannedWrite) -> Row:
    fields = tuple(RowField(cell.remote, cell.field, cell.old, cell.new, cell.reason, cell.rule) for cell in write.cells if cell.held == "")
    return Row(write.account, write.object, str(write.section), write.lead_id, write.id, write.key, fields, write.loser)


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """A plan. `fingerprint` covers configuration, mappings and account identities: with another one it is refused as a whole.

    `cost` is what carrying it out takes: calls by account and kind. A plan that takes something back says in `undo` what, and in
    `left` what stays as it is.
    """

    rows: tuple[Row, ...]
    accounts: tuple[str, ...]
    fingerprint: str
    run: str
    cost: Mapping[str, Mapping[str, int]]
    undo: Undoing | None = None
    left: tuple[Left, ...] = ()

    @classmethod
    def of(
        cls,
        writes: Sequence[PlannedWrite],
        workspace: Workspace,
        doors: Sequence[Door],
        run: str,
        undo: Undoing | None = None,
        left: tuple[Left, ...] = (),
    ) -> PlanDocument:
        rows = sorted((row_of(write) for write in writes), key=_order)
        return cls(tuple(rows), tuple(door.name for door in doors), fingerprint(workspace, doors), run, cost(writes, doors), undo, left)

    @property
    def digests(self) -> set[str]:
        return {row.digest for row in self.rows}

    def check(self, workspace: Workspace, doors: Sequence[Door]) -> None:
        if fingerprint(workspace, doors) != self.fingerprint:
            raise Stopped(
                "The plan was made with another configuration, mapping or account. Nothing was written. "
                "Make a new one with `leadloom plan`.",
                exit_code=6,
            )

    def dump(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "fingerprint": self.fingerprint,
            "run": self.run,
            "accounts": list(self.accounts),
            "cost": {account: dict(calls) for account, calls in self.cost.items()},
            "undo": None if self.undo is None else asdict(self.undo),
            "left": [asdict(one) for one in self.left],
            "rows": [
                {
                    "account": row.account,
                    "object": row.object,
                    "section": row.section,
                    "lead_id": row.lead_id,
                    "id": row.id,
                    "key": row.key,
                    **({"loser": row.loser} if row.loser else {}),
                    "fields": [one._asdict() for one in row.fields],
                }
                for row in self.rows
            ],
        }

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> PlanDocument:
        """The plan of a JSON document; raises `Stopped` if it is none, or of a version this Leadloom does not know."""
        try:
            if document["version"] != VERSION:
                raise Stopped(f"The plan has version {document['version']}; this Leadloom reads {VERSION}. Make a new one.", exit_code=6)
            rows = tuple(_load_row(row) for row in document["rows"])
            undo = None if document["undo"] is None else Undoing(**document["undo"])
            left = tuple(Left(**one) for one in document["left"])
            run, digest = str(document["run"]), str(document["fingerprint"])
            return cls(rows, tuple(document["accounts"]), digest, run, document["cost"], undo, left)
        except (KeyError, TypeError, ValueError):
            raise Stopped("This file is not a plan. Make one with `leadloom plan -o FILE`.", exit_code=2) from None


def _load_row(row: Mapping[str, Any]) -> Row:
    fields = tuple(RowField(**cell) for cell in row["fields"])
    section, loser = Section(row["section"]).value, row.get("loser", "")
    return Row(row["account"], row["object"], section, row["lead_id"], row["id"], row["key"], fields, loser)


def _order(row: Row) -> tuple[Any, ...]:
    return (ORDER[Section(row.section)], row.account, row.object, row.id or "", row.key)


def cost(writes: Iterable[PlannedWrite], doors: Sequence[Door]) -> dict[str, dict[str, int]]:
    """The calls that carry out `writes`, by account and kind: full batches of one section and object each, as push sends them."""
    sizes = {door.name: door.connector.capabilities.write_batch for door in doors}
    numbers = Counter((write.account, write.object, write.section) for write in writes)
    calls: dict[str, dict[str, int]] = {door.name: {} for door in doors}
    for (account, _, section), number in numbers.items():
        size = 1 if section is Section.MERGE else sizes[account]
        calls[account]["write"] = calls[account].get("write", 0) + -(-number // size)
    return calls


def fingerprint(workspace: Workspace, doors: Sequence[Door]) -> str:
    facts = [
        workspace.fingerprint,
        [[door.name, door.identity.key, {object: dict(dialect.fingerprints) for object, dialect in door.objects()}] for door in doors],
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
