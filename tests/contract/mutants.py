"""Small liars around any connector, one per fault that was found in good code. The suite must catch each of them.

A liar wraps the contract; where its fault sits lower (headers, retries, tokens) it bends the door of the connector it wraps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import Connector, Ending, History, Json, Op, Outcome, Page, Receipt, Record, Step, Write, Writer
from connectors.errors import ConnectorError, Unreadable
from connectors.http import Door
from tests.contract import declared
from tests.contract.dialects import Narrow
from tests.contract.rigs import Need, Rig, Wrap

MUCH = 60


class Liar:
    """Does everything as the connector does it, until a subclass lies."""

    def __init__(self, rig: Rig, inner: Connector) -> None:
        self.rig = rig
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def shown(self, record: Record) -> Record | None:
        """A record as the liar shows it, wherever it shows one."""
        return record

    def receipt(self, write: Write, receipt: Receipt) -> Receipt:
        return receipt

    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        return self._shown(self.inner.get(object, ids, fields))

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        return self._shown(self.inner.find(object, field, values, fields))

    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        for page in self.inner.changes(object, cursor, fields):
            yield Page(self._shown(page.records), page.cursor)

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        receipts = self.inner.write(object, writes)
        return [self.receipt(write, receipt) for write, receipt in zip(writes, receipts, strict=True)]

    def _shown(self, records: Sequence[Record]) -> list[Record]:
        return [shown for record in records if (shown := self.shown(record)) is not None]


# -- lies about what is read -----------------------------------------------------------------------------------------------------------


class StopsAtFirstEmpty(Liar):
    def _shown(self, records: Sequence[Record]) -> list[Record]:
        kept: list[Record] = []
        for record in records:
            if any(value is None for value in record.fields.values()):
                break
            kept.append(record)
        return kept


class NullMeansAbsent(Liar):
    def shown(self, record: Record) -> Record:
        return replace(record, fields={name: value for name, value in record.fields.items() if value is not None})


class FalseMeansNone(Liar):
    def shown(self, record: Record) -> Record:
        nothing = (self.rig.value("flag", False), self.rig.value("score", 0))
        return replace(record, fields={name: None if value in nothing else value for name, value in record.fields.items()})


class KeyErrorOnMissing(Liar):
    def shown(self, record: Record) -> Record:
        if record.ending is Ending.MISSING:
            raise KeyError(record.id)
        return record


class SilentTruncation(Liar):
    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        return self.inner.get(object, ids[: self.rig.capabilities.get_batch], fields)


class CutsLongText(Liar):
    def shown(self, record: Record) -> Record:
        return replace(record, fields={name: value[:8] if isinstance(value, str) else value for name, value in record.fields.items()})


class ShowsMoreThanAsked(Liar):
    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        return [replace(record, fields={**record.fields, "more": None}) for record in self.inner.get(object, ids, fields)]


class FindsWithoutLooking(Liar):
    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        found = self.inner.find(object, field, values, fields)
        return found or [record for page in self.inner.changes(object, None, fields) for record in page.records][:1]


class OneCallEach(Liar):
    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        return [record for id in dict.fromkeys(ids) for record in self.inner.get(object, [id], fields)]


# -- lies about walks ------------------------------------------------------------------------------------------------------------------


class StrictGreaterCursor(Liar):
    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        latest = None
        for page in self.inner.changes(object, cursor, fields):
            kept = [one for one in page.records if latest is None or one.changed_at is None or one.changed_at > latest]
            latest = max((one.changed_at for one in page.records if one.changed_at is not None), default=latest)
            yield Page(kept, page.cursor)


class CursorBeforePage(Liar):
    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        before: Page | None = None
        for page in self.inner.changes(object, cursor, fields):
            if before is not None:
                yield Page(before.records, page.cursor)
            before = page
        if before is not None:
            yield before


class EndsAfterOnePage(Liar):
    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        for page in self.inner.changes(object, cursor, fields):
            yield page
            return


class WalksInCircles(Liar):
    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        while True:
            try:
                yield from self.inner.changes(object, cursor, fields)
                return
            except Unreadable:
                continue


class MissesUnsubscriptions(Liar):
    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        for page in self.inner.changes(object, cursor, fields):
            yield Page([one for one in page.records if one.fields.get("opt_out:email") is not True], page.cursor)


class ForgetsItsCursor(Liar):
    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        return self.inner.changes(object, None, fields)


# -- lies about endings ----------------------------------------------------------------------------------------------------------------


class DeletesOnAbsence(Liar):
    def shown(self, record: Record) -> Record:
        return replace(record, ending=Ending.DELETED) if record.ending is Ending.MISSING else record


class ForgetsMerges(Liar):
    def shown(self, record: Record) -> Record:
        return replace(record, ending=Ending.MISSING, moved_to=None) if record.ending is Ending.MERGED else record


class ShowsTheDead(Liar):
    def shown(self, record: Record) -> Record:
        return replace(record, ending=None, moved_to=None)


# -- lies about writes -----------------------------------------------------------------------------------------------------------------


class SwallowsRowErrors(Liar):
    def receipt(self, write: Write, receipt: Receipt) -> Receipt:
        done = Outcome.CREATED if write.op is Op.CREATE else Outcome.UPDATED
        return Receipt(done, id=write.id, record=receipt.record) if receipt.outcome is Outcome.REJECTED else receipt


class ReceiptWithoutReadback(Liar):
    def receipt(self, write: Write, receipt: Receipt) -> Receipt:
        return replace(receipt, record=None)


class EchoesIntentAsReadback(Liar):
    def receipt(self, write: Write, receipt: Receipt) -> Receipt:
        return receipt if receipt.record is None else replace(receipt, record=replace(receipt.record, fields=dict(write.fields)))


class OneReceiptShort(Liar):
    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        return self.inner.write(object, writes)[:-1]


class ReordersReceipts(Liar):
    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        return list(reversed(self.inner.write(object, writes)))


class LoosensConsent(Liar):
    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        meant = [replace(one, fields={name: v for name, v in one.fields.items() if name != "opt_out:email" or v is True}) for one in writes]
        return self.inner.write(object, meant)


class DuplicatesOnUnknown(Liar):
    def receipt(self, write: Write, receipt: Receipt) -> Receipt:
        if receipt.outcome is not Outcome.UNKNOWN:
            return receipt
        return self.inner.write(write.object, [write])[0]


class TouchesOtherFields(Liar):
    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        also: dict[str, Json] = {self.rig.name("grade"): None}
        return super().write(object, [replace(one, fields={**also, **one.fields}) if one.op is Op.UPDATE else one for one in writes])


class LeavesClearsOut(Liar):
    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        kept = [replace(one, fields={name: value for name, value in one.fields.items() if value is not None}) for one in writes]
        return super().write(object, kept)


class AdoptsAndOverwrites(Liar):
    def receipt(self, write: Write, receipt: Receipt) -> Receipt:
        if receipt.outcome is Outcome.ADOPTED:
            self.inner.write(write.object, [Write(Op.UPDATE, write.object, write.fields, id=receipt.id)])
        return receipt


class SpendsTheWrites(Liar):
    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        receipts = self.inner.write(object, writes)
        for write in writes:
            if isinstance(write.fields, dict):
                write.fields.clear()
        return receipts


class TakesIdsApart(Liar):
    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        return self.inner.get(object, [part for id in ids for part in id.split(",")], fields)


class CrashesOnSurprise(Liar):
    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        try:
            return self.inner.get(object, ids, fields)
        except Unreadable as error:
            raise KeyError("results") from error


class HidesTheRequest(Liar):
    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        try:
            return self.inner.get(object, ids, fields)
        except ConnectorError as error:
            error.request_id = None
            raise


class QuotesWhatItRefused(Liar):
    def receipt(self, write: Write, receipt: Receipt) -> Receipt:
        return replace(receipt, message=f"{receipt.message} {dict(write.fields)}")


# -- lies about consent ----------------------------------------------------------------------------------------------------------------


class HearsOnlyTheWideNo(Liar):
    def shown(self, record: Record) -> Record:
        name = _narrow(self.rig).name
        return replace(record, fields={**record.fields, name: None}) if name in record.fields else record


class TakesOneNoForAll(Liar):
    def shown(self, record: Record) -> Record:
        name, no = _narrow(self.rig).name, _narrow(self.rig).no
        return replace(record, fields={**record.fields, "opt_out:email": True}) if record.fields.get(name) == no else record


class PermitsWhoeverIsNew(Liar):
    """A record that we created says no to nothing, whatever its address has said before."""

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        receipts = self.inner.write(object, writes)
        self.created = {receipt.id for receipt in receipts if receipt.outcome is Outcome.CREATED}
        return receipts

    def shown(self, record: Record) -> Record:
        is_new = "opt_out:email" in record.fields and record.id in getattr(self, "created", ())
        return replace(record, fields={**record.fields, "opt_out:email": False}) if is_new else record


class DatesByTheLook(Liar):
    """Every no was said when it was seen."""

    def dated(self, records: Sequence[Record]) -> Sequence[Record]:
        now = datetime.fromtimestamp(self.rig.world.clock.now(), UTC)
        return [replace(one, said=dict.fromkeys(one.said, now)) for one in self.inner.dated(records)]


class SaysNoToEverything(Liar):
    """Whoever leaves one list is taken off all of them."""

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        name = _narrow(self.rig).name
        return self.inner.write(
            object, [replace(one, fields={**one.fields, "opt_out:email": True}) if name in one.fields else one for one in writes]
        )


class KeepsTheYesToItself(Liar):
    """A yes is left out without a word, and the receipt says that all was well."""

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        name, yes = _narrow(self.rig).name, (None, _narrow(self.rig).yes)
        kept = [replace(one, fields={key: value for key, value in one.fields.items() if key != name or value not in yes}) for one in writes]
        return self.inner.write(object, kept)


class OneRefusalForAll(Liar):
    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        receipts = self.inner.write(object, writes)
        refused = next((receipt for receipt in receipts if receipt.cause == "opt_out_refused"), None)
        return receipts if refused is None else [replace(refused, id=write.id) for write in writes]


class GoesOnWithoutTheNo(Liar):
    """What could not be denied is written all the same."""

    def receipt(self, write: Write, receipt: Receipt) -> Receipt:
        if receipt.cause == "opt_out_refused" or receipt.outcome is Outcome.UNKNOWN:
            rest = {name: value for name, value in write.fields.items() if name != "opt_out:email"}
            self.inner.write(write.object, [replace(write, fields=rest)])
        return receipt


class OneNoACall(Liar):
    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        return [receipt for write in writes for receipt in self.inner.write(object, [write])]


def _narrow(rig: Rig) -> Narrow:
    assert rig.dialect.narrow is not None
    return rig.dialect.narrow


# -- lies of the door ------------------------------------------------------------------------------------------------------------------


def drops_headers_on_retry(_: Rig, inner: Connector) -> Connector:
    door, seen = door_of(inner), list[Any]()
    transfer = door._transfer

    def bent(call: Any, signature: Any) -> Any:
        again = any(call is one for one in seen)
        seen.append(call)
        if again and call.headers:
            call.headers = {}
        return transfer(call, {} if again and not seen[0].headers else signature)

    door._transfer = bent  # type: ignore[method-assign]
    return inner


def retries_for_ever(_: Rig, inner: Connector) -> Connector:
    door_of(inner)._attempts = MUCH
    return inner


def retries_writes(_: Rig, inner: Connector) -> Connector:
    door = door_of(inner)
    attempt = door._attempt

    def bent(call: Any) -> Any:
        call.repeatable = True
        return attempt(call)

    door._attempt = bent  # type: ignore[method-assign]
    return inner


def leaks_token(_: Rig, inner: Connector) -> Connector:
    door = door_of(inner)
    transfer = door._transfer

    def bent(call: Any, signature: Any) -> Any:
        token = next(iter(signature.values()), "").removeprefix("Bearer ")
        if "api_token" not in call.path:
            call.path += ("&" if "?" in call.path else "?") + f"api_token={token}"
        return transfer(call, signature)

    door._transfer = bent  # type: ignore[method-assign]
    return inner


def two_refreshes(_: Rig, inner: Connector) -> Connector:
    auth: Any = door_of(inner)._auth
    if not hasattr(auth, "_renewed"):
        return inner

    def bent(_refused: Any) -> bool:
        with auth._lock:
            auth._renewed()
            return True

    auth.renew = bent
    return inner


def does_not_wait(_: Rig, inner: Connector) -> Connector:
    door_of(inner).sleep = lambda _seconds: None
    return inner


def gives_up_at_once(_: Rig, inner: Connector) -> Connector:
    door_of(inner)._attempts = 1
    return inner


def miscounts(_: Rig, inner: Connector) -> Connector:
    door = door_of(inner)
    door.calls = type(door.calls)()

    class Forgetful(type(door.calls)):  # type: ignore[misc]
        def __setitem__(self, key: str, value: int) -> None:
            super().__setitem__(key, min(value, 1))

    door.calls = Forgetful()
    return inner


def door_of(connector: Any) -> Door:
    door: Door = connector._door if hasattr(connector, "_door") else connector._api.door
    return door


# -- the list --------------------------------------------------------------------------------------------------------------------------


class MergesTheWrongWay(Liar):
    """The one that was to stay goes."""

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        turned = [replace(write, id=write.loser, loser=write.id) if write.op is Op.MERGE else write for write in writes]
        return self.inner.write(object, turned)


class MergesTwice(Liar):
    """A merge that was not answered is sent again."""

    def receipt(self, write: Write, receipt: Receipt) -> Receipt:
        if write.op is Op.MERGE and receipt.outcome is Outcome.UNKNOWN:
            return self.inner.write(write.object, [write])[0]
        return receipt


class BendsHistory(Liar):
    def steps(self, steps: Sequence[Step]) -> Sequence[Step]:
        return steps

    def histories(self, object: str, ids: Sequence[str], fields: Sequence[str], since: datetime) -> History:
        found = self.inner.histories(object, ids, fields, since)
        return {id: {name: self.steps(steps) for name, steps in told.items()} for id, told in found.items()}


class TellsHistoryBackwards(BendsHistory):
    def steps(self, steps: Sequence[Step]) -> Sequence[Step]:
        return steps[::-1]


class TakesPeopleForUs(BendsHistory):
    def steps(self, steps: Sequence[Step]) -> Sequence[Step]:
        return [replace(step, by=Writer.US) for step in steps]


class LeavesClearsOutOfHistory(BendsHistory):
    def steps(self, steps: Sequence[Step]) -> Sequence[Step]:
        return [step for step in steps if step.value is not None]


class EndsHistoryAfterOnePage(BendsHistory):
    def steps(self, steps: Sequence[Step]) -> Sequence[Step]:
        return steps[-100:]


class TellsOldHistory(BendsHistory):
    def histories(self, object: str, ids: Sequence[str], fields: Sequence[str], since: datetime) -> History:
        return self.inner.histories(object, ids, fields, since - timedelta(days=1))


class CallsUntoldUntouched(Liar):
    """What is not kept is taken for what has not happened."""

    def histories(self, object: str, ids: Sequence[str], fields: Sequence[str], since: datetime) -> History:
        found = self.inner.histories(object, ids, fields, since)
        return {id: {**{name: [] for name in fields}, **found.get(id, {})} for id in ids}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A liar, and the contract tests that name its lie: "chapter.test" with the test's further arguments."""

    name: str
    wrap: Wrap
    killed_by: tuple[tuple[Any, ...], ...]
    need: Need | None = None
    at: str = "hubspot"


def _by(test: str, *arguments: Any) -> tuple[tuple[Any, ...], ...]:
    return ((test, *arguments),)


def _liar(made: Callable[[Rig, Connector], Any], *killed_by: tuple[tuple[Any, ...], ...], **more: Any) -> Mutant:
    tests = tuple(one for named in killed_by for one in named)
    return Mutant(getattr(made, "__name__", "").title().replace("_", "") if made.__name__.islower() else made.__name__, made, tests, **more)


TAKEN_BACK = "history.test_what_we_wrote_and_a_person_took_back_is_remembered_in_order"
NOT_KEPT = "history.test_a_field_whose_history_is_not_kept_is_not_called_untouched"
MUTANTS = (
    _liar(StopsAtFirstEmpty, _by("changes.test_an_empty_field_does_not_end_a_walk")),
    _liar(drops_headers_on_retry, _by("failure.test_a_repeated_request_is_the_same_request"), at="salesforce"),
    _liar(retries_for_ever, _by("failure.test_throttling_without_end_ends"), _by("failure.test_an_outage_without_end_ends", "503")),
    _liar(NullMeansAbsent, _by("reading.test_an_empty_field_is_shown_as_empty_and_not_left_out")),
    _liar(FalseMeansNone, _by("reading.test_zero_no_and_empty_are_three_things"), at="pipedrive"),
    _liar(StrictGreaterCursor, _by("changes.test_equal_times_on_the_edge_of_a_page_lose_nobody")),
    _liar(CursorBeforePage, _by("changes.test_a_first_walk_can_be_left_after_any_page"), at="activecampaign"),
    _liar(SwallowsRowErrors, _by("writing.test_an_unknown_field_is_refused_by_name"), _by("writing.test_a_bad_option_is_refused_by_name")),
    _liar(ReceiptWithoutReadback, _by("writing.test_a_receipt_carries_the_record_and_its_version")),
    _liar(KeyErrorOnMissing, _by("reading.test_a_missing_id_is_reported_and_not_raised"), at="pipedrive"),
    _liar(leaks_token, _by("secrets.test_no_address_holds_a_secret"), at="pipedrive"),
    _liar(retries_writes, _by("failure.test_a_write_without_an_answer_is_unknown_and_not_repeated", "timeout_after"), at="pipedrive"),
    _liar(OneReceiptShort, _by("batches.test_every_write_has_its_receipt_in_its_place")),
    _liar(ReordersReceipts, _by("batches.test_updates_have_their_receipts_in_their_places"), at="salesforce"),
    _liar(DeletesOnAbsence, _by("endings.test_absence_alone_is_never_called_deleted"), at="activecampaign"),
    _liar(two_refreshes, _by("failure.test_a_token_that_expired_is_renewed_once"), need=declared.renewal, at="salesforce"),
    _liar(SilentTruncation, _by("reading.test_more_ids_than_fit_one_call_are_all_answered")),
    _liar(CutsLongText, _by("reading.test_odd_texts_survive_reading")),
    _liar(ShowsMoreThanAsked, _by("reading.test_only_the_asked_fields_are_observed"), at="activecampaign"),
    _liar(FindsWithoutLooking, _by("reading.test_find_believes_only_what_it_verified"), _by("secrets.test_strange_values_find_nothing")),
    _liar(OneCallEach, _by("manners.test_get_costs_one_call_a_batch")),
    _liar(EndsAfterOnePage, _by("changes.test_the_first_walk_shows_everybody")),
    _liar(ForgetsItsCursor, _by("changes.test_the_second_walk_shows_nothing")),
    _liar(ForgetsMerges, _by("endings.test_a_merged_record_tells_where_it_went"), need=declared.merge_notices),
    _liar(MergesTheWrongWay, _by("merging.test_the_survivor_is_the_one_that_was_named"), need=declared.merges, at="pipedrive"),
    _liar(MergesTwice, _by("merging.test_a_merge_without_an_answer_is_unknown_and_not_repeated"), need=declared.merges, at="pipedrive"),
    _liar(TellsHistoryBackwards, _by(TAKEN_BACK), need=declared.history),
    _liar(TakesPeopleForUs, _by(TAKEN_BACK), need=declared.history, at="pipedrive"),
    _liar(LeavesClearsOutOfHistory, _by("history.test_what_was_emptied_is_remembered_as_empty"), need=declared.history, at="salesforce"),
    _liar(EndsHistoryAfterOnePage, _by("history.test_every_step_of_a_much_written_field_is_there_or_none_is"), at="pipedrive"),
    _liar(TellsOldHistory, _by("history.test_a_moment_cuts_the_history"), need=declared.history),
    _liar(CallsUntoldUntouched, _by(NOT_KEPT), need=declared.tracking, at="salesforce"),
    _liar(ShowsTheDead, _by("endings.test_a_deleted_record_is_shown_as_ended"), at="salesforce"),
    _liar(EchoesIntentAsReadback, _by("writing.test_a_receipt_shows_what_the_crm_shows_and_not_what_was_sent")),
    _liar(LoosensConsent, _by("consent.test_no_write_takes_an_opt_out_back", False), _by("consent.test_no_create_takes_an_opt_out_back")),
    _liar(DuplicatesOnUnknown, _by("failure.test_a_create_without_an_answer_is_unknown_and_not_repeated", "timeout_after"), at="pipedrive"),
    _liar(TouchesOtherFields, _by("writing.test_an_update_touches_only_what_it_names")),
    _liar(LeavesClearsOut, _by("writing.test_a_clear_clears_and_is_read_back_as_cleared")),
    _liar(AdoptsAndOverwrites, _by("writing.test_a_taken_address_is_adopted_and_nothing_is_written_to_it"), need=declared.unique_email),
    _liar(QuotesWhatItRefused, _by("secrets.test_no_refusal_shows_what_was_refused")),
    _liar(does_not_wait, _by("failure.test_a_throttled_read_waits_as_told")),
    _liar(gives_up_at_once, _by("failure.test_a_read_is_repeated", "503")),
    _liar(miscounts, _by("manners.test_calls_are_counted_as_they_are_made")),
    _liar(WalksInCircles, _by("changes.test_a_page_that_comes_again_and_again_stops_the_walk"), at="salesforce"),
    _liar(MissesUnsubscriptions, _by("changes.test_an_unsubscription_is_among_the_changes"), at="pipedrive"),
    _liar(SpendsTheWrites, _by("writing.test_a_write_is_left_as_it_was")),
    _liar(TakesIdsApart, _by("secrets.test_ids_joined_to_one_touch_nothing"), at="pipedrive"),
    _liar(CrashesOnSurprise, _by("failure.test_a_success_that_holds_an_error_is_no_success")),
    _liar(HidesTheRequest, _by("failure.test_an_unreadable_answer_is_told_with_the_vendors_own_number_of_the_request")),
    _liar(HearsOnlyTheWideNo, _by("consent.test_a_no_to_one_thing_is_among_the_changes"), need=declared.narrow_consent),
    _liar(TakesOneNoForAll, _by("consent.test_a_no_to_one_thing_is_no_no_to_all"), need=declared.narrow_consent, at="activecampaign"),
    _liar(PermitsWhoeverIsNew, _by("consent.test_a_no_stays_with_its_address"), need=declared.consent_by_address),
    _liar(DatesByTheLook, _by("consent.test_when_a_no_was_said_is_told_when_it_is_asked_for", True), need=declared.dates_noes),
    _liar(SaysNoToEverything, _by("consent.test_writing_a_no_to_one_thing_leaves_the_others"), need=declared.narrow_consent),
    _liar(KeepsTheYesToItself, _by("consent.test_no_write_permits_one_thing", False), need=declared.narrow_consent, at="salesforce"),
    _liar(OneRefusalForAll, _by("consent.test_a_refused_no_is_told_and_costs_nobody_else_anything"), need=declared.consent_calls),
    _liar(GoesOnWithoutTheNo, _by("consent.test_a_no_without_an_answer_is_unknown_and_its_record_is_not_written"),
          _by("consent.test_a_refused_no_is_told_and_costs_nobody_else_anything"), need=declared.consent_calls),
    _liar(OneNoACall, _by("consent.test_noes_of_many_are_one_call_where_the_vendor_has_a_batch"), need=declared.consent_batches),
)  # fmt: skip
