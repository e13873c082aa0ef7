"""Files of consent events: a JSON list, or a CSV file with one event a line. Bad rows are told apart with the reason."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands.consent import read_json
from commands.exits import Stop
from leads.consent.document import addressed
from leads.consent.purposes import Purposes
from leads.consent.reading import ConsentFileWrong

COLUMNS = (
    "id", "kind", "identifier", "email", "phone", "person", "at", "purpose", "channel", "scope", "form_id", "form_version", "text_sha256",
    "language", "request_at", "ip", "page_url", "mail_sent_at", "message_id", "confirm_at", "confirm_method", "request", "valid_until",
)  # fmt: skip
EVIDENCE = {
    "request": {"request_at": "at", "ip": "ip", "page_url": "page_url"},
    "mail": {"mail_sent_at": "sent_at", "message_id": "message_id"},
    "confirm": {"confirm_at": "at", "confirm_method": "method"},
}
ONLY_BY_COMMAND = {"invalidate": "`leadloom consent invalidate`", "erase": "`leadloom privacy erase`"}
NOTICE = ("form_id", "form_version", "text_sha256", "language")


@dataclass(frozen=True, slots=True)
class ConsentRows:
    """`events` can be added as they are; `rejected` are row numbers (from 1) with everything that is wrong with them."""

    events: tuple[Mapping[str, Any], ...]
    rejected: tuple[tuple[int, str], ...]


def read_consent(file: Path, source: str, provenance: str, purposes: Purposes) -> ConsentRows:
    """The events of a file, all with the provenance of a file: nothing in it can say that it is an act seen by us."""
    rows = list(_csv(file)) if file.suffix.lower() == ".csv" else read_json(file)
    if not isinstance(rows, list):
        raise Stop(f"{file} holds no list of events.")
    told = [_told(row, source, provenance) for row in rows]
    rejected = [(number, "; ".join(mistakes)) for number, row in enumerate(told, 1) if (mistakes := _mistakes(row, purposes))]
    bad = {number for number, _ in rejected}
    return ConsentRows(tuple(row for number, row in enumerate(told, 1) if number not in bad), tuple(rejected))


def _told(row: Any, source: str, provenance: str) -> Any:
    if not isinstance(row, Mapping):
        return row
    refs = row.get("refs")
    return {**row, "provenance": provenance, "refs": {**(refs if isinstance(refs, Mapping) else {}), "import_id": source}}


def _mistakes(row: Any, purposes: Purposes) -> list[str]:
    kind = row.get("kind") if isinstance(row, Mapping) else None
    if isinstance(kind, str) and kind in ONLY_BY_COMMAND:
        return [f"a file cannot {kind}: {ONLY_BY_COMMAND[kind]} does, and a person decides on it"]
    try:
        ((event, _),) = addressed([row])
    except ConsentFileWrong as wrong:
        return [mistake.removeprefix("event 1.") for mistake in wrong.mistakes]
    return purposes.wrong(sorted(event.purposes))


def _csv(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            unknown = [name for name in reader.fieldnames or () if name not in COLUMNS]
            if unknown:
                raise Stop(f"{file} has columns without a meaning here: {', '.join(unknown)}. Known are {', '.join(COLUMNS)}.")
            for line in reader:
                yield _event({name: text.strip() for name, text in line.items() if isinstance(text, str) and text.strip() != ""})
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Stop(f"{file} is not UTF-8 text.") from None
    except csv.Error as error:
        raise Stop(f"{file} is not CSV: {error}.") from None


def _event(cells: Mapping[str, str]) -> dict[str, Any]:
    """One line as an event; what is missing is missing, and told by the ledger's own reading."""
    at = next((cells[name] for name in ("at", "confirm_at", "request_at") if name in cells), None)
    event: dict[str, Any] = {name: cells[name] for name in ("id", "kind", "person", "scope", "valid_until") if name in cells}
    identifier = cells.get("identifier") or _identifier(cells)
    if identifier is not None:
        event["identifier"] = identifier
    event["occurred"] = {"lo": at, "hi": at}
    event["clock"] = "import"
    event |= {name: [cells[one]] for name, one in (("purposes", "purpose"), ("channels", "channel")) if one in cells}
    evidence = {part: _cells(cells, names) for part, names in EVIDENCE.items()}
    event["evidence"] = {part: found for part, found in evidence.items() if found}
    event["notice"] = {name: cells[name] for name in NOTICE if name in cells}
    return {**event, "refs": {"request": cells["request"]}} if "request" in cells else event


def _identifier(cells: Mapping[str, str]) -> str | None:
    return next((f"{kind}:{cells[kind]}" for kind in ("email", "phone") if kind in cells), None)


def _cells(cells: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {name: cells[column] for column, name in names.items() if column in cells}


def write_rejected(out: Any, rejected: Iterable[tuple[int, str]]) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("row", "reason"))
    writer.writerows(rejected)
