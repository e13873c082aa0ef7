"""Guard: whether the planned writes of an account may go, and if not, why and how to go on.

Pure. A guard compares a number with a limit; a number that is not known is over every limit. More writes never trip fewer guards.
A restriction goes even when another guard trips: only the first run of an account writes nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sync.journal import Section
from sync.workspace import NO_CAP, Guards

WRITES = (Section.CREATE, Section.UPDATE, Section.UNDO, Section.MERGE, Section.DELETE)


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run would do to one account. None: not known.

    `clears` are records of which a field would be emptied, `linked` how many were linked before the run, `lost` how many of these
    ended or were not shown by a full read, `unseen` the creates that follow from a changed scope, `rebased` the fields of records
    that wait because their mapping changed.
    """

    creates: int | None = 0
    updates: int | None = 0
    clears: int | None = 0
    deletes: int | None = 0
    merges: int | None = 0
    restrictions: int | None = 0
    linked: int | None = 0
    lost: int | None = 0
    unseen: int | None = 0
    rebased: int | None = 0
    trusted: bool = True

    def writes(self) -> int | None:
        numbers = (self.creates, self.updates, self.deletes, self.merges, self.restrictions)
        return None if None in numbers else sum(number for number in numbers if number is not None)


@dataclass(frozen=True, slots=True)
class Way:
    """How one goes on from a guard: the command that shows what waits, the one that carries it out, and the one that was run."""

    look: str
    carry_out: str
    again: str

    def on(self, option: str, *, final: bool = False) -> str:
        """The sentence. What is `final` stops a plan that was read, too, and whoever runs one has looked already."""
        if self.look == "":
            return f"Go on with `{self.again} {option}`"
        if final:
            return f"Look at `{self.look}`, then go on with `{self.again} {option}`"
        return f"Look at `{self.look}`, then `{self.carry_out}`. Or go on with `{self.again} {option}`"


SYNC = Way("leadloom plan", "leadloom apply", "leadloom sync")
APPLY = Way("", "", "leadloom apply FILE")


@dataclass(frozen=True, slots=True)
class Trip:
    """A guard that tripped: which, what it holds back (nothing: it only tells), and the sentence that says how to go on."""

    kind: str
    sections: tuple[Section, ...]
    sentence: str
    everywhere: bool = False  # the other accounts wait too


def guard(account: str, tally: Tally, guards: Guards, way: Way = SYNC) -> tuple[Trip, ...]:
    """Every guard that trips on what a run would do to `account`."""
    if guards.yes:
        return ()
    if not tally.trusted and guards.first_run == "plan" and _over(tally.writes(), guards.allow.get("first_run", 0)):
        return (*_emptied(account, tally, guards, way), Trip("first_run", tuple(Section), _first_run(account, tally, way)))
    found = [*_emptied(account, tally, guards, way), *_changed(account, tally, guards, way)]
    for kind, sections, what in CAPPED:
        number: int | None = getattr(tally, kind)
        limit, setting = _limit(kind, tally.linked, guards)
        if (tally.trusted or kind in ALWAYS) and _over(number, limit):
            found.append(Trip(kind, sections, _capped(account, kind, number, f"{what}, {_allowed(limit, setting)}", way)))
    return tuple(found)


def returned(account: str, number: int, linked: int, guards: Guards) -> str:
    """Why records in which erased people turned up again are not deleted yet; nothing: they may be."""
    limit, setting = _limit("deletes", linked, guards)
    if guards.yes or not _over(number, limit):
        return ""
    return (
        f"{account}: {_number(number)} records of erased people have turned up again, {_allowed(limit, setting)}. "
        "They are not taken in, and wait to be deleted. Look at them in the CRM, then go on with "
        f"`leadloom sync {_option('deletes', number)}`{_everything(number)}."
    )


def having_looked(guards: Guards) -> Guards:
    """What still stops a plan that somebody has read: deletions and merges beyond their number, and a side that was emptied since."""
    caps = {kind: cap if kind in FINAL else NO_CAP for kind, cap in guards.caps.items()}
    return replace(guards, first_run="apply", caps=caps, allow={"scope": NO_CAP.count, **guards.allow})


FINAL = ("deletes", "merges")
ALWAYS = (*FINAL, "restrictions")  # the other caps begin once an account was written to: its first run has a guard of its own
CAPPED: Sequence[tuple[str, tuple[Section, ...], str]] = (
    ("creates", WRITES, "records would be created"),
    ("updates", WRITES, "records would be changed"),
    ("clears", WRITES, "records would have a field emptied"),
    ("deletes", WRITES, "records would be deleted"),
    ("merges", WRITES, "records would be merged into others"),
    ("restrictions", (Section.RESTRICT,), "people would be opted out"),
)


def _over(number: int | None, limit: int | None) -> bool:
    return number is None or (number > 0 if limit is None else number > limit)


def _limit(kind: str, linked: int | None, guards: Guards) -> tuple[int | None, str]:
    """How many may go, and what says so."""
    if kind in guards.allow:
        return guards.allow[kind], f"--allow {kind}"
    cap = guards.caps[kind]
    limit = cap.limit(linked)
    return limit, f"[guards] {kind}" if limit == cap.count else f"[guards] {kind}_percent"


def _emptied(account: str, tally: Tally, guards: Guards, way: Way) -> list[Trip]:
    """One side is suddenly empty: what its people look like now must not become everybody's truth."""
    limit = guards.allow["emptied"] if "emptied" in guards.allow else guards.emptied.limit(tally.linked)
    if not _over(tally.lost, limit):
        return []
    sentence = (
        f"{account}: {_number(tally.lost)} of {_number(tally.linked)} linked records are gone or were not shown. Nothing but opt-outs "
        "was written anywhere. Check the rights of the user Leadloom acts as, and whether somebody deleted them; if it is meant, go on "
        f"with `{way.again} {_option('emptied', tally.lost)}`{_everything(tally.lost)}."
    )
    return [Trip("emptied", WRITES, sentence, everywhere=True)]


def _changed(account: str, tally: Tally, guards: Guards, way: Way) -> list[Trip]:
    found = []
    if tally.trusted and _over(tally.unseen, guards.allow.get("scope", 0)):
        sentence = (
            f"{account}: the scope has changed, and {_number(tally.unseen)} records would be created. They wait, everything else goes on. "
            f"{way.on(_option('scope', tally.unseen))}{_everything(tally.unseen)}."
        )
        found.append(Trip("scope", (Section.CREATE,), sentence))
    if _over(tally.rebased, 0):
        sentence = (
            f"{account}: a mapping has changed, and {_number(tally.rebased)} values differ by it. These fields wait, the others go on. "
            f"{way.on('--yes')}."
        )
        found.append(Trip("mapping", (), sentence))
    return found


def _first_run(account: str, tally: Tally, way: Way) -> str:
    return f"{account} was never written to: {_number(tally.writes())} planned writes wait. {way.on('--yes')}."


def _capped(account: str, kind: str, number: int | None, what: str, way: Way) -> str:
    rest = (
        "Leadloom itself treats these people as opted out from now on; the writes to the CRM wait."
        if kind == "restrictions"
        else "Nothing but opt-outs was written there."
    )
    on = way.on(_option(kind, number), final=kind in FINAL)
    return f"{account}: {_number(number)} {what}. {rest} {on}{_everything(number)}."


def _allowed(limit: int | None, setting: str) -> str:
    return "no number of records is known to compare with" if limit is None else f"more than the {limit} that {setting} allows"


def _option(kind: str, number: int | None) -> str:
    return "--yes" if number is None else f"--allow {kind}={number}"


def _everything(number: int | None) -> str:
    return "" if number is None else " (`--yes` allows everything)"


def _number(number: int | None) -> str:
    return "an unknown number of" if number is None else str(number)


KINDS = ("first_run", "emptied", "scope", *(kind for kind, _, _ in CAPPED))
