"""The law of the base that is a pair: after any noise the worlds fall quiet, and nothing that a person did is lost.

A failing world prints its seed and its story; `run(seed)` plays it again.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.laws.model import rules
from tests.laws.model.dialects import Emails, Stage, Text
from tests.laws.model.laws import Broken
from tests.laws.model.rules import Change, Fate, Golden, Pair, Policy, Receipt, Write
from tests.laws.model.worlds import QUIET, World, rough, run

FEW = 320
MANY = 20_000
BLOCK = 500
SETTLE = rules.settle
ORDER = {"alpha": 0, "beta": 1}


def change(old: str | None, new: str | None, lo: float, hi: float, account: str = "beta") -> Change:
    return Change(old, new, lo, hi, account, "person", account)


# worlds


@pytest.mark.parametrize("first", range(0, FEW, 80))
def test_worlds_fall_quiet_and_keep_the_laws(first: int) -> None:
    for seed in range(first, first + 80):
        run(seed, rough(seed))


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(0, MANY, BLOCK))
def test_many_worlds_fall_quiet_and_keep_the_laws(first: int) -> None:
    for seed in range(first, first + BLOCK):
        run(1_000_000 + seed, rough(seed))


@pytest.mark.parametrize("seed", range(60))
def test_a_lone_edit_reaches_every_crm_in_the_next_run_and_the_one_after_writes_nothing(seed: int) -> None:
    world = World(seed, QUIET)
    world.settle_down()
    world.person_edits()
    world.sync()
    assert world.sync() == 0
    world.settle_down()


def test_two_automations_that_fight_us_end_with_a_person() -> None:
    pair, form, writes = Pair("5", "5"), Text(), 0
    for _ in range(10):
        pair = rules.foreign(pair, "0", form, 1.0, "5") if pair.seen == "5" else pair
        step = rules.debt("5", pair, form)
        if isinstance(step, Write):
            writes += 1
            pair = rules.settle(pair, step, Receipt("5", 1.0), form)
    assert writes == 2
    assert rules.held("5", pair)


# the rules, one promise each


def test_a_spelling_is_settled_and_never_echoes() -> None:
    owed = rules.debt("Anna", Pair("", None), Text())
    assert isinstance(owed, Write)
    settled = rules.settle(Pair("", None), owed, Receipt("ANNA ", 2.0), Text())
    assert (settled.seen, settled.meant) == ("ANNA ", "Anna")
    assert rules.debt("Anna", settled, Text()) is None


def test_a_coarse_value_that_still_fits_costs_no_write() -> None:
    assert rules.debt("hot", Pair("qualified", "sql"), Stage(coarse=True)) == Pair("qualified", "hot")


def test_a_third_value_in_the_answer_is_a_persons_edit() -> None:
    settled = rules.settle(Pair("", None), Write(Pair("", None), "Anna", "Anna"), Receipt("Berta", 2.0), Text())
    assert rules.changed(settled, "Berta", 3.0)


def test_a_write_that_the_crm_ignores_is_held_until_the_lead_changes() -> None:
    pair = Pair("won", "customer")
    settled = rules.settle(pair, Write(pair, "open", "raw"), Receipt("won", 2.0), Stage(coarse=True))
    assert rules.debt("raw", settled, Stage(coarse=True)) is None
    assert isinstance(rules.debt("sql", settled, Stage(coarse=True)), Write)


def test_a_refused_write_does_not_age_what_was_read_before_it() -> None:
    refused = rules.settle(Pair("a", "a"), Write(Pair("a", "a"), "b", "b"), Receipt(None, 5.0, "required"), Text())
    assert rules.changed(refused, "typed", 4.0)


def test_a_lost_answer_is_settled_by_reading() -> None:
    pair = Pair("a", "a")
    write = Write(pair, "b", "b")
    fates = [rules.settle_unknown(pair, write, theirs, Text(), late=True, touched=False, at=9.0)[1] for theirs in ("b", "a", "c")]
    assert fates == [Fate.LANDED, Fate.NOT_LANDED, Fate.PERSON]


def test_a_lost_answer_may_still_land_for_a_while() -> None:
    pair = Pair("a", "a")
    assert rules.settle_unknown(pair, Write(pair, "b", "b"), "a", Text(), late=False, touched=False, at=9.0) == (pair, Fate.OPEN)


def test_whoever_put_the_old_value_back_after_a_lost_answer_is_heard() -> None:
    pair = Pair("a", "a")
    landed, fate = rules.settle_unknown(pair, Write(pair, "b", "b"), "a", Text(), late=True, touched=True, at=9.0)
    assert fate is Fate.PERSON
    assert rules.changed(landed, "a", 9.0)


def test_an_edit_of_what_the_lead_said_is_no_conflict_whatever_the_policy() -> None:
    golden = Golden("b", 1.0, 2.0, "alpha")
    for policy in Policy:
        assert rules.merge_field(golden, [change("stale", "c", 2.0, 3.0)], policy, ORDER)[0].value == "c"


def test_an_uncertain_order_is_decided_by_precedence_and_the_loser_is_kept() -> None:
    golden = Golden("b", 1.0, 4.0, "alpha")
    standing, losers, _ = rules.merge_field(golden, [change("a", "c", 2.0, 3.0)], Policy.NEWEST, ORDER)
    assert (standing.value, [loser.new for loser in losers]) == ("b", ["c"])


def test_a_conflict_that_asks_leaves_the_lead_alone() -> None:
    golden = Golden("b", 1.0, 4.0, "alpha")
    standing, _, asked = rules.merge_field(golden, [change("a", "c", 2.0, 3.0)], Policy.ASK, ORDER)
    assert standing is golden
    assert asked is not None


def test_a_coarse_and_a_fine_edit_that_fit_agree_on_the_fine_one() -> None:
    coarse = rules.read_change(Pair("open", "raw"), "qualified", Stage(coarse=True), 1.0, 3.0, "alpha", "alpha")
    standing, losers, _ = rules.merge_field(Golden("raw", 0.0, 0.5, "beta"), [coarse, change("raw", "hot", 1.0, 2.0)], Policy.NEWEST, ORDER)
    assert (standing.value, losers) == ("hot", [])


def test_an_address_added_anywhere_beats_its_removal_elsewhere() -> None:
    assert rules.merge_set(("a", "b"), [(("a", "b"), ("a",)), ((), ("b",))]) == ("a", "b")


def test_an_address_that_a_crm_never_showed_is_not_removed_by_it() -> None:
    one = Emails()
    pair = Pair("a@x.de", ("a@x.de", "b@x.de"))
    delta = (one.parse(pair.seen, None), one.parse("c@x.de", None))
    assert rules.merge_set(("a@x.de", "b@x.de"), [delta]) == ("b@x.de", "c@x.de")


def test_a_record_keeps_its_own_address_as_long_as_the_lead_has_it() -> None:
    assert rules.debt(("a@x.de", "b@x.de"), Pair("b@x.de", ("b@x.de",)), Emails()) == Pair("b@x.de", ("a@x.de", "b@x.de"))


def test_undone_stays_undone_until_the_next_real_edit() -> None:
    entry = Write(Pair("old", "old"), "new", "new")
    settled = rules.settle(entry.before, entry, Receipt("new", 2.0), Text())
    back = rules.undo(entry, settled, settled, "new", "new")
    assert isinstance(back, Write)
    undone = rules.settle(settled, back, Receipt("old", 3.0), Text())
    assert rules.debt("new", undone, Text()) is None
    assert not rules.changed(undone, "old", 4.0)
    assert isinstance(rules.debt("newer", undone, Text()), Write)
    assert rules.debt("new", rules.rebase(undone, "old", Text(), "new", 5.0), Text()) is None


def test_undo_keeps_what_a_person_or_the_lead_changed_since() -> None:
    entry = Write(Pair("old", "old"), "new", "new")
    settled = rules.settle(entry.before, entry, Receipt("new", 2.0), Text())
    assert rules.undo(entry, settled, settled, "typed", "new") == "a person has edited it since"
    assert rules.undo(entry, settled, settled, "new", "newer") == "the lead has moved on"


def test_a_new_mapping_waits_for_a_person_but_a_debt_stays_a_debt() -> None:
    waiting = rules.rebase(Pair("a", "a"), "x", Text(), "a", 2.0)
    owed = rules.rebase(Pair("old", "old"), "x", Text(), "a", 2.0)
    assert rules.debt("a", waiting, Text()) is None
    assert isinstance(rules.debt("a", owed, Text()), Write)


# the laws notice a broken rule


def no_refusal_is_held(golden: rules.Value, pair: Pair) -> bool:
    return False


def the_base_means_the_lead(pair: Pair, theirs: str, form: rules.Format, read_at: float, golden: rules.Value) -> Pair:
    return Pair(theirs, golden, at=read_at)


def only_what_they_showed(pair: Pair, write: Write, receipt: Receipt, form: rules.Format) -> Pair:
    shown = receipt.shown if receipt.shown is not None else pair.seen
    return Pair(shown, form.parse(shown, None), at=receipt.at)


def only_what_we_sent(pair: Pair, write: Write, receipt: Receipt, form: rules.Format) -> Pair:
    return Pair(write.sent, write.means, at=receipt.at)


def undone_means_what_is_shown(pair: Pair, write: Write, receipt: Receipt, form: rules.Format) -> Pair:
    settled = SETTLE(pair, write, receipt, form)
    return replace(settled, meant=form.parse(settled.seen, None), refused=None) if write.undo else settled


def no_snapshot_is_overwritten(pair: Pair, theirs: str, read_at: float) -> bool:
    return False


def a_new_mapping_agrees(pair: Pair, shown: str, form: rules.Format, golden: rules.Value, at: float) -> Pair:
    return Pair(shown, golden, at=at)


MUTANTS = {
    "held": no_refusal_is_held,
    "moved": the_base_means_the_lead,
    "settle": only_what_they_showed,
    "settle ": only_what_we_sent,
    "settle  ": undone_means_what_is_shown,
    "overwritten": no_snapshot_is_overwritten,
    "rebase": a_new_mapping_agrees,
}


@pytest.mark.parametrize("rule", MUTANTS)
def test_the_laws_notice_a_broken_rule(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, rule.strip(), MUTANTS[rule])
    assert any(fails(seed) for seed in range(FEW))


def fails(seed: int) -> bool:
    try:
        run(seed, rough(seed))
    except Broken:
        return True
    return False
