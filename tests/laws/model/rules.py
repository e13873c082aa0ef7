"""The rules of the base that is a pair, as pure functions over plain data. No clock, no I/O, no randomness.

For every link and field the base remembers what the CRM showed (`seen`, verbatim) and the canonical value held to be equal to it
(`meant`). Theirs differs from `seen`: somebody changed it there. Ours differs from `meant`: a write is owed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

Value = str | tuple[str, ...] | None  # None: no value; a tuple: a set in the order it grew
NEVER = float("-inf")
FLIPS = 3


class Format(Protocol):
    """One field in one CRM's dialect, as our mapping knows it."""

    def show(self, value: Value, seen: str) -> str: ...  # `seen` keeps their order and their own address
    def parse(self, theirs: str, meant: Value) -> Value: ...  # `meant` keeps the finer meaning of a coarse value
    def explains(self, sent: str, shown: str) -> bool: ...  # may `shown` be this CRM's spelling of `sent`?


class Policy(StrEnum):
    NEWEST = "newest"  # newest certain change, else precedence
    PRECEDENCE = "precedence"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Pair:
    seen: str
    meant: Value
    refused: tuple[Value, str] | None = None  # not planned again while the lead holds this value
    flips: int = 0
    at: float = NEVER  # when it last moved; an older snapshot cannot contradict it
    was: str | None = None  # what our last write replaced


@dataclass(frozen=True, slots=True)
class Golden:
    """A lead's value and where it comes from; `fits` says which finer values it leaves open."""

    value: Value = None
    lo: float = NEVER
    hi: float = NEVER
    account: str = ""
    fits: Callable[[Value], bool] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody changed a field of a record between `lo` (last read that showed the old value) and `hi` (the record's stamp)."""

    old: Value
    new: Value
    lo: float
    hi: float
    account: str
    actor: str
    link: str
    fits: Callable[[Value], bool] | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """A write of one field that is owed. `means` is what the base shall mean once it is settled."""

    before: Pair
    sent: str
    means: Value
    undo: bool = False
    held_for: Value = None  # an undo: the lead's value that shall not be written again


@dataclass(frozen=True, slots=True)
class Receipt:
    """`shown` is the read-back: the answer of the write itself, or a read right after it."""

    shown: str | None
    at: float
    reason: str = ""  # why the CRM refused; then nothing was written


# theirs -> ours


def changed(pair: Pair, theirs: str, read_at: float) -> bool:
    return theirs != pair.seen and read_at >= pair.at


def overwritten(pair: Pair, theirs: str, read_at: float) -> bool:
    """A snapshot from before our last write shows what a person typed and that write replaced: an edit, but the base stays."""
    return read_at < pair.at and pair.was is not None and theirs not in (pair.seen, pair.was)


def read_change(pair: Pair, theirs: str, form: Format, lo: float, hi: float, account: str, link: str) -> Change:
    new = form.parse(theirs, pair.meant)
    return Change(pair.meant, new, lo, hi, account, "person", link, lambda value: form.show(value, theirs) == theirs)


def moved(pair: Pair, theirs: str, form: Format, read_at: float, golden: Value) -> Pair:
    """The base after a change was read, whether it won, lost or waits for a person. A refusal ends with it."""
    if form.show(golden, theirs) == theirs:
        return Pair(theirs, golden, flips=pair.flips, at=read_at)
    return Pair(theirs, form.parse(theirs, pair.meant), flips=pair.flips, at=read_at)


def merge_field(
    golden: Golden, candidates: Iterable[Change], policy: Policy, precedence: Mapping[str, int]
) -> tuple[Golden, list[Change], tuple[Change, ...] | None]:
    standing, losers, asked = golden, [], []
    for change in sorted(candidates, key=lambda c: (c.hi, c.lo, precedence[c.account], c.link)):
        if agrees(standing, change):
            standing = finer(standing, change)
        elif standing is golden and (change.old == golden.value or change.lo >= golden.hi):
            standing = taken(change)  # an edit of what the lead said: no conflict, whatever the policy
        elif standing is golden and golden.lo >= change.hi:
            losers.append(change)
        elif policy is Policy.ASK:
            asked.append(change)
        elif wins(change, standing, policy, precedence):
            losers.append(as_change(standing))
            standing = taken(change)
        else:
            losers.append(change)
    if asked:
        return golden, [], tuple([as_change(standing), *asked] if standing is not golden else asked)
    return standing, losers, None


def agrees(standing: Golden, change: Change) -> bool:
    """Two values agree if they are the same, or if one is what the other's CRM would show for it."""
    return (
        change.new == standing.value
        or (change.fits is not None and change.fits(standing.value))
        or (standing.fits is not None and standing.fits(change.new))
    )


def finer(standing: Golden, change: Change) -> Golden:
    if change.fits is not None and change.fits(standing.value):
        return standing
    return taken(change)


def wins(change: Change, standing: Golden, policy: Policy, precedence: Mapping[str, int]) -> bool:
    if policy is Policy.NEWEST and change.lo >= standing.hi:
        return True
    if policy is Policy.NEWEST and standing.lo >= change.hi:
        return False
    return precedence[change.account] <= precedence.get(standing.account, len(precedence))


def taken(change: Change) -> Golden:
    return Golden(change.new, change.lo, change.hi, change.account, change.fits)


def as_change(golden: Golden) -> Change:
    return Change(None, golden.value, golden.lo, golden.hi, golden.account, "person", "", golden.fits)


def merge_set(golden: tuple[str, ...], deltas: Iterable[tuple[tuple[str, ...], tuple[str, ...]]]) -> tuple[str, ...]:
    """Observed-remove: `deltas` are (what the CRM showed, what it shows), never (what we meant, ...). An addition beats a removal."""
    pairs = list(deltas)
    added = [item for base, theirs in pairs for item in theirs if item not in base]
    removed = {item for base, theirs in pairs for item in base if item not in theirs}
    return tuple(dict.fromkeys([*(item for item in golden if item not in removed), *added]))


def foreign(pair: Pair, theirs: str, form: Format, read_at: float, golden: Value) -> Pair:
    """Somebody else edited a field that is ours: owed again, until the third flip asks a person."""
    flips = pair.flips + 1
    refused = (golden, "tug of war") if flips >= FLIPS else None
    return Pair(theirs, form.parse(theirs, None), refused, flips, read_at)


# ours -> theirs


def debt(golden: Value, pair: Pair, form: Format) -> Write | Pair | None:
    """A write that is owed, a pair that settles without one, or nothing (agreed or held)."""
    if golden == pair.meant or held(golden, pair):
        return None
    sent = form.show(golden, pair.seen)
    if sent == pair.seen:
        return replace(pair, meant=golden, refused=None)
    return Write(pair, sent, golden)


def held(golden: Value, pair: Pair) -> bool:
    return pair.refused is not None and pair.refused[0] == golden


def debts(golden: Mapping[str, Value], pairs: Mapping[str, Pair], forms: Mapping[str, Format]) -> dict[str, Write | Pair]:
    found = {name: debt(golden.get(name), pair, forms[name]) for name, pair in pairs.items()}
    return {name: step for name, step in found.items() if step is not None}


def settle(pair: Pair, write: Write, receipt: Receipt, form: Format) -> Pair:
    if write.undo and receipt.reason:
        return pair
    if receipt.reason or receipt.shown is None:
        return replace(pair, refused=(write.means, receipt.reason))
    explained = form.explains(write.sent, receipt.shown)
    if receipt.shown == write.before.seen and not explained:
        return replace(pair, refused=(write.means, "ignored"))
    shown = receipt.shown if explained else write.sent  # a third value is a person's: the next read finds it changed
    refused = (write.held_for, "undone") if write.undo else None
    return Pair(shown, write.means, refused, pair.flips, receipt.at, write.before.seen)


class Fate(StrEnum):
    LANDED = "landed"
    NOT_LANDED = "not landed"
    OPEN = "open"
    PERSON = "person"  # a third value: somebody typed it


def settle_unknown(pair: Pair, write: Write, theirs: str, form: Format, *, late: bool, touched: bool, at: float) -> tuple[Pair, Fate]:
    """What a re-read says about a write whose answer was lost.

    `late`: it can no longer land. `touched`: the CRM knows that the field was written after we sent.
    """
    if theirs != pair.seen and not touched and form.explains(write.sent, theirs):
        return settle(pair, write, Receipt(theirs, at), form), Fate.LANDED
    if theirs != pair.seen:
        return pair, Fate.PERSON
    if touched:
        return Pair(write.sent, write.means, None, pair.flips, write.before.at, pair.seen), Fate.PERSON
    return pair, Fate.NOT_LANDED if late else Fate.OPEN


# changes of mind


def undo(entry: Write, settled: Pair, pair: Pair, theirs: str, golden: Value) -> Write | str:
    """The write that takes `entry` back (`settled` is the base it left), or why it is kept."""
    if theirs != pair.seen:
        return "a person has edited it since"
    if pair != settled:
        return "it has changed since"
    if golden != pair.meant and not held(golden, pair):
        return "the lead has moved on"
    if entry.before.seen == theirs:
        return "nothing to take back"
    return Write(pair, entry.before.seen, entry.before.meant, undo=True, held_for=golden)


def rebase(pair: Pair, shown: str, form: Format, golden: Value, at: float) -> Pair:
    """The base under a new mapping. Unread edits were merged under the old one first. Nothing is written."""
    if pair.refused is not None and pair.refused[1] == "undone" and held(golden, pair):
        return replace(pair, seen=shown, meant=form.parse(shown, None), at=at, was=None)
    meant = form.parse(shown, golden)
    if meant == golden or form.show(golden, shown) == shown:
        return Pair(shown, golden, at=at)
    owed = golden != pair.meant and not held(golden, pair)
    return Pair(shown, meant, None if owed else (golden, "mapping changed"), at=at)
