"""HubSpot's search: filters, one sort, pages up to 10,000, and the lag of its index."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_answers import invalid
from sandbox.hubspot_objects import Objects, Thing
from sandbox.hubspot_properties import Property, to_ms
from sandbox.wire import Reply, Request, route

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpot

CEILING = 10_000
MAX_PAGE = 200
MAX_QUERY = 3000
QUERIED = ("firstname", "lastname", "email", "phone", "company")
Test = Callable[[Thing], bool]
Of = Callable[[Thing], Any]
Convert = Callable[[Any], Any]
_OF_TIME: dict[str, Callable[[Thing], int]] = {
    "createdate": attrgetter("created"),
    "hs_createdate": attrgetter("created"),
    "lastmodifieddate": attrgetter("updated"),
    "hs_lastmodifieddate": lambda thing: max(thing.updated, thing.hidden_change),
    "hs_object_id": attrgetter("id"),
}


class Found:
    """Results of recent searches, so that turning pages does not search again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, list[Thing]] = OrderedDict()

    def get(self, key: str, search: Callable[[], list[Thing]]) -> list[Thing]:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        found = self._kept[key] = search()
        if len(self._kept) > 8:
            self._kept.popitem(last=False)
        return found


@route("POST", "/crm/v3/objects/{type}/search")
def search(app: HubSpot, request: Request, type: str) -> Reply:
    objects, body = app.objects(type), app.body(request)
    limit, after = _page(app, body)
    groups = _groups(app, body)
    sort = _sort(objects, body.get("sorts") or [])
    groups, below = _without_bound(groups, sort)
    switches = [app.settings["iso_in_search"], app.settings["merged_ghosts"]]
    key = json.dumps([objects.name, objects.version, _lag_edge(app), switches, groups, sort, body.get("query")], sort_keys=True)
    found = app.found.get(key, lambda: _search(app, objects, groups, sort, body.get("query")))
    first = 0 if below is None else bisect_left(found, 1 - below, key=lambda thing: -thing.id)
    total = len(found) - first
    page = found[first + after : first + after + limit]
    names = objects.wanted(body.get("properties") or None)
    answer: dict[str, Any] = {"total": total, "results": [objects.show(thing, names, dated=app.dated) for thing in page]}
    if after + limit < total:
        answer["paging"] = {"next": {"after": str(after + limit)}}
    return Reply(200, answer, rows=len(page))


def _without_bound(groups: list[list[dict[str, Any]]], sort: tuple[str, bool]) -> tuple[list[list[dict[str, Any]]], int | None]:
    """The groups without an upper bound of the ids, and the bound: a walk down the ids then searches once and not once a page."""
    if len(groups) != 1 or sort != ("hs_object_id", True):
        return groups, None
    bounds = [one for one in groups[0] if one.get("propertyName") == "hs_object_id" and one.get("operator") == "LT"]
    if len(bounds) != 1 or not str(bounds[0].get("value")).isdigit():
        return groups, None
    return [[one for one in groups[0] if one is not bounds[0]]], int(bounds[0]["value"])


def _page(app: HubSpot, body: dict[str, Any]) -> tuple[int, int]:
    limit, after = body.get("limit", 10) or 10, body.get("after") or 0
    if not str(after).isdigit() or not str(limit).isdigit():
        raise invalid("Invalid input JSON: limit and after must be integers")
    limit, after = int(limit), int(after)
    if limit > MAX_PAGE:
        raise invalid(f"Invalid limit: {limit}. The maximum is {MAX_PAGE}.")
    if after >= CEILING:
        raise invalid(f"Paging beyond {CEILING} results is not supported: after={after}")
    if after + limit > CEILING:
        if app.settings["search_page_over_ceiling"] == "refused":
            raise invalid(f"Paging beyond {CEILING} results is not supported: after={after}, limit={limit}")
        limit = CEILING - after
    return limit, after


def _groups(app: HubSpot, body: dict[str, Any]) -> list[list[dict[str, Any]]]:
    groups = [group.get("filters") or [] for group in body.get("filterGroups") or []]
    if "filters" in body:  # the short form for a single group
        groups.append(body["filters"])
    most_groups, most_filters, most_total = (app.settings[name] for name in ("max_filter_groups", "max_filters", "max_filters_total"))
    if len(groups) > most_groups:
        raise invalid(f"There was a problem with the request: too many filter groups, the maximum is {most_groups}")
    if any(len(group) > most_filters for group in groups) or sum(map(len, groups)) > most_total:
        raise invalid(f"There was a problem with the request: too many filters, at most {most_filters} per group and {most_total} in all")
    if len(str(body.get("query") or "")) > MAX_QUERY:
        raise invalid(f"The query is longer than {MAX_QUERY} characters")
    return groups


def _sort(objects: Objects, sorts: list[Any]) -> tuple[str, bool]:
    """Only the first entry has effect."""
    if not sorts:
        return "hs_object_id", False
    first = sorts[0]
    if isinstance(first, str):
        return first.lstrip("-"), first.startswith("-")
    name = str(first.get("propertyName", "hs_object_id"))
    if name not in objects.properties:
        raise invalid(f"There was a problem with the request: cannot sort by unknown property {name}")
    return name, first.get("direction") == "DESCENDING"


def _lag_edge(app: HubSpot) -> int | None:
    """Records changed after this moment are not in the index yet; None: there is no lag."""
    lag = float(app.settings["search_lag_s"])
    return app.now_ms() - int(lag * 1000) if lag > 0 else None


def _search(app: HubSpot, objects: Objects, groups: list[list[dict[str, Any]]], sort: tuple[str, bool], query: Any) -> list[Thing]:
    edge = _lag_edge(app)
    parts = [_matching(app, objects, filters) for filters in groups or [[]]]
    found = parts[0] if len(parts) == 1 else list({thing.id: thing for part in parts for thing in part}.values())
    if edge is not None:
        found = [thing for thing in found if max(thing.updated, thing.hidden_change) <= edge]
    if query:
        words = str(query).lower().split()
        found = [thing for thing in found if all(any(word in thing.props.get(name, "").lower() for name in QUERIED) for word in words)]
    name, descending = sort
    return sorted(found, key=_sort_key(objects.properties.get(name), name), reverse=descending)


def _matching(app: HubSpot, objects: Objects, filters: list[dict[str, Any]]) -> list[Thing]:
    found = list(_candidates(app, objects, filters))
    for one in filters:
        test = _test(app, objects, one)
        found = [thing for thing in found if test(thing)]
    return found


def _candidates(app: HubSpot, objects: Objects, filters: list[dict[str, Any]]) -> Iterable[Thing]:
    """The fewest records that can match, by what is indexed."""
    best, ids = len(objects.live), iter(objects.live)
    for one in filters:
        count, narrowed = _narrowed(app, objects, one)
        if narrowed is not None and count < best:
            best, ids = count, narrowed
    things = [objects.by_id[id] for id in ids]
    if app.settings["merged_ghosts"]:
        things.extend(objects.ghosts.values())
    return things


def _narrowed(app: HubSpot, objects: Objects, one: dict[str, Any]) -> tuple[int, Iterator[int] | None]:
    """How many records one filter leaves at most, and their ids; None where no index helps."""
    name, operator = str(one.get("propertyName")), one.get("operator")
    if operator in ("IN", "EQ"):
        values = one.get("values") or [] if operator == "IN" else [one.get("value")]
        if name == "hs_object_id":
            ids = [int(str(value)) for value in values if str(value).isdigit()]
            return len(ids), (id for id in ids if _is_live(objects, id))
        if objects.is_key(name):
            held = {thing.id for value in values if (thing := objects.holder(name, str(value))) is not None}
            return len(held), iter(sorted(held))
    if name == objects.modified and operator in ("GT", "GTE", "BETWEEN", "EQ"):
        low = _ms(app, one.get("value"))
        return objects.changes.count(low), objects.changes.since(low)
    if name == "hs_object_id" and operator in ("GT", "GTE"):
        first = int(str(one.get("value") or 0))
        return objects.live.count(first), objects.live.start(first)
    return 0, None


def _is_live(objects: Objects, id: int) -> bool:
    return id in objects.by_id and objects.by_id[id].archived is None


def _test(app: HubSpot, objects: Objects, one: dict[str, Any]) -> Test:
    name, operator = str(one.get("propertyName")), str(one.get("operator"))
    property = objects.properties.get(name)
    if property is None:
        raise invalid(f"There was a problem with the request: unknown property {name} in a filter")
    if operator == "HAS_PROPERTY":
        return lambda thing: thing.value(name) is not None
    if operator == "NOT_HAS_PROPERTY":
        return lambda thing: thing.value(name) is None
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        return _token_test(name, str(one.get("value", "")), wanted=operator == "CONTAINS_TOKEN")
    of, convert = _reader(app, property)
    if operator in ("IN", "NOT_IN"):
        # Strings must be given lower-cased: `Ada` finds nothing (vendor's search guide).
        values = {str(value) if property.type == "string" else convert(value) for value in one.get("values") or []}
        return lambda thing: (of(thing) in values) is (operator == "IN")
    make = COMPARISONS.get(operator)
    if make is None:
        raise invalid(f"There was a problem with the request: unknown operator {operator}")
    return make(of, convert, one)


def _reader(app: HubSpot, property: Property) -> tuple[Callable[[Thing], Any], Callable[[Any], Any]]:
    """How to read a record's value, and how to read the filter's, so that the two compare."""
    name = property.name
    if name in _OF_TIME:
        return _OF_TIME[name], lambda value: int(str(value)) if name == "hs_object_id" else _ms(app, value)
    if property.type == "number":
        return lambda thing: _or_none(float, thing.props.get(name)), float
    if property.type in ("date", "datetime"):
        return lambda thing: _or_none(to_ms, thing.props.get(name)), lambda value: _ms(app, value)
    if property.type == "enumeration":
        return lambda thing: thing.value(name), str
    return lambda thing: _or_none(str.lower, thing.value(name)), lambda value: str(value).lower()


def _or_none(convert: Callable[[str], Any], value: str | None) -> Any:
    return None if value is None else convert(value)


def _ms(app: HubSpot, value: Any) -> int:
    text = str(value)
    if not re.fullmatch(r"-?\d+", text) and not app.settings["iso_in_search"]:
        raise invalid(f"There was a problem with the request: {text} is not a timestamp in milliseconds")
    try:
        return to_ms(text)
    except ValueError:
        raise invalid(f"There was a problem with the request: {text} is not a timestamp") from None


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[Of, Convert, dict[str, Any]], Test]:
    def make(of: Of, convert: Convert, one: dict[str, Any]) -> Test:
        limit = convert(one.get("value"))
        return lambda thing: (value := of(thing)) is not None and compare(value, limit)

    return make


def _between(of: Of, convert: Convert, one: dict[str, Any]) -> Test:
    low, high = convert(one.get("value")), convert(one.get("highValue"))
    return lambda thing: (value := of(thing)) is not None and low <= value <= high


COMPARISONS: dict[str, Callable[[Of, Convert, dict[str, Any]], Test]] = {
    "EQ": _order(lambda value, limit: bool(value == limit)),
    "NEQ": lambda of, convert, one: lambda thing: of(thing) != convert(one.get("value")),
    "LT": _order(lambda value, limit: bool(value < limit)),
    "LTE": _order(lambda value, limit: bool(value <= limit)),
    "GT": _order(lambda value, limit: bool(value > limit)),
    "GTE": _order(lambda value, limit: bool(value >= limit)),
    "BETWEEN": _between,
}


def _token_test(name: str, pattern: str, *, wanted: bool) -> Test:
    pattern = pattern.lower()

    def test(thing: Thing) -> bool:
        value = (thing.value(name) or "").lower()
        tokens = [value, *re.split(r"[^\w]+", value)]
        return any(fnmatchcase(token, pattern) for token in tokens) is wanted

    return test


def _sort_key(property: Property | None, name: str) -> Callable[[Thing], Any]:
    if name == "hs_object_id":
        return attrgetter("id")
    if name in _OF_TIME:
        of = _OF_TIME[name]
        return lambda thing: (of(thing), thing.id)
    if property is not None and property.type == "number":
        return lambda thing: (name in thing.props, float(thing.props.get(name, 0)), thing.id)
    return lambda thing: ((thing.value(name) or "").lower(), thing.id)
