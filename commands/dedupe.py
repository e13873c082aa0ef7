"""`leadloom dedupe`: the people in a CSV file."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from commands.exits import Stop
from commands.files import private_file
from commands.options import Json

if TYPE_CHECKING:
    from commands.decisions import Answer
    from commands.reasons import Why
    from leads.matching.blocking import Ints
    from leads.matching.engine import Matched
    from leads.matching.reading.reader import Reader
    from leads.matching.scoring import Weights

ALSO: Final[Mapping[str, tuple[str, ...]]] = {
    "crm": ("data_source", "system"),
    "crm_id": (),
    "xref": ("cross_id",),
    "birth_date": ("birthdate", "date_of_birth", "dob", "birthday", "geburtsdatum"),
    "national_id": ("soc_sec_id", "ssn", "ssn_number", "tax_id", "national_id_number", "passport_number"),
    "street_number": ("house_number", "hausnummer"),
    "postcode": ("post_code",),
    "city": ("suburb",),
    "updated": ("updated_at", "modified"),
}
WRONG_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Heading:
    names: tuple[str, ...]
    columns: Mapping[str, tuple[int, ...]]  # the columns we understand, and where they stand

    def cells(self, row: Sequence[str]) -> dict[str, str]:
        """What is given; of two columns that mean the same, the first that says something."""
        found = {}
        for column, places in self.columns.items():
            for at in places:
                if text := row[at].strip():
                    found[column] = text
                    break
        if "street_number" in found and "street" in found:
            found["street"] = f"{found['street']} {found['street_number']}"
        return found


def dedupe(
    file: Annotated[Path, typer.Argument(metavar="IN.csv", help="a CSV file in UTF-8; its first line names the columns")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.csv", help="every row and column of it, with the lead_id")],
    review: Annotated[Path | None, typer.Option(metavar="R.csv", help="pairs that a person has to decide, with score and reason")] = None,
    decisions: Annotated[
        list[Path] | None, typer.Option(metavar="R.csv", help="a review file that people answered: column decision, same or different")
    ] = None,
    learn: Annotated[
        bool, typer.Option("--learn", help="estimate the weights from this file; links nothing that would not be linked")
    ] = False,
    why: Annotated[tuple[int, int] | None, typer.Option(metavar="ROW ROW", help="the evidence for and against these two rows")] = None,
    region: Annotated[str | None, typer.Option(metavar="DE", help="country of phone numbers that name none")] = None,
    as_json: Json = False,
) -> None:
    """Find the rows of a CSV file that are one person, and give each person a lead_id. Nothing else is read or changed."""
    from commands import showing
    from commands.decisions import read_answers
    from leads.matching.scoring import shipped

    _check(file, output, review, region, decisions or [])
    heading = read_heading(file)
    answers = read_answers(decisions or [])
    matched, weights = _matched(file, heading, region, shipped(), answers, learn)
    told = None if why is None else _why(matched, weights, *why)
    people = _write(file, heading, output, matched)
    pairs = 0 if review is None else _write_review(file, heading, review, matched, weights)
    rows = len(matched.groups)
    if as_json:
        told_json = {} if told is None else {"why": told.document()}
        counted = {"decisions": len(answers), "link": round(weights.link, 2)} if decisions else {}
        showing.print_json({"rows": rows, "leads": people, "review": None if review is None else pairs, **counted, **told_json})
        return
    asked = "" if review is None else f" {pairs:,} pairs wait for a person in {review}."
    held = f" {len(answers):,} answers hold; from {weights.link:.1f} bits on pairs are linked unasked." if decisions else ""
    showing.say(f"{rows:,} rows are {people:,} leads, in {output}.{asked}{held}")
    for line in told.lines() if told is not None else ():
        typer.echo(line)


def _why(matched: Matched, weights: Weights, left: int, right: int) -> Why:
    from commands.reasons import why

    rows = len(matched.groups)
    if not (1 <= left <= rows and 1 <= right <= rows) or left == right:
        raise Stop(f"--why {left} {right}: expected two different rows of the file, from 1 to {rows:,}.")
    return why(matched, weights, left, right)


def _check(file: Path, output: Path, review: Path | None, region: str | None, decisions: Sequence[Path]) -> None:
    from leads import normal

    if region is not None and normal.country(region) != region.upper():
        raise Stop(f"--region {region}: expected the two letters of a country, such as DE.")
    written = [each.resolve() for each in (output, review) if each is not None]
    read = {each.resolve() for each in (file, *decisions)}
    if len(set(written)) < len(written) or not read.isdisjoint(written):
        raise Stop("The files to read and to write must be different ones.")


def read_heading(file: Path) -> Heading:
    from commands.csv_leads import SPELLINGS, csv_lines, folded_heading

    spellings = SPELLINGS | {spelling: column for column, others in ALSO.items() for spelling in (column, *others)}
    names = tuple(next(csv_lines(file), ()))
    columns: dict[str, tuple[int, ...]] = {}
    for at, name in enumerate(names):
        column = spellings.get(folded_heading(name))
        if column is not None:
            columns[column] = (*columns.get(column, ()), at)
    if not columns:
        raise Stop(
            f"{file}: no column has a name we know. The first line must name the columns, such as: first_name, last_name, email, company."
        )
    return Heading(names, columns)


def rows_of(file: Path, heading: Heading) -> Iterator[list[str]]:
    """The data rows; empty lines are none. Raises Stop for rows that do not fit the heading, before the last of them is known."""
    from commands.csv_leads import csv_lines

    lines = csv_lines(file)
    next(lines, None)
    wrong: list[str] = []
    number = 0
    for row in lines:
        if not row:
            continue
        number += 1
        if len(row) != len(heading.names):
            wrong.append(f"row {number} has {len(row)} cells instead of {len(heading.names)}")
            if len(wrong) > WRONG_SHOWN:
                break
        elif not wrong:
            yield row
    if wrong:
        more = ", and more of the kind" if len(wrong) > WRONG_SHOWN else ""
        raise Stop(f"{file}: {'; '.join(wrong[:WRONG_SHOWN])}{more}. Is a quotation mark missing? Nothing was written.")


def _matched(
    file: Path, heading: Heading, region: str | None, weights: Weights, answers: Sequence[Answer], learn: bool
) -> tuple[Matched, Weights]:
    """The people of the file, and the weights with the threshold that the answers call for."""
    from dataclasses import replace

    from commands.decisions import decided_rows
    from leads.matching.calibrating import calibrated
    from leads.matching.clustering import DECIDED
    from leads.matching.engine import match
    from leads.matching.reading.reader import Reader

    reader = Reader(region)
    rows = _rows_of_features(file, heading, reader)
    wanted = {id for answer in answers for id, _ in answer.sides}
    decided, told = decided_rows(answers, _places(file, heading, wanted) if answers else None, len(rows))
    matched = match(rows, reader.words, weights, decided, learn)
    scored = matched.joints.bits[matched.joints.allowed & (matched.joints.bits < DECIDED)]
    weights = replace(weights, link=calibrated(told, scored, weights.link))
    return matched.regrouped(weights.link), weights


def _rows_of_features(file: Path, heading: Heading, reader: Reader) -> Ints:
    import numpy as np

    from leads.matching.features import WIDTH

    flat = array("q")
    for row in rows_of(file, heading):
        flat.extend(reader.row(heading.cells(row)))
    return np.frombuffer(flat, dtype=np.int64).reshape(-1, WIDTH) if flat else np.zeros((0, WIDTH), dtype=np.int64)


def _places(file: Path, heading: Heading, wanted: set[str]) -> dict[str, list[int]] | None:
    """The rows of record ids; None for a file that has none."""
    column = heading.columns.get("record_id", ())
    if not column:
        return None
    found: dict[str, list[int]] = {}
    for at, row in enumerate(rows_of(file, heading)):
        if (id := row[column[0]].strip()) in wanted:
            found.setdefault(id, []).append(at)
    return found


def _write(file: Path, heading: Heading, output: Path, matched: Matched) -> int:
    """Writes the rows in their order; returns how many leads there are."""
    import csv

    from commands.csv_leads import delimiter_of

    names = _renamed(heading.names)
    ids: dict[int, str] = {}
    taken: set[str] = set()
    with private_file(output) as out:
        writer = csv.writer(out, delimiter=delimiter_of(file), lineterminator="\n")
        writer.writerow((*names, "lead_id"))
        for at, (row, group) in enumerate(zip(rows_of(file, heading), matched.groups.tolist(), strict=True)):
            if group == at:
                ids[group] = _lead_id(row, taken)
            writer.writerow((*row, ids[group]))
    return len(ids)


def _renamed(names: tuple[str, ...]) -> list[str]:
    """An id from before gives way to ours."""
    found = list(names)
    for at, name in enumerate(found):
        if name.strip().lower() == "lead_id":
            number = 1
            while (free := "lead_id_in" if number == 1 else f"lead_id_in{number}") in found:
                number += 1
            found[at] = free
    return found


def _lead_id(row: Sequence[str], taken: set[str]) -> str:
    """From what the first row of a lead says, so that the same file gives the same ids and an appended row changes none."""
    from hashlib import blake2b

    again = 0
    while (found := blake2b("\x1f".join((*row, str(again))).encode(), digest_size=10).hexdigest()) in taken:
        again += 1
    taken.add(found)
    return found


def _write_review(file: Path, heading: Heading, review: Path, matched: Matched, weights: Weights) -> int:
    import csv

    import numpy as np

    from leads.matching.explaining import reasons

    joints = matched.joints.between(weights.review, weights.link)
    order = np.lexsort((joints.right, joints.left, -joints.bits))
    left, right, held = joints.left[order], joints.right[order], ~joints.allowed[order]
    names = _record_ids(file, heading, {*left.tolist(), *right.tolist()})
    said = reasons(matched.evidence, left, right, held, weights)
    with private_file(review) as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("left_row", "right_row", "left_record_id", "right_record_id", "score", "reason"))
        for one, other, bits, reason in zip(left.tolist(), right.tolist(), joints.bits[order].tolist(), said, strict=True):
            writer.writerow((one + 1, other + 1, names.get(one, ""), names.get(other, ""), f"{bits:.2f}", reason))
    return len(left)


def _record_ids(file: Path, heading: Heading, wanted: set[int]) -> dict[int, str]:
    places = heading.columns.get("record_id", ())
    if not places:
        return {}
    return {at: row[places[0]] for at, row in enumerate(rows_of(file, heading)) if at in wanted}
