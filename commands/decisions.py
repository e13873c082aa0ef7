"""What people answered in review files of `dedupe`, back into rows of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from commands.exits import Stop

if TYPE_CHECKING:
    from leads.matching.calibrating import Decision
    from leads.matching.deciding import Decided

SAME: Final = ("same", "the same", "yes", "y", "ja", "j", "1", "true", "x")
DIFFERENT: Final = ("different", "not the same", "no", "n", "nein", "0", "false")
SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered row of a review file; the sides as (record id, row number), either may be missing."""

    where: str
    sides: tuple[tuple[str, str], tuple[str, str]]
    same: bool
    score: str


def read_answers(files: Sequence[Path]) -> list[Answer]:
    """The rows that have an answer. Raises Stop for a file without the columns or with an answer that says neither."""
    return [answer for file in files for answer in _answers(file)]


def _answers(file: Path) -> list[Answer]:
    from commands.csv_leads import csv_lines, folded_heading

    lines = csv_lines(file)
    names = [folded_heading(name) for name in next(lines, ())]
    by_row, by_id = {"left_row", "right_row"} <= set(names), {"left_record_id", "right_record_id"} <= set(names)
    if "decision" not in names or not (by_row or by_id):
        raise Stop(f"{file}: a review file with answers has the columns left_row, right_row and decision (same or different).")
    found, wrong = [], []
    for number, cells in enumerate(lines, 1):
        row = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        said = row.get("decision", "").lower()
        if said in (*SAME, *DIFFERENT):
            sides = tuple((row.get(f"{side}_record_id", ""), row.get(f"{side}_row", "")) for side in ("left", "right"))
            found.append(Answer(f"{file}, row {number}", (sides[0], sides[1]), said in SAME, row.get("score", "")))
        elif said:
            wrong.append(f"row {number} says “{said}”")
    if wrong:
        raise Stop(
            f"{file}: {'; '.join(wrong[:SHOWN])}. A decision is same or different, or empty where nobody knows. Nothing was written."
        )
    return found


def decided_rows(answers: Sequence[Answer], ids: Mapping[str, Sequence[int]] | None, rows: int) -> tuple[Decided, list[Decision]]:
    """The answers about rows of the file, and what they say about scores. `ids` are the rows (from 0) of every record id asked for;
    None where the file has no record ids.

    Of two answers about one pair the later counts. Raises Stop where a record is not in the file or answers contradict each other.
    """
    import numpy as np

    from leads.matching.calibrating import Decision
    from leads.matching.deciding import Decided, contradictions

    found = {}
    for answer in answers:
        left, right = sorted(_row(answer, side, ids, rows) for side in answer.sides)
        if left == right:
            raise Stop(f"{answer.where}: both sides are row {left + 1} of the file.")
        found[left, right] = answer
    pairs = np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
    decided = Decided(pairs[:, 0], pairs[:, 1], np.array([found[one, other].same for one, other in pairs.tolist()], dtype=bool))
    if clash := contradictions(rows, decided):
        told = "; ".join(f"rows {one + 1} and {other + 1} ({found[one, other].where})" for one, other in clash[:SHOWN])
        raise Stop(f"These are called different, and other answers make them one: {told}. Correct one of the answers. Nothing was written.")
    return decided, [Decision(bits, answer.same) for answer in found.values() if (bits := _number(answer.score)) is not None]


def _row(answer: Answer, side: tuple[str, str], ids: Mapping[str, Sequence[int]] | None, rows: int) -> int:
    """The record id is believed before the row number: rows move when a file is exported again."""
    id, text = side
    number = int(text) - 1 if text.isdecimal() else -1
    places = ids.get(id, ()) if id and ids is not None else ()
    if len(places) == 1 or number in places:
        return number if number in places else places[0]
    if id and ids is not None:
        raise Stop(f"{answer.where}: {'several rows have' if places else 'no row has'} the record id of one side. Nothing was written.")
    if not 0 <= number < rows:
        raise Stop(f"{answer.where}: the file has no such row. Nothing was written.")
    return number


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
