"""HubSpot's batch endpoints, with what goes wrong in them: multi-status, whole-batch conflicts, rows that vanish from the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_answers import RowRefused, invalid
from sandbox.hubspot_objects import Objects, Thing, missing
from sandbox.hubspot_records import written
from sandbox.wire import Reply, Request, iso_ms, route

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpot

MAX_BATCH = 100
MAX_WITH_HISTORY = 50
TROUBLE = RowRefused(500, "INTERNAL_ERROR", "There was a problem with the request.")
Row = dict[str, Any]


class Answer:
    """Results and errors of one batch, and how they are told."""

    def __init__(self, app: HubSpot) -> None:
        self.app = app
        self.results: list[Row] = []
        self.errors: list[Row] = []
        self.missing: list[str] = []
        self.unread: list[str] = []
        self.started = app.now_ms()

    def add(self, shown: Row, row: Row, **more: Any) -> None:
        trace = row.get("objectWriteTraceId")
        self.results.append({**shown, **more, **({"objectWriteTraceId": trace} if trace is not None else {})})

    def fail(self, refused: RowRefused, row: Row) -> None:
        trace = row.get("objectWriteTraceId")
        self.errors.append(refused.item({} if trace is None else {"objectWriteTraceId": [trace]}))

    def reply(self, objects: Objects, status: int = 200) -> Reply:
        results = self.results if self.app.settings["batch_order"] == "inputs" else self.results[::-1]
        body: dict[str, Any] = {"status": "COMPLETE", "results": results}
        errors = [*self.errors, *([missing(objects.singular.upper(), self.missing)] if self.missing else [])]
        errors += [TROUBLE.item({"ids": self.unread})] if self.unread else []
        if errors:
            body.update(numErrors=len(errors), errors=errors)
        body.update(startedAt=iso_ms(self.started), completedAt=iso_ms(self.app.now_ms()))
        return Reply(207 if errors else status, body, rows=len(results))


def _inputs(app: HubSpot, request: Request) -> tuple[list[Row], dict[str, Any]]:
    body = app.body(request)
    rows = body.get("inputs")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise invalid('Invalid input JSON: "inputs" must be a list of objects')
    if len(rows) > MAX_BATCH:
        raise invalid(f"The maximum number of inputs supported in a batch request for property history is {MAX_BATCH}.")
    return rows, body


def _refuse_repeats(values: list[str], what: str) -> None:
    repeated = [value for value, times in Counter(values).items() if times > 1]
    if repeated:
        raise invalid(f"Duplicate {what} found in batch input: {len(repeated)} value(s) given more than once")


def _struck(app: HubSpot, index: int) -> None:
    if app.row_fails(index):
        raise TROUBLE


def _all_or_each(app: HubSpot, rows: list[Row], plan: Callable[[int, Row], Callable[[], None]], answer: Answer, *, each: bool) -> None:
    """Check every row before anything is written; a bad row stops all, or (`each`) is told for itself."""
    steps: list[Callable[[], None]] = []
    for index, row in enumerate(rows):
        try:
            _struck(app, index)
            step = plan(index, row)
        except RowRefused as refused:
            if not each and not app.is_partial:
                raise refused.whole() from None
            answer.fail(refused, row)
        else:
            steps.append(step)
    for step in steps:
        step()


def _has_traces(rows: list[Row]) -> bool:
    return any(row.get("objectWriteTraceId") is not None for row in rows)


@route("POST", "/crm/v3/objects/{type}/batch/create")
def batch_create(app: HubSpot, request: Request, type: str) -> Reply:
    objects, (rows, _) = app.objects(type), _inputs(app, request)
    emails = [str(row.get("properties", {}).get("email", "")).strip().lower() for row in rows]
    _refuse_repeats([email for email in emails if email and objects.name == "contacts"], "email")
    answer = Answer(app)

    def plan(_index: int, row: Row) -> Callable[[], None]:
        values = objects.check(row.get("properties") or {}, None)

        def create() -> None:
            thing = objects.create(values)
            app.associations.add(objects, thing, row.get("associations") or [])
            answer.add(written(objects, thing, values), row)

        return create

    for row in rows:
        app.associations.check(objects, row.get("associations") or [])
    _all_or_each(app, rows, plan, answer, each=_has_traces(rows))
    return answer.reply(objects, 201)


@route("POST", "/crm/v3/objects/{type}/batch/read")
def batch_read(app: HubSpot, request: Request, type: str) -> Reply:
    objects, (rows, body) = app.objects(type), _inputs(app, request)
    archived = (request.param("archived") or "").lower() == "true"
    names, history = objects.wanted(body.get("properties") or None), body.get("propertiesWithHistory") or ()
    if history and len(rows) > MAX_WITH_HISTORY:
        raise invalid(f"The maximum number of inputs supported in a batch request for property history is {MAX_WITH_HISTORY}.")
    answer, seen = Answer(app), set()
    for index, row in enumerate(rows):
        thing = objects.find(str(row.get("id", "")), body.get("idProperty"))
        if app.row_fails(index):
            answer.unread.append(str(row.get("id", "")))
        elif thing is None or (thing.archived is not None) != archived:
            answer.missing.append(str(row.get("id", "")))
        elif thing.id not in seen:
            seen.add(thing.id)
            answer.results.append(objects.show(thing, names, dated=app.dated, with_history=history))
    return answer.reply(objects)


@route("POST", "/crm/v3/objects/{type}/batch/update")
def batch_update(app: HubSpot, request: Request, type: str) -> Reply:
    objects, (rows, _) = app.objects(type), _inputs(app, request)
    _refuse_repeats([str(row.get("id", "")).lower() for row in rows], "id")
    answer = Answer(app)

    def plan(_index: int, row: Row) -> Callable[[], None]:
        thing = _to_update(objects, row, answer)
        if thing is None:
            return lambda: None
        given = row.get("properties") or {}
        values = objects.check(given, thing)

        def update() -> None:
            objects.update(thing, values)
            answer.add(written(objects, thing, given), row)

        return update

    _all_or_each(app, rows, plan, answer, each=_has_traces(rows))
    return answer.reply(objects)


def _to_update(objects: Objects, row: Row, answer: Answer) -> Thing | None:
    id, id_property = str(row.get("id", "")), row.get("idProperty")
    if id_property in (None, "hs_object_id") and (not id.isdigit() or int(id) in objects.forward):
        return None  # an address without idProperty, or a merged-away id: left out of the answer without an error
    thing = objects.find(id, id_property)
    if thing is None or thing.archived is not None:
        answer.missing.append(id)
        return None
    return thing


@route("POST", "/crm/v3/objects/{type}/batch/upsert")
def batch_upsert(app: HubSpot, request: Request, type: str) -> Reply:
    objects, (rows, _) = app.objects(type), _inputs(app, request)
    for row in rows:
        if row.get("idProperty") in (None, "hs_object_id") or not objects.is_key(row["idProperty"]):
            raise invalid(f"Unable to perform update/upsert by non-unique {objects.type_id} property")
    _refuse_repeats([str(row.get("id", "")).strip().lower() for row in rows], "id")
    emails = [str((row.get("properties") or {}).get("email") or "").strip().lower() for row in rows]
    _refuse_repeats([email for email in emails if email and objects.name == "contacts"], "email")
    answer = Answer(app)
    by_email = any(row["idProperty"] == "email" for row in rows)
    each = _has_traces(rows) and not (by_email and app.settings["upsert_by_email"] == "refused")

    def plan(_index: int, row: Row) -> Callable[[], None]:
        key, id = row["idProperty"], str(row.get("id", ""))
        thing = objects.holder(key, id)
        given = row.get("properties") or {}
        named = given if thing is not None else {key: id, **given}
        try:
            values = objects.check(named, thing)
        except RowRefused as refused:
            if refused.status == 409:  # one conflict fails the whole batch
                raise refused.whole() from None
            raise

        def upsert() -> None:
            record = objects.create(values) if thing is None else thing
            if thing is not None:
                objects.update(thing, values)
            answer.add(written(objects, record, named), row, new=thing is None)

        return upsert

    _all_or_each(app, rows, plan, answer, each=each)
    return answer.reply(objects)


@route("POST", "/crm/v3/objects/{type}/batch/archive")
def batch_archive(app: HubSpot, request: Request, type: str) -> Reply:
    objects, (rows, _) = app.objects(type), _inputs(app, request)
    for index, row in enumerate(rows):
        thing = objects.resolve(str(row.get("id", "")))
        if thing is not None and not app.row_fails(index):
            objects.archive(thing)
    return Reply(204)
