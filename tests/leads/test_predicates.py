import pytest

from leads import predicates
from leads.model import CLEARED, Item
from leads.predicates import facts, flatten, holds, parse
from leads.rulefile import RuleFileError

ANNA = {
    "first_name": "Anna",
    "last_name": "Berg",
    "emails": (Item("anna@firma.co.uk", "anna@firma.co.uk"), Item("anna@gmail.com", "anna@gmail.com")),
    "phones": (Item("+49301234567", "+49301234567", "work"),),
    "job_title": "Head of IT-Sicherheit",
    "company.employees": 120,
    "company.industry": "Software",
    "address.country": "DE",
    "stage": "mql",
    "opt_out.email": True,
    "qualification.budget": "partial",
    "source": CLEARED,
    "score": 99,
}


@pytest.mark.parametrize(
    ("field", "op", "value", "answer"),
    [
        ("company.industry", "eq", "software", True),
        ("company.industry", "ne", "software", False),
        ("company.industry", "in", ["Manufacturing", "SOFTWARE"], True),
        ("company.industry", "nin", ["manufacturing"], True),
        ("company.employees", "lt", 120, False),
        ("company.employees", "lte", 120, True),
        ("company.employees", "gt", 119.5, True),
        ("company.employees", "gte", 121, False),
        ("company.employees", "between", [120, 200], True),
        ("company.employees", "eq", 120, True),
        ("job_title", "matches_word", "head", True),
        ("job_title", "matches_word", ["it"], True),
        ("job_title", "matches_word", ["head of it"], True),
        ("job_title", "matches_word", "sicher", False),
        ("job_title", "starts_with", "HEAD", True),
        ("email", "domain_in", ["firma.co.uk"], True),
        ("email", "domain_in", ["irma.co.uk"], False),
        ("email", "domain_in", "co.uk", True),
        ("emails", "domain_in", "gmail.com", True),
        ("address.country", "eq", "Deutschland", True),
        ("email.is_freemail", "eq", False, True),
        ("contactable.email", "eq", False, True),
        ("contactable.phone", "eq", True, True),
        ("qualification.need", "eq", "unknown", True),
        ("qualification_coverage", "eq", 1, True),
        ("company.domain", "eq", "firma.co.uk", True),
        ("name", "eq", "anna berg", True),
        ("email.count", "eq", 2, True),
        ("stage", "eq", "mql", True),
        ("first_name", "exists", None, True),
        ("source", "exists", None, False),
        ("source", "missing", None, True),
        ("first_name", "missing", None, False),
    ],
)
def test_operators(field, op, value, answer):
    predicate = parse({"field": field, "op": op} | ({} if value is None else {"value": value}))
    assert holds(predicate, facts(ANNA)) is answer


@pytest.mark.parametrize(
    "op", ["eq", "ne", "in", "nin", "lt", "gte", "between", "matches_word", "starts_with", "domain_in", "tag", "exists"]
)
def test_a_missing_field_is_false_for_every_operator_but_missing(op):
    value = {"in": ["x"], "nin": ["x"], "lt": 1, "gte": 1, "between": [0, 1], "exists": None}.get(op, "x")
    field = "company.employees" if op in ("lt", "gte", "between") else "department"
    assert holds(parse({"field": field, "op": op, "value": value}), {}) is False


def test_conditions_are_put_together():
    head = {"field": "job_title", "op": "matches_word", "value": "head"}
    large = {"field": "company.employees", "op": "gt", "value": 1000}
    assert holds(parse({"any": [head, large]}), facts(ANNA))
    assert not holds(parse({"all": [head, large]}), facts(ANNA))
    assert holds(parse({"all": [head, {"not": large}]}), facts(ANNA))


def test_tags():
    assert holds(parse({"field": "tags", "op": "tag", "value": "VIP"}), {"tags": ("new", "vip")})


def test_what_the_hub_computes_is_no_fact():
    assert "score" not in facts(ANNA)


def test_a_bare_lead_still_has_facts():
    found = facts({})
    assert found["stage"] == "raw"
    assert found["email.count"] == 0
    assert found["qualification.need"] == "unknown"
    assert "email.is_freemail" not in found


@pytest.mark.parametrize(
    ("address", "free", "disposable"),
    [("a@gmail.com", True, False), ("a@hey.com", True, False), ("a@mailinator.com", False, True), ("a@firma.example", False, False)],
)
def test_kinds_of_mail_providers(address, free, disposable):
    found = facts({"emails": (Item(address, address),)})
    assert (found["email.is_freemail"], found["email.is_disposable"]) == (free, disposable)


def test_a_private_address_says_nothing_about_the_company():
    assert "company.domain" not in facts({"emails": (Item("a@gmail.com", "a@gmail.com"),)})
    assert facts({"company.website": "https://www.firma.co.uk/de"})["company.domain"] == "firma.co.uk"


def test_nested_json_becomes_facts():
    assert flatten({"company": {"employees": 5, "name": None}, "tags": ["a"]}) == {"company.employees": 5, "tags": ("a",)}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"field": "company.employes", "op": "gt", "value": 1}, "company.employees"),
        ({"field": "company.employees", "op": "betwen", "value": [1, 2]}, "between"),
        ({"field": "company.employees", "op": "between", "value": [2, 1]}, "[lowest, highest]"),
        ({"field": "company.employees", "op": "eq", "value": "many"}, "number"),
        ({"field": "company.employees", "op": "eq", "value": True}, "number"),
        ({"field": "job_title", "op": "gt", "value": 1}, "number field"),
        ({"field": "stage", "op": "in", "value": ["sqll"]}, "'sql'"),
        ({"field": "address.country", "op": "eq", "value": "Atlantis"}, "country"),
        ({"field": "nationality", "op": "eq", "value": "x"}, "sensitive"),
        ({"field": "job_title", "op": "eq", "valu": "x"}, "'value'"),
        ({"field": "job_title", "op": "missing", "value": "x"}, "no value"),
        ({"all": []}, "list of conditions"),
        ({}, "expected { field"),
        ("job_title", "expected { field"),
    ],
)
def test_a_mistake_is_told_with_what_was_expected(data, told):
    with pytest.raises(RuleFileError) as caught:
        parse(data)
    assert told in str(caught.value)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(RuleFileError) as caught:
        parse({"all": [{"field": "x", "op": "eq", "value": 1}, {"not": {"field": "stage", "op": "is", "value": "raw"}}]})
    assert [problem.key for problem in caught.value.problems] == ["when.all[1].field", "when.all[2].not.op"]


def test_sensitive_characteristics_are_no_fields_anyway():
    assert predicates.KNOWN.keys().isdisjoint(predicates._SENSITIVE)
