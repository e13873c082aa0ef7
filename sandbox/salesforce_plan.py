"""How a SOQL query is answered: which rows to look at, which of them match, how they are shown."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from sandbox.salesforce_answers import Fault
from sandbox.salesforce_fields import Field
from sandbox.salesforce_objects import SECONDS, Row, Table
from sandbox.salesforce_values import long_id, seconds_of
from sandbox.soql import Condition, Expression, Junction, Literal, Malformed, Order, Query

if TYPE_CHECKING:
    from sandbox.salesforce import Salesforce

Test = Callable[[Row], bool]
COMPARE: dict[str, Callable[[Any, Any], Any]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Plan:
    """How to answer a query on one object."""

    def __init__(self, app: Salesforce, table: Table, deleted: bool) -> None:
        self.app = app
        self.table = table
        self.deleted = deleted

    def rows(self, asked: Query) -> list[str]:
        """The ids of the rows found, in order, limited."""
        test = self.test(asked.where)
        found: Iterable[Row] = (row for row in self._candidates(asked) if (self.deleted or row.deleted_at is None) and test(row))
        if asked.order and not self._is_in_order(asked):
            found = self._sorted(list(found), asked.order)
        limit = None if asked.limit is None else asked.offset + asked.limit
        return [row.id for row in islice(found, asked.offset, limit)]

    # -- fewer rows to look at -----------------------------------------------------------------------------------------------------------

    def _candidates(self, asked: Query) -> Iterator[Row]:
        rows = self.table.rows
        ids = self._keyed(asked.where)
        if ids is not None:
            return (rows[id] for id in sorted(ids) if id in rows)
        low = self._lowest(asked.where)
        if low is not None or self._by_stamp(asked.order):
            return (rows[id] for id in self.table.changes.since(0 if low is None else low))
        if self.deleted:
            return (rows[id] for id in sorted(rows))
        return (rows[id] for id in self.table.live)

    def _keyed(self, where: Expression | None) -> set[str] | None:
        """The ids that an indexed field allows, or None where none limits them."""
        if isinstance(where, Junction):
            parts = [self._keyed(part) for part in where.parts] if where.kind != "not" else [None]
            known = [ids for ids in parts if ids is not None]
            if where.kind == "and":
                return min(known, key=len) if known else None
            return set().union(*known) if known and len(known) == len(parts) else None
        if where is None or where.operator not in ("=", "in"):
            return None
        if where.field.lower() == "id":
            return {long_id(literal.value) for literal in where.values if literal.kind == "text"}
        field = self.table.field(where.field) if "." not in where.field else None
        if field is None or not self.table.is_key(field) or any(literal.kind != "text" for literal in where.values):
            return None
        binned = self.table.binned if self.deleted else set()  # deleted rows are in no index
        return binned.union(*(self.table.holders(field.name, literal.value) for literal in where.values))

    def _lowest(self, where: Expression | None) -> float | None:
        """The earliest SystemModstamp that can match, or None where any can."""
        if isinstance(where, Junction):
            parts = [self._lowest(part) for part in where.parts] if where.kind != "not" else [None]
            known = [low for low in parts if low is not None]
            if where.kind == "and":
                return max(known) if known else None
            return min(known) if known and len(known) == len(parts) else None
        if where is None or where.field.lower() != "systemmodstamp" or where.operator not in (">", ">=", "="):
            return None
        return float(where.values[0].value) if where.values[0].kind == "datetime" else None

    def _by_stamp(self, order: tuple[Order, ...]) -> bool:
        names = [one.field.lower() for one in order if not one.descending]
        return len(names) == len(order) and names in (["systemmodstamp"], ["systemmodstamp", "id"])

    def _is_in_order(self, asked: Query) -> bool:
        """Whether the candidates come in the wanted order already."""
        if self._keyed(asked.where) is not None:
            return [(one.field.lower(), one.descending) for one in asked.order] == [("id", False)]
        if self._by_stamp(asked.order):
            return True
        return self._lowest(asked.where) is None and [(one.field.lower(), one.descending) for one in asked.order] == [("id", False)]

    # -- conditions ----------------------------------------------------------------------------------------------------------------------

    def test(self, where: Expression | None) -> Test:
        if where is None:
            return lambda _row: True
        if isinstance(where, Condition):
            return self._condition(where)
        tests = [self.test(part) for part in where.parts]
        if where.kind == "not":
            return lambda row: not tests[0](row)
        if where.kind == "and":
            return lambda row: all(test(row) for test in tests)
        return lambda row: any(test(row) for test in tests)

    def _condition(self, one: Condition) -> Test:
        field = self._filterable(one.field)
        read = self.comparable(one.field, field)
        values = [self._operand(field, literal) for literal in one.values]
        value = values[0]
        if one.operator == "=":
            return lambda row: read(row) == value
        if one.operator == "!=":
            return lambda row: read(row) != value
        if one.operator == "like":
            pattern = re.compile(_like(str(value)), re.IGNORECASE | re.DOTALL)
            return lambda row: (text := read(row)) is not None and pattern.fullmatch(str(text)) is not None
        if one.operator in ("in", "not in"):
            wanted = set(values)
            return lambda row: (read(row) in wanted) is (one.operator == "in")
        if one.operator in ("includes", "excludes"):
            chosen = {str(value) for value in values}
            return lambda row: bool(chosen & set(str(read(row) or "").split(";"))) is (one.operator == "includes")
        compare = COMPARE[one.operator]
        return lambda row: (left := read(row)) is not None and value is not None and compare(left, value)

    def _filterable(self, path: str) -> Field:
        table, field = self.resolve(path)
        if f"{table.name}.{field.name}" in self.app.settings["unfilterable"]:
            raise Fault("INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call")
        return field

    def resolve(self, path: str) -> tuple[Table, Field]:
        """The field at the end of a path such as Owner.Email; raises Fault."""
        table = self.table
        *parents, name = path.split(".")
        if parents and parents[0].lower() == table.name.lower():
            parents = parents[1:]
        for parent in parents:
            table = self._parent(table, parent)[1][0]
        field = table.field(name)
        if field is None:
            raise Fault("INVALID_FIELD", f"No such column '{name}' on entity '{table.name}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name.")  # fmt: skip  # noqa: E501
        return table, field

    def _parent(self, table: Table, relation: str) -> tuple[Field, list[Table]]:
        for field in table.visible().values():
            if field.relation is not None and field.relation.lower() == relation.lower():
                tables = [self.app.tables[name] for name in reversed(field.refers) if name in self.app.tables]
                if tables:
                    return field, tables
        raise Fault("INVALID_FIELD", f"Didn't understand relationship '{relation}' in field path.")

    def value(self, path: str) -> Callable[[Row], Any]:
        """How to read a path from a row, as it is shown."""
        *parents, name = path.split(".")
        if parents and parents[0].lower() == self.table.name.lower():
            parents = parents[1:]
        self.resolve(path)
        return self._walk(self.table, parents, name)

    def _walk(self, table: Table, parents: list[str], name: str) -> Callable[[Row], Any]:
        if not parents:
            field = table.field(name)
            return (lambda _row: None) if field is None else table.reader(field.name)
        link, tables = self._parent(table, parents[0])
        ways = [(target, self._walk(target, parents[1:], name)) for target in tables]

        def read(row: Row) -> Any:
            id = row.values.get(link.name) or (getattr(row, _SLOTS[link.name]) if link.name in _SLOTS else None)
            for target, way in ways:
                if id in target.rows:
                    return way(target.rows[id])
            return None

        return read

    def comparable(self, path: str, field: Field) -> Callable[[Row], Any]:
        """How to read a path so that it compares: times as seconds, texts in lower case."""
        if "." not in path and field.name in SECONDS:
            return SECONDS[field.name]
        read = self.value(path)
        if field.type in ("datetime", "date"):
            return lambda row: None if (text := read(row)) is None else seconds_of(text)
        if field.is_text:
            return lambda row: None if (text := read(row)) is None else text.lower()
        return read

    def _operand(self, field: Field, literal: Literal) -> Any:
        if literal.kind == "null":
            return False if field.type == "boolean" else None
        expected = {"datetime": ("datetime", "name"), "date": ("date", "name"), "boolean": ("bool",)}.get(
            field.type, ("number",) if field.type in ("int", "double", "currency") else ("text",)
        )
        if literal.kind not in expected:
            quotes = "should not be enclosed in quotes" if literal.kind == "text" else "has the wrong type"
            raise Fault("INVALID_FIELD", f"value of filter criterion for field '{field.name}' must be of type {field.type} and {quotes}")
        if literal.kind == "name":
            return self._named_day(literal.value)
        if isinstance(literal.value, date) and not isinstance(literal.value, datetime):
            return seconds_of(literal.value.isoformat())
        if field.type in ("id", "reference"):
            return long_id(literal.value)
        return str(literal.value).lower() if field.is_text else literal.value

    def _named_day(self, name: str) -> float:
        today = int(self.app.clock.now() // 86400 * 86400)
        found = re.fullmatch(r"(TODAY|YESTERDAY|LAST_N_DAYS:(\d+))", name)
        if found is None:
            raise Malformed(f"unexpected token: {name}")
        return today - 86400 * int(found[2] or (1 if name == "YESTERDAY" else 0))

    def _sorted(self, rows: list[Row], order: tuple[Order, ...]) -> list[Row]:
        for one in reversed(order):
            _, field = self.resolve(one.field)
            read = self.comparable(one.field, field)
            empty = [row for row in rows if read(row) is None]
            full = sorted((row for row in rows if read(row) is not None), key=read, reverse=one.descending)
            rows = [*full, *empty] if one.nulls_last else [*empty, *full]
        return rows

    # -- showing -------------------------------------------------------------------------------------------------------------------------

    def show(self, paths: tuple[str, ...], base: str) -> Callable[[Row], dict[str, Any]]:
        names = [name for path in paths for name in self._expanded(path)]
        url = f"{base}/sobjects/{self.table.name}/"
        plain = [(field.name, self.table.reader(field.name)) for name in names if "." not in name for field in (self.resolve(name)[1],)]
        nested = [name for name in names if "." in name]
        parents = self._nested(nested, base)

        def shown(row: Row) -> dict[str, Any]:
            record: dict[str, Any] = {"attributes": {"type": self.table.name, "url": url + row.id}}
            for name, read in plain:
                record[name] = read(row)
            for relation, render in parents:
                record[relation] = render(row)
            return record

        return shown

    def _expanded(self, path: str) -> list[str]:
        kind = re.fullmatch(r"FIELDS\((ALL|STANDARD|CUSTOM)\)", path)
        if kind is None:
            parts = path.split(".")
            return [".".join(parts[1:])] if len(parts) > 1 and parts[0].lower() == self.table.name.lower() else [path]
        return [field.name for field in self.table.visible().values() if kind[1] == "ALL" or field.custom is (kind[1] == "CUSTOM")]

    def _nested(self, paths: list[str], base: str) -> list[tuple[str, Callable[[Row], Any]]]:
        groups: dict[str, list[str]] = {}
        for path in paths:
            self.resolve(path)
            head, _, rest = path.partition(".")
            groups.setdefault(head.lower(), []).append(rest)
        return [self._relation(head, rests, base) for head, rests in groups.items()]

    def _relation(self, head: str, rests: list[str], base: str) -> tuple[str, Callable[[Row], Any]]:
        link, tables = self._parent(self.table, head)
        ways = [(table, Plan(self.app, table, self.deleted)._lenient(rests, base)) for table in tables]

        def render(row: Row) -> Any:
            id = row.values.get(link.name) or (getattr(row, _SLOTS[link.name]) if link.name in _SLOTS else None)
            for table, show in ways:
                if id in table.rows:
                    return show(table.rows[id])
            return None

        return link.relation or head, render

    def _lenient(self, paths: list[str], base: str) -> Callable[[Row], dict[str, Any]]:
        """Of a parent that may be of several types, a field that this one lacks is null."""
        known = tuple(path for path in paths if "." in path or self.table.field(path) is not None)
        show = self.show(known, base)
        lacking = [path for path in paths if path not in known]
        return lambda row: {**show(row), **dict.fromkeys(lacking)}


_SLOTS = {"CreatedById": "created_by", "LastModifiedById": "modified_by", "MasterRecordId": "master"}


def _like(pattern: str) -> str:
    return "".join({"%": ".*", "_": "."}.get(character, re.escape(character)) for character in pattern)
