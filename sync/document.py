"""The plan as a document: what would be written, row by row, and what has to be unchanged for it to be carried out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync.state import PlannedWrite
from sync.workspace import Door, Stopped, Workspace

VERSION = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One planned write as people read it: `target` is the record, or for a create the lead."""

    account: str
    object: str
    section: str
    lead_id: str
    id: str | None
    key: str
    fields: tuple[tuple[str, str, Any, Any, str], ...]  # remote, field of the lead, old, new, reason

    @property
    def target(self) -> str:
        return f"{self.object} {self.id}" if self.id is not None else f"new {self.object} for {self.lead_id}"

    @property
    def digest(self) -> str:
        """Equal for equal writes: same record, same fields, same old and new values."""
        facts = [self.account, self.object, self.section, self.id, self.key, [[remote, old, new] for remote, _, old, new, _ in self.fields]]
        return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def row_of(write: PlannedWrite) -> Row:
    fields = tuple((cell.remote, cell.field, cell.old, cell.new, cell.reason) for cell in write.cells)
    return Row(write.account, write.object, str(write.section), write.lead_id, write.id, write.key, fields)


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """A plan. `fingerprint` covers configuration, mappings and account identities: with another one it is refused as a whole."""

    rows: tuple[Row, ...]
    accounts: tuple[str, ...]
    fingerprint: str
    run: str

    @classmethod
    def of(cls, writes: Iterable[PlannedWrite], workspace: Workspace, doors: Sequence[Door], run: str) -> PlanDocument:
        order = {"restrict": 0, "create": 1, "update": 2}
        rows = sorted(
            (row_of(write) for write in writes), key=lambda row: (order[row.section], row.account, row.object, row.id or "", row.key)
        )
        return cls(tuple(rows), tuple(door.name for door in doors), fingerprint(workspace, doors), run)

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
            "rows": [
                {
                    "account": row.account,
                    "object": row.object,
                    "section": row.section,
                    "lead_id": row.lead_id,
                    "id": row.id,
                    "key": row.key,
                    "fields": [
                        {"remote": remote, "field": field, "old": old, "new": new, "reason": reason}
                        for remote, field, old, new, reason in row.fields
                    ],
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
            return cls(rows, tuple(document["accounts"]), str(document["fingerprint"]), str(document["run"]))
        except (KeyError, TypeError):
            raise Stopped("This file is not a plan. Make one with `leadloom plan -o FILE`.", exit_code=2) from None


def _load_row(row: Mapping[str, Any]) -> Row:
    fields = tuple((cell["remote"], cell["field"], cell["old"], cell["new"], cell["reason"]) for cell in row["fields"])
    return Row(row["account"], row["object"], row["section"], row["lead_id"], row["id"], row["key"], fields)


def fingerprint(workspace: Workspace, doors: Sequence[Door]) -> str:
    facts = [
        workspace.fingerprint,
        [[door.name, door.identity.key, {object: dict(dialect.fingerprints) for object, dialect in door.objects()}] for door in doors],
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
