"""Contest: one field that several records changed, and which of the values wins. Pure; a loser is named in the revision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from leads.identity import name_words
from leads.model import ABSENT, Value, Winner
from leads.stages import furthest
from leads.values import same
from sync.policy import Policy
from sync.state import Change, Lost, Origin, Revision

IMPORT = "import"  # the account under which imported tables are known
IN_ORDER = "order of the accounts"
SKEW = timedelta(minutes=1)  # how far the clocks of two CRMs may be apart


class Evidence(IntEnum):
    """The rank of evidence, the best first."""

    PERSON = 0
    FORM = 1
    IMPORT = 2
    AUTOMATION = 3


def merge_field(name: str, ours: Value, origin: Origin | None, changes: Sequence[Change], policy: Policy) -> Revision | None:
    """Decide one field. None: everybody agrees with what the lead has; a revision with new = old: ours stayed, others lost.

    Agreement is judged in the dialect of the record: a coarse value that could stand for ours is no other opinion. Ours takes part
    in the contest only if it moved away from what one of the changed records last agreed to.
    """
    differing = [change for change in changes if not same(change.new, ours) and not change.explained_by(ours)]
    if not differing:
        return None
    contenders = [_contender(change) for change in _first_of_each_value(differing)]
    moved = len(differing) < len(changes) or any(not same(change.old, ours) for change in differing)
    if ours is not ABSENT and moved:
        contenders.append(_Contender(ours, origin or Origin(""), None))
    contenders = [one for one in contenders if not any(_is_finer(other, one) for other in contenders)]
    best = _winner(name, contenders, policy)
    lost = [voice for one in contenders if not same(one.value, best.value) for voice in _voices(one, differing)]
    also = tuple(one.origin for one in _voices(best, differing)[1:])
    losers = tuple(Lost(one.value, one.origin.account or "hub", one.origin) for one in lost)
    return Revision(name, ours, best.value, best.origin, _rule(name, contenders, best, policy), losers, also)


def _first_of_each_value(changes: Sequence[Change]) -> list[Change]:
    """Changes that say the same are one opinion; the first of them speaks (they come in the order of the accounts)."""
    distinct: list[Change] = []
    for change in changes:
        if not any(same(change.new, other.new) for other in distinct):
            distinct.append(change)
    return distinct


def _voices(speaker: _Contender, changes: Sequence[Change]) -> list[_Contender]:
    """One who speaks for an opinion, and all others who are of it."""
    return [speaker, *(_contender(one) for one in changes if one is not speaker.change and same(one.new, speaker.value))]


def _contender(change: Change) -> _Contender:
    return _Contender(change.new, Origin(change.ref.account, change.ref, "", change.lo, change.hi), change)


@dataclass(frozen=True, slots=True)
class _Contender:
    value: Value
    origin: Origin
    change: Change | None

    def explained_by(self, value: Value) -> bool:
        return self.change is not None and self.change.explained_by(value)


def _is_finer(one: _Contender, other: _Contender) -> bool:
    return one is not other and other.explained_by(one.value) and not one.explained_by(other.value)


def _winner(name: str, contenders: Sequence[_Contender], policy: Policy) -> _Contender:
    if _is_race_of_stages(name, contenders, policy):
        return max(contenders, key=lambda one: (_is_furthest(one, contenders), -policy.rank(one.origin.account)))
    spelled = _better_spelled(name, contenders, policy)
    if spelled is not None:
        return spelled
    contenders = _preferred(name, contenders, policy)
    newest = next(
        (one for one in contenders if all(other is one or _certainly_after(one.origin, other.origin) for other in contenders)), None
    )
    if newest is not None and (policy.fields[name].winner != Winner.PRECEDENCE or not _is_between_accounts(contenders)):
        return newest
    return min(contenders, key=lambda one: policy.rank(one.origin.account))


def _preferred(name: str, contenders: Sequence[_Contender], policy: Policy) -> Sequence[_Contender]:
    """Those among whom time and order decide: what the owner of the field says, or what has the best evidence; else all."""
    rule = policy.fields[name]
    if rule.winner == Winner.OWNER:
        return [one for one in contenders if one.origin.account == rule.owner] or contenders
    if rule.winner == Winner.RANK:
        best = min(evidence(one.origin) for one in contenders)
        return [one for one in contenders if evidence(one.origin) == best]
    return contenders


def evidence(origin: Origin) -> Evidence:
    """Who gave a value. Where a CRM does not tell, its values are taken for a person's."""
    if origin.account == "":
        return Evidence.AUTOMATION
    return Evidence.IMPORT if origin.account == IMPORT else Evidence.PERSON


def _better_spelled(name: str, contenders: Sequence[_Contender], policy: Policy) -> _Contender | None:
    """Records that meet for the first time with one text in several spellings: the one that is spelled out and does not shout.

    A surname with `Jr.` says more than without: what tells a father from his son is not forgotten when one of them is merged.
    """
    told = {one: _generation(name, one.value) for one in contenders if isinstance(one.value, str)}
    met = all(one.change is None or one.change.first_contact for one in contenders)
    generations = {generation for _, generation in told.values()}
    if (
        not met
        or len(told) < max(2, len(contenders))
        or len(generations - {0}) > 1
        or not _is_one_text([text for text, _ in told.values()])
    ):
        return None
    return min(
        contenders,
        key=lambda one: (
            _is_initial(one.value),
            told[one][1] not in generations - {0},
            _is_uniform(one.value),
            policy.rank(one.origin.account),
        ),
    )


def _generation(name: str, text: str) -> tuple[str, int]:
    """A text without the generation that it ends with, and which that is (0: none)."""
    generation = name_words(text)[1] if name == "last_name" else 0
    return (text.rsplit(None, 1)[0].rstrip(","), generation) if generation else (text, 0)


def _is_one_text(texts: Sequence[str]) -> bool:
    """Whether all are one text in other letter case, initials (`T.`) standing for what they begin."""
    whole = {text.casefold() for text in texts if not _is_initial(text)}
    return len(whole) == 1 and all(next(iter(whole))[:1] == text.casefold()[:1] for text in texts)


def _is_initial(value: Value) -> bool:
    return isinstance(value, str) and len(value.rstrip(".")) == 1


def _is_uniform(value: Value) -> bool:
    return isinstance(value, str) and (value.isupper() or value.islower())


def _is_between_accounts(contenders: Sequence[_Contender]) -> bool:
    """Two records changed at once; a later edit of what the lead already said is none."""
    return sum(one.change is not None for one in contenders) > 1


def _is_race_of_stages(name: str, contenders: Sequence[_Contender], policy: Policy) -> bool:
    met = any(one.change is not None and one.change.first_contact for one in contenders)
    return policy.fields[name].winner == Winner.FURTHEST and met and len(contenders) > 1


def _is_furthest(one: _Contender, contenders: Sequence[_Contender]) -> bool:
    return all(
        isinstance(other.value, str) and isinstance(one.value, str) and furthest(one.value, other.value) == one.value
        for other in contenders
    )


def _certainly_after(one: Origin, other: Origin) -> bool:
    return one.lo is not None and other.hi is not None and one.lo - SKEW >= other.hi


def _rule(name: str, contenders: Sequence[_Contender], best: _Contender, policy: Policy) -> str:
    others = [one for one in contenders if one is not best]
    if not others:
        return "the only change"
    if _is_race_of_stages(name, contenders, policy):
        return "the furthest stage"
    if _better_spelled(name, contenders, policy) is not None:
        return "the better spelling"
    preferred = _preferred(name, contenders, policy)
    if len(preferred) < len(contenders) and best in preferred:
        return f"{policy.fields[name].owner} owns this field" if policy.fields[name].winner == Winner.OWNER else "the better evidence"
    if all(_certainly_after(best.origin, one.origin) for one in others):
        return "certainly the newest change"
    return IN_ORDER
